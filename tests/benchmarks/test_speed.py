"""How fast: measured and printed, never asserted. Ratios within one run are what counts."""

from __future__ import annotations

import numpy as np
import pytest
import sympy
from pytest_benchmark.fixture import BenchmarkFixture
from support import forget

import roofsym as rs
from roofsym import symbols as sy
from roofsym.closed_form import closed_form
from roofsym.solve import crossover
from roofsym.symbols import B, L, a, alpha, kappa, phi, ridge, w

pytestmark = pytest.mark.benchmark(max_time=0.3, min_rounds=3, warmup=False)

INTENSITY = B * (phi + alpha * L) / (w + B * (kappa * L + a))
EXPECTED = ridge * w / (phi + alpha * L - ridge * (kappa * L + a))


@pytest.mark.benchmark(group="critical batch")
def test_our_crossover(benchmark: BenchmarkFixture):
    def solve() -> rs.Crossover:
        forget()
        return crossover(INTENSITY, ridge, B)

    found = benchmark(solve)
    assert sympy.cancel(found.value - EXPECTED) == 0


@pytest.mark.benchmark(group="critical batch")
def test_sympy_solve(benchmark: BenchmarkFixture):
    # The same equation; SymPy's answer comes without the condition under which it holds.
    def solve() -> list[sympy.Expr]:
        forget()
        return sympy.solve(sympy.Eq(INTENSITY, ridge), B)

    (value,) = benchmark(solve)
    assert sympy.cancel(value - EXPECTED) == 0


@pytest.mark.benchmark(group="ledger")
def test_config_to_closed_form(benchmark: BenchmarkFixture):
    def build() -> sympy.Expr:
        return closed_form(rs.decode(rs.model("llama-3.1-405b")), "bytes").expr

    assert sympy.expand(benchmark(build) - (w + B * (kappa * L + a))) == 0


@pytest.mark.benchmark(group="evaluation")
def test_exact_evaluation_at_one_point(benchmark: BenchmarkFixture):
    led = rs.decode(rs.model("llama-3.1-405b")).at(b_w=2, b_a=2, b_kv=2)

    def evaluate() -> tuple[sympy.Expr, sympy.Expr]:
        here = led.at(B=8, L=4096)
        return here.flops, here.bytes

    flops, moved = benchmark(evaluate)
    assert flops.is_Integer
    assert moved.is_Integer


@pytest.mark.benchmark(group="evaluation")
def test_a_million_points_compiled(benchmark: BenchmarkFixture):
    led = rs.decode(rs.model("llama-3.1-405b")).at(b_w=2, b_a=2, b_kv=2)
    f = rs.compile(led.intensity)
    batch, context = np.arange(1, 1001)[:, None], np.arange(1, 1001)[None, :]
    assert benchmark(f, B=batch, L=context).shape == (1000, 1000)


@pytest.mark.benchmark(group="derivation")
def test_a_whole_derivation(benchmark: BenchmarkFixture):
    led = rs.decode(rs.model("llama-3.1-8b")).at(b_w=2, b_a=2, b_kv=2)
    hw = rs.machine("h100-sxm")

    def derive() -> str:
        return rs.results.critical_batch(led, hw).derivation.latex()

    assert r"\end{document}" in benchmark(derive)


def test_the_table_of_symbols_is_what_benchmarks_use():
    # Namesakes would make the comparison above meaningless.
    assert INTENSITY.free_symbols <= {row.symbol for row in sy.TABLE.values()}
