"""Parameters and FLOPs, to the last unit, against tables made with PyTorch and transformers.

``tests/reference/make_reference.py`` makes the tables; it shares no code with the package.
"""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import pytest
import sympy
from hypothesis import given, settings
from hypothesis import strategies as st

import roofsym as rs
from roofsym.catalog.huggingface import FAMILIES
from roofsym.errors import InputError

REFERENCE = Path(__file__).parent / "reference"


def table(name: str) -> dict[str, Any]:
    content: dict[str, Any] = json.loads((REFERENCE / f"{name}.json").read_text(encoding="utf-8"))
    return content


PARAMETERS = table("parameters")
FLOPS = table("flops")
ROWS = [*FLOPS["models"], *PARAMETERS["models"]]


def by_id(rows: list[dict[str, Any]]) -> Any:
    return pytest.mark.parametrize("row", rows, ids=[row["id"] for row in rows])


# --- the tables ----------------------------------------------------------------------------------


@by_id(PARAMETERS["models"])
def test_parameters_of_published_models(row):
    counted = rs.Transformer.from_config(row["config"]).parameters
    assert isinstance(counted, sympy.Integer)
    assert counted == row["parameters"]


@by_id(FLOPS["models"])
def test_flops_and_parameters_of_every_step(row):
    model = rs.Transformer.from_config(row["config"])
    assert model.parameters == row["parameters"]
    ledger = rs.step(model, convention="framework")
    assert row["steps"]
    for step in row["steps"]:
        counted = ledger.at(B=step["B"], S=step["S"], L=step["L"]).flops
        assert isinstance(counted, sympy.Integer), step
        assert counted == step["flops"], step


def in_phase(model, step):
    """The FLOPs of a step by way of the phases that it is a case of."""
    B, S, L = step["B"], step["S"], step["L"]
    if L == 0:
        yield rs.prefill(model, convention="framework").at(B=B, S=S)
    else:
        yield rs.chunk(model, convention="framework").at(B=B, S=S, L=L)
        if S == 1:
            yield rs.decode(model, convention="framework").at(B=B, L=L)
        else:
            yield rs.verify(model, convention="framework").at(B=B, gamma=S - 1, L=L)


@by_id([row for row in FLOPS["models"] if row["device"] == "cpu"])
def test_phases_count_what_the_step_that_they_stand_for_counts(row):
    model = rs.Transformer.from_config(row["config"])
    for step in row["steps"]:
        for ledger in in_phase(model, step):
            assert ledger.flops == step["flops"], (ledger.phase, step)


def test_tables_cover_what_they_are_for():
    assert len({row["id"] for row in PARAMETERS["models"]}) >= 40
    implementations = {row["config"]["architectures"][0] for row in FLOPS["models"]}
    assert len(implementations) >= 20
    assert {"torch", "transformers"} <= PARAMETERS["versions"].keys()
    assert PARAMETERS["versions"] == FLOPS["versions"]
    kinds = {
        "prefill": lambda B, S, L: B == 1 and S > 1 and L == 0,
        "batched prefill": lambda B, S, L: B > 1 and S > 1 and L == 0,
        "decode": lambda B, S, L: B == 1 and S == 1 and L > 0,
        "batched decode": lambda B, S, L: B > 1 and S == 1 and L > 0,
        "verification": lambda B, S, L: B > 1 and S > 1 and L > 0,
    }
    covered: dict[str, set[str]] = {
        kind: {
            row["config"]["architectures"][0]
            for row in FLOPS["models"]
            for step in row["steps"]
            if is_kind(step["B"], step["S"], step["L"])
        }
        for kind, is_kind in kinds.items()
    }
    assert all(covered[kind] == implementations for kind in kinds), covered


def test_every_family_but_restatements_of_one_is_in_the_tables():
    # These have the layers of another family, under their own model_type; Gemma 1 is Llama with
    # other defaults.
    same = {"qwen3_vl_text", "qwen3_vl_moe_text", "kimi_k2", "gemma"}
    assert {row["config"]["model_type"] for row in FLOPS["models"]} == set(FAMILIES) - same


# --- models that the tables do not have ----------------------------------------------------------


