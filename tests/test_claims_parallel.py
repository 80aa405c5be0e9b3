"""Published results about steps divided over devices, reproduced: each with its source."""

from __future__ import annotations

import csv
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
import sympy

import roofsym as rs
from roofsym import parallel
from roofsym import symbols as sy
from roofsym.ledger import Ledger
from roofsym.solve import crossover
from roofsym.transformer import FeedForward, LayerGroup, Mixture, Structure, Transformer

TABLE = Path(__file__).parents[1] / ".." / "shared" / "data" / "claims.csv"
TOPICS = {"tp_comm", "ep_comm"}

KIPPLY = "kipply, Transformer Inference Arithmetic, 2022"
KIPPLY_H100 = "kipply, Breakdown of H100s for Transformer Inferencing, 2022"
SCALING = "How to Scale Your Model (the JAX scaling book), Austin et al. 2025"
ISCA = "Insights into DeepSeek-V3, ISCA 2025 (arXiv 2505.09343), sec. 2.3.2"


@dataclass(frozen=True)
class Claim:
    """A published result, and what of the package it follows from."""

    id: str
    source: str
    claim: str
    expected: float
    tolerance: float
    rules: str
    compute: Callable[[], sympy.Expr]


# Sources neglect the part of a tensor that is at home already: they count many devices.
MANY = "as the number of devices grows"


def many(expr: sympy.Expr) -> sympy.Expr:
    """What each of very many devices sends."""
    return expr.xreplace({1 / sy.t: sympy.S.Zero})


def layers(ledger: Ledger, part: str = "residual") -> sympy.Expr:
    return ledger.filter(part=part, quantity="link_bytes").link_bytes


# Blocks of two matrices: what the sources call D × F and F × D.
PLAIN = Structure(groups=(LayerGroup(feed_forward=FeedForward(gated=False)),))

# Smith et al., Using DeepSpeed and Megatron to Train Megatron-Turing NLG 530B, 2022, sec. 2.3.
MT_NLG = Transformer(
    PLAIN, n_layers=105, d_model=20480, n_heads=128, n_kv_heads=128, head_dim=160, d_ff=81920,
    vocab_size=51200,
)  # fmt: skip


def compute_of_530b() -> sympy.Expr:
    one = parallel.tensor_parallel(rs.decode(MT_NLG, "weights-only"), 16).at(B=512)
    embedding = one.filter(operator="embedding").flops
    return (one.flops - embedding) / (312 * 10**12)


def sending_of_530b(link_bandwidth: float, b_a: int) -> sympy.Expr:
    one = parallel.tensor_parallel(rs.decode(MT_NLG)).at(B=512, b_a=b_a)
    return many(layers(one)) / int(link_bandwidth)


def contraction_over_two() -> sympy.Expr:
    """Contracted width at which one matrix divided by rows over two devices takes as long to add up
    as to multiply."""
    one = parallel.tensor_parallel(rs.decode(Transformer()), 2).at(b_a=2, n_layers=1)
    reduced = one.filter(operator="feed_forward_residual").link_bytes / sy.link_bandwidth
    product = one.filter(operator="down_proj").flops / sy.peak
    x = crossover(reduced, product, sy.d_ff)
    return x.at(
        {sy.peak: sympy.Integer(197 * 10**12), sy.link_bandwidth: sympy.Integer(45 * 10**9)}
    ).value


def block(d_ff: int, batch: int = 1) -> Ledger:
    """One device's part of one feed-forward block of two matrices."""
    made = Transformer(PLAIN, d_ff=d_ff, n_layers=1)
    one = parallel.tensor_parallel(rs.decode(made)).at(b_a=2, b_w=2, B=batch)
    return one.filter(operator=("up_proj", "down_proj", "feed_forward_residual"))


def degree_for_compute(d_ff: int, links: int, balance: int) -> sympy.Expr:
    one = block(d_ff)
    sent = many(one.link_bytes) * balance / links
    return crossover(sent, one.filter(quantity="flops").flops, sy.t).value


def degree_for_memory(d_ff: int, batch: int, balance: int) -> sympy.Expr:
    one = block(d_ff, batch)
    return crossover(many(one.link_bytes) * balance, one.filter(kind="weight").bytes, sy.t).value


def gathered(batch: int, width: int, link_bandwidth: int) -> sympy.Expr:
    """Half of an all-reduce: the all-gather of a tensor of the residual stream's width."""
    made = parallel.tensor_parallel(rs.decode(Transformer(d_model=width, n_layers=1)))
    reduced = many(layers(made.at(B=batch, b_a=2).filter(operator="attention_residual")))
    half = parallel.SENT["all-gather"] / parallel.SENT["all-reduce"]
    return reduced * sympy.cancel(half) / link_bandwidth


