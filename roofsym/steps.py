"""Equations with the unknown inside ``⌊x/C⌋``: chunked attention reads more and less in steps.

Between two steps an equation is one of the others. Steps at which the sides cannot meet are passed
over many at a time: the fraction of a step that has been taken lies between 0 and 1, and with that
the sides lie between bounds. What is left is solved step by step. At a step itself a side jumps:
the sides can change places there without being equal.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import sympy

from roofsym import symbols as sy
from roofsym.bounds import Bracket, apart, larger
from roofsym.errors import InputError, in_letters
from roofsym.values import irrational_parts, put
from roofsym.verification import order_at

# So many tokens no context has. And so many stretches to look at, or to solve in, say nothing more.
_FARTHEST = 1e24
_MOST = 4000
_MOST_SOLVED = 300


@dataclass(frozen=True)
class _Stretch:
    """Part of the half-line: which side is larger at its ends, and where they meet inside."""

    start: sympy.Rational
    before: int
    after: int
    places: tuple[Bracket, ...] = ()


def floors(symbol: sympy.Symbol, *exprs: sympy.Expr) -> list[sympy.Expr]:
    """The ``⌊…⌋`` in which a symbol stands, in the order of their printed form."""
    found = {
        x
        for expr in exprs
        for x in irrational_parts(expr)
        if isinstance(x, sympy.floor) and x.has(symbol)
    }
    return sorted(found, key=str)


def crossings(
    left: sympy.Expr,
    right: sympy.Expr,
    symbol: sympy.Symbol,
    solve: Callable[[sympy.Expr, sympy.Expr], list[sympy.Expr]],
) -> list[Bracket]:
    """Where two sides without other symbols change places.

    A place is an interval that holds it and no other, of no width where it is a step.

    Parameters
    ----------
    solve : callable
        Positive values at which two sides without steps are equal.

    Raises
    ------
    InputError
        If the sides stay too close to each other to tell where they meet.

    Examples
    --------
    >>> from roofsym.symbols import L, window
    >>> def solve(left, right):
    ...     return sympy.solve(left - right)
    >>> sawtooth = L - 8 * sympy.floor(L / 8)
    >>> crossings(L + 2 * sawtooth, sympy.Integer(25), L, solve)
    [(41/3, 41/3), (16, 16), (19, 19), (24, 24), (73/3, 73/3)]

    Of the length of the steps itself:

    >>> rest = 30 - window * sympy.floor(30 / window)
    >>> crossings(rest, sympy.Integer(9), window, solve)
    [(10, 10), (21/2, 21/2), (15, 15), (21, 21), (30, 30)]
    """
    steps = floors(symbol, left, right)
    if not all(sympy.diff(x.args[0], symbol).is_Rational for x in steps):
        # Steps ⌊L/C⌋ in C are even ones in 1/C. No window is shorter than the token itself.
        one, other = (side.xreplace({symbol: 1 / symbol}) for side in (left, right))
        found = _places(one, other, symbol, solve, 1.0 if symbol == sy.window else _FARTHEST)
        return [(1 / high, 1 / low) for low, high in reversed(found)]
    return _places(left, right, symbol, solve, _FARTHEST)


def _places(
    left: sympy.Expr,
    right: sympy.Expr,
    symbol: sympy.Symbol,
    solve: Callable[[sympy.Expr, sympy.Expr], list[sympy.Expr]],
    farthest: float,
) -> list[Bracket]:
    """Where two sides change places, all of whose steps are of lengths that are known."""
    steps = {x: _length(x, symbol) for x in floors(symbol, left, right)}
    shortest = min(steps.values())
    taken = {x: sympy.Dummy(positive=True) for x in steps}
    smooth = {x: x.args[0] - v for x, v in taken.items()}
    above, below = apart(*(side.xreplace(smooth) for side in (left, right)))
    # Between two steps how many were taken is known, and the bounds are close.
    number = {x: sympy.Dummy(positive=True) for x in steps}
    between = apart(*(side.xreplace(number) for side in (left, right)))

    solved = 0

    def pieces(n: int) -> Iterator[_Stretch]:
        nonlocal solved
        start, end = n * shortest, (n + 1) * shortest
        borders = {start, end}
        for x, length in steps.items():
            at = x.args[0].xreplace({symbol: start})
            first = start + (sympy.ceiling(at) - at) * length
            borders |= {first + i * length for i in range(math.floor((end - first) / length) + 1)}
        for low, high in itertools.pairwise(sorted(borders)):
            middle = {symbol: (low + high) / 2}
            numbers = {x: sympy.floor(x.args[0].xreplace(middle)) for x in steps}
            box = {number[x]: (float(n), float(n)) for x, n in numbers.items()}
            box[symbol] = (float(low), float(high))
            if sign := larger(*between, box):
                yield _Stretch(low, sign, sign)
                continue
            one, other = (put(side, numbers) for side in (left, right))
            solved += 1
            yield _stretch(one, other, symbol, low, high, solve)

    found: list[_Stretch] = list(pieces(0))
    waiting = [(n, 2 * n) for n in _doublings(float(shortest), farthest)][::-1]
    looked = 0
    while waiting:
        first, last = waiting.pop()
        looked += 1
        if looked > _MOST or solved > _MOST_SOLVED:
            accepted = "sides that do not stay close to each other over hundreds of steps"
            raise InputError("equation", in_letters(left, right), accepted)
        box = dict.fromkeys(taken.values(), (0.0, 1.0))
        box[symbol] = (float(first * shortest), float(last * shortest))
        sign = larger(above, below, box)
        if sign:
            found.append(_Stretch(first * shortest, sign, sign))
        elif last - first == 1:
            found += pieces(first)
        else:
            middle = (first + last) // 2
            waiting += [(middle, last), (first, middle)]
    places: list[Bracket] = []
    for known, stretch in zip([None, *found], found, strict=False):
        if known and known.after != stretch.before:
            places.append((stretch.start, stretch.start))
        places += stretch.places
    return places


def _doublings(length: float, farthest: float) -> Iterator[int]:
    n = 1
    while n * length < farthest:
        yield n
        n *= 2


def _length(step: sympy.Expr, symbol: sympy.Symbol) -> sympy.Rational:
    slope = sympy.diff(step.args[0], symbol)
    if not (slope.is_Rational and slope > 0):
        raise InputError("equation", in_letters(step), f"steps ⌊{symbol}/C⌋ of a known length C")
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
    # With numbers in them more cancels.
    if sign := larger(*apart(left, right), {symbol: (float(low), float(high))}):
        return _Stretch(low, sign, sign)
    close = (high - low) / 10**9
    before, after = (order_at(left, right, {symbol: x}) for x in (low + close, high - close))
    # Equal at both ends they are equal in between, too.
    apart_somewhere = (before or after) and (left.has(symbol) or right.has(symbol))
    roots = solve(left, right) if apart_somewhere else []
    places = []
    for value in roots:
        root = sympy.Rational(sympy.N(value, 30)) if not value.is_Rational else value
        if low < root < high:
            # The next step is no part of the interval, however close it is.
            inside = min(root / 10**15, (root - low) / 2, (high - root) / 2)
            width = 0 if value.is_Rational else inside
            places.append((root - width, root + width))
    return _Stretch(low, before, after, tuple(places))