def test_a_family_restated_under_another_model_type_is_the_same_model():
    rows = {row["id"]: row["config"] for row in ROWS}
    for here, other in (
        ("small-qwen3", "qwen3_vl_text"),
        ("small-qwen3-moe", "qwen3_vl_moe_text"),
        ("small-deepseek-v3", "kimi_k2"),
    ):
        first = rs.Transformer.from_config(rows[here])
        second = rs.Transformer.from_config({**rows[here], "model_type": other})
        assert (first.structure, first.values) == (second.structure, second.values)


# Per family, the keys of the number of layers and of the width of the feed-forward block.
_LAYERS = {"gpt2": "n_layer"}
_UNIFORM = [
    row
    for row in FLOPS["models"]
    if row["device"] == "cpu"
    and not {"layer_types", "first_k_dense_replace", "mlp_only_layers", "no_rope_layers"}
    & {key for key, value in row["config"].items() if value}
    and row["config"]["model_type"] not in ("gemma2", "gemma3_text", "gpt_oss", "llama4_text")
    and not row["config"].get("use_sliding_window")
    and row["config"].get("decoder_sparse_step", 1) == 1
]


def counts(config: dict[str, Any], B: int, S: int, L: int) -> tuple[sympy.Expr, sympy.Expr]:
    model = rs.Transformer.from_config(config)
    ledger = rs.step(model, convention="framework").at(B=B, S=S, L=L)
    return model.parameters, ledger.flops


@by_id(_UNIFORM)
def test_each_layer_of_a_uniform_model_costs_the_same(row):
    config = row["config"]
    key = _LAYERS.get(config["model_type"], "num_hidden_layers")
    n = config[key]
    step = row["steps"][-1]
    here, one, none = (
        counts({**config, key: layers}, step["B"], step["S"], step["L"])
        for layers in (n, n + 1, n + 7)
    )
    assert here == (row["parameters"], step["flops"])
    for quantity in (0, 1):
        assert none[quantity] - here[quantity] == 7 * (one[quantity] - here[quantity])


@settings(max_examples=60, deadline=None)
@given(
    layers=st.integers(1, 200),
    d=st.integers(1, 10_000),
    ff=st.integers(1, 40_000),
    kv=st.integers(1, 16),
    group=st.integers(1, 16),
    head=st.integers(1, 512),
    vocab=st.integers(1, 300_000),
    tied=st.booleans(),
    biased=st.booleans(),
    B=st.integers(1, 10**6),
    S=st.integers(1, 10**6),
    L=st.integers(0, 10**9),
)
def test_a_llama_of_any_shape_by_hand(layers, d, ff, kv, group, head, vocab, tied, biased, B, S, L):
    heads = kv * group
    config = {
        "model_type": "llama", "hidden_size": d, "intermediate_size": ff, "head_dim": head,
        "num_hidden_layers": layers, "num_attention_heads": heads, "num_key_value_heads": kv,
        "vocab_size": vocab, "tie_word_embeddings": tied, "attention_bias": biased,
    }  # fmt: skip
    projections = 2 * d * heads * head + 2 * d * kv * head
    biases = biased * ((heads + 2 * kv) * head + d)
    per_layer = projections + 3 * d * ff
    parameters = layers * (per_layer + biases + 2 * d) + d + vocab * d * (1 if tied else 2)
    flops = 2 * B * S * (layers * per_layer + vocab * d)
    flops += layers * 4 * B * heads * head * S * (L + S)
    assert counts(config, B, S, L) == (parameters, flops)


@by_id([row for row in FLOPS["models"] if row["device"] == "cpu"])
def test_order_of_the_keys_does_not_matter(row):
    backwards = dict(reversed(row["config"].items()))
    one, other = (rs.Transformer.from_config(c) for c in (row["config"], backwards))
    assert (one.structure, one.values) == (other.structure, other.values)


def test_biases_of_the_feed_forward_blocks_of_deepseek_v2():
    # Counted on the module that transformers 5.23 builds.
    config = next(row["config"] for row in ROWS if row["id"] == "small-deepseek-v2")
    assert rs.Transformer.from_config({**config, "mlp_bias": True}).parameters == 139666


