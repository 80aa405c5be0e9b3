"""The catalogue: values with their sources, peaks that are dense, totals as they are published."""

from __future__ import annotations

import dataclasses
import json
import re
import tomllib
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
import sympy

import roofsym as rs
from roofsym import catalog, hardware
from roofsym.errors import InputError

FOLDER = Path(catalog.__file__).parent
CONFIGS = Path(__file__).parents[1] / ".." / "shared" / "data" / "configs"
MODELS = catalog.records("models")
MACHINES = catalog.records("machines")


def files(kind: str) -> dict[str, dict[str, Any]]:
    return {
        path.name: tomllib.loads(path.read_text(encoding="utf-8"), parse_float=Decimal)
        for path in sorted((FOLDER / kind).glob("*.toml"))
    }


FILES = {kind: files(kind) for kind in ("models", "machines")}
EVERY_FILE = [(kind, name) for kind in FILES for name in FILES[kind]]


# --- files --------------------------------------------------------------------------------------


def test_how_many_there_are():
    assert len(MODELS) >= 60
    assert len(MACHINES) >= 40
    for kind, found in (("models", MODELS), ("machines", MACHINES)):
        # As many as the files have between them: no entry of one file hides one of another.
        assert len(found) == sum(len(content[kind]) for content in FILES[kind].values())


@pytest.mark.parametrize(("kind", "name"), EVERY_FILE)
def test_file_has_sources_and_entries_and_nothing_else(kind, name):
    content = FILES[kind][name]
    assert content.keys() == {"sources", kind}
    for key, source in content["sources"].items():
        assert {"title", "url"} <= source.keys() <= {"title", "url", "note"}, key
        assert re.match(r"https://\S+\.\S+$", source["url"]), key
        assert source["title"].strip() == source["title"] != ""


def sources_in(value: Any) -> set[str]:
    if isinstance(value, dict):
        own = {value["source"]} if "source" in value else set()
        return own.union(*(sources_in(v) for k, v in value.items() if k != "config"))
    return set()


@pytest.mark.parametrize(("kind", "name"), EVERY_FILE)
def test_sources_are_defined_where_they_are_used_and_used_where_they_are_defined(kind, name):
    content = FILES[kind][name]
    assert sources_in(content[kind]) == content["sources"].keys()


@pytest.mark.parametrize("kind", ["models", "machines"])
def test_names_are_unique_and_lower_case(kind):
    found = catalog.records(kind)
    names = [name for record in found.values() for name in {record.id, *record.aliases}]
    assert len(names) == len(set(names))
    assert all(re.fullmatch(r"[a-z0-9][a-z0-9./_+-]*", name) for name in names)
    titles = [record.title for record in found.values()]
    assert len(titles) == len(set(titles))


def test_names_and_aliases_find_the_same_entry():
    for record in MODELS.values():
        for alias in record.aliases:
            assert rs.model(alias).name == rs.model(record.id).name == record.title
    for record in MACHINES.values():
        for alias in record.aliases:
            assert rs.machine(alias) == rs.machine(record.id)


@pytest.mark.parametrize("find", [rs.model, rs.machine])
def test_an_unknown_name_is_refused(find):
    with pytest.raises(InputError, match=r"^(model|machine): got 'nothing-9b'; accepted: a name"):
        find("nothing-9b")


# --- machines -----------------------------------------------------------------------------------

VALUE = {"value", "source"}
SAME = Decimal("0.001")


def exact(value: Any) -> sympy.Rational:
    return sympy.Rational(Fraction(value))


def number(value: Any) -> bool:
    return isinstance(value, int | Decimal) and not isinstance(value, bool) and value > 0


