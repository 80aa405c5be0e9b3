"""Exact arithmetic of the solver against SymPy's own, and against values at random points."""

from __future__ import annotations

from fractions import Fraction

import mpmath
import pytest
import sympy
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from roofsym import polynomial
from roofsym import symbols as sy
from roofsym.conditions import above_zero, all_of, at_least, either
from roofsym.errors import ProofError
from roofsym.polynomial import Ring, add, is_zero, multiply, power, sign
from roofsym.symbols import B, L, a, alpha, kappa, phi, rho, ridge, w, window
from roofsym.terms import Terms, coefficients, fraction, product
from roofsym.values import put
from roofsym.verification import NotRealError, holds, prove, value_at

LETTERS = (B, L, kappa, a, w)

numbers = st.builds(
    lambda n, d: sympy.Rational(n, d),
    st.integers(-9, 9).filter(bool),
    st.integers(1, 4),
)


def grown(inner: st.SearchStrategy) -> st.SearchStrategy:
    """Sums, products, quotients and powers of expressions."""
    return st.one_of(
        st.builds(sympy.Add, inner, inner),
        st.builds(sympy.Add, inner, inner, inner),
        st.builds(sympy.Mul, inner, inner),
        st.builds(lambda x, y: x / y, inner, inner),
        st.builds(lambda x, n: x**n, inner, st.sampled_from([-1, 2])),
    )


expressions = st.recursive(st.one_of(st.sampled_from(LETTERS), numbers), grown, max_leaves=8)
points = st.fixed_dictionaries(
    {s: st.builds(Fraction, st.integers(1, 50), st.integers(1, 50)) for s in LETTERS}
)


def finite(expr: sympy.Expr) -> sympy.Expr:
    assume(not expr.has(sympy.zoo, sympy.nan, sympy.oo))
    return expr


@settings(max_examples=300, deadline=None)
@given(expressions)
def test_a_quotient_is_the_expression(expr: sympy.Expr):
    finite(expr)
    ring = Ring()
    above, below = (ring.expr(x) for x in ring.quotient(expr))
    assume(below != 0)
    assert sympy.cancel(above / below - expr) == 0


@settings(max_examples=300, deadline=None)
@given(expressions)
def test_terms_over_their_denominator_are_the_expression(expr: sympy.Expr):
    above, below = fraction(finite(expr))
    below = sympy.Mul(*(base**e for base, e in below.items()))
    assume(sympy.cancel(below) != 0)
    assert sympy.cancel(above.expr / below - expr) == 0


@settings(max_examples=300, deadline=None)
@given(
    numbers,
    st.dictionaries(
        st.one_of(expressions, st.sampled_from([rho**B, rho, sympy.Max(L, w), sympy.sqrt(B + L)])),
        st.integers(-2, 3).filter(bool),
        max_size=4,
    ),
)
def test_a_product_is_what_sympy_makes_of_it(number: sympy.Rational, factors):
    assume(all(finite(x) != 0 for x in factors))
    made = product(polynomial.number(number), factors)
    assert made == sympy.Mul(number, *(x**e for x, e in factors.items()))


@pytest.mark.parametrize("share", [sy.top_k / 20, sympy.Rational(13, 4) / sy.n_experts])
def test_a_power_of_a_billion_tokens_is_read_without_its_digits(share: sympy.Expr):
    # 1/20 to that power has a billion digits: reading it took hours.
    above, below = fraction(B * (1 - share) ** 10**9 + 1)
    assert len(above.products) == 2
    assert sum(below.values()) in (0, 10**9)


def test_a_power_of_an_answer_with_w_in_it_is_a_decimal():
    # The batch of a mixture over slow links, in its own condition: exactly, it took minutes.
    z = L * (w + kappa) / a
    batch = z - sympy.LambertW(rho**z * w * sympy.log(rho) / a) / sympy.log(rho)
    values = {rho: Fraction(7, 8), L: 8 * 10**9, w: 57, kappa: 3, a: 3350000000021}
    found = put(rho**batch * B, {s: sympy.Rational(x) for s, x in values.items()})
    with mpmath.workdps(50):
        share, x = mpmath.mpf(7) / 8, mpmath.mpf(8 * 10**9 * 60) / 3350000000021
        rate = mpmath.log(share)
        power = x - mpmath.lambertw(share**x * 57 * rate / 3350000000021) / rate
        assert mpmath.almosteq(mpmath.mpf(found.coeff(B)), share**power, rel_eps=1e-40)


