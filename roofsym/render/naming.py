"""Parts that get a letter of their own so that a formula fits on a line, as an author would do.

``Y = φ + α L − I* (κ L + a)`` is written once, below the first formula that has it several times;
so is ``z = I* w / Y`` where the fraction would stand in an exponent inside of two others. What a
formula before says to be F or Q has that letter.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Iterator, Mapping

import sympy
from sympy.logic.boolalg import Boolean

from roofsym import polynomial
from roofsym import symbols as sy
from roofsym.derivation import Formula, Label
from roofsym.errors import ProofError
from roofsym.render.expression import BROKEN_ROOT, each_side, render
from roofsym.render.measure import LINE, nesting, width
from roofsym.render.notation import Notation
from roofsym.render.shape import arranged

TEXT = 100
"""Longest formula on a line of plain text."""

LEFT = 20
"""What a left-hand side may take of a line for the rest to stand beside it."""

NESTED = 2
"""How many fractions may stand one in another."""

_LETTERS = tuple(f"{x}{i}" for i in ("", "_1", "_2") for x in "YZUVJ")
# Of an exponent.
_SMALL = tuple(f"{x}{i}" for i in ("", "_1", "_2") for x in "zuy")
# What is shorter is as easily written as named; of what is longer than a share of the formula,
# rather a part is named.
_REPEATED, _ALONE, _SHARE = 7, 12, 0.7


class Names:
    """Letters of the parts of formulas of one derivation.

    Parameters
    ----------
    letters : Notation
        How the formulas are printed.
    taken : set of str
        What stands for something else, as plain text: no new letter.
    digits : int, optional
        Significant digits of numbers in the formulas; exact if not given.
    """

    def __init__(self, letters: Notation, taken: set[str], digits: int | None = None) -> None:
        self._notation, self.digits = letters, digits
        self._known: dict[sympy.Expr, sympy.Symbol] = {}
        self._left: set[sympy.Symbol] = set()
        self._written: dict[tuple[sympy.Basic, str], str] = {}
        self._free = [x for x in (*_LETTERS, *_SMALL) if x not in taken]

    def in_numbers(self, digits: int) -> Names:
        """Letters for formulas with so many digits: what has one in symbols has another value."""
        used = {x for x in (*_LETTERS, *_SMALL) if x not in self._free}
        return Names(self._notation, used, digits)

    def shortened(self, formula: Formula) -> list[Formula]:
        """A formula that fits on a line, and after it what letters stand for that are new in it.

        As it is if it fits already, or no sum in it is worth a letter.

        Raises
        ------
        ProofError
            If what is printed is not the formula.

        Examples
        --------
        >>> from roofsym.render.notation import DEFAULT
        >>> from roofsym.symbols import B, L, a, alpha, kappa, phi, ridge, w, w_x
        >>> per_token = phi + alpha * L - ridge * (kappa * L + a)
        >>> powers = w + w_x / per_token + a / per_token**2 + B / per_token**3
        >>> long = Formula(Label("x", "x"), powers)
        >>> for short in Names(DEFAULT, set()).shortened(long):
        ...     print(short.right)
        B/part_Y**3 + a/part_Y**2 + w + w_x/part_Y
        L*alpha + phi - ridge*(L*kappa + a)
        """
        found = [formula] if self._fits(formula) else self._in_letters(formula)
        self._remember(formula)
        return found

    @property
    def letters(self) -> Notation:
        """How formulas are printed that have been shortened."""
        parts = {letter: part for part, letter in self._known.items() if is_part(letter)}
        return self._notation.with_parts(parts)

    def _in_letters(self, formula: Formula) -> list[Formula]:
        known = self._known_in(formula)
        short = self._until(self._fits_a_line, self._sum, formula, known)
        short = self._needed(short, self._fits_a_line, formula, known)
        if self._is_deep(short):
            short = self._until(self._fits, self._fraction, formula, known)
            short = self._needed(short, self._fits, formula, known, uses=1)
        used = set().union(*(x.free_symbols for x in _sides(short)))
        if used.isdisjoint(known.values()):
            return [formula]
        new = {x: letter for x, letter in known.items() if letter not in self._known.values()}
        short, new = self._in_order(short, new)
        printed = {self._notation.text(letter) for letter in new.values()}
        self._known |= new
        self._free = [x for x in self._free if x not in printed]
        first = "with"
        told = []
        for letter, part in {letter: part for part, letter in new.items()}.items():
            told.append(Formula(letter, part, lead=first))
            first = ""
        return [short, *told]

    def _remember(self, formula: Formula) -> None:
        """A sum that a formula says a quantity to be, F or Q, has a letter already."""
        letter = formula.left
        if not isinstance(letter, sympy.Symbol) or sy.info(letter).role != "quantity":
            return
        if formula.sign == "<":
            return
        if letter in self._known.values():
            # It stands for two things.
            self._known = {x: s for x, s in self._known.items() if s != letter}
        elif letter not in self._left:
            self._known[_named(formula, self._known_in(formula)).right] = letter
        self._left.add(letter)

    def _known_in(self, formula: Formula) -> dict[sympy.Expr, sympy.Symbol]:
        """What letters stand for, but for those that a formula has itself."""
        own = set().union(*(x.free_symbols for x in _sides(formula)))
        return {x: s for x, s in self._known.items() if s not in own}

    def _needed(
        self,
        short: Formula,
        fits: Callable[[Formula], bool],
        formula: Formula,
        known: dict[sympy.Expr, sympy.Symbol],
        uses: float = math.inf,
    ) -> Formula:
        """A formula without the new letters without which it fits: the shortest ones first.

        Only of those with so many uses at most.
        """
        new = [(x, s) for x, s in known.items() if s not in self._known.values()]
        for _, letter in sorted(new, key=lambda pair: len(self._write(pair[0], "text"))):
            part = next(x for x, s in known.items() if s == letter)
            if sum(x.count(letter) for x in (*_sides(short), *known)) > uses:
                continue
            whole = {letter: part}
            fewer = {x.xreplace(whole): s for x, s in known.items() if x != part}
            fit = all(self._short(x, "Y_1 = ") for x in fewer)
            if fit and fits(other := _named(formula, fewer)):
                short = other
                known.clear()
                known.update(fewer)
        return short

    def _in_order(
        self, short: Formula, new: dict[sympy.Expr, sympy.Symbol]
    ) -> tuple[Formula, dict[sympy.Expr, sympy.Symbol]]:
        """New letters without a gap where one was found not to be needed."""
        renamed: dict[sympy.Symbol, sympy.Symbol] = {}
        for alphabet in (_LETTERS, _SMALL):
            used = [s for s in new.values() if sy.info(s).text in alphabet]
            free = [x for x in self._free if x in alphabet]
            renamed |= {s: _letter(x) for s, x in zip(used, free, strict=False)}

        def change(expr: sympy.Expr) -> sympy.Expr:
            return expr.xreplace(renamed)

        left = short.left
        left = each_side(left, change) if isinstance(left, sympy.Basic) else left
        short = dataclasses.replace(short, left=left, right=each_side(short.right, change))
        return short, {change(x): renamed[s] for x, s in new.items()}

    def _until(
        self,
        fits: Callable[[Formula], bool],
        choose: Callable[[Formula], sympy.Expr | None],
        formula: Formula,
        known: dict[sympy.Expr, sympy.Symbol],
    ) -> Formula:
        """A formula with parts named, each of them put among those known, until it fits."""
        short = _named(formula, known)
        while not fits(short) and (part := choose(short)) is not None:
            if (letter := self._letter(part, known)) is None:
                break
            known[part] = letter
            short = _named(formula, known)
        return short

    def _letter(
        self, part: sympy.Expr, known: Mapping[sympy.Expr, sympy.Symbol]
    ) -> sympy.Symbol | None:
        # Two sums of one value may be put together in two ways, and print alike.
        alike = (s for x, s in known.items() if self._write(x, "text") == self._write(part, "text"))
        if (letter := next(alike, None)) is not None:
            return letter
        taken = {self._notation.text(x) for x in known.values()}
        small = not part.is_Add and not isinstance(part, sympy.Min | sympy.Max)
        free = (x for x in self._free if x not in taken and (x in _SMALL) == small)
        return next((_letter(x) for x in free), None)

    # --- what fits ---------------------------------------------------------------------------

    def _fits(self, formula: Formula) -> bool:
        """Whether a formula needs no letters: for its length, or for fractions in fractions."""
        return self._fits_a_line(formula) and not self._is_deep(formula)

    def _is_deep(self, formula: Formula) -> bool:
        whole = _relations(formula.right) if formula.left is None else _sides(formula)
        return any(nesting(self._write(x, "latex")) > NESTED for x in whole)

    def _fits_a_line(self, formula: Formula) -> bool:
        if formula.left is None:
            return all(self._short(x) for x in _relations(formula.right))
        left = formula.left
        if isinstance(left, Label):
            text, latex = self._notation.label(left.text, left.latex)
        else:
            text, latex = (self._write(left, form) for form in ("text", "latex"))
            if len(text) > LEFT:
                # Plain text goes on below the left-hand side of such an equation.
                return len(text) <= TEXT and self._short(formula.right, " = ", f"{latex} = ")
        return self._short(formula.right, f"{text} = ", f"{latex} = ")

    def _short(self, expr: sympy.Basic, text: str = "", latex: str = "") -> bool:
        if len(text) + len(self._write(expr, "text")) > TEXT:
            return False
        written = self._write(expr, "latex")
        return width((latex or text) + written) <= LINE and BROKEN_ROOT not in written

    def _write(self, expr: sympy.Basic, form: str) -> str:
        # The same sums are measured again and again on the way to what fits.
        if (expr, form) not in self._written:
            self._written[expr, form] = render(expr, form, self._notation, self.digits)
        return self._written[expr, form]

    # --- which parts -------------------------------------------------------------------------

    def _sum(self, formula: Formula) -> sympy.Expr | None:
        """The sum that saves most: one that comes again, else the longest that is but a part.

        So does a maximum m of ``m (m + 1)``.
        """
        parts = [x for side in _sides(formula) for x in sympy.preorder_traversal(side)]
        sums = [x for x in parts if x.is_Add]
        extrema = [x for x in parts if isinstance(x, sympy.Min | sympy.Max)]
        squared = [
            x for x in extrema
            if any(y.is_Mul and x in y.args and any(x in z.args for z in y.args) for y in parts)
        ]  # fmt: skip
        written = [self._write(x, "text") for x in _sides(formula)]
        longest = max(map(len, written), default=0)
        best, most = None, (False, False, 0, 0)
        for part in dict.fromkeys([*squared, *sums]):
            text = self._write(part, "text")
            times = sum(_holds(x, part) != 0 for x in sums) if part.is_Add else extrema.count(part)
            if len(text) < (_REPEATED if times > 1 else _ALONE) or not self._short(part, "Y_1 = "):
                continue
            # Of two alike, the one that is read first.
            place = -"".join(written).find(text)
            saved = (times > 1, len(text) <= _SHARE * longest, len(text) * max(times - 1, 1), place)
            if best is None or saved > most:
                best, most = part, saved
        return best

    def _fraction(self, formula: Formula) -> sympy.Expr | None:
        """An exponent that is a fraction."""
        parts = [x for side in _sides(formula) for x in sympy.preorder_traversal(side)]
        for part in [x.exp for x in parts if x.is_Pow and not x.exp.is_Rational]:
            if 0 < nesting(self._write(part, "latex")) <= NESTED and self._short(part, "Y_1 = "):
                return part
        return None


def _letter(text: str) -> sympy.Symbol:
    base, _, index = text.partition("_")
    latex = f"{base}_{{{index}}}" if index else base
    return sy.extra(
        f"part_{text}", "1", "what is written once", text=text, latex=latex, positive=False,
        role="part",
    )  # fmt: skip


def is_part(symbol: sympy.Basic) -> bool:
    """Whether a symbol is a letter of a part, which a formula explains.

    Examples
    --------
    >>> is_part(_letter("Y")), is_part(sy.B)
    (True, False)
    """
    return bool(symbol.is_Symbol and sy.info(symbol).role == "part")


def _named(formula: Formula, known: Mapping[sympy.Expr, sympy.Symbol]) -> Formula:
    """A formula with letters in the place of parts, proved to be the same."""

    def change(expr: sympy.Expr) -> sympy.Expr:
        found = arranged(expr)
        for part, letter in known.items():
            found = _replaced(found, part, letter)
        if found.free_symbols.isdisjoint(known.values()):
            return found
        back = found
        for part, letter in reversed(list(known.items())):
            back = _replaced(back, letter, part)
        if back != expr and not _equal(back, expr):
            raise ProofError(f"{found} is not {expr}")
        return found

    left = formula.left
    left = each_side(left, change) if isinstance(left, sympy.Basic) else left
    right, given = each_side(formula.right, change), dict(formula.given)
    for part, letter in known.items() if given else ():
        # Parts are written out where numbers are put in; F and Q have a value of their own.
        if not is_part(letter) and part.free_symbols <= given.keys():
            given[letter] = part.xreplace(given)
    return dataclasses.replace(formula, left=left, right=right, given=given)


def _equal(one: sympy.Expr, other: sympy.Expr) -> bool:
    if polynomial.is_zero(arranged(one) - arranged(other)):
        return True
    # A root is a letter to a polynomial: the same one if what is under it is, multiplied out.
    if polynomial.is_zero(_multiplied_out(one) - _multiplied_out(other)):
        return True
    return _equal_at_root(one, other)


def _equal_at_root(one: sympy.Expr, other: sympy.Expr) -> bool:
    """Whether two expressions ``m + n √D`` are the same: of ``q²`` under a root, q may be outside.

    Examples
    --------
    >>> from roofsym.symbols import B, L
    >>> inside, outside = sympy.sqrt(B**2 * L + B), B * sympy.sqrt(L + 1 / B)
    >>> _equal_at_root(L + inside, L + outside), _equal_at_root(L + inside, L - outside)
    (True, False)
    """
    first, second = polynomial.at_root(one), polynomial.at_root(other)
    if first is None or second is None:
        return False
    (m, n, inner), (other_m, other_n, other_inner) = first, second
    same = polynomial.is_zero(m - other_m)
    same = same and polynomial.is_zero(n**2 * inner - other_n**2 * other_inner)
    return same and polynomial.sign(sympy.cancel(n / other_n)) == 1


def _multiplied_out(expr: sympy.Expr) -> sympy.Expr:
    def is_root(x: sympy.Basic) -> bool:
        return bool(x.is_Pow and x.base.is_Add and x.exp.is_Rational and not x.exp.is_Integer)

    return expr.replace(is_root, lambda x: sympy.expand(x.base) ** x.exp)


def _sides(formula: Formula) -> Iterator[sympy.Expr]:
    """The expressions of a formula: of a condition those of its relations."""
    for side in (formula.left, formula.right):
        if isinstance(side, Boolean) and not side.is_Symbol:
            for relation in _relations(side):
                yield from relation.args
        elif isinstance(side, sympy.Expr):
            yield side


def _relations(condition: sympy.Basic) -> list[sympy.Basic]:
    if isinstance(condition, sympy.And | sympy.Or):
        return [x for part in condition.args for x in _relations(part)]
    return [condition]


def _holds(total: sympy.Expr, part: sympy.Expr) -> int:
    """1 or −1 if a sum has all the terms of another, or all with the other sign; else 0."""
    if len(total.args) < len(part.args):
        return 0
    terms = set(total.args)
    if terms.issuperset(part.args):
        return 1
    return -1 if terms.issuperset(-x for x in part.args) else 0


def _replaced(expr: sympy.Expr, part: sympy.Expr, letter: sympy.Expr) -> sympy.Expr:
    if not part.is_Add and expr in (part, -part):
        return letter if expr == part else -letter
    if not expr.args:
        return expr
    if expr.is_Mul and part.is_Mul and set(expr.args).issuperset(part.args):
        rest = [_replaced(x, part, letter) for x in expr.args if x not in part.args]
        return sympy.Mul(letter, *rest)
    if expr.is_Add and part.is_Add and (sign := _holds(expr, part)):
        rest = [x for x in expr.args if sign * x not in part.args]
        return sympy.Add(sign * letter, *(_replaced(x, part, letter) for x in rest))
    args = tuple(_replaced(x, part, letter) for x in expr.args)
    if args == expr.args:
        return expr
    # Evaluated, a maximum asks at length which of its arguments could be dropped: none could.
    extremum = isinstance(expr, sympy.Min | sympy.Max)
    return expr.func(*args, evaluate=False) if extremum else expr.func(*args)
