"""What a named result is: a question, two sides over the ledger, and an answer for any symbol.

A result sums the two sides of an equation from the ledger; `Inquiry.answer` does the rest for all
of them: it writes out the constants in which the unknown hides, solves, derives and verifies.
"""

from __future__ import annotations

import dataclasses
import functools
import itertools
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from typing import TypeAlias

import sympy
from sympy.logic.boolalg import Boolean

from roofsym import polynomial, units
from roofsym import symbols as sy
from roofsym.closed_form import made_of, reached, written_out
from roofsym.conditions import cases, solve_condition
from roofsym.derivation import Derivation, Label
from roofsym.errors import InputError, ProofError
from roofsym.hardware import Machine
from roofsym.ledger import Ledger
from roofsym.nearest import are_equal, closest
from roofsym.solve import Branch, Crossover, crossover, jointly, only_in_share
from roofsym.values import put
from roofsym.verification import holds, order_at

STEP, MACHINE = "a step", "a machine"
# What a time that is asked for is, below and above the time that is needed.
MISSED, MET = "the target is missed", "the target is met"
Unknown: TypeAlias = "sympy.Symbol | str | None"


@dataclass(frozen=True, kw_only=True)
class Question:
    """What a result asks, in words: one place for everything that is printed about it.

    Attributes
    ----------
    name : str
        Name on the command line.
    title : str
        What is found.
    label : Label
        Left-hand side of the solution.
    phases : tuple of str
        Phases of the step that it can be asked of; the first one if the ledger is of none. Of a
        comparison of two phases, both.
    needs : tuple of str
        Whether it takes `STEP`, `MACHINE` or both.
    left, right : str
        What the two sides are.
    below, above : str
        What it means that the left side is the smaller or the larger one, where that says more
        than the sides' names: ``it fits``.
    symbol : sympy.Symbol
        The unknown, unless another symbol is asked for.
    natural : sympy.Symbol, optional
        The symbol for which conditions are solved.
    first : str
        What the first whole number beyond a crossing is: ``first compute-bound batch``.
    last : str
        What the last whole number before a crossing is, where that is what one asks for.
    defaults : mapping of str to int
        Values that it assumes where the step has none.
    typical : mapping of str to int
        Values under which a report answers it, where a model and a machine leave it open.
    example : str
        A model of the catalogue that it can be asked of, where not any model will do.
    reading : callable, optional
        What a value says, in words.
    relative : bool
        Whether the answer is relative to the symbol asked for, which keeps its value, rather than
        solved for it.
    """

    name: str
    title: str
    label: Label
    left: str
    right: str
    symbol: sympy.Symbol
    phases: tuple[str, ...] = ("decode",)
    needs: tuple[str, ...] = (STEP, MACHINE)
    below: str = ""
    above: str = ""
    natural: sympy.Symbol | None = None
    first: str = ""
    last: str = ""
    defaults: Mapping[str, object] = field(default_factory=dict, hash=False)
    typical: Mapping[str, object] = field(default_factory=dict, hash=False)
    example: str = ""
    reading: Callable[[sympy.Expr], str] | None = None
    relative: bool = False

    def __post_init__(self) -> None:
        unit = "1" if self.relative else sy.info(self.symbol).unit
        named = dataclasses.replace(self.label, unit=unit, meaning=self.title)
        object.__setattr__(self, "label", named)

    @property
    def phase(self) -> str:
        """The phase it is asked of by default; empty if it is about no step."""
        return self.phases[0] if self.phases else ""

    def step(self, ledger: Ledger) -> Ledger:
        """The step of a phase that it is about, from that step or the general one.

        Raises
        ------
        InputError
            If the ledger is of another phase: an answer about decode, say, is none about prefill.

        Examples
        --------
        >>> import roofsym as rs
        >>> question = rs.results.RESULTS["critical-batch"].question
        >>> question.step(rs.step(rs.Transformer())).phase
        'decode'
        """
        if not self.phases or ledger.phase in self.phases:
            return ledger
        if ledger.phase != "step":
            accepted = f"{' or '.join(self.phases)}, or a general step: {self.name} is about it"
            raise InputError("phase", ledger.phase, accepted)
        return ledger.in_phase(self.phase)


