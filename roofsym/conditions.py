"""Conditions under which an answer holds, said as simply as they can be.

Without subtractions and positive factors, without what follows from the rest, and one inequality
in place of two that leave nothing out between them.
"""

from __future__ import annotations

import functools
import itertools
import math
from collections.abc import Iterable, Mapping

import sympy
from sympy.logic.boolalg import Boolean

from roofsym import polynomial
from roofsym import symbols as sy
from roofsym.errors import InputError
from roofsym.polynomial import Polynomial, Ring
from roofsym.terms import Factors, Terms, coefficients, fraction
from roofsym.values import irrational_parts, square_roots

_STRICT = (sympy.Gt, sympy.Lt)
_HOLDS = {sympy.Gt: (1,), sympy.Ge: (0, 1), sympy.Eq: (0,)}


def _compare(relation: type[Boolean], terms: Terms) -> Boolean:
    """``terms > 0`` (or ``>= 0``, or ``= 0``), read without subtractions: ``κ L > a``."""
    if terms.sign is not None:
        return sympy.true if terms.sign in _HOLDS[relation] else sympy.false
    if (relation, terms.leaning) in ((sympy.Gt, -1), (sympy.Ge, 1)):
        return sympy.sympify(relation is sympy.Ge)
    # Groups may share what is no factor of their terms: L + 1.
    rest = _beside_the_token(terms.simplest({})).stripped().grouped().stripped()
    if len(rest.products) > 1 and len({n > 0 for n, _ in rest.products}) == 1:
        rest = _subtracted(rest)
    if len(rest.products) > 1:
        plus = Terms((n, f) for n, f in rest.products if n > 0)
        minus = Terms((-n, f) for n, f in rest.products if n < 0)
        return relation(*_quotient(plus, minus), evaluate=False)
    ((number, factors),) = rest.products
    (base, exponent), *more = factors.items()
    if base.is_Add and exponent % 2 and not more:
        return _compare(relation, Terms.of(base).times(1 if number > 0 else -1))
    return relation(rest.expr, 0, evaluate=False)


def _beside_the_token(terms: Terms) -> Terms:
    """A sum in what a window holds beside the token itself, ``W − 1``, where that is shorter."""
    parts = terms.split(sy.window)
    linear, constant = (parts.pop((n, sympy.S.One), Terms([])) for n in (1, 0))
    if parts or not linear.products:
        return terms
    total = constant.minus(linear.times(-1))
    rest = min(total, total.multiplied_out(), key=lambda x: len(x.products))
    if len(rest.products) >= len(constant.products):
        return terms
    return rest.minus(linear.times(-1, {sy.window - 1: 1}))


def _subtracted(terms: Terms) -> Terms:
    """A sum in which what is subtracted is hidden inside of sums, shown.

    Beside a square, ``B (φ − a)² + 4 w (α − σ)`` is ``B (φ − a)² − 4 w (σ − α)``.
    """
    squares = [any(base.is_Add and e % 2 == 0 for base, e in f.items()) for _, f in terms.products]
    if not any(squares):
        return terms.multiplied_out().grouped()
    turned = []
    for square, (number, factors) in zip(squares, terms.products, strict=True):
        open_one = next((x for x, e in factors.items() if e == 1 and polynomial.sign(x) is None), 0)
        if square or not open_one:
            turned.append((number, factors))
        else:
            turned.append((-number, {-x if x == open_one else x: e for x, e in factors.items()}))
    return Terms(turned)


def _quotient(plus: Terms, minus: Terms) -> tuple[sympy.Expr, sympy.Expr]:
    """Two sides, without the sums that are factors of both, or one over the other: ``1 >= q``."""
    factors = [_sums(side.expr) for side in (plus, minus)]
    for base in set.intersection(*factors):
        if polynomial.sign(base) == 1:
            plus, minus = (Terms.of(side.expr / base) for side in (plus, minus))
    sides = plus.expr, minus.expr
    if plus.sign != 1 or minus.sign != 1 or polynomial.too_long(*sides):
        return sides
    if any(side.is_number for side in sides):
        return sides  # Of a number everything is a multiple.
    ring = Ring()
    one, other = map(ring.of, sides)
    if (quotient := ring.divide(other, one)) is not None:
        return sympy.S.One, ring.expr(quotient)
    if (quotient := ring.divide(one, other)) is not None:
        return ring.expr(quotient), sympy.S.One
    return sides


def _sums(expr: sympy.Expr) -> set[sympy.Expr]:
    return {x for x in sympy.Mul.make_args(expr) if x.is_Add}


