"""A formula with numbers in the place of its symbols, short enough to be read.

A symbol has its value and unit in its place. What is too long that way has one number for parts of
it: for a minimum, then for each term of a sum, then for the innermost sums, and so on outward,
until it fits. A part whose unit is no unit of its own (``FLOP·B``) stays as it is, and a formula
that never fits has no numbers in it. No value is rounded before it is printed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import TypeAlias

import sympy

from roofsym import symbols as sy
from roofsym import units
from roofsym.errors import InputError
from roofsym.render.shape import arranged

Given: TypeAlias = Mapping[sympy.Symbol, sympy.Expr]

_DIGITS = 30
_NEAR = sympy.Rational(1, 2000)
# Units of what counts take part in, which are whole: κ S is of B/token to who knows no more.
_WHOLE = frozenset({"1", "FLOP", "B", "s", "FLOP/B", "token"})
_ENCLOSED = (sympy.Min, sympy.Max, sympy.floor)


@dataclass
class Numbers:
    """A formula in which parts are one number each.

    Attributes
    ----------
    expr : sympy.Expr
        The formula, with a symbol for each of these parts.
    given : mapping of sympy.Symbol to sympy.Expr
        Values of all of its symbols.
    digits : int
        Significant digits with which these are printed.
    parts : dict of sympy.Symbol to sympy.Expr
        What the symbols stand for, each in earlier ones.
    """

    expr: sympy.Expr
    given: Given
    digits: int = 4
    parts: dict[sympy.Symbol, sympy.Expr] = field(default_factory=dict)

    def within(self, fits: Callable[[Numbers], bool]) -> Numbers | None:
        """The formula with as many of its numbers as fit; None if not even two of them do.

        Examples
        --------
        >>> from roofsym.symbols import B, L, a, kappa, w
        >>> given = {B: 8, L: 100, a: 200, kappa: 3, w: 5000}
        >>> whole = w / (w + B * (kappa * L + a))
        >>> for most in (5, 4, 3, 2):
        ...     found = Numbers(whole, given).within(lambda x: len(x.expr.free_symbols) <= most)
        ...     print(sorted(int(found.given[s]) for s in found.expr.free_symbols))
        [3, 8, 100, 200, 5000]
        [8, 200, 300, 5000]
        [8, 500, 5000]
        [4000, 5000]
        """
        self.expr = arranged(self.expr)
        if fits(self):
            return self
        ones = {s: x for s, x in self.given.items() if x == 1 and sy.info(s).unit == "1"}
        self.expr = _everywhere(self.expr.xreplace(ones), self._extremum)
        while not fits(self):
            before = self.expr
            for change in (self._terms, self._sums, self._part_of_sums):
                self.expr = change(self.expr)
                if self.expr != before:
                    break
            else:
                return None
        return self if len(self.expr.free_symbols) > 1 else None

    def gives(self, value: sympy.Expr) -> bool:
        """Whether the numbers as they are printed give a value, to three digits.

        Examples
        --------
        >>> from roofsym.symbols import B, w
        >>> given = {B: sympy.Rational("1.00004"), w: sympy.Rational("1.00014")}
        >>> [Numbers(w - B, given, digits).gives(sympy.Rational("0.0001")) for digits in (4, 8)]
        [False, True]
        """
        printed = {s: self._printed(s, x) for s, x in self.given.items()}
        found = sympy.N(self.expr.xreplace(printed))
        return bool(found.is_real and abs(found - value) <= _NEAR * abs(value))

    def _printed(self, symbol: sympy.Symbol, value: sympy.Expr) -> sympy.Expr:
        whole = value.is_Integer and sy.info(symbol).unit == "1"
        return value if whole else sympy.Rational(str(sympy.N(value, self.digits)))

    def _extremum(self, expr: sympy.Expr) -> sympy.Expr:
        """A minimum, maximum or whole part of tokens, as a number."""
        is_count = isinstance(expr, _ENCLOSED) and _unit(expr.args[0]) in ("1", "token")
        return self._number(expr) if is_count else expr

    def _terms(self, expr: sympy.Expr) -> sympy.Expr:
        """Products in sums, and what is in exponents, as numbers."""

        def change(part: sympy.Expr) -> sympy.Expr:
            if part.is_Add:
                unit = _unit(part)
                return sympy.Add(*(self._number(x, unit) if _is_plain(x) else x for x in part.args))
            if part.is_Pow and _is_plain(part.exp):
                return part.base ** self._number(part.exp)
            return part

        return _everywhere(expr, change)

    def _sums(self, expr: sympy.Expr) -> sympy.Expr:
        """The innermost sums, as numbers."""
        if expr.is_Add and all(map(_is_plain, expr.args)):
            return self._number(expr)
        return _of(expr, map(self._sums, expr.args))

    def _part_of_sums(self, expr: sympy.Expr) -> sympy.Expr:
        """Of sums what stands beside roots and functions, as one number."""

        def change(part: sympy.Expr) -> sympy.Expr:
            if not part.is_Add:
                return part
            plain, others = sympy.sift(part.args, _is_plain, binary=True)
            return sympy.Add(self._number(sympy.Add(*plain)), *others)

        return _everywhere(expr, change)

    def _number(self, part: sympy.Expr, unit: str | None = None) -> sympy.Expr:
        """Symbol for the value of a part of a formula: as it is where that has none, or no unit."""
        if part.is_number or part.is_Symbol or (-part).is_Symbol:
            return part
        unit = _unit(part) or unit
        value = sympy.N(part.xreplace(dict(self.given)), _DIGITS)
        if value == 0:
            return sympy.S.Zero
        if unit is None or not value.is_real:
            return part
        sign = -1 if value < 0 else 1
        made = {x: s for s, x in self.parts.items()}
        if sign * part not in made:
            # Their number is that of the parts of one formula, whatever is printed.
            name = f"value_{len(made)}_{unit}"
            symbol = sy.extra(name, unit, "value of a part of a formula", text="…")
            self.parts[symbol], made[sign * part] = sign * part, symbol
            self.given = {**self.given, symbol: abs(value)}
        return sign * made[sign * part]


def _of(expr: sympy.Expr, args: Iterable[sympy.Expr]) -> sympy.Expr:
    """An expression with other arguments."""
    changed = tuple(args)
    if changed == expr.args:
        return expr
    # Evaluated, a maximum would drop an argument.
    extremum = isinstance(expr, sympy.Min | sympy.Max)
    return expr.func(*changed, evaluate=False) if extremum else expr.func(*changed)


def _everywhere(expr: sympy.Expr, change: Callable[[sympy.Expr], sympy.Expr]) -> sympy.Expr:
    return change(_of(expr, (_everywhere(x, change) for x in expr.args)))


def _is_plain(expr: sympy.Expr) -> bool:
    """Whether there is no sum or function in an expression."""
    return not expr.has(sympy.Add, sympy.Function, *_ENCLOSED)


def _unit(expr: sympy.Expr) -> str | None:
    """Unit of a part of a formula; None where its counts may carry more than can be seen."""
    try:
        terms = [units.dimension(-x if x.could_extract_minus_sign() else x)
                 for x in sympy.Add.make_args(expr)]  # fmt: skip
    except InputError:
        return None
    # A 1 that is a token may not show: φ − α is of FLOP by its first term, as α W (W − 1) + η is by
    # its last.
    found = max(terms, key=lambda x: (str(x) in _WHOLE, x.exponents, not x.counts))
    unit = str(found)
    if "**" in unit or "·" in unit:
        return None
    return unit if not found.counts or unit in _WHOLE else None