@dataclass(frozen=True)
class Premise:
    """What must hold for an equation to be asked: one expression is less than another.

    Attributes
    ----------
    less, more : sympy.Expr
        The two, of one unit.
    otherwise : str
        Why there is no answer where it does not; ``{share}`` says how much of `less` the other is
        ("0.5 times"), ``{excess}`` how much of `more`.
    """

    less: sympy.Expr
    more: sympy.Expr
    otherwise: str

    def refusal(self, d: Derivation) -> str:
        """Why there is no answer, with the numbers that are known."""
        less, more = d.reduced(self.less), d.reduced(self.more)
        share, excess = (
            f"{units.format_number(x / y)} times" if y != 0 and (x / y).is_number else unknown
            for x, y, unknown in ((more, less, "less than"), (less, more, "more than"))
        )
        return self.otherwise.format(share=share, excess=excess)


@dataclass(frozen=True, repr=False)
class Result:
    """Where two quantities of a step meet: the value, its condition and its derivation.

    Printed it is the answer on a few lines, as ``roofsym solve`` prints it.

    Attributes
    ----------
    question : Question
        What was asked.
    general : Crossover
        The answer in named constants, whatever the model.
    derivation : Derivation
        How it follows from the ledger, each step re-checked.
    solved : Crossover, optional
        The answer with everything put in that is known, where it has been found already.
    premise : Premise, optional
        What holds wherever the equation is asked (see `Crossover.given`).

    Examples
    --------
    >>> import roofsym as rs
    >>> step = rs.decode(rs.Transformer(), convention="weights-only").at(b_w=2)
    >>> batch = rs.results.critical_batch(step, rs.Machine(peak=312e12, bandwidth=2e12))
    >>> print(batch)
    critical batch of decode: transformer on machine, counted as weights-only
      B* = I* w / φ
      B* = 156 (first compute-bound batch: 156)
    >>> batch
    <Result critical-batch: B* = 156, crosses>
    """

    question: Question
    general: Crossover
    derivation: Derivation
    solved: Crossover | None = None
    premise: Premise | None = None

    @functools.cached_property
    def bound(self) -> Crossover:
        """The answer with everything put in that is known: of it are `value`, `when`, `outcome`.

        Named constants of which nothing is known keep their names.
        """
        if self.solved is not None or not _known(self):
            return self.solved or self.general
        x, d = self.general, self.derivation
        given = set() if x.given is None else x.given.free_symbols
        free = (x.left - x.right).free_symbols | given
        if made_of(free & d.definitions.keys(), d.definitions).isdisjoint(d.values):
            told = {s: d.values[s] for s in free & d.values.keys()}
        else:
            told = {s: d.evaluate(s) for s in free}
        told.pop(x.symbol, None)
        # Lambert's W of what is still open says less than the name of what it is.
        told = {s: v for s, v in told.items() if v.is_number or not v.has(sympy.LambertW)}
        if x.outcome == "numeric":
            # Solved only once all else has numbers: what is open is told by name.
            told = {s: v for s, v in told.items() if v.is_number}
        told = {s: value for s, value in told.items() if s != value}
        return x.at(told) if told else x

    @property
    def symbol(self) -> sympy.Symbol:
        """The unknown."""
        return self.general.symbol

    @property
    def asked_otherwise(self) -> bool:
        """Whether another symbol was asked for than the question's own."""
        return bool(self.symbol != self.question.symbol)

    @property
    def label(self) -> Label:
        """Left-hand side of the solution."""
        if not self.asked_otherwise:
            return self.question.label
        row = sy.info(self.symbol)
        return Label(row.text, row.latex)

    @property
    def unit(self) -> str:
        """Unit of the value."""
        return sy.info(self.symbol).unit

    @property
    def value(self) -> sympy.Expr | None:
        """Value of the unknown at the crossing, with what is known put in; None if never."""
        return self.bound.value

    @property
    def when(self) -> Boolean:
        """Condition under which there is a crossing."""
        return self.bound.when

    @property
    def outcome(self) -> str:
        """``crosses``, ``conditional``, ``never``, ``always`` or ``numeric``."""
        return self.bound.outcome

    @functools.cached_property
    def _counted(self) -> tuple[Branch, ...]:
        """Crossings that whole numbers notice: not two between neighbours, which undo each other.

        Nothing is counted from less than 1.
        """
        groups = itertools.groupby(
            self.bound.branches, key=lambda b: max(sympy.ceiling(b.exact), sympy.S.One)
        )
        found = (tuple(group) for _, group in groups)
        return tuple(group[-1] for group in found if len(group) % 2)

    @property
    def whole(self) -> int | None:
        """The whole number that is asked for: first beyond the crossing, or last before it.

        Of another unknown than the question's own the first beyond. None if there is none, or what
        is asked for is not counted.
        """
        if self._asked is not None or not _is_counted(self.symbol):
            return self._asked
        x = self.bound
        if not x.branches or any(not b.value.is_number or b.when != sympy.true for b in x.branches):
            return None
        first = next(_spans(x), None)
        return None if first is None else int(first.first)

    @property
    def _asked(self) -> int | None:
        """The whole number that a question has words for."""
        q = self.question
        if self.value is None or not self.value.is_number or self.asked_otherwise:
            return None
        if not (q.first or q.last) or not self._counted:
            return None
        value, bracket = self._counted[0].value, self._counted[0].bracket
        if q.last:
            last = sympy.floor(value)
            # At a step, the other side holds already.
            return max(int(last) - (1 if bracket == (last, last) else 0), 0)
        return max(int(sympy.ceiling(value)), 1)

    @property
    def reading(self) -> str:
        """What the number says, in words; for a count, what it means for whole numbers."""
        q, value = self.question, self.value
        if self._asked is not None:
            first, *again = self._counted
            number = units.format_number
            passed = [b for b in self.bound.branches if b.value < first.value]
            before = f"and back at {number(passed[-1].value)}; " if passed else ""
            further = f", and the other way at {number(again[0].value)}" if again else ""
            if len(again) > 1:
                further += f" ({len(again)} times more, last at {number(again[-1].value)})"
            return f"{before}{q.first or q.last}: {self._asked}{further}"
        if value is None or not value.is_number:
            return ""
        if q.reading is not None and not self.asked_otherwise:
            return q.reading(value)
        # Under conditions they are answers of different regimes, not crossings one after another.
        if any(b.when != sympy.true for b in self.bound.branches[1:]):
            return ""
        says = {
            order: means or f"{q.left} is {side} {q.right}"
            for order, side, means in ((-1, "below", q.below), (1, "above", q.above))
        }
        equal = f"{q.left} is the same as {q.right}"
        return _beyond(self.bound, self.unit, {**says, 0: equal})

    def only_while(self) -> tuple[tuple[Boolean, Boolean], ...]:
        """The condition solved for the result's natural symbol: (case, what it says)."""
        if self.question.natural is None or self.asked_otherwise:
            return ()
        return solve_condition(self.when, self.question.natural)

    @property
    def reason(self) -> str:
        """Why the answer is what it is, in words and limits."""
        q, x = self.question, self.bound
        if x.outcome not in ("never", "always"):
            under = " only under a condition" if x.outcome == "conditional" else ""
            return f"{q.left} meets {q.right}{under}"
        if self.premise and x.given is not None and x.given.is_number and x.given <= 0:
            return self.premise.refusal(self.derivation)
        if are_equal(x):
            return f"{q.left} is the same as {q.right} whatever {sy.info(self.symbol).text} is"
        side, means = ("below", q.below) if x.outcome == "never" else ("above", q.above)
        means += "; " if means else ""
        for name, value in ((q.left, x.left), (q.right, x.right)):
            if value == 0:
                return f"{means}{name} is 0 whatever {sy.info(self.symbol).text} is"
        if x.right != 0 and (share := x.left / x.right).is_number:
            times = f"{units.format_number(share)} times {q.right}"
            return f"{means}{q.left} is {times} whatever {sy.info(self.symbol).text} is"
        nearest = closest(x)
        if nearest is None:
            return f"{means}{q.left} stays {side} {q.right}"
        ratio, place = nearest
        # The side that moves is described; the other one stands still.
        if x.left.has(x.symbol):
            moving, other, name = q.left, x.right, q.right
        else:
            moving, other, name, ratio = q.right, x.left, q.left, 1 / ratio
        reason = f"{moving} {self._comes_to(ratio, place, other, name)}"
        if other.is_number:
            reason += f", {name} is at {units.format_quantity(other, self._side_unit)}"
        return means + reason

    def _comes_to(self, ratio: sympy.Expr, place: sympy.Expr, other: sympy.Expr, name: str) -> str:
        """How close one side comes to the other, from their ratio at a place or in a limit."""
        unknown = sy.info(self.symbol).text
        if place.is_finite and place != 0:
            bound = "at most" if ratio < 1 else "at least"
            where = f"at {unknown} = {units.format_quantity(place, sy.info(self.symbol).unit)}"
        else:
            bound = ""
            where = f"as {unknown} {'grows' if place is sympy.oo else 'becomes small'}"
        value = ratio * other
        if ratio in (sympy.oo, sympy.zoo):
            how = f"outgrows {name}" if other.has(self.symbol) else "grows without bound"
        elif other.has(self.symbol) and ratio == 0:
            how = f"vanishes beside {name}"
        else:
            how = f"is {bound}" if bound else "tends to"
            if place == 0 and ratio != 1:
                # What is nearest there is farther off everywhere else.
                how = f"stays {'above' if ratio > 1 else 'below'}"
                where = f"however small {unknown} is"
            if value.is_number:
                how += f" {units.format_quantity(value, self._side_unit)}"
            else:
                how += f" {units.format_number(ratio)} times {name}"
        return f"{how} {where}"

    @property
    def _side_unit(self) -> str:
        return str(units.dimension(self.general.right))

    def __str__(self) -> str:
        # A summary knows results, not the other way round; looked up when something is printed.
        from roofsym import summary

        return summary.text(self).rstrip("\n")

    def __repr__(self) -> str:
        told = self.outcome
        if self.value is not None and self.value.is_number:
            told = f"{self.label.text} = {units.format_quantity(self.value, self.unit, 5)}, {told}"
        return f"<Result {self.question.name}: {told}>"

    def _repr_latex_(self) -> str:
        return self.derivation._repr_latex_()

    def _repr_html_(self) -> str:
        return self.derivation._repr_html_()