@pytest.mark.parametrize("name", ["small-qwen2", "small-qwen3", "small-qwen2-moe"])
def test_key_value_heads_of_qwen_are_32_if_absent_and_as_many_as_heads_if_null(name):
    config = next(row["config"] for row in ROWS if row["id"] == name)
    n_heads = config["num_attention_heads"]
    null = rs.Transformer.from_config({**config, "num_key_value_heads": None})
    same = rs.Transformer.from_config({**config, "num_key_value_heads": n_heads})
    assert null.parameters == same.parameters
    absent = {key: value for key, value in config.items() if key != "num_key_value_heads"}
    with pytest.raises(InputError, match=r"^num_key_value_heads: got 32"):
        rs.Transformer.from_config(absent)
    fitting = absent | {"num_attention_heads": 64, "head_dim": 8, "hidden_size": 64}
    full = {**fitting, "num_key_value_heads": 32}
    default, given = (rs.Transformer.from_config(c).parameters for c in (fitting, full))
    assert default == given


# --- damaged configs -----------------------------------------------------------------------------

# Keys that an implementation does not read, or that change no count: any value goes.
NOT_READ = {
    "*": {"model_type", "architectures", "max_position_embeddings", "pad_token_id"},
    "gpt_neox": {"use_parallel_residual"},
    "falcon": {"num_kv_heads"},  # of the old decoder, which has as many as heads, or one
    "qwen3": {"sliding_window", "max_window_layers"},  # not without use_sliding_window
    "qwen3_moe": {"sliding_window"},
    "deepseek_v2": {"num_key_value_heads", "n_group", "topk_group", "topk_method"},
    "deepseek_v3": {"num_key_value_heads", "n_group", "topk_group"},
    "minimax_m2": {"use_qk_norm"},
}
READ_AFTER_ALL = {"gpt2": set(), "opt": {"max_position_embeddings"}}
MAY_BE_ZERO = {"n_shared_experts", "first_k_dense_replace", "max_window_layers"}
# What these published numbers may not be left out for: they have no default. All others have one.
REQUIRED = {
    "gpt2": {"n_embd", "n_layer", "n_head", "vocab_size"},
    "opt": {"hidden_size", "ffn_dim", "num_hidden_layers", "num_attention_heads", "vocab_size"},
    "falcon": {"hidden_size", "num_hidden_layers", "num_attention_heads", "vocab_size"},
    "*": {
        "hidden_size", "intermediate_size", "num_hidden_layers", "num_attention_heads",
        "vocab_size", "num_local_experts", "num_experts", "n_routed_experts",
        "num_experts_per_tok", "moe_intermediate_size", "shared_expert_intermediate_size",
    },
}  # fmt: skip
NOT_A_DIMENSION = [-1, 0, "4096", math.nan, math.inf, 1e400, 1.5, 10**400, True, [], {}]
NOT_A_FLAG = [-1, 0, 1, "true", math.nan, 1e400, [], {}]
NOT_A_LIST = [-1, 1, "4096", math.nan, 1e400, True, {}, ["linear_attention"], [[]], [{}], [-1]]
NOT_A_FRACTION = [-1, 0, "0.5", math.nan, 1e400, 1.5, True, [], {}]


def good_configs() -> list[tuple[str, str, dict[str, Any]]]:
    """For each family and key that it reads, the first config of the tables that has the key."""
    found: dict[tuple[str, str], dict[str, Any]] = {}
    for row in ROWS:
        config = row["config"]
        family = config["model_type"]
        ignored = NOT_READ["*"] | NOT_READ.get(family, set())
        for key, value in config.items():
            if value is not None and key not in ignored - READ_AFTER_ALL.get(family, set()):
                found.setdefault((family, key), config)
    return [(family, key, config) for (family, key), config in found.items()]


GOOD = good_configs()


def wrong_values(key: str, value: Any) -> list[Any]:
    if isinstance(value, bool):
        return NOT_A_FLAG
    if isinstance(value, int):
        return [w for w in NOT_A_DIMENSION if not (key in MAY_BE_ZERO and w == 0 and w is not None)]
    if isinstance(value, float):
        return NOT_A_FRACTION
    if isinstance(value, list):
        return NOT_A_LIST
    raise AssertionError(f"no damage known for {key} = {value!r}")


