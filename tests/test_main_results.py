"""Articles on the main results: each fails if a kind of entry that it rests on is wrong."""

from __future__ import annotations

import runpy

import pytest
from support import ROOT, double

RESTS_ON = {
    "chunked_prefill": ["flops attention", "bytes weight", "bytes kv"],
    "critical_batch": [
        "flops linear", "flops attention", "bytes weight", "bytes kv", "bytes activation",
    ],
    "decode_speed_limit": ["bytes weight"],
    "distinct_experts": ["bytes weight"],
    "elasticities": ["bytes weight", "bytes kv"],
    "kv_overtakes_weights": ["bytes weight", "bytes kv"],
    "latent_attention": ["flops linear", "flops attention"],
    "linear_layers_and_attention": ["flops attention", "bytes kv"],
    "parameter_rule": ["flops linear", "flops attention"],
    "memory_capacity": ["flops linear", "bytes weight", "bytes kv"],
    "prefill_critical_length": ["flops per-weight", "bytes weight"],
    "quantised_weights": ["flops linear", "bytes weight", "bytes kv"],
    "ridge_point": ["flops per-weight", "bytes weight"],
    "sliding_window": ["flops linear", "flops attention", "bytes weight", "bytes kv"],
    "throughput": ["bytes weight", "bytes kv"],
}  # fmt: skip


@pytest.mark.usefixtures("_no_figures_left")
@pytest.mark.parametrize(
    ("article", "kind"), [(article, kind) for article, kinds in RESTS_ON.items() for kind in kinds]
)
def test_an_article_fails_if_the_ledger_is_wrong(
    article: str, kind: str, monkeypatch: pytest.MonkeyPatch
):
    double(kind, monkeypatch)
    # A proof that does not hold, or an assertion: a ProofError is one.
    with pytest.raises(AssertionError):
        runpy.run_path(str(ROOT / "derivations" / f"{article}.py"), run_name="__main__")