def above_zero(expr: sympy.Expr | Terms, given: Boolean = sympy.true) -> Boolean:
    """``expr > 0`` without fractions, positive factors cancelled.

    Parameters
    ----------
    given : sympy Boolean
        What holds beside it: that tells the sign of a denominator.

    Examples
    --------
    >>> from roofsym.symbols import L, a, kappa, w
    >>> above_zero(2 * w * kappa * L - 4 * w * a)
    L*kappa > 2*a
    >>> above_zero(1 - w / (a - kappa), given=kappa > a)
    kappa + w > a
    """
    if isinstance(expr, Terms):
        return _compare(sympy.Gt, expr)
    return _without_fractions(sympy.Gt, expr, sympy.S.Zero, given)


def below_zero(terms: Terms) -> Boolean:
    """``terms < 0``."""
    return above_zero(terms.times(-1))


def not_zero(expr: sympy.Expr) -> Boolean:
    """``expr ≠ 0``, wherever it is defined."""
    slack, below = fraction(expr)
    terms = (slack.simplest({}) if below else slack).stripped()
    if terms.sign is not None:
        return sympy.true if terms.sign else sympy.false
    return sympy.Ne(terms.expr, 0, evaluate=False)


def is_zero(terms: Terms) -> Boolean:
    """``terms = 0``."""
    return _compare(sympy.Eq, terms)


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
    a >= phi
    >>> at_least(sympy.sqrt(w / phi), a / phi)
    phi*w >= a**2
    """
    if left.is_number and right.is_number:
        return left >= right
    if has_root(left - right):
        squares = [x for x in map(_square, (left, right)) if x is not None]
        if len(squares) == 2:
            found = at_least(squares[0], squares[1], given)
            roots = [sympy.sqrt(x) for x in found.args] if isinstance(found, sympy.Rel) else []
            return found if not roots or any(map(irrational_parts, roots)) else found.func(*roots)
        sign = polynomial.sign(left - right)
        return sympy.Ge(left, right, evaluate=False) if sign is None else sympy.sympify(sign >= 0)
    return _without_fractions(sympy.Ge, left, right, given)


def _square(expr: sympy.Expr) -> sympy.Expr | None:
    """Square of a positive product of roots; None if it is none."""
    square = expr**2
    plain = not expr.is_Add and not irrational_parts(square) and polynomial.sign(expr) == 1
    return square if plain else None


def _without_fractions(
    relation: type[Boolean], left: sympy.Expr, right: sympy.Expr, given: Boolean
) -> Boolean:
    slack, below = fraction(left - right)
    signs = {base: _sign_given(base, given) for base in below}
    if 0 in signs.values() and right != 0:
        # The value of the unknown stays on its side, where it is told by.
        return relation(left, right, evaluate=False)
    # What divides the sum is divided out; by what is negative, that would turn it around.
    positive = {base: e for base, e in below.items() if signs[base] == 1}
    above = slack.simplest(positive) if below else slack
    if 0 in signs.values():
        return _of_either_sign(relation, above, below, signs)
    sign = math.prod(signs[base] ** e for base, e in below.items())
    return _compare(relation, above.times(sign))


def _of_either_sign(
    relation: type[Boolean], above: Terms, below: Factors, signs: Mapping[sympy.Expr, int]
) -> Boolean:
    """A quotient compared with 0 where the sign of its denominator is open."""
    sign = math.prod(signs[base] ** e for base, e in below.items() if signs[base])
    odd = {base: 1 for base, e in below.items() if not signs[base] and e % 2}
    divisor = Terms([(sign, odd)])
    if above.sign:
        return above_zero(divisor.times(above.sign))
    return any_of(*(
        all_of(_compare(relation, above.times(side)), above_zero(divisor.times(side)))
        for side in (1, -1)
    ))  # fmt: skip


def _sign_given(base: sympy.Expr, given: Boolean) -> int:
    """1 or −1 if a sum has that sign, by itself or where a condition holds; else 0."""
    known = polynomial.sign(base)
    if known is not None:
        return known
    alone = Terms.of(base).stripped().expr
    for literal in literals(given):
        slack = _slack(literal)
        if slack is not None and isinstance(literal, _STRICT):
            known = bare(slack)
            for sign in (1, -1):
                if polynomial.is_zero(alone - sign * known):
                    return sign
    return 0


def has_root(expr: sympy.Expr) -> bool:
    """Whether there is a square root in an expression."""
    return bool(square_roots(expr))


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


def _bond(ring: Ring, one: Boolean, other: Boolean) -> str:
    """How two conditions are seen to hang together: ``implies``, ``implied``, ``excludes``."""
    if isinstance(one, sympy.Ne):
        return "implied" if _slack(other) is not None and _bond(ring, other, one) else ""
    s, t = _slack(one), _slack(other)
    if s is None:
        return ""
    if isinstance(other, sympy.Ne):
        same = any(s == x for x in (other.lhs, -other.lhs))
        return "implies" if same and isinstance(one, _STRICT) else ""
    if t is not None and (said := _shared_side_bond(one, other)):
        return said
    if t is None or polynomial.too_long(s, t) or (s + t).has(sympy.LambertW):
        return ""
    (above_s, below_s), (above_t, below_t) = (ring.quotient(x) for x in (s, t))
    if not ring.sign(below_s) == ring.sign(below_t) == 1:
        return ""
    if above_s == above_t:
        return "implies" if isinstance(one, _STRICT) else "implied"
    strict = isinstance(one, _STRICT) or isinstance(other, _STRICT)
    shared = sorted(s.free_symbols & t.free_symbols, key=sy.rank)
    found = (_linear_bond(ring, above_s, above_t, symbol, strict) for symbol in shared)
    return next(filter(None, found), "")


def _shared_side_bond(one: Boolean, other: Boolean) -> str:
    """Likewise of two that compare one long value with something: ``x >= W``, ``W - 1 >= x``."""
    strict = isinstance(one, _STRICT), isinstance(other, _STRICT)
    for value in {one.gts, one.lts} & {other.gts, other.lts}:
        if value.is_Atom:
            continue
        (above, x), (also_above, y) = (
            (True, c.lts) if c.gts == value else (False, c.gts) for c in (one, other)
        )
        gap = polynomial.sign(x - y if above else y - x)
        if gap is None:
            continue
        if above == also_above:
            return "implies" if gap > 0 or (gap == 0 and strict[0]) else "implied"
        if gap > 0 or (gap == 0 and any(strict)):
            return "excludes"
    return ""


def _linear_bond(
    ring: Ring, one: Polynomial, other: Polynomial, symbol: sympy.Symbol, strict: bool
) -> str:
    s, t = (ring.by_power(x, symbol) for x in (one, other))
    if max(s) != 1 or max(t) != 1:
        return ""
    rises, beside = ring.sign(s[1]), ring.sign(t[1])
    if not rises or not beside:
        return ""
    # Of the borders −s₀/s₁ and −t₀/t₁, which one is further.
    products = (
        polynomial.multiply(s.get(0, {}), t[1]), polynomial.multiply(t.get(0, {}), s[1])
    )  # fmt: skip
    gap = ring.sign(polynomial.add(*products, -1))
    if rises != beside:
        return "excludes" if gap == rises or (gap == 0 and strict) else ""
    return "implies" if gap == -rises else "implied" if gap == rises else ""


# Pairs of terms beyond which looking for what follows takes longer than all the rest of an answer.
_MOST_PAIRS = 100


def _without_joint(ring: Ring, conditions: list[Boolean]) -> Boolean:
    """Several conditions without those that follow from two others, the longest first."""
    slacks: dict[Boolean, Polynomial] = {}
    for condition in conditions:
        slack = _slack(condition)
        if slack is None or has_root(slack) or polynomial.too_long(slack):
            continue
        above, below = ring.quotient(slack)
        if ring.sign(below) == 1:
            slacks[condition] = above
    kept = list(conditions)
    for condition in sorted(slacks, key=lambda c: len(slacks[c]), reverse=True):
        target, strict = slacks.pop(condition), isinstance(condition, _STRICT)
        if _follows(ring, polynomial.multiply(target, {0: -1}), not strict, slacks):
            return sympy.false
        if _follows(ring, target, strict, slacks):
            kept.remove(condition)
        else:
            slacks[condition] = target
    return sympy.And(*kept)


def _follows(
    ring: Ring, target: Polynomial, strict: bool, premises: Mapping[Boolean, Polynomial]
) -> bool:
    """Whether a sum is positive (or not negative) where one or two others are.

    Then a multiple of it is a multiple of the one and a positive rest, or a multiple of the other.
    """
    for condition, first in premises.items():
        if len(target) * len(first) > _MOST_PAIRS:
            continue
        certain = not strict or isinstance(condition, _STRICT)
        for (m, c), (n, d) in itertools.product(target.items(), first.items()):
            if c * d < 0:
                continue
            beside, factor = ring.cofactors(m, n)
            share = polynomial.ratio(c, d)
            # Multiplied out, whole numbers stay whole: fractions take several times as long.
            rest = polynomial.add(
                polynomial.multiply(target, {beside: share.denominator}),
                polynomial.multiply(first, {factor: share.numerator}), -1,
            )  # fmt: skip
            sign = ring.plain_sign(rest)
            if sign == 1 or (sign == 0 and certain):
                return True
            for another, second in premises.items():
                if another == condition or not (certain or isinstance(another, _STRICT)):
                    continue
                quotient = ring.divide(rest, second)
                if quotient is not None and ring.sign(quotient) == 1:
                    return True
    return False


def all_of(*conditions: Boolean) -> Boolean:
    """All of several conditions, without those that follow from another.

    Examples
    --------
    >>> from roofsym.symbols import B, L, w
    >>> all_of(B > w, B > w + L)
    B > L + w
    >>> all_of(w > B, B > w + L)
    False
    >>> all_of(B > w * L, B * L > w + 1, B * B * L > w * L * (w + 1))
    (B > L*w) & (B*L > w + 1)
    >>> value = (w - B) / (L - 1)
    >>> all_of(value >= L, value >= L - 1), all_of(value >= L, L - 1 >= value)
    ((-B + w)/(L - 1) >= L, False)
    """
    joined = sympy.And(*conditions)
    if not isinstance(joined, sympy.And):
        return joined
    kept = list(joined.args)
    # One for all pairs: it remembers what it has multiplied out.
    ring = Ring()
    for one, other in itertools.combinations(joined.args, 2):
        if one in kept and other in kept:
            bond = _bond(ring, one, other)
            if bond == "excludes":
                return sympy.false
            if bond:
                kept.remove(other if bond == "implies" else one)
    return _without_joint(ring, kept) if len(kept) > 2 else sympy.And(*kept)


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
    """One of several conditions, with what all of them have in common said once.

    Examples
    --------
    >>> from roofsym.symbols import L, w
    >>> any_of(w > L, w > L + 2, sympy.And(w > 1, L > w))
    (w > L) | ((L > w) & (w > 1))
    """
    joined = [set(literals(c)) for c in conditions]
    single = [x for x in joined if len(x) == 1]
    for one, other in itertools.permutations(single, 2):
        # What one inequality allows, another may allow as well.
        both = one in joined and other in joined and one != other
        if both and _bond(Ring(), *one, *other) == "implies":
            joined.remove(one)
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
                strict = isinstance(condition, _STRICT)
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
    >>> of_unknown(w >= 3 * (B - w) / (6 * B + 6), (B - w) / (B + 1), L)
    L <= 2*w
    """
    if isinstance(condition, sympy.And | sympy.Or):
        return condition.func(*(of_unknown(x, value, symbol) for x in condition.args))
    if value.is_Atom or not isinstance(condition, sympy.Rel):
        return condition
    for said in (condition, condition.reversed):
        if (share := _share(said.lhs, value)) is not None:
            return said.func(symbol, said.rhs / share, evaluate=False)
    return condition


