"""A formula with numbers in the place of its symbols, short enough to be read.

A symbol has its value and unit in its place. What is too long that way has one number for parts of
it: for a minimum, then for each term of a sum, then for the innermost sums, and so on outward,
until it fits. A part whose unit is no unit of its own (``FLOP·B``) has a number only where nothing
else fits, and a formula that never fits has no numbers in it. No value is rounded before it is
printed.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from typing import TypeAlias

import sympy
from sympy.logic.boolalg import Boolean

from roofsym import symbols as sy
from roofsym import units
from roofsym.errors import InputError
from roofsym.render.expression import IN_A_SUM, is_fraction
from roofsym.render.shape import arranged
from roofsym.values import open_powers
from roofsym.verification import NotRealError, holds, value_at

Given: TypeAlias = Mapping[sympy.Symbol, sympy.Expr]

_DIGITS = 30
_NEAR = sympy.Rational(1, 2000)
# Units of what counts take part in, which are whole: κ S is of B/token to who knows no more.
_WHOLE = frozenset({"1", "FLOP", "B", "s", "FLOP/B", "token"})
_COUNTED = frozenset({"1", "token", "1/token"})
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
    unit : str
        Unit of the formula.
    any_unit : bool
        Whether parts may have units that are products or powers of others.
    parts : dict of sympy.Symbol to sympy.Expr
        What the symbols stand for, each in earlier ones.
    """

    expr: sympy.Expr
    given: Given
    digits: int = 4
    unit: str = "1"
    any_unit: bool = False
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
        self.expr = _everywhere(arranged(self.expr), self._counted)
        self.expr = self._in_tokens(self.expr)
        if self.expr.is_Symbol:
            return None
        if fits(self):
            return self
        ones = {s: x for s, x in self.given.items() if x == 1 and sy.info(s).unit == "1"}
        self.expr = self.expr.xreplace(ones)
        while not fits(self):
            before = self.expr
            for change in (self._terms, self._sums, self._part_of_sums, self._compound):
                self.expr = change(self.expr)
                if self.expr != before:
                    break
            else:
                return None
        return self if len(self.expr.free_symbols) > 1 else None

    def gives(self, value: sympy.Expr) -> bool:
        """Whether the numbers as they are printed give a value, to three digits.

        Powers to a number of tokens multiply what is left off: of them, to four.

        Examples
        --------
        >>> from roofsym.symbols import B, w
        >>> given = {B: sympy.Rational("1.00004"), w: sympy.Rational("1.00014")}
        >>> [Numbers(w - B, given, digits).gives(sympy.Rational("0.0001")) for digits in (4, 8)]
        [False, True]
        """
        printed = {s: self._printed(s, x) for s, x in self.given.items()}
        found = sympy.N(self.expr.xreplace(printed))
        counted = [p for p in open_powers(self.expr) if p.exp.free_symbols <= self.given.keys()]
        near = _NEAR / 10 if counted and not self.expr.has(sympy.LambertW) else _NEAR
        return bool(found.is_real and abs(found - value) <= near * abs(value))

    def _printed(self, symbol: sympy.Symbol, value: sympy.Expr) -> sympy.Expr:
        whole = value.is_Integer and sy.info(symbol).unit == "1"
        return value if whole else sympy.Rational(str(sympy.N(value, self.digits)))

    def _counted(self, expr: sympy.Expr) -> sympy.Expr:
        """A minimum, maximum or whole part of tokens, or one token more: as a number."""
        if isinstance(expr, _ENCLOSED):
            return self._number(expr) if _unit(expr.args[0]) in _COUNTED else expr
        steps = expr.is_Add and all(x.is_Number or _is_step(x) for x in expr.args)
        return self._number(expr, _unit_of_tokens(expr)) if steps else expr

    def _in_tokens(self, expr: sympy.Expr) -> sympy.Expr:
        """Expression in which terms that are added have the same tokens in their units.

        New tokens are a count, so that α S is added to φ: there α is of FLOP, as φ is. Where the
        tokens do not come out in the end, they are left out of the units below the bar.
        """
        made, tokens = self._balanced(expr)
        surplus = tokens - _tokens(units.parse(self.unit))
        return self._raised(made, -surplus) or made if surplus > 0 else made

    def _balanced(self, expr: sympy.Expr) -> tuple[sympy.Expr, Fraction]:
        """An expression with terms in the same tokens, and the power of these."""
        if expr.is_Symbol:
            return expr, _tokens(units.parse(sy.info(expr).unit))
        if expr.is_Pow and expr.exp.is_Rational:
            base, tokens = self._balanced(expr.base)
            return base**expr.exp, tokens * Fraction(int(expr.exp.p), int(expr.exp.q))
        if expr.is_Mul:
            parts = [self._balanced(x) for x in expr.args]
            return _of(expr, (x for x, _ in parts)), sum((n for _, n in parts), Fraction(0))
        if expr.is_Add or isinstance(expr, sympy.Min | sympy.Max):
            parts = [self._balanced(x) for x in expr.args]
            powers = sorted({n for _, n in parts}, reverse=True)
            for power in powers:
                changed = [self._raised(x, power - n) for x, n in parts]
                if None not in changed:
                    return _of(expr, changed), power
            return _of(expr, (x for x, _ in parts)), powers[0]
        return expr, Fraction(0)

    def _raised(self, expr: sympy.Expr, tokens: Fraction) -> sympy.Expr | None:
        """An expression whose unit has so many tokens more; None if no symbol can be without one.

        That is one per token, above the bar or below, or of tokens.
        """
        if tokens == 0:
            return expr
        for factor in sympy.Mul.make_args(expr):
            base, exponent = factor.as_base_exp()
            if not exponent.is_Integer:
                continue
            if base.is_Symbol:
                without = sy.info(base).unit.removesuffix("/token").removesuffix("token") or "1"
                gained = -_tokens(units.parse(sy.info(base).unit))
                if gained * int(exponent) == tokens:
                    return expr.xreplace({factor: self._stand_in(base, without) ** exponent})
            elif base.is_Add and abs(exponent) == 1:
                raised = [self._raised(x, tokens * int(exponent)) for x in base.args]
                if None not in raised:
                    return expr.xreplace({factor: sympy.Add(*raised) ** exponent})
        return None

    def _stand_in(self, symbol: sympy.Symbol, unit: str) -> sympy.Symbol:
        """Symbol for the same value in another unit."""
        made = sy.extra(
            f"{symbol.name} in {unit}",
            unit,
            "value of a part of a formula",
            text="…",
            beside=symbol,
        )
        self.parts[made] = symbol
        self.given = {**self.given, made: self.given[symbol]}
        return made

    def _terms(self, expr: sympy.Expr) -> sympy.Expr:
        """Products in sums, and what is in exponents, as numbers."""

        def change(part: sympy.Expr) -> sympy.Expr:
            if part.is_Add:
                unit = _unit(part, self.any_unit)
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

    def _compound(self, expr: sympy.Expr) -> sympy.Expr:
        """Parts whose units are products themselves, ``FLOP·B``: where nothing else fits."""
        self.any_unit = True
        return self._sums(self._terms(expr))

    def _number(self, part: sympy.Expr, unit: str | None = None) -> sympy.Expr:
        """Symbol for the value of a part of a formula: as it is where that has none, or no unit."""
        if part.is_number or part.is_Symbol or (-part).is_Symbol:
            return part
        unit = _unit(part, self.any_unit) or unit
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