@pytest.mark.parametrize(
    ("family", "key", "config"), GOOD, ids=[f"{family}-{key}" for family, key, _ in GOOD]
)
def test_a_damaged_field_is_refused_by_its_name(family, key, config):
    rs.Transformer.from_config(config)
    for wrong in wrong_values(key, config[key]):
        with pytest.raises(InputError) as caught:
            rs.Transformer.from_config({**config, key: wrong})
        message = str(caught.value)
        assert message.startswith(f"{key}: got "), (wrong if wrong != 10**400 else "1e400", message)
        assert "accepted: " in message
        assert "\n" not in message
        assert len(message) < 400


@pytest.mark.parametrize(
    ("family", "key", "config"), GOOD, ids=[f"{family}-{key}" for family, key, _ in GOOD]
)
def test_an_absent_field_is_named_or_has_the_default_of_the_implementation(family, key, config):
    rest = {k: v for k, v in config.items() if k != key}
    if key in REQUIRED.get(family, REQUIRED["*"]):
        for damaged in (rest, {**rest, key: None}):
            with pytest.raises(InputError, match=rf"^{key}: got None; accepted: .*required"):
                rs.Transformer.from_config(damaged)
    else:
        try:
            assert rs.Transformer.from_config(rest).parameters > 0
        except InputError as refusal:
            # The default may not fit the rest: then it is named, or what should fit it is.
            assert refusal.field in config
            assert key in (refusal.field, *str(refusal).split()) or (
                refusal.given == config[refusal.field]
            )


def test_sizes_that_do_not_fit_each_other_are_refused():
    rows = {row["id"]: row["config"] for row in ROWS}
    for name, changed, field in (
        ("small-llama-gqa", {"num_key_value_heads": 7}, "num_key_value_heads"),
        ("small-llama-default-head", {"hidden_size": 4097}, "num_attention_heads"),
        ("small-gpt2", {"n_head": 9}, "n_head"),
        ("small-falcon-new-decoder", {"num_kv_heads": 7}, "num_kv_heads"),
        ("small-mixtral", {"num_experts_per_tok": 10**6}, "num_experts_per_tok"),
        ("small-deepseek-v3", {"first_k_dense_replace": 10**6}, "first_k_dense_replace"),
        ("small-deepseek-v3", {"moe_layer_freq": 2}, "moe_layer_freq"),
        ("small-gemma3-layer-types", {"num_hidden_layers": 97}, "layer_types"),
        ("small-qwen3-moe", {"mlp_only_layers": [10**6]}, "mlp_only_layers"),
        ("small-llama4", {"no_rope_layers": [1]}, "no_rope_layers"),
        ("small-llama4", {"moe_layers": [10**6]}, "moe_layers"),
        ("small-gpt2", {"add_cross_attention": True}, "add_cross_attention"),
        ("small-llama-gqa", {"hidden_act": "xielu"}, "hidden_act"),
        ("small-llama-gqa", {"model_type": "llama5"}, "model_type"),
        ("small-llama-gqa", {"model_type": None}, "model_type"),
        ("small-llama-gqa", {"model_type": 1}, "model_type"),
        ("small-llama-gqa", {"torch_dtype": "float7"}, "torch_dtype"),
        ("small-llama-gqa", {"is_encoder_decoder": True}, "model_type"),
    ):
        with pytest.raises(InputError) as caught:
            rs.Transformer.from_config({**rows[name], **changed})
        assert str(caught.value).startswith(f"{field}: got "), caught.value


FP8 = {"quant_method": "fp8", "weight_block_size": [128, 128]}


