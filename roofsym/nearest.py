"""How close two sides come that never meet: in a limit, or where their ratio turns."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any, TypeAlias

import mpmath
import sympy

from roofsym import exponential, polynomial
from roofsym import symbols as sy
from roofsym.limits import ratio_at_end
from roofsym.solve import Crossover, positives
from roofsym.terms import coefficients
from roofsym.verification import NotRealError, decimal, value_at

End: TypeAlias = "tuple[sympy.Expr, sympy.Expr]"
# Powers of ten between which a ratio is looked at, four points each.
_LEAST, _MOST, _POINTS = -12, 30, 4
# Relative: less than this beyond a limit is the limit.
_NEAR = 1e-6


def are_equal(found: Crossover) -> bool:
    """Whether two sides that never meet are the same wherever they are compared.

    Examples
    --------
    >>> from roofsym.solve import crossover
    >>> from roofsym.symbols import B
    >>> are_equal(crossover(sympy.Max(B**2 + 1, B), sympy.Max(B**2 + 1, B / 2), B))
    True
    """
    if found.left == found.right:
        return True
    domain = _domain(found) if _is_numbered(found) else None
    if domain is None:
        return False
    powers = [p for p in range(_LEAST, _MOST) if domain[0] < sympy.Integer(10) ** p < domain[1]]
    with mpmath.workdps(50):
        return all(abs(_ratio_at(found, p) - 1) < mpmath.mpf(10) ** -40 for p in powers)


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
    domain = _domain(found) if _is_numbered(found) else None
    if domain is not None:
        ends = tuple(_end(found, domain, place) for place in domain)
    elif not _is_numbered(found):
        ends = _on_the_way(found, largest, (found.starts, sympy.S.Zero), (found.ends, sympy.oo))
    else:
        return None
    if not all(ratio.is_number and ratio.is_extended_real for ratio, _ in ends):
        return None
    # Where one side is negative, the other is far from it.
    ends = tuple(end for end in ends if end[0] >= 0)
    if not ends:
        return None
    ratio, place = pick(ends, key=lambda end: sympy.N(end[0]))
    if domain is not None:
        between, turn = _turn(found, domain, pick)
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


def _is_numbered(found: Crossover) -> bool:
    return bool(found.left.free_symbols | found.right.free_symbols == {found.symbol})


def _domain(found: Crossover) -> End | None:
    """Between which values of the unknown the equation is asked, where all else has numbers.

    The share of experts that a token leaves alone lies between 0 and 1; and what is given to be
    positive is. None where that is more than a line says.
    """
    symbol, low, high = found.symbol, sympy.S.Zero, sympy.oo
    if symbol == sy.rho:
        high = sympy.S.One
    for share in exponential.shares(symbol, found.left, found.right) if symbol != sy.rho else ():
        if symbol == sy.n_experts:
            low = sympy.cancel(symbol * (1 - share.base))
        else:
            high = sympy.cancel(symbol / (1 - share.base))
    for given in () if found.given is None else positives(found.given):
        line = coefficients(given, sympy.S.Zero, symbol)
        if line.keys() != {0, 1}:
            return None
        border = -line[0].expr / line[1].expr
        if line[1].sign == 1:
            low = max(low, border)
        else:
            high = min(high, border)
    return low, high


def _end(found: Crossover, domain: End, place: sympy.Expr) -> End:
    """Ratio of the sides at an end of where they are compared, and that end."""
    exact = not exponential.in_share(found.symbol, found.left, found.right)
    if exact and place in (0, sympy.oo):
        at_infinity = place is sympy.oo
        return ratio_at_end(found.left, found.right, found.symbol, at_infinity=at_infinity), place
    # Else as close to it, or as far out, as one looks.
    power = {sympy.S.Zero: _LEAST, sympy.oo: _MOST}.get(place)
    if power is None:
        inside = mpmath.mpf(10) ** _LEAST * (1 if place == domain[0] else -1)
        power = mpmath.log10(_number(place)) + inside
    return sympy.Float(_ratio_at(found, power), 15), place


def _number(place: sympy.Expr) -> mpmath.mpf:
    return mpmath.inf if place is sympy.oo else decimal(polynomial.number(place))


def _turn(found: Crossover, domain: End, pick: Callable[..., Any]) -> End:
    """The largest or smallest ratio among points, and the place of it, refined."""
    low, high = (_number(x) for x in domain)

    def ratio(power: mpmath.mpf) -> mpmath.mpf:
        inside = low < mpmath.mpf(10) ** power < high
        found_one = _ratio_at(found, power) if inside else mpmath.nan
        return (-1 if pick is max else mpmath.inf) if mpmath.isnan(found_one) else found_one

    step = mpmath.mpf(1) / _POINTS
    best = pick((_LEAST + i * step for i in range((_MOST - _LEAST) * _POINTS)), key=ratio)
    while step > _NEAR:
        step /= 2
        best = pick((best - step, best, best + step), key=ratio)
    return sympy.Float(ratio(best), 15), sympy.Float(mpmath.mpf(10) ** best, 15)


def _ratio_at(found: Crossover, power: mpmath.mpf, other: int = 0) -> mpmath.mpf:
    """Ratio of the sides at a power of ten of the unknown, and one of all that is open.

    Not a number where one of them is none.
    """
    ten = mpmath.mpf(10)
    open_ones = found.left.free_symbols | found.right.free_symbols
    point = {**dict.fromkeys(open_ones, ten**other), found.symbol: ten**power}
    try:
        return decimal(value_at(found.left, point)) / decimal(value_at(found.right, point))
    except (NotRealError, ZeroDivisionError):
        return mpmath.nan
