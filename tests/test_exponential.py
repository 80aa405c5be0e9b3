"""Roots of polynomials plus decaying exponentials, against brute force."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import sympy
from hypothesis import assume, given, settings
from hypothesis import strategies as st

import roofsym as rs
from roofsym import exponential
from roofsym import symbols as sy
from roofsym.errors import InputError
from roofsym.solve import crossover
from roofsym.values import put

B = sy.B
numbers = st.fractions(min_value=-50, max_value=50, max_denominator=20)
bases = st.fractions(min_value="1/20", max_value="19/20", max_denominator=40)


@settings(max_examples=200, deadline=None)
@given(
    polynomial=st.lists(numbers, min_size=1, max_size=3),
    scale=numbers.filter(bool),
    base=bases,
    rate=st.integers(1, 4),
)
def test_every_change_of_sign_is_found_and_bracketed(polynomial, scale, base, rate):
    exact = [sympy.Rational(c) for c in polynomial]
    assume(any(exact[1:]) or exact[0])
    fade = sympy.Rational(scale) * sympy.Rational(base) ** (rate * B)
    slack = sympy.Add(*(c * B**k for k, c in enumerate(exact))) + fade
    grid = np.geomspace(1e-6, 1e7, 20001)
    values = sum(float(c) * grid**k for k, c in enumerate(polynomial)) + float(scale) * np.exp(
        rate * grid * np.log(float(base))
    )
    size = sum(abs(float(c)) * grid**k for k, c in enumerate(polynomial)) + abs(float(scale))
    # Where the terms cancel to rounding, brute force cannot tell the sign.
    assume(np.all(np.abs(values) > 1e-12 * size))
    changes = np.flatnonzero(np.sign(values[:-1]) != np.sign(values[1:]))
    brackets = exponential.crossings(slack, sympy.S.Zero, B)
    inside = [b for b in brackets if b[0] > 1e-6 and b[1] < 1e7]
    # Two zeros between two points of the grid would hide from it.
    assume(all(b[0] / a[1] > 1.01 for a, b in itertools.pairwise(inside)))
    assert len(inside) == len(changes)
    for (low, high), i in zip(inside, changes, strict=True):
        assert grid[i] <= float(high)
        assert float(low) <= grid[i + 1]
        assert high - low <= high * sympy.Rational(1, 10**15)


@pytest.mark.parametrize("slack", [sympy.exp(-B), B**B, 2**B + 2 ** (B**2), 2 ** (1 / (B**2 + 1))])
def test_other_forms_are_refused(slack: sympy.Expr):
    with pytest.raises(InputError):
        exponential.crossings(slack, sympy.S.Zero, B)


half = sympy.Rational(1, 2)


@pytest.mark.parametrize(
    ("left", "right", "function"),
    [
        # A power that grows, one times a polynomial, and exponents that are fractions: of the sign
        # of the unknown's, of both signs, and with a pole.
        (2**B, 100 - B, lambda x: 2**x - 100 + x),
        (B**2 * half**B, half, lambda x: x**2 * 0.5**x - 0.5),
        (B * half ** (6 / (B + 1)), 9, lambda x: x * 0.5 ** (6 / (x + 1)) - 9),
        (B + half ** ((5 - B) / (B + 3)), 3, lambda x: x + 0.5 ** ((5 - x) / (x + 3)) - 3),
        (B + half ** (1 / (B - 3)), 7, lambda x: x + 0.5 ** (1 / (x - 3)) - 7),
    ],
)
def test_powers_in_products_and_of_fractions(left, right, function):
    brackets = exponential.crossings(left, sympy.sympify(right), B)
    grid = np.geomspace(1e-6, 1e5, 50001)
    with np.errstate(over="ignore"):
        values = function(grid)
    changes = np.flatnonzero(np.sign(values[:-1]) != np.sign(values[1:]))
    places = [(grid[i], grid[i + 1]) for i in changes]
    assert brackets
    # Beside its pole 1/(B − 3) has the power 0 on one side and infinity on the other: no crossing.
    roots = [(a, b) for a, b in places if not (a < 3 < b and left.has(B - 3))]
    assert len(brackets) == len(roots)
    for (low, high), (a, b) in zip(brackets, roots, strict=True):
        assert a <= float(high)
        assert float(low) <= b


@pytest.mark.parametrize("model", ["mixtral-8x7b", "qwen3-30b-a3b", "deepseek-v3", "gpt-oss-20b"])
def test_critical_batch_of_a_mixture_crosses_between_its_neighbours(model: str):
    """The ledger itself, one batch below and at the first compute-bound one."""
    machine = rs.machine("h100-sxm", dtype="bf16")
    sizes = {n: 2 for n in sy.names("precision") if n.startswith("b_")}
    led = rs.decode(rs.model(model)).at(**sizes, L=64)
    found = rs.results.critical_batch(led, machine)
    assert found.outcome == "numeric"
    # The closed form in Lambert's W, put in numbers, is the certified root.
    (branch,) = found.general.branches
    value = found.derivation.evaluate(branch.value).evalf(40)
    low, high = found.bound.branches[0].bracket
    assert low * (1 - sympy.Rational(1, 10**12)) <= value <= high * (1 + sympy.Rational(1, 10**12))
    first = found.whole
    assert first is not None
    assert led.at(B=first).intensity >= machine.ridge
    assert led.at(B=first - 1).intensity < machine.ridge


def test_a_line_against_a_fading_power_has_a_closed_form():
    left = B * sy.phi
    found = crossover(left, sy.w + sy.w_x * (1 - sy.rho**B), B)
    assert found.outcome == "crosses"
    assert found.value.has(sympy.LambertW)
    half = {sy.phi: 1, sy.w: 1, sy.w_x: 1, sy.rho: sympy.Rational(1, 2)}
    values = {s: sympy.sympify(v) for s, v in half.items()}
    bound = found.at(values)
    # B = 2 − 2^−B.
    for value in (bound.value, found.value.xreplace(values)):
        assert float(value) == pytest.approx(1.690093067619309, rel=1e-14)


def test_experts_and_chosen_ones_are_solved_for_in_numbers():
    # 8 tokens that choose 2 of E experts touch 7 of them: E (1 − (1 − 2/E)^8) = 7, checked here in
    # floating point on both sides of what is found.
    def touched(n: float, k: float) -> float:
        return n * (1 - (1 - k / n) ** 8)

    led = rs.decode(rs.model("mixtral-8x7b")).at(B=8, distinct=7)
    experts = rs.results.distinct_experts(led, symbol="n_experts").bound
    assert experts.outcome == "numeric"
    (found,) = (float(b.value) for b in experts.branches)
    assert touched(found * (1 - 1e-9), 2) < 7 < touched(found * (1 + 1e-9), 2)
    chosen = rs.results.distinct_experts(led, symbol="top_k").bound
    (found,) = (float(b.value) for b in chosen.branches)
    assert touched(8, found * (1 - 1e-9)) < 7 < touched(8, found * (1 + 1e-9))


def test_a_fading_power_against_a_constant_is_a_logarithm():
    # 1 − ρ^B = f: the batch at which a share f of the experts is touched.
    found = crossover(1 - sy.rho**B, sy.fraction, B)
    assert found.outcome == "conditional"
    assert sympy.simplify(found.value - sympy.log(1 - sy.fraction) / sympy.log(sy.rho)) == 0
    values = {sy.rho: sympy.Rational(3, 4), sy.fraction: sympy.Rational(1, 2)}
    assert float(found.at(values).value) == pytest.approx(np.log(0.5) / np.log(0.75), rel=1e-14)
    assert found.at({**values, sy.fraction: sympy.Integer(2)}).outcome == "never"


def test_a_power_with_two_possible_roots_waits_for_numbers():
    # Starts above the line: no root or two, as the numbers decide.
    left, right = sy.phi + sy.w_x * sy.rho**B, B * sy.alpha + sy.w
    assert crossover(left, right + sy.w_x * 2 * sy.rho**B, B).outcome == "numeric"


def test_a_step_of_a_million_tokens_is_a_decimal_not_a_million_digits():
    """All experts are touched: the bytes are those of the whole model, to 60 digits."""
    led = rs.prefill(rs.model("mixtral-8x7b")).at(b_w=1, b_a=1, b_kv=1)
    many, all_of_them = (
        rs.prefill(rs.model("mixtral-8x7b"), convention=c).at(b_w=1, b_a=1, b_kv=1, B=64, S=16384)
        for c in ("fused-ops", rs.convention("fused-ops").replace(experts="all"))
    )
    assert abs(many.weight_bytes - all_of_them.weight_bytes) < 1
    assert led.at(B=1, S=8).weight_bytes.is_Rational


@pytest.mark.parametrize("model", ["deepseek-v2", "deepseek-v3"])
def test_a_closed_form_of_many_experts_is_put_in_numbers(model: str):
    # Exact, ρ to the power of a ratio of long integers kept SymPy looking for roots for minutes.
    value = put(sy.rho**B, {sy.rho: sympy.Rational(77, 80), B: sympy.Rational(10**22 + 1, 10**20)})
    assert value.is_Float
    assert float(value) == pytest.approx((77 / 80) ** 100, rel=1e-12)
    sizes = {n: 2 for n in sy.names("precision") if n.startswith("b_")}
    led = rs.decode(rs.model(model)).at(**sizes, L=128)
    found = rs.results.critical_batch(led, rs.machine("h100-sxm"))
    assert found.outcome in ("numeric", "never")