def _tokens(dimension: units.Dimension) -> Fraction:
    return dimension.exponents[units.BASES.index("token")]


def _is_step(expr: sympy.Expr) -> bool:
    """Whether an expression is a symbol of the step, or a window, or less one."""
    symbol = -expr if (-expr).is_Symbol else expr
    return symbol.is_Symbol and (symbol == sy.window or sy.info(symbol).role == "step")


def _unit_of_tokens(expr: sympy.Expr) -> str:
    found = {sy.info(s).unit for s in expr.free_symbols}
    return "token" if "token" in found else "1"


def _is_plain(expr: sympy.Expr) -> bool:
    """Whether there is no sum or function in an expression."""
    return not expr.has(sympy.Add, sympy.Function, *_ENCLOSED)


def _unit(expr: sympy.Expr, any_unit: bool = False) -> str | None:
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
    if ("**" in unit or "·" in unit) and not any_unit:
        return None
    return unit if not found.counts or unit in _WHOLE else None


# --- a formula of which some symbols have numbers ----------------------------------------------

_LEAST_DIGITS, _MOST_DIGITS = 4, 12
_PLACES = 60
# Numbers of four digits give a quotient of sums to about this; and of many places one may be next
# to where two terms cancel.
_ROUGH, _FEW = 2e-3, 0.05


