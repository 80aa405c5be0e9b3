#!/usr/bin/env python3
"""Make the reference tables ``parameters.json`` and ``flops.json`` from PyTorch and transformers.

The tables are ground truth from an implementation that shares no code with this project:

* ``parameters.json``: the number of parameters of published models, counted on the modules which
  ``AutoModelForCausalLM.from_config`` builds on the meta device.  Tied weights count once, buffers
  do not count (so DeepSeek's ``e_score_correction_bias``, a buffer there, is left out).
* ``flops.json``: the FLOPs which ``torch.utils.flop_counter.FlopCounterMode`` counts in one forward
  pass.  It counts matrix products only (``mm``, ``addmm``, ``bmm``; 2 FLOPs per multiply-add);
  softmax, norms, activations, rotary embeddings and additions are free.  Attention is eager, so
  scores cover all keys handed to it, the masked ones too.  Logits are computed at all positions.

A step ``{"B": 2, "S": 5, "L": 37}`` is a forward pass of S new tokens for each of B sequences, on a
cache which an earlier, uncounted forward pass over L tokens has made.

Small models have random weights and run on the CPU, twice with different weights and tokens, to
show that the count does not depend on routing.  Models of published size stay on the meta device;
there the experts run as ``batched_mm``, because the eager loop over experts needs real routing
indices.  Both do the same arithmetic: the script compares them on every small mixture of experts
that offers the choice.

Configurations restate the keys of a Hugging Face ``config.json`` that change parameters or matrix
products, under their published names.  A key a publisher leaves to the default of its model type
(``tie_word_embeddings`` of GPT-2, OPT, Falcon and Gemma, for example) is left out here as well.
Constants which only change values, as rotary base and scaling, are left out throughout.

Needs ``torch`` and ``transformers`` but no network and no weights::

    python make_reference.py                  # write both tables next to this script
    python make_reference.py --check          # compare with the tables there, write nothing
    python make_reference.py --table flops --output DIRECTORY
"""

from __future__ import annotations

import argparse
import copy
import json
import platform
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
import transformers
from torch.utils.flop_counter import FlopCounterMode
from transformers import AutoConfig, AutoModelForCausalLM, PreTrainedModel

Config = dict[str, Any]
Step = tuple[int, int, int]  # B sequences, S new tokens, L cached tokens
Dims = tuple[int, ...]

ARCHITECTURES = {
    "deepseek_v2": "DeepseekV2ForCausalLM",
    "deepseek_v3": "DeepseekV3ForCausalLM",
    "falcon": "FalconForCausalLM",
    "gemma2": "Gemma2ForCausalLM",
    "gemma3_text": "Gemma3ForCausalLM",
    "glm4_moe": "Glm4MoeForCausalLM",
    "gpt2": "GPT2LMHeadModel",
    "gpt_neox": "GPTNeoXForCausalLM",
    "gpt_oss": "GptOssForCausalLM",
    "llama": "LlamaForCausalLM",
    "llama4_text": "Llama4ForCausalLM",
    "minimax_m2": "MiniMaxM2ForCausalLM",
    "mistral": "MistralForCausalLM",
    "mixtral": "MixtralForCausalLM",
    "olmo2": "Olmo2ForCausalLM",
    "opt": "OPTForCausalLM",
    "phi3": "Phi3ForCausalLM",
    "qwen2": "Qwen2ForCausalLM",
    "qwen2_moe": "Qwen2MoeForCausalLM",
    "qwen3": "Qwen3ForCausalLM",
    "qwen3_moe": "Qwen3MoeForCausalLM",
}


# ------------------------------------------------------------------------------------------------
# Configurations
# ------------------------------------------------------------------------------------------------


def config(model_type: str, **keys: Any) -> Config:
    """Return a configuration of ``model_type`` with the given ``config.json`` keys."""
    return {"model_type": model_type, "architectures": [ARCHITECTURES[model_type]], **keys}


def decoder(model_type: str, dims: Dims, **keys: Any) -> Config:
    """Return a configuration with the key names which most recent model types share.

    ``dims`` are hidden size, FFN size, layers, heads, key-value heads and vocabulary.
    """
    hidden, ffn, layers, heads, kv_heads, vocab = dims
    return config(
        model_type,
        hidden_size=hidden,
        intermediate_size=ffn,
        num_hidden_layers=layers,
        num_attention_heads=heads,
        num_key_value_heads=kv_heads,
        vocab_size=vocab,
        **keys,
    )


def gpt2(hidden: int, layers: int, heads: int, **keys: Any) -> Config:
    """Return a GPT-2 configuration (positions are learned, the output embedding is tied)."""
    published: Config = {"n_embd": hidden, "n_layer": layers, "n_head": heads}
    return config("gpt2", **(published | {"n_positions": 1024, "vocab_size": 50257} | keys))


def opt(hidden: int, ffn: int, layers: int, heads: int, **keys: Any) -> Config:
    """Return an OPT configuration (positions are learned, the output embedding is tied)."""
    published: Config = {
        "hidden_size": hidden,
        "ffn_dim": ffn,
        "num_hidden_layers": layers,
        "num_attention_heads": heads,
        "word_embed_proj_dim": hidden,
        "do_layer_norm_before": True,
        "max_position_embeddings": 2048,
        "vocab_size": 50272,
    }
    return config("opt", **(published | keys))


