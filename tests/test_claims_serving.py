"""Published results on cost per token and on what fits, reproduced: each with its source.

Where what was printed is wrong, the corrected value is what the package gives.
"""

from __future__ import annotations

import csv
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
import sympy

import roofsym as rs
from roofsym import symbols as sy
from roofsym.ledger import Ledger
from roofsym.solve import crossover

TABLE = Path(__file__).parents[1] / ".." / "shared" / "data" / "claims.csv"
TOPICS = {"cost", "irreproducible"}

SCALING = "How to Scale Your Model (the JAX scaling book), Austin et al. 2025"
STEP3 = "Step-3 is Large yet Affordable, StepFun 2025 (arXiv 2507.19427)"


@dataclass(frozen=True)
class Claim:
    """A published result; `corrected` if what was printed (`expected`) is wrong."""

    id: str
    source: str
    claim: str
    expected: float
    tolerance: float
    compute: Callable[[], sympy.Expr]
    corrected: float | None = None


def per_second(usd_per_hour: str) -> sympy.Rational:
    return sympy.Rational(usd_per_hour) / 3600


H800 = rs.machine("h800-sxm", dtype="fp8")


def decode_of_v3(**tags: object) -> Ledger:
    """One token of DeepSeek-V3 at 8192 tokens, KV cache read in 8 bits."""
    rules = rs.convention("fused-ops").replace(kv="read")
    ledger = rs.decode(rs.model("deepseek-v3"), rules).at(B=1, L=8191, b_kv=1)
    return ledger.filter(**tags)


def attention_of_v3() -> sympy.Expr:
    """A million tokens' attention: its core by the roofline, then its projections at peak."""
    core = decode_of_v3(operator=["score", "value"])
    kv = core.filter(kind="kv", access="read").bytes
    seconds = sympy.Max(core.flops / H800.peak, kv / H800.bandwidth)
    projections = decode_of_v3(part="attention", kind="linear").flops
    return 10**6 * (seconds + projections / H800.peak) * per_second("2")


def feed_forward_of_v3() -> sympy.Expr:
    work = decode_of_v3(part=["feed_forward", "experts"], kind="linear")
    router = work.filter(operator="router").flops
    return 10**6 * (work.flops - router) / H800.peak * per_second("2")


def sequences(chips: int, b: str) -> sympy.Expr:
    """Sequences of 8192 tokens whose KV cache fits beside 70 · 10⁹ weights on so many v5e."""
    capacity = chips * 16 * 10**9
    cache = rs.model("llama-3-70b").at(b_kv=sympy.Rational(b)).kv_bytes_per_token * 8192
    held = 70 * 10**9 * sympy.Rational(b) + sy.B * cache
    return crossover(held, sympy.Integer(capacity), sy.B).value


CLAIMS = [
    Claim("C175", f"{STEP3}, Table 5", "H800, price of an FP8 FLOP", 2.8e-19, 0.005,
          lambda: per_second("2") / H800.peak),
    Claim("C177", f"{STEP3}, Table 5", "H20, price of an FP8 FLOP", 7.51e-19, 0.005,
          lambda: per_second("0.8") / rs.machine("h20", dtype="fp8").peak),
    Claim("C178", f"{STEP3}, Table 6", "DeepSeek-V3, attention at 8K, per 1M tokens", 0.054, 0.01,
          attention_of_v3),
    Claim("C181", f"{STEP3}, Table 6", "DeepSeek-V3, feed-forward, per 1M tokens", 0.014, 0.04,
          feed_forward_of_v3),
    Claim("C214", f"{SCALING}, ch. 8", "8-bit on 4x2: caches that fit", 52, 0.02,
          lambda: sequences(8, "1"), corrected=43.7),
    Claim("C215", f"{SCALING}, ch. 8", "4-bit on 2x2: caches that fit", 67, 0.02,
          lambda: sequences(4, "1/2"), corrected=43.7),
    Claim("C216", f"{SCALING}, ch. 8", "bf16 on 4x8: caches that fit", 161, 0.02,
          lambda: sequences(32, "2"), corrected=140),
]  # fmt: skip

NOT_COVERED = {
    "C183": "prices of servers, without a model or a step",
    "C184": "prices of tokens, without a model or a step",
    "C260": "weights divided over two dimensions of a mesh at once",
}


@pytest.mark.parametrize("claim", CLAIMS, ids=[c.id for c in CLAIMS])
def test_published_result(claim: Claim):
    got = claim.compute()
    assert got.is_Rational
    wanted = claim.expected if claim.corrected is None else claim.corrected
    assert float(got) == pytest.approx(wanted, rel=claim.tolerance)
    if claim.corrected is not None:
        assert float(got) != pytest.approx(claim.expected, rel=claim.tolerance)


def test_every_claim_of_these_topics_is_tested_or_listed():
    ids = {claim.id for claim in CLAIMS}
    assert len(ids) == len(CLAIMS)
    assert not ids & NOT_COVERED.keys()
    if not TABLE.is_file():
        pytest.skip("the table ../shared/data/claims.csv is not here")
    with TABLE.open(encoding="utf-8", newline="") as file:
        rows = {row["id"]: row for row in csv.DictReader(file) if row["topic"] in TOPICS}
    assert ids | NOT_COVERED.keys() == rows.keys()
    for claim in CLAIMS:
        row = rows[claim.id]
        assert claim.expected == float(row["expected"]), claim.id
        # Looser where the row puts a rounded number of weights in.
        assert claim.tolerance <= max(float(row["rel_tol"]), 0.02), claim.id
        assert (claim.corrected is not None) == ("PUBLISHED ERROR" in row["notes"]), claim.id
