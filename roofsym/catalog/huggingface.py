"""Reads a Hugging Face ``config.json`` into a Transformer.

The ``model_type`` of a config names an implementation, and the implementation fixes what the other
keys mean, their defaults, and which of them have no effect. So a family is read by its own
function, with that implementation's defaults (transformers 5.23); what a family's function does not
understand is refused by name. Keys that the implementation does not read are ignored: they cannot
change what it computes.
"""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import sympy

from roofsym import hardware
from roofsym import symbols as sy
from roofsym.catalog import quantization
from roofsym.catalog.fields import Fields, Sourced, read_json
from roofsym.errors import InputError
from roofsym.transformer import (
    Attention,
    FeedForward,
    LatentAttention,
    LayerGroup,
    Mixture,
    Structure,
    Transformer,
    Window,
)


def read(config: str | os.PathLike[str] | Mapping[str, Any]) -> Transformer:
    """Model described by a ``config.json``: see `roofsym.Transformer.from_config`."""
    if isinstance(config, Mapping):
        return _transformer(Fields(config), "")
    path = Path(config)
    if path.is_dir():
        path = path / "config.json"
    parsed = read_json(path, "config")
    if not isinstance(parsed, Mapping):
        raise InputError("config", str(path), "a JSON object")
    name = path.parent.name if path.name == "config.json" else path.stem
    return _transformer(Fields(parsed), name)


def _transformer(fields: Fields, fallback_name: str) -> Transformer:
    name = fields.string("_name_or_path", "") or fallback_name
    outer_dtype = _dtype(fields)
    quantized = fields.get("quantization_config", None)
    if "text_config" in fields:
        # A text model inside a multimodal one. What the wrapper says of it holds unless it says
        # otherwise itself.
        inner = fields.fields("text_config")
        shared = {k: fields.table[k] for k in ("tie_word_embeddings",) if k in fields}
        fields = Fields({**shared, **inner.table}, inner.where)
        quantized = fields.get("quantization_config", quantized)
    family = fields.string("model_type")
    _refuse_other_layers(fields, family)
    if family not in FAMILIES:
        raise InputError(fields.name("model_type"), family, "one of " + ", ".join(FAMILIES))
    model = FAMILIES[family](fields)
    structure, values = quantization.apply(model.structure, quantized)
    return Transformer(
        structure,
        name=name.rstrip("/").split("/")[-1] or family,
        dtype=_dtype(fields) or outer_dtype,
        config_keys=model.keys,
        **model.dimensions,
        **values,
    )


# Keys that only implementations with other kinds of layers have.
_OTHER_LAYERS = {
    "index_topk": "sparse attention",
    "sparse_attention_config": "sparse attention",
    "linear_num_value_heads": "linear-attention layers",
    "ssm_state_size": "state-space layers",
    "state_size": "state-space layers",
    "mamba_d_state": "state-space layers",
    "attn_layer_period": "state-space layers",
    "encoder_layers": "an encoder",
    "num_encoder_layers": "an encoder",
    "image_size": "a vision tower",
}
_ENCODERS = ("bert", "roberta", "t5", "bart", "deberta", "electra", "albert", "whisper")


def _refuse_other_layers(fields: Fields, family: str) -> None:
    accepted = "a decoder-only transformer, its layers attending to all or a window of the context"
    for key, what in _OTHER_LAYERS.items():
        if key in fields and family not in FAMILIES:
            raise InputError(fields.name("model_type"), f"{family} with {what} ({key})", accepted)
    if family in _ENCODERS or fields.get("is_encoder_decoder", False):
        raise InputError(fields.name("model_type"), f"{family} with an encoder", accepted)
    for kind in fields.strings("layer_types"):
        known = [*_LAYER_TYPES, *(["chunked_attention"] if family == "llama4_text" else [])]
        if kind not in known:
            raise InputError(fields.name("layer_types"), kind, "one of " + ", ".join(known))


def _dtype(fields: Fields) -> str | None:
    key = "dtype" if "dtype" in fields else "torch_dtype"
    name = fields.string(key, None)
    if name is None or name == "auto":
        return None
    try:
        return hardware.dtype_name(name)
    except InputError as error:
        raise InputError(fields.name(key), name, error.accepted) from None