def routed(link_bandwidth: int, n_layers: int = 1) -> sympy.Expr:
    """Nine experts of 32 tokens per device; one byte there and two back: 1.5 on average."""
    structure = Structure(groups=(LayerGroup(feed_forward=Mixture()),))
    model = Transformer(structure, d_model=7000, top_k=9, n_layers=n_layers)
    one = parallel.expert_parallel(rs.decode(model)).at(B=32 * sy.t, b_a=1.5)
    return many(sympy.expand(one.link_bytes)) / link_bandwidth


CLAIMS = [
    Claim("C242", f"{KIPPLY}, batch sizes", "A100, FLOPs per byte sent", 1040, 1e-9, "link_ridge",
          lambda: rs.Machine(peak=312e12, link_bandwidth=300e9).link_ridge),
    Claim("C248", KIPPLY_H100, "530B on 16 A100, batch 512: computing", 0.109, 0.005,
          "weights-only", compute_of_530b),
    Claim("C249", KIPPLY_H100, "530B on 16 A100, batch 512: sending", 0.029, 0.02, MANY,
          lambda: sending_of_530b(300e9, 2)),
    Claim("C250", KIPPLY_H100, "530B on 16 H100, 8 bits: sending", 0.01, 0.03, MANY,
          lambda: sending_of_530b(450e9, 1)),
    Claim("C251", f"{SCALING}, ch. 1", "matmul divided by rows over two: D", 8755, 0.001,
          "the all-reduce of one matrix", contraction_over_two),
    Claim("C253", f"{SCALING}, ch. 8", "devices for F = 28672, two axes", 22, 0.03, MANY,
          lambda: degree_for_compute(28672, 2, 2550)),
    Claim("C254", f"{SCALING}, ch. 7", "devices for decode, F = 16384, B = 32", 64, 1e-9, MANY,
          lambda: degree_for_memory(16384, 32, 8)),
    Claim("C255", f"{SCALING}, ch. 8", "devices for decode, F = 28672, B = 64", 56, 1e-9, MANY,
          lambda: degree_for_memory(28672, 64, 8)),
    Claim("C256", f"{SCALING}, ch. 8", "Llama 70B, activations over a 4x8 slice", 1.1e-05, 0.07,
          MANY, lambda: gathered(64, 8192, 90 * 10**9)),
    Claim("C263", f"{SCALING}, ch. 12", "H800, tokens per device", 3300, 1e-9, "link_ridge",
          lambda: rs.Machine(peak=990e12, link_bandwidth=300e9).link_ridge),
    Claim("C267", f"{SCALING}, ch. 3, question 2", "all-gather over one axis of a v4p", 2.3e-05,
          0.02, MANY, lambda: gathered(1024, 4096 // 4, 90 * 10**9)),
    Claim("C271", ISCA, "dispatch and combine, 400 Gb/s", 0.00012096, 1e-6, MANY,
          lambda: routed(50 * 10**9)),
    Claim("C274", ISCA, "dispatch and combine, GB200 NVL72", 6.72e-06, 1e-6, MANY,
          lambda: routed(900 * 10**9)),
    # Two batches overlap, each of 61 layers waiting for the other's exchange.
    Claim("C276", ISCA, "tokens per second, GB200 NVL72", 1200, 0.02, MANY,
          lambda: 1 / (2 * routed(900 * 10**9, n_layers=61))),
]  # fmt: skip

NOT_COVERED = {"C259": "weights divided over two dimensions of a mesh at once"}


@pytest.mark.parametrize("claim", CLAIMS, ids=[c.id for c in CLAIMS])
def test_published_result(claim: Claim):
    got = claim.compute()
    assert got.is_Rational
    assert float(got) == pytest.approx(claim.expected, rel=claim.tolerance), claim.rules


def test_the_exact_degrees_are_one_more_than_those_that_count_many_devices():
    # Of what is sent, one part in t is at home: 1 + F W / C devices, where the source has F W / C.
    one = block(28672)
    exact = crossover(one.link_bytes * 1275, one.filter(quantity="flops").flops, sy.t).value
    assert exact == 1 + degree_for_compute(28672, 2, 2550)


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
        assert claim.expected == float(rows[claim.id]["expected"]), claim.id
        assert claim.tolerance <= float(rows[claim.id]["rel_tol"]), claim.id
