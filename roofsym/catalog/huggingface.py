"""Reads a Hugging Face ``config.json`` into a Transformer.

The ``model_type`` of a config names an implementation, and the implementation fixes what the other
keys mean, their defaults, and which of them have no effect. So a family is read by its own
function, with that implementation's defaults; what a family's function does not understand is
refused by name. Keys that no supported implementation reads are ignored.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from roofsym import hardware
from roofsym import symbols as sy
from roofsym.catalog.fields import Fields, read_json
from roofsym.errors import InputError
from roofsym.transformer import Attention, FeedForward, LayerGroup, Structure, Transformer


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
    return _transformer(
        Fields(parsed), path.parent.name if path.name == "config.json" else path.stem
    )


def _transformer(fields: Fields, fallback_name: str) -> Transformer:
    family = fields.string("model_type")
    if family not in FAMILIES:
        raise InputError("model_type", family, "one of " + ", ".join(FAMILIES))
    if "auto_map" in fields:
        raise InputError(
            "auto_map", fields.get("auto_map"), "no code of its own: it could compute anything"
        )
    for key in _NEVER_UNDERSTOOD:
        if key in fields:
            raise InputError(key, fields.get(key), "nothing: it is not understood and changes cost")
    structure, dimensions = FAMILIES[family](fields)
    name = fields.string("_name_or_path", "") or fallback_name or family
    return Transformer(
        structure, name=name.rstrip("/").split("/")[-1], dtype=_dtype(fields), **dimensions
    )


_NEVER_UNDERSTOOD = ("quantization_config", "num_experts", "num_local_experts", "n_routed_experts")


def _dtype(fields: Fields) -> str | None:
    key = "dtype" if "dtype" in fields else "torch_dtype"
    name = fields.string(key, None)
    if name is None or name == "auto":
        return None
    try:
        return hardware.dtype_name(name)
    except InputError as error:
        raise InputError(fields.name(key), name, error.accepted) from None


Reading = tuple[Structure, dict[str, object]]


def _dense(
    fields: Fields,
    *,
    qkv_bias: bool,
    out_bias: bool,
    qk_norm: bool,
    window: int | None,
    mlp_bias: bool,
    kv_heads: int | None,
) -> Reading:
    """What the Llama, Mistral and Qwen implementations have in common.

    `kv_heads` is the implementation's default; None stands for as many as query heads.
    """
    fields.require("hidden_act", "silu", default="silu")
    dims: dict[str, object] = {
        "d_model": fields.integer("hidden_size"),
        "n_layers": fields.integer("num_hidden_layers"),
        "n_heads": fields.integer("num_attention_heads"),
        "d_ff": fields.integer("intermediate_size"),
        "vocab_size": fields.integer("vocab_size"),
    }
    d_model, n_heads = fields.integer("hidden_size"), fields.integer("num_attention_heads")
    n_kv_heads = fields.integer("num_key_value_heads", kv_heads or n_heads)
    if n_heads % n_kv_heads:
        raise InputError(
            "num_key_value_heads", n_kv_heads, f"a divisor of num_attention_heads = {n_heads}"
        )
    head_dim = fields.integer("head_dim", None)
    if head_dim is None:
        if d_model % n_heads:
            raise InputError(
                "num_attention_heads", n_heads, f"a divisor of hidden_size = {d_model}, or head_dim"
            )
        head_dim = d_model // n_heads
    dims |= {"n_kv_heads": n_kv_heads, "head_dim": head_dim}
    if window is not None:
        dims["window"] = window
    attention = Attention(
        qkv_bias=qkv_bias, out_bias=out_bias, qk_norm=qk_norm,
        window=None if window is None else sy.window,
    )  # fmt: skip
    structure = Structure(
        groups=(LayerGroup(attention=attention, feed_forward=FeedForward(bias=mlp_bias)),),
        tied_embeddings=fields.flag("tie_word_embeddings", False),
    )
    return structure, dims


def _llama(fields: Fields) -> Reading:
    bias = fields.flag("attention_bias", False)
    return _dense(
        fields, qkv_bias=bias, out_bias=bias, qk_norm=False, window=None,
        mlp_bias=fields.flag("mlp_bias", False), kv_heads=None,
    )  # fmt: skip


def _mistral(fields: Fields) -> Reading:
    # An absent key means the implementation's default; null means no window.
    given = "sliding_window" in fields.table
    window = fields.integer("sliding_window", None) if given else 4096
    return _dense(
        fields, qkv_bias=False, out_bias=False, qk_norm=False, window=window, mlp_bias=False,
        kv_heads=8,
    )  # fmt: skip


def _no_window(fields: Fields) -> None:
    """Refuse the windows of Qwen2 and Qwen3, which apply to some layers only."""
    if fields.flag("use_sliding_window", False):
        raise InputError("use_sliding_window", True, "false")


def _qwen2(fields: Fields) -> Reading:
    _no_window(fields)
    return _dense(
        fields, qkv_bias=True, out_bias=False, qk_norm=False, window=None, mlp_bias=False,
        kv_heads=None,
    )  # fmt: skip


def _qwen3(fields: Fields) -> Reading:
    _no_window(fields)
    bias = fields.flag("attention_bias", False)
    # The implementation's default head_dim is 128, whatever the hidden size.
    filled = Fields({"head_dim": 128, **fields.table}, fields.where)
    return _dense(
        filled, qkv_bias=bias, out_bias=bias, qk_norm=True, window=None, mlp_bias=False,
        kv_heads=None,
    )  # fmt: skip


FAMILIES: Mapping[str, Callable[[Fields], Reading]] = {
    "llama": _llama,
    "mistral": _mistral,
    "qwen2": _qwen2,
    "qwen3": _qwen3,
}
"""Readers by ``model_type``."""