@pytest.mark.parametrize("machine", MACHINES.values(), ids=MACHINES.keys())
def test_machine_states_every_value_with_its_source(machine):
    table = machine.table
    required = {"name", "vendor", "bandwidth", "capacity", "peak"}
    optional = {"aliases", "note", "link_bandwidth", "announced"}
    assert required <= table.keys() <= required | optional
    assert table.get("announced", True) is True
    for key in ("bandwidth", "capacity", "link_bandwidth"):
        if key in table:
            assert VALUE <= table[key].keys() <= VALUE | {"note"}, key
            assert number(table[key]["value"]), key
    assert table["peak"]
    for dtype, peak in table["peak"].items():
        assert hardware.dtype_name(dtype) == dtype
        stated = VALUE | {"printed", "printed_as"}
        assert stated <= peak.keys() <= stated | {"note"}, dtype
        assert number(peak["value"]), dtype
        assert number(peak["printed"]), dtype


@pytest.mark.parametrize("machine", MACHINES.values(), ids=MACHINES.keys())
def test_peaks_are_dense_whatever_was_printed(machine):
    for dtype, peak in machine.table["peak"].items():
        assert peak["printed_as"] in ("dense", "sparse"), dtype
        share = Decimal(1) if peak["printed_as"] == "dense" else Decimal("0.5")
        dense = share * peak["printed"]
        assert abs(peak["value"] - dense) <= SAME * dense or peak.get("note"), dtype
        # Even with a note, nothing like the factor of two that this is about.
        assert abs(peak["value"] - dense) <= Decimal("0.1") * dense, dtype


@pytest.mark.parametrize("machine", MACHINES.values(), ids=MACHINES.keys())
def test_machine_is_what_its_entry_says(machine):
    for dtype, peak in machine.table["peak"].items():
        made = rs.machine(machine.id, dtype=dtype)
        assert made.name == machine.title
        assert made.dtype == dtype
        assert made.peak == exact(peak["value"])
        for key in ("bandwidth", "capacity"):
            assert getattr(made, key) == exact(machine.table[key]["value"])
        if "link_bandwidth" in machine.table:
            assert made.link_bandwidth == exact(machine.table["link_bandwidth"]["value"])
        else:
            assert made.link_bandwidth == rs.Machine().link_bandwidth
        assert made.ridge == made.peak / made.bandwidth
    default = next(d for d in ("bf16", "fp16", *machine.table["peak"]) if d in made.peaks)
    assert rs.machine(machine.id).dtype == default


@pytest.mark.parametrize("machine", MACHINES.values(), ids=MACHINES.keys())
def test_machine_is_of_this_world(machine):
    """Slips of a unit: a factor of a thousand is outside all of these."""
    assert 1e11 <= machine.table["bandwidth"]["value"] <= 1e14
    assert 4e9 <= machine.table["capacity"]["value"] <= 1e12
    assert 1e9 <= machine.table.get("link_bandwidth", {"value": 1e9})["value"] <= 1e13
    peaks = {dtype: float(peak["value"]) for dtype, peak in machine.table["peak"].items()}
    for dtype, peak in peaks.items():
        assert 1e11 <= peak <= 1e17, dtype
    # Fewer bits are never slower.
    for more, fewer in (("fp32", "bf16"), ("tf32", "bf16"), ("bf16", "fp8"), ("fp8", "fp4")):
        if more in peaks and fewer in peaks:
            assert peaks[more] <= peaks[fewer]


# --- models -------------------------------------------------------------------------------------

PRINTED = re.compile(r"(\d+)(?:\.(\d+))?([MBT]?)")
UNIT = {"": 1, "M": 10**6, "B": 10**9, "T": 10**12}


def printed(text: str) -> tuple[Decimal, Decimal]:
    """What is printed, and half a unit of its last digit; nothing of a number printed in full."""
    whole, decimals, unit = PRINTED.fullmatch(text).groups(default="")
    value = Decimal(f"{whole}.{decimals or 0}") * UNIT[unit]
    return value, Decimal(0 if unit == "" else UNIT[unit]) / 10 ** len(decimals) / 2


