"""The multiplier that the operators imply: put back, it moves the same bytes, to the last one."""

from __future__ import annotations

import pytest
import sympy
from support import same

import roofsym as rs
from roofsym import symbols as sy
from roofsym.results import implied_multiplier

MODELS = ("gpt2", "llama-3.1-8b", "qwen2.5-7b", "gemma-3-27b", "mixtral-8x7b", "deepseek-v2")
TWO = {"b_w": 2, "b_a": 2, "b_kv": 2, "B": 3, "S": 7, "L": 100}


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("phase", ["decode", "prefill", "chunk"])
@pytest.mark.parametrize("convention", ["fused-ops", "unfused-ops", "framework"])
def test_with_the_implied_multiplier_the_rule_moves_the_same_bytes(
    model: str, phase: str, convention: str
):
    step = rs.step(rs.model(model), convention).in_phase(phase)
    found = implied_multiplier(step.at(**TWO))
    assert found.outcome == "crosses"
    rule = step.recounted(phase, activations="multiplier").at(**TWO, c_act=found.value)
    layers = [e for e in step.entries if e.group]
    outside = [e for e in step.entries if not e.group]
    assert rule.activation_bytes == step.keep(layers).at(**TWO).activation_bytes
    # What the rule leaves out is what embedding, last norm and LM head move.
    missing = step.at(**TWO).activation_bytes - rule.activation_bytes
    assert missing == step.keep(outside).at(**TWO).activation_bytes


def test_by_hand_for_a_gated_layer_with_grouped_queries():
    # Elements per token: inputs and outputs of q, k, v, o, gate, up, down; attention reads the
    # query, the new key and value, and writes its output.
    d, q, kv, f = 4096, 32 * 128, 8 * 128, 14336
    linear = (d + q) + 2 * (d + kv) + (q + d) + 2 * (d + f) + (f + d)
    attention = q + kv + kv + q
    found = implied_multiplier(rs.decode(rs.model("llama-3.1-8b"))).value
    assert found == sympy.Rational(linear + attention, d)


def test_fused_it_is_one_number_for_all_steps_and_unfused_it_grows_with_the_context():
    fused = {implied_multiplier(rs.step(rs.Transformer()).in_phase(p)).general.value
             for p in ("decode", "prefill", "chunk")}  # fmt: skip
    assert len(fused) == 1
    assert not fused.pop().has(sy.B, sy.S, sy.L)
    unfused = implied_multiplier(rs.decode(rs.Transformer(), "unfused-ops")).general.value
    assert same(sympy.diff(unfused, sy.L), 4 * sy.n_heads / sy.d_model)


def test_of_the_rules_themselves():
    assert implied_multiplier(rs.decode(rs.Transformer(), "residual-io")).value == 2
    for convention in ("weights-only", "activation-multiplier"):
        with pytest.raises(rs.InputError, match="operator by operator"):
            implied_multiplier(rs.decode(rs.Transformer(), convention))
    with pytest.raises(rs.InputError, match="solved for"):
        implied_multiplier(rs.decode(rs.Transformer()).at(c_act=12))
