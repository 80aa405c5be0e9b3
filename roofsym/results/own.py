"""Equations between quantities that have no name: solved and derived as the named results are."""

from __future__ import annotations

from dataclasses import dataclass

import sympy

from roofsym import quantities, units
from roofsym import symbols as sy
from roofsym.closed_form import ClosedForm, made_of
from roofsym.derivation import Label
from roofsym.errors import InputError
from roofsym.quantities import QUANTITIES, Quantity, Subject
from roofsym.results.question import MACHINE, STEP, Inquiry, Question, Result
from roofsym.values import number_from_text


@dataclass(frozen=True)
class Equation:
    """A quantity, and what it is set equal to: another one, or a number in its unit.

    Attributes
    ----------
    text : str
        As it was written.
    left : Quantity
        The quantity.
    right : Quantity or sympy.Rational
        The other one, or the number.
    """

    text: str
    left: Quantity
    right: Quantity | sympy.Rational

    @classmethod
    def read(cls, text: str) -> Equation:
        """Equation of a text, ``QUANTITY = QUANTITY`` or ``QUANTITY = NUMBER``.

        Raises
        ------
        InputError
            If it is no such equation, or one between different units, or with a number that no
            quantity can be.

        Examples
        --------
        >>> Equation.read("time = 0.02").right
        1/50
        """
        sides = [side.strip() for side in text.split("=")]
        if len(sides) != 2 or not all(sides):
            raise InputError("equation", text, "'QUANTITY = QUANTITY' or 'QUANTITY = NUMBER'")
        # A number may stand on either side.
        sides.sort(key=_is_number)
        for side in sides:
            if not _is_number(side) and side not in QUANTITIES:
                accepted = "a number, such as 4096, 3.35e12 or 1/2, or one of "
                raise InputError("equation", side, accepted + ", ".join(QUANTITIES))
        left = quantities.named(sides[0])
        if _is_number(sides[1]):
            try:
                number = number_from_text(sides[1], f"{left.name} [{left.unit}]")
            except InputError as error:
                accepted = f"{error.accepted}, or a quantity without a factor"
                raise InputError(error.field, sides[1], accepted) from None
            if number <= 0:
                accepted = f"a number > 0, as {left.name} is whatever the symbols are"
                raise InputError("equation", text, accepted)
            return cls(text, left, number)
        right = quantities.named(sides[1])
        if not units.parse(left.unit).agrees_with(units.parse(right.unit)):
            told = f"{left.name} [{left.unit}] = {right.name} [{right.unit}]"
            raise InputError("equation", told, "two quantities of one unit")
        return cls(text, left, right)

    @property
    def asked(self) -> dict[sympy.Symbol, sympy.Expr]:
        """The number on the right by the letter that stands for it; empty without one."""
        if isinstance(self.right, Quantity):
            return {}
        q = self.left
        return {
            sy.extra(
                f"asked_{q.name}", q.unit, f"{q.meaning}: what is asked for",
                text=q.name, latex=sy.code_latex(q.name), role="asked",
            ): self.right
        }  # fmt: skip

    def sides(self, subject: Subject) -> tuple[ClosedForm, ClosedForm]:
        """Both sides, such that a constant's name stands for the same thing in them."""
        left = self.left.closed_form(subject)
        if isinstance(self.right, Quantity):
            return quantities.combine(subject, left, self.right.closed_form(subject))
        ((letter, number),) = self.asked.items()
        return left, ClosedForm(letter, {}, {letter: number})

    def symbols(self, subject: Subject) -> list[sympy.Symbol]:
        """Symbols that occur in the equation or in a constant of it, in the table's order."""
        sides = self.sides(subject)
        definitions = {s: x for side in sides for s, x in side.definitions.items()}
        used = made_of(set().union(*(side.expr.free_symbols for side in sides)), definitions)
        return sorted((s for s in used if s.name in sy.TABLE), key=sy.rank)

    def unknowns(self, subject: Subject, asked: sympy.Symbol | None = None) -> list[sympy.Symbol]:
        """Symbols that have no value yet, or whose value is asked for, in the table's order."""
        used: set[sympy.Symbol] = set()
        for side in self.sides(subject):
            values = {s: x for s, x in side.values.items() if s != asked}
            definitions = {s: x for s, x in side.definitions.items() if s != asked}
            used |= ClosedForm(side.expr, definitions, values).at_depth("numbers").free_symbols
        return sorted(used, key=sy.rank)

    def answer(self, subject: Subject, symbol: sympy.Symbol) -> Result:
        """Solve the equation for a symbol, and derive it.

        Raises
        ------
        InputError
            If both sides are alike in the unknown, or a constant that it is part of has a value.

        Examples
        --------
        >>> import roofsym as rs
        >>> from roofsym import symbols as sy
        >>> step, machine = rs.decode(rs.Transformer(), convention="weights-only"), rs.Machine()
        >>> subject = Subject(rs.Transformer(), step, machine)
        >>> print(Equation.read("intensity = ridge").answer(subject, sy.B))
        intensity = ridge for B: transformer on machine, counted as weights-only
          B φ / w = π / β
          B = π w / (β φ)
        """
        left, right = self.sides(subject)
        definitions = {**left.definitions, **right.definitions}
        used = made_of(left.expr.free_symbols | right.expr.free_symbols, definitions)
        if symbol not in made_of((left.expr - right.expr).free_symbols, definitions):
            accepted = f"two sides that {symbol.name} makes a difference to"
            raise InputError("equation", self.text, accepted)
        machine = subject.machine if used & _OF_MACHINES else None
        row = sy.info(symbol)
        other = self.right.name if isinstance(self.right, Quantity) else "what is asked for"
        question = Question(
            name=self.text, title=f"{self.text} for {row.text}", label=Label(row.text, row.latex),
            phases=(), needs=(STEP, MACHINE) if machine else (STEP,),
            left=self.left.name, right=other, symbol=symbol,
        )  # fmt: skip
        q = Inquiry.of(question, subject.ledger, machine, symbol)
        q.d.definitions |= definitions
        q.d.values = {**q.d.values, **self.asked}
        for quantity, side in zip((self.left, self.right), (left, right), strict=True):
            if isinstance(quantity, Quantity):
                label = Label(quantity.name, quantity.latex)
                q.d.define(_sentence(quantity.meaning), label, side.expr, quantity.unit)
        return q.answer(left.expr, right.expr)


_OF_MACHINES = frozenset(sy.TABLE[name].symbol for name in sy.names("machine"))


def _is_number(side: str) -> bool:
    return side[0].isdigit() or side[0] in "+-."


def _sentence(text: str) -> str:
    return text[:1].upper() + text[1:]
