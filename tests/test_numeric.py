"""Compiled functions: float64 throughout, broadcasting, pickling, errors, agreement with exact."""

from __future__ import annotations

import pickle

import numpy as np
import pytest
import sympy
from hypothesis import given, settings
from hypothesis import strategies as st
from support import CONVENTIONS, models, windowed

import roofsym as rs
from roofsym import symbols as sy
from roofsym.symbols import B, L, S, kappa, w

sizes = st.integers(1, 10**6)
MODELS = models()


def test_no_overflow_at_the_size_of_405b():
    led = rs.prefill(rs.model("llama-3.1-405b")).at(b_w=2, b_a=2, b_kv=2)
    flops = rs.compile(led.flops)
    batch, length = 512, 131072
    exact = led.at(B=batch, S=length).flops
    assert exact > 2**63  # what 64-bit integers cannot hold
    for integers in (int, np.int64, np.int32):
        got = flops(B=np.array([batch], dtype=integers), S=np.array([length], dtype=integers))
        assert got[0] == pytest.approx(float(exact), rel=1e-12)
        assert flops(B=integers(batch), S=integers(length)) == pytest.approx(float(exact), 1e-12)


def test_no_overflow_in_dimensions():
    f = rs.compile(rs.prefill(rs.Transformer()).flops)
    values = {
        "n_layers": 126, "d_model": 16384, "n_heads": 128, "n_kv_heads": 8, "head_dim": 128,
        "d_ff": 53248, "vocab_size": 128256,
    }  # fmt: skip
    exact = rs.prefill(rs.model("llama-3.1-405b")).at(B=4096, S=131072).flops
    got = f(**{k: np.int64(v) for k, v in values.items()}, B=np.int64(4096), S=np.int64(131072))
    assert got == pytest.approx(float(exact), rel=1e-12)


def test_scalars_give_a_float_and_arrays_an_array():
    f = rs.compile(w + B * kappa * L)
    scalar = f(w=1, B=2, kappa=3, L=4)
    assert scalar == 25.0
    assert type(scalar) is float
    array = f(w=1, B=[1, 2], kappa=3, L=4)
    assert isinstance(array, np.ndarray)
    assert array.dtype == np.float64
    assert array.tolist() == [13.0, 25.0]


def test_arrays_broadcast_against_each_other():
    f = rs.compile(B * L + w)
    rows, columns = np.arange(1, 4)[:, None], np.arange(1, 6)[None, :]
    got = f(B=rows, L=columns, w=10)
    assert got.shape == (3, 5)
    assert np.array_equal(got, rows * columns + 10)


def test_constants_take_the_shape_of_the_arguments():
    # An argument that cancels out of one arm still shapes the answer; so does a bare constant.
    f = rs.compile(sympy.Max(B, 5) + 0 * L)
    assert np.array_equal(f(B=np.array([1, 9])), [5.0, 9.0])
    first = rs.compile(sympy.Integer(7))
    assert first() == 7.0
    led = rs.decode(rs.Transformer(), "weights-only").at(b_w=2)
    assert np.array_equal(rs.compile(led.intensity)(B=np.ones((2, 3))), np.ones((2, 3)))


def test_the_answer_is_the_callers_own():
    f = rs.compile(B * 1)
    given_array = np.array([1.0, 2.0])
    got = f(B=given_array)
    got[0] = 99
    assert given_array[0] == 1.0


def test_empty_arrays_stay_empty():
    assert rs.compile(B + L)(B=np.array([]), L=3).shape == (0,)


def test_shapes_that_do_not_fit_are_refused():
    with pytest.raises(ValueError, match=r".+"):
        rs.compile(B + L)(B=[1, 2, 3], L=[1, 2])


def test_it_pickles_as_its_expression():
    f = rs.compile(rs.decode(rs.model("llama-3.1-8b")).intensity)
    again = pickle.loads(pickle.dumps(f))
    values = {"B": np.arange(1, 9), "L": 128, "b_w": 2, "b_a": 2, "b_kv": 2}
    assert np.array_equal(f(**values), again(**values))
    assert again.expr == f.expr
    # The symbols that come back are the table's, not namesakes.
    assert again.expr.free_symbols <= {row.symbol for row in sy.TABLE.values()}


@pytest.mark.parametrize(
    "values",
    [{}, {"B": 1}, {"B": 1, "L": 2, "S": 3}, {"B": 1, "l": 2}],
    ids=["nothing", "too few", "too many", "unknown"],
)
def test_wrong_keywords_are_refused_by_name(values: dict[str, int]):
    with pytest.raises(rs.InputError, match="B, L"):
        rs.compile(B * L)(**values)