def gpt_neox(hidden: int, ffn: int, layers: int, heads: int, vocab: int, **keys: Any) -> Config:
    """Return a GPT-NeoX configuration (biases everywhere, attention and MLP in parallel)."""
    published: Config = {
        "hidden_size": hidden,
        "intermediate_size": ffn,
        "num_hidden_layers": layers,
        "num_attention_heads": heads,
        "vocab_size": vocab,
        "max_position_embeddings": 2048,
        "rotary_pct": 0.25,
        "use_parallel_residual": True,
        "tie_word_embeddings": False,
    }
    return config("gpt_neox", **(published | keys))


def falcon(hidden: int, layers: int, heads: int, **keys: Any) -> Config:
    """Return a Falcon configuration (no ``tie_word_embeddings`` key: tied by default)."""
    published: Config = {
        "hidden_size": hidden,
        "num_hidden_layers": layers,
        "num_attention_heads": heads,
        "vocab_size": 65024,
        "alibi": False,
        "bias": False,
        "multi_query": True,
        "new_decoder_architecture": False,
        "parallel_attn": True,
    }
    return config("falcon", **(published | keys))


def llama(*dims: int, **keys: Any) -> Config:
    """Return a Llama configuration (Llama 1 to 3.3)."""
    published: Config = {
        "attention_bias": False,
        "mlp_bias": False,
        "tie_word_embeddings": False,
        "max_position_embeddings": 131072,
    }
    return decoder("llama", dims, **(published | keys))


def qwen2(*dims: int, **keys: Any) -> Config:
    """Return a Qwen2.5 configuration (a window is given but switched off)."""
    published: Config = {
        "use_sliding_window": False,
        "sliding_window": 131072,
        "max_window_layers": dims[2],
        "tie_word_embeddings": False,
        "max_position_embeddings": 131072,
    }
    return decoder("qwen2", dims, **(published | keys))


def qwen3(*dims: int, **keys: Any) -> Config:
    """Return a Qwen3 configuration."""
    published: Config = {
        "head_dim": 128,
        "attention_bias": False,
        "use_sliding_window": False,
        "sliding_window": None,
        "max_window_layers": dims[2],
        "tie_word_embeddings": False,
        "max_position_embeddings": 40960,
    }
    return decoder("qwen3", dims, **(published | keys))


def mla(
    model_type: str,
    dims: tuple[int, int, int, int, int],
    *,
    q_lora: int | None,
    kv_lora: int = 512,
    head_dims: tuple[int, int, int] = (128, 64, 128),
    experts: tuple[int, int, int],
    expert_ffn: int,
    dense_layers: int,
    **keys: Any,
) -> Config:
    """Return a DeepSeek configuration (multi-head latent attention, mixture of experts).

    ``dims`` are hidden size, FFN size of dense layers, layers, heads and vocabulary;
    ``head_dims`` are the no-rope and the rope part of a query head and the value head;
    ``experts`` are routed, shared and chosen experts.
    """
    hidden, ffn, layers, heads, vocab = dims
    nope, rope, value = head_dims
    routed, shared, chosen = experts
    published: Config = {
        "q_lora_rank": q_lora,
        "kv_lora_rank": kv_lora,
        "qk_nope_head_dim": nope,
        "qk_rope_head_dim": rope,
        "v_head_dim": value,
        "n_routed_experts": routed,
        "n_shared_experts": shared,
        "num_experts_per_tok": chosen,
        "moe_intermediate_size": expert_ffn,
        "first_k_dense_replace": dense_layers,
        "moe_layer_freq": 1,
        "attention_bias": False,
        "tie_word_embeddings": False,
        "max_position_embeddings": 163840,
    }
    dims_with_kv_heads = (hidden, ffn, layers, heads, heads, vocab)
    return decoder(model_type, dims_with_kv_heads, **(published | keys))


def alternating(layers: int, period: int = 2) -> list[str]:
    """Return ``layer_types`` where every ``period``-th layer is global and the others local."""
    return [
        "full_attention" if (layer + 1) % period == 0 else "sliding_attention"
        for layer in range(layers)
    ]


def gpt_oss(layers: int, experts: int) -> Config:
    """Return the configuration of a published gpt-oss model."""
    return decoder(
        "gpt_oss",
        (2880, 2880, layers, 64, 8, 201088),
        head_dim=64,
        num_local_experts=experts,
        num_experts_per_tok=4,
        attention_bias=True,
        sliding_window=128,
        layer_types=alternating(layers),
        tie_word_embeddings=False,
        max_position_embeddings=131072,
    )


def llama4(experts: int, moe_step: int, **keys: Any) -> Config:
    """Return the configuration of the text model of Llama 4 Scout or Maverick."""
    return decoder(
        "llama4_text",
        (5120, 8192, 48, 40, 8, 202048),
        intermediate_size_mlp=16384,
        head_dim=128,
        num_local_experts=experts,
        num_experts_per_tok=1,
        interleave_moe_layer_step=moe_step,
        attention_chunk_size=8192,
        no_rope_layers=[],
        attention_bias=False,
        **keys,
    )