@settings(max_examples=300, deadline=None)
@given(expressions, expressions)
def test_sums_divided_are_their_quotient(one: sympy.Expr, other: sympy.Expr):
    above, below = Terms.of(finite(one)), Terms.of(finite(other))
    assume(sympy.cancel(below.expr) != 0)
    assert sympy.cancel(above.divided_by(below) - above.expr / below.expr) == 0


def test_products_that_sympy_joins_are_one_term():
    # The square of a root, as the product of two sums has it.
    written = Terms([(1, {sympy.sqrt(L): 2, B: 1}), (2, {L: 1, B: 1})])
    assert written.expr == 3 * B * L
    assert written.as_product() == (3, {B: 1, L: 1})


@settings(max_examples=300, deadline=None)
@given(expressions, points)
def test_a_known_sign_is_the_sign_everywhere(expr: sympy.Expr, point):
    known = sign(finite(expr))
    try:
        value = value_at(expr, point)
    except NotRealError:
        assume(False)
    assert value == expr.xreplace({s: sympy.Rational(x) for s, x in point.items()})
    if known is not None:
        assert known == (value > 0) - (value < 0)
    assert is_zero(expr) <= (value == 0)


@settings(max_examples=200, deadline=None)
@given(expressions, points)
def test_conditions_say_what_they_are_asked_for(expr: sympy.Expr, point):
    finite(expr)
    # What is asked for has denominators that are positive.
    assume(all(sign(base) == 1 for base in fraction(expr)[1]))
    value = value_at(expr, point)
    assert holds(above_zero(expr), point) == (value > 0)
    assert holds(at_least(expr, w), point) == (value >= point[w])


@settings(max_examples=200, deadline=None)
@given(st.lists(expressions, min_size=2, max_size=3), points)
def test_joined_conditions_are_as_strong_as_their_parts(exprs: list[sympy.Expr], point):
    for expr in exprs:
        assume(all(sign(base) == 1 for base in fraction(finite(expr))[1]))
    parts = [above_zero(x) for x in exprs]
    assert holds(all_of(*parts), point) == all(holds(x, point) for x in parts)
    assert holds(either(*parts[:2]), point) == any(holds(x, point) for x in parts[:2])


@settings(max_examples=200, deadline=None)
@given(expressions, expressions)
def test_division_undoes_multiplication(one: sympy.Expr, other: sympy.Expr):
    ring = Ring()
    p, q = (ring.quotient(finite(x))[0] for x in (one, other))
    assume(q)
    product = multiply(p, q)
    assert add(ring.divide(product, q), p, -1) == {}
    # One more makes a remainder, unless the divisor is a number.
    if ring.expr(q).free_symbols:
        assert ring.divide(add(product, {0: 1}), q) is None


def test_powers_with_symbols_above_are_the_same_in_any_form():
    k, e = sy.top_k, sy.n_experts
    assert is_zero((1 - k / e) ** B - ((e - k) / e) ** B)
    assert is_zero(rho ** (B * (L + 1)) - rho ** (B * L) * rho**B)
    assert is_zero(rho ** (B + 2) - rho**B * rho**2)
    assert is_zero(sympy.Max(w, a * (B + L)) - sympy.Max(a * B + a * L, w))
    assert not is_zero(rho ** (B * L) - rho**B)


@settings(max_examples=150, deadline=None)
@given(expressions, expressions, st.sampled_from([0, 1, -1]))
def test_values_modulo_a_prime_tell_what_is_zero(one, other, off):
    x, y = (finite(e) for e in (one, other))
    assume(x != 0)
    assume(y != 0)
    equal = sympy.expand(x * y) + off
    try:
        residue = polynomial._Point(1)[equal - x * y]
    except ValueError:
        assume(False)  # A denominator that is 0.
    assert (residue == 0) == (off == 0)


