"""How close two sides come that never meet: in a limit, or where their ratio turns."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any, TypeAlias

import mpmath
import sympy

from roofsym import exponential, polynomial
from roofsym import symbols as sy
from roofsym.solve import Crossover
from roofsym.verification import NotRealError, decimal, value_at

End: TypeAlias = "tuple[sympy.Expr, sympy.Expr]"
# Powers of ten between which a ratio is looked at, four points each.
_LEAST, _MOST, _POINTS = -12, 30, 4
# Relative: less than this beyond a limit is the limit.
_NEAR = 1e-6


# A share of one expert among the most that are looked at is not rounded away.
@mpmath.workdps(50)  # type: ignore[untyped-decorator]
def closest(found: Crossover) -> tuple[sympy.Expr, sympy.Expr] | None:
    """Ratio of two sides that never meet where it is closest to 1, and where that is.

    Returns
    -------
    tuple or None
        The ratio, and the value of the unknown: 0 or infinity where it is a limit. None where the
        limits are not known, the ratio depends on what is open, or one side is not positive.

    Examples
    --------
    >>> from roofsym.solve import crossover
    >>> from roofsym.symbols import B
    >>> closest(crossover(B / (B + 1), sympy.Integer(2), B))
    (1/2, oo)
    >>> ratio, place = closest(crossover(B / (B**2 + 1), sympy.Integer(1), B))
    >>> print(sympy.N(ratio, 4), sympy.N(place, 4))
    0.5000 1.000
    """
    largest = found.outcome == "never"
    pick = max if largest else min
    numbered = found.left.free_symbols | found.right.free_symbols == {found.symbol}
    ends: tuple[End, ...] = (found.starts, sympy.S.Zero), (found.ends, sympy.oo)
    if exponential.in_share(found.symbol, found.left, found.right):
        ends = _ends_of_share(found) if numbered else ()
    elif not numbered:
        ends = _on_the_way(found, largest, *ends)
    if not all(ratio.is_number and ratio.is_extended_real for ratio, _ in ends):
        return None
    # Where one side is negative, the other is far from it.
    ends = tuple(end for end in ends if end[0] >= 0)
    if not ends:
        return None
    ratio, place = pick(ends, key=lambda end: sympy.N(end[0]))
    if numbered:
        between, turn = _turn(found, pick)
        if pick(between, ratio * (1 + (_NEAR if largest else -_NEAR))) == between:
            ratio, place = between, turn
    # Else they meet where no one has looked, or one of them is negative there.
    return (ratio, place) if pick(ratio, 1) == 1 else None


def _on_the_way(found: Crossover, largest: bool, *ends: End) -> tuple[End, ...]:
    """Of two ends the one to which the ratio moves closer all the way, whatever is open."""
    powers = range(_LEAST, _MOST)
    rises = set()
    for other in (0, 3, 6):
        ratios = [_ratio_at(found, power, other) for power in powers]
        rises |= {b > a for a, b in itertools.pairwise(filter(mpmath.isfinite, ratios)) if a != b}
    if len(rises) != 1:
        return ()
    return (ends[1] if rises.pop() == largest else ends[0],)


def _ends_of_share(found: Crossover) -> tuple[End, ...]:
    """Ratios at the ends between which the shares of experts left alone are between 0 and 1."""
    symbol = found.symbol
    base = next(iter(exponential.shares(symbol, found.left, found.right))).base
    at_1 = sympy.oo if symbol == sy.n_experts else sympy.S.Zero
    at_0 = sympy.cancel(symbol / (1 - base) if symbol == sy.top_k else symbol * (1 - base))
    if symbol == sy.rho:
        at_0, at_1 = sympy.S.Zero, sympy.S.One
    ends = []
    for place in (at_0, at_1):
        beside = {sympy.S.Zero: _LEAST, sympy.oo: _MOST}.get(place)
        if beside is None:
            inside = mpmath.mpf(10) ** _LEAST * (1 if symbol == sy.n_experts else -1)
            beside = mpmath.log10(decimal(polynomial.number(place))) + inside
        ends.append((sympy.Float(_ratio_at(found, beside), 15), place))
    return tuple(ends)


def _turn(found: Crossover, pick: Callable[..., Any]) -> End:
    """The largest or smallest ratio among points, and the place of it, refined."""

    def ratio(power: mpmath.mpf) -> mpmath.mpf:
        found_one = _ratio_at(found, power)
        return (-1 if pick is max else mpmath.inf) if mpmath.isnan(found_one) else found_one

    step = mpmath.mpf(1) / _POINTS
    best = pick((_LEAST + i * step for i in range((_MOST - _LEAST) * _POINTS)), key=ratio)
    while step > _NEAR:
        step /= 2
        best = pick((best - step, best, best + step), key=ratio)
    return sympy.Float(ratio(best), 15), sympy.Float(mpmath.mpf(10) ** best, 15)


def _ratio_at(found: Crossover, power: mpmath.mpf, other: int = 0) -> mpmath.mpf:
    """Ratio of the sides at a power of ten of the unknown, and one of all that is open.

    Not a number where one of them is none, or a share of the experts is not between 0 and 1.
    """
    ten = mpmath.mpf(10)
    open_ones = found.left.free_symbols | found.right.free_symbols
    point = {**dict.fromkeys(open_ones, ten**other), found.symbol: ten**power}
    shares = exponential.shares(found.symbol, found.left, found.right)
    try:
        if not all(0 < decimal(value_at(share.base, point)) < 1 for share in shares):
            return mpmath.nan
        return decimal(value_at(found.left, point)) / decimal(value_at(found.right, point))
    except (NotRealError, ZeroDivisionError):
        return mpmath.nan