_GEMMA2: Config = {"sliding_window": 4096, "attention_bias": False, "max_position_embeddings": 8192}
_GEMMA3: Config = {
    "sliding_window": 1024,
    "sliding_window_pattern": 6,
    "attention_bias": False,
    "max_position_embeddings": 131072,
}
_OLMO2: Config = {
    "attention_bias": False,
    "tie_word_embeddings": False,
    "max_position_embeddings": 4096,
}
_QWEN2_MOE: Config = {
    "decoder_sparse_step": 1,
    "use_sliding_window": False,
    "tie_word_embeddings": False,
}
_QWEN3_MOE: Config = {
    "head_dim": 128,
    "num_experts": 128,
    "num_experts_per_tok": 8,
    "decoder_sparse_step": 1,
    "mlp_only_layers": [],
    "attention_bias": False,
    "use_sliding_window": False,
    "sliding_window": None,
    "tie_word_embeddings": False,
    "max_position_embeddings": 40960,
}
_GLM4_MOE: Config = {
    "head_dim": 128,
    "n_shared_experts": 1,
    "num_experts_per_tok": 8,
    "attention_bias": True,
    "partial_rotary_factor": 0.5,
    "tie_word_embeddings": False,
    "max_position_embeddings": 131072,
}

PUBLISHED: dict[str, Config] = {
    "gpt2": gpt2(768, 12, 12),
    "gpt2-medium": gpt2(1024, 24, 16),
    "gpt2-large": gpt2(1280, 36, 20),
    "gpt2-xl": gpt2(1600, 48, 25),
    "opt-125m": opt(768, 3072, 12, 12),
    "opt-350m": opt(1024, 4096, 24, 16, word_embed_proj_dim=512, do_layer_norm_before=False),
    "opt-1.3b": opt(2048, 8192, 24, 32),
    "opt-13b": opt(5120, 20480, 40, 40),
    "opt-66b": opt(9216, 36864, 64, 72),
    "pythia-160m": gpt_neox(768, 3072, 12, 12, 50304),
    "pythia-6.9b": gpt_neox(4096, 16384, 32, 32, 50432),
    "gpt-neox-20b": gpt_neox(6144, 24576, 44, 64, 50432),
    "falcon-rw-1b": falcon(
        2048,
        24,
        32,
        vocab_size=50304,
        alibi=True,
        bias=True,
        multi_query=False,
        parallel_attn=False,
    ),
    # The published file says 71 key-value heads; multi_query without the new decoder means one.
    "falcon-7b": falcon(4544, 32, 71, num_kv_heads=71),
    "falcon-40b": falcon(8192, 60, 128, num_kv_heads=8, new_decoder_architecture=True),
    "falcon-180b": falcon(14848, 80, 232, num_kv_heads=8, new_decoder_architecture=True),
    "llama-1-7b": llama(4096, 11008, 32, 32, 32, 32000, max_position_embeddings=2048),
    "llama-1-65b": llama(8192, 22016, 80, 64, 64, 32000, max_position_embeddings=2048),
    "llama-2-7b": llama(4096, 11008, 32, 32, 32, 32000, max_position_embeddings=4096),
    "llama-2-13b": llama(5120, 13824, 40, 40, 40, 32000, max_position_embeddings=4096),
    "llama-2-70b": llama(8192, 28672, 80, 64, 8, 32000, max_position_embeddings=4096),
    "llama-3.1-8b": llama(4096, 14336, 32, 32, 8, 128256),
    "llama-3.1-70b": llama(8192, 28672, 80, 64, 8, 128256),
    "llama-3.1-405b": llama(16384, 53248, 126, 128, 8, 128256),
    "llama-3.2-1b": llama(2048, 8192, 16, 32, 8, 128256, head_dim=64, tie_word_embeddings=True),
    "llama-3.2-3b": llama(3072, 8192, 28, 24, 8, 128256, head_dim=128, tie_word_embeddings=True),
    "mistral-7b-v0.1": decoder(
        "mistral", (4096, 14336, 32, 32, 8, 32000), sliding_window=4096, tie_word_embeddings=False
    ),
    "mistral-7b-v0.3": decoder(
        "mistral", (4096, 14336, 32, 32, 8, 32768), sliding_window=None, tie_word_embeddings=False
    ),
    "mistral-large-2": decoder(
        "mistral",
        (12288, 28672, 88, 96, 8, 32768),
        head_dim=128,
        sliding_window=None,
        tie_word_embeddings=False,
    ),
    "qwen2.5-0.5b": qwen2(896, 4864, 24, 14, 2, 151936, tie_word_embeddings=True),
    "qwen2.5-1.5b": qwen2(1536, 8960, 28, 12, 2, 151936, tie_word_embeddings=True),
    "qwen2.5-3b": qwen2(2048, 11008, 36, 16, 2, 151936, tie_word_embeddings=True),
    "qwen2.5-7b": qwen2(3584, 18944, 28, 28, 4, 152064),
    "qwen2.5-14b": qwen2(5120, 13824, 48, 40, 8, 152064),
    "qwen2.5-32b": qwen2(5120, 27648, 64, 40, 8, 152064),
    "qwen2.5-72b": qwen2(8192, 29568, 80, 64, 8, 152064),
    "qwen3-0.6b": qwen3(1024, 3072, 28, 16, 8, 151936, tie_word_embeddings=True),
    "qwen3-1.7b": qwen3(2048, 6144, 28, 16, 8, 151936, tie_word_embeddings=True),
    "qwen3-4b": qwen3(2560, 9728, 36, 32, 8, 151936, tie_word_embeddings=True),
    "qwen3-8b": qwen3(4096, 12288, 36, 32, 8, 151936),
    "qwen3-14b": qwen3(5120, 17408, 40, 40, 8, 151936),
    "qwen3-32b": qwen3(5120, 25600, 64, 64, 8, 151936),
    "gemma-2-2b": decoder("gemma2", (2304, 9216, 26, 8, 4, 256000), head_dim=256, **_GEMMA2),
    "gemma-2-9b": decoder("gemma2", (3584, 14336, 42, 16, 8, 256000), head_dim=256, **_GEMMA2),
    "gemma-2-27b": decoder("gemma2", (4608, 36864, 46, 32, 16, 256000), head_dim=128, **_GEMMA2),
    "gemma-3-1b": decoder(
        "gemma3_text",
        (1152, 6912, 26, 4, 1, 262144),
        head_dim=256,
        **(_GEMMA3 | {"sliding_window": 512, "max_position_embeddings": 32768}),
    ),
    # The text parts alone; the vision tower and the projector are not counted.
    "gemma-3-4b": decoder("gemma3_text", (2560, 10240, 34, 8, 4, 262208), head_dim=256, **_GEMMA3),
    "gemma-3-12b": decoder(
        "gemma3_text", (3840, 15360, 48, 16, 8, 262208), head_dim=256, **_GEMMA3
    ),
    "gemma-3-27b": decoder(
        "gemma3_text", (5376, 21504, 62, 32, 16, 262208), head_dim=128, **_GEMMA3
    ),
    "phi-3-mini": decoder(
        "phi3",
        (3072, 8192, 32, 32, 32, 32064),
        sliding_window=2047,
        tie_word_embeddings=False,
        max_position_embeddings=4096,
    ),
    "phi-4": decoder(
        "phi3",
        (5120, 17920, 40, 40, 10, 100352),
        sliding_window=None,
        tie_word_embeddings=False,
        max_position_embeddings=16384,
    ),
    "phi-4-mini": decoder(
        "phi3",
        (3072, 8192, 32, 24, 8, 200064),
        partial_rotary_factor=0.75,
        sliding_window=262144,
        tie_word_embeddings=True,
        max_position_embeddings=131072,
    ),
    "olmo-2-1b": decoder("olmo2", (2048, 8192, 16, 16, 16, 100352), **_OLMO2),
    "olmo-2-7b": decoder("olmo2", (4096, 11008, 32, 32, 32, 100352), **_OLMO2),
    "olmo-2-13b": decoder("olmo2", (5120, 13824, 40, 40, 40, 100352), **_OLMO2),
    "olmo-2-32b": decoder("olmo2", (5120, 27648, 64, 40, 8, 100352), **_OLMO2),
    "mixtral-8x7b": decoder(
        "mixtral",
        (4096, 14336, 32, 32, 8, 32000),
        num_local_experts=8,
        num_experts_per_tok=2,
        sliding_window=None,
        tie_word_embeddings=False,
    ),
    "mixtral-8x22b": decoder(
        "mixtral",
        (6144, 16384, 56, 48, 8, 32000),
        num_local_experts=8,
        num_experts_per_tok=2,
        sliding_window=None,
        tie_word_embeddings=False,
    ),
    "qwen1.5-moe-a2.7b": decoder(
        "qwen2_moe",
        (2048, 5632, 24, 16, 16, 151936),
        moe_intermediate_size=1408,
        shared_expert_intermediate_size=5632,
        num_experts=60,
        num_experts_per_tok=4,
        **_QWEN2_MOE,
    ),
    "qwen2-57b-a14b": decoder(
        "qwen2_moe",
        (3584, 18944, 28, 28, 4, 151936),
        moe_intermediate_size=2560,
        shared_expert_intermediate_size=20480,
        num_experts=64,
        num_experts_per_tok=8,
        **_QWEN2_MOE,
    ),
    "qwen3-30b-a3b": decoder(
        "qwen3_moe", (2048, 6144, 48, 32, 4, 151936), moe_intermediate_size=768, **_QWEN3_MOE
    ),
    "qwen3-235b-a22b": decoder(
        "qwen3_moe", (4096, 12288, 94, 64, 4, 151936), moe_intermediate_size=1536, **_QWEN3_MOE
    ),
    "qwen3-coder-480b-a35b": decoder(
        "qwen3_moe",
        (6144, 8192, 62, 96, 8, 151936),
        moe_intermediate_size=2560,
        **(_QWEN3_MOE | {"num_experts": 160, "max_position_embeddings": 262144}),
    ),
    "deepseek-v2-lite": mla(
        "deepseek_v2",
        (2048, 10944, 27, 16, 102400),
        q_lora=None,
        experts=(64, 2, 6),
        expert_ffn=1408,
        dense_layers=1,
        topk_method="greedy",
    ),
    "deepseek-v2": mla(
        "deepseek_v2",
        (5120, 12288, 60, 128, 102400),
        q_lora=1536,
        experts=(160, 2, 6),
        expert_ffn=1536,
        dense_layers=1,
        topk_method="group_limited_greedy",
        n_group=8,
        topk_group=3,
    ),
    # Without the multi-token-prediction layer, which the framework does not build.
    "deepseek-v3": mla(
        "deepseek_v3",
        (7168, 18432, 61, 128, 129280),
        q_lora=1536,
        experts=(256, 1, 8),
        expert_ffn=2048,
        dense_layers=3,
        n_group=8,
        topk_group=4,
    ),
    # Published with model_type kimi_k2 and DeepSeek-V3's architecture.
    "kimi-k2": mla(
        "deepseek_v3",
        (7168, 18432, 61, 64, 163840),
        q_lora=1536,
        experts=(384, 1, 8),
        expert_ffn=2048,
        dense_layers=1,
        n_group=1,
        topk_group=1,
        max_position_embeddings=131072,
    ),
    "gpt-oss-20b": gpt_oss(24, 32),
    "gpt-oss-120b": gpt_oss(36, 128),
    "llama-4-scout": llama4(16, 1, use_qk_norm=True, max_position_embeddings=10485760),
    "llama-4-maverick": llama4(128, 2, use_qk_norm=False, max_position_embeddings=1048576),
    "glm-4.5": decoder(
        "glm4_moe",
        (5120, 12288, 92, 96, 8, 151552),
        n_routed_experts=160,
        moe_intermediate_size=1536,
        first_k_dense_replace=3,
        use_qk_norm=True,
        **_GLM4_MOE,
    ),
    "glm-4.5-air": decoder(
        "glm4_moe",
        (4096, 10944, 46, 96, 8, 151552),
        n_routed_experts=128,
        moe_intermediate_size=1408,
        first_k_dense_replace=1,
        use_qk_norm=False,
        **_GLM4_MOE,
    ),
    "minimax-m2": decoder(
        "minimax_m2",
        (3072, 1536, 62, 48, 8, 200064),
        head_dim=128,
        rotary_dim=64,
        num_local_experts=256,
        num_experts_per_tok=8,
        use_qk_norm=True,
        tie_word_embeddings=False,
        max_position_embeddings=196608,
    ),
}