def _share(expr: sympy.Expr, value: sympy.Expr) -> sympy.Rational | None:
    """What number of times a value an expression is: None if none, or none that is positive."""
    if expr == value:
        return sympy.S.One
    if expr.free_symbols != value.free_symbols or polynomial.too_long(expr, value):
        return None
    ring = Ring()
    (a, b), (c, d) = ring.quotient(expr), ring.quotient(value)
    above, below = polynomial.multiply(a, d), polynomial.multiply(b, c)
    if above.keys() != below.keys():
        return None
    shares = {polynomial.ratio(above[m], below[m]) for m in above}
    share = sympy.Rational(shares.pop()) if len(shares) == 1 else sympy.S.Zero
    return share if share > 0 else None


def simplest(condition: Boolean) -> Boolean:
    """A condition of which each inequality is said as simply as it can be.

    Examples
    --------
    >>> from roofsym.symbols import B, L
    >>> simplest(sympy.Ge(600 + 20 * B * (L + 3), 30 * B * (L + 5), evaluate=False))
    60 >= B*(L + 9)
    """
    if isinstance(condition, sympy.And | sympy.Or):
        return condition.func(*map(simplest, condition.args))
    if isinstance(condition, _STRICT):
        return above_zero(condition.gts - condition.lts)
    if isinstance(condition, sympy.Ge | sympy.Le):
        return at_least(condition.gts, condition.lts)
    return condition