_DIGITS = 60
_COUNTED = frozenset(
    {sy.B, sy.S, sy.L, sy.gamma, sy.decode_batch, sy.decode_context, sy.t, sy.n_machines}
)


def _is_counted(symbol: sympy.Symbol) -> bool:
    return sy.info(symbol).role == "dimension" or symbol in _COUNTED


def _order(found: Crossover, at: sympy.Expr) -> int:
    """1, 0 or −1: whether the left side is larger, equal or smaller at a value of the unknown."""
    # What is open beside a number is divided out of both sides: the batch, of what it multiplies.
    open_ones = dict.fromkeys((found.left - found.right).free_symbols, sympy.S.One)
    return order_at(found.left, found.right, {**open_ones, found.symbol: at})


@dataclass(frozen=True)
class _Span:
    """From where to where the left side is the larger one (order 1), the smaller (−1) or equal.

    Without an end where nothing changes any more. Of an unknown that is counted, whole numbers.
    """

    order: int
    first: sympy.Expr
    last: sympy.Expr | None = None


def _spans(found: Crossover) -> Iterator[_Span]:
    """Where the order of the sides is another one than before the first crossing.

    Of an unknown that is counted, spans between two whole numbers are left out.
    """
    values = [b.exact for b in found.branches]
    near = sympy.Rational(1, 10**6)
    before = _order(found, values[0] * (1 - near))
    for start, end in itertools.zip_longest(values, values[1:]):
        order = _order(found, start * (1 + near) if end is None else (start + end) / 2)
        if order == before:
            continue
        if not _is_counted(found.symbol):
            yield _Span(order, start, end)
            continue
        # At a whole crossing itself the sides are equal, or at a step still as before.
        first = sympy.ceiling(start)
        first += float(first) == float(start) and _order(found, first) != order
        last = None if end is None else sympy.floor(end)
        if last is not None:
            last -= float(last) == float(end) and _order(found, last) != order
        if last is None or last >= first:
            yield _Span(order, first, last)