def test_printed_totals_are_read_with_their_last_digit():
    assert printed("671B") == (671 * 10**9, 5 * 10**8)
    assert printed("8.03B") == (Decimal("8.03e9"), 5 * 10**6)
    assert printed("125M") == (125 * 10**6, 5 * 10**5)
    assert printed("8030261248") == (8030261248, 0)


@pytest.mark.parametrize("model", MODELS.values(), ids=MODELS.keys())
def test_model_states_its_values_with_their_sources(model):
    table = model.table
    required = {"name", "source", "config", "parameters"}
    assert required <= table.keys() <= required | {"aliases", "active", "note", "null"}
    assert {"printed", "source"} <= table["parameters"].keys()
    assert table["parameters"].keys() <= {"printed", "source", "note", "extra", "disagrees"}
    active = table.get("active", {"printed": "1B", "source": ""})
    assert {"printed", "source"} <= active.keys() <= {"printed", "source", "note"}
    assert PRINTED.fullmatch(active["printed"])
    assert not set(table.get("null", ())) & table["config"].keys()
    experts = {"num_experts", "num_local_experts", "n_routed_experts"}
    assert ("active" in table) == bool(experts & table["config"].keys())


@pytest.mark.parametrize("model", MODELS.values(), ids=MODELS.keys())
def test_total_of_the_parameters_is_the_published_one(model):
    stated = model.table["parameters"]
    value, half = printed(stated["printed"])
    total = rs.model(model.id).parameters + stated.get("extra", 0)
    agrees = abs(Decimal(int(total)) - value) <= half
    # What the total has besides the model, and what disagrees, is explained beside it.
    assert stated.get("note") or not {"extra", "disagrees"} & stated.keys()
    if "extra" in stated:
        assert str(stated["extra"]) in stated["note"]
    assert agrees != stated.get("disagrees", False)


def test_few_totals_need_an_explanation():
    explained = [
        key for key, r in MODELS.items() if {"extra", "disagrees"} & r.table["parameters"].keys()
    ]
    assert len(explained) <= len(MODELS) // 12
    exact = [r for r in MODELS.values() if r.table["parameters"]["printed"].isdecimal()]
    assert len(exact) >= 40


@pytest.mark.parametrize("model", MODELS.values(), ids=MODELS.keys())
def test_active_parameters_are_those_of_a_token(model):
    made = rs.model(model.id)
    embedding = made.structure.vocab_size * made.structure.d_model
    dense = "active" not in model.table
    assert (made.active_parameters == made.parameters) == dense
    if dense:
        return
    # Publications count the embedding, the LM head, both or neither, and round either way.
    value, half = printed(model.table["active"]["printed"])
    table = embedding.xreplace(dict(made.values))
    counted = [made.active_parameters - n * table for n in (0, 1, 2)]
    assert any(abs(Decimal(int(c)) - value) <= max(2 * half, value / 20) for c in counted)


@pytest.mark.parametrize("model", MODELS.values(), ids=MODELS.keys())
def test_nothing_of_a_catalogued_model_but_the_step_and_the_precision_is_open(model):
    made = rs.model(model.id)
    ledger = rs.step(made)
    for total in (ledger.flops, ledger.bytes, made.parameters, made.kv_bytes_per_token):
        open_symbols = {symbol.name for symbol in total.free_symbols}
        assert not {n for n in open_symbols if not n.startswith(("b_",))} - {"B", "S", "L"}
    assert made.dtype in (None, *hardware.DTYPE_BYTES)


# --- configs as they were published, where they are at hand ---------------------------------------


def published(name: str) -> tuple[str, dict[str, Any]]:
    if not CONFIGS.is_dir():
        pytest.skip("the folder ../shared/data/configs is not here")
    path = CONFIGS / f"{name}.json"
    assert path.is_file(), "a config that the list of this test names has gone"
    return name.replace("--", "/").lower(), json.loads(path.read_text(encoding="utf-8"))