# Small models: every dimension has another value, so that no two terms can be mistaken.
_SMALL: Config = {"vocab_size": 101, "max_position_embeddings": 256}


def small(
    model_type: str,
    layers: int,
    *,
    hidden: int = 48,
    heads: int = 6,
    kv_heads: int = 2,
    head_dim: int | None = 14,
    ffn: int = 86,
    **keys: Any,
) -> Config:
    """Return a small configuration; its head size is not ``hidden / heads`` unless None."""
    if head_dim is not None:
        keys = {"head_dim": head_dim} | keys
    dims = (hidden, ffn, layers, heads, kv_heads, 101)
    return decoder(model_type, dims, max_position_embeddings=256, **keys)


def small_mla(
    model_type: str, *, q_lora: int | None, experts: tuple[int, int, int], **keys: Any
) -> Config:
    """Return a small DeepSeek configuration with one dense layer and two sparse ones."""
    keys = {"max_position_embeddings": 256} | keys
    return mla(
        model_type,
        (52, 94, 3, 4, 101),
        q_lora=q_lora,
        kv_lora=20,
        head_dims=(14, 6, 10),
        experts=experts,
        expert_ffn=18,
        dense_layers=1,
        **keys,
    )


def small_qwen3_moe(**keys: Any) -> Config:
    """Return a small Qwen3-MoE configuration."""
    return small(
        "qwen3_moe",
        5,
        moe_intermediate_size=26,
        num_experts=11,
        num_experts_per_tok=3,
        attention_bias=False,
        tie_word_embeddings=False,
        **keys,
    )