def _beyond(found: Crossover, unit: str, says: Mapping[int, str]) -> str:
    """What holds beyond the first crossing up to the next one, and so on; in whole numbers.

    Nothing of a single crossing of what is not counted: its sides are those of the equation.

    Parameters
    ----------
    unit : str
        Unit of the unknown.
    says : mapping of int to str
        What is said of numbers at which the left side is the larger one (1), the smaller (−1), or
        the sides are equal (0).

    Examples
    --------
    >>> says = {-1: "it is less", 0: "it is equal", 1: "it is more"}
    >>> for last in (6, sympy.Rational(9, 4), sympy.Rational(7, 4)):
    ...     first = sympy.Rational(5, 4)
    ...     found = crossover(sy.B**2 + first * last, (first + last) * sy.B, sy.B)
    ...     print(_beyond(found, "1", says))
    from 2 to 5 it is less
    at 2 it is less
    at no whole number it is less
    >>> _beyond(crossover(sympy.Max(sy.B, 7), sympy.Integer(7), sy.B), "1", says)
    'from 8 on it is more'
    """
    values = [b.exact for b in found.branches]
    counted = _is_counted(found.symbol)
    if not all(x.is_number for x in values) or not (counted or len(values) > 1):
        return ""
    where: dict[int, list[str]] = {}
    for span in _spans(found):
        ends = [x for x in (span.first, span.last) if x is not None]
        limits = " to ".join(str(x) if counted else units.format_quantity(x, unit, 5) for x in ends)
        on = " on" if span.last is None else ""
        alone = counted and span.first == span.last
        said = f"at {span.first}" if alone else f"from {limits}{on}"
        where.setdefault(span.order, []).append(said)
    told = (f"{' and '.join(spans)} {says[order]}" for order, spans in where.items())
    between = sum(values[:2]) / 2
    return ", ".join(told) or f"at no whole number {says[_order(found, between)]}"


