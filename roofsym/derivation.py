"""Derivations: steps that check themselves when they are made.

A derivation is built step by step; a step that does not follow raises `ProofError`, so that a
derivation that exists is one whose every step the program has re-checked.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import sympy
from sympy.logic.boolalg import Boolean

from roofsym import polynomial, units
from roofsym import symbols as sy
from roofsym.bounds import outward
from roofsym.closed_form import ClosedForm, closed_form, reached, written_out
from roofsym.conditions import cases, of_unknown, solve_condition
from roofsym.errors import InputError, ProofError
from roofsym.ledger import Ledger
from roofsym.limits import limit
from roofsym.solve import Branch, Crossover, verify
from roofsym.values import printed
from roofsym.verification import order_at

if TYPE_CHECKING:
    from roofsym.render.notation import Notation


@dataclass(frozen=True)
class Label:
    """A name on the left-hand side of a formula that is no symbol: ``B*``.

    Attributes
    ----------
    text, latex : str
        How it is printed; in LaTeX as upright text, if it has no other way to be written.
    unit : str
        Unit of what it names, for formulas in which numbers stand and no symbol says it.
    meaning : str
        What it names, for the table of symbols; empty if the sentence before the formula says it.
    """

    text: str
    latex: str = ""
    unit: str = "1"
    meaning: str = ""

    def __post_init__(self) -> None:
        if not self.latex:
            plain = self.text.replace("_", r"\_")
            object.__setattr__(self, "latex", rf"\text{{{plain}}}")


@dataclass(frozen=True)
class Formula:
    """A formula of a step: ``left = right``, or a condition alone.

    Attributes
    ----------
    left : Label, sympy.Expr or None
        The left-hand side; None for a condition.
    right : sympy.Expr or Boolean
        The right-hand side, or the condition.
    sign : str
        ``=``; for a limit ``→``, for an approximation ``≈``, for an inequality ``<``.
    number : sympy.Expr, optional
        The right-hand side as a number, where all symbols are known.
    unit : str
        Unit of the number, and of a left-hand side that is one.
    given : mapping of sympy.Symbol to sympy.Expr
        Values of the right-hand side's symbols, for the number to be shown with what made it.
    claim : str or sympy.Expr, optional
        What a source has in the place of the right-hand side; a number as the source prints it.
    claim_sign : str
        ``=``, ``≈`` or ``≠``: how it stands to the right-hand side.
    lead : str
        Words between the formula before and this one: ``which holds only while``.
    aside : str
        Words behind it: by how much a claim is too large.
    expanded : sympy.Expr, optional
        The right-hand side in dimensions, to be printed beside it.
    """

    left: Label | sympy.Expr | None
    right: sympy.Expr | Boolean
    sign: str = "="
    number: sympy.Expr | None = None
    unit: str = "1"
    given: Mapping[sympy.Symbol, sympy.Expr] = field(default_factory=dict)
    claim: str | sympy.Expr | None = None
    claim_sign: str = "="
    lead: str = ""
    aside: str = ""
    expanded: sympy.Expr | None = None


# Steps that say what a symbol on their left stands for; others are about what it stands for.
_NAMING = frozenset({"definition", "sum", "identity"})


@dataclass(frozen=True)
class Step:
    """One step: a sentence and the formulas it leads to.

    Attributes
    ----------
    kind : str
        ``definition``, ``sum``, ``identity``, ``substitution``, ``approximation``, ``equation``,
        ``solution``, ``condition``, ``elasticity``, ``inequality``, ``limit``, ``number``,
        ``reproduction``, ``refutation`` or ``remark``.
    text : str
        The sentence.
    formulas : tuple of Formula
        The formulas.
    """

    kind: str
    text: str
    formulas: tuple[Formula, ...] = ()


@dataclass(repr=False)
class Derivation:
    """Steps from the ledger to a result.

    Attributes
    ----------
    title : str
        What is derived.
    subject : str
        Model, machine and convention, for printing.
    values : mapping of sympy.Symbol to sympy.Expr
        What is known of the symbols.
    steps : list of Step
        The steps, each checked when it was added.
    definitions : dict of sympy.Symbol to sympy.Expr
        Named constants that the steps use, in dimensions.
    config_keys : mapping of str to (str or sympy.Expr)
        Where the model's config has its dimensions: see `Transformer`.
    unknown : sympy.Symbol, optional
        What is solved for, if anything is.
    spent : set of sympy.Symbol
        Symbols whose values are put in before anything is solved: the answer is of these values.
    """

    title: str
    subject: str
    values: Mapping[sympy.Symbol, sympy.Expr] = field(default_factory=dict)
    steps: list[Step] = field(default_factory=list)
    definitions: dict[sympy.Symbol, sympy.Expr] = field(default_factory=dict)
    config_keys: Mapping[str, str | sympy.Expr] = field(default_factory=dict)
    unknown: sympy.Symbol | None = None
    spent: set[sympy.Symbol] = field(default_factory=set)

    # --- steps -----------------------------------------------------------------------------

    def remark(self, text: str) -> None:
        """Add a sentence without a formula."""
        self.steps.append(Step("remark", text))

    def define(
        self, text: str, symbol: sympy.Symbol | Label, expr: sympy.Expr, unit: str = ""
    ) -> sympy.Expr:
        """Define a symbol of the table, or a label, by an expression of the same unit.

        A label has no unit of its own: `unit` says which the expression is to have.

        Raises
        ------
        InputError
            If the units differ.
        ProofError
            If the symbol stands for something else in an earlier step.
        """
        name = symbol.text if isinstance(symbol, Label) else symbol.name
        unit = unit if isinstance(symbol, Label) else sy.info(symbol).unit
        units.require(expr, unit, name)
        self._require_one_meaning(symbol, expr)
        self.steps.append(Step("definition", text, (self._formula(symbol, expr, unit),)))
        return expr

    def total(
        self, text: str, symbol: sympy.Expr | Label, ledger: Ledger, quantity: str,
        form_of: Callable[[Ledger, str], ClosedForm] = closed_form,
    ) -> ClosedForm:  # fmt: skip
        """Sum entries of a ledger into a closed form.

        Parameters
        ----------
        ledger : Ledger
            The entries.
        quantity : str
            Which of them: ``flops``, ``bytes`` or ``link_bytes``.
        form_of : callable
            Makes the closed form and proves it: by step (`closed_form`) or by degree
            (`roofsym.parallel.by_degree`).

        Raises
        ------
        ProofError
            If the closed form is not the sum, or `symbol` or a constant of the form stands for
            something else in an earlier step.
        """
        form = form_of(ledger, quantity)
        for constant, definition in form.definitions.items():
            self._require_one_meaning(constant, definition)
            self.definitions[constant] = definition
        _require_unit(symbol, form.expr)
        self._require_one_meaning(symbol, form.expr)
        self.steps.append(Step("sum", text, (Formula(symbol, form.expr),)))
        return form

    def identity(
        self, text: str, left: sympy.Expr, right: sympy.Expr,
        label: Label | sympy.Expr | None = None,
    ) -> sympy.Expr:  # fmt: skip
        """State that two expressions are equal for all values of their symbols; return the right.

        Parameters
        ----------
        left, right : sympy.Expr
            The two sides; named constants stand for their definitions.
        label : Label or sympy.Expr, optional
            Printed in the place of the left side, where that is long.

        Raises
        ------
        ProofError
            If they are not equal, or what is printed on the left is a symbol that stands for
            something else in an earlier step.
        """
        # What is equal for all values is of one unit, though a 1 may not show that it is a token.
        if not self._equal(left, right):
            units.same(left, right, "the identity")
            raise ProofError(f"{left} is not {right}: {text}")
        name = label or left
        _require_unit(name, left)
        # The left is equal to the right, and often what was said before, which needs no proof.
        self._require_one_meaning(name, left)
        self.steps.append(Step("identity", text, (_said(name, right, _unit_of(name, left)),)))
        return right

    def substitution(
        self, text: str, label: Label | sympy.Expr, expr: sympy.Expr,
        values: Mapping[sympy.Symbol, sympy.Expr], result: sympy.Expr | None = None,
    ) -> sympy.Expr:  # fmt: skip
        """Put expressions or numbers in the place of symbols; return what that gives.

        Parameters
        ----------
        label : Label or sympy.Expr
            The left-hand side.
        expr : sympy.Expr
            What the values are put into; named constants that the values hide in are expanded.
        values : mapping of sympy.Symbol to sympy.Expr
            The values.
        result : sympy.Expr, optional
            How the outcome is to be written; as it comes out if not given.

        Raises
        ------
        ProofError
            If `result` is not what comes out, or the expression has none of the symbols.
        InputError
            If a symbol and what is put in its place, or the left-hand side and the expression, are
            of two units.
        """
        hidden = {
            c: d for c, d in self.definitions.items()
            if expr.has(c) and c not in values and d.has(*values)
        }  # fmt: skip
        whole = expr.xreplace(hidden)
        found = whole.xreplace(dict(values))
        if result is not None and not self._equal(found, result):
            raise ProofError(f"{expr} does not become {result}, but {found}: {text}")
        if whole.free_symbols.isdisjoint(values):
            raise ProofError(f"{expr} has none of {', '.join(map(str, values))}: {text}")
        # A sum may have tokens that are numbers, and no unit of its own.
        for symbol, value in values.items():
            if isinstance(value, sympy.Expr) and not value.has(sympy.Add):
                _require_unit(symbol, value)
        shown = found if result is None else result
        _require_unit(label, expr)
        formula = _said(label, shown, _unit_of(label, expr))
        self.steps.append(Step("substitution", text, (formula,)))
        return shown

    def approximation(
        self, text: str, label: Label | sympy.Expr, expr: sympy.Expr, kept: sympy.Expr,
        variable: sympy.Symbol, towards: sympy.Expr,
    ) -> sympy.Expr:  # fmt: skip
        """Keep part of an expression; return the error of what is kept, relative to it.

        The error is ``expr / kept - 1``: positive where what is kept is too low.

        Parameters
        ----------
        kept : sympy.Expr
            What stands for `expr` from here on.
        variable : sympy.Symbol
            The symbol in whose limit the error vanishes.
        towards : sympy.Expr
            That limit: ``sympy.oo`` or ``0``.

        Raises
        ------
        ProofError
            If the error does not vanish in that limit.
        """
        units.same(expr, kept, "the approximation")
        _require_unit(label, expr)
        error = sympy.factor(sympy.together(expr / kept - 1))
        forms = {c: d for c, d in self.definitions.items() if d.has(variable)}
        explicit = error.xreplace(forms)
        vanishes = limit(explicit, variable) if towards is sympy.oo else limit(
            sympy.together(explicit.xreplace({variable: 1 / variable})), variable
        )  # fmt: skip
        if vanishes != 0:
            raise ProofError(f"the error {error} tends to {vanishes}, not to 0: {text}")
        error = _positive_below(error, variable, towards)
        where = "grows" if towards is sympy.oo else "becomes small"
        text = f"{text}; the error, relative to what is kept, vanishes as "
        text += f"{sy.info(variable).text} {where}"
        relative = Label("error", r"\mathrm{error}")
        self.steps.append(
            Step("approximation", text, (Formula(label, kept, "≈"), Formula(relative, error)))
        )
        return error

    def _equal(self, left: sympy.Expr, right: sympy.Expr) -> bool:
        """Whether two expressions are equal, named constants standing for their definitions."""
        difference = left - right
        while not polynomial.is_zero(difference):
            # A constant may be made of others.
            before, difference = difference, difference.xreplace(self.definitions)
            if difference == before:
                return False
        return True

    def _require_one_meaning(self, name: Label | sympy.Expr, meaning: sympy.Expr) -> None:
        """Refuse a symbol for what is not equal to what it already stands for.

        The table of symbols has one row for it, and a reader takes it for one thing.

        Raises
        ------
        ProofError
            If it would stand for two things.
        """
        if not isinstance(name, sympy.Symbol):
            return
        stated = (f.right for s in self.steps if s.kind in _NAMING for f in s.formulas
                  if f.left == name)  # fmt: skip
        # The first step's is every step's, but a definition may have been given without one.
        told = {next(stated, meaning), self.definitions.get(name, meaning)} - {meaning}
        if not all(self._equal(other, meaning) for other in told):
            raise ProofError(f"{name} stands for two things in {self.title}")

    def equation(self, text: str, left: sympy.Expr, right: sympy.Expr) -> None:
        """Set two expressions of one unit equal.

        Raises
        ------
        InputError
            If the units differ.
        """
        units.same(left, right, "the equation")
        self.steps.append(Step("equation", text, (Formula(left, right),)))

    def solution(
        self, text: str, label: Label | sympy.Symbol, found: Crossover, branch: Branch,
        when: Boolean,
        lead: str = "which holds only while",
    ) -> None:  # fmt: skip
        """State a value of the unknown, with the condition under which it holds.

        An equation before it that says no less, ``T = max(…)``, is its step already: that one
        becomes the solution.

        Parameters
        ----------
        found : Crossover
            The solved equation.
        branch : Branch
            One of its branches.
        when : sympy Boolean
            The branch's condition, or one of its cases.
        lead : str
            What stands between the two.

        Raises
        ------
        ProofError
            If the value is no solution, or the condition is not the branch's.
        """
        verify(found, branch)
        if not isinstance(label, Label) and label != found.symbol:
            raise ProofError(f"{found} is solved for {found.symbol}, not for {label}")
        if when not in (branch.when, *cases(branch.when)):
            raise ProofError(f"{branch} under {when} is no solution of {found}")
        formulas = [_said(label, branch.value, sy.info(found.symbol).unit)]
        name = label.text if isinstance(label, Label) else sy.info(label).text
        if name == sy.info(found.symbol).text and self._is_said(found.symbol, branch.value):
            text = self.steps.pop().text
        if when != sympy.true:
            said = of_unknown(when, branch.value, found.symbol)
            formulas.append(Formula(None, said, lead=lead))
        self.steps.append(Step("solution", text, tuple(formulas)))

    def _is_said(self, symbol: sympy.Symbol, value: sympy.Expr) -> bool:
        """Whether the last step is the equation that a symbol is equal to a value."""
        if not self.steps or self.steps[-1].kind != "equation":
            return False
        (equation,) = self.steps[-1].formulas
        return (equation.left, equation.right) == (symbol, value)

    def root(
        self, text: str, label: Label, found: Crossover, branch: Branch, unit: str,
        closed: sympy.Expr | None = None,
    ) -> None:  # fmt: skip
        """State a root that is found numerically, with the bracket that is certain to hold it.

        Parameters
        ----------
        closed : sympy.Expr, optional
            Its closed form, where it has one.

        Raises
        ------
        ProofError
            If the two sides do not change places across the bracket, or the closed form has a value
            outside of it.
        """
        if branch.bracket is None:
            raise ProofError(f"{branch} has no bracket")
        # What is said is what is checked: the bracket as printed, rounded outward; but not as far
        # off as the next of thousands of steps.
        for digits in (10, 12, 15):
            low, high = outward(*branch.bracket, digits)
            before, after = (
                order_at(found.left, found.right, {found.symbol: x}) for x in (low, high)
            )
            if before != after:
                break
        else:
            raise ProofError(f"the sides do not cross within {branch.bracket}")
        shown = " and ".join(units.format_quantity(x, unit, digits) for x in (low, high))
        formula = Formula(label, branch.value, number=branch.value, unit=unit)
        if closed is not None:
            if not low < self.reduced(closed) < high:
                raise ProofError(f"{closed} is not between {shown}")
            formula = Formula(label, closed, "=", branch.value, unit, self._given(closed))
        self.steps.append(Step("number", f"{text}, between {shown}", (formula,)))

    def condition(
        self, text: str, condition: Boolean, symbol: sympy.Symbol, solved: Boolean,
        case: Boolean = sympy.true,
    ) -> None:  # fmt: skip
        """State what a condition says about one symbol, in a case.

        Raises
        ------
        ProofError
            If the condition does not say that there.
        """
        if (case, solved) not in solve_condition(condition, symbol):
            raise ProofError(f"{condition} does not say {solved} where {case}")
        formulas = [Formula(None, solved)]
        if case != sympy.true:
            formulas.append(Formula(None, case, lead="where"))
        self.steps.append(Step("condition", text, tuple(formulas)))

    def elasticity(
        self, text: str, label: Label, expr: sympy.Expr, symbol: sympy.Symbol, branch: Branch
    ) -> None:
        """State the relative change of an expression per relative change of a symbol.

        Parameters
        ----------
        expr : sympy.Expr
            What changes, in the regime of the branch.
        branch : Branch
            The elasticity, and when it holds.

        Raises
        ------
        ProofError
            If ``symbol * d expr / d symbol`` is not the elasticity times `expr`.
        """
        # A constant that changes itself stays one.
        others = {s: meaning for s, meaning in self.definitions.items() if s != symbol}
        whole, value = (written_out(x, others) for x in (expr, branch.value))
        change = symbol * sympy.diff(whole, symbol) - value * whole
        if not polynomial.is_zero(change):
            raise ProofError(f"the elasticity of {expr} in {symbol} is not {branch.value}")
        formulas = [Formula(label, branch.value)]
        if branch.when != sympy.true:
            formulas.append(Formula(None, branch.when, lead="where"))
        self.steps.append(Step("elasticity", text, tuple(formulas)))

    def limit(
        self, text: str, label: Label | sympy.Expr, expr: sympy.Expr, variable: sympy.Symbol,
        value: sympy.Expr,
    ) -> None:  # fmt: skip
        """State the limit of an expression as a variable grows.

        Raises
        ------
        ProofError
            If it is not the limit.
        """
        found = limit(expr, variable)
        if found != value and not polynomial.is_zero(found - value):
            raise ProofError(f"{expr} does not tend to {value} as {variable} grows")
        _require_unit(label, expr)
        formula = _said(label, value, _unit_of(label, expr), "→")
        self.steps.append(Step("limit", text, (formula,)))

    def number(
        self, text: str, label: Label | sympy.Expr, expr: sympy.Expr, value: sympy.Expr, unit: str
    ) -> None:
        """Put numbers into an expression.

        Raises
        ------
        ProofError
            If the expression does not have that value.
        """
        found = self._number(expr)
        if sympy.N(found - value, 30) != 0 and abs(sympy.N(found / value - 1, 30)) > 1e-20:
            raise ProofError(f"{expr} is {found}, not {value}")
        _require_unit(label, expr, unit)
        formula = Formula(label, expr, number=value, unit=unit, given=self._given(expr))
        self.steps.append(Step("number", text, (formula,)))

    def below(self, text: str, left: sympy.Expr, right: sympy.Expr, unit: str = "") -> None:
        """State that one expression is smaller than another of the same unit, or than a number.

        For the values known; where symbols are left, for all positive values of these.

        Parameters
        ----------
        left, right : sympy.Expr
            The two sides.
        unit : str
            Unit of both, where no symbol says it: of two numbers, or of a side whose counts carry
            FLOPs or tokens.

        Raises
        ------
        ProofError
            If it is not, or cannot be seen to be from the signs of the terms.
        InputError
            If a side is of another unit.

        Examples
        --------
        >>> from roofsym.symbols import B
        >>> d = Derivation("a fraction", "any batch")
        >>> d.below("It stays below its limit", B / (B + 1), sympy.Integer(1))
        >>> d.below("The other way round", sympy.Integer(1), B / (B + 1))
        Traceback (most recent call last):
        ...
        roofsym.errors.ProofError: 1 is not below B/(B + 1), which is larger by -1/(B + 1): ...
        """
        known = [x for x in (right, left) if not x.is_number]
        for side in known if unit else ():
            units.require(side, unit, "the inequality")
        if len(known) == 2:
            units.same(left, right, "the inequality")
        unit = unit or str(units.dimension(known[0] if known else right))
        slack = sympy.factor(sympy.cancel(self.evaluate(right) - self.evaluate(left)))
        if not slack.is_positive and not sympy.expand(slack).is_positive:
            raise ProofError(f"{left} is not below {right}, which is larger by {slack}: {text}")
        self.steps.append(Step("inequality", text, (self._formula(left, right, unit, "<"),)))

    def reproduced(
        self, text: str, claims: Iterable[tuple[Label | sympy.Expr, sympy.Expr, str]],
        unit: str = "1",
    ) -> None:  # fmt: skip
        """State that a source's numbers are right, to the digits that it prints.

        Parameters
        ----------
        claims : iterable of (Label or sympy.Expr, sympy.Expr, str)
            Left-hand side, expression, and the number as printed: see `roofsym.values.printed`.
        unit : str
            Unit of the numbers; a symbol on the left-hand side has its own.

        Raises
        ------
        ProofError
            If one of them is not what the expression rounds to.

        Examples
        --------
        >>> from roofsym import symbols as sy
        >>> d = Derivation("ridge point", "a machine", {sy.peak: 312, sy.bandwidth: 2})
        >>> d.reproduced("Printed", [(sy.ridge, sy.peak / sy.bandwidth, "156.0")], "FLOP/B")
        >>> print(d.steps[0].formulas[0].number)
        156
        """
        formulas = []
        for label, expr, claim in claims:
            found = self._number(expr)
            theirs, slack = printed(claim)
            if abs(found - theirs) > slack:
                raise ProofError(f"{text}: {label} is {sympy.N(found, 10)}, not {claim}")
            shown = expr if 0 < sympy.count_ops(expr) < 8 else found
            sign = "=" if found == theirs else "≈"
            own = _unit_of(label, unit=unit)
            formulas.append(Formula(label, shown, "=", found, own, claim=claim, claim_sign=sign))
        self.steps.append(Step("reproduction", text, tuple(formulas)))

    def refuted(
        self, text: str, label: Label | sympy.Expr, expr: sympy.Expr, claim: str | sympy.Expr,
        unit: str = "1", *, said: str = "",
    ) -> sympy.Expr:  # fmt: skip
        """State that a source is wrong; return the factor by which its claim is too large.

        Parameters
        ----------
        expr : sympy.Expr
            What is right.
        claim : str or sympy.Expr
            What the source has in its place: a number as printed, or a formula.
        unit : str
            Unit of the number; a symbol on the left-hand side has its own.
        said : str, optional
            What is said elsewhere to be right, as a number is printed: checked to its digits.

        Raises
        ------
        ProofError
            If the claim is right after all: a formula that is equal, a number that is rounded; or
            if what is said to be right is not.

        Examples
        --------
        >>> from roofsym.symbols import B, L, bytes_, kappa
        >>> d = Derivation("cache", "any model")
        >>> d.refuted("One of K and V", bytes_, B * kappa * L, B * kappa * L / 2)
        1/2
        """
        if isinstance(claim, str):
            found = self._number(expr)
            theirs, slack = printed(claim)
            right = abs(found - theirs) <= slack
        else:
            units.same(expr, claim, "the refutation")
            found, theirs, claim = expr, claim, _short(claim)
            right = self._equal(found, theirs) or not self._differ(found, theirs)
        if right:
            raise ProofError(f"{text}: {label} is {claim}")
        if said:
            ours, slack = printed(said)
            if abs(self._number(expr) - ours) > slack:
                raise ProofError(f"{text}: {label} is {sympy.N(found, 10)}, not {said}")
        ratios = (theirs / found, (theirs / found).xreplace(self.definitions))
        factor = min((sympy.factor(sympy.cancel(r)) for r in ratios), key=sympy.count_ops)
        number = found if found.is_number else None
        unit = "1" if number is None else _unit_of(label, unit=unit)
        aside, formulas = "", []
        if factor.is_number and factor.is_positive:
            side, times = ("large", factor) if factor > 1 else ("small", 1 / factor)
            aside = f"too {side} by a factor of {units.format_number(times)}"
        else:
            ratio = Label("claimed / true", r"\frac{\text{claimed}}{\text{true}}")
            formulas = [Formula(ratio, factor)]
        wrong = Formula(label, found, "=", number, unit, claim=claim, claim_sign="≠", aside=aside)
        self.steps.append(Step("refutation", text, (wrong, *formulas)))
        return factor

    def _differ(self, left: sympy.Expr, right: sympy.Expr) -> bool:
        """Whether two expressions have different values at one point: proof that they differ."""
        slack = (left - right).xreplace(self.definitions)
        symbols = sorted(slack.free_symbols, key=sy.rank)
        point = {s: sympy.Integer(sympy.prime(5 + i)) for i, s in enumerate(symbols)}
        return bool(abs(sympy.N(slack.xreplace(point), 30)) > sympy.Rational(1, 10**15))

    def _number(self, expr: sympy.Expr) -> sympy.Expr:
        found = self.reduced(expr)
        if not found.is_number:
            raise ProofError(f"{expr} has no number: {found}")
        return found

    @property
    def mentioned(self) -> set[sympy.Symbol]:
        """Symbols that the formulas of the steps are made of.

        A symbol that is only what a formula is called, such as intensity before its limit, is none.
        """
        formulas = [(step.kind, f) for step in self.steps for f in step.formulas]
        sides = [f.right for _, f in formulas]
        sides += [
            f.left for kind, f in formulas
            if isinstance(f.left, sympy.Basic) and (kind == "equation" or not f.left.is_Symbol)
        ]  # fmt: skip
        return set().union(*(s.free_symbols for s in sides))

    def parts(self, used: Iterable[sympy.Symbol]) -> dict[sympy.Symbol, sympy.Expr]:
        """Those of some letters that are no constants of any model, with what they stand for.

        Parts of constants, where the unknown hid in these, and sums that the question itself names:
        these as a step states them, in the constants of the formulas. So of letters in these.
        """
        stated = {f.left: f.right for s in self.steps if s.kind == "definition" for f in s.formulas}
        told = {
            s: stated.get(s, meaning)
            for s, meaning in self.definitions.items()
            if not _of_any_model(s, meaning)
        }
        needed = reached(used, lambda s: told[s].free_symbols if s in told else ())
        return {s: meaning for s, meaning in told.items() if s in needed}

    def evaluate(self, expr: sympy.Expr) -> sympy.Expr:
        """Expression with definitions and known values put in."""
        form = ClosedForm(expr, self.definitions, self.values)
        return form.at_depth("numbers")

    def reduced(self, expr: sympy.Expr) -> sympy.Expr:
        """`evaluate`; what has no value may cancel out: the batch, of a quotient of FLOPs."""
        found = self.evaluate(expr)
        return found if found.is_number else sympy.cancel(found)

    def _formula(
        self, left: Label | sympy.Expr, right: sympy.Expr, unit: str, sign: str = "="
    ) -> Formula:
        value = self.evaluate(right)
        if not value.is_number:
            return Formula(left, right, sign)
        return Formula(left, right, sign, value, unit, self._given(right))

    def _given(self, expr: sympy.Expr) -> dict[sympy.Symbol, sympy.Expr]:
        return {s: self.evaluate(s) for s in expr.free_symbols}

    # --- printing --------------------------------------------------------------------------

    def text(self, notation: str | Notation = "roofsym", depth: str = "numbers") -> str:
        """Derivation in plain text.

        Parameters
        ----------
        notation : str or Notation
            Letters and parameters of the formulas.
        depth : str
            ``constants``: named constants only; ``dimensions``: formulas in these, too, and what
            the constants stand for; ``numbers``: with values in the place of the symbols.

        Raises
        ------
        InputError
            If there is no such notation or depth.
        """
        return self._document("text", notation, depth)

    def markdown(self, notation: str | Notation = "roofsym", depth: str = "numbers") -> str:
        """Derivation in Markdown with LaTeX formulas, as GitHub renders it."""
        return self._document("markdown", notation, depth)

    def latex(self, notation: str | Notation = "roofsym", depth: str = "numbers") -> str:
        """Derivation as a LaTeX document that compiles as it is."""
        return self._document("latex", notation, depth)

    def html(self, notation: str | Notation = "roofsym", depth: str = "numbers") -> str:
        """Derivation as an HTML page with MathML."""
        return self._document("html", notation, depth)

    def fragment(
        self, environment: str = "equation", label: str = "",
        notation: str | Notation = "roofsym", depth: str = "constants",
    ) -> str:  # fmt: skip
        r"""LaTeX to be pasted into a document of one's own, which loads ``amsmath``.

        Parameters
        ----------
        environment : str
            ``equation``: the result alone; ``align``: the formulas of all steps, in which the
            result has the number; ``inline``: the result between dollar signs.
        label : str
            What ``\eqref`` finds the result by; without one nothing is numbered. In an ``align`` of
            a result that is one formula here and another there, each has a number of its own,
            ``label-a``, ``label-b``, ..., and `label` is that of all.
        notation : str or Notation
            Letters and parameters of the formulas.
        depth : str
            ``constants``, and below what letters stand for that are none of any model, except
            ``inline``; ``dimensions``: with what all of these stand for, below; ``numbers``: with
            the values put in and what they give. Lines that are wider than an A4 page are broken.

        Raises
        ------
        InputError
            If there is no such environment, notation or depth, or the label would break LaTeX.

        Examples
        --------
        >>> import roofsym as rs
        >>> limit = rs.results.limit_intensity(rs.decode(rs.Transformer()))
        >>> print(limit.derivation.fragment(label="eq:limit"))
        \begin{equation}
        I_{\infty} = \frac{\varphi + \alpha \, L}{\kappa \, L + a} \label{eq:limit}
        \end{equation}
        """
        from roofsym.render import fragments

        return fragments.derivation(self, environment, label, notation, depth)

    def view(self, depth: str = "constants", notation: str | Notation = "roofsym") -> View:
        """Derivation at a depth and in a notation, to be shown by a notebook.

        Parameters
        ----------
        depth : str
            ``constants``, ``dimensions`` or ``numbers``: see `Derivation.text`.
        notation : str or Notation
            Letters and parameters of the formulas.

        Returns
        -------
        View
            As text it is `Derivation.text`; a notebook sets it as formulas.

        Examples
        --------
        >>> import roofsym as rs
        >>> found = rs.results.ridge_point(rs.machine("h100-sxm"))
        >>> print(str(found.derivation.view()).splitlines()[-1])
          I*  FLOP/B  ridge point
        """
        return View(self, depth, notation)

    def _document(self, form: str, notation: str | Notation, depth: str) -> str:
        # Rendering knows derivations, not the other way round; looked up when something is printed.
        from roofsym.render import document

        return document.render([self], form, notation, depth)

    def _repr_latex_(self) -> str:
        return self.fragment("inline").replace("$", r"$\displaystyle ", 1)

    def _repr_html_(self) -> str:
        return self.view("numbers")._repr_html_()

    def __str__(self) -> str:
        return self.text()

    def __repr__(self) -> str:
        return f"<Derivation {self.title!r}: {len(self.steps)} steps>"


def _require_unit(left: Label | sympy.Expr, right: sympy.Expr, unit: str = "") -> None:
    """Refuse what is said to be a symbol, or another expression, and is of another unit.

    Counts may be of any: of 4 B S d, the 4 may be bytes that are known.

    Raises
    ------
    InputError
        If it is.
    """
    if isinstance(left, Label) or not left.free_symbols:
        return
    if unit:
        units.require(left, unit, "the number")
    if not units.is_count(right):
        units.same(left, right, f"what {left} is said to be")


def _positive_below(
    quotient: sympy.Expr, variable: sympy.Symbol, towards: sympy.Expr
) -> sympy.Expr:
    """A quotient with the signs under its bar such that there is no minus near a limit.

    Examples
    --------
    >>> from roofsym.symbols import B, L
    >>> _positive_below(-B / (B - L), L, sympy.oo), _positive_below(-B / (B - L), L, sympy.S.Zero)
    (B/(-B + L), -B/(B - L))
    """
    factors = []
    for factor in sympy.Mul.make_args(quotient):
        base, exponent = factor.as_base_exp()
        if base.is_Add and exponent.is_Integer and exponent < 0:
            powers = sympy.collect(sympy.expand(base), variable, evaluate=False)
            pick = max if towards is sympy.oo else min
            lead = powers[pick(powers, key=lambda x: 0 if x == 1 else x.as_base_exp()[1])]
            if lead.could_extract_minus_sign():
                factors += [(-1) ** exponent, (-base) ** exponent]
                continue
        factors.append(factor)
    return sympy.Mul(*factors)


@dataclass(frozen=True)
class View:
    """A derivation at one depth and in one notation: what `Derivation.view` returns.

    Attributes
    ----------
    derivation : Derivation
        The derivation.
    depth : str
        How far the named constants are explained.
    notation : str or Notation
        Letters and parameters of the formulas.
    """

    derivation: Derivation
    depth: str
    notation: str | Notation

    def __str__(self) -> str:
        return self.derivation.text(self.notation, self.depth)

    def _repr_html_(self) -> str:
        from roofsym.render import document

        return document.body([self.derivation], self.notation, self.depth)


_COUNTED = {
    "sum": ("sum over the ledger", "sums over the ledger"),
    "identity": ("identity", "identities"),
    "substitution": ("substitution", "substitutions"),
    "approximation": ("approximation with its error", "approximations with their errors"),
    "limit": ("limit", "limits"),
    "inequality": ("inequality", "inequalities"),
    "solution": ("solution", "solutions"),
    "elasticity": ("elasticity", "elasticities"),
    "reproduction": ("number reproduced", "numbers reproduced"),
    "refutation": ("claim refuted", "claims refuted"),
}


def checked(derivations: Iterable[Derivation]) -> str:
    """What derivations prove, counted: each of it would have raised if it did not hold.

    Examples
    --------
    >>> import roofsym as rs
    >>> print(checked([rs.results.ridge_point(rs.machine("h100-sxm")).derivation]))
    Checked: 1 solution.
    """
    counts = dict.fromkeys(_COUNTED, 0)
    for step in (step for d in derivations for step in d.steps):
        if step.kind in counts:
            counts[step.kind] += len(step.formulas) if step.kind == "reproduction" else 1
    listed = (f"{n} {_COUNTED[kind][n > 1]}" for kind, n in counts.items() if n)
    return f"Checked: {', '.join(listed)}."


# A number of more digits, zeros at its end apart, is none that an author writes: 24, or 10⁹.
_WRITTEN = 3


def _unit_of(label: Label | sympy.Expr, whole: sympy.Expr = sympy.S.One, unit: str = "1") -> str:
    """Unit of a formula: as it is said, or that of its left-hand side, or of what is in its place.

    Examples
    --------
    >>> _unit_of(sy.time), _unit_of(Label("T"), sy.flops / sy.peak), _unit_of(Label("T", unit="s"))
    ('s', 's', 's')
    """
    known = whole if isinstance(label, Label) else label
    unit = label.unit if isinstance(label, Label) and unit == "1" else unit
    if unit != "1":
        return unit
    try:
        return str(units.dimension(known))
    except InputError:
        # Where values are in the place of some symbols, the units of others are those of no sum.
        return "1"


def _said(label: Label | sympy.Expr, right: sympy.Expr, unit: str, sign: str = "=") -> Formula:
    """A formula; with its unit where numbers stand in the place of what had it.

    Examples
    --------
    >>> third = sympy.Rational(1, 3)
    >>> [_said(sy.time, x, "s").unit for x in (sy.flops / sy.peak, third, 1024 * sy.B, 2 * sy.B)]
    ['1', 's', 's', '1']
    """
    if unit == "1" or right in (0, sympy.oo):
        return Formula(label, right, sign)
    if right.is_number:
        return Formula(label, right, sign, right, unit)
    digits = (str(n).strip("-0") for x in right.atoms(sympy.Rational) for n in (x.p, x.q))
    hidden = max(map(len, digits), default=0) > _WRITTEN and _unit_of(right) != unit
    return Formula(label, right, sign, unit=unit if hidden else "1")


_OF_MODELS = frozenset({"dimension", "precision", "convention"})


def _of_any_model(symbol: sympy.Symbol, meaning: sympy.Expr) -> bool:
    """Whether a letter is one of the constants that a table of symbols explains: w, φ, κ."""
    inside = {sy.info(x).role for x in meaning.free_symbols}
    return sy.info(symbol).role == "constant" and inside <= _OF_MODELS


def _short(expr: sympy.Expr) -> sympy.Expr:
    """An expression as it is, but a long fraction as a decimal: for printing only."""
    long = expr.is_Rational and expr.q != 1 and max(expr.p, expr.q) >= 100
    return sympy.Float(expr, 15) if long else expr