# Config, and the catalogued model that it is of; None if it is of none.
READ = {
    "MiniMaxAI--MiniMax-M2.5": "minimax-m2",
    "Qwen--Qwen3-0.6B": "qwen3-0.6b",
    "Qwen--Qwen3-30B-A3B": "qwen3-30b-a3b",
    "Qwen--Qwen3-32B-FP8": "qwen3-32b",
    "Qwen--Qwen3-8B": "qwen3-8b",
    "Qwen--Qwen3-Coder-480B-A35B-Instruct": "qwen3-coder-480b-a35b",
    "Qwen--Qwen3-VL-235B-A22B-Instruct": "qwen3-235b-a22b",
    "Qwen--Qwen3-VL-30B-A3B-Instruct": "qwen3-30b-a3b",
    "Qwen--Qwen3-VL-32B-Instruct": "qwen3-32b",
    "Qwen--Qwen3-VL-32B-Thinking": "qwen3-32b",
    "Qwen--Qwen3-VL-4B-Instruct": "qwen3-4b",
    "Qwen--Qwen3-VL-8B-Instruct": "qwen3-8b",
    "deepseek-ai--DeepSeek-V3": "deepseek-v3",
    "meta-llama--Llama-4-Scout-17B-16E-Instruct": "llama-4-scout",
    "meta-llama--Meta-Llama-3.1-405B": "llama-3.1-405b",
    "meta-llama--Meta-Llama-3.1-8B": "llama-3.1-8b",
    "mistralai--Mixtral-8x7B-v0.1": "mixtral-8x7b",
    "openai--gpt-oss-120b": "gpt-oss-120b",
}
# What is refused, and what the refusal says was found.
REFUSED = {
    "MiniMaxAI--MiniMax-M3": ("model_type", "sparse attention"),
    "Qwen--Qwen3-32B-FP8-Static-PerTensor": ("quantization_config.quant_algo", "FP8"),
    "Qwen--Qwen3.5-122B-A10B": ("text_config.model_type", "linear-attention layers"),
    "Qwen--Qwen3.5-27B": ("text_config.model_type", "linear-attention layers"),
    "Qwen--Qwen3.5-35B-A3B": ("text_config.model_type", "linear-attention layers"),
    "Qwen--Qwen3.5-397B-A17B": ("text_config.model_type", "linear-attention layers"),
    "XiaomiMiMo--MiMo-V2-Flash": ("model_type", "mimo_v2_flash"),
    "deepseek-ai--DeepSeek-V3.2": ("model_type", "sparse attention"),
    "deepseek-ai--DeepSeek-V4-Flash": ("model_type", "sparse attention"),
    "deepseek-ai--DeepSeek-V4-Pro": ("model_type", "sparse attention"),
    "sgl-project--DeepSeek-V4-Flash-FP8": ("model_type", "sparse attention"),
    "sgl-project--DeepSeek-V4-Pro-FP8": ("model_type", "sparse attention"),
    "stepfun-ai--Step-3.7-Flash": ("model_type", "step3p7"),
    "stepfun-ai--Step-3.7-Flash-FP8": ("model_type", "step3p7"),
    "zai-org--GLM-5.1": ("model_type", "sparse attention"),
    "zai-org--GLM-5.2": ("model_type", "sparse attention"),
}
PRECISION = {"own_precision": frozenset(), "scaled": frozenset(), "scaled_kv": False}


def unquantized(model: rs.Transformer) -> tuple[Any, dict[str, Any]]:
    sizes = {
        symbol.name: value
        for symbol, value in model.values.items()
        if not symbol.name.startswith(("b_", "group_", "scale_"))
    }
    return dataclasses.replace(model.structure, **PRECISION), sizes


@pytest.mark.parametrize(("name", "entry"), READ.items(), ids=READ)
def test_published_config_agrees_with_the_catalogue(name, entry):
    alias, config = published(name)
    read = rs.Transformer.from_config(config)
    assert unquantized(read) == unquantized(rs.model(entry))
    assert read.parameters == rs.model(entry).parameters
    if alias in MODELS[entry].aliases:
        # The very checkpoint: quantised alike, too.
        entered = rs.model(alias)
        assert (read.structure, read.values) == (entered.structure, entered.values)
        assert read.dtype in (None, entered.dtype)


