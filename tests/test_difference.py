"""What two conventions count differently: entry by entry, and exactly."""

from __future__ import annotations

import itertools
import json

import pytest
import sympy
from support import CONVENTIONS

import roofsym as rs
from roofsym import phases
from roofsym.cli import main
from roofsym.difference import difference

MODELS = ("llama-3.1-8b", "mixtral-8x7b", "deepseek-v3", "gemma-2-9b", "llama-4-scout")


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("pair", [*itertools.combinations(CONVENTIONS, 2)], ids="-".join)
def test_lines_sum_to_the_difference_of_the_totals(model: str, pair: tuple[str, str]):
    first, second = (phases.ledger(rs.model(model), "decode", c) for c in pair)
    for quantity in ("flops", "bytes"):
        found = difference(first, second, quantity)
        gap = second.symbolic(quantity) - first.symbolic(quantity)
        assert sympy.expand(sympy.Add(*(x.difference for x in found.lines)) - gap) == 0
        # And backwards it is the same, with the other sign.
        back = difference(second, first, quantity)
        assert sympy.expand(back.total + found.total) == 0
        assert {x.label for x in back.lines} == {x.label for x in found.lines}


def test_a_convention_differs_from_itself_in_nothing():
    led = rs.prefill(rs.Transformer())
    assert difference(led, led, "bytes").lines == ()


def test_causal_mask_and_lm_head_make_the_difference_to_a_framework():
    """By hand, for Llama-3.1-8B at S = 2048: half the attention, and the head at 2047 positions."""
    first, second = (
        rs.prefill(rs.model("llama-3.1-8b"), convention=c).at(B=1, S=2048)
        for c in ("fused-ops", "framework")
    )
    found = difference(first, second, "flops")
    by_label = {x.label: first.bind(x.difference) for x in found.lines}
    half_attention = 32 * 2 * 32 * 128 * (2048 * 2048 - 2048 * 2049 // 2)
    assert by_label == {
        "score: attention": half_attention,
        "value: attention": half_attention,
        "lm_head: linear": 2 * 4096 * 128256 * 2047,
    }


def test_the_command_prints_and_sums(capsys: pytest.CaptureFixture[str]):
    step = ["--model", "llama-3.1-8b", "--phase", "prefill", "--set", "B=1", "--set", "S=2048"]
    pair = ["--convention", "fused-ops", "--convention", "framework"]
    assert main(["diff", *pair, *step, "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["conventions"] == ["fused-ops", "framework"]
    for quantity in ("flops", "bytes"):
        entries = told["differences"][quantity]
        # b_w, b_a and b_kv are those of the config's bf16: every line is a number.
        total = sum(sympy.Rational(x["exact"]) for x in entries["lines"])
        assert total == sympy.Rational(entries["exact"])
    assert main(["diff", *pair, *step, "flops"]) == 0
    assert "2 B d_model vocab_size (S − 1)" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "word"),
    [
        (["--convention", "fused-ops"], "--convention"),
        (["--convention", "fused-ops"] * 3, "--convention"),
        (["--convention", "fused-ops", "--convention", "nonsense"], "convention"),
        (["--convention", "fused-ops", "--convention", "framework", "time"], "quantity"),
    ],
)
def test_bad_requests_are_refused(
    arguments: list[str], word: str, capsys: pytest.CaptureFixture[str]
):
    assert main(["diff", *arguments]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.count("\n") == 1
    assert word in err
