"""Values that other people printed, derived here: each with its source and its tolerance."""

from __future__ import annotations

import json

import pytest
import sympy

import roofsym as rs
from roofsym import cli
from roofsym import symbols as sy

# An A100 80 GB at 312 TFLOP/s (NVIDIA A100 datasheet, BF16 dense) and 2.0 TB/s (the datasheet's
# 2 039 GB/s, rounded as in "Transformer Inference Arithmetic" and many texts after it).
A100 = {"peak": 312e12, "bandwidth": 2.0e12}
# H100 SXM: 989 TFLOP/s dense in bf16, 3.35 TB/s (NVIDIA H100 product page).
H100 = {"peak": 989e12, "bandwidth": 3.35e12}


def weights_only(model: rs.Transformer | None = None) -> rs.Ledger:
    return rs.decode(model or rs.Transformer(), convention="weights-only").at(b_w=2)


def test_ridge_of_the_a100():
    # Issue 2: 312 TFLOP/s over 2.0 TB/s is 156 FLOP/B. Exact.
    assert rs.Machine(**A100).ridge == 156


def test_intensity_of_decode_at_batch_one_is_one():
    # Issue 2: 2 FLOP and 2 B per weight. Exact, symbolically and for a real model.
    assert weights_only().at(B=1).intensity == 1
    assert weights_only(rs.model("llama-3.1-8b")).at(B=1).intensity == 1
    # And in general 2 B / b_w: nothing of the model is left.
    general = rs.decode(rs.Transformer(), convention="weights-only").intensity
    assert sympy.cancel(general - 2 * sy.B / sy.b_w) == 0


@pytest.mark.parametrize(
    "model", [None, "llama-3.2-1b", "llama-3.1-8b", "llama-3.1-405b", "qwen2.5-0.5b"]
)
def test_critical_batch_of_the_a100_for_any_number_of_parameters(model: str | None):
    # Issue 2: exactly 156; 155 is memory-bound.
    led = weights_only(rs.model(model) if model else None)
    machine = rs.Machine(**A100)
    found = rs.results.critical_batch(led, machine)
    assert found.outcome == "crosses"
    assert found.value == 156
    assert found.whole == 156
    if model:
        assert rs.Roofline(led.at(B=155), machine).bound == "memory"
        assert rs.Roofline(led.at(B=156), machine).bound == "compute"


def test_tokens_per_second_of_a_bound_step():
    # 125 steps a second; 4 sequences gain a token in each.
    led = weights_only(rs.model("llama-3.1-8b")).at(B=4)
    machine = rs.Machine(peak=A100["peak"], bandwidth=led.bytes * 125)
    assert rs.Roofline(led, machine).tokens_per_second == 500


def test_critical_batch_on_the_command_line(capsys: pytest.CaptureFixture[str]):
    arguments = ["solve", "critical-batch", "--convention", "weights-only", "--json"]
    for name, value in {**A100, "b_w": 2}.items():
        arguments += ["--set", f"{name}={value}"]
    assert cli.main(arguments) == 0
    answer = json.loads(capsys.readouterr().out)
    assert answer["outcome"] == "crosses"
    assert answer["value"] == 156


@pytest.mark.parametrize(
    ("machine", "steps", "printed"),
    [
        (A100, sympy.Integer(125), "125"),  # Issue 2: 2.0 TB/s over 16 GB. Exact.
        (H100, sympy.Rational(1675, 8), "209"),  # Issue 2: 3.35 TB/s over 16 GB, to three digits.
    ],
)
def test_decode_speed_limit_of_eight_billion_parameters(
    machine: dict[str, float], steps: sympy.Rational, printed: str
):
    # 8·10⁹ weights in 2 bytes are w = 16 GB.
    led = rs.decode(rs.Transformer(), convention="weights-only").at(w=16e9)
    found = rs.results.decode_speed_limit(led, rs.Machine(**machine))
    assert found.value == steps
    assert f"{float(found.value):.3g}" == printed


def test_decode_speed_limit_of_a_model_with_exactly_eight_billion_parameters():
    # d (3·L·d_ff + 2·V + …): dimensions chosen so that the parameters sum to 8·10⁹ exactly.
    model = rs.Transformer(
        n_layers=1, d_model=1, n_heads=1, n_kv_heads=1, head_dim=1, d_ff=1, vocab_size=3999999995
    )
    assert model.parameters == 8 * 10**9
    led = weights_only(model)
    assert rs.results.decode_speed_limit(led, rs.Machine(**A100)).value == 125


def test_kv_cache_of_llama_3_8b():
    # Issue 2: 128 KiB per token in 2 bytes. Exact.
    for name in ("llama-3-8b", "llama-3.1-8b"):
        per_token = rs.model(name).kv_bytes_per_token
        assert per_token.xreplace({sy.b_kv: sympy.Integer(2)}) == 128 * 1024


@pytest.mark.parametrize(
    ("name", "size"),
    [
        # Issue 3, in 2 bytes. Exact.
        ("llama-3.1-405b", 516_096),
        ("qwen2.5-72b", 327_680),
    ],
)
def test_kv_cache_per_token(name: str, size: int):
    assert rs.model(name).kv_bytes_per_token.xreplace({sy.b_kv: sympy.Integer(2)}) == size


def test_kv_overtakes_weights_of_llama_3_8b_at_batch_64():
    # Issue 2: 16 GB over 64 · 128 KiB is 1907 tokens, rounded down.
    led = rs.decode(rs.model("llama-3-8b")).at(B=64, b_kv=2, w=16e9)
    found = rs.results.kv_overtakes_weights(led)
    assert found.value == sympy.Rational(16 * 10**9, 64 * 128 * 1024)
    assert found.whole == 1907
    assert led.at(L=1907).kv_read_bytes < 16e9 < led.at(L=1908).kv_read_bytes


def test_parameters_of_llama_3_1_8b():
    # safetensors metadata of meta-llama/Llama-3.1-8B: 8 030 261 248. Exact.
    assert rs.model("llama-3.1-8b").parameters == 8_030_261_248
