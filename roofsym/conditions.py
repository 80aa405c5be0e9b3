"""Conditions under which an answer holds, said as simply as they can be.

Without subtractions and positive factors, without what follows from the rest, and one inequality
in place of two that leave nothing out between them.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Iterable

import sympy
from sympy.logic.boolalg import Boolean

from roofsym import polynomial
from roofsym import symbols as sy
from roofsym.errors import InputError
from roofsym.polynomial import Polynomial, Ring
from roofsym.terms import Terms, coefficients, fraction

_HOLDS = {sympy.Gt: (1,), sympy.Ge: (0, 1)}


def _compare(relation: type[Boolean], terms: Terms) -> Boolean:
    """``terms > 0`` (or ``>= 0``), read without subtractions: ``κ L > a``."""
    if terms.sign is not None:
        return sympy.true if terms.sign in _HOLDS[relation] else sympy.false
    rest = terms.stripped().grouped()
    if len(rest.products) > 1:
        plus = Terms((n, f) for n, f in rest.products if n > 0)
        minus = Terms((-n, f) for n, f in rest.products if n < 0)
        return relation(plus.expr, minus.expr, evaluate=False)
    ((number, factors),) = rest.products
    (base, exponent), *more = factors.items()
    if base.is_Add and exponent % 2 and not more:
        return _compare(relation, Terms.of(base).times(1 if number > 0 else -1))
    return relation(rest.expr, 0, evaluate=False)


def _terms(expr: sympy.Expr | Terms) -> Terms:
    return expr if isinstance(expr, Terms) else Terms.of(expr)


def above_zero(expr: sympy.Expr | Terms) -> Boolean:
    """``expr > 0``, its denominators being positive.

    Examples
    --------
    >>> from roofsym.symbols import L, a, kappa, w
    >>> above_zero(2 * w * kappa * L - 4 * w * a)
    L*kappa > 2*a
    """
    return _compare(sympy.Gt, _terms(expr))


def below_zero(expr: sympy.Expr | Terms) -> Boolean:
    """``expr < 0``, its denominators being positive."""
    return _compare(sympy.Gt, _terms(expr).times(-1))


def not_zero(expr: sympy.Expr) -> Boolean:
    """``expr ≠ 0``, its denominators being positive."""
    terms = Terms.of(expr)
    if terms.sign in (1, -1):
        return sympy.true
    return sympy.Ne(terms.stripped().expr, 0, evaluate=False)


def is_zero(terms: Terms) -> Boolean:
    """``terms = 0``."""
    if terms.sign is not None:
        return sympy.true if terms.sign == 0 else sympy.false
    return sympy.Eq(terms.stripped().expr, 0, evaluate=False)


def at_least(left: sympy.Expr, right: sympy.Expr, given: Boolean = sympy.true) -> Boolean:
    """``left >= right`` without fractions, positive factors cancelled.

    Parameters
    ----------
    given : sympy Boolean
        What holds beside it: that tells the sign of a denominator.

    Examples
    --------
    >>> from roofsym.symbols import B, a, peak, phi, w
    >>> at_least(phi * (w / a) / peak, w / peak)
    phi >= a
    >>> at_least(w / (phi - a), B, given=phi > a)
    w >= B*(-a + phi)
    >>> at_least((w * phi - w * a) / (phi - a), -B, given=a > phi)
    a*(B + w) >= phi*(B + w)
    """
    if left.is_number and right.is_number:
        return left >= right
    slack, below = fraction(left - right)
    signs = {base: _sign_given(base, given) for base in below}
    if _has_root(left - right) or 0 in signs.values():
        return sympy.Ge(left, right, evaluate=False)
    # What divides the sum is divided out; by what is negative, that would turn it around.
    positive = {base: e for base, e in below.items() if signs[base] == 1}
    sign = math.prod(signs[base] ** e for base, e in below.items())
    return _compare(sympy.Ge, slack.simplest(positive).times(sign))


def _sign_given(base: sympy.Expr, given: Boolean) -> int:
    """1 or −1 if a sum has that sign, by itself or where a condition holds; else 0."""
    known = polynomial.sign(base)
    if known is not None:
        return known
    bare = Terms.of(base).stripped().expr
    for literal in literals(given):
        slack = _slack(literal)
        if slack is not None and isinstance(literal, sympy.Gt | sympy.Lt):
            for sign in (1, -1):
                if polynomial.is_zero(bare - sign * slack):
                    return sign
    return 0


def _has_root(expr: sympy.Expr) -> bool:
    return any(p.exp == sympy.Rational(1, 2) for p in expr.atoms(sympy.Pow))


def literals(condition: Boolean) -> tuple[Boolean, ...]:
    """What an ``And`` joins, or the condition itself."""
    return condition.args if isinstance(condition, sympy.And) else (condition,)


# --- what follows from what -------------------------------------------------------------------


@functools.lru_cache(maxsize=1024)
def _slack(condition: Boolean) -> sympy.Expr | None:
    """What is positive (or not negative) where an inequality holds."""
    if isinstance(condition, sympy.Gt | sympy.Lt | sympy.Ge | sympy.Le):
        return condition.gts - condition.lts
    return None


def _implies(ring: Ring, first: Boolean, second: Boolean) -> bool:
    """Whether one inequality is seen to follow from another, linear in a symbol that they share."""
    strong, weak = _slack(first), _slack(second)
    if strong is None:
        return False
    if isinstance(second, sympy.Ne):
        return any(strong == x for x in (second.lhs, -second.lhs))
    if weak is None or polynomial.too_long(strong, weak):
        return False
    (s, below_s), (t, below_t) = (ring.quotient(x) for x in (strong, weak))
    if not ring.sign(below_s) == ring.sign(below_t) == 1:
        return False
    if s == t:
        return first.func == second.func or isinstance(first, sympy.Gt | sympy.Lt)
    shared = strong.free_symbols & weak.free_symbols
    return any(_follows(ring, s, t, symbol) for symbol in sorted(shared, key=sy.rank))


def _follows(ring: Ring, strong: Polynomial, weak: Polynomial, symbol: sympy.Symbol) -> bool:
    s, t = (ring.by_power(x, symbol) for x in (strong, weak))
    if max(s) != 1 or max(t) != 1:
        return False
    rises = ring.sign(t[1])
    if not rises or ring.sign(s[1]) != rises:
        return False
    # Where the weaker one ends, at −t₀/t₁, the stronger one does not hold any more.
    one = polynomial.multiply(s.get(0, {}), t[1])
    other = polynomial.multiply(t.get(0, {}), s[1])
    return ring.sign(polynomial.add(one, other, -1)) == -rises


def all_of(*conditions: Boolean) -> Boolean:
    """All of several conditions, without those that follow from another."""
    joined = sympy.And(*conditions)
    if not isinstance(joined, sympy.And):
        return joined
    kept = list(joined.args)
    # One for all pairs: it remembers what it has multiplied out.
    ring = Ring()
    for condition in joined.args:
        if any(_implies(ring, other, condition) for other in kept if other != condition):
            kept.remove(condition)
    return sympy.And(*kept)


def either(first: Boolean, second: Boolean) -> Boolean:
    """One of two conditions; one alone where they cover what remains between them."""
    joined = set(literals(first)), set(literals(second))
    shared = joined[0] & joined[1]
    alone, other = (x - shared for x in joined)
    if len(alone) == len(other) == 1:
        one, two = _slack(*alone), _slack(*other)
        if one is not None and two is not None and polynomial.is_zero(one + two):
            return sympy.And(*shared)
    return sympy.Or(first, second)


def any_of(*conditions: Boolean) -> Boolean:
    """One of several conditions, with what all of them have in common said once."""
    joined = [set(literals(c)) for c in conditions]
    shared = set.intersection(*joined)
    return sympy.And(*shared, sympy.Or(*(sympy.And(*(x - shared)) for x in joined)))


def alike(condition: Boolean, others: Iterable[Boolean]) -> Boolean:
    """A condition with the opposite of what is among others written as they write it.

    Examples
    --------
    >>> from roofsym.symbols import B, L, a, kappa
    >>> alike(a + B >= B * L + kappa, [B * (L - 1) + kappa >= a])
    a >= B*(L - 1) + kappa
    """
    if isinstance(condition, sympy.And | sympy.Or):
        return condition.func(*(alike(x, others) for x in condition.args))
    slack = _slack(condition)
    if slack is None:
        return condition
    for other in others:
        for literal in literals(other):
            opposite = _slack(literal)
            if opposite is None or opposite.free_symbols != slack.free_symbols:
                continue
            if polynomial.is_zero(slack + opposite):
                strict = isinstance(condition, sympy.Gt | sympy.Lt)
                relation = sympy.Gt if strict else sympy.Ge
                return relation(literal.lts, literal.gts, evaluate=False)
    return condition


def of_unknown(condition: Boolean, value: sympy.Expr, symbol: sympy.Symbol) -> Boolean:
    """A condition on the value of an unknown, said of the unknown: ``L <= W`` for a long value.

    Examples
    --------
    >>> from roofsym.symbols import B, L, w
    >>> of_unknown(w >= B - w, B - w, L)
    L <= w
    """
    if isinstance(condition, sympy.And | sympy.Or):
        return condition.func(*(of_unknown(x, value, symbol) for x in condition.args))
    if value in condition.args and not value.is_Atom:
        said = condition if condition.lhs == value else condition.reversed
        return said.func(symbol, said.rhs, evaluate=False)
    return condition


def alternatives(condition: Boolean) -> tuple[Boolean, ...]:
    """The condition itself, and the alternatives that it lists if it is an ``Or``."""
    return (condition, *condition.args) if isinstance(condition, sympy.Or) else (condition,)


def solve_condition(
    condition: Boolean, symbol: sympy.Symbol
) -> tuple[tuple[Boolean, Boolean], ...]:
    """A condition solved for one symbol, case by case.

    Parameters
    ----------
    condition : sympy Boolean
        An inequality ``expr > 0`` (or ``< 0``).
    symbol : sympy.Symbol
        The symbol to solve for.

    Returns
    -------
    tuple of (case, solved)
        In each case (a condition without `symbol`), what the condition says about `symbol`.
        Empty if the inequality is not linear in it.

    Examples
    --------
    >>> from roofsym.symbols import L, alpha, kappa, phi, a, ridge
    >>> for case, solved in solve_condition(phi + alpha * L - ridge * (kappa * L + a) > 0, L):
    ...     print(case, "->", solved)
    kappa*ridge > alpha -> L < (-a*ridge + phi)/(-alpha + kappa*ridge)
    alpha > kappa*ridge -> L > (a*ridge - phi)/(alpha - kappa*ridge)
    """
    if not isinstance(condition, sympy.Gt | sympy.Lt):
        return ()
    slack = condition.gts - condition.lts
    try:
        parts = coefficients(slack, sympy.S.Zero, symbol)
    except InputError:
        return ()
    if set(parts) != {0, 1}:
        return ()
    slope = parts[1]
    c0, c1 = parts[0].expr, slope.expr
    below = sympy.Lt(symbol, c0 / (-c1))
    above = sympy.Gt(symbol, (-c0) / c1)
    if slope.sign is not None:
        return ((sympy.true, below if slope.sign == -1 else above),)
    return ((below_zero(slope), below), (above_zero(slope), above))
