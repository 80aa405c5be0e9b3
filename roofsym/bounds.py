"""Bounds of expressions over intervals, and what they prove of two sides: which is larger where.

In floating point, with a margin for its rounding.
"""

from __future__ import annotations

import math
from typing import TypeAlias

import sympy

from roofsym.errors import InputError, in_letters
from roofsym.polynomial import Polynomial, Ring
from roofsym.verification import order_at

Interval: TypeAlias = "tuple[float, float]"
Bracket: TypeAlias = "tuple[sympy.Rational, sympy.Rational]"
Box: TypeAlias = "dict[sympy.Symbol, Interval]"
# Relative to the sides: far more than the rounding of a few dozen operations.
_MARGIN = 1e-9
_NEAREST, _FARTHEST = -12, 24
_MOST = 4000
_WIDTH = sympy.Rational(1, 10**16)


def larger(left: sympy.Expr, right: sympy.Expr, box: Box) -> int:
    """1 or −1 where one side is larger all over a box, 0 where that is not seen.

    Examples
    --------
    >>> from roofsym.symbols import L, w
    >>> larger(L**2, w, {L: (3, 4), w: (1, 8)}), larger(L, w, {L: (1, 2), w: (1, 2)})
    (1, 0)
    """
    one, other = (_bounds(side, box) for side in (left, right))
    margin = _MARGIN * max(abs(x) for x in (*one, *other))
    if one[0] > other[1] + margin:
        return 1
    return -1 if one[1] < other[0] - margin else 0


def _bounds(expr: sympy.Expr, box: Box) -> Interval:
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
        corners = [_power(base, exponent) for base in parts[0] for exponent in parts[1]]
        return min(corners), max(corners)
    if isinstance(expr, sympy.log) and min(parts[0]) > 0:
        return math.log(parts[0][0]), math.log(parts[0][1])
    if expr.is_Pow and expr.exp.is_Integer and expr.exp > 0:
        corners = [base ** int(expr.exp) for base in parts[0]]
        touches = parts[0][0] < 0 < parts[0][1] and expr.exp % 2 == 0
        return (0.0 if touches else min(corners)), max(corners)
    return -math.inf, math.inf


def _power(base: float, exponent: float) -> float:
    try:
        return float(base**exponent)
    except OverflowError:
        return math.inf


def apart(left: sympy.Expr, right: sympy.Expr) -> tuple[sympy.Expr, sympy.Expr]:
    """Two sides that compare as the given ones do, with nothing in both that could be taken away.

    Bounds of ``L`` and of ``L − v`` would say little of their difference.
    """
    ring = Ring()
    quotients = [ring.quotient(side) for side in (left, right)]
    if any(ring.sign(below) != 1 for _, below in quotients):
        return left, right
    return _parted(ring, ring.difference(*quotients))


def _parted(ring: Ring, slack: Polynomial) -> tuple[sympy.Expr, sympy.Expr]:
    """The terms with a plus, and those with a minus, without it."""
    above = {m: c for m, c in slack.items() if c > 0}
    return ring.expr(above), ring.expr({m: -c for m, c in slack.items() if c < 0})


def crossings(left: sympy.Expr, right: sympy.Expr, symbol: sympy.Symbol) -> list[Bracket]:
    """Brackets of the places where two sides with powers of shares meet, without other symbols.

    A share ``1 − k/E`` may be raised to a power in which the unknown is, too. Intervals over which
    one side is larger are passed over; in one over which the difference only rises, or only falls,
    there is one root if its signs at the ends differ, and none if not. Only places count where the
    shares and their exponents are positive: of a batch that there is, and more experts than are
    chosen.

    Raises
    ------
    InputError
        If the sides stay too close to each other to tell where they meet.

    Examples
    --------
    >>> from roofsym.symbols import n_experts as E
    >>> brackets = crossings(E * (1 - (1 - 2 / E) ** (20 - E)), sympy.Integer(9), E)
    >>> [round(float(low), 6) for low, _ in brackets]
    [10.204196, 12.898314]
    """
    powers = {
        p for x in (left, right) for p in x.atoms(sympy.Pow) if p.base.is_Add and p.base.has(symbol)
    }
    powers = {p for p in powers if not (p.exp.is_Integer and p.exp < 0)}
    inside = {x for p in powers for x in p.args if not x.is_number}
    stand_ins = {p: sympy.Dummy(positive=True) for p in powers}
    ring = Ring()
    slack = ring.difference(*(ring.quotient(x.xreplace(stand_ins)) for x in (left, right)))
    shown = {s: p for p, s in stand_ins.items()}
    above, below = (x.xreplace(shown) for x in _parted(ring, slack))
    slope = sympy.diff(above - below, symbol)
    brackets: list[Bracket] = []
    ten, looked = sympy.Integer(10), 0
    waiting = [(ten**e, ten ** (e + 1)) for e in range(_FARTHEST, _NEAREST - 1, -1)]
    while waiting:
        low, high = waiting.pop()
        looked += 1
        if looked > _MOST:
            accepted = "sides that do not stay close to each other"
            raise InputError("equation", in_letters(left, right), accepted)
        box = {symbol: (float(low), float(high))}
        signs = [larger(x, sympy.S.Zero, box) for x in inside]
        if -1 in signs:
            continue
        if 0 not in signs:
            if larger(above, below, box):
                continue
            if larger(slope, sympy.S.Zero, box):
                ends = [order_at(above, below, {symbol: x}) for x in (low, high)]
                if ends[0] * ends[1] < 0 or ends[1] == 0:
                    brackets.append(_bisected(above, below, symbol, low, high, ends[0]))
                continue
        if high - low > low / 10**9:
            middle = (low + high) / 2
            waiting += [(middle, high), (low, middle)]
        elif 0 not in signs:
            raise InputError(
                "equation", in_letters(left, right), "sides that do not touch each other"
            )
    return brackets


def _bisected(
    left: sympy.Expr, right: sympy.Expr, symbol: sympy.Symbol,
    low: sympy.Rational, high: sympy.Rational, start: int,
) -> Bracket:  # fmt: skip
    while high - low > _WIDTH * high:
        middle = (low + high) / 2
        if order_at(left, right, {symbol: middle}) == start:
            low = middle
        else:
            high = middle
    return low, high


def outward(low: sympy.Rational, high: sympy.Rational, digits: int) -> Bracket:
    """A bracket with ends of so many digits, which differ and lie outside of it.

    Examples
    --------
    >>> low, high = outward(sympy.Rational("15.54321"), sympy.Rational("15.54322"), 4)
    >>> float(low), float(high)
    (15.54, 15.55)
    """
    step = sympy.Integer(10) ** (sympy.floor(sympy.log(high, 10)) + 1 - digits)
    below, above = sympy.floor(low / step) * step, sympy.ceiling(high / step) * step
    return (below, above) if below < above else (below - step, above + step)
