"""Equations with the unknown inside ``⌊x/C⌋``: chunked attention reads more and less in steps.

Between two steps an equation is one of the others. Steps at which the sides cannot meet are passed
over many at a time: the fraction of a step that has been taken lies between 0 and 1, and with that
the sides lie between bounds. What is left is solved step by step. At a step itself a side jumps:
the sides can change places there without being equal.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import sympy

from roofsym.errors import InputError
from roofsym.verification import order_at

Interval = tuple[float, float]
Bracket = tuple[sympy.Rational, sympy.Rational]
# So many tokens no context has; and so many stretches to look at that nothing is decided by them.
_FARTHEST = 1e24
_MOST = 4000
# Relative to the sides: far more than the rounding of a few dozen operations.
_MARGIN = 1e-9


@dataclass(frozen=True)
class _Stretch:
    """Part of the half-line: which side is larger at its ends, and where they meet inside."""

    start: sympy.Rational
    before: int
    after: int
    places: tuple[Bracket, ...] = ()


def floors(symbol: sympy.Symbol, *exprs: sympy.Expr) -> list[sympy.Expr]:
    """The ``⌊…⌋`` in which a symbol stands, in the order of their printed form."""
    found = {x for expr in exprs for x in expr.atoms(sympy.floor) if x.has(symbol)}
    return sorted(found, key=str)


def crossings(
    left: sympy.Expr,
    right: sympy.Expr,
    symbol: sympy.Symbol,
    solve: Callable[[sympy.Expr, sympy.Expr], list[sympy.Expr]],
) -> tuple[list[Bracket], int]:
    """Where two sides without other symbols change places, and which is larger near 0.

    A place is an interval that holds it and no other, of no width where it is a step.

    Parameters
    ----------
    solve : callable
        Positive values at which two sides without steps are equal.

    Raises
    ------
    InputError
        If steps of different lengths come together, or the sides stay too close to each other to
        tell where they meet.

    Examples
    --------
    >>> from roofsym.symbols import L
    >>> sawtooth = L - 8 * sympy.floor(L / 8)
    >>> places, sign = crossings(
    ...     L + 2 * sawtooth, sympy.Integer(25), L, lambda a, b: sympy.solve(a - b, L)
    ... )
    >>> places, sign
    ([(41/3, 41/3), (16, 16), (19, 19), (24, 24), (73/3, 73/3)], -1)
    """
    steps = floors(symbol, left, right)
    offsets = [sympy.expand(x.args[0] - symbol / (length := _length(x, symbol))) for x in steps]
    if len({_length(x, symbol) for x in steps}) > 1:
        raise InputError("equation", ", ".join(map(str, steps)), "steps of one length")
    # Within one length, every floor has one place at which it takes its step.
    borders = sorted({sympy.S.Zero, *((-c * length) % length for c in offsets)})
    taken = [sympy.Dummy(positive=True) for _ in steps]
    smooth = {x: x.args[0] - v for x, v in zip(steps, taken, strict=True)}
    below, above = (side.xreplace(smooth) for side in (left, right))

    def pieces(n: int) -> Iterator[_Stretch]:
        ends = [*borders[1:], length]
        for low, high in zip(borders, ends, strict=True):
            low, high = n * length + low, n * length + high
            numbers = {x: sympy.floor(x.args[0].xreplace({symbol: low})) for x in steps}
            one, other = (side.xreplace(numbers) for side in (left, right))
            yield _stretch(one, other, symbol, low, high, solve)

    found: list[_Stretch] = list(pieces(0))
    waiting = [(n, 2 * n) for n in _doublings(float(length))][::-1]
    looked = 0
    while waiting:
        first, last = waiting.pop()
        looked += 1
        if looked > _MOST:
            accepted = "sides that do not stay close to each other over thousands of steps"
            raise InputError("equation", f"{left} = {right}", accepted)
        box = dict.fromkeys(taken, (0.0, 1.0))
        box[symbol] = (float(first * length), float(last * length))
        sign = _sign(below, above, box)
        if sign:
            found.append(_Stretch(first * length, sign, sign))
        elif last - first == 1:
            found += pieces(first)
        else:
            middle = (first + last) // 2
            waiting += [(middle, last), (first, middle)]
    places: list[Bracket] = []
    for known, stretch in zip([None, *found], found, strict=False):
        if known and known.after * stretch.before < 0:
            places.append((stretch.start, stretch.start))
        places += stretch.places
    return places, found[0].before


def _doublings(length: float) -> Iterator[int]:
    n = 1
    while n * length < _FARTHEST:
        yield n
        n *= 2


def _length(step: sympy.Expr, symbol: sympy.Symbol) -> sympy.Rational:
    slope = sympy.diff(step.args[0], symbol)
    if not (slope.is_Rational and slope > 0):
        raise InputError("equation", str(step), f"steps ⌊{symbol}/C⌋ of a known length C")
    return 1 / slope


def _stretch(
    left: sympy.Expr,
    right: sympy.Expr,
    symbol: sympy.Symbol,
    low: sympy.Rational,
    high: sympy.Rational,
    solve: Callable[[sympy.Expr, sympy.Expr], list[sympy.Expr]],
) -> _Stretch:
    """Between two steps, where the sides are without any."""
    close = (high - low) / 10**9
    before, after = (order_at(left, right, {symbol: x}) for x in (low + close, high - close))
    roots = solve(left, right) if left.has(symbol) or right.has(symbol) else []
    places = []
    for value in roots:
        root = sympy.Rational(sympy.N(value, 30)) if not value.is_Rational else value
        if low < root < high:
            width = 0 if value.is_Rational else root / 10**15
            places.append((root - width, root + width))
    return _Stretch(low, before, after, tuple(places))


# --- bounds -----------------------------------------------------------------------------------


def _sign(left: sympy.Expr, right: sympy.Expr, box: dict[sympy.Symbol, Interval]) -> int:
    """1 or −1 where one side is larger all over a box, 0 where that is not seen."""
    one, other = (_bounds(side, box) for side in (left, right))
    margin = _MARGIN * max(abs(x) for x in (*one, *other))
    if one[0] > other[1] + margin:
        return 1
    return -1 if one[1] < other[0] - margin else 0


def _bounds(expr: sympy.Expr, box: dict[sympy.Symbol, Interval]) -> Interval:
    """Bounds of an expression over a box of its symbols, up to rounding."""
    if expr.is_Symbol:
        return box[expr]
    if expr.is_number:
        return (float(expr), float(expr))
    parts = [_bounds(x, box) for x in expr.args]
    if expr.is_Add:
        return sum(low for low, _ in parts), sum(high for _, high in parts)
    if expr.is_Mul:
        product = parts[0]
        for part in parts[1:]:
            corners = [x * y for x in product for y in part]
            product = min(corners), max(corners)
        return product
    if isinstance(expr, sympy.Min | sympy.Max):
        pick = min if isinstance(expr, sympy.Min) else max
        return pick(low for low, _ in parts), pick(high for _, high in parts)
    if expr.is_Pow and min(parts[0]) > 0:
        corners = [base**exponent for base in parts[0] for exponent in parts[1]]
        return min(corners), max(corners)
    if expr.is_Pow and expr.exp.is_Integer and expr.exp > 0:
        corners = [base ** int(expr.exp) for base in parts[0]]
        touches = parts[0][0] < 0 < parts[0][1] and expr.exp % 2 == 0
        return (0.0 if touches else min(corners)), max(corners)
    return -math.inf, math.inf