def one_token(
    expr: sympy.Expr, given: Mapping[sympy.Symbol, sympy.Expr], batch: sympy.Symbol
) -> sympy.Expr:
    """A total with values that make it one new token per sequence.

    The 1 in the place of ``S``, a token of context in ``S (L + S)``, stays beside the context that
    it adds to: in a sum with FLOPs it would have lost its unit.
    """
    in_view = (sy.alpha, sy.alpha_w, sy.sigma, sy.sigma_w)
    found = put(expr, given)
    rest = found.xreplace({batch: sympy.S.Zero})
    return rest + batch * sympy.collect((found - rest) / batch, in_view)


@dataclass
class Inquiry:
    """One question on its way to an answer: the derivation grows as sides are summed.

    Attributes
    ----------
    question : Question
        What is asked.
    ledger : Ledger
        The step, in a phase that the question is about.
    machine : Machine
        The machine.
    symbol : sympy.Symbol
        The unknown.
    d : Derivation
        The steps so far.
    """

    question: Question
    ledger: Ledger
    machine: Machine
    symbol: sympy.Symbol
    d: Derivation

    @classmethod
    def of(
        cls,
        question: Question,
        ledger: Ledger | None = None,
        machine: Machine | None = None,
        symbol: Unknown = None,
    ) -> Inquiry:
        """Start on a question.

        Raises
        ------
        InputError
            If the unknown is already given a value, or the step is of a phase that it is not about.
        """
        step = Ledger(()) if ledger is None else question.step(ledger)
        open_ones = {
            k: v for k, v in question.defaults.items() if sy.TABLE[k].symbol not in step.values
        }
        step = step.at(**open_ones) if open_ones else step
        values = dict(step.values)
        parts = [step.model] if ledger is not None else []
        if machine is not None:
            parts.append(("on " if parts else "") + machine.label)
            values |= {s: v for s, v in machine.values.items() if s not in values}
        # A lone linear layer has no convention.
        subject = " ".join(parts) + (f", counted as {step.convention}" if step.convention else "")
        unknown = question.symbol
        if symbol is not None:
            unknown = sy.lookup(symbol) if isinstance(symbol, str) else symbol
            sy.info(unknown)
            # What is known of it otherwise is what one wants to see changed.
            values.pop(unknown, None)
        elif unknown in values:
            accepted = f"no value, since {question.title} is solved for it; or another unknown"
            raise InputError(unknown.name, values[unknown], accepted)
        # The ridge point is a symbol of its own in closed forms; its value is peak over bandwidth.
        if sy.ridge not in values and {sy.peak, sy.bandwidth} <= values.keys():
            values[sy.ridge] = values[sy.peak] / values[sy.bandwidth]
        step = dataclasses.replace(
            step, values={s: v for s, v in step.values.items() if s in values}
        )
        d = Derivation(
            question.title, subject, values, config_keys=step.config_keys, unknown=unknown
        )
        return cls(question, step, machine or Machine(), unknown, d)

    # --- the sides ---------------------------------------------------------------------------

    def total(
        self, text: str, symbol: sympy.Expr | Label, part: Ledger, quantity: str
    ) -> sympy.Expr:
        """Sum of a part of the ledger, in named constants."""
        return self.d.total(text, symbol, part, quantity).expr

    @property
    def _step(self) -> str:
        phase = self.ledger.phase
        return f"one {phase} step" if phase in ("decode", "verify") else phase

    def work(self) -> sympy.Expr:
        """FLOPs of the step."""
        return self.total(
            f"FLOPs of {self._step}, summed over the ledger", sy.flops, self.ledger, "flops"
        )

    def moved(self) -> sympy.Expr:
        """Bytes of the step.

        Raises
        ------
        InputError
            If the convention counts none.
        """
        expr = self.total(
            f"Bytes of {self._step}, summed over the ledger", sy.bytes_, self.ledger, "bytes"
        )
        if expr == 0:
            raise InputError("convention", self.ledger.convention, "one that counts bytes")
        return expr

    def define_ridge(self) -> None:
        """State what the ridge point is."""
        self.d.define("The ridge point of the machine", sy.ridge, sy.peak / sy.bandwidth)

    def time_of(self, work: sympy.Expr, moved: sympy.Expr) -> sympy.Expr:
        """Seconds that FLOPs and bytes take: the longer of computing and moving them.

        On as many machines as are asked for.
        """
        asked = sy.n_machines in self.d.values or self.symbol == sy.n_machines
        n = sy.n_machines if asked else sympy.S.One
        # Evaluated, a Max compares them: nothing comes of it, and that took half of some answers.
        return sympy.Max(work / (n * sy.peak), moved / (n * sy.bandwidth), evaluate=False)

    def time(self) -> sympy.Expr:
        """Seconds of the step."""
        return self.time_of(self.work(), self.moved())

    # --- the answer --------------------------------------------------------------------------

    def answer(self, left: sympy.Expr, right: sympy.Expr, premise: Premise | None = None) -> Result:
        """Solve the equation of a result in general and with what is known, and derive it.

        Parameters
        ----------
        left, right : sympy.Expr
            The two sides, in named constants.
        premise : Premise, optional
            What holds wherever the question makes sense.

        Raises
        ------
        InputError
            If the unknown is not in the equation, or a constant that it is part of has a value.
        """
        question, d, symbol = self.question, self.d, self.symbol
        d.equation(f"Set {question.left} equal to {question.right}", left, right)
        given = None if premise is None else premise.more - premise.less
        left, right, given = self._written_out(left, right, given)
        general = crossover(left, right, symbol, given=given)
        name = sy.info(symbol).text
        if general.outcome == "numeric":
            d.remark(f"This has no closed form in {name}: it is solved once all else has numbers.")
        elif general.outcome == "conditional" and not general.branches:
            d.remark(f"{name} cancels out: which side is larger depends on the rest.")
        elif not general.branches:
            d.remark(f"No {name} > 0 solves this: {question.left} never meets {question.right}.")
        result = Result(question, general, d, premise=premise)
        shown = general.branches
        if len(shown) > 1:
            # One of which numbers say that it holds nowhere is left out, unless all are such.
            possible = [b for b in shown if evaluate_condition(d, b.when) != sympy.false]
            shown = tuple(possible) or shown
        for branch in shown:
            _derive_branch(result, branch)
        _numbers(result)
        return result

    def _written_out(
        self, left: sympy.Expr, right: sympy.Expr, given: sympy.Expr | None
    ) -> tuple[sympy.Expr, sympy.Expr, sympy.Expr | None]:
        """The equation with the constants written out in which the unknown hides."""
        d, symbol = self.d, self.symbol
        used = (left - right).free_symbols
        hiding = self.hiding(used)
        if not hiding and symbol not in used and symbol == self.question.symbol:
            accepted = f"one under which {symbol.name} matters"
            raise InputError("convention", self.ledger.convention, accepted)
        if not hiding and symbol not in used:
            named = reached(used, self._inside)
            listing = ", ".join(s.name for s in sorted(named, key=sy.rank) if s.name in sy.TABLE)
            raise InputError("unknown", symbol.name, f"a symbol of the equation: {listing}")
        for constant in hiding:
            if constant in self.ledger.values:
                accepted = f"no value: {symbol.name}, which is solved for, is part of it"
                raise InputError(constant.name, self.ledger.values[constant], accepted)
        for constant, meaning in hiding.items():
            parts = self.parts(constant, meaning)
            left, right = (x.xreplace({constant: parts}) for x in (left, right))
            given = None if given is None else given.xreplace({constant: parts})
        if symbol in (sy.n_experts, sy.top_k) and not only_in_share(symbol, left, right):
            other = sy.top_k if symbol == sy.n_experts else sy.n_experts
            if other in reached(used, self._inside) | d.values.keys():
                # No more experts are chosen than there are: a share below 1 says so itself.
                given = jointly(given, sy.n_experts - sy.top_k)
        if hiding:
            d.equation(f"Written out, so that {sy.info(symbol).text} shows", left, right)
        return left, right, given

    @property
    def _meanings(self) -> dict[sympy.Symbol, sympy.Expr]:
        return {**self.d.definitions, sy.ridge: sy.peak / sy.bandwidth}

    def _inside(self, constant: sympy.Symbol) -> set[sympy.Symbol]:
        # What a constant is made of can be constants itself: the cost of a sequence.
        meanings = self._meanings
        return meanings[constant].free_symbols if constant in meanings else set()

    def hiding(self, used: Collection[sympy.Symbol]) -> dict[sympy.Symbol, sympy.Expr]:
        """Those of the constants that the unknown is part of, written out."""
        d, symbol, meanings = self.d, self.symbol, self._meanings
        # A constant that is asked for itself stays one.
        others = {s: meaning for s, meaning in d.definitions.items() if s != symbol}
        return {
            s: written_out(meanings[s], others)
            for s in sorted(meanings.keys() & used, key=sy.rank)
            if symbol in reached(self._inside(s), self._inside)
        }

    def parts(self, constant: sympy.Symbol, meaning: sympy.Expr) -> sympy.Expr:
        """A constant as so much per unit of the unknown and a rest, each a constant of its own.

        The equation stays as short as it was, whatever the model; what is not of that form, or a
        square at most, is written out in dimensions.
        """
        d, unknown = self.d, sy.info(self.symbol)
        if constant == sy.ridge or not meaning.is_polynomial(self.symbol):
            return meaning
        by_power = sympy.collect(sympy.expand(meaning), self.symbol, evaluate=False)
        amounts = {power: sympy.factor_terms(x) for power, x in by_power.items()}
        if not all(x.is_positive for x in amounts.values()):
            return meaning
        row, parts = sy.info(constant), sympy.S.Zero
        pieces = {
            self.symbol**2: (2, "per square of", "″", "''"),
            self.symbol: (1, "per", "′", "'"),
            sympy.S.One: (0, "without", "₀", "_0"),
        }
        if not amounts.keys() <= pieces.keys():
            return meaning
        for factor, (power, relation, mark, latex) in pieces.items():
            if factor not in amounts:
                continue
            name = f"{constant}_{relation.replace(' ', '_')}_{unknown.name}"
            unit = str(units.parse(row.unit) * units.parse(unknown.unit) ** Fraction(-power))
            text, latex = row.text + mark, sy.marked(row.latex, latex)
            what = f"{row.meaning}, {relation} {unknown.text}"
            part = sy.extra(name, unit, what, text=text, latex=latex, beside=constant)
            d.definitions[part] = amounts[factor]
            parts += factor * part
        made_of = {s: x for s, x in d.definitions.items() if s != self.symbol}
        if not polynomial.is_zero(parts.xreplace(made_of) - meaning):
            raise ProofError(f"{parts} is not {constant}")
        return parts


