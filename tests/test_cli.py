"""The command line: what it prints, and that bad input gets one line, status 2 and nothing else."""

from __future__ import annotations

import json
import math
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from support import CONVENTIONS, LLAMA, ROOT, asked_of

import roofsym as rs
from roofsym import cli
from roofsym import symbols as sy
from roofsym.quantities import QUANTITIES
from roofsym.render.notation import NOTATIONS
from roofsym.results import RESULTS

MODEL = ["--model", "llama-3.1-8b"]
BOTH = [*MODEL, "--machine", "h100-sxm"]
DECODE = ["--phase", "decode", "--set", "B=8", "--set", "L=4096"]


class Answer:
    """What a command did."""

    def __init__(self, status: object, out: str, err: str) -> None:
        self.status, self.out, self.err = status, out, err


class Shell:
    """Runs the command line in this process, in an empty folder."""

    def __init__(self, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
        self.folder, self.capsys = folder, capsys

    def files(self) -> list[str]:
        return sorted(str(p.relative_to(self.folder)) for p in self.folder.rglob("*"))

    def __call__(self, *arguments: str) -> Answer:
        status: object
        try:
            status = cli.main(arguments)
        except SystemExit as stop:  # argparse: --help, and what it refuses
            status = stop.code
        out, err = self.capsys.readouterr()
        return Answer(status, out, err)

    def good(self, *arguments: str) -> str:
        answer = self(*arguments)
        assert answer.status == 0, answer.err
        assert answer.err == ""
        assert answer.out.endswith("\n")
        assert "Traceback" not in answer.out
        return answer.out

    def json(self, *arguments: str) -> Any:
        def refuse(constant: str) -> None:
            raise AssertionError(f"{constant} is no JSON")

        return json.loads(self.good(*arguments, "--json"), parse_constant=refuse)

    def bad(self, *arguments: str) -> str:
        """One line on stderr, status 2, nothing on stdout, no file more or less than before."""
        before = self.files()
        answer = self(*arguments)
        assert answer.status == 2
        assert answer.out == ""
        assert answer.err.endswith("\n")
        assert answer.err.count("\n") == 1, answer.err
        assert answer.err.startswith("roofsym: ")
        assert self.files() == before
        return answer.err


@pytest.fixture
def shell(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Shell:
    monkeypatch.chdir(tmp_path)
    return Shell(tmp_path, capsys)


# --- list -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("what", "expected"),
    [
        ("models", "llama-3.1-8b"),
        ("machines", "h100-sxm"),
        ("conventions", "fused-ops"),
        ("notations", "hugging-face"),
        ("quantities", "flops"),
        ("results", "critical-batch"),
    ],
)
def test_list(shell: Shell, what: str, expected: str):
    lines = shell.good("list", what).splitlines()
    assert any(line.split()[0] == expected for line in lines)
    rows = json.loads(shell.good("list", what, "--json"))
    assert [r["name"] for r in rows] == [line.split()[0] for line in lines]


def test_list_names_everything_that_the_issue_asks_for(shell: Shell):
    quantities = {r["name"] for r in json.loads(shell.good("list", "quantities", "--json"))}
    assert quantities >= {
        "flops", "bytes", "weight_bytes", "kv_bytes", "kv_read_bytes", "kv_write_bytes",
        "activation_bytes", "intensity", "ridge", "compute_time", "memory_time", "time",
        "tokens_per_second", "parameters", "kv_bytes_per_token", "memory_footprint",
    }  # fmt: skip
    conventions = {r["name"] for r in json.loads(shell.good("list", "conventions", "--json"))}
    assert conventions >= {
        "fused-ops", "unfused-ops", "framework", "activation-multiplier", "residual-io",
        "linear-only", "weights-only",
    }  # fmt: skip
    machines = json.loads(shell.good("list", "machines", "--json"))
    titles = " ".join(r["title"] for r in machines)
    for title in ("A100 40", "A100 80", "H100 SXM", "H200", "B200", "MI300X", "v5e", "4090"):
        assert title in titles


# --- show and eval --------------------------------------------------------------------------------


@pytest.mark.parametrize("phase", ["step", "prefill", "decode", "verify", "chunk"])
@pytest.mark.parametrize("form", ["text", "latex", "markdown", "json"])
@pytest.mark.parametrize("depth", ["constants", "dimensions", "numbers"])
def test_show_in_every_form_and_depth(shell: Shell, phase: str, form: str, depth: str):
    out = shell.good(
        "show", "flops", "bytes", "intensity", "--phase", phase, "--format", form, "--depth",
        depth, *MODEL,
    )  # fmt: skip
    assert "None" not in out
    assert "nan" not in out


@pytest.mark.parametrize("convention", CONVENTIONS)
@pytest.mark.parametrize("model", [None, "llama-3.1-8b", "mistral-7b-v0.1"])
def test_show_says_under_which_convention(shell: Shell, convention: str, model: str | None):
    chosen = ["--model", model] if model else []
    out = shell.good("show", *QUANTITIES, "--convention", convention, *chosen)
    assert convention in out
    assert "causal" in out or "full" in out  # the switches that made the number


@pytest.mark.parametrize("notation", NOTATIONS)
@pytest.mark.parametrize("depth", ["constants", "dimensions"])
def test_show_explains_the_letters_that_it_prints_and_no_others(
    shell: Shell, notation: str, depth: str
):
    for model in ([], ["--model", "gpt2"], ["--model", "deepseek-v3"]):
        asked = ["bytes", "intensity", *model, "--notation", notation, "--depth", depth]
        above, _, table = shell.good("show", *asked).partition("\nwhere\n")
        rows = {x.split()[0] for x in table.splitlines() if not x.startswith("   ")}
        # Formulas, what the notation assumes, and what its own letters stand for.
        said = [x for x in above.splitlines() if x.startswith(("  = ", "      "))]
        said += [x.partition(" = ")[2] for x in table.splitlines()]
        words = re.findall(r"[^\W\d](?:[\w,-]*\w)?\*?", re.sub("[²³⁹]", "", " ".join(said)))
        assert set(words) - {"min", "max"} == rows, model


def test_a_window_without_the_token_itself_is_refused(shell: Shell):
    asked = ("critical-batch", "--model", "mistral-7b-v0.1", "--set")
    assert "window: got 0.5; accepted: a number >= 1" in shell.bad("solve", *asked, "window=0.5")
    assert "B* = " in shell.good("solve", *asked, "window=1")


def test_a_side_of_an_equation_is_a_quantity_or_a_number(shell: Shell):
    asked = ("--for", "B", "--phase", "decode", "--model", "llama-3.1-8b")
    refused = shell.bad("solve", "kv_read_bytes = 2*weight_bytes", *asked)
    assert "or a quantity without a factor" in refused
    refused = shell.bad("solve", "flops = nan", *asked)
    assert "got 'nan'; accepted: a number, such as 4096, 3.35e12 or 1/2, or one of" in refused


def test_less_than_one_device_is_refused(shell: Shell):
    asked = ("link-bound-batch", "--model", "llama-3.1-8b", "--set")
    assert "t: got 0.5; accepted: a number >= 1" in shell.bad("solve", *asked, "t=0.5")
    assert "B* = " in shell.good("solve", *asked, "t=1")


def test_the_heading_of_an_equation_is_as_it_was_written(shell: Shell):
    asked = ("time = 0.02", "--for", "B", "--format", "markdown")
    out = shell.good("derive", *asked, "--phase", "decode")
    assert out.startswith("# time = 0.02 for ")
    assert "1. Time of the step: the longer of the two" in out
    assert "time of the step: the longer of the two: what is asked for" in out
    assert shell.good("derive", "critical-batch", *asked[3:]).startswith("# Critical batch of")


def test_show_says_what_is_on_the_left_in_letters(shell: Shell):
    # In text the name stands there with its unit; elsewhere a letter does, which needs a row.
    out = shell.good("show", "intensity", *MODEL, "--phase", "decode", "--format", "markdown")
    assert "| $`I`$ | FLOP/B | arithmetic intensity of the step |" in out
    assert "intensity [FLOP/B]" in shell.good("show", "intensity", *MODEL, "--phase", "decode")


def test_show_has_units_meanings_and_values(shell: Shell):
    text = shell.good("show", "flops", *DECODE, *MODEL)
    assert re.search(r"\n  d_ff +1 +width of the feed-forward block = 14336\n", text)
    assert re.search(r"\n  φ +FLOP +FLOPs per new token .* = 15.01 GFLOP\n", text)
    asked = ["show", "flops", "--format", "markdown", "--depth", "constants", *MODEL]
    table = shell.good(*asked)
    # Only the formula in constants is there: dimensions have no rows.
    assert "| $`\\alpha`$ | FLOP/token | attention FLOPs" in table
    assert "d_{\\mathrm{model}}" not in table.split("| symbol |")[1]
    assert "<table>" in shell.good("show", "flops", "--format", "html")
    for form in ("latex", "latex-fragment"):
        assert "attention FLOPs" not in shell.good("show", "flops", "--format", form)


def test_a_formula_with_numbers_says_the_unit_of_what_it_gives(shell: Shell):
    asked = ["show", "bytes", "--phase", "decode", *MODEL, "--depth", "numbers", "--format"]
    for form, said in {
        "markdown": r"Q\,[\mathrm{B}] = 1.", "latex": r"Q\,[\mathrm{B}] = 1.",
        "latex-fragment": r"Q\,[\mathrm{B}] = 1.",
        "html": "<mi>Q</mi><mtext>&#160;[B]</mtext>",
    }.items():  # fmt: skip
        assert said in shell.good(*asked, form)


def test_a_constant_of_two_meanings_has_no_value_in_the_table(shell: Shell):
    both = shell.good("show", "bytes", "kv_bytes", *DECODE, *MODEL)
    assert re.search(r"\n  a +B +bytes per new token: [^=\n]*\n", both)
    alone = shell.good("show", "kv_bytes", *DECODE, *MODEL)
    assert re.search(r"\n  a +B +bytes per new token: .* = 131.1 kB\n", alone)


def test_an_assumption_about_what_a_letter_is_made_of_is_said(shell: Shell):
    # w is 10⁹ Z b_w, and b_w is 2.
    asked = ["bytes", "--notation", "intensity-estimation", "--depth", "constants"]
    for out in (shell.good("show", *asked), shell.good("derive", "critical-batch", *asked[1:])):
        assert "2 × 10⁹ Z" in out
        assert "In the notation intensity-estimation, with\n      b_w = 2\n" in out


def test_what_a_notation_assumes_holds_of_the_model_asked_of(shell: Shell):
    # Llama 3.1 has 32 heads on 8 KV heads: n_kv_heads = n_heads is wrong of it.
    guesstimator = ["--notation", "guesstimator", *MODEL]
    form = shell.json("show", "kv_bytes", "--depth", "dimensions", *guesstimator)
    assert r"n_{\mathrm{kv}}" in form["quantities"]["kv_bytes"]["latex"]
    solved = shell.good("solve", "kv_bytes = weight_bytes", "--for", "d_ff", *guesstimator)
    assert "n_kv_heads" in solved
    # Nor is anything assumed of what is solved for.
    freed = shell.good("solve", "kv_bytes = weight_bytes", "--for", "b_w", "--notation", "deep-ml")
    assert "dtype_bytes = " in freed
    assert "b_kv" in freed.split("dtype_bytes = ")[1]
    derived = shell.good("derive", "bytes-per-weight", "--notation", "deep-ml")
    assert "b_kv" in derived


def test_the_default_convention_is_fused_ops(shell: Shell):
    assert shell.json("eval", "flops", *DECODE, *MODEL)["convention"] == "fused-ops"


def test_the_json_of_eval(shell: Shell):
    answer = shell.json("eval", "flops", "intensity", "time", *DECODE, *BOTH)
    assert set(answer) == {"inputs", "convention", "quantities"}
    assert list(answer["quantities"]) == ["flops", "intensity", "time"]
    for row in answer["quantities"].values():
        assert set(row) >= {"value", "exact", "unit", "expr", "latex"}
        assert isinstance(row["value"], float)
        above, _, below = row["exact"].partition("/")
        assert row["value"] == pytest.approx(int(above) / int(below or 1))
    assert answer["quantities"]["time"]["unit"] == "s"


def test_the_json_of_show(shell: Shell):
    answer = shell.json("show", "flops", *MODEL, "--phase", "decode", "--depth", "constants")
    row = answer["quantities"]["flops"]
    assert row["value"] is None
    assert row["exact"] is None
    assert row["latex"]
    assert answer["inputs"]["model"] == "llama-3.1-8b"


def test_format_json_is_json(shell: Shell):
    one = shell.good("show", "flops", *MODEL, "--format", "json")
    assert one == shell.good("show", "flops", *MODEL, "--json")


def test_eval_agrees_with_python(shell: Shell):
    import roofsym as rs

    answer = shell.json("eval", "flops", "bytes", *DECODE, *MODEL)
    led = rs.decode(rs.model("llama-3.1-8b")).at(B=8, L=4096, b_w=2, b_a=2, b_kv=2)
    assert answer["quantities"]["flops"]["exact"] == str(led.flops)
    assert answer["quantities"]["bytes"]["exact"] == str(led.bytes)


def test_the_dtype_sets_the_bytes_and_set_overrides_it(shell: Shell):
    def weights(*more: str) -> int:
        answer = shell.json("eval", "weight_bytes", *DECODE, *BOTH, *more)
        return int(answer["quantities"]["weight_bytes"]["exact"])

    assert weights() == weights("--dtype", "bf16") == 2 * weights("--dtype", "fp8")
    assert weights("--dtype", "fp8", "--set", "b_w=2") == weights()


def test_a_config_file_and_its_folder_are_models(shell: Shell):
    (shell.folder / "config.json").write_text(json.dumps(LLAMA), encoding="utf-8")
    by_name = shell.json("eval", "parameters", *MODEL)["quantities"]
    for path in ("config.json", str(shell.folder), "./config.json"):
        assert shell.json("eval", "parameters", "--model", path)["quantities"] == by_name


def test_every_alias_of_the_catalogue_works_here_too(shell: Shell):
    from roofsym import catalog

    for record in catalog.records("models").values():
        for alias in record.aliases[:2]:
            shell.good("eval", "parameters", "--model", alias)


def test_a_name_with_any_letters_prints(shell: Shell):
    named = {**LLAMA, "_name_or_path": "me/été 模型 100%_#{}\\"}
    (shell.folder / "config.json").write_text(json.dumps(named), encoding="utf-8")
    out = shell.good("solve", "critical-batch", "--model", ".", "--machine", "h100-sxm")
    assert "été 模型 100%_#{}\\" in out
    for form in ("md", "tex", "html"):
        shell.good("report", "--model", ".", "--machine", "h100-sxm", "-o", f"r.{form}")
    tex = (shell.folder / "r.tex").read_text(encoding="utf-8")
    assert r"100\%\_\#\{\}\textbackslash" in tex.replace(r"\textbackslash{}", r"\textbackslash")


def test_values_at_the_edge(shell: Shell):
    for value in ("0", "1", "1e30", "1/3", "0.5", " 12 ", "+5", "1e-30"):
        shell.json(
            "eval", "flops", "--phase", "decode", *MODEL, "--set", "B=1", "--set", f"L={value}"
        )
    out = shell.good(
        "eval", "flops", "--phase", "decode", *MODEL, "--set", "B=1e30", "--set", "L=0"
    )
    assert str(15_009_841_152 * 10**30) in out


def test_a_number_too_large_for_a_float_is_no_infinity(shell: Shell):
    answer = shell("eval", "flops", "--phase", "decode", *MODEL, "--set", "B=1", "--set", "L=1e399")
    assert "∞" not in answer.out
    assert "inf" not in answer.out


# --- solve, derive --------------------------------------------------------------------------------


@pytest.mark.parametrize("convention", CONVENTIONS)
@pytest.mark.parametrize("result", RESULTS)
def test_solve_and_derive_answer_or_refuse(shell: Shell, result: str, convention: str):
    model = asked_of(result) or "llama-3.1-8b"
    asked = ["--model", model, "--machine", "h100-sxm", "--convention", convention]
    for command in ("solve", "derive"):
        answer = shell(command, result, *asked)
        assert answer.status in (0, 2)
        if answer.status == 2:
            assert answer.err.startswith("roofsym: convention: ")
            assert answer.err.count("\n") == 1
        elif result != "ridge-point":
            assert convention in answer.out


def test_the_json_of_solve(shell: Shell):
    answer = shell.json("solve", "critical-batch", *BOTH, "--set", "L=128")
    assert set(answer) >= {
        "inputs", "convention", "result", "symbol", "outcome", "value", "expr", "latex",
        "conditions",
    }  # fmt: skip
    assert answer["result"] == "critical-batch"
    assert answer["symbol"] == "B"
    assert answer["outcome"] == "crosses"
    assert 300 < answer["value"] < 1000


def test_every_regime_is_in_the_json(shell: Shell):
    answer = shell.json("solve", "time-elasticity", *BOTH, "--set", "L=128")
    assert [b["value"] for b in answer["branches"]] == [None, 1]
    borders = [b["condition"].partition(" B ")[2][0] for b in answer["branches"]]
    assert borders == ["≤", "≥"]
    one = shell.json("solve", "critical-batch", *BOTH, "--set", "L=128")
    assert one["whole"] == 537
    assert [b["exact"] for b in one["branches"]] == [one["exact"]]


@pytest.mark.parametrize("equation", ["kv_write_bytes --phase chunk", "activation_bytes"])
def test_a_power_of_a_share_with_a_million_in_it_is_solved(shell: Shell, equation: str):
    """Experts beside a term in the batch: Lambert's W, of the share to the power of a million.

    At random points of the check more experts are there than are chosen: of one that is never
    idle there is no logarithm.
    """
    other, *options = equation.split()
    asked = ("--for", "B", "--model", "llama-4-scout", *options)
    assert "W₀(" in shell.good("solve", f"weight_bytes = {other}", *asked)


def test_the_json_has_the_first_whole_value_of_any_unknown(shell: Shell):
    # As said in words: from 14260 on there are more than 8e9 parameters, from 150 layers on ...
    asked = ("parameters = 8e9", "--for", "d_ff", *MODEL)
    assert shell.json("solve", *asked)["whole"] == 14260
    fits = ("largest-batch", "--for", "n_layers", *BOTH, "--set", "L=2048", "--set", "B=10")
    assert shell.json("solve", *fits)["whole"] == 150
    assert shell.json("solve", *fits[:2], "capacity", *fits[3:])["whole"] is None


def test_the_json_of_a_formula_has_its_conditions_and_what_its_names_stand_for(shell: Shell):
    # (C − w)/(κ (L + 1)) sequences fit, if the weights do; w by the layer and without layers.
    asked = ("solve", "largest-batch", *BOTH, "--set", "L=2048")
    assert shell.json(*asked)["conditions"] == ["C > w_m"]
    told = shell.json(*asked, "--set", "B=10", "--for", "n_layers")["definitions"]
    assert told["w_held_without_n_layers"] == "b_w*d_model*(2*vocab_size + 1)"
    decode = ("--phase", "decode", "--set", "L=1000")
    answer = shell.json("solve", "time = 0.02", *BOTH, *decode)
    assert answer["definitions"]["asked_time"] == "1/50"
    assert answer["conditions"][-1] == "β time > w"
    assert shell.json("solve", "ridge-point", *BOTH)["conditions"] == []


def test_a_critical_batch_that_does_not_exist_has_no_number(shell: Shell):
    asked = ("derive", "critical-batch-capacity", *BOTH, "--set")
    assert "I* w / (φ + α L − I* (κ L + a)) = 536.3" in shell.good(*asked, "L=128")
    beyond = shell.good(*asked, "L=4096")
    assert "there is no critical batch" in beyond
    assert "= -" not in beyond


# What a reader has to see in the last lines, and what must not be there.
SAID = {
    "the idle share of the experts": (
        "kv-overtakes-weights --for rho --model mixtral-8x7b --set B=64 --set L=4096",
        ["ρ = ((w + w_x − B κ L) / w_x)^(1 / B)", "while w + w_x > B κ L and B κ L > w",
         "ρ = 0.99333"], [],
    ),
    "roots with one number": (
        "decode-throughput --for rho --model mixtral-8x7b --machine h100-sxm --set B=64 "
        "--set L=4096",
        ["^(1 / 64) / R_tok^(1 / 64)", "while R_tok > 1673 and R_tok < 5651"], ["2^("],
    ),
    "signs of numbers under a logarithm": (
        "critical-batch --model gpt-oss-20b --machine h100-sxm",
        ["B* = 7.489 W₀(−4.007e11 · 0.875^(3.721e12 / Z) / Z) + 3.721e12 / Z",
         "with Z = 5.633e9 − 7058814 (L + min(L, 127))"],
        ["− -", "(-"],
    ),
    "polynomials in conditions": (
        "break-even-batch --model llama-3.1-8b --machine h100-sxm",
        ["while p (20 L + 486161) (p³ + p² + p + 1) ≥ 4 δ (20 L + 486161) + 54395\n"],
        ["p (p ("],
    ),
    "numbers before sums": (
        "decode-throughput --for L --model llama-3.1-8b --machine h100-sxm --set B=64",
        ["L [token] = 1837 (13910 − R_tok) / R_tok"], [],
    ),
    "a border under a root": (
        "time-to-first-token --for S --model llama-3.1-8b --machine h100-sxm --set B=64",
        ["while T ≤ 0.005132 and T > 0.004486", "while T ≥ 0.005132\n"], ["0.005132 and T > 6"],
    ),
    "each regime in numbers": (
        "time-elasticity --model llama-3.1-8b --machine h100-sxm --set L=128",
        ["while B ≤ 536.3", "while B ≥ 536.3"], [],
    ),
    "regimes that have a number each": (
        "time-elasticity --for bandwidth --model llama-3.1-8b --machine h100-sxm --set L=128",
        ["β = −1 at L = 128\n    while B ≤ 536.3", "β = 0 at L = 128\n    while B ≥ 536.3"],
        ["the other way"],
    ),
    "the context of a window": (
        "critical-batch --model gemma-2-9b --machine h100-sxm", ["only while L < 157.9"], [],
    ),
    "an example where there is a crossing": (
        "critical-batch-capacity --model mixtral-8x7b --machine h100-sxm --set L=1024",
        ["no critical batch", "only while L < 591.3 tokens; at L = 256, C* = 165.8 GB"], [],
    ),
    "what holds at every context is no condition": (
        "critical-batch --model deepseek-v3 --machine a100-80gb-sxm", ["B* = "], ["only while"],
    ),
    "without a machine the case is open": (
        "critical-batch", ["only while L < (φ − I* a) / (I* κ − α) where I* κ > α"], [],
    ),
    "what a denominator's sign says": (
        "critical-batch-capacity --for w_held",
        ["while C (φ + α L) > I* (C (κ L + a) + w κ_m (L + 1))"],
        [" and ", " > 0"],
    ),
    "what two conditions say together": (
        "ridge-rule-ratio --for n_heads",
        [
            "while (2 w′ > b_w q (φ′ + α′ L − I* a′) and b_w q (φ₀ − I* (κ L + a₀)) > 2 w₀)\n",
            "or (b_w q (φ′ + α′ L − I* a′) > 2 w′ and 2 w₀ > b_w q (φ₀ − I* (κ L + a₀)))\n",
        ],
        ["≠"],
    ),
    # 70 359 tokens per second: the largest B S / max(F/π, Q/β) of whole S, found by trying them all
    # (test_the_highest_throughput_is_found).
    "a hump has its highest place": (
        "'tokens_per_second = 100000' --for S --phase prefill --model llama-3.1-8b "
        "--machine h100-sxm --set B=1",
        ["tokens_per_second is at most 70359 per second at S = 361"],
        ["tends to"],
    ),
    "the side that stands still is not said to move": (
        "link-bound-degree --model llama-3.1-8b --machine h100-sxm --for n_kv_heads "
        "--set B=64 --set L=2048 --set t=8",
        ["the time to move memory stays above 1.247 ms however small n_kv_heads is"],
        ["tends to 0 s"],
    ),
    "nowhere is the equation asked": (
        "ridge-rule-ratio --model llama-3.1-8b --machine h100-sxm --for b_w --set L=2048",
        ["never at L = 2048: there is no critical batch"],
        [],
    ),
    # Written out in dimensions it took half a minute to print, on a page of its own.
    "an elasticity in a dimension keeps the constants": (
        "intensity-elasticity --model deepseek-v3 --for n_heads",
        ["= n_heads ((φ′ + α′ L) / (φ + α L) − (w′ + B a′) / Y)"],
        ["n_heads head_dim"],
    ),
    # B* = 338.11 of a window of one token, the token itself: at 338 there is none as narrow.
    "a window holds the token itself": (
        "critical-batch --model mistral-7b-v0.1 --machine h100-sxm --set B=338 --for window "
        "--set L=5000",
        ["while W ≤ L + 1", "or (B φ > I* (w + B a) and I* κ_w > α_w))",
         "never at B = 338, L = 5000: intensity is at most 295.1 FLOP/B at W = 1 token"],
        ["a − κ_w) and", "W = 0."],
    ),
    "of two cases, one that cannot be": (
        "critical-batch-fit-context --for capacity",
        ["while φ + α L > I* (κ L + a)"],
        [" or "],
    ),
    "a condition on a root, said of the unknown": (
        "critical-batch-capacity --for b_w",
        ["and b_w < C / w_m′"],
        ["> 0", "≠", "2 √("],
    ),
    "the arm that is the time asked for": (
        "time-to-first-token --model mistral-7b-v0.1 --machine h100-sxm --for window",
        ["β T ≥ w + B (a S + ε) and W ≤ S", "with Y = (64 S + 32)²"],
        ["S + 1 + √", " or ", "with Z"],
    ),
    "the nearer of two bounds": (
        "time-to-first-token --for S --model mistral-7b-v0.1 --machine h100-sxm --set B=1",
        ["while T ≤ 0.004862 and T > 0.004245"],
        ["0.01163"],
    ),
    "cases that exclude each other": (
        "window-saving --for L --model gpt-oss-120b --set ratio=0.4",
        ["while L ≥ W − 1"], [" or ", "L = (κ_m + κ_m,w − q"],
    ),
    "the sign of a denominator": (
        "ridge-rule-ratio --for L --model llama-3.1-8b --machine h100-sxm --set ratio=2",
        ["while b_w q (φ − I* a) > 2 w and I* κ > α", "L = 147.87"], ["≠"],
    ),
    "two crossings": (
        "critical-batch-capacity --for d_model --model llama-3.1-8b --machine h100-sxm"
        " --set L=100 --set capacity=2.35e10",
        ["d_model = 1953.1 at L = 100, C = 23.5 GB (from 1954 to 4458 it fits)"], ["the other way"],
    ),
    "an unknown batch cancels out": (
        "link-bound-prefill-degree --for S --model llama-3.1-8b --machine h100-sxm --set t=20",
        ["S = 113320 at t = 20"], [],
    ),
    "nothing fits": (
        "largest-context --model llama-3.1-405b --machine h100-sxm --set B=1",
        ["it does not fit; the memory needed stays above 811.7 GB however small L is"], [],
    ),
    "more than anybody reads": (
        "break-even-batch --for n_local --model gemma-2-9b --machine h100-sxm",
        ["in 4 cases, too long for a screen", "in numbers as long; a number as soon as B, L, "],
        ["while"],
    ),
    "the same from a root on": (
        "'time = compute_time' --for S --model glm-4.5-air --machine h100-sxm --phase chunk"
        " --set B=8 --set L=1000", ["from 376 on time is the same as compute_time"], [],
    ),
    "the same throughout": (
        "'time = memory_time' --for top_k --model qwen3-30b-a3b --machine h100-sxm --phase decode"
        " --set B=8 --set L=4096", ["time is the same as memory_time whatever top_k is"], ["never"],
    ),
    "a root of powers of thousands": (
        "'tokens_per_second = 1000' --for S --model qwen3-30b-a3b --machine h100-sxm"
        " --phase prefill --set B=1", ["S = 7.1567 at B = 1 (from 8 to 2501268 "], [],
    ),
    "no limit but a least window": (
        "largest-batch --for window --model gemma-3-27b --machine h100-sxm --set B=16"
        " --set L=32768", ["the memory needed is at least 96.98 GB at W = 1 token"], [],
    ),
    "no fewer experts than are chosen": (
        "largest-batch --for n_experts --model qwen3-30b-a3b --machine h100-sxm --set B=1600"
        " --set L=480",
        ["while C > w_m′ top_k + w_m₀ + B κ_m (L + 1)",
         "it does not fit; the memory needed is at least 82.34 GB at n_experts = 8"], [],
    ),
    "experts in nothing but a share": (
        "experts-touched-batch --for n_experts --model qwen3-30b-a3b --set B=32 --set fraction=0.9",
        ["n_experts = top_k / (1 − (1 − f)^(1 / B))", "while f < 1\n", "n_experts = 115.23 at"],
        ["no closed form"],
    ),
    "a denominator in its regime": (
        "'tokens_per_second = 10' --for S --model mistral-7b-v0.1 --machine h100-sxm"
        " --phase prefill --set B=4", ["S = 0.010613 at B = 4 (from 1 on "], [],
    ),
    "numbers of a root of thousands": (
        "critical-batch --for b_kv --model gpt-oss-120b --machine h100-sxm --set B=2000",
        ["b_kv [B] = 0.0542 (L + min(L, 127) − 5051) / (L + min(L, 127) + 2) at B = 2000, only "
         "while L > 4924"], [],
    ),
    "a number that is the slope of a sum": (
        "largest-context --model gemma-3-27b --machine h100-sxm",
        ["L_max [token] = (51154 − B) / B"], [],
    ),
    "a denominator that is positive beyond the window": (
        "'tokens_per_second = 1000' --for S --model gemma-3-27b --machine h100-sxm"
        " --phase prefill --set B=1", ["while (tokens_per_second (φ + α_w W) − π)² > "], ["≠"],
    ),
    "whole chunks are no more than all": (
        "'kv_read_bytes = weight_bytes' --for kappa_w --model llama-4-scout --phase decode"
        " --set L=10000", ["> B κ L and L > W ⌊L / W⌋\n"], [" or ", "W ⌊L / W⌋ > L"],
    ),
    "where an elasticity is": (
        "time-elasticity --for window --model gemma-3-27b --machine h100-sxm --set B=8"
        " --set L=4096", ["d ln T / d ln W = 0.057849 at B = 8, L = 4096"], [],
    ),
    "no critical batch, by how much": (
        "critical-batch-capacity --model llama-3.1-8b --machine h100-sxm --set L=4096",
        # `eval intensity` of a billion sequences is 31.59 FLOP/B, the ridge point 295.2.
        ["as the batch grows, intensity tends to 0.107 times the ridge point"], [],
    ),
    "weights that do not fit, by how much": (
        "critical-batch-fit-context --model llama-3.1-70b --machine h100-sxm",
        # 70.55 billion weights of 2 B are 141.1 GB.
        ["no batch fits: the weights alone take 1.764 times the memory"], [],
    ),
    "nothing on one side": (
        "latent-absorbed-context --model deepseek-v2-lite --for n_heads --set L=0",
        ["never at L = 0: the rebuilding of expansion is 0 whatever n_heads is"], [],
    ),
    "weights that do not fit, however narrow": (
        "critical-batch-capacity --for head_dim --model mixtral-8x7b --machine h100-sxm"
        " --set L=128", ["never at L = 128: no batch fits: the weights alone take more than"], [],
    ),
    "more experts chosen than there are, on one of two sides": (
        "throughput-fraction-batch --for top_k --model llama-4-scout --machine h100-sxm"
        " --set L=4096 --set fraction=0.5 --set B=260.8",
        ["top_k = 0.34236 at B = 260.8, L = 4096, f = 0.5 (at 1 the time of"], [],
    ),
    "a denominator that is positive in numbers, too": (
        "'intensity = ridge' --for L --phase decode --model mixtral-8x7b --machine h100-sxm",
        ["while B > 1218\n"], ["≠"],
    ),
    "an unknown that cancels out, the rest open": (
        "'kv_read_bytes = kv_write_bytes' --for B --phase decode --model llama-3.1-8b",
        ["B cancels out: which side is the larger one is a question of L"], ["a number"],
    ),
    "an unknown that cancels out, the rest known": (
        "'kv_read_bytes = kv_write_bytes' --for B --phase decode --model llama-3.1-8b --set L=100",
        ["always at L = 100: kv_read_bytes is 100 times kv_write_bytes whatever B is"], [],
    ),
    "a formula that the numbers rule out": (
        "prefill-critical-length --model llama-3.1-8b --machine h100-sxm",
        ["S* = (I* a − φ + √("], ["φ − √("],
    ),
    "a deadline": (
        "time-per-token --for B --model llama-3.1-8b --machine h100-sxm --set L=4096"
        " --set time=0.02", ["from 96 on the target is missed"], [],
    ),
}  # fmt: skip


@pytest.mark.parametrize(("command", "said", "unsaid"), SAID.values(), ids=SAID)
def test_what_an_answer_says(shell: Shell, command: str, said: list[str], unsaid: list[str]):
    out = shell.good("solve", *shlex.split(command))
    assert all(x in out for x in said)
    assert not any(x in out for x in unsaid)


@pytest.mark.parametrize("model", ["gpt-oss-20b", "llama-4-scout", "deepseek-v3"])
def test_what_is_solved_in_numbers_alone_is_told_by_name_until_then(shell: Shell, model: str):
    asked = ["break-even-acceptance", "--model", model, "--machine", "h100-sxm"]
    for command in ("solve", "derive"):
        out = shell.good(command, *asked)
        assert "p⁴ + p³ + p² + p + 1 = 4 δ + v" in out
        assert "no closed form in p" in out
    known = shell.good(
        "solve", *asked, "--set", "B=1", "--set", "L=1024", "--set", "draft_cost=.05"
    )
    assert "p* = 0." in known


def test_an_equation_says_what_holds_for_whole_numbers(shell: Shell):
    options = ("--for", "B", *BOTH, "--phase", "decode", "--set", "L=1000")
    out = shell.good("solve", "time = 0.02", *options)
    assert out.endswith("B = 378.46 at L = 1000 (from 379 on time is above what is asked for)\n")
    out = shell.good("solve", "time = 0.001", *options)
    # The weights alone take 4.48 ms: the end at which the sides come closest shows it.
    never = "time stays above 4.481 ms however small B is, what is asked for is at 1 ms\n"
    assert out.endswith(never)


@pytest.mark.parametrize("setting", ["top_k=9", "n_experts=1"])
def test_more_chosen_experts_than_there_are_are_refused(shell: Shell, setting: str):
    line = shell.bad("solve", "critical-batch", "--model", "mixtral-8x7b", "--machine", "h100-sxm",
                     "--set", setting)  # fmt: skip
    assert "at most n_experts" in line


@pytest.mark.parametrize(
    ("command", "setting"),
    [
        ("critical-batch --model llama-3.1-8b --machine h100-sxm", "capacity=80e9"),
        ("critical-batch --model llama-3.1-8b --machine h100-sxm", "gamma=7"),
        ("critical-batch --model llama-3.1-8b --machine h100-sxm", "intensity=7"),
        ("distinct-experts --model mixtral-8x7b --set B=8", "L=77"),
        ("ridge-point --machine h100-sxm", "L=5"),
        ("time=0.02 --for B --phase decode --model llama-3.1-8b --machine h100-sxm --set L=10",
         "capacity=80e9"),
    ],
)  # fmt: skip
def test_a_value_without_effect_is_refused(shell: Shell, command: str, setting: str):
    line = shell.bad("solve", *command.split(), "--set", setting)
    assert f"--set {setting.split('=')[0]}: got" in line
    assert "a symbol on which the answer depends: " in line


@pytest.mark.parametrize(
    "asked", ["compute-bound-chunk", "intensity = ridge --for S --phase chunk"]
)
def test_a_root_without_a_closed_form_says_what_it_lacks(shell: Shell, asked: str):
    what, _, options = asked.partition(" --")
    chosen = f"--{options}".split() if options else []
    given = ["--model", "mixtral-8x7b", "--machine", "h100-sxm"]
    command = ["solve", what, *chosen, *given]
    assert "a number as soon as B and L have values" in shell.good(*command)
    assert "a number as soon as L has a value" in shell.good(*command, "--set", "B=1")
    found = shell.good(*command, "--set", "B=1", "--set", "L=4")
    assert "1214" in found
    assert "as soon as" not in found


def test_an_unknown_of_another_model_is_told_what_could_be_asked(shell: Shell):
    line = shell.bad(
        "solve", "kv_bytes = weight_bytes", "--phase", "decode", "--model", "llama-3.1-8b",
        "--set", "B=3", "--set", "L=4", "--for", "top_k",
    )  # fmt: skip
    assert "a symbol of the equation: B, L, n_layers, " in line


@pytest.mark.parametrize(
    ("question", "lacking"),
    [
        # Experts in the exponent and in what is raised to it.
        (("critical-batch-capacity", "--for", "n_experts"), "peak, bandwidth, capacity and L"),
        # In closed form, but in several cases of many lines each.
        (("break-even-acceptance", "--for", "d_model", "--machine", "h100-sxm"),
         "B, L, acceptance and draft_cost"),
    ],
)  # fmt: skip
def test_an_answer_says_which_values_it_lacks(shell: Shell, question, lacking: str):
    found = shell.good("solve", *question, "--model", "deepseek-v3")
    assert f"a number as soon as {lacking} have values" in found


@pytest.mark.parametrize(
    "command",
    [
        # Powers of 4096 tokens and more are numbers with rounding, beside which a symbol is open.
        "bytes-per-weight --model mixtral-8x7b --set B=8192 --set L=512",
        "time-to-first-token --for b_w --model llama-4-scout --set B=64 --set S=512",
        # A condition with a root that has no real value everywhere.
        "time-to-first-token --for window --model mistral-7b-v0.1 --set B=1 --set S=8192",
    ],
)
def test_an_answer_with_something_left_open_is_no_traceback(shell: Shell, command: str):
    said = shell.good("solve", *command.split(), "--machine", "h100-sxm")
    assert "while T " in said.splitlines()[-1]


# A capacity that four sequences of 1001 tokens fill to the last byte: at equality they still fit.
FULL = ("--model", "llama-3.1-8b", "--machine", "h100-sxm", "--set", "capacity=16585334784")


@pytest.mark.parametrize(
    ("asked", "says"),
    [
        (("largest-context", *FULL, "--set", "B=4"), "last context that fits: 1000"),
        (("largest-batch", "--for", "L", *FULL, "--set", "B=4"), "from 1001 on it does not fit"),
        (("largest-batch", *FULL, "--set", "L=1000"), "largest batch that fits: 4"),
        (("largest-context", "--for", "B", *FULL, "--set", "L=1000"), "from 5 on it does not fit"),
        (
            ("distinct-experts", "--for", "B", "--model", "deepseek-v3", "--set", "distinct=8"),
            "from 2 on more are read",
        ),
        # A power with an exponent of a hundred million is not written out to be compared.
        (
            ("weight_bytes = 1e12", "--for", "B", "--phase", "decode", "--model", "mixtral-8x7b"),
            "from 110700264 on weight_bytes is above what is asked for",
        ),
    ],
    ids=range(6),
)
def test_whole_numbers_on_either_side_of_an_answer(shell: Shell, asked: tuple[str, ...], says: str):
    assert says in shell.good("solve", *asked)


def test_a_latent_narrower_than_its_heads_is_always_absorbed(shell: Shell):
    given = ("--model", "deepseek-v3", "--set", "kv_rank=100")
    said = shell.good("solve", "latent-expanded-length", *given, "--set", "L=4096")
    assert "never at L = 4096, kv_rank = 100: absorbed costs fewer FLOPs at any length" in said
    assert "always at S = 300" in shell.good(
        "solve", "latent-absorbed-context", *given, "--set", "S=300"
    )


@pytest.mark.parametrize("name", ["critical-batch", "largest-batch", "quantization-speedup"])
def test_an_answer_for_any_model_is_in_constants_alone(shell: Shell, name: str):
    said = shell.good("solve", name)
    assert "n_layers" not in said
    assert "n_layers" in shell.good("solve", name, "--set", "d_model=4096")


def test_a_value_with_effect_is_not(shell: Shell):
    # Inside a constant, inside the ridge point, as a constant itself, of the batch left out.
    for setting in ("d_ff=2000", "peak=7e14", "phi=2e9", "b_kv=1"):
        shell.good("solve", "critical-batch", *BOTH, "--set", setting)


def test_a_result_that_is_nearly_named_is_offered(shell: Shell):
    line = shell.bad("solve", "critical-bach", *BOTH)
    assert "near it: critical-batch, " in line
    assert len(line) < 250


@pytest.mark.parametrize("symbol", ["w", "kappa", "a", "phi", "alpha"])
def test_an_equation_is_solved_for_a_constant(shell: Shell, symbol: str):
    options = (*BOTH, "--phase", "decode", "--set", "L=1000", "--set", "B=300")
    answer = shell.json("solve", "time = 0.02", *options, "--for", symbol)
    back = shell.json(
        "solve", "time = 0.02", *BOTH, "--phase", "decode", "--set", "L=1000",
        "--set", f"{symbol}={answer['exact']}", "--for", "B",
    )  # fmt: skip
    assert float(back["value"]) == pytest.approx(300, rel=1e-12)


@pytest.mark.parametrize(
    ("command", "words"),
    [
        ("largest-batch --set n_machines=4", "set capacity to the sum of theirs"),
        ("piggybacked-chunk --set B=3", "--set B: got '3'; accepted: no value"),
        ("largest-batch --set t=4", "set capacity to the sum of theirs"),
        ("critical-batch --set t=4", "set peak and bandwidth to the sum of theirs"),
        ("largest-batch --set tensor_parallel=4", "accepted: t (devices that a step is divided"),
        ("largest-batch --set num_gpus=4", "one of t (devices that a step is divided over), n_mac"),
        ("critical-batch --set ridge=100", "it is peak/bandwidth: set one of these"),
        ("critical-batch --set l=128", "--set: got 'l'; accepted: L (tokens"),
        ("critical-batch --for gamma", "--for: got 'gamma'; accepted: a symbol of the equation: "),
        ("time-elasticity --for time", "--for: got 'time'; accepted: a symbol of what changes: "),
        ("critical-batch --for machine", "one of ridge, peak, bandwidth, capacity"),
        ("critical-batch --for model", "n_layers"),
        ("time=0 --for B --phase decode", "a number > 0"),
        ("time=-1 --for B --phase decode", "a number > 0"),
        ("time=1e400 --for B --phase decode", "a number between 1e-400 and 1e400"),
        ("critical-batch --set L=1e-400", "a number between 1e-400 and 1e400"),
        ("time-per-token --set time=0.001", "--set time: got '0.001'"),
        ("critical-batch --set bandwidth=3TB/s", "--set bandwidth [B/s]: got '3TB/s'"),
    ],
)
def test_what_is_refused_says_what_to_do(shell: Shell, command: str, words: str):
    assert words in shell.bad("solve", *command.split(), *BOTH)


@pytest.mark.parametrize(
    ("command", "words"),
    [
        # With every draft accepted, the sum of the powers of p is a number: p is said all the same.
        ("break-even-batch --set L=128 --set draft_cost=0.05 --set acceptance=1",
         "never at L = 128, γ = 4, p = 1, δ = 0.05: "),
        ("break-even-acceptance --for gamma --set B=8 --set L=128 --set p=1 --set draft_cost=0.05",
         "at B = 8, L = 128, p = 1, δ = 0.05 ("),
        # Divided out, and still what was asked.
        ("attention-overtakes-linear --set B=4", "S* = 53247 whatever B is ("),
        ("compute-bound-context --set B=4", "L_max = 344.48 tokens whatever B is ("),
        ("critical-batch --set L=12 --set b_w=1 --set bandwidth=1e12",
         " at L = 12, β = 1 TB/s, b_w = 1 B ("),
        ("critical-batch --set L=8192 --set n_layers=40", "never at L = 8192, n_layers = 40: "),
        ("critical-batch --set b_w=1", " at b_w = 1 B, only while L < "),
        ("quantization-speedup --set B=1 --set L=100 --set compression=0.5",
         "s = 0.50032 at B = 1, L = 100, c = 0.5 (slower: below 1, c makes weights larger)"),
    ],
)  # fmt: skip
def test_every_value_that_was_set_is_said(shell: Shell, command: str, words: str):
    assert words in shell.good("solve", *command.split(), *BOTH)


@pytest.mark.parametrize(
    ("command", "words"),
    [
        # An equation that is its own solution.
        ("'peak = 1e15' --for peak --machine h100-sxm", "  π = 1 PFLOP/s\n"),
        ("'capacity = 1e9' --for capacity", "  C = 1 GB\n"),
        # The convention counts what an empty cache has none of.
        ("kv-overtakes-weights --for B --model llama-3-8b --set L=0",
         "never at L = 0: the KV read is 0 whatever B is"),
        # Drafts that are looked up in the prompt cost no decode step.
        ("break-even-batch --model llama-3-8b --machine h100-sxm --set L=128 --set p=0.8 --set δ=0",
         "at L = 128, γ = 4, p = 0.8, δ = 0 ("),
    ],
)  # fmt: skip
def test_what_looks_odd_and_is_answered(shell: Shell, command: str, words: str):
    arguments = shlex.split(command)
    assert words in shell.good("solve", *arguments)
    shell.json("solve", *arguments)


@pytest.mark.parametrize(
    ("setting", "words"),
    [("rho=1", "a number > 0 and < 1"), ("acceptance=0", "> 0 and <= 1"), ("p=1.5", "<= 1")],
)
def test_shares_are_refused_with_both_their_bounds(shell: Shell, setting: str, words: str):
    mixture = ("--model", "mixtral-8x7b", "--machine", "h100-sxm")
    assert words in shell.bad("solve", "critical-batch", *mixture, "--set", setting)


def test_a_letter_that_is_printed_stands_for_its_name(shell: Shell):
    asked = ("solve", "throughput-fraction-batch", *BOTH, "--set", "L=10", "--set")
    assert shell.good(*asked, "f=1/2") == shell.good(*asked, "fraction=1/2")
    assert shell.json(*asked, "f=1/2")["inputs"]["set"] == {"L": "10", "fraction": "1/2"}
    asked = ("solve", "critical-batch", *BOTH, "--set", "L=10", "--set", "B=64", "--for")
    assert shell.good(*asked, "π") == shell.good(*asked, "peak")


@pytest.mark.parametrize(
    ("letter", "names"),
    [
        # Printed by notations for something else as well, or a name but for its case.
        ("T", ("S (", "t (", "time (")), ("K", ("n_kv_heads (", "in_features (")),
        ("s", ("S (", "speedup (")), ("W", ("w (", "window (")),
    ],
)  # fmt: skip
def test_a_letter_of_two_symbols_stands_for_neither(
    shell: Shell, letter: str, names: tuple[str, ...]
):
    refusal = shell.bad("solve", "critical-batch", *BOTH, "--set", f"{letter}=4")
    assert all(name in refusal for name in names)


def test_a_value_is_given_under_one_name(shell: Shell):
    two = ("--set", "c=4", "--set", "compression=2", "--set", "B=1", "--set", "L=10")
    refusal = shell.bad("solve", "quantization-speedup", *BOTH, *two)
    assert "one value of compression, which is also 4" in refusal
    with pytest.raises(rs.InputError, match="another name"):
        rs.decode(rs.Transformer()).at(p=0.5, acceptance=0.25)


@pytest.mark.parametrize("setting", ["t=4", "gamma=4", "acceptance=0.5", "c_act=14", "n=2"])
def test_eval_refuses_what_no_quantity_has(shell: Shell, setting: str):
    asked = ("eval", "flops", "--phase", "decode", *MODEL, "--set", "B=1", "--set", "L=10")
    assert "a symbol of what is asked for: B, " in shell.bad(*asked, "--set", setting)


def test_values_are_said_as_they_were_given(shell: Shell):
    fraction = ("throughput-fraction-batch", *BOTH, "--set", "L=2048.5", "--set", "fraction=.99999")
    assert " at L = 2048.5, f = 0.99999 (" in shell.good("solve", *fraction)
    assert shell.json("solve", *fraction)["inputs"]["set"] == {"L": "2048.5", "fraction": ".99999"}
    assert "below 1 = 0.99999\n" in shell.good("derive", *fraction)


@pytest.mark.parametrize(
    ("asked", "printed", "formula", "values"),
    [
        # A step that is rounded ends too early: ⌊0.0001221 · 8191⌋ is 1.
        (
            ("limit-intensity", "--model", "llama-4-scout"),
            "(7680 L + 2.522e8 − 4.719e7 ⌊L / 8192⌋) / (1536 L + 102401 − 9437184 ⌊L / 8192⌋)",
            lambda L: (
                (7680 * L + 2.522e8 - 4.719e7 * (L // 8192))
                / (1536 * L + 102401 - 9437184 * (L // 8192))
            ),
            {"L": (8190, 8191, 8192, 40959)},
        ),
        # Of 10⁶ tokens, a third that is rounded leaves 70.63 instead of 170.65.
        (
            ("latent-expanded-length", "--model", "deepseek-v3"),
            "√((3 L + 1.5)² + 3072 L) / 3 − L − 0.5\n",
            lambda L: math.sqrt((3 * L + 1.5) ** 2 + 3072 * L) / 3 - L - 0.5,
            {"L": (4096, 10**5, 10**6)},
        ),
        # A root less nearly itself: with four digits the length at B = 16 was off by 6 %.
        (
            ("prefill-critical-length", *BOTH),
            "0.00011660448 √(1.2432471e15 / B + 3.9670803e16) − 23224.812, only while",
            lambda B: 0.00011660448 * math.sqrt(1.2432471e15 / B + 3.9670803e16) - 23224.812,
            {"B": (1, 16, 128)},
        ),
        (
            ("critical-batch", *BOTH),
            "116089 / (344.5 − L), only while L < 344.5\n",
            lambda L: 116089 / (344.5 - L),
            {"L": (1, 128, 330)},
        ),
    ],
    ids=lambda x: x[0] if isinstance(x, tuple) else "",
)
def test_a_formula_with_numbers_gives_the_values(shell: Shell, asked, printed, formula, values):
    assert printed in shell.good("solve", *asked)
    ((letter, places),) = values.items()
    for value in places:
        exact = shell.json("solve", *asked, "--set", f"{letter}={value}")["value"]
        assert formula(value) == pytest.approx(exact, rel=2e-3)


def test_weights_that_are_no_smaller_have_no_batch_up_to_which_they_pay(shell: Shell):
    # From FP8 to bf16, c is 1/2: the time of each batch is as long as before, or longer.
    for result in ("quantization-full-batch", "quantization-payoff-batch"):
        asked = (result, *BOTH, "--set", "L=128")
        assert "and c > 1\n" in shell.good("solve", *asked)
        for factor in ("0.5", "1"):
            answer = shell.json("solve", *asked, "--set", f"compression={factor}")
            assert (answer["outcome"], answer["value"]) == ("never", None)
            assert "not smaller" in shell.good("solve", *asked, "--set", f"compression={factor}")
        assert shell.json("solve", *asked, "--set", "compression=2")["outcome"] == "crosses"


def test_conditions_of_an_elasticity_are_short(shell: Shell):
    out = shell.good("solve", "time-elasticity", "--for", "B", *BOTH)
    # By hand, in FLOPs and bytes that a token costs: I* κ − α, φ − I* a and I* w.
    assert "while 1.45e11 + 1248768 B L ≥ 4.302e8 B\n" in out
    assert pytest.approx(
        shell.json("solve", "critical-batch", *BOTH, "--set", "L=128")["value"], rel=1e-3
    ) == 1.45e11 / (4.302e8 - 1248768 * 128)


def test_a_fraction_of_the_limit_that_compute_sets_is_reached_before_the_critical_batch(
    shell: Shell,
):
    # By hand from the step's time: at L = 128 an H100 is compute-bound from 537 sequences on.
    asked = ("throughput-fraction-batch", *BOTH, "--set", "L=128")
    assert shell.json("solve", *asked, "--set", "fraction=0.9")["whole"] == 446
    model, machine = rs.decode(rs.model("llama-3.1-8b")).at(b_w=2, b_a=2, b_kv=2, L=128), "h100-sxm"
    most = rs.results.limit_throughput(model, rs.machine(machine, dtype="bf16")).value
    for batch, reached in ((445, False), (446, True)):
        time = rs.Roofline(model.at(B=batch), rs.machine(machine, dtype="bf16")).time
        assert (batch / time >= 0.9 * most) == reached
    # With the fraction open: up to all of the limit, not beyond the pole of the formula.
    assert shell.good("solve", *asked).endswith("    while f ≤ 1\n")


def test_never_is_said_with_its_reason(shell: Shell):
    answer = shell.json("solve", "critical-batch", *BOTH, "--set", "L=8192")
    assert answer["outcome"] == "never"
    assert answer["value"] is None
    out = shell.good("solve", "critical-batch", *BOTH, "--set", "L=8192")
    assert len(out.splitlines()) <= 6
    for words in (
        "never at L = 8192",
        "tends to",
        "the ridge",
        "only while L <",
        "at L = 128, B* =",
    ):
        assert words in out


@pytest.mark.parametrize("result", RESULTS)
@pytest.mark.parametrize("form", ["text", "latex", "markdown", "json"])
def test_derive_in_every_form(shell: Shell, result: str, form: str):
    model = asked_of(result)
    out = shell.good("derive", result, "--format", form, *(["--model", model] if model else []))
    assert "None" not in out
    if form == "latex":
        assert out.count(r"\begin{document}") == out.count(r"\end{document}") == 1
    if form == "json":
        assert json.loads(out)["result"] == result


def test_a_large_step_of_a_mixture(shell: Shell):
    step = ["--model", "deepseek-v3", "--phase", "prefill", "--set", "B=64", "--set", "S=8192"]
    told = shell.json("eval", "bytes", "flops", *step)["quantities"]
    assert told["bytes"]["value"] > 0
    assert told["bytes"]["exact"] is None
    assert told["flops"]["exact"].isdigit()


def test_what_the_catalogue_knows_can_be_asked_for(shell: Shell):
    # The bandwidth at which 64 sequences are just compute-bound, put back: the ridge is met there.
    step = ["--phase", "decode", "--set", "L=100", "--set", "B=64"]
    found = shell.json("solve", "intensity = ridge", "--for", "bandwidth", *BOTH, *step)
    put = ["--set", f"bandwidth={found['exact']}"]
    told = shell.json("eval", "intensity", "ridge", *BOTH, *step, *put)["quantities"]
    assert told["intensity"]["exact"] == told["ridge"]["exact"]


def test_equations_of_quantities(shell: Shell):
    decode = ["--phase", "decode", *BOTH, "--set", "L=128"]
    batch = shell.json("solve", "critical-batch", *BOTH, "--set", "L=128")["value"]
    for equation in ("intensity = ridge", "compute_time=memory_time", "ridge = intensity"):
        answer = shell.json("solve", equation, "--for", "B", *decode)
        assert answer["value"] == pytest.approx(batch)
        assert answer["symbol"] == "B"
    answer = shell.json("solve", "memory_footprint = capacity", "--for", "B", *decode)
    weights = 8_030_261_248 * 2
    assert answer["value"] == pytest.approx((80e9 - weights) / (129 * 131072))
    answer = shell.json("solve", "time = 0.01", *decode)
    assert answer["outcome"] == "crosses"


@pytest.mark.parametrize("deadline", ["0.005", "0.01", "0.1"])
def test_the_expression_of_an_answer_is_the_one_that_has_its_value(shell: Shell, deadline: str):
    # A deadline is met on the memory arm or the compute arm: the formula has to be that arm's.
    import sympy

    import roofsym as rs
    from roofsym import symbols as sy
    from roofsym.quantities import BYTES, FLOPS, Subject

    asked = ["--phase", "decode", *BOTH, "--set", "L=128"]
    answer = shell.json("solve", f"time = {deadline}", *asked)
    model, hw = rs.model("llama-3.1-8b"), rs.machine("h100-sxm")
    led = rs.decode(model).at(L=128, b_w=2, b_a=2, b_kv=2)
    subject = Subject(model, led, hw)
    values: dict[object, object] = {}
    for make in (FLOPS, BYTES):
        values |= make(subject).constants
    values |= {sy.bandwidth: hw.bandwidth, sy.peak: hw.peak, sy.L: 128}
    names = {s.name: s for s in values} | {"asked_time": sympy.Rational(deadline)}
    expr = sympy.sympify(answer["expr"], locals=names).subs(values)
    assert float(expr) == pytest.approx(answer["value"])


def test_letters_that_a_question_makes_are_explained(shell: Shell):
    # One sequence of a decode step moves κ L + a + ε bytes, its FLOPs are those of one token
    # after L others, and of g decode steps there are p⁴ + ... + 1 tokens less 4 drafts.
    out = shell.good("solve", "break-even-batch")
    assert "\n    where q_0 = κ L + a + ε\n" in out
    assert "\n    where f_0 = φ + α (L + 1 / 2) + η\n" in out
    assert "\n    where g = p⁴ + p³ + p² + p + 1 − 4 δ\n" in out


@pytest.mark.parametrize("name", RESULTS)
def test_every_letter_that_is_no_symbol_of_the_list_is_explained(shell: Shell, name: str):
    model = asked_of(name)
    out = shell.good("solve", name, *(["--model", model] if model else []))
    assert all(line.strip() for line in out.splitlines())
    entry = RESULTS[name]
    step = rs.step(rs.model(model) if model else rs.Transformer())
    step = step.in_phase(entry.question.phase) if entry.question.phase else step
    general = entry.answer(step, rs.Machine()).general
    used = set().union(*(b.value.free_symbols | b.when.free_symbols for b in general.branches))
    listed = {row["text"] for row in json.loads(shell.good("list", "symbols", "--json"))}
    for text in {sy.info(s).text for s in used} - listed:
        assert f"    where {text} = " in out


def test_what_is_left_open_is_named_in_the_answer(shell: Shell):
    # R = 3.35e12 / (2048 κ + a) tokens per second, of κ = 131072 B and a = 6302208 B, are reached
    # by no batch: computing would allow 5 times as many.
    out = shell.good("solve", "decode-throughput", *BOTH, "--for", "B", "--set", "L=2048")
    assert out.endswith(
        "\n  B = 54.63 R_tok / (12193 − R_tok) at L = 2048\n    while R_tok < 12193\n"
    )
    # Without a model, constants have no numbers: they keep their names rather than being spelt out.
    out = shell.good("solve", "critical-batch", "--set", "L=10")
    assert out.endswith("\n    while φ + 10 α > I* (10 κ + a)\n")
    dimensions = "n_layers=32", "n_heads=32", "n_kv_heads=8", "head_dim=128", "vocab_size=1000"
    settings = [x for d in dimensions for x in ("--set", d)]
    out = shell.good(
        "solve", "kv-overtakes-weights", *settings, "--set", "b_w=2", "--set", "b_kv=2"
    )
    assert "d_model (" in out.splitlines()[-1]


LONG_EQUATIONS = (
    ("intensity = ridge", "--for", "n_kv_heads", *BOTH, "--phase", "decode"),
    ("parameters = 8e9", "--for", "d_ff", *MODEL),
    ("time = 0.02", "--for", "n_layers", *BOTH, "--phase", "decode"),
    ("memory_footprint = capacity", "--for", "d_model", *BOTH, "--phase", "decode"),
    ("time = 0.02", "--for", "b_w", "--phase", "decode", "--model", "mixtral-8x7b",
     "--machine", "h100-sxm", "--set", "B=8"),
)  # fmt: skip


@pytest.mark.parametrize("asked", LONG_EQUATIONS, ids=range(5))
def test_long_equations_are_printed_on_lines_that_one_can_read(
    shell: Shell, asked: tuple[str, ...]
):
    # A formula of more than 100 characters has letters; before it stands 'n_kv_heads =', say.
    assert max(map(len, shell.good("solve", *asked).splitlines())) <= 112


def test_an_equation_is_written_in_constants_and_their_parts(shell: Shell):
    # max(F/π, Q/β) = T with F = B (α L + φ₀ + φ′ n), by hand: where computing takes longer.
    out = shell.good("solve", "time = 0.02", "--for", "n_kv_heads", "--phase", "decode")
    assert "\n  max(B (φ + α L) / π, (w + B (κ L + a)) / β) = time\n" in out
    assert "\n  n_kv_heads = (π time − B (φ₀ + α L)) / (B φ′)\n" in out
    # In the order of the table of symbols, as in a derivation's table.
    told = re.findall(r"^    where (\S+) = ", out, flags=re.MULTILINE)
    assert told == ["φ′", "φ₀", "w′", "w₀", "κ′", "a′", "a₀"]
    table = shell.good("derive", "time = 0.02", "--for", "n_kv_heads", "--phase", "decode")
    rows = re.findall(r"^  (\S+) ", table.rpartition("\nwhere\n")[2], flags=re.MULTILINE)
    assert [x for x in rows if x in told] == told
    assert rows.index("φ′") == rows.index("φ") + 1
    assert "\n    where φ′ = 4 n_layers head_dim d_model\n" in out


def test_an_equation_may_be_written_the_other_way_round(shell: Shell):
    asked = ("--for", "B", *BOTH, *DECODE[:2], "--set", "L=10")
    value = shell.json("solve", "time = 0.02", *asked)["exact"]
    assert shell.json("solve", "0.02 = time", *asked)["exact"] == value
    assert "time [s]: got '20ms'" in shell.bad("solve", "time = 20ms", *asked)
    assert "two sides that B makes a difference to" in shell.bad("solve", "flops = flops", *asked)


def test_an_equation_is_derived(shell: Shell):
    asked = ("derive", "time = 0.02", "--for", "w", "--phase", "decode")
    out = shell.good(*asked)
    assert out.startswith("time = 0.02 for w\ntransformer on machine, counted as fused-ops\n")
    assert "Set time equal to what is asked for" in out
    assert "w = β time − B (κ L + a)" in out
    assert "time of the step: the longer of the two: what is asked for = 20 ms" in out
    assert r"\label{eq:time-0.02}" in shell.good(*asked, "--format", "latex-fragment")


def test_an_equation_for_any_of_its_symbols(shell: Shell):
    for symbol in ("B", "L", "peak", "bandwidth", "b_w", "n_layers", "d_ff"):
        answer = shell.json(
            "solve", "compute_time = memory_time", "--phase", "decode", "--for", symbol
        )
        assert answer["symbol"] == symbol
        assert answer["outcome"] in ("crosses", "conditional")


# --- files ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("suffix", ["png", "svg", "pdf"])
def test_plot_writes_one_file(shell: Shell, suffix: str):
    assert shell.good("plot", "roofline", *BOTH, "-o", f"r.{suffix}") == f"r.{suffix}\n"
    assert shell.files() == [f"r.{suffix}"]
    start = (shell.folder / f"r.{suffix}").read_bytes()[:100]
    assert {"png": b"PNG", "svg": b"<?xml", "pdf": b"%PDF"}[suffix] in start


@pytest.mark.parametrize(
    ("suffix", "convention"),
    [("tex", "fused-ops"), ("html", "fused-ops"), *(("md", c) for c in CONVENTIONS)],
)
def test_report_writes_one_file(shell: Shell, suffix: str, convention: str):
    more = ["--convention", convention, "--set", "c_act=14"]
    shell.good("report", *BOTH, *more, "-o", f"r.{suffix}")
    assert shell.files() == [f"r.{suffix}"]
    text = (shell.folder / f"r.{suffix}").read_text(encoding="utf-8")
    assert convention in text
    assert "None" not in text
    assert "nan" not in text.split()


def test_a_report_replaces_an_older_one_whole(shell: Shell):
    (shell.folder / "r.md").write_text("x" * 10**6, encoding="utf-8")
    shell.good("report", *BOTH, "-o", "r.md")
    assert "xxx" not in (shell.folder / "r.md").read_text(encoding="utf-8")


def test_a_report_at_a_context(shell: Shell):
    # A context is what one asks a report at; what is solved for L is solved for L all the same.
    shell.good("report", *BOTH, "--set", "L=4096", "-o", "r.md")


def test_a_report_of_a_model_with_a_window(shell: Shell):
    window = ["--model", "mistral-7b-v0.1", "--machine", "h100-sxm"]
    shell.good("report", *window, "-o", "r.md")


BAD_OUTPUTS = {
    "a folder": "folder",
    "a folder with a suffix": "folder.md",
    "in no folder": "nowhere/r.md",
    "below a file": "file.txt/r.md",
    "no suffix": "r",
    "another suffix": "r.docx",
    "empty": "",
    "only a suffix": ".md",
    "a name too long": "r" * 300 + ".md",
    "a zero byte": "r\0.md",
}


def test_the_version_is_that_of_the_package(shell):
    assert shell.good("--version") == f"roofsym {rs.__version__}\n"


def test_a_result_is_derived_for_any_symbol(shell):
    text = shell.good("derive", "kv-overtakes-weights", *BOTH, "--set", "L=4096", "--for", "B")
    assert "Solved for B" in text
    assert "B = w / (κ L)" in text


@pytest.mark.parametrize("command", ["report", "plot"])
@pytest.mark.parametrize("output", BAD_OUTPUTS.values(), ids=BAD_OUTPUTS)
def test_an_output_that_cannot_be_written_leaves_nothing(shell: Shell, output: str, command: str):
    (shell.folder / "folder").mkdir()
    (shell.folder / "folder.md").mkdir()
    (shell.folder / "folder.png").mkdir()
    (shell.folder / "file.txt").write_text("untouched", encoding="utf-8")
    if command == "plot":
        command, output = "plot roofline", output.replace(".md", ".png")
    assert "output" in shell.bad(*command.split(), *BOTH, "-o", output)
    assert (shell.folder / "file.txt").read_text(encoding="utf-8") == "untouched"


def test_a_format_that_needs_tex_where_there_is_none(shell: Shell, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("PATH", "")
    assert "output" in shell.bad("plot", "roofline", *BOTH, "-o", "r.pgf")


@pytest.mark.parametrize("command", ["report", "plot"])
def test_a_folder_without_permission_is_refused(shell: Shell, command: str):
    closed = shell.folder / "closed"
    closed.mkdir()
    closed.chmod(0o500)
    if os.access(closed, os.W_OK):
        pytest.skip("this user may write anywhere (root)")
    arguments = ["plot", "roofline"] if command == "plot" else ["report"]
    output = "closed/r.png" if command == "plot" else "closed/r.md"
    assert "output" in shell.bad(*arguments, *BOTH, "-o", output)


def test_a_failure_half_way_leaves_nothing(shell: Shell, monkeypatch: pytest.MonkeyPatch):
    import roofsym.files

    def fail(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(roofsym.files.Path, "write_text", fail)
    assert "space" in shell.bad("report", *BOTH, "-o", "r.md")


# --- bad input ------------------------------------------------------------------------------------

# What is asked, and a word that the line must have: the offending field or value.
BAD = {
    "no command": ([], "command"),
    "an unknown command": (["frobnicate"], "frobnicate"),
    "an unknown option": (["eval", "flops", "--frobnicate"], "--frobnicate"),
    "no quantity": (["eval", *MODEL], "QUANTITY"),
    "an unknown quantity": (["eval", "flop", *MODEL], "flop"),
    "a quantity in capitals": (["show", "FLOPS"], "FLOPS"),
    "an empty quantity": (["show", ""], "quantity"),
    "an unknown list": (["list", "things"], "things"),
    "an unknown convention": (["show", "flops", "--convention", "mine"], "convention"),
    "an empty convention": (["show", "flops", "--convention", ""], "convention"),
    "an unknown notation": (["show", "flops", "--notation", "mine"], "notation"),
    "an unknown phase": (["show", "flops", "--phase", "training"], "training"),
    "an unknown format": (["show", "flops", "--format", "pdf"], "pdf"),
    "an unknown depth": (["show", "flops", "--depth", "deep"], "deep"),
    "an unknown dtype": (["show", "flops", "--dtype", "fp3"], "dtype"),
    "an empty dtype": (["show", "flops", "--dtype", ""], "dtype"),
    "a dtype without a peak": (["eval", "ridge", *BOTH, "--dtype", "int4"], "int4"),
    "an unknown model": (["show", "flops", "--model", "gpt-9"], "gpt-9"),
    "an empty model": (["show", "flops", "--model", ""], "model"),
    "a model name too long": (["show", "flops", "--model", "m" * 5000], "model"),
    "a model with a zero byte": (["show", "flops", "--model", "m\0"], "model"),
    "an unknown machine": (["eval", "ridge", "--machine", "abacus"], "abacus"),
    "an empty machine": (["eval", "ridge", "--machine", ""], "machine"),
    "a machine name too long": (["eval", "ridge", "--machine", "m" * 5000], "machine"),
    "a machine that is no file": (["eval", "ridge", "--machine", "m.toml"], "o such file"),
    "a missing config": (["show", "flops", "--model", "nope.json"], "o such file"),
    "a folder without a config": (["show", "flops", "--model", "."], "o such file"),
    "an unknown result": (["solve", "critical-mass"], "critical-mass"),
    "an unknown unknown": (["solve", "critical-batch", "--for", "Q"], "--for"),
    "an unknown that does not occur": (["solve", "critical-batch", "--for", "gamma"], "gamma"),
    "an unknown that was set": (
        ["solve", "critical-batch", "--for", "L", "--set", "L=5"], "it is what is solved for",
    ),
    "its own unknown that was set": (["solve", "critical-batch", "--set", "B=64"], "--for"),
    "a constant and what it is made of": (
        ["eval", "bytes", "--phase", "decode", "--set", "w=9", "--set", "b_w=2"], "made of b_w",
    ),
    "a constant in the way": (
        ["solve", "critical-batch", "--for", "b_w", "--set", "w=9"], "is part of it",
    ),
    "a target that nobody asked for": (
        ["solve", "critical-batch", "--set", "time=1"], "depends: ",
    ),
    "a phase that is no phase of it": (
        ["solve", "time-to-first-token", "--phase", "decode"], "prefill",
    ),
    "an unknown symbol to solve for": (
        ["solve", "time = 0.01", "--for", "x", "--phase", "decode"], "x",
    ),
    "a symbol that was set": (
        ["solve", "time = 0.01", "--for", "b_w", "--set", "b_w=2", "--phase", "decode", *BOTH],
        "b_w",
    ),
    "a symbol that the phase fixes": (
        ["solve", "time = 0.01", "--for", "S", "--phase", "decode", *BOTH], "S",
    ),
    "nothing to solve for": (["solve", "time = 0.01", "--phase", "decode", *BOTH], "--for"),
    "two units": (["solve", "flops = bytes", "--for", "B"], "unit"),
    "half an equation": (["solve", "flops ="], "equation"),
    "two equations": (["solve", "flops = bytes = time"], "equation"),
    "an equation with code": (["solve", "time = __import__('os')", "--for", "B"], "__import__"),
    "a time of nan": (["solve", "time = nan", "--for", "B"], "nan"),
    "a time of 1e400": (["solve", "time = 1e400", "--for", "B"], "1e400"),
    "a convention without bytes of KV": (
        ["solve", "kv-overtakes-weights", "--convention", "weights-only"], "convention",
    ),
    "a result of another phase": (["solve", "critical-batch", "--phase", "prefill"], "--phase"),
    "no numbers": (["eval", "flops", *MODEL, "--phase", "decode"], "B, L"),
    "no model to plot": (["plot", "roofline", "--machine", "h100-sxm", "-o", "r.png"], "model"),
    "a phase of a figure": (
        ["plot", "roofline", *BOTH, "--phase", "decode", "-o", "r.png"], "--phase",
    ),
    "a batch of a figure": (["plot", "roofline", *BOTH, "--set", "B=4", "-o", "r.png"], "--set B"),
    "a report as JSON": (["report", *BOTH, "--json", "-o", "r.md"], "--json"),
    "no machine to plot": (["plot", "roofline", *MODEL, "-o", "r.png"], "machine"),
    "an unknown figure": (["plot", "pie", *BOTH, "-o", "r.png"], "pie"),
    "no output": (["report", *BOTH], "output"),
}  # fmt: skip


@pytest.mark.parametrize(("arguments", "word"), BAD.values(), ids=BAD)
def test_bad_input_gets_one_line(shell: Shell, arguments: list[str], word: str):
    assert word in shell.bad(*arguments)


BAD_SETTINGS = {
    "text": ("L=abc", "abc"),
    "negative": ("L=-1", "-1"),
    "nan": ("L=nan", "nan"),
    "inf": ("L=inf", "inf"),
    "code": ('L=__import__("os")', "__import__"),
    "a product": ("L=2*3", "2*3"),
    "a power": ("L=9**9**9", "9**9**9"),
    "hexadecimal": ("L=0x10", "0x10"),
    "1e400": ("L=1e400", "1e400"),
    "a huge exponent": ("L=1e999999999", "1e999999999"),
    "5000 digits": ("L=" + "9" * 5000, "L"),
    "a division by zero": ("L=1/0", "1/0"),
    "two slashes": ("L=1/2/3", "1/2/3"),
    "thousands": ("L=1,000", "1,000"),
    "a boolean": ("L=True", "True"),
    "nothing": ("L=", "L"),
    "no equals sign": ("L", "L"),
    "no name": ("=3", "=3"),
    "two equals signs": ("L=4=5", "4=5"),
    "an unknown symbol": ("batch=8", "batch"),
    "a Greek letter": ("ψ=4", "ψ"),
    "a letter of another phase": ("γ=4", "gamma"),
    "an empty batch": ("B=0", "B"),
    "no bytes": ("b_w=0", "b_w"),
    "a quantity": ("flops=3", "flops"),
    "what the phase fixes": ("S=5", "S"),
    "a zero byte": ("L=\0", "L"),
    "a share above 1": ("acceptance=1.5", "acceptance"),
    "what follows from others": ("ridge=3", "it is peak/bandwidth"),
    "the letter that is printed": ("K=4096", "in_features"),
}


ASKED = {
    "eval": ("eval", "flops", "--phase", "decode"),
    "solve": ("solve", "critical-batch"),
    "plot": ("plot", "roofline", "-o", "r.png"),
}


@pytest.mark.parametrize(
    ("command", "setting"),
    # A figure has prefill points too: S is free there.
    [(c, s) for c in ASKED for s in BAD_SETTINGS if (c, s) != ("plot", "what the phase fixes")],
)
def test_bad_settings_get_one_line(shell: Shell, command: str, setting: str):
    setting, word = BAD_SETTINGS[setting]
    arguments = ASKED[command]
    line = shell.bad(*arguments, *BOTH, "--set", setting)
    assert word in line
    assert len(line) < 700


@pytest.mark.parametrize("switch", ["name=x", "summary=x", "mask", "=full", "mask=half", "x=y"])
def test_bad_switches_get_one_line(shell: Shell, switch: str):
    assert "switch" in shell.bad("show", "flops", "--switch", switch)


def test_of_two_values_none_wins_silently(shell: Shell):
    twice = ("--switch", "lm_head=all", "--switch", "lm_head=last")
    assert "--switch lm_head: got 'last'" in shell.bad("show", "flops", *twice)
    two = shell.bad("solve", "critical-batch", "--for", "B", "--for", "L")
    assert two.strip() == "roofsym: --for: got 'B' and 'L'; accepted: one of them"


def test_a_ridge_set_by_hand_is_the_same_everywhere(shell: Shell):
    # Either all commands take it or all refuse it; none may go on with the machine's own.
    asked = ["--phase", "decode", *BOTH, "--set", "L=10", "--set", "ridge=100"]
    answers = [
        shell("eval", "ridge", *asked, "--json"),
        shell("solve", "critical-batch", *asked, "--json"),
        shell("solve", "intensity = ridge", "--for", "B", *asked, "--json"),
    ]
    statuses = {a.status for a in answers}
    assert len(statuses) == 1
    if statuses == {0}:
        ridge, batch, equation = (json.loads(a.out) for a in answers)
        assert ridge["quantities"]["ridge"]["value"] == 100
        assert batch["value"] == pytest.approx(equation["value"])


@pytest.mark.parametrize("heads", ["1000", "5", "7/2"])
def test_heads_that_do_not_divide_are_refused_as_in_a_config(shell: Shell, heads: str):
    assert "n_kv_heads" in shell.bad("eval", "parameters", *MODEL, "--set", f"n_kv_heads={heads}")


@pytest.mark.parametrize("symbol", ["window", "theta"])
def test_a_symbol_that_the_model_does_not_have_is_refused(shell: Shell, symbol: str):
    asked = ["--phase", "decode", *MODEL, "--set", "B=1", "--set", "L=10", "--set", f"{symbol}=5"]
    assert symbol in shell.bad("eval", "flops", *asked)


@pytest.mark.parametrize("deadline", ["1e-300", "1e-30", "1e-3", "1e300"])
@pytest.mark.parametrize("model", ["llama-3.1-8b", "gemma-2-9b", "deepseek-v3"])
def test_deadlines_out_of_all_proportion_are_no_traceback(shell: Shell, model: str, deadline: str):
    asked = ["--model", model, "--machine", "h100-sxm", "--phase", "decode", "--set", "B=4"]
    shell.json("solve", f"time = {deadline}", "--for", "L", *asked)


def test_a_symbol_set_twice_is_refused(shell: Shell):
    two = ["--set", "L=1", "--set", "L=2", "--set", "B=1"]
    assert "L" in shell.bad("eval", "flops", "--phase", "decode", *MODEL, *two)


@pytest.mark.parametrize(
    ("config", "word"),
    [
        ({"hidden_size": -1}, "hidden_size"),
        ({"hidden_size": 0}, "hidden_size"),
        ({"hidden_size": "4096"}, "hidden_size"),
        ({"hidden_size": float("nan")}, "hidden_size"),
        ({"hidden_size": None}, "hidden_size"),
        ({"num_key_value_heads": 5}, "num_key_value_heads"),
        ({"model_type": "mamba"}, "model_type"),
        ({"torch_dtype": "fp3"}, "torch_dtype"),
    ],
    ids=str,
)
def test_a_damaged_config_gets_one_line(shell: Shell, config: dict[str, Any], word: str):
    text = json.dumps({**LLAMA, **config})
    (shell.folder / "c.json").write_text(text, encoding="utf-8")
    for command in (["eval", "parameters"], ["solve", "critical-batch"], ["show", "flops"]):
        assert word in shell.bad(*command, "--model", "c.json")
    assert word in shell.bad("report", "--model", "c.json", "--machine", "h100-sxm", "-o", "r.md")


def test_invalid_json_and_1e400_get_one_line(shell: Shell):
    (shell.folder / "c.json").write_text("{", encoding="utf-8")
    assert "JSON" in shell.bad("eval", "parameters", "--model", "c.json")
    text = json.dumps(LLAMA).replace("4096", "1e400")
    (shell.folder / "c.json").write_text(text, encoding="utf-8")
    assert "hidden_size" in shell.bad("eval", "parameters", "--model", "c.json")


# --- processes ------------------------------------------------------------------------------------


def python(*arguments: str, **options: Any) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONIOENCODING": "utf-8"}
    return subprocess.run(
        [sys.executable, *arguments], capture_output=True, text=True, encoding="utf-8",
        env=environment, timeout=60, check=False, **options,
    )  # fmt: skip


def loaded(code: str) -> set[str]:
    done = python("-c", f"{code}\nimport sys; print(' '.join(sys.modules))")
    assert done.returncode == 0, done.stderr
    return set(done.stdout.splitlines()[-1].split())


def test_importing_loads_neither_matplotlib_nor_the_catalogue():
    modules = loaded("import roofsym")
    assert "roofsym" in modules
    assert not {"matplotlib", "roofsym.catalog"} & modules


def test_a_ledger_loads_neither_matplotlib_nor_the_catalogue():
    modules = loaded("import roofsym as rs; rs.decode(rs.Transformer()).flops")
    assert not {"matplotlib", "roofsym.catalog", "sympy.physics"} & modules


@pytest.mark.parametrize("arguments", [["--help"], ["eval", "--help"], []])
def test_help_loads_neither_sympy_nor_matplotlib(arguments: list[str]):
    modules = loaded(
        "import contextlib, io, roofsym.cli\n"
        "with contextlib.suppress(SystemExit), contextlib.redirect_stdout(io.StringIO()):\n"
        "  with contextlib.redirect_stderr(io.StringIO()):\n"
        f"    roofsym.cli.main({arguments!r})"
    )
    assert "roofsym.cli" in modules
    assert not {"sympy", "numpy", "matplotlib"} & modules


def test_the_module_runs_as_a_program(tmp_path: Path):
    done = python("-m", "roofsym", "eval", "parameters", *MODEL, cwd=tmp_path)
    said = "Llama-3.1-8B: step, counted as fused-ops\nparameters  8030261248\n"
    assert (done.returncode, done.stdout, done.stderr) == (0, said, "")
    done = python("-m", "roofsym", "eval", "flop", cwd=tmp_path)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("roofsym: quantity: got 'flop'")
    assert list(tmp_path.iterdir()) == []


def test_a_reader_that_stops_early_is_no_error(tmp_path: Path):
    code = (
        "import subprocess, sys\n"
        "p = subprocess.Popen([sys.executable, '-m', 'roofsym', 'list', 'machines'],"
        " stdout=subprocess.PIPE, stderr=subprocess.PIPE)\n"
        "p.stdout.close()\n"
        "err = p.stderr.read().decode()\n"
        "print(p.wait(), repr(err))"
    )
    done = python("-c", code, cwd=tmp_path)
    assert "Traceback" not in done.stdout
    assert "Exception ignored" not in done.stdout


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full on this system")
def test_a_full_disk_is_no_traceback():
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [sys.executable, "-m", "roofsym", "list", "results"],
            stdout=full, stderr=subprocess.PIPE, text=True, timeout=60, check=False,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
        )  # fmt: skip
    assert "Traceback" not in done.stderr
    assert done.returncode != 0