# --- parts that families share -------------------------------------------------------------------


@dataclass
class Reading:
    """What was read: the structure, and the numbers of its symbols."""

    structure: Structure
    dimensions: dict[str, object] = field(default_factory=dict)

    @property
    def keys(self) -> dict[str, str | sympy.Expr]:
        """By symbol, the key that it was read from, or what it is made of: see `Sourced`."""
        return {k: v.source for k, v in self.dimensions.items() if isinstance(v, Sourced)}


def _part(key: str, meaning: str, beside: sympy.Symbol, positive: bool = True) -> sympy.Symbol:
    """A key that is no symbol of the table, but that one of these is made of."""
    latex = sy.code_latex(key)
    return sy.extra(key, "1", meaning, latex=latex, beside=beside, positive=positive)


# The counts of layers of each kind add up to it.
_N_LAYERS = "num_hidden_layers"
_ALL_LAYERS = _part(_N_LAYERS, "layers, of all kinds", sy.n_layers)
_N_SHARED = _part("n_shared_experts", "shared experts, each as wide as a routed one", sy.d_shared)
# Less the rows that an implementation reserves: no number that is positive by itself.
_LONGEST = _part("max_position_embeddings", "longest sequence", sy.n_positions, positive=False)


def _sizes(fields: Fields) -> dict[str, object]:
    """The sizes that nearly all families name alike."""
    return {
        "d_model": fields.integer("hidden_size"),
        "n_layers": fields.integer("num_hidden_layers"),
        "n_heads": fields.integer("num_attention_heads"),
        "vocab_size": fields.integer("vocab_size"),
    }


def _heads(
    fields: Fields, *, kv_default: int | None = None, head_dim_default: int | None = None
) -> dict[str, object]:
    """Key/value heads and head width.

    Without a default, as many key/value heads as query heads; so, too, where they are null.
    """
    d_model, n_heads = fields.integer("hidden_size"), fields.integer("num_attention_heads")
    n_kv_heads = _absent_or(fields, "num_key_value_heads", kv_default) or n_heads
    if n_heads % n_kv_heads:
        raise InputError(
            fields.name("num_key_value_heads"),
            n_kv_heads,
            f"a divisor of num_attention_heads = {n_heads}",
        )
    head_dim = fields.integer("head_dim", head_dim_default) or _share(fields, d_model, n_heads)
    # Named so whether or not the file has the keys: the implementation has them.
    return {
        "n_kv_heads": Sourced(n_kv_heads, "num_key_value_heads"),
        "head_dim": Sourced(head_dim, "head_dim"),
    }


def _share(fields: Fields, d_model: int, n_heads: int) -> Sourced:
    if d_model % n_heads:
        key = fields.name("num_attention_heads")
        raise InputError(key, n_heads, f"a divisor of hidden_size = {d_model}, or head_dim")
    return _head_dim(d_model, n_heads)