def replaced(condition: Boolean, rules: Mapping[sympy.Expr, sympy.Expr]) -> Boolean:
    """A condition with expressions put in for others, whose sides SymPy does not compare.

    Examples
    --------
    >>> from roofsym.symbols import B, L, w
    >>> replaced(sympy.And(w > B, L > 1), {w: B + L})
    (L > 1) & (B + L > B)
    """
    if isinstance(condition, sympy.And | sympy.Or):
        return condition.func(*(replaced(x, rules) for x in condition.args))
    if condition in (sympy.true, sympy.false):
        return condition
    return condition.func(*(x.xreplace(rules) for x in condition.args), evaluate=False)


def without_signs(cases: tuple[Boolean, ...], value: sympy.Expr) -> tuple[Boolean, ...]:
    """Cases without the signs of a value's numerator and denominator, where it is positive anyhow.

    Only where they are one case with all signs that make it positive: what else a case says may
    follow from its signs.

    Examples
    --------
    >>> from roofsym.symbols import B, L, a, w
    >>> value = (w - a) / (L - B)
    >>> with_signs = sympy.And(w > a, L > B, B > 1), sympy.And(w < a, L < B, B > 1)
    >>> without_signs(with_signs, value)
    (B > 1,)
    >>> without_signs(with_signs[:1], value) == with_signs[:1]
    True
    """
    above, below = fraction(value)
    parts = [x for x in (above.expr, *below) if polynomial.sign(x) is None]
    signs = [bare(x) for x in (*parts, *(-x for x in parts))]
    rests: dict[Boolean, None] = {}
    for case in cases:
        slacks = {x: _slack(x) for x in literals(case)}
        rests[sympy.And(*(
            x for x, slack in slacks.items()
            if slack is None or not any(polynomial.is_zero(bare(slack) - y) for y in signs)
        ))] = None  # fmt: skip
    if len(rests) > 1:
        return cases
    turned = (
        all_of(*(above_zero(side * x) for side, x in zip(sides, parts, strict=True)))
        for sides in itertools.product((1, -1), repeat=len(parts)) if math.prod(sides) == 1
    )  # fmt: skip
    possible = [x for x in turned if x != sympy.false]
    return tuple(rests) if len(cases) == len(possible) else cases