@pytest.mark.parametrize(
    ("quantization", "field"),
    [
        (5, ""),
        ("fp8", ""),
        ([], ""),
        ({}, "quant_method"),
        ({"quant_method": 5}, "quant_method"),
        ({"quant_method": ["fp8"]}, "quant_method"),
        ({"quant_method": "bitsandbytes", "load_in_4bit": True}, "quant_method"),
        ({"quant_algo": "FP8", "kv_cache_scheme": "FP8"}, "quant_algo"),
        ({"quant_method": "fp8"}, "weight_block_size"),
        ({**FP8, "weight_block_size": 128}, "weight_block_size"),
        ({**FP8, "weight_block_size": [128]}, "weight_block_size"),
        ({**FP8, "weight_block_size": [128, 0]}, "weight_block_size"),
        ({**FP8, "weight_block_size": [128, True]}, "weight_block_size"),
        ({**FP8, "modules_to_not_convert": 5}, "modules_to_not_convert"),
        ({**FP8, "modules_to_not_convert": ["model.layers.0.mlp.down_proj"]},
         "modules_to_not_convert"),
        # A gate is a router; the gate projection of a feed-forward block is not.
        ({**FP8, "modules_to_not_convert": ["model.layers.0.mlp.gate_proj"]},
         "modules_to_not_convert"),
        ({"quant_method": "gptq", "bits": 4}, "group_size"),
        ({"quant_method": "gptq", "bits": 4, "group_size": -1}, "group_size"),
        ({"quant_method": "gptq", "bits": 5, "group_size": 128}, "bits"),
        ({"quant_method": "awq", "bits": True, "group_size": 128}, "bits"),
        ({"quant_method": "awq", "group_size": 128}, "bits"),
        ({"quant_method": "mxfp4"}, "quant_method"),  # of experts, and there are none
    ],
)  # fmt: skip
def test_a_quantization_that_is_not_understood_is_refused_by_name(quantization, field):
    config = next(row["config"] for row in ROWS if row["id"] == "llama-3.1-8b")
    with pytest.raises(InputError) as caught:
        rs.Transformer.from_config({**config, "quantization_config": quantization})
    name = "quantization_config" + (f".{field}" if field else "")
    assert str(caught.value).startswith(f"{name}: got "), caught.value


def test_an_integer_too_long_to_print_is_refused_by_name():
    config = next(row["config"] for row in ROWS if row["id"] == "llama-3.1-8b")
    with pytest.raises(InputError) as caught:
        rs.Transformer.from_config({**config, "hidden_size": 10**5000})
    assert caught.value.field == "hidden_size"


@pytest.mark.parametrize("wrong", [5, "text", True, [], [1]])
def test_a_text_config_that_is_no_table_is_refused_by_name(wrong):
    with pytest.raises(InputError, match=r"^text_config"):
        rs.Transformer.from_config({"model_type": "llama4", "text_config": wrong})


def test_the_text_model_of_a_multimodal_config_is_read_and_its_fields_named_with_the_wrapper():
    rows = {row["id"]: row["config"] for row in ROWS}
    inner = rows["small-llama4"]
    wrapped = {"model_type": "llama4", "vision_config": {"hidden_size": 9}, "text_config": inner}
    assert rs.Transformer.from_config(wrapped).parameters == counts(inner, 1, 1, 0)[0]
    damaged = {**wrapped, "text_config": {**inner, "hidden_size": -1}}
    with pytest.raises(InputError, match=r"^text_config\.hidden_size: got -1"):
        rs.Transformer.from_config(damaged)
    without = {k: v for k, v in inner.items() if k != "tie_word_embeddings"}
    tied = {**wrapped, "tie_word_embeddings": True, "text_config": without}
    width = inner["vocab_size"] * inner["hidden_size"]
    untied = {**tied, "tie_word_embeddings": False}
    difference = (rs.Transformer.from_config(c).parameters for c in (untied, tied))
    assert next(difference) - next(difference) == width


@pytest.mark.parametrize(
    "text",
    [
        "", "[]", "null", "3", '"llama"', "{", '{"model_type": "llama"', "\x00",
        '{"model_type": "llama", "hidden_size": ' + "9" * 5000 + "}", "[" * 100_000,
    ],
)  # fmt: skip
def test_a_file_that_is_no_config_is_refused(tmp_path, text):
    path = tmp_path / "config.json"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(InputError) as caught:
        rs.Transformer.from_config(path)
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 600


def test_a_file_that_cannot_be_read_is_refused(tmp_path):
    (tmp_path / "latin.json").write_bytes(b'{"model_type": "\xe9"}')
    for path in (tmp_path / "nothing.json", tmp_path, tmp_path / "latin.json"):
        with pytest.raises(InputError, match=r"^config: got .*accepted: a "):
            rs.Transformer.from_config(path)