def _head_dim(d_model: int, n_heads: int) -> Sourced:
    """Width of a head of a family that has no key for it."""
    return Sourced(d_model // n_heads, sy.d_model / sy.n_heads)


_ACTIVATIONS = ("silu", "swish", "gelu", "gelu_new", "gelu_fast", "gelu_pytorch_tanh", "relu")


def _activation(fields: Fields, *keys: str) -> None:
    """An activation function of one evaluation per element; all of these count alike."""
    for key in keys:
        if key in fields:
            fields.require(key, *_ACTIVATIONS)


def _rotary(
    fields: Fields, head_dim: object, default: sympy.Rational = sympy.S.One
) -> dict[str, object]:
    """Width of a head that is rotated, where it is not the whole head."""
    # Newer configs keep the factor in rope_parameters.
    parameters = fields.get("rope_parameters", None)
    place = Fields(parameters, "rope_parameters.") if isinstance(parameters, Mapping) else fields
    given = fields.fraction("partial_rotary_factor", None)
    if given is None:
        given = place.fraction("partial_rotary_factor", default)
    width = int(sympy.floor(sympy.Integer(head_dim) * given))
    return {} if given == 1 else {"rotary_dim": max(width, 1)}


# chunked_attention is Llama 4's alone, which says by no_rope_layers which layers have it.
_LAYER_TYPES = {"full_attention": "global", "sliding_attention": "local"}

Kinds = list[tuple[str, str]]


def _reach(fields: Fields, n_layers: int, default: Callable[[int], str]) -> list[str]:
    """For each layer, whether it attends to all (global) or to a window (local)."""
    types = fields.get("layer_types", None)
    if types is None:
        return [default(i) for i in range(n_layers)]
    if not isinstance(types, list) or len(types) != n_layers:
        accepted = f"a list of num_hidden_layers = {n_layers} names"
        raise InputError(fields.name("layer_types"), types, accepted)
    return [_LAYER_TYPES[t] for t in types]


def _layer_numbers(fields: Fields, key: str, n_layers: int) -> list[int]:
    """A list of layers by number."""
    value = fields.get(key, [])
    if not isinstance(value, list) or not all(type(i) is int and 0 <= i < n_layers for i in value):
        raise InputError(fields.name(key), value, f"a list of layers from 0 to {n_layers - 1}")
    return value


def _groups(
    kinds: Iterable[tuple[str, str]], make: Callable[[str, str], LayerGroup]
) -> tuple[tuple[LayerGroup, ...], dict[str, object]]:
    """Group layers of one kind, in order of first appearance; counts by name of symbol.

    A kind is (dense or sparse, global or local); what all layers share is left out of the names.
    Of a config, `num_hidden_layers` is one key for all of them.
    """
    counts: dict[tuple[str, str], int] = {}
    for kind in kinds:
        counts[kind] = counts.get(kind, 0) + 1
    mixed = [len({kind[axis] for kind in counts}) > 1 for axis in (0, 1)]
    groups: list[LayerGroup] = []
    numbers: dict[str, object] = {}
    for kind, count in counts.items():
        label = "_".join(word for word, shown in zip(kind, mixed, strict=True) if shown) or "layers"
        symbol = sy.TABLE[f"n_{label}"].symbol
        groups.append(dataclasses.replace(make(*kind), label=label, count=symbol))
        numbers[f"n_{label}"] = count
    *others, last = (group.count for group in groups)
    # Of the last kind are the layers that are of no other.
    source = _ALL_LAYERS - sympy.Add(*others) if others else _N_LAYERS
    return tuple(groups), numbers | {last.name: Sourced(count, source)}


def _uniform(group: LayerGroup, **structure: Any) -> Structure:
    """All layers of one kind."""
    return Structure(groups=(group,), **structure)


def _tied(fields: Fields, default: bool) -> bool:
    tied: bool = fields.flag("tie_word_embeddings", default)
    return tied


# --- dense families ------------------------------------------------------------------------------


def _gpt2(fields: Fields) -> Reading:
    _activation(fields, "activation_function")
    fields.require("add_cross_attention", False, default=False)
    d_model, n_heads = fields.integer("n_embd"), fields.integer("n_head")
    attention = Attention(
        n_kv_heads=sy.n_heads, fused_qkv=True, qkv_bias=True, out_bias=True, rotary=sympy.S.Zero
    )
    group = LayerGroup(
        attention=attention, feed_forward=FeedForward(gated=False, bias=True), norm_vectors=2
    )
    if d_model % n_heads:
        raise InputError(fields.name("n_head"), n_heads, f"a divisor of n_embd = {d_model}")
    return Reading(
        _uniform(group, tied_embeddings=_tied(fields, True), positions=True),
        {
            "d_model": d_model,
            "n_layers": fields.integer("n_layer"),
            "n_heads": n_heads,
            "head_dim": _head_dim(d_model, n_heads),
            "d_ff": fields.integer("n_inner", 4 * d_model),
            "vocab_size": fields.integer("vocab_size"),
            "n_positions": fields.integer("n_positions", 1024),
        },
    )


def _opt(fields: Fields) -> Reading:
    _activation(fields, "activation_function")
    fields.require("layer_norm_elementwise_affine", True, default=True)
    bias = fields.flag("enable_bias", True)
    before = fields.flag("do_layer_norm_before", True)
    d_model = fields.integer("hidden_size")
    embed = fields.integer("word_embed_proj_dim", d_model)
    attention = Attention(n_kv_heads=sy.n_heads, qkv_bias=bias, out_bias=bias, rotary=sympy.S.Zero)
    group = LayerGroup(
        attention=attention, feed_forward=FeedForward(gated=False, bias=bias), norm_vectors=2
    )
    structure = _uniform(
        group,
        tied_embeddings=_tied(fields, True),
        positions=True,
        projected=embed != d_model,
        final_norm=before and not fields.flag("_remove_final_layer_norm", False),
    )
    sizes = _sizes(fields)
    sizes |= {
        "head_dim": _share(fields, d_model, fields.integer("num_attention_heads")),
        "d_ff": fields.integer("ffn_dim"),
        # The implementation reserves two rows.
        "n_positions": Sourced(fields.integer(_LONGEST.name, 2048) + 2, _LONGEST + 2),
    }
    return Reading(structure, sizes | ({"d_embed": embed} if embed != d_model else {}))


def _gpt_neox(fields: Fields) -> Reading:
    _activation(fields, "hidden_act")
    bias = fields.flag("attention_bias", True)
    sizes = _sizes(fields)
    head_dim = _share(fields, fields.integer("hidden_size"), fields.integer("num_attention_heads"))
    rotary = fields.fraction("rotary_pct", sympy.Rational(1, 4))
    attention = Attention(
        n_kv_heads=sy.n_heads, fused_qkv=True, qkv_bias=bias, out_bias=bias, rotary=sy.rotary_dim
    )
    group = LayerGroup(
        attention=attention, feed_forward=FeedForward(gated=False, bias=True), norm_vectors=2
    )
    sizes |= {
        "head_dim": head_dim,
        "d_ff": fields.integer("intermediate_size"),
        "rotary_dim": max(int(sympy.floor(head_dim * rotary)), 1),
    }
    return Reading(_uniform(group, tied_embeddings=_tied(fields, False)), sizes)


def _falcon(fields: Fields) -> Reading:
    _activation(fields, "activation")
    bias = fields.flag("bias", False)
    new = fields.flag("new_decoder_architecture", False)
    parallel = fields.flag("parallel_attn", True) or new
    n_heads, d_model = fields.integer("num_attention_heads"), fields.integer("hidden_size")
    if new:
        n_kv_heads = fields.integer("num_kv_heads", n_heads)
    else:
        n_kv_heads = 1 if fields.flag("multi_query", True) else n_heads
    if n_heads % n_kv_heads:
        key = fields.name("num_kv_heads")
        raise InputError(key, n_kv_heads, f"a divisor of num_attention_heads = {n_heads}")
    two_norms = not parallel or (new and fields.integer("num_ln_in_parallel_attn", 2) == 2)
    attention = Attention(
        fused_qkv=True,
        qkv_bias=bias,
        out_bias=bias,
        rotary=sympy.S.Zero if fields.flag("alibi", False) else sy.head_dim,
    )
    group = LayerGroup(
        attention=attention,
        feed_forward=FeedForward(gated=False, bias=bias),
        norms=("attention_norm", "feed_forward_norm") if two_norms else ("input_norm",),
        norm_vectors=2,
    )
    sizes = _sizes(fields)
    sizes |= {
        "n_kv_heads": n_kv_heads,
        "head_dim": _share(fields, d_model, n_heads),
        "d_ff": fields.integer("ffn_hidden_size", 4 * d_model),
    }
    return Reading(_uniform(group, tied_embeddings=_tied(fields, True)), sizes)


def _dense(
    fields: Fields,
    attention: Attention,
    *,
    reach: list[str] | None = None,
    feed_forward: FeedForward | None = None,
    norms: tuple[str, ...] = ("attention_norm", "feed_forward_norm"),
    tied: bool = False,
    heads: dict[str, object],
    window: int | None = None,
) -> Reading:
    """Decoders with gated feed-forward and RMSNorm, with windows in some layers or in all."""
    _activation(fields, "hidden_act", "hidden_activation")
    sizes = _sizes(fields)
    sizes.pop("n_layers")
    kinds = [("dense", r) for r in reach or ["global"] * fields.integer("num_hidden_layers")]
    block = feed_forward or FeedForward()

    def make(_: str, where: str) -> LayerGroup:
        return LayerGroup(
            attention=_with_window(attention, Window() if where == "local" else None),
            feed_forward=block,
            norms=norms,
        )

    groups, counts = _groups(kinds, make)
    sizes |= heads | counts | {"d_ff": fields.integer("intermediate_size")}
    if any(kind[1] == "local" for kind in kinds):
        sizes["window"] = window
    return Reading(Structure(groups=groups, tied_embeddings=_tied(fields, tied)), sizes)


def _with_window(attention: Attention, window: Window | None) -> Attention:
    return dataclasses.replace(attention, window=window)


def _everywhere(fields: Fields, window: int | None) -> list[str]:
    """A window in every layer, or in none."""
    kind = "global" if window is None else "local"
    return [kind] * fields.integer("num_hidden_layers")


def _llama(fields: Fields) -> Reading:
    bias = fields.flag("attention_bias", False)
    return _dense(
        fields,
        Attention(qkv_bias=bias, out_bias=bias),
        feed_forward=FeedForward(bias=fields.flag("mlp_bias", False)),
        heads=_heads(fields),
    )


def _absent_or(fields: Fields, key: str, default: int | None) -> int | None:
    """An integer whose absence means the implementation's default, and whose null means none."""
    absent = key not in fields.table
    value: int | None = fields.integer(key, default if absent else None)
    return value


def _mistral(fields: Fields) -> Reading:
    window = _absent_or(fields, "sliding_window", 4096)
    return _dense(
        fields,
        Attention(),
        reach=_everywhere(fields, window),
        heads=_heads(fields, kv_default=8),
        window=window,
    )


def _qwen_reach(fields: Fields) -> tuple[list[str], int | None]:
    """Windows of Qwen2 and Qwen3: from layer max_window_layers on, if they are used at all."""
    n_layers = fields.integer("num_hidden_layers")
    if not fields.flag("use_sliding_window", False):
        if "layer_types" in fields and "sliding_attention" in fields.get("layer_types"):
            raise InputError(fields.name("use_sliding_window"), False, "true with sliding layers")
        return ["global"] * n_layers, None
    window = _absent_or(fields, "sliding_window", 4096)
    if window is None:
        return ["global"] * n_layers, None
    start = fields.integer("max_window_layers", 28, least=0)
    return _reach(fields, n_layers, lambda i: "local" if i >= start else "global"), window


def _qwen2(fields: Fields) -> Reading:
    reach, window = _qwen_reach(fields)
    heads = _heads(fields, kv_default=32)
    return _dense(fields, Attention(qkv_bias=True), reach=reach, heads=heads, window=window)


def _qwen3(fields: Fields) -> Reading:
    reach, window = _qwen_reach(fields)
    bias = fields.flag("attention_bias", False)
    return _dense(
        fields,
        Attention(qkv_bias=bias, out_bias=bias, qk_norm="head"),
        reach=reach,
        heads=_heads(fields, kv_default=32, head_dim_default=128),
        window=window,
    )


_FOUR_NORMS = (
    "attention_norm",
    "post_attention_norm",
    "feed_forward_norm",
    "post_feed_forward_norm",
)


def _gemma(fields: Fields) -> Reading:
    bias = fields.flag("attention_bias", False)
    return _dense(
        fields,
        Attention(qkv_bias=bias, out_bias=bias),
        heads=_heads(fields, head_dim_default=256),
        tied=True,
    )


def _gemma2(fields: Fields) -> Reading:
    bias = fields.flag("attention_bias", False)
    n_layers = fields.integer("num_hidden_layers")
    return _dense(
        fields,
        Attention(qkv_bias=bias, out_bias=bias),
        reach=_reach(fields, n_layers, lambda i: "global" if i % 2 else "local"),
        norms=_FOUR_NORMS,
        heads=_heads(fields, kv_default=4, head_dim_default=256),
        tied=True,
        window=fields.integer("sliding_window", 4096),
    )


def _gemma3(fields: Fields) -> Reading:
    bias = fields.flag("attention_bias", False)
    n_layers = fields.integer("num_hidden_layers")
    period = fields.integer("sliding_window_pattern", 6)
    return _dense(
        fields,
        Attention(qkv_bias=bias, out_bias=bias, qk_norm="head"),
        reach=_reach(fields, n_layers, lambda i: "local" if (i + 1) % period else "global"),
        norms=_FOUR_NORMS,
        heads=_heads(fields, kv_default=4, head_dim_default=256),
        tied=True,
        window=fields.integer("sliding_window", 4096),
    )


def _phi3(fields: Fields) -> Reading:
    window = fields.integer("sliding_window", None)
    heads = _heads(fields)
    rotary = _rotary(fields, heads["head_dim"])
    return _dense(
        fields,
        Attention(fused_qkv=True, rotary=sy.rotary_dim if rotary else sy.head_dim),
        reach=_everywhere(fields, window),
        feed_forward=FeedForward(fused=True),
        heads=heads | rotary,
        window=window,
    )


def _olmo2(fields: Fields) -> Reading:
    bias = fields.flag("attention_bias", False)
    return _dense(
        fields,
        Attention(qkv_bias=bias, out_bias=bias, qk_norm="full"),
        norms=("post_attention_norm", "post_feed_forward_norm"),
        heads=_heads(fields),
    )


# --- mixtures of experts -------------------------------------------------------------------------


def _mixture(
    fields: Fields,
    attention: Attention | LatentAttention,
    mixture: Mixture,
    kinds: Kinds,
    sizes: dict[str, object],
    *,
    experts_key: str,
    window: Window | None = None,
    dense: FeedForward | None = None,
) -> Reading:
    """Decoders whose layers, or some of them, have a mixture of experts."""
    _activation(fields, "hidden_act")
    n_experts, top_k = fields.integer(experts_key), fields.integer("num_experts_per_tok")
    if top_k > n_experts:
        accepted = f"at most {experts_key} = {n_experts}"
        raise InputError(fields.name("num_experts_per_tok"), top_k, accepted)

    def make(block: str, where: str) -> LayerGroup:
        heads = attention
        if where == "local" and isinstance(attention, Attention):
            heads = _with_window(attention, window)
        return LayerGroup(
            attention=heads,
            feed_forward=mixture if block == "sparse" else dense or FeedForward(),
        )

    groups, counts = _groups(kinds, make)
    numbers = _sizes(fields)
    numbers.pop("n_layers")
    numbers |= counts | sizes
    if any(block == "sparse" for block, _ in kinds):
        numbers |= {"n_experts": n_experts, "top_k": top_k}
    structure = Structure(groups=groups, tied_embeddings=_tied(fields, False))
    used = {s.name for s in structure.symbols}
    return Reading(structure, {k: v for k, v in numbers.items() if k in used})


def _mixtral(fields: Fields) -> Reading:
    window = fields.integer("sliding_window", None)
    kinds = [("sparse", reach) for reach in _everywhere(fields, window)]
    sizes = _heads(fields, kv_default=8) | {"d_expert": fields.integer("intermediate_size")}
    if window is not None:
        sizes["window"] = window
    return _mixture(
        fields, Attention(), Mixture(), kinds, sizes, experts_key="num_local_experts",
        window=Window(),
    )  # fmt: skip


def _sparse_steps(fields: Fields) -> Kinds:
    """Sparse layers of the Qwen mixtures: every n-th, but those listed as dense."""
    n_layers = fields.integer("num_hidden_layers")
    period = fields.integer("decoder_sparse_step", 1)
    dense = _layer_numbers(fields, "mlp_only_layers", n_layers)
    return [
        ("sparse" if (i + 1) % period == 0 and i not in dense else "dense", "global")
        for i in range(n_layers)
    ]


def _no_windows(fields: Fields) -> None:
    if fields.flag("use_sliding_window", False):
        raise InputError(fields.name("use_sliding_window"), True, "false")


def _qwen2_moe(fields: Fields) -> Reading:
    _no_windows(fields)
    mixture = Mixture(shared=sy.d_shared, shared_gate=True)
    sizes = _heads(fields, kv_default=32) | {
        "d_ff": fields.integer("intermediate_size"),
        "d_expert": fields.integer("moe_intermediate_size"),
        "d_shared": fields.integer("shared_expert_intermediate_size"),
    }
    attention = Attention(qkv_bias=fields.flag("qkv_bias", True))
    return _mixture(
        fields, attention, mixture, _sparse_steps(fields), sizes, experts_key="num_experts"
    )


def _qwen3_moe(fields: Fields) -> Reading:
    _no_windows(fields)
    bias = fields.flag("attention_bias", False)
    sizes = _heads(fields, kv_default=4) | {
        "d_ff": fields.integer("intermediate_size"),
        "d_expert": fields.integer("moe_intermediate_size"),
    }
    attention = Attention(qkv_bias=bias, out_bias=bias, qk_norm="head")
    return _mixture(
        fields, attention, Mixture(), _sparse_steps(fields), sizes, experts_key="num_experts"
    )


def _first_dense(fields: Fields, default: int) -> tuple[Kinds, dict[str, object]]:
    n_layers = fields.integer("num_hidden_layers")
    dense = fields.integer("first_k_dense_replace", default, least=0)
    if dense > n_layers:
        accepted = f"at most num_hidden_layers = {n_layers}"
        raise InputError(fields.name("first_k_dense_replace"), dense, accepted)
    kinds = [("dense" if i < dense else "sparse", "global") for i in range(n_layers)]
    return kinds, {"n_dense": dense}


def _shared_width(fields: Fields, default: int) -> tuple[sympy.Expr, dict[str, object]]:
    """Width of the shared experts together: so many experts' widths side by side."""
    count = fields.integer(_N_SHARED.name, default, least=0)
    if count == 0:
        return sympy.S.Zero, {}
    width = count * fields.integer("moe_intermediate_size")
    return sy.d_shared, {"d_shared": Sourced(width, _N_SHARED * sy.d_expert)}


def _deepseek(first_dense: int, shared_experts: int) -> Callable[[Fields], Reading]:
    def family(fields: Fields) -> Reading:
        fields.require("moe_layer_freq", 1, default=1)
        bias = fields.flag("mlp_bias", False)
        q_rank = _absent_or(fields, "q_lora_rank", 1536)
        attention = LatentAttention(
            low_rank_queries=q_rank is not None, bias=fields.flag("attention_bias", False)
        )
        shared, width = _shared_width(fields, shared_experts)
        sizes: dict[str, object] = {
            "kv_rank": fields.integer("kv_lora_rank", 512),
            "nope_dim": fields.integer("qk_nope_head_dim", 128),
            "rope_dim": fields.integer("qk_rope_head_dim", 64),
            "v_dim": fields.integer("v_head_dim", 128),
            "d_ff": fields.integer("intermediate_size"),
            "d_expert": fields.integer("moe_intermediate_size"),
        } | width
        if q_rank is not None:
            sizes["q_rank"] = q_rank
        kinds, dense = _first_dense(fields, first_dense)
        return _mixture(
            fields, attention, Mixture(shared=shared, shared_bias=bias), kinds, sizes | dense,
            experts_key="n_routed_experts", dense=FeedForward(bias=bias),
        )  # fmt: skip

    return family


def _glm4_moe(fields: Fields) -> Reading:
    heads = _heads(fields, kv_default=8)
    rotary = _rotary(fields, heads["head_dim"], sympy.Rational(1, 2))
    attention = Attention(
        qkv_bias=fields.flag("attention_bias", False),
        qk_norm="head" if fields.flag("use_qk_norm", False) else "none",
        rotary=sy.rotary_dim if rotary else sy.head_dim,
    )
    shared, width = _shared_width(fields, 1)
    kinds, dense = _first_dense(fields, 1)
    sizes = heads | rotary | width | dense
    sizes |= {
        "d_ff": fields.integer("intermediate_size"),
        "d_expert": fields.integer("moe_intermediate_size"),
    }
    return _mixture(
        fields, attention, Mixture(shared=shared), kinds, sizes, experts_key="n_routed_experts"
    )


def _gpt_oss(fields: Fields) -> Reading:
    bias = fields.flag("attention_bias", True)
    n_layers = fields.integer("num_hidden_layers")
    reach = _reach(fields, n_layers, lambda i: "global" if i % 2 else "local")
    attention = Attention(qkv_bias=bias, out_bias=bias, sinks=True)
    sizes = _heads(fields, kv_default=8, head_dim_default=64) | {
        "d_expert": fields.integer("intermediate_size"),
        "window": fields.integer("sliding_window", 128),
    }
    return _mixture(
        fields, attention, Mixture(bias=True, router_bias=True), [("sparse", r) for r in reach],
        sizes, experts_key="num_local_experts", window=Window(),
    )  # fmt: skip


def _llama4(fields: Fields) -> Reading:
    bias = fields.flag("attention_bias", False)
    n_layers = fields.integer("num_hidden_layers")
    chunk = _absent_or(fields, "attention_chunk_size", 8192)
    period = fields.integer("no_rope_layer_interval", 4)
    # 1 marks a layer that is rotated; those are the chunked ones.
    rotated = fields.get("no_rope_layers", [])
    if rotated == []:
        rotated = [int((i + 1) % period != 0) for i in range(n_layers)]
    if not isinstance(rotated, list) or len(rotated) != n_layers or not set(rotated) <= {0, 1}:
        accepted = f"a list of num_hidden_layers = {n_layers} zeros and ones"
        raise InputError(fields.name("no_rope_layers"), rotated, accepted)
    step = fields.integer("interleave_moe_layer_step", 1)
    sparse = set(_layer_numbers(fields, "moe_layers", n_layers) or range(step - 1, n_layers, step))
    kinds = [
        ("sparse" if i in sparse else "dense", "local" if chunk and rotated[i] else "global")
        for i in range(n_layers)
    ]
    width = fields.integer("intermediate_size")
    sizes = _heads(fields, kv_default=8, head_dim_default=128) | {
        "d_expert": width,
        # One key for the routed experts and the shared one.
        "d_shared": Sourced(width, sy.d_expert),
        "d_ff": fields.integer("intermediate_size_mlp", 16384),
    }
    if chunk:
        sizes["window"] = chunk
    attention = Attention(
        qkv_bias=bias, out_bias=bias,
        qk_norm="unscaled" if fields.flag("use_qk_norm", True) else "none",
    )  # fmt: skip
    return _mixture(
        fields, attention, Mixture(shared=sy.d_shared, run_all=True), kinds, sizes,
        experts_key="num_local_experts", window=Window(chunked=True),
    )  # fmt: skip


def _minimax_m2(fields: Fields) -> Reading:
    heads = _heads(fields, kv_default=8, head_dim_default=128)
    rotary = fields.integer("rotary_dim", heads["head_dim"])
    sizes = heads | {"d_expert": fields.integer("intermediate_size"), "rotary_dim": rotary}
    kinds = [("sparse", "global")] * fields.integer("num_hidden_layers")
    # The implementation normalises over the full width, whatever use_qk_norm says.
    attention = Attention(qk_norm="full", rotary=sy.rotary_dim)
    return _mixture(fields, attention, Mixture(), kinds, sizes, experts_key="num_local_experts")


FAMILIES: Mapping[str, Callable[[Fields], Reading]] = {
    "gpt2": _gpt2,
    "opt": _opt,
    "gpt_neox": _gpt_neox,
    "falcon": _falcon,
    "llama": _llama,
    "mistral": _mistral,
    "qwen2": _qwen2,
    "qwen3": _qwen3,
    "qwen3_vl_text": _qwen3,
    "gemma": _gemma,
    "gemma2": _gemma2,
    "gemma3_text": _gemma3,
    "phi3": _phi3,
    "olmo2": _olmo2,
    "mixtral": _mixtral,
    "qwen2_moe": _qwen2_moe,
    "qwen3_moe": _qwen3_moe,
    "qwen3_vl_moe_text": _qwen3_moe,
    "deepseek_v2": _deepseek(first_dense=0, shared_experts=2),
    "deepseek_v3": _deepseek(first_dense=3, shared_experts=1),
    "kimi_k2": _deepseek(first_dense=3, shared_experts=1),
    "gpt_oss": _gpt_oss,
    "llama4_text": _llama4,
    "glm4_moe": _glm4_moe,
    "minimax_m2": _minimax_m2,
}
"""Readers by ``model_type``."""
