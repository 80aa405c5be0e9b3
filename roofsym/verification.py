"""Whether a value of the unknown makes two sides equal: exactly, and at random points.

Written against the equation as it was asked, by other arithmetic than that which solves it.
"""

from __future__ import annotations

import contextlib
import functools
import math
import operator
import random
from collections.abc import Callable, Iterator, Mapping
from fractions import Fraction
from typing import Any

import mpmath
import sympy
from sympy.logic.boolalg import Boolean

from roofsym import polynomial
from roofsym import symbols as sy
from roofsym.errors import ProofError
from roofsym.polynomial import (
    Number,
    Polynomial,
    Quotient,
    Ring,
    add,
    multiply,
    number,
    power,
    ratio,
)
from roofsym.values import irrational_parts, open_powers, square_roots

_TRIALS = 8
_ENOUGH = 3
_EXACT = (int, Fraction)


# A derivation checks once more what the solver has checked: the second time it is remembered.
@functools.lru_cache(maxsize=1024)
def prove(
    left: sympy.Expr, right: sympy.Expr, symbol: sympy.Symbol, value: sympy.Expr, when: Boolean
) -> None:
    """Check that a value of the unknown makes two sides equal wherever a condition holds.

    Raises
    ------
    ProofError
        If it does not.
    """
    _exactly(left, right, symbol, value, when)
    if value.free_symbols:
        at_random(left, right, symbol, value, when)


# --- exactly ----------------------------------------------------------------------------------


