"""Hugging Face configs: real ones, the catalogue's own entries, and damaged ones."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from support import CONFIGS, LLAMA, TINY, windowed

import roofsym as rs
from roofsym import catalog
from roofsym import symbols as sy

REQUIRED = (
    "hidden_size",
    "intermediate_size",
    "num_hidden_layers",
    "num_attention_heads",
    "vocab_size",
)
DIMENSIONS = (*REQUIRED, "num_key_value_heads", "head_dim")


def read(**changes: Any) -> rs.Transformer:
    return rs.Transformer.from_config({**LLAMA, **changes})


def without(*keys: str) -> dict[str, Any]:
    return {k: v for k, v in LLAMA.items() if k not in keys}


def real(name: str) -> Path:
    if not CONFIGS.is_dir():
        pytest.skip(f"real configs are not here: no folder {CONFIGS}")
    path = CONFIGS / name
    if not path.is_file():
        pytest.skip(f"real config {name} is not in {CONFIGS}")
    return path


# --- what is read ---------------------------------------------------------------------------------


def test_path_folder_and_mapping_say_the_same(tmp_path: Path):
    file = tmp_path / "config.json"
    file.write_text(json.dumps(LLAMA), encoding="utf-8")
    read_from = [LLAMA, file, str(file), tmp_path, str(tmp_path)]
    assert len({tuple(rs.Transformer.from_config(x).values.items()) for x in read_from}) == 1


def test_a_mapping_is_not_changed():
    config = dict(LLAMA)
    rs.Transformer.from_config(config)
    assert config == LLAMA


def test_dimensions_land_where_they_belong():
    values = read().values
    assert {s.name: int(v) for s, v in values.items()} == {
        "d_model": 4096, "d_ff": 14336, "n_layers": 32, "n_heads": 32, "n_kv_heads": 8,
        "head_dim": 128, "vocab_size": 128256,
    }  # fmt: skip


def test_the_dtype_of_the_checkpoint_is_kept():
    assert read().dtype == "bf16"
    assert read(torch_dtype="float16").dtype == "fp16"
    assert read(torch_dtype=None).dtype is None
    assert (
        rs.Transformer.from_config({**without("torch_dtype"), "dtype": "float32"}).dtype == "fp32"
    )


def test_without_kv_heads_every_head_has_its_own():
    model = rs.Transformer.from_config(without("num_key_value_heads"))
    assert model.values[sy.n_kv_heads] == 32
    assert read(num_key_value_heads=None).values[sy.n_kv_heads] == 32


def test_head_dim_is_the_configs_or_the_quotient():
    assert read(head_dim=256).values[sy.head_dim] == 256
    assert read(hidden_size=4100, head_dim=100).values[sy.head_dim] == 100


def test_tied_embeddings_count_once():
    assert read().parameters - read(tie_word_embeddings=True).parameters == 4096 * 128256


def test_biases_count():
    # Queries and output 4096 each, keys and values 1024 each, in 32 layers; up, gate, down.
    assert read(attention_bias=True).parameters - read().parameters == 32 * (2 * 4096 + 2 * 1024)
    assert read(mlp_bias=True).parameters - read().parameters == 32 * (2 * 14336 + 4096)


def test_what_the_families_add():
    base = read().parameters
    # Qwen2: biases on queries, keys and values. Qwen3: norms of queries and keys per head.
    assert read(model_type="qwen2").parameters - base == 32 * (4096 + 2 * 1024)
    assert read(model_type="qwen3", head_dim=128).parameters - base == 32 * 2 * 128
    assert read(model_type="mistral", sliding_window=None).parameters == base


def test_the_window_of_mistral():
    assert sy.window in windowed(7).values
    assert sy.window not in windowed(None).values
    cached = [windowed(w).memory_footprint(B=1, S=1, L=100) for w in (7, None)]
    per_token = 2 * TINY["n_layers"] * TINY["n_kv_heads"] * TINY["head_dim"] * sy.b_kv
    assert cached[1] - cached[0] == (101 - 7) * per_token


def test_keys_that_change_no_cost_are_ignored():
    extra = {
        "rope_theta": 5e5, "rope_scaling": {"rope_type": "llama3"},
        "max_position_embeddings": 131072,
        "bos_token_id": 1, "eos_token_id": [1, 2], "transformers_version": "4.43.0",
        "use_cache": True, "initializer_range": 0.02, "rms_norm_eps": 1e-5, "_comment": "été 模型",
        "architectures": ["LlamaForCausalLM"],
    }  # fmt: skip
    assert read(**extra).parameters == read().parameters


# --- real configs and the catalogue ---------------------------------------------------------------

# Parameters as the checkpoints' safetensors metadata state them.
PUBLISHED = {
    "meta-llama--Meta-Llama-3.1-8B.json": 8_030_261_248,
    "meta-llama--Meta-Llama-3.1-405B.json": 405_853_388_800,
    "Qwen--Qwen3-0.6B.json": 596_049_920,
    "Qwen--Qwen3-8B.json": 8_190_735_360,
}


@pytest.mark.parametrize(("name", "parameters"), PUBLISHED.items())
def test_real_configs_have_the_published_number_of_parameters(name: str, parameters: int):
    assert rs.Transformer.from_config(real(name)).parameters == parameters


@pytest.mark.parametrize(
    ("entry", "name"),
    [
        ("llama-3.1-8b", "meta-llama--Meta-Llama-3.1-8B.json"),
        ("llama-3.1-405b", "meta-llama--Meta-Llama-3.1-405B.json"),
        ("qwen3-0.6b", "Qwen--Qwen3-0.6B.json"),
        ("qwen3-8b", "Qwen--Qwen3-8B.json"),
    ],
)
def test_the_catalogue_agrees_with_the_real_config(entry: str, name: str):
    ours, theirs = rs.model(entry), rs.Transformer.from_config(real(name))
    assert dict(ours.values) == dict(theirs.values)
    assert ours.structure == theirs.structure
    assert ours.dtype == theirs.dtype
    assert ours.parameters == theirs.parameters


@pytest.mark.parametrize("name", catalog.records("models"))
def test_a_model_says_which_keys_its_sizes_are_from(name: str):
    # What the reader says of a size, held against the config itself.
    record, model = catalog.records("models")[name], rs.model(name)
    config = record.table["config"]
    config = config.get("text_config", config)
    checked = set()
    for symbol, source in model.config_keys.items():
        keys = {source} if isinstance(source, str) else {
            s.name for s in source.free_symbols if s.name not in sy.TABLE
        }  # fmt: skip
        if not keys <= {k for k, v in config.items() if v is not None}:
            continue
        made = source if not isinstance(source, str) else sy.extra(f"key {source}", "1", "a key")
        known = {s: config[s.name.removeprefix("key ")] for s in made.free_symbols
                 if s.name not in sy.TABLE}  # fmt: skip
        assert made.xreplace(known | model.values) == model.values[sy.TABLE[symbol].symbol], symbol
        checked.add(symbol)
    assert {"d_model", "n_heads", "vocab_size"} <= checked
    # What has no key is computed from several, or from none: a share that is rotated, a count of
    # layers of one kind, the one KV head of a Falcon.
    sizes = {s.name for s in model.values if sy.info(s).role == "dimension"}
    computed = {"rotary_dim", "n_local", "n_dense_local", "n_sparse_local"}
    falcon = {"n_kv_heads"} if name == "falcon-7b" else set()
    assert sizes - model.config_keys.keys() <= computed | falcon


def test_every_real_config_is_read_or_refused_by_name():
    if not CONFIGS.is_dir():
        pytest.skip(f"real configs are not here: no folder {CONFIGS}")
    for path in sorted(CONFIGS.glob("*.json")):
        try:
            model = rs.Transformer.from_config(path)
        except rs.InputError as error:
            assert error.field, path.name
            assert "\n" not in str(error), path.name
        else:
            assert model.parameters.is_Integer, path.name
            assert rs.decode(model).at(B=1, L=1, b_w=2, b_a=2, b_kv=2).bytes > 0, path.name


@pytest.mark.parametrize("name", catalog.records("machines"))
def test_every_machine_of_the_catalogue_is_whole(name: str):
    machine = rs.machine(name)
    record = catalog.records("machines")[name]
    assert machine.ridge.is_Rational
    # Between a laptop and a rack: a slipped prefix would be outside.
    assert 1 < machine.ridge < 5000
    assert 10**9 < machine.capacity < 10**12 * 2
    for dtype in machine.peaks:
        assert rs.machine(name, dtype=dtype).peak == machine.peaks[dtype]
    for table in (record.table["bandwidth"], *record.table["peak"].values()):
        assert table["source"] in record.sources


# --- what is refused ------------------------------------------------------------------------------

BAD_NUMBERS: dict[str, Any] = {
    "negative": -1,
    "zero": 0,
    "text": "4096",
    "not a number": float("nan"),
    "infinite": float("inf"),
    "a float": 4096.0,
    "a fraction": 0.5,
    "a boolean": True,
    "a list": [4096],
    "a table": {"value": 4096},
    "beyond any model": 10**30,
}


@pytest.mark.parametrize("value", BAD_NUMBERS.values(), ids=BAD_NUMBERS)
@pytest.mark.parametrize("field", DIMENSIONS)
def test_a_damaged_dimension_is_refused_by_name(field: str, value: object):
    with pytest.raises(rs.InputError, match=rf"^{field}: got ") as caught:
        read(**{field: value})
    assert caught.value.field == field
    assert "accepted: " in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("field", [*REQUIRED, "model_type"])
def test_a_missing_field_is_refused_by_name(field: str):
    with pytest.raises(rs.InputError, match=rf"^{field}: ") as caught:
        rs.Transformer.from_config(without(field))
    assert "required" in str(caught.value)


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"num_key_value_heads": 5}, "num_key_value_heads"),
        ({"num_key_value_heads": 64}, "num_key_value_heads"),
        ({"num_attention_heads": 33, "num_key_value_heads": 33}, "num_attention_heads"),
        ({"model_type": "lama"}, "model_type"),
        ({"model_type": "mamba"}, "model_type"),
        ({"model_type": 3}, "model_type"),
        ({"model_type": ["llama"]}, "model_type"),
        ({"model_type": None}, "model_type"),
        ({"hidden_act": "frobnicate"}, "hidden_act"),
        ({"torch_dtype": "bfloat17"}, "torch_dtype"),
        ({"torch_dtype": 16}, "torch_dtype"),
        ({"attention_bias": "yes"}, "attention_bias"),
        ({"attention_bias": 1}, "attention_bias"),
        ({"mlp_bias": 0}, "mlp_bias"),
        ({"tie_word_embeddings": "false"}, "tie_word_embeddings"),
        ({"quantization_config": {"quant_method": "unheard-of"}}, "quantization_config"),
        ({"model_type": "mistral", "sliding_window": 0}, "sliding_window"),
        ({"model_type": "mistral", "sliding_window": "4096"}, "sliding_window"),
        ({"model_type": "mistral", "sliding_window": 4096.0}, "sliding_window"),
    ],
    ids=str,
)
def test_what_it_does_not_understand_is_refused_by_name(changes: dict[str, Any], field: str):
    with pytest.raises(rs.InputError, match=field):
        read(**changes)


def test_a_long_value_is_cut_in_the_message():
    with pytest.raises(rs.InputError) as caught:
        read(hidden_size="9" * 10_000)
    assert len(str(caught.value)) < 300


@pytest.mark.parametrize(
    "config", [[], "", 3, None, b"{}", pytest.param(object(), id="an object")], ids=str
)
def test_what_is_no_config_is_refused(config: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises((rs.InputError, TypeError)):
        rs.Transformer.from_config(config)


# What can be wrong with a file, and a word that the message must have.
FILES: dict[str, tuple[bytes, str]] = {
    "empty": (b"", "valid JSON"),
    "cut off": (json.dumps(LLAMA)[:-9].encode(), "valid JSON"),
    "no JSON": (b"hidden_size: 4096", "valid JSON"),
    "two values": (b"{} {}", "valid JSON"),
    "a list": (b"[]", "object"),
    "a number": (b"4096", "object"),
    "null": (b"null", "object"),
    "not UTF-8": (b'{"model_type": "\xff\xfe"}', "UTF-8"),
    "NaN": (json.dumps({**LLAMA, "hidden_size": float("nan")}).encode(), "hidden_size"),
    "1e400": (json.dumps(LLAMA).replace("4096", "1e400").encode(), "hidden_size"),
    "5000 digits": (json.dumps(LLAMA).replace("4096", "4" * 5000).encode(), "reasonable size"),
    "deep": (b"[" * 100_000, "reasonable size"),
}


@pytest.mark.parametrize(("content", "word"), FILES.values(), ids=FILES)
def test_a_bad_file_is_refused_in_one_line(content: bytes, word: str, tmp_path: Path):
    file = tmp_path / "c.json"
    file.write_bytes(content)
    with pytest.raises(rs.InputError, match=word) as caught:
        rs.Transformer.from_config(file)
    assert "\n" not in str(caught.value)


def test_a_missing_file_is_called_missing(tmp_path: Path):
    for path in (tmp_path / "nope.json", tmp_path, tmp_path / "no" / "where.json"):
        with pytest.raises(rs.InputError, match=r"(?i)no such file|readable"):
            rs.Transformer.from_config(path)


# --- machines from files --------------------------------------------------------------------------

MACHINE = """
[machines.mine]
name = "Mine"
bandwidth = 2.0e12
capacity = 80e9
[machines.mine.peak]
bf16 = 312e12
fp8 = 624e12
"""


def machine(tmp_path: Path, text: str, dtype: str | None = None) -> rs.Machine:
    file = tmp_path / "m.toml"
    file.write_text(text, encoding="utf-8")
    return rs.machine(str(file), dtype)


def test_a_machine_of_the_users_own(tmp_path: Path):
    mine = machine(tmp_path, MACHINE)
    assert (mine.name, mine.dtype, mine.ridge) == ("Mine", "bf16", 156)
    assert machine(tmp_path, MACHINE, "fp8").ridge == 312


@pytest.mark.parametrize(
    ("old", "new", "word"),
    [
        ("2.0e12", "0", "bandwidth"),
        ("2.0e12", "-1", "bandwidth"),
        ("2.0e12", "nan", "bandwidth"),
        ("2.0e12", "inf", "bandwidth"),
        ("2.0e12", '"2e12"', "bandwidth"),
        ("2.0e12", "true", "bandwidth"),
        ("2.0e12", "[1]", "bandwidth"),
        ("2.0e12", "{}", "bandwidth"),
        ("312e12", "0", "bf16"),
        ("bf16", "bf17", "bf17"),
        ("capacity = 80e9", "", "capacity"),
        ("bandwidth = 2.0e12", "", "bandwidth"),
        (".peak]", ".peek]", "peak"),
        ('"Mine"', "3", "name"),
        ("[machines.mine]", "[machines.mine]\naliases = 3", "aliases"),
        ("[machines.", "[machine.", "machine"),
        ("name =", "name", "TOML"),
        (MACHINE, "", "machine"),
        (MACHINE, "machines = 3", "machines"),
        (MACHINE, "[machines]\nmine = 3", "mine"),
        (MACHINE, MACHINE + MACHINE.replace(".mine", ".other"), "other"),
    ],
)
def test_a_damaged_machine_is_refused_by_name(old: str, new: str, word: str, tmp_path: Path):
    assert old in MACHINE
    with pytest.raises(rs.InputError, match=word) as caught:
        machine(tmp_path, MACHINE.replace(old, new))
    assert "\n" not in str(caught.value)


def test_a_missing_machine_file_is_called_missing(tmp_path: Path):
    with pytest.raises(rs.InputError, match=r"(?i)no such file") as caught:
        rs.machine(str(tmp_path / "nope.toml"))
    assert "TOML" not in str(caught.value)


@pytest.mark.parametrize("dtype", ["fp3", "", "BF16", 3, "int4"])
def test_a_dtype_that_the_machine_has_no_peak_for_is_refused(dtype: Any):
    with pytest.raises(rs.InputError, match="dtype"):
        rs.machine("h100-sxm", dtype=dtype)


@pytest.mark.parametrize("name", ["", "h1000", "H100-SXM9", "模型", "a\nb"])
def test_names_that_the_catalogue_does_not_have(name: str):
    for find in (rs.model, rs.machine):
        with pytest.raises(rs.InputError):
            find(name)