@pytest.mark.parametrize("name", REFUSED)
def test_published_config_of_what_is_not_supported_is_refused_by_name(name):
    _, config = published(name)
    field, found = REFUSED[name]
    with pytest.raises(InputError) as caught:
        rs.Transformer.from_config(config)
    assert str(caught.value).startswith(f"{field}: got ")
    assert found in str(caught.value.given)


def test_every_published_config_at_hand_is_read_or_refused_as_listed():
    if not CONFIGS.is_dir():
        pytest.skip("the folder ../shared/data/configs is not here")
    assert {path.stem for path in CONFIGS.glob("*.json")} == READ.keys() | REFUSED.keys()
    for name in READ:
        alias = name.replace("--", "/").lower()
        if any(alias in record.aliases for record in MODELS.values()):
            assert alias in MODELS[READ[name]].aliases


# --- files of one's own -------------------------------------------------------------------------

OWN = """
[machines.mine]
name = "Mine"
bandwidth = 1.5e12
capacity = { value = 64e9 }
[machines.mine.peak]
bf16 = 1e14
fp8 = { value = 2e14 }
"""


def test_machine_from_a_file_of_ones_own(tmp_path):
    path = tmp_path / "mine.toml"
    path.write_text(OWN, encoding="utf-8")
    mine = rs.machine(str(path), dtype="fp8")
    assert (mine.name, mine.peak, mine.bandwidth) == ("Mine", 2 * 10**14, 15 * 10**11)
    assert rs.machine(str(path)).dtype == "bf16"


@pytest.mark.parametrize(
    ("old", "new", "field"),
    [
        ("bandwidth = 1.5e12", "", "mine.bandwidth"),
        ("bandwidth = 1.5e12", "bandwidth = -1", "mine.bandwidth"),
        ("bandwidth = 1.5e12", "bandwidth = 0", "mine.bandwidth"),
        ("bandwidth = 1.5e12", "bandwidth = nan", "mine.bandwidth"),
        ("bandwidth = 1.5e12", "bandwidth = true", "mine.bandwidth"),
        ("bandwidth = 1.5e12", "bandwidth = '1.5e12'", "mine.bandwidth"),
        ("bandwidth = 1.5e12", "bandwidth = []", "mine.bandwidth"),
        ("{ value = 64e9 }", "{}", "mine.capacity.value"),
        ("{ value = 64e9 }", "{ value = inf }", "mine.capacity.value"),
        ("{ value = 2e14 }", "-2e14", "mine.peak.fp8"),
        ("fp8", "fp7", "dtype"),
        ("bf16 = 1e14\nfp8 = { value = 2e14 }\n", "", "peak of Mine"),
        ("[machines.mine.peak]", "[machines.yours]", "machine"),
        ("[machines.mine]", "[machines.mine", "machine"),
        ("machines", "models", "machine"),
    ],
)
def test_a_damaged_machine_is_refused_by_the_name_of_its_field(tmp_path, old, new, field):
    path = tmp_path / "mine.toml"
    path.write_text(OWN.replace(old, new), encoding="utf-8")
    with pytest.raises(InputError) as caught:
        rs.machine(str(path))
    assert str(caught.value).startswith(f"{field}: got "), caught.value
    assert "\n" not in str(caught.value)


def test_a_machine_file_that_is_missing_is_called_missing(tmp_path):
    with pytest.raises(InputError, match=r"^machine: got .*; accepted: a readable file"):
        rs.machine(str(tmp_path / "nothing.toml"))


def test_a_dtype_that_a_machine_has_no_peak_for_is_refused():
    with pytest.raises(InputError, match=r"^dtype of A100.*got 'fp8'; accepted: one of .*bf16"):
        rs.machine("a100-80gb-sxm", dtype="fp8")