def _known(result: Result) -> bool:
    """Whether anything has a value, beyond what the question assumes itself."""
    assumed = {sy.TABLE[name].symbol for name in result.question.defaults}
    return not result.derivation.values.keys() <= assumed


def _derive_branch(result: Result, branch: Branch) -> None:
    """Add a solution; where the numbers decide which of several conditions holds, that one."""
    d, general = result.derivation, result.general
    when = branch.when
    holds = [c for c in (when, *cases(when)) if evaluate_condition(d, c) == sympy.true]
    # With something left open, every formula may yet be the one.
    decided = (
        when != sympy.true and _known(result) and result.outcome == "crosses"
        and result.value is not None and result.value.is_number
    )  # fmt: skip
    if decided and not holds and len(general.branches) > 1:
        return
    if decided and holds:
        when = holds[-1]
    before = sum(s.kind == "solution" and s.formulas[0].left == result.label for s in d.steps)
    text = f"{nth(before)} solution" if before else f"Solved for {sy.info(general.symbol).text}"
    lead = "which holds, since" if decided and holds else "which holds only while"
    d.solution(text, result.label, general, branch, when, lead)
    _solved_condition(result, branch)


def nth(before: int) -> str:
    """Which of several this is, after so many.

    Examples
    --------
    >>> [nth(n) for n in range(1, 6)]
    ['A second', 'A third', 'A fourth', 'A fifth', 'A 6th']
    """
    words = ("first", "second", "third", "fourth", "fifth")
    return f"A {words[before]}" if before < len(words) else f"A {before + 1}th"