def small_llama4(**keys: Any) -> Config:
    """Return a small Llama 4 configuration: seven layers, every third of them without rope."""
    return small(
        "llama4_text",
        7,
        ffn=34,
        intermediate_size_mlp=86,
        no_rope_layer_interval=3,
        num_local_experts=5,
        num_experts_per_tok=1,
        attention_bias=False,
        tie_word_embeddings=False,
        **keys,
    )


def small_glm4_moe(**keys: Any) -> Config:
    """Return a small GLM-4.5 configuration: two dense layers, three sparse ones."""
    return small(
        "glm4_moe",
        5,
        kv_heads=3,
        head_dim=20,
        n_routed_experts=9,
        n_shared_experts=2,
        num_experts_per_tok=4,
        moe_intermediate_size=26,
        first_k_dense_replace=2,
        partial_rotary_factor=0.5,
        tie_word_embeddings=False,
        **keys,
    )


# ------------------------------------------------------------------------------------------------
# Rows of the FLOP table
# ------------------------------------------------------------------------------------------------

SMALL_STEPS: tuple[Step, ...] = ((1, 17, 0), (3, 17, 0), (1, 1, 37), (4, 1, 37), (2, 5, 37))
LARGE_STEPS: tuple[Step, ...] = ((1, 257, 0), (3, 257, 0), (1, 1, 911), (4, 1, 911), (2, 5, 911))
# For published windows: prompts and caches longer than 4096 (8192 is Gemma 2's longest context).
LONG_STEPS: tuple[Step, ...] = (*LARGE_STEPS, (1, 4999, 0), (3, 1, 7001), (2, 5, 7001))