def bare(expr: sympy.Expr) -> sympy.Expr:
    """What has the sign of an expression: without denominators and positive factors."""
    return fraction(expr)[0].stripped().expr


def cases(condition: Boolean) -> tuple[Boolean, ...]:
    """The cases in which a condition holds, none with an `or` in it.

    Examples
    --------
    >>> from roofsym.symbols import B, L, w
    >>> cases(sympy.And(B > w, sympy.Or(L > 1, L > w)))
    ((B > w) & (L > 1), (B > w) & (L > w))
    """
    if isinstance(condition, sympy.Or):
        return tuple(x for part in condition.args for x in cases(part))
    inner = [x for x in literals(condition) if isinstance(x, sympy.Or)]
    if not inner:
        return (condition,)
    others = [x for x in condition.args if x != inner[0]]
    return tuple(x for part in inner[0].args for x in cases(sympy.And(part, *others)))


def solve_condition(
    condition: Boolean, symbol: sympy.Symbol
) -> tuple[tuple[Boolean, Boolean], ...]:
    """A condition solved for one symbol, case by case.

    Parameters
    ----------
    condition : sympy Boolean
        An inequality ``expr > 0`` (or ``< 0``), or several of which one has the symbol.
    symbol : sympy.Symbol
        The symbol to solve for.

    Returns
    -------
    tuple of (case, solved)
        In each case (a condition without `symbol`), what the condition says about `symbol`.
        Empty if that is not linear in it.

    Examples
    --------
    >>> from roofsym.symbols import L, alpha, kappa, phi, a, ridge
    >>> for case, solved in solve_condition(phi + alpha * L - ridge * (kappa * L + a) > 0, L):
    ...     print(case, "->", solved)
    kappa*ridge > alpha -> L < (-a*ridge + phi)/(-alpha + kappa*ridge)
    alpha > kappa*ridge -> L > (a*ridge - phi)/(alpha - kappa*ridge)
    """
    if isinstance(condition, sympy.And):
        inside, beside = sympy.sift(condition.args, lambda x: x.has(symbol), binary=True)
        solved = solve_condition(inside[0], symbol) if len(inside) == 1 else ()
        return tuple((all_of(case, *beside), says) for case, says in solved)
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