def evaluate_condition(d: Derivation, condition: Boolean) -> Boolean:
    """What a condition becomes with everything put in that a derivation knows."""
    if isinstance(condition, sympy.And | sympy.Or):
        return condition.func(*(evaluate_condition(d, c) for c in condition.args))
    if condition in (sympy.true, sympy.false):
        return condition
    sides = d.evaluate(condition.lhs), d.evaluate(condition.rhs)
    if any(x.is_number and not x.is_extended_real for x in sides):
        return sympy.false  # The root of a negative number: the branch is not there.
    if all(x.is_number for x in sides):
        # SymPy would multiply out powers of thousands of tokens.
        return sympy.true if holds(condition.func(*sides, evaluate=False), {}) else sympy.false
    # Asked to compare what is still open, SymPy looks for seconds where derivatives vanish.
    sign = polynomial.sign(sides[0] - sides[1])
    if sign is None:
        return condition.func(*sides, evaluate=False)
    return condition.func(sympy.Integer(sign), sympy.S.Zero)


def _solved_condition(result: Result, branch: Branch) -> None:
    natural, d = result.question.natural, result.derivation
    if natural is None or result.asked_otherwise:
        return
    for case, solved in solve_condition(branch.when, natural):
        holds = evaluate_condition(d, case)
        # With numbers, the case that holds; without, the usual one: that more of it ends it.
        shown = holds == sympy.true or (holds != sympy.false and isinstance(solved, sympy.Lt))
        # More than what is negative, it is always.
        if shown and not (isinstance(solved, sympy.Gt) and d.evaluate(solved.rhs).is_negative):
            d.condition(f"In terms of {sy.info(natural).text}", branch.when, natural, solved, case)