MLA_NOTE = (
    "The cache holds the latent (kv_lora_rank + qk_rope_head_dim per token). Keys and values of the"
    " whole context are expanded in every forward pass, so kv_b_proj runs over B * (L + S) tokens,"
    " not B * S."
)
ALL_EXPERTS_NOTE = (
    "Every expert runs on every token (the router's score scales the input; it is 0 for experts"
    " not chosen), so the routed experts of a sparse layer cost 6 * B * S * num_local_experts"
    " * hidden_size * intermediate_size; the chosen experts alone would cost"
    " num_experts_per_tok / num_local_experts of that."
)


@dataclass(frozen=True)
class Row:
    """A model of the FLOP table; ``published`` ones stay on the meta device."""

    id: str
    config: Config
    steps: tuple[Step, ...] = SMALL_STEPS
    published: bool = False
    note: str = ""


def real_size(model_id: str, steps: tuple[Step, ...] = LARGE_STEPS, note: str = "") -> Row:
    """Return the row of a published model at its real size."""
    return Row(model_id, PUBLISHED[model_id], steps, published=True, note=note)


FLOP_ROWS: tuple[Row, ...] = (
    # Multi-head attention with biases, learned positions, tied output embedding.
    Row(
        "small-gpt2",
        config(
            "gpt2", n_embd=70, n_layer=3, n_head=5, n_inner=190, n_positions=256, vocab_size=101
        ),
    ),
    Row("small-opt", opt(70, 190, 3, 5, **(_SMALL | {"word_embed_proj_dim": 70}))),
    Row(
        "small-opt-projected",
        opt(70, 190, 3, 5, word_embed_proj_dim=22, do_layer_norm_before=False, **_SMALL),
    ),
    # Parallel attention and MLP.
    Row("small-gpt-neox", gpt_neox(80, 190, 3, 5, 101, rotary_pct=0.5)),
    Row(
        "small-gpt-neox-sequential",
        gpt_neox(80, 190, 3, 5, 101, use_parallel_residual=False, attention_bias=False),
    ),
    # Falcon: one key-value head; grouped, with two norms; multi-head, with alibi and biases.
    Row("small-falcon-mqa", falcon(70, 3, 5, num_kv_heads=5, vocab_size=101)),
    Row(
        "small-falcon-new-decoder",
        falcon(
            84,
            3,
            6,
            num_kv_heads=2,
            new_decoder_architecture=True,
            ffn_hidden_size=190,
            vocab_size=101,
            tie_word_embeddings=False,
        ),
    ),
    Row(
        "small-falcon-alibi",
        falcon(
            70, 3, 5, alibi=True, bias=True, multi_query=False, parallel_attn=False, vocab_size=101
        ),
    ),
    # Llama: grouped, multi-head and multi-query attention, with and without biases, tied or not.
    Row("small-llama-gqa", small("llama", 3, attention_bias=False, tie_word_embeddings=False)),
    Row("small-llama-mha-tied", small("llama", 4, kv_heads=6, tie_word_embeddings=True)),
    Row(
        "small-llama-mqa-biases", small("llama", 3, kv_heads=1, attention_bias=True, mlp_bias=True)
    ),
    Row("small-llama-default-head", small("llama", 3, hidden=84, head_dim=None)),
    # Sliding windows: shorter than prompt and cache; between; longer than the cache but not than
    # cache and new tokens; longer than everything; none.
    Row("small-mistral-window-7", small("mistral", 3, sliding_window=7)),
    Row("small-mistral-window-23", small("mistral", 3, sliding_window=23)),
    Row("small-mistral-window-40", small("mistral", 3, sliding_window=40)),
    Row("small-mistral-window-64", small("mistral", 3, sliding_window=64)),
    Row("small-mistral-no-window", small("mistral", 3, sliding_window=None)),
    Row("small-qwen2", small("qwen2", 3, hidden=84, head_dim=None, tie_word_embeddings=True)),
    # The first two layers are global, the other three have the window.
    Row(
        "small-qwen2-window",
        small(
            "qwen2",
            5,
            hidden=84,
            head_dim=None,
            use_sliding_window=True,
            sliding_window=11,
            max_window_layers=2,
        ),
    ),
    Row("small-qwen3", small("qwen3", 3, attention_bias=False, tie_word_embeddings=False)),
    Row("small-qwen3-biases", small("qwen3", 3, attention_bias=True, tie_word_embeddings=True)),
    # Alternating local and global layers.
    Row("small-gemma2-window-11", small("gemma2", 5, sliding_window=11)),
    Row("small-gemma2-window-64", small("gemma2", 4, sliding_window=64)),
    Row(
        "small-gemma3-window-11",
        small("gemma3_text", 7, kv_heads=1, sliding_window=11, sliding_window_pattern=3),
    ),
    Row(
        "small-gemma3-layer-types",
        small("gemma3_text", 5, sliding_window=23, layer_types=alternating(5, 4)),
    ),
    # Fused projections.  The default padding token (32000) is beyond a small vocabulary.
    Row(
        "small-phi3",
        small(
            "phi3", 3, hidden=84, head_dim=None, kv_heads=6, sliding_window=None, pad_token_id=None
        ),
    ),
    Row(
        "small-phi3-gqa-window-23",
        small(
            "phi3",
            3,
            hidden=96,
            head_dim=None,
            sliding_window=23,
            partial_rotary_factor=0.75,
            tie_word_embeddings=True,
            pad_token_id=None,
        ),
    ),
    Row("small-olmo2", small("olmo2", 3, hidden=84, head_dim=None, tie_word_embeddings=False)),
    # Mixture of experts.
    Row("small-mixtral", small("mixtral", 3, num_local_experts=5, num_experts_per_tok=2)),
    Row(
        "small-mixtral-window-11",
        small("mixtral", 3, num_local_experts=5, num_experts_per_tok=2, sliding_window=11),
    ),
    Row(
        "small-qwen2-moe",
        small(
            "qwen2_moe",
            4,
            hidden=84,
            head_dim=None,
            moe_intermediate_size=26,
            shared_expert_intermediate_size=38,
            num_experts=7,
            num_experts_per_tok=3,
            decoder_sparse_step=2,
            tie_word_embeddings=False,
        ),
    ),
    Row("small-qwen3-moe", small_qwen3_moe(decoder_sparse_step=1, mlp_only_layers=[])),
    Row("small-qwen3-moe-mixed", small_qwen3_moe(decoder_sparse_step=2, mlp_only_layers=[3])),
    Row(
        "small-deepseek-v2",
        small_mla(
            "deepseek_v2",
            q_lora=30,
            experts=(12, 3, 2),
            topk_method="group_limited_greedy",
            n_group=4,
            topk_group=2,
        ),
        note=MLA_NOTE,
    ),
    Row(
        "small-deepseek-v2-full-rank-query",
        small_mla("deepseek_v2", q_lora=None, experts=(9, 2, 4), topk_method="greedy"),
        note=MLA_NOTE,
    ),
    Row(
        "small-deepseek-v3",
        small_mla("deepseek_v3", q_lora=30, experts=(12, 1, 5), n_group=4, topk_group=2),
        note=MLA_NOTE,
    ),
    Row(
        "small-gpt-oss-window-11",
        small(
            "gpt_oss",
            4,
            num_local_experts=7,
            num_experts_per_tok=3,
            attention_bias=True,
            sliding_window=11,
            layer_types=alternating(4),
            tie_word_embeddings=False,
        ),
    ),
    Row(
        "small-gpt-oss-no-layer-types",
        small(
            "gpt_oss",
            5,
            num_local_experts=7,
            num_experts_per_tok=3,
            sliding_window=23,
            tie_word_embeddings=False,
        ),
    ),
    Row(
        "small-llama4",
        small_llama4(attention_chunk_size=64, interleave_moe_layer_step=1, use_qk_norm=True),
        note=ALL_EXPERTS_NOTE,
    ),
    Row(
        "small-llama4-interleaved-chunk-11",
        small_llama4(attention_chunk_size=11, interleave_moe_layer_step=2, use_qk_norm=False),
        note=ALL_EXPERTS_NOTE,
    ),
    Row("small-glm4-moe", small_glm4_moe(attention_bias=True, use_qk_norm=True)),
    Row("small-glm4-moe-no-norm", small_glm4_moe(attention_bias=False, use_qk_norm=False)),
    Row(
        "small-minimax-m2",
        small(
            "minimax_m2",
            3,
            ffn=26,
            rotary_dim=6,
            num_local_experts=9,
            num_experts_per_tok=4,
            tie_word_embeddings=False,
        ),
    ),
    # Published sizes.
    real_size("gpt2-xl"),
    real_size("opt-350m"),
    real_size("gpt-neox-20b"),
    real_size("falcon-7b"),
    real_size("falcon-40b"),
    real_size("llama-2-7b"),
    real_size("llama-3.1-8b"),
    real_size("llama-3.1-70b"),
    real_size("mistral-7b-v0.1", LONG_STEPS),
    real_size("qwen2.5-7b"),
    real_size("qwen3-8b"),
    real_size("gemma-2-9b", LONG_STEPS),
    real_size("gemma-3-27b", LONG_STEPS),
    real_size("phi-4"),
    real_size("olmo-2-13b"),
    real_size("mixtral-8x7b"),
    real_size("qwen3-30b-a3b"),
    real_size("deepseek-v2-lite", note=MLA_NOTE),
    real_size("deepseek-v3", note=MLA_NOTE),
    real_size("gpt-oss-20b"),
    real_size("llama-4-scout", note=ALL_EXPERTS_NOTE),
    real_size("glm-4.5-air"),
    real_size("minimax-m2"),
)