def test_what_is_too_long_is_proved_all_the_same():
    long = (B + L + a + w) ** 40 / (kappa + L)
    assert polynomial.too_long(long)
    assert is_zero(long * (kappa + L) - (B + L + a + w) ** 40)
    assert not is_zero(long * (kappa + L) - (B + L + a + w) ** 40 - 1)
    assert sign(long - w) is None


def test_a_power_of_many_terms_is_still_positive():
    assert power({1: 1, 0: 1}, 3) == {3: 1, 2: 3, 1: 3, 0: 1}
    assert sign((B + L + w) ** 4000 + 1) == 1


@pytest.mark.parametrize(
    ("expr", "known"),
    [
        (window - 1 + a, 1),
        (2 - 2 * window - a, -1),
        (window - 2, None),
        (1 - rho, 1),
        (rho**B * rho - 2, -1),
        (w * (1 - rho**B) + rho, 1),
        (1 - sy.fraction, None),
        ((B - L) ** 2, None),  # It may be 0.
        ((B - L) ** 2 + 4 * B * L, 1),
        (sympy.log(sympy.Rational(7, 9)) * B, -1),
        (sympy.log(B), None),
        (1 / (rho - 1), -1),
        (kappa * sympy.Min(L, window - 1), 1),  # A window of one token alone is no window.
        (kappa * sympy.Min(L, window) + 1, 1),
        (sympy.Max(0, L - window), None),
        (sympy.Max(0, L - window) + a, 1),
        (-a - sympy.Max(w, L - window), -1),
    ],
    ids=str,
)
def test_signs_that_the_meaning_of_symbols_gives(expr: sympy.Expr, known: int | None):
    assert sign(expr) is known


def test_a_share_to_a_long_exponent_is_less_than_1():
    # Each term of the exponent is a power of its own: term by term, they took gigabytes.
    long = sympy.Add(*(B * L**n for n in range(30)))
    assert sign(1 - rho**long) == 1
    assert sign(w * (1 - rho**long) + a) == 1
    # Of an exponent that may be negative, the power may be more than 1.
    assert sign(1 - rho ** (B - L)) is None
    assert sign(1 - rho**-B) is None


def test_what_the_unknown_does_not_touch_keeps_its_shape():
    parts = coefficients(B * (alpha * L + phi), ridge * (B * (kappa * L + a) + w), B)
    assert parts[0].expr == -ridge * w
    assert parts[1].expr == alpha * L + phi - ridge * (kappa * L + a)


def test_conditions_are_as_short_as_they_can_be():
    # What left and right share is gone, and so is what follows from the rest.
    assert above_zero(2 * B * w * kappa - 4 * B * w * a) == (kappa > 2 * a)
    assert all_of(kappa > a, kappa + L > a) == (kappa > a)
    assert all_of(kappa > a + 1, kappa >= a) == (kappa > a + 1)
    assert either(kappa > a, a >= kappa) == sympy.true
    assert at_least(phi * (w / a) / B, w / B) == (phi >= a)
    # Half of what was multiplied out goes again.
    assert at_least(((a + w) ** 2 - a**2) / w, 3 * a) == (w >= a)


def test_a_root_of_a_negative_number_is_outside():
    with pytest.raises(NotRealError):
        value_at(sympy.sqrt(B - L), {B: Fraction(1), L: Fraction(2)})
    assert not holds(sympy.Gt(sympy.sqrt(B - L), w, evaluate=False), {B: 1, L: 2, w: 1})


def test_a_root_that_is_wrong_by_less_than_digits_tell_is_no_proof():
    # At points, roots are compared to 12 digits: that they are exact is seen in the equation alone.
    prove(B**2, w, B, sympy.sqrt(w), sympy.true)
    almost = sympy.sqrt(w) * (1 + sympy.Rational(1, 10**20))
    with pytest.raises(ProofError):
        prove(B**2, w, B, almost, sympy.true)
    with pytest.raises(ProofError):
        prove(B * kappa, w, B, w / kappa + 1, sympy.true)


def test_the_same_factors_are_added_up():
    terms = Terms([(1, {B: 1}), (2, {B: 1}), (1, {w: 2}), (-1, {w: 2})])
    assert terms.expr == 3 * B
    assert terms.times(-1).sign == -1