def _numbers(result: Result) -> None:
    d = result.derivation
    if not _known(result):
        return
    value = result.value
    if result.outcome in ("never", "always"):
        d.remark(f"With the numbers put in, {result.outcome}: {result.reason}.")
        return
    if value is None or not value.is_number:
        return
    values = {b.value: sympy.N(d.reduced(b.value), _DIGITS) for b in result.general.branches}
    for branch in result.bound.branches:
        if branch.bracket:
            low, high = branch.bracket
            closed = next((f for f, x in values.items() if x.is_real and low < x < high), None)
            d.root("In numbers", result.label, result.bound, branch, result.unit, closed)
    wanted = sympy.N(value, _DIGITS)
    # Next to the border of two regimes, the values of both are close to each other.
    near = sympy.Float(10, _DIGITS) ** (5 - _DIGITS // 2) * abs(wanted)
    for branch in result.general.branches:
        found = values[branch.value]
        if found.is_number and found.is_real and abs(found - wanted) <= near:
            if not any(b.bracket for b in result.bound.branches):
                d.number("In numbers", result.label, branch.value, value, result.unit)
            return


@dataclass(frozen=True)
class Named:
    """An entry of the list of results.

    Attributes
    ----------
    question : Question
        What it asks.
    function : callable
        The function of `roofsym.results` that answers it.
    """

    question: Question
    function: Callable[..., Result]

    def answer(self, ledger: Ledger, machine: Machine, symbol: Unknown = None) -> Result:
        """Answer from a step and a machine, whichever of them it needs."""
        subjects = {STEP: ledger, MACHINE: machine}
        return self.function(*(subjects[n] for n in self.question.needs), symbol=symbol)


NAMED: dict[str, Named] = {}


def answers(question: Question) -> Callable[[Callable[..., Result]], Callable[..., Result]]:
    """Enter a function into the list of results."""

    def enter(function: Callable[..., Result]) -> Callable[..., Result]:
        NAMED[question.name] = Named(question, function)
        return function

    return enter
