"""What a config's ``quantization_config`` means for the bytes of its weights."""

from __future__ import annotations

import dataclasses
from typing import Any

import sympy

from roofsym.catalog.fields import Fields
from roofsym.errors import InputError
from roofsym.transformer.structure import LINEAR, Structure

# What quantisers of linear layers leave in the checkpoint's dtype.
_UNTOUCHED = frozenset({"embedding", "lm_head", "router", "vectors"})
_LEFT_ALONE = frozenset(
    {"lm_head", "embed_tokens", "gate", "router", "shared_expert_gate", "e_score_correction_bias"}
)


def apply(structure: Structure, config: Any) -> tuple[Structure, dict[str, object]]:
    """Structure with the precisions of a quantised checkpoint, and their values.

    Parameters
    ----------
    structure : Structure
        The structure as the rest of the config describes it.
    config : mapping or None
        The ``quantization_config``.

    Raises
    ------
    InputError
        If the method is not understood, naming it.
    """
    if config is None:
        return structure, {}
    fields = Fields(config, "quantization_config.")
    key = "quant_method" if "quant_method" in fields else "quant_algo"
    method = fields.string(key if key in fields else "quant_method")
    if method == "fp8":
        return _fp8(structure, fields)
    if method == "mxfp4":
        return _mxfp4(structure, fields)
    if method in ("gptq", "awq"):
        return _grouped_integers(structure, fields)
    raise InputError(fields.name(key), method, "one of fp8, mxfp4, gptq, awq")


def _present(structure: Structure, parts: frozenset[str]) -> frozenset[str]:
    used = {operator.precision for _, _, operator in structure.operators()} | {"vectors"}
    return parts & used


def _linear_layers(
    structure: Structure, size: sympy.Rational, group: int, scale: sympy.Rational
) -> tuple[Structure, dict[str, object]]:
    """All linear layers quantised in groups; embedding, LM head, routers and vectors not."""
    made = dataclasses.replace(
        structure,
        own_precision=_present(structure, _UNTOUCHED),
        scaled=_present(structure, LINEAR),
    )
    return made, {"b_w": size, "group_w": group, "scale_w": scale}


def _fp8(structure: Structure, fields: Fields) -> tuple[Structure, dict[str, object]]:
    block = fields.get("weight_block_size", None)
    ok = (
        isinstance(block, list) and len(block) == 2 and all(type(n) is int and n > 0 for n in block)
    )
    if not ok:
        raise InputError(fields.name("weight_block_size"), block, "a list of two block sizes")
    for module in fields.strings("modules_to_not_convert"):
        name = module.split(".")[-1]
        if name not in _LEFT_ALONE and not name.endswith("norm"):
            accepted = "modules that are embeddings, routers, norms or the LM head"
            raise InputError(fields.name("modules_to_not_convert"), module, accepted)
    # One 4-byte scale per block.
    return _linear_layers(structure, sympy.Integer(1), block[0] * block[1], sympy.Integer(4))


def _mxfp4(structure: Structure, fields: Fields) -> tuple[Structure, dict[str, object]]:
    if "experts" not in _present(structure, LINEAR):
        raise InputError(
            fields.name("quant_method"), "mxfp4", "fp8, gptq or awq: it has no experts"
        )
    for module in fields.strings("modules_to_not_convert"):
        if "experts" in module:
            accepted = "modules outside the experts, which are what is quantised"
            raise InputError(fields.name("modules_to_not_convert"), module, accepted)
    # Open Compute Project, Microscaling Formats (MX) v1.0: 4-bit elements, one 8-bit scale per 32.
    # The published checkpoints quantise the experts and nothing else.
    experts = frozenset({"experts"})
    made = dataclasses.replace(structure, own_precision=experts, scaled=experts)
    return made, {"b_w_experts": sympy.Rational(1, 2), "group_w": 32, "scale_w": 1}


def _grouped_integers(structure: Structure, fields: Fields) -> tuple[Structure, dict[str, object]]:
    bits = fields.require("bits", 2, 3, 4, 8)
    group = fields.integer("group_size")
    # A 2-byte scale and a zero point of the weights' width per group.
    scale = sympy.Integer(2) + sympy.Rational(bits, 8)
    return _linear_layers(structure, sympy.Rational(bits, 8), group, scale)