# ------------------------------------------------------------------------------------------------
# Counting
# ------------------------------------------------------------------------------------------------


def build(config: Config, device: str, experts: str | None = None) -> PreTrainedModel:
    """Return the framework's causal language model of ``config``, with eager attention.

    ``experts`` names the implementation of a mixture of experts; None leaves the default.
    """
    keys = {key: copy.deepcopy(value) for key, value in config.items() if key != "model_type"}
    options: dict[str, Any] = {"attn_implementation": "eager"}
    if experts is not None:
        options["experts_implementation"] = experts
    # Building may change the configuration (Falcon does), so each model gets its own copy.
    framework_config = AutoConfig.for_model(config["model_type"], **keys)
    with torch.device(device):
        model = AutoModelForCausalLM.from_config(framework_config, **options)
    if type(model).__name__ != config["architectures"][0]:
        raise RuntimeError(f"built {type(model).__name__}, not {config['architectures'][0]}")
    return model.eval()


def count_parameters(config: Config) -> int:
    """Return the number of parameters; ``Module.parameters`` yields a tied weight once."""
    return sum(parameter.numel() for parameter in build(config, "meta").parameters())


def has_choosable_experts(config: Config) -> bool:
    """Return whether the framework lets one choose how this model's experts run."""
    experts = any(key in config for key in ("num_local_experts", "num_experts", "n_routed_experts"))
    return experts and config["model_type"] != "llama4_text"