def enough_digits(expr: sympy.Expr, when: Boolean = sympy.true) -> int:
    """Significant digits that numbers in a formula need, so that it gives its values to three.

    Where two large terms nearly cancel, four digits of each say nothing of the difference.

    Parameters
    ----------
    expr : sympy.Expr
        The formula.
    when : sympy Boolean
        Where it is asked.

    Examples
    --------
    >>> from roofsym.symbols import L
    >>> enough_digits((123456 * L + 7) / (L + 1234567))
    4
    >>> enough_digits(sympy.sqrt((L + sympy.Rational(12345678, 1000)) ** 2 + L) - L - 12345)
    7
    """
    symbols = sorted(expr.free_symbols | when.free_symbols, key=sy.rank)
    source = random.Random(" ".join(s.name for s in symbols))
    places = []
    for _ in range(_PLACES if symbols else 0):
        point = {s: _drawn(s, source) for s in symbols}
        try:
            # Less than one sequence or token is nothing that is read off a formula.
            if holds(when, point) and (value := float(value_at(expr, point))) >= 1:
                places.append((point, value))
        except (NotRealError, OverflowError):
            continue
    for digits in range(_LEAST_DIGITS, _MOST_DIGITS):
        rough = _rounded(expr, digits)
        if sum(_is_off(rough, *x) for x in places) <= _FEW * len(places):
            return digits
    return _MOST_DIGITS


def _drawn(symbol: sympy.Symbol, source: random.Random) -> Fraction:
    """A value as a symbol may have it: up to a million, but shares and precisions."""
    if symbol in (sy.rho, sy.fraction, sy.acceptance):
        return Fraction(source.randint(1, 99), 100)
    most = 4 if sy.info(symbol).role == "precision" else 10**6
    return Fraction(max(1, round(most ** source.random())))


def _is_off(rough: sympy.Expr, point: Mapping[sympy.Symbol, Fraction], value: float) -> bool:
    try:
        return abs(float(value_at(rough, point)) - value) > _ROUGH * value
    except NotRealError:
        return True


def _rounded(expr: sympy.Expr, digits: int) -> sympy.Expr:
    """An expression with its numbers as they are printed, those that are joined in print as one."""
    if expr.is_Symbol or isinstance(expr, sympy.floor):
        return expr
    if expr.is_number:
        if is_fraction(expr, IN_A_SUM) or not expr.is_extended_real:
            return expr
        return sympy.Rational(units.format_number(expr, digits))
    if expr.is_Add or expr.is_Mul:
        numbers, others = sympy.sift(expr.args, lambda x: x.is_number, binary=True)
        number = expr.func(*numbers)
        exact = not numbers or (expr.is_Mul and is_fraction(number))
        number = number if exact else _rounded(number, digits)
        return expr.func(number, *(_rounded(x, digits) for x in others))
    if expr.is_Pow:
        return _rounded(expr.base, digits) ** expr.exp
    return expr.func(*(_rounded(x, digits) for x in expr.args))
