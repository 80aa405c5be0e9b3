"""What several test files share: small models, phases, and the comparison of expressions."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from pathlib import Path

import sympy

import roofsym as rs
from roofsym import conventions, phases
from roofsym import symbols as sy
from roofsym.results import RESULTS
from roofsym.transformer import (
    Attention,
    FeedForward,
    LatentAttention,
    LayerGroup,
    Mixture,
    Structure,
)
from roofsym.transformer.geometry import Window

ROOT = Path(__file__).resolve().parent.parent
CONFIGS = ROOT.parent / "shared" / "data" / "configs"

CONVENTIONS = tuple(conventions.CONVENTIONS)
PHASES = tuple(phases.PHASES)

TINY = {
    "n_layers": 2,
    "d_model": 6,
    "n_heads": 4,
    "n_kv_heads": 2,
    "head_dim": 3,
    "d_ff": 7,
    "vocab_size": 11,
}

LLAMA = {
    "model_type": "llama",
    "hidden_size": 4096,
    "intermediate_size": 14336,
    "num_hidden_layers": 32,
    "num_attention_heads": 32,
    "num_key_value_heads": 8,
    "vocab_size": 128256,
    "hidden_act": "silu",
    "torch_dtype": "bfloat16",
}


def same(left: sympy.Expr, right: sympy.Expr) -> bool:
    """Whether two expressions are equal, whatever their shape."""
    difference = sympy.sympify(left) - sympy.sympify(right)
    return sympy.expand(difference) == 0 or sympy.cancel(difference) == 0


def dense(*, gated: bool = True, tied: bool = False, **dimensions: object) -> rs.Transformer:
    """A dense decoder with plain or gated feed-forward."""
    group = LayerGroup(attention=Attention(), feed_forward=FeedForward(gated=gated))
    return rs.Transformer(Structure(groups=(group,), tied_embeddings=tied), **dimensions)


def windowed(window: int | None, **changes: object) -> rs.Transformer:
    """A small Mistral with a sliding window."""
    return rs.Transformer.from_config(
        {
            "model_type": "mistral",
            "hidden_size": TINY["d_model"],
            "intermediate_size": TINY["d_ff"],
            "num_hidden_layers": TINY["n_layers"],
            "num_attention_heads": TINY["n_heads"],
            "num_key_value_heads": TINY["n_kv_heads"],
            "head_dim": TINY["head_dim"],
            "vocab_size": TINY["vocab_size"],
            "hidden_act": "silu",
            "sliding_window": window,
            **changes,
        }
    )


def subject(result: str, numbers: bool = False) -> rs.Transformer:
    """A model of which a result can be asked: of the kind that it is about."""
    if "expert" in result or "mixture" in result:
        structure = Structure(groups=(LayerGroup(feed_forward=Mixture()),))
        widths = {k: v for k, v in TINY.items() if k != "d_ff"}
        sizes = {**widths, "n_experts": 8, "top_k": 2, "d_expert": 5}
        return rs.Transformer(structure, **(sizes if numbers else {}))
    if result.startswith("window"):
        structure = Structure(groups=(LayerGroup(attention=Attention(window=Window())),))
        return windowed(5) if numbers else rs.Transformer(structure)
    if not result.startswith("latent"):
        return rs.Transformer(**TINY) if numbers else rs.Transformer()
    structure = Structure(groups=(LayerGroup(attention=LatentAttention()),))
    widths = {"q_rank": 5, "kv_rank": 9, "nope_dim": 4, "rope_dim": 2, "v_dim": 3}
    shared = {k: v for k, v in TINY.items() if k not in ("n_kv_heads", "head_dim")}
    return rs.Transformer(structure, **({**shared, **widths} if numbers else {}))


def models() -> dict[str, rs.Transformer]:
    """Models of every kind that the package has, symbolic and with numbers."""
    return {
        "symbolic": rs.Transformer(),
        "multi-head": rs.Transformer(n_kv_heads=sy.n_heads, head_dim=sy.d_model / sy.n_heads),
        "multi-query": rs.Transformer(n_kv_heads=1),
        "plain feed-forward": dense(gated=False),
        "tied embeddings": dense(tied=True),
        "tiny": rs.Transformer(**TINY),
        "windowed": windowed(5),
        "llama-3.1-8b": rs.model("llama-3.1-8b"),
        "qwen2.5-7b": rs.model("qwen2.5-7b"),
        "qwen3-0.6b": rs.model("qwen3-0.6b"),
    }


def asked_of(result: str) -> str:
    """A model of the catalogue that a result is a question to; empty if any model will do."""
    return RESULTS[result].question.example


def steps() -> Iterator[tuple[int, int, int]]:
    """Some small steps: sequences, new tokens, cached tokens."""
    return itertools.product((1, 3), (1, 2, 5), (0, 1, 4, 7))