def _exactly(
    left: sympy.Expr, right: sympy.Expr, symbol: sympy.Symbol, value: sympy.Expr, when: Boolean
) -> None:
    ring = Ring()
    slack = ring.difference(ring.quotient(left), ring.quotient(right))
    inside = {base for m in slack for base, _ in ring.factors(m) if base.has(symbol)}
    if inside - {symbol}:
        # Each arm of a Min or Max was proved as it was solved; here, that the value lies in its
        # regime is left to be seen, and of a power that two sides of its logarithm are one.
        return
    parts = ring.by_power(slack, symbol)
    # A branch that holds where the leading coefficient vanishes solves what is left.
    for zero in _vanishing(when):
        if ring.divide(parts[max(parts)], ring.quotient(zero)[0]) is not None:
            del parts[max(parts)]
    # Of ρ^64 alone, the value is a 64th root: what it is the root of has none.
    if (common := math.gcd(*parts)) > 1:
        parts = {exponent // common: part for exponent, part in parts.items()}
        value = value**common
    if square_roots(value):
        solves = polynomial.is_zero_at_root(ring, parts, value)
    else:
        solves = not _at_quotient(parts, ring.quotient(value))
    if solves:
        return
    # Nor do roots of numbers cancel exactly.
    parts_of_sides = (p for x in (left, right) for p in irrational_parts(x))
    inexact = any(p.is_Float or (p.is_number and p.is_irrational) for p in parts_of_sides)
    if inexact and _is_rounding(ring, parts, value):
        return
    raise ProofError(f"{value} does not solve {left} = {right}")


def _at_quotient(parts: Mapping[int, Polynomial], value: Quotient) -> Polynomial:
    """Value of a polynomial at a quotient, times the denominator's highest power."""
    above, below = value
    highest, total = max(parts), {}  # type: ignore[var-annotated]
    for exponent, part in parts.items():
        powers = multiply(power(above, exponent), power(below, highest - exponent))
        total = add(total, multiply(part, powers))
    return total


def _is_rounding(ring: Ring, parts: Mapping[int, Polynomial], value: sympy.Expr) -> bool:
    # A power of a large exponent was evaluated, to many digits: the value has as many.
    coefficients = {exponent: ring.expr(part) for exponent, part in parts.items()}
    free = set().union(value.free_symbols, *(c.free_symbols for c in coefficients.values()))
    source = random.Random("rounding")
    for _ in range(_TRIALS if free else 1):
        # Of what is open, any values will do.
        point = {s: sympy.Rational(source.randint(1, 10**6), 997) for s in sorted(free, key=str)}
        x = sympy.N(value.xreplace(point), 60)
        terms = [sympy.N(c.xreplace(point), 60) * x**n for n, c in coefficients.items()]
        if not abs(sum(terms)) * 10**30 < max(map(abs, terms)):
            return False
    return True


def _vanishing(when: Boolean) -> Iterator[sympy.Expr]:
    for literal in when.args if isinstance(when, sympy.And) else (when,):
        if isinstance(literal, sympy.Eq):
            yield literal.lhs - literal.rhs


# --- at random points -------------------------------------------------------------------------


def at_random(
    left: sympy.Expr, right: sympy.Expr, symbol: sympy.Symbol, value: sympy.Expr, when: Boolean
) -> None:
    """Check at a few random points inside the condition that the two sides are equal.

    Raises
    ------
    ProofError
        If they are not.
    """
    free = set().union(*(x.free_symbols for x in (left, right, value, when)))
    others = sorted(free - {symbol}, key=lambda s: s.name)
    source = random.Random(" ".join(s.name for s in others))
    # An exact power with an exponent of a million has a million digits.
    largest = 20 if open_powers(left) or open_powers(right) else 10**6
    inside = 0
    for _ in range(_TRIALS):
        # Evenly over the orders of magnitude: a condition compares products of several symbols.
        point: dict[sympy.Symbol, Any] = {
            s: max(1, round(largest ** source.random())) for s in others
        }
        for share in {sy.rho, sy.fraction} & point.keys():
            point[share] = Fraction(source.randint(1, 99), 100)
        if sy.n_experts in point and sy.top_k in point:
            # Of all experts chosen, none is idle: the share that is raised to a power is 0.
            point[sy.n_experts] += point[sy.top_k]
        if not holds(when, point):
            continue
        try:
            _at_point(left, right, symbol, value, point)
        except NotRealError:
            # More experts chosen than there are, say: a point that no model is at.
            continue
        inside += 1
        if inside == _ENOUGH or not others:
            return


def _at_point(
    left: sympy.Expr,
    right: sympy.Expr,
    symbol: sympy.Symbol,
    value: sympy.Expr,
    point: Mapping[sympy.Symbol, Any],
) -> None:
    one, other = _sides(left, right, symbol, value, point)
    if isinstance(one, _EXACT) and isinstance(other, _EXACT):
        same = one == other
    else:
        # Both terms of a root can be large and nearly equal: floats would not do, nor would fewer
        # digits than the numbers have.
        with _digits(value, left, right):
            one, other = map(decimal, _sides(left, right, symbol, value, point))
            # At a point a side can be 0 (one device sends nothing): measured by those elsewhere.
            beside = map(decimal, _sides(left, right, symbol, 2 * value, point))
            same = abs(one - other) * 10**20 <= max(map(abs, (one, other, *beside)))
    if not same:
        raise ProofError(f"{value} is no crossing at {dict(point)}: {one} != {other}")


def _sides(
    left: sympy.Expr,
    right: sympy.Expr,
    symbol: sympy.Symbol,
    value: sympy.Expr,
    point: Mapping[sympy.Symbol, Any],
) -> tuple[Any, Any]:
    here = {**point, symbol: value_at(value, point)}
    return value_at(left, here), value_at(right, here)


@contextlib.contextmanager
def _digits(*exprs: sympy.Expr) -> Iterator[None]:
    longest = max(
        (max(n.p.bit_length(), n.q.bit_length()) for x in exprs for n in x.atoms(sympy.Rational)),
        default=0,
    )
    with mpmath.workdps(100 + longest):
        yield


def order_at(left: sympy.Expr, right: sympy.Expr, point: Mapping[sympy.Symbol, sympy.Expr]) -> int:
    """1, 0 or −1: whether the first of two expressions is larger, equal or smaller at a point.

    In decimals, since a power with a root in its exponent has no exact value that one could print;
    equal is what differs by rounding.

    Examples
    --------
    >>> from roofsym.symbols import B, rho
    >>> order_at(sympy.Integer(1), rho**B, {rho: sympy.Rational(1, 2), B: sympy.Integer(10**9)})
    1
    """
    with _digits(left, right, *point.values()):
        here = {s: decimal(value_at(x, {})) for s, x in point.items()}
        one, other = (decimal(value_at(side, here)) for side in (left, right))
        if abs(one - other) * mpmath.mpf(10) ** 60 <= max(abs(one), abs(other)):
            return 0
        return 1 if one > other else -1


_RELATIONS: dict[type, Callable[[Any, Any], bool]] = {
    sympy.Gt: operator.gt,
    sympy.Ge: operator.ge,
    sympy.Lt: operator.lt,
    sympy.Le: operator.le,
    sympy.Eq: operator.eq,
    sympy.Ne: operator.ne,
}


def holds(when: Boolean, point: Mapping[sympy.Symbol, Any]) -> bool:
    """Whether a condition holds at a point; outside its roots, those of a negative number, not.

    Examples
    --------
    >>> from roofsym.symbols import B, w
    >>> holds(B > w, {B: 3, w: 2})
    True
    """
    if when in (sympy.true, sympy.false):
        return bool(when == sympy.true)
    if isinstance(when, sympy.And):
        return all(holds(x, point) for x in when.args)
    if isinstance(when, sympy.Or):
        return any(holds(x, point) for x in when.args)
    try:
        sides = [value_at(x, point) for x in (when.lhs, when.rhs)]
        if not all(isinstance(x, _EXACT) for x in sides):
            # What a root is subtracted from can be nearly as large.
            with _digits(when.lhs, when.rhs):
                sides = [decimal(value_at(x, point)) for x in (when.lhs, when.rhs)]
                return bool(_RELATIONS[type(when)](*sides))
    except NotRealError:
        return False
    return bool(_RELATIONS[type(when)](*sides))


_FUNCTIONS: dict[type, Callable[..., Any]] = {
    sympy.Min: min,
    sympy.Max: max,
    sympy.floor: lambda x: x // 1 if isinstance(x, _EXACT) else mpmath.floor(x),
    sympy.log: lambda x: _real(mpmath.log(decimal(x))),
    sympy.LambertW: lambda x: _real(mpmath.lambertw(decimal(x))),
}


class NotRealError(ValueError):
    """A root or a logarithm of a negative number, or a division by 0."""


def _real(x: Any) -> Any:
    if isinstance(x, mpmath.mpc) and x.imag != 0:
        raise NotRealError(str(x))
    return x.real


def decimal(x: Any) -> Any:
    """A number as mpmath's, a fraction with the digits that are worked in."""
    return mpmath.mpf(x.numerator) / x.denominator if isinstance(x, _EXACT) else x


def value_at(expr: sympy.Expr, point: Mapping[sympy.Symbol, Any]) -> Any:
    """Value of an expression at a point: exact as long as it has no roots nor logarithms.

    Raises
    ------
    NotRealError
        If it is a root or logarithm of a negative number, or a division by 0.

    Examples
    --------
    >>> from roofsym.symbols import B, w
    >>> value_at(B / w + 1, {B: 3, w: 2})
    Fraction(5, 2)
    """
    if expr.is_Symbol:
        return point[expr]
    if expr.is_Rational:
        return number(expr)
    if expr.is_Float:
        return mpmath.mpf(expr)
    if not irrational_parts(expr) and all(isinstance(x, _EXACT) for x in point.values()):
        return ratio(*_quotient_at(expr, point))
    parts = [value_at(x, point) for x in expr.args]
    if not all(isinstance(x, _EXACT) for x in parts):
        parts = [decimal(x) for x in parts]
    if expr.is_Add:
        return functools.reduce(operator.add, parts)
    if expr.is_Mul:
        return functools.reduce(operator.mul, parts)
    if expr.is_Pow:
        base, exponent = parts
        if base == 0 and exponent < 0:
            raise NotRealError(f"{expr} is infinite")
        if expr.exp.is_Integer:
            # A whole number to a negative power would be a float.
            exact = Fraction(base) if isinstance(base, int) and exponent < 0 else base
            return exact ** int(expr.exp)
        if base < 0:
            raise NotRealError(f"{base} has no real root")
        return mpmath.power(decimal(base), decimal(exponent))
    return _FUNCTIONS[expr.func](*parts)


def _quotient_at(expr: sympy.Expr, point: Mapping[sympy.Symbol, Number]) -> tuple[int, int]:
    """Numerator and denominator of a quotient of polynomials at a point of exact numbers.

    Not cancelled: Python's fractions are, after each step, which takes most of their time.
    """
    if expr.is_Symbol:
        value = point[expr]
        return value.numerator, value.denominator
    if expr.is_Rational:
        return int(expr.p), int(expr.q)
    if expr.is_Add:
        p, q = 0, 1
        for x in expr.args:
            r, s = _quotient_at(x, point)
            more, rest = divmod(q, s)
            p, q = (p * s + r * q, q * s) if rest else (p + r * more, q)
        return p, q
    if expr.is_Mul:
        parts = [_quotient_at(x, point) for x in expr.args]
        return math.prod(p for p, _ in parts), math.prod(q for _, q in parts)
    p, q = _quotient_at(expr.base, point)
    exponent = int(expr.exp)
    if exponent < 0:
        if not p:
            raise NotRealError(f"{expr} is infinite")
        p, q, exponent = q, p, -exponent
    return p**exponent, q**exponent