def count_flops(model: PreTrainedModel, step: Step) -> dict[str, int]:
    """Return the FLOPs of one forward pass by operator, without making its cache."""
    batch, new, cached = step
    device = next(model.parameters()).device
    vocab = model.config.vocab_size

    def forward(length: int, cache: Any) -> Any:
        tokens = torch.randint(vocab, (batch, length), device=device)
        return model(input_ids=tokens, past_key_values=cache, use_cache=True)

    with torch.no_grad():
        cache = forward(cached, None).past_key_values if cached else None
        with FlopCounterMode(display=False) as counter:
            logits = forward(new, cache).logits
    if tuple(logits.shape) != (batch, new, vocab):
        raise RuntimeError(f"logits have shape {tuple(logits.shape)}")
    counts = counter.get_flop_counts()["Global"]
    return {str(operator): int(flops) for operator, flops in counts.items()}


def flop_row(row: Row) -> dict[str, Any]:
    """Return the row's entry of the table, after the checks the module docstring promises."""
    choosable = has_choosable_experts(row.config)
    # Device, implementation of the experts, random seed; the first one is recorded.
    if row.published:
        runs = [("meta", "batched_mm" if choosable else None, 0)]
    else:
        runs = [("cpu", "eager" if choosable else None, seed) for seed in (0, 1)]
        if choosable:
            runs.append(("meta", "batched_mm", 0))
    results = []
    for device, experts, seed in runs:
        torch.manual_seed(seed)
        model = build(row.config, device, experts)
        counts = [count_flops(model, step) for step in row.steps]
        results.append([sum(count.values()) for count in counts])
        if len(results) == 1:
            by_operator = dict(sorted(counts[0].items()))
    if any(result != results[0] for result in results):
        raise RuntimeError(f"{row.id}: counts differ between {runs}: {results}")
    entry: dict[str, Any] = {
        "id": row.id,
        "device": runs[0][0],
        **({"experts": runs[0][1]} if choosable else {}),
        "config": row.config,
        "parameters": count_parameters(row.config),
        "steps": [
            {"B": batch, "S": new, "L": cached, "flops": flops}
            for (batch, new, cached), flops in zip(row.steps, results[0], strict=True)
        ],
        "by_operator": by_operator,
    }
    if row.note:
        entry["note"] = row.note
    return entry


# ------------------------------------------------------------------------------------------------
# Tables
# ------------------------------------------------------------------------------------------------


def parameter_entries() -> Iterator[dict[str, Any]]:
    """Yield the entries of ``parameters.json``."""
    for model_id, model_config in PUBLISHED.items():
        yield {"id": model_id, "config": model_config, "parameters": count_parameters(model_config)}


def flop_entries() -> Iterator[dict[str, Any]]:
    """Yield the entries of ``flops.json``."""
    return map(flop_row, FLOP_ROWS)


def versions() -> dict[str, str]:
    """Return the versions the tables depend on, without a build's local label."""
    return {
        "torch": torch.__version__.split("+")[0],
        "transformers": transformers.__version__,
        "python": platform.python_version(),
    }


def table_text(entries: Iterator[dict[str, Any]]) -> str:
    """Return a table as JSON with one model per line."""
    lines = []
    for entry in entries:
        print(entry["id"], file=sys.stderr)
        lines.append(json.dumps(entry))
    return (
        f'{{\n"versions": {json.dumps(versions())},\n"models": [\n' + ",\n".join(lines) + "\n]\n}\n"
    )


TABLES: dict[str, Callable[[], Iterator[dict[str, Any]]]] = {
    "parameters": parameter_entries,
    "flops": flop_entries,
}


def differences(name: str, old: str, new: str) -> list[str]:
    """Return what differs between two tables in a line per model, versions left aside."""
    old_models = {model["id"]: model for model in json.loads(old)["models"]}
    new_models = {model["id"]: model for model in json.loads(new)["models"]}
    lines = []
    for model_id in [*new_models, *(key for key in old_models if key not in new_models)]:
        if old_models.get(model_id) != new_models.get(model_id):
            lines.append(f"{name}: {model_id} differs")
    return lines


def main(arguments: list[str] | None = None) -> int:
    """Write or check the tables; return 1 if a check finds a difference."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--output", type=Path, default=Path(__file__).parent, metavar="DIRECTORY")
    parser.add_argument("--table", choices=sorted(TABLES), help="make this table only")
    parser.add_argument("--check", action="store_true", help="compare with the tables there")
    options = parser.parse_args(arguments)

    transformers.logging.set_verbosity_error()
    found = []
    for name in [options.table] if options.table else list(TABLES):
        path = options.output / f"{name}.json"
        text = table_text(TABLES[name]())
        if options.check:
            found += differences(name, path.read_text(encoding="utf-8"), text)
        else:
            path.write_text(text, encoding="utf-8")
    for line in found:
        print(line)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
