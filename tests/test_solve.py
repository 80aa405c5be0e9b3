"""Crossovers against brute force, and against equations whose roots are known beforehand."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction

import numpy as np
import pytest
import sympy
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from support import sign_changes

import roofsym as rs
from roofsym import symbols as sy
from roofsym.conditions import literals, of_unknown, solve_condition
from roofsym.ledger import Ledger
from roofsym.limits import limit
from roofsym.nearest import closest
from roofsym.polynomial import number
from roofsym.quantities import Subject
from roofsym.render.expression import render
from roofsym.results.own import Equation
from roofsym.results.question import Result
from roofsym.solve import OUTCOMES, Branch, Crossover, crossover, of_one_symbol
from roofsym.symbols import B, L, S, a, alpha, kappa, peak, phi, ridge, w
from roofsym.values import put
from roofsym.verification import holds

X = B

# Positive rationals over several orders of magnitude: what costs of models look like.
positives = st.builds(
    lambda n, d, e: Fraction(n, d) * Fraction(10) ** e,
    st.integers(1, 999),
    st.integers(1, 99),
    st.integers(-3, 4),
)
maybe_zero = st.one_of(st.just(Fraction(0)), positives)


def exact(x: Fraction) -> sympy.Rational:
    return sympy.Rational(x.numerator, x.denominator)


def polynomial(coefficients: list[Fraction]) -> sympy.Expr:
    return sympy.Add(*(exact(c) * X**k for k, c in enumerate(coefficients)))


def multiply(p: list[Fraction], q: list[Fraction]) -> list[Fraction]:
    out = [Fraction(0)] * (len(p) + len(q) - 1)
    for i, x in enumerate(p):
        for j, y in enumerate(q):
            out[i + j] += x * y
    return out


def subtract(p: list[Fraction], q: list[Fraction]) -> list[Fraction]:
    n = max(len(p), len(q))
    p, q = ([*x, *[Fraction(0)] * (n - len(x))] for x in (p, q))
    return [x - y for x, y in zip(p, q, strict=True)]


def brute_force(difference: list[Fraction], points: int = 6000) -> list[tuple[float, float]]:
    """Intervals of a dense log grid over which a polynomial changes sign."""
    terms = [(k, c) for k, c in enumerate(difference) if c]
    assume(terms)
    lowest, highest = terms[0], terms[-1]
    largest = max(abs(c) for _, c in terms)
    # Cauchy's bound, from above and below.
    top = float(1 + largest / abs(highest[1])) * 2
    bottom = 1 / (float(1 + largest / abs(lowest[1])) * 2)

    def difference_and_size(x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        parts = np.array([float(c) * x**k for k, c in terms])
        return parts.sum(axis=0), np.abs(parts).sum(axis=0)

    return sign_changes(difference_and_size, np.geomspace(bottom, top, points))


def check(found: Crossover, expected: list[tuple[float, float]], larger_at_first: bool) -> None:
    """Number, place and order of the crossings; and the answer where there is none."""
    assert found.outcome in OUTCOMES
    assert found.outcome != "conditional"
    values = [float(b.value) for b in found.branches]
    if found.left.has(sympy.Min, sympy.Max) or found.right.has(sympy.Min, sympy.Max):
        values.sort()  # their order has a test of its own
    assert len(values) == len(expected), (found, expected)
    for value, (low, high) in zip(values, expected, strict=True):
        assert low * (1 - 1e-9) <= value <= high * (1 + 1e-9)
    if expected:
        assert found.outcome in ("crosses", "numeric")
    else:
        assert found.outcome == ("always" if larger_at_first else "never")
        assert found.value is None


def coefficients(degree: int) -> st.SearchStrategy[list[Fraction]]:
    """Coefficients >= 0 of a polynomial of exactly this degree."""
    return st.tuples(*[maybe_zero] * degree, positives).map(list)


def rational_functions(above: int, below: int) -> st.SearchStrategy:
    """Numerators and denominators with coefficients >= 0."""
    return st.tuples(coefficients(above), coefficients(below))


def compare(left, right) -> None:
    (p, q), (r, t) = left, right
    difference = subtract(multiply(p, t), multiply(r, q))
    assume(any(difference))
    sides = polynomial(p) / polynomial(q), polynomial(r) / polynomial(t)
    assume(any(s.has(X) for s in sides))
    expected = brute_force(difference)
    # The sign below the first crossing is that of the lowest coefficient.
    first = next(c for c in difference if c)
    check(crossover(*sides, X), expected, first > 0)


@settings(max_examples=80, deadline=None)
@given(rational_functions(1, 0), rational_functions(0, 1))
def test_degree_one_and_two_against_a_grid(left, right):
    compare(left, right)


@settings(max_examples=80, deadline=None)
@given(rational_functions(1, 1), rational_functions(1, 1))
def test_quotients_of_lines_against_a_grid(left, right):
    compare(left, right)


@settings(max_examples=80, deadline=None)
@given(rational_functions(3, 2), rational_functions(2, 2))
def test_higher_degrees_against_a_grid(left, right):
    compare(left, right)


@settings(max_examples=120, deadline=None)
@given(
    roots=st.lists(
        st.tuples(positives, st.sampled_from([1, -1]), st.integers(1, 3)),
        min_size=1,
        max_size=3,
        unique_by=lambda r: (r[0], r[1]),
    ),
    denominator=st.lists(maybe_zero, min_size=1, max_size=2).filter(any),
)
def test_equations_with_known_roots(roots, denominator):
    # Π (x − r)^m, its positive terms to the left and its negative ones to the right: crossings are
    # the positive roots of odd multiplicity, exactly these, however close together they are.
    product = [Fraction(1)]
    for root, sign, multiplicity in roots:
        for _ in range(multiplicity):
            product = multiply(product, [-sign * root, Fraction(1)])
    left = polynomial([max(c, Fraction(0)) for c in product])
    right = polynomial([max(-c, Fraction(0)) for c in product])
    common = polynomial(denominator)
    found = crossover(left / common, right / common, X)
    expected = sorted(r for r, sign, m in roots if sign > 0 and m % 2)
    assert len(found.branches) == len(expected)
    for branch, root in zip(found.branches, expected, strict=True):
        if branch.bracket is None:
            assert sympy.simplify(branch.value - exact(root)) == 0
        else:
            low, high = branch.bracket
            assert low <= exact(root) <= high
            assert high - low <= exact(root) * sympy.Rational(1, 10**14)
            assert float(branch.value) == pytest.approx(float(root), rel=1e-12)
    if not expected:
        assert found.outcome in ("never", "always")
        below = product[0] if product[0] else next(c for c in product if c)
        assert found.outcome == ("always" if below > 0 else "never")


@settings(max_examples=80, deadline=None)
@given(left=rational_functions(1, 1), right=rational_functions(1, 1))
def test_the_ends_are_the_limits_of_the_ratio(left, right):
    (p, q), (r, t) = left, right
    f, g = polynomial(p) / polynomial(q), polynomial(r) / polynomial(t)
    assume(f.has(X) or g.has(X))
    assume(sympy.cancel(f - g) != 0)
    found = crossover(f, g, X)
    above, below = multiply(p, t), multiply(r, q)
    terms = [[(k, c) for k, c in enumerate(x) if c] for x in (above, below)]
    for value, end in ((found.starts, 0), (found.ends, -1)):
        (i, x), (j, y) = terms[0][end], terms[1][end]
        smaller = i > j if end == 0 else i < j
        expected = exact(x / y) if i == j else sympy.S.Zero if smaller else sympy.oo
        assert value == expected


# --- Min and Max ----------------------------------------------------------------------------------


@settings(max_examples=80, deadline=None)
@given(
    lines=st.lists(st.tuples(maybe_zero, maybe_zero), min_size=3, max_size=4, unique=True),
    kinds=st.tuples(st.sampled_from([sympy.Min, sympy.Max]), st.sampled_from([0, 1, 2])),
)
def test_minima_and_maxima_of_lines_against_a_grid(lines, kinds):
    kind, split = kinds
    arms = [exact(c) + exact(m) * X for c, m in lines]
    left = kind(*arms[:2])
    right = (sympy.Add(*arms[2:]), sympy.Max(*arms[2:]), sympy.Min(*arms[2:]))[split]
    assume(left.has(X) or right.has(X))
    assume(left != 0 and right != 0)
    both = {sympy.Min: np.minimum, sympy.Max: np.maximum}

    def sides(x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        put = [float(c) + float(m) * x for c, m in lines]
        rest = put[2:]
        two = rest[0] if len(rest) == 1 else (np.add, np.maximum, np.minimum)[split](*rest)
        return both[kind](put[0], put[1]), two

    def difference_and_size(x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        one, two = sides(x)
        return one - two, np.abs(one) + np.abs(two)

    grid = np.geomspace(1e-12, 1e12, 12001)
    difference, size = difference_and_size(grid)
    # Sides that coincide over a stretch, or only touch, have no crossing to speak of.
    assume(np.all(np.abs(difference) > 1e-9 * size))
    expected = sign_changes(difference_and_size, grid)
    try:
        found = crossover(left, right, X)
    except rs.InputError:
        # Refusing is right only where no arm depends on the unknown.
        assert not expected
        return
    check(found, expected, bool(difference[0] > 0))


def test_the_first_crossing_of_a_maximum_is_the_smallest():
    # max(12/x, x) falls to 5 at 2.4 and rises through it again at 5.
    found = crossover(sympy.Max(12 / X, X), sympy.Integer(5), X)
    assert [b.value for b in found.branches] == [sympy.Rational(12, 5), 5]
    assert found.value == sympy.Rational(12, 5)


def test_a_crossing_beyond_the_regime_of_its_arm_does_not_count():
    # min(x, 3) never reaches 4, though x does.
    assert crossover(sympy.Min(X, 3), sympy.Integer(4), X).outcome == "never"
    assert crossover(sympy.Max(X, 5), sympy.Integer(4), X).outcome == "always"


def test_time_as_a_maximum_meets_a_deadline_on_the_right_arm():
    led = rs.decode(rs.model("llama-3.1-8b")).at(b_w=2, b_a=2, b_kv=2, L=128)
    rl = rs.Roofline(led, rs.machine("h100-sxm"))
    for deadline in (sympy.Rational(1, 200), sympy.Rational(1, 100), sympy.Rational(1, 10)):
        found = crossover(rl.time, deadline, B)
        assert found.outcome == "crosses"
        assert sympy.cancel(rl.time.xreplace({B: found.value}) - deadline) == 0


def test_a_stretch_along_which_sides_are_equal_has_two_ends():
    # Up to 5 both are 10; then the left one grows faster, until 200.
    left, right = sympy.Max(10, 2 * X), sympy.Max(10, X)
    for one, other in ((left, right), (right, left)):
        assert [b.value for b in crossover(one, other, X).branches] == [5]
    found = crossover(left, sympy.Max(10, X, X**2 / 100), X)
    assert [b.value for b in found.branches] == [5, 200]
    # What a step touches from both sides.
    found = crossover(sympy.floor(X / 4), sympy.Integer(3), X)
    assert [b.exact for b in found.branches] == [12, 16]
    # From below to above: ``Max(Min(x, 10), x − 5)`` is 10 from 10 to 15.
    found = crossover(sympy.Max(sympy.Min(X, 10), X - 5), sympy.Integer(10), X)
    assert [b.value for b in found.branches] == [10, 15]


def test_where_sides_are_equal_the_answer_says_so():
    """A decode step is compute-bound from the critical batch on: the same answer in general."""
    model, machine = rs.model("llama-3.1-8b"), rs.machine("h100-sxm")
    step = rs.decode(model).at(b_w=2, b_a=2, b_kv=2, L=100)
    own = Equation.read("time = compute_time").answer(Subject(model, step, machine), B)
    critical = rs.results.critical_batch(step, machine)
    assert own.value == critical.value
    assert own.whole == critical.whole == 475
    assert own.reading == "from 475 on time is the same as compute_time"
    (branch,) = own.general.branches
    known = {s: own.derivation.evaluate(s) for s in branch.when.free_symbols}
    assert branch.when.xreplace(known) == sympy.true


@pytest.mark.parametrize("kind", [sympy.Min, sympy.Max])
def test_numbers_put_into_an_extremum_leave_the_one_that_counts(kind: type):
    # Which arms SymPy would keep: put() does without its comparison of all that is left open.
    values = {L: sympy.Integer(3), a: sympy.Integer(5)}
    found = put(kind(X, L, a, 2 * X) + a, values)
    for x in (1, 4, 7):
        here = {X: sympy.Integer(x)}
        assert found.xreplace(here) == kind(x, 3, 5, 2 * x) + 5
    assert put(kind(L, a), values) == kind(3, 5)


def test_a_regime_that_rules_itself_out_is_no_condition():
    # max(B φ, w)/π is at least w/π, so it never meets w/(2 π), whatever φ, w and π are.
    found = crossover(sympy.Max(phi * B / peak, w / peak), w / (2 * peak), B)
    assert found.outcome == "always"
    assert not found.branches


def test_conditions_of_regimes_with_symbols():
    found = crossover(sympy.Max(phi * B / peak, w / peak), phi / peak, B)
    # 1 = B where compute binds, which it does if φ > w; if w > φ the maximum is larger throughout.
    assert found.outcome == "conditional"
    values = {w: sympy.Integer(1), phi: sympy.Integer(2), peak: sympy.Integer(7)}
    assert found.when.xreplace(values) == sympy.true
    values[w] = sympy.Integer(3)
    assert found.when.xreplace(values) == sympy.false


@pytest.mark.parametrize(
    ("left", "right"),
    [
        (sympy.Max(B, w) + ridge, sympy.Min(B, w)),
        (sympy.Max(B * phi, w) + 1000, sympy.Min(B * phi, w)),
    ],
    ids=["a sum above a minimum", "with numbers"],
)
def test_never_through_regimes_holds_for_all_values(left: sympy.Expr, right: sympy.Expr):
    assert crossover(left, right, B).outcome == "always"
    assert crossover(right, left, B).outcome == "never"


# --- symbolic coefficients ------------------------------------------------------------------------

EQUATIONS = {
    "critical batch": (B * (phi + alpha * L) / (w + B * (kappa * L + a)), ridge, B),
    "reach": ((phi + alpha * L) / (kappa * L + a), ridge, L),
    "prefill": (
        (S * phi + alpha * S * (S + 1) / 2 + sy.eta) / (w + S * a + sy.epsilon), ridge, S,
    ),
    "two lines": (w + kappa * L, a + sy.sigma * L, L),
    "a parabola and a line": (alpha * S**2 + phi, sy.eta * S + sy.alpha_w, S),
    "two parabolas": (alpha * S**2 + phi, sy.alpha_w * S**2 + sy.eta * S, S),
}  # fmt: skip


@pytest.mark.parametrize("name", EQUATIONS)
@settings(max_examples=20, deadline=None)
@given(data=st.data())
def test_a_general_answer_holds_exactly_where_its_condition_does(name: str, data):
    left, right, unknown = EQUATIONS[name]
    general = crossover(left, right, unknown)
    others = sorted((left - right).free_symbols - {unknown}, key=str)
    values = {s: exact(data.draw(positives, label=s.name)) for s in others}
    slack = (left - right).xreplace(values)
    assume(slack.has(unknown))  # else see test_an_unknown_that_cancels_out
    bound = general.at(values)
    holding = []
    for branch in general.branches:
        when = branch.when.xreplace(values)
        assert when in (sympy.true, sympy.false)
        if when == sympy.true:
            holding.append(float(branch.value.xreplace(values)))
    got = [float(b.value) for b in bound.branches]
    assert sorted(holding) == pytest.approx(got, rel=1e-9)
    assert bound.outcome in ("crosses", "never", "always")
    # And the numbers are right: the sides cross where it says, brute force and exact.
    assume(len(got) < 2 or got[1] / got[0] > 1 + 1e-4)

    def positive(x: float) -> bool:
        return bool(slack.xreplace({unknown: sympy.Rational(x)}) > 0)

    for value in got:
        assert positive(value * (1 - 1e-6)) != positive(value * (1 + 1e-6))
    if not got and sympy.cancel(slack) != 0:
        samples = {positive(10.0**k) for k in range(-9, 16, 2)}
        assert samples == {bound.outcome == "always"}


GAP = phi + alpha * L - ridge * (kappa * L + a)


@pytest.mark.parametrize(
    "equation",
    [
        (sy.ratio * sy.b_w / 2, w / GAP, L),  # A value with a denominator that may be negative.
        (sy.ratio * sy.b_w / 2, (w + alpha * L**2) / GAP, L),
    ],
    ids=["a quotient", "roots"],
)
@settings(max_examples=30, deadline=None)
@given(data=st.data())
def test_an_answer_where_something_is_positive_holds_exactly_where_it_says(equation, data):
    general = crossover(*equation, given=GAP)
    left, right, unknown = equation
    others = sorted((left - right).free_symbols - {unknown}, key=str)
    values = {s: exact(data.draw(positives, label=s.name)) for s in others}
    holding = []
    for branch in general.branches:
        if holds(branch.when, {s: number(x) for s, x in values.items()}):
            value = branch.value.xreplace(values)
            there = {**values, unknown: sympy.N(value, 60)}
            assert GAP.xreplace(there) > 0
            assert abs((left - right).xreplace(there) / left.xreplace(there)) < 1e-40
            holding.append(float(value))
    got = [float(b.value) for b in general.at(values).branches]
    assert sorted(holding) == pytest.approx(sorted(got), rel=1e-9)


def test_an_unknown_that_cancels_out():
    # With φ/α = a/κ the intensity is the same at every context: left stays on one side.
    left, right, unknown = EQUATIONS["reach"]
    values = dict.fromkeys((phi, alpha, kappa, a), sympy.Integer(1))
    general = crossover(left, right, unknown)
    assert general.at({**values, ridge: sympy.Integer(2)}).outcome == "never"
    assert general.at({**values, ridge: sympy.Rational(1, 2)}).outcome == "always"


@pytest.mark.parametrize("name", EQUATIONS)
@pytest.mark.parametrize("swap", [False, True])
def test_no_symbolic_answer_contradicts_itself(name: str, swap: bool):
    left, right, unknown = EQUATIONS[name]
    if swap:
        left, right = right, left
    found = crossover(left, right, unknown)
    assert found.branches
    for branch in found.branches:
        residue = (left - right).xreplace({unknown: branch.value})
        if (
            branch.when.atoms(sympy.Eq)
            and name == "two parabolas"
            and not branch.value.atoms(sympy.Pow) - {1 / sy.eta}
        ):
            # The straight line that is left where the parabolas are equally steep.
            residue = residue.xreplace({sy.alpha_w: alpha})
        assert sympy.simplify(sympy.numer(sympy.together(residue))) == 0


# --- conditions -----------------------------------------------------------------------------------


@settings(max_examples=60, deadline=None)
@given(values=st.fixed_dictionaries({s.name: positives for s in (phi, alpha, kappa, a, ridge, L)}))
def test_a_condition_solved_says_the_same_as_the_condition(values):
    condition = phi + alpha * L - ridge * (kappa * L + a) > 0
    put = {sy.TABLE[k].symbol: exact(v) for k, v in values.items()}
    assume((alpha - ridge * kappa).xreplace(put) != 0)
    cases = [
        solved for case, solved in solve_condition(condition, L) if case.xreplace(put) == sympy.true
    ]
    assert len(cases) == 1
    assert cases[0].xreplace(put) == condition.xreplace(put)


def test_critical_batch_in_closed_form():
    left, right, unknown = EQUATIONS["critical batch"]
    found = crossover(left, right, unknown)
    expected = ridge * w / (phi + alpha * L - ridge * (kappa * L + a))
    assert found.outcome == "conditional"
    assert sympy.cancel(found.value - expected) == 0
    assert len(found.branches) == 1


def test_limit_of_a_rational_expression():
    assert limit(B * phi / (w + B * a), B) == phi / a
    assert limit(B * phi / w, B) == sympy.oo
    assert limit(phi / (w + B * a), B) == 0


# --- refusals -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("left", "right", "unknown"),
    [
        (w, kappa * L, B),
        (w, w, B),
        (sympy.Integer(1), sympy.Integer(2), B),
    ],
    ids=["not there", "nothing at all", "numbers"],
)
def test_an_unknown_that_does_not_occur_is_refused_by_name(left, right, unknown):
    with pytest.raises(rs.InputError, match="B"):
        crossover(left, right, unknown)


def test_a_namesake_is_refused():
    with pytest.raises(rs.InputError):
        crossover(B * phi, w, sympy.Symbol("B"))
    with pytest.raises(rs.InputError):
        crossover(sympy.Symbol("B") * phi, w, B)


def test_sides_that_are_equal_everywhere_are_no_equation():
    with pytest.raises(rs.InputError, match="two sides that differ"):
        crossover(phi * X, phi * X, X)
    # Proportional to the unknown, both: which is larger, the other symbols decide.
    found = crossover(X * (phi + w), X * (a + kappa), X)
    assert (found.outcome, found.branches) == ("conditional", ())


def test_functions_that_are_not_rational_are_refused():
    for strange in (sympy.exp(B), sympy.log(B), sympy.sqrt(B), B**B, sympy.Abs(B - 1)):
        with pytest.raises(rs.InputError):
            crossover(strange + w, phi, B)


def test_a_high_degree_asks_for_numbers():
    unsolved = crossover(B**3 * phi + B, w, B)
    assert unsolved.outcome == "numeric"
    assert unsolved.value is None
    found = crossover(B**3 * 2 + B, sympy.Integer(57), B)
    assert found.outcome == "numeric"
    assert float(found.value) == pytest.approx(3.0, rel=1e-14)


def test_many_minima_ask_for_numbers():
    widths = {w: 1, a: 2, kappa: 3, phi: 4}
    capped = sympy.Add(*(sympy.Min(L, width) for width in widths))
    general = crossover(capped, B, L)
    assert (general.outcome, general.branches) == ("numeric", ())
    # Between 3 and 4 the sum is 1 + 2 + 3 + L.
    found = general.at({**widths, B: sympy.Rational(19, 2)})
    assert (found.outcome, found.value) == ("crosses", sympy.Rational(7, 2))
    # One less is solved case by case.
    fewer = crossover(capped.xreplace({phi: sympy.Integer(4)}) - sympy.Min(L, 4), B, L)
    assert fewer.outcome == "conditional"
    assert len(fewer.branches) > 1


def test_a_value_for_the_unknown_is_refused():
    found = crossover(B * phi, w, B)
    with pytest.raises(rs.InputError, match="solved for"):
        found.at({B: sympy.Integer(3)})


def test_a_discriminant_of_two_close_factors():
    # SymPy 1.14 raises a ValueError on the square root of this number (its issue 28621): its
    # factors are close and not prime. A crossing has to be found all the same.
    number = 5743882971961559 * 5743882965153329
    found = crossover(X**2, sympy.Integer(number), X)
    assert found.outcome == "crosses"
    assert float(found.value) == pytest.approx(number**0.5)


def test_plain_numbers_may_stand_on_a_side():
    assert crossover(2 * B, 312, B).value == 156
    assert crossover(312, 2 * B, B).value == 156


@pytest.mark.parametrize("context", [3758, 3767, 4096])
def test_a_power_too_long_to_be_exact_is_no_reason_to_doubt_an_answer(context: int):
    # What 5000 sequences leave alone of 60 experts is a number of thousands of digits, rounded.
    led = rs.decode(rs.model("qwen1.5-moe-a2.7b"), "residual-io")
    led = led.at(B=5000, L=context, b_w=2, b_a=sympy.Rational(1, 2), b_kv=2)
    found = rs.results.kv_overtakes_weights_batch(led, symbol="n_heads")
    assert found.outcome in ("crosses", "never", "always")


def test_a_denominator_that_is_a_negative_number_is_no_condition():
    # Lambert's W of an answer in numbers is divided by ln(7/9), which is below 0.
    found = crossover(B, w - sympy.LambertW(3) / sympy.log(sympy.Rational(7, 9)), B)
    assert found.outcome == "crosses"
    assert found.when == sympy.true


def test_the_idle_share_is_solved_for_in_closed_form():
    """ρ^T = q by hand: the T-th root, which is a share only between 0 and 1."""
    rho, wx = sy.rho, sy.w_x
    x = crossover(w + wx * (1 - rho**B), L, rho)
    assert x.outcome == "conditional"
    assert x.value == ((w + wx - L) / wx) ** (1 / B)
    inside = {w: Fraction(1), wx: Fraction(10), L: Fraction(7), B: Fraction(3)}
    assert holds(x.when, inside)
    for length in (1, 11, 12):
        assert not holds(x.when, {**inside, L: Fraction(length)})


def test_an_idle_share_outside_of_0_to_1_is_no_crossing():
    assert crossover(sy.rho, sympy.Integer(2), sy.rho).outcome == "never"
    assert crossover(3 - sy.rho, sympy.Integer(1), sy.rho).outcome == "always"
    # ρ² + 2 = 4 ρ at 2 − √2 and 2 + √2, of which the second is no share.
    (branch,) = crossover(sy.rho**2 + 2, 4 * sy.rho, sy.rho).branches
    assert float(branch.value) == pytest.approx(2 - 2**0.5, rel=1e-14)
    low, high = branch.bracket
    assert 0 < high - low < Fraction(1, 10**15)


def test_a_root_next_to_a_step_stays_on_its_side_of_it():
    # L² + L = 72 at L = 8, where the step is: a little less, nearer than roots are refined to.
    sawtooth = L - 8 * sympy.floor(L / 8)
    first, *_ = crossover(L**2 + sawtooth, 72 - sympy.Rational(1, 10**17), L).branches
    low, high = first.bracket
    assert 8 - sympy.Rational(1, 10**17) < low < high < 8


@pytest.mark.parametrize(
    ("condition", "solved"),
    [
        # 2 √(L + 9) − 6 > 2 where L + 9 > 16.
        (2 * sympy.sqrt(L + 9) - 6 > 2, L > 7),
        (sympy.sqrt(L + 9) >= 2, sympy.true),
        (sympy.sqrt(4 * L + 4) > L + 1, L < 3),
        # √(4 / L + 4) < 4 where 4 / L < 12.
        (sympy.sqrt(4 / L + 4) < 4, sympy.Gt(L, sympy.Rational(1, 3))),
        (sympy.sqrt(4 / L + 4) > 2, sympy.true),
    ],
)
def test_a_condition_under_a_root_is_said_of_the_symbol(condition, solved):
    assert of_one_symbol(condition) == solved


def test_what_is_refused_is_said_in_the_letters_of_the_package():
    # Without a branch, nobody knows which side is larger where the denominator changes sign.
    with pytest.raises(rs.InputError) as caught:
        rs.crossover(1 / (w - B * kappa), sympy.S.Zero, B)
    message = str(caught.value)
    assert "1 / (w − B κ)" in message
    assert "with values for kappa, w" in message
    assert "\n" not in message
    with pytest.raises(rs.InputError, match="B κ = B κ"):
        rs.crossover(B * kappa, kappa * B, B)


def test_a_root_at_a_pole_is_none():
    found = crossover((S**2 - 25) / (S - 5), sympy.Integer(11), S)
    assert found.branches == (Branch(sympy.Integer(6), sympy.true),)


def test_numbers_of_python_in_an_expression_are_exact():
    assert crossover(0.1 * S, sympy.Integer(1), S).value == 10


def test_what_both_sides_of_a_condition_share_is_cancelled_in_a_sum_too():
    """The share of the activations in a matrix product, a factor of which stands inside a sum."""
    (branch,) = rs.results.matmul_intensity(Ledger(()), symbol="b_w").general.branches
    assert sy.rows in branch.value.free_symbols
    assert sy.rows not in branch.when.free_symbols


@pytest.mark.parametrize(
    ("symbol", "distinct", "ratio", "place"),
    [
        # Four tokens of two experts each read 8 of very many, never 90; at least 2 of 2, never 1.
        (sy.n_experts, 90, sympy.Rational(90, 8), sympy.oo),
        (sy.n_experts, 1, sympy.Rational(1, 2), sympy.Integer(2)),
        # Of eight experts no more than all are read.
        (sy.top_k, 9, sympy.Rational(9, 8), sympy.Integer(8)),
    ],
)
def test_the_closest_of_experts_is_at_an_end_of_what_they_can_be(symbol, distinct, ratio, place):
    step = rs.decode(rs.model("mixtral-8x7b")).at(B=4, distinct=distinct)
    found = rs.results.distinct_experts(step, symbol=symbol).bound
    near, where = closest(found)
    assert float(near) == pytest.approx(float(ratio), rel=1e-9)
    assert where == place


def test_the_highest_throughput_is_found():
    """Of one prefill: the longer of computing and moving, tried at each whole length in NumPy."""
    step = rs.prefill(rs.model("llama-3.1-8b")).at(B=1, b_w=2, b_a=2, b_kv=2)
    roofline = rs.Roofline(step, rs.machine("h100-sxm"))
    lengths = np.arange(1, 5000)
    rates = lengths / rs.compile(roofline.time)(S=lengths)
    ratio, place = closest(crossover(S / roofline.time, sympy.Integer(100_000), S))
    # Between two whole lengths it is a little higher.
    assert float(ratio) * 100_000 == pytest.approx(rates.max(), rel=1e-4)
    assert float(place) == pytest.approx(lengths[rates.argmax()], abs=1)


@pytest.mark.parametrize(
    ("ask", "symbol", "expected"),
    [
        # Beyond the window, a length is positive: its numerator and denominator are of one sign.
        (rs.results.prefill_critical_length, None, {"S ≥ W"}),
        # What a window leaves out of a length is less than the length: no condition on the work.
        (rs.results.prefill_critical_length, "bandwidth", {"always"}),
    ],
)
def test_what_a_window_says_is_no_condition_beside_it(
    ask: Callable[..., Result], symbol: str | None, expected: set[str]
):
    found = ask(rs.prefill(rs.model("mistral-7b-v0.1")), rs.Machine(), symbol=symbol).general
    said = {render(of_unknown(b.when, b.value, found.symbol)) for b in found.branches}
    assert said >= expected


def test_what_all_layers_share_is_cancelled_in_a_condition():
    step = rs.decode(rs.model("gemma-3-27b"), convention="unfused-ops")
    found = rs.results.implied_multiplier(step, symbol="L").general
    for branch in found.branches:
        assert not branch.when.free_symbols & {sy.n_global, sy.n_local}


@pytest.mark.parametrize(
    ("ask", "model", "expected"),
    [
        # The fraction f max(M/β, F/π) is at the sequences' limit: what binds there bound before.
        (
            rs.results.throughput_fraction_batch, "mixtral-8x7b",
            [
                {"π (κ L + a) ≥ β (φ + α L)", "f < 1"},
                {"β (φ + α L) ≥ π (κ L + a)", "β (φ + α L) > π f (κ L + a)", "f ≤ 1"},
            ],
        ),
        # Sending takes as long as the longer of computing and moving: the same of one sequence.
        (
            rs.results.further_devices_batch, "mixtral-8x7b",
            [{"π x ≥ β_link (φ_d + α L)", "β x > β_link (κ L + a_d)"}],
        ),
        # A memory-bound step takes T; computing, which no weight makes longer, takes no longer.
        (
            rs.results.bytes_per_weight, "llama-4-scout",
            [
                {"π T ≥ B (φ + α L + α_w (L + 1 − W ⌊L / W⌋))",
                 "β T > B (κ L + κ_w (L − W ⌊L / W⌋) + a₀)"},
            ],
        ),
    ],
)  # fmt: skip
def test_a_regime_is_said_of_what_both_sides_are_there(
    ask: Callable[..., Result], model: str, expected: list[set[str]]
):
    # Of a root with Lambert's W, the value put in would fill the screen.
    found = ask(rs.step(rs.model(model)), rs.Machine()).general
    assert [{render(x) for x in literals(b.when)} for b in found.branches] == expected


@pytest.mark.parametrize(
    ("left", "right", "unknown", "outcome", "branches"),
    [
        # The unknown cancels out of the arms: the other symbols decide.
        (sympy.Max(B * w, B * a), B * L, B, "conditional", []),
        (sympy.Min(L * a, L * w), L * kappa, L, "conditional", []),
        # Without a linear term there is no straight line where the squares cancel.
        (L**2 * a, L**2 * phi + w, L, "conditional", [(w / (a - phi), a > phi)]),
        # Roots are compared by their squares; one of the two arms holds.
        (
            L * sympy.Max(w, L * a), kappa, L, "crosses",
            [((kappa / w) ** 2, w**2 >= a * kappa), (kappa / a, a * kappa >= w**2)],
        ),
        (
            B * sympy.Max(B * a, B * alpha), w / (L + alpha), B, "crosses",
            [(w / (a * (L + alpha)), a >= alpha), (w / (alpha * (L + alpha)), alpha >= a)],
        ),
        # Of a product, SymPy has a product of roots.
        (
            B * (phi + ridge) * B * (a + alpha), a * w / (L * ridge + alpha * kappa), B, "crosses",
            [(a * w / ((phi + ridge) * (a + alpha) * (L * ridge + alpha * kappa)), sympy.true)],
        ),
    ],
)  # fmt: skip
def test_pure_squares_and_unknowns_that_cancel_out(left, right, unknown, outcome, branches):
    found = crossover(left, right, unknown)
    assert found.outcome == outcome
    assert len(found.branches) == len(branches)
    for branch, (square, when) in zip(found.branches, branches, strict=True):
        assert sympy.cancel(branch.value**2 - square) == 0
        assert branch.when == when


@pytest.mark.parametrize("side", [sympy.nan, sympy.zoo, sympy.oo])
def test_what_is_no_number_is_no_side(side: sympy.Expr):
    with pytest.raises(rs.InputError, match=r"equation: got .*; accepted: sides that are finite"):
        crossover(side, B, B)