@pytest.mark.parametrize("value", ["8", None, 1j, [1, "x"], True, [None], {}, [[1, 2], [3]]])
def test_what_is_no_real_number_is_refused_by_name(value: object):
    with pytest.raises(rs.InputError, match="B"):
        rs.compile(B * 2)(B=value)


def test_positional_arguments_are_refused():
    with pytest.raises(TypeError):
        rs.compile(B * 2)(3)


@pytest.mark.parametrize(
    "expr",
    [sympy.Symbol("B") + 1, sympy.Symbol("x", positive=True), "B + 1", None],
    ids=["namesake", "stranger", "text", "nothing"],
)
def test_expressions_in_other_symbols_are_refused(expr: object):
    with pytest.raises(rs.InputError):
        rs.compile(expr)


def test_values_may_be_fixed_beforehand():
    f = rs.compile(w + B * kappa * L, {"w": 16e9, "kappa": 131072})
    assert f.names == ("B", "L")
    assert f(B=64, L=1907) == pytest.approx(16e9 + 64 * 131072 * 1907)


def test_values_that_do_not_occur_or_are_wrong_are_refused():
    with pytest.raises(rs.InputError):
        rs.compile(B, {"batch": 3})
    with pytest.raises(rs.InputError):
        rs.compile(B, {"B": -3})


def test_numbers_of_sympy_are_numbers():
    f = rs.compile(B / L)
    assert f(B=sympy.Rational(1, 2), L=sympy.Integer(4)) == 0.125
    assert f(B=sympy.Float(0.5), L=4) == 0.125


@settings(max_examples=60, deadline=None)
@given(
    b=sizes, s=sizes, cached=st.integers(0, 10**6), convention=st.sampled_from(CONVENTIONS),
    name=st.sampled_from(sorted(set(MODELS) - {"symbolic"})),
    quantity=st.sampled_from(["flops", "bytes", "kv_bytes", "weight_bytes", "activation_bytes"]),
)  # fmt: skip
def test_compiled_is_exact_to_float64(b, s, cached, convention, name, quantity):
    led = rs.step(MODELS[name], convention).at(
        b_w=2, b_a=2, b_kv=1, c_act=3, n_layers=4, d_model=64, n_heads=8, n_kv_heads=2, head_dim=8,
        d_ff=96, vocab_size=1000,
    ) if name in ("multi-head", "multi-query", "plain feed-forward", "tied embeddings") else (
        rs.step(MODELS[name], convention).at(b_w=2, b_a=2, b_kv=1, c_act=3)
    )  # fmt: skip
    expr = getattr(led, quantity)
    f = rs.compile(expr)
    point = {"B": b, "S": s, "L": cached}
    exact = getattr(led.at(**point), quantity)
    assert exact.is_Rational
    got = f(**{k: point[k] for k in f.names})
    assert got == pytest.approx(float(exact), rel=1e-11)


def test_a_window_compiles():
    led = rs.step(windowed(5)).at(B=2)
    f = rs.compile(led.flops)
    lengths, cached = np.meshgrid(np.arange(1, 9), np.arange(0, 9))
    got = f(S=lengths, L=cached)
    for s, c, value in zip(lengths.flat, cached.flat, got.flat, strict=True):
        assert value == float(led.at(S=int(s), L=int(c)).flops)


def test_times_and_crossings_compile():
    rl = rs.Roofline(rs.decode(rs.model("llama-3.1-8b")).at(b_w=2, b_a=2, b_kv=2), rs.Machine())
    f = rs.compile(rl.time)
    got = f(B=np.array([1, 10**6]), L=0, peak=989e12, bandwidth=3.35e12)
    assert np.all(got > 0)
    x = rs.results.critical_batch(rs.decode(rs.Transformer()), rs.Machine())
    g = rs.compile(x.general.value)
    assert set(g.names) == {"ridge", "w", "phi", "alpha", "L", "kappa", "a"}
    # 2·16 / (10 + 3·4 − 2·(5·4 + … )) with small numbers, by hand.
    assert g(ridge=2, w=16, phi=100, alpha=3, L=4, kappa=5, a=1) == pytest.approx(32 / (112 - 42))


def test_a_compiled_function_says_what_it_is():
    assert "B" in repr(rs.compile(B * S))
