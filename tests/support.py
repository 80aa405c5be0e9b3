"""What several test files share: small models, phases, comparison of expressions, sign changes."""

from __future__ import annotations

import dataclasses
import functools
import itertools
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
import sympy
from hypothesis import assume

import roofsym as rs
from roofsym import conventions, phases, polynomial
from roofsym import symbols as sy
from roofsym.ledger import Entry
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


def forget() -> None:
    """Empty every cache: SymPy's, and what the package's own functions remember."""
    sympy.core.cache.clear_cache()
    for name, module in list(sys.modules.items()):
        if name.startswith("roofsym"):
            for function in vars(module).values():
                if isinstance(function, functools._lru_cache_wrapper):
                    function.cache_clear()
    polynomial.forget()


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


# What floating point leaves of a difference, relative to the size of what is subtracted.
ROUNDING = 1e-10


def sign_changes(
    function: Callable[[np.ndarray], tuple[np.ndarray, np.ndarray]], grid: np.ndarray
) -> list[tuple[float, float]]:
    """Intervals of a grid over which a function changes sign, two within one interval included.

    The function returns its values and the size of the terms that they are a difference of. Where
    it comes near zero and turns back, the grid is made finer; what rounding hides is given up.
    """
    values, size = function(grid)
    assume(np.all(np.isfinite(values)) and np.all(size > 0))
    near = np.abs(values) / size
    assume(np.all(near[[0, -1]] > ROUNDING))
    # A point that is hit exactly belongs to the interval around it.
    kept = np.flatnonzero(near > ROUNDING)
    grid, positive, near = grid[kept], values[kept] > 0, near[kept]
    changes = np.flatnonzero(positive[1:] != positive[:-1])
    found = [(float(grid[i]), float(grid[i + 1])) for i in changes]
    turns = (near[1:-1] <= near[:-2]) & (near[1:-1] <= near[2:]) & (near[1:-1] < 0.05)
    inside = (positive[1:-1] == positive[:-2]) & (positive[1:-1] == positive[2:])
    for i in np.flatnonzero(turns & inside) + 1:
        found += _between(function, float(grid[i - 1]), float(grid[i + 1]))
    return sorted(found)


def _between(
    function: Callable[[np.ndarray], tuple[np.ndarray, np.ndarray]], low: float, high: float
) -> list[tuple[float, float]]:
    """Sign changes around the turn of a function that has one sign at both ends."""
    for _ in range(6):
        grid = np.geomspace(low, high, 65)
        values, size = function(grid)
        near, positive = np.abs(values) / size, values > 0
        changes = np.flatnonzero(positive[1:] != positive[:-1])
        if len(changes):
            return [(float(grid[i]), float(grid[i + 1])) for i in changes]
        lowest = int(np.argmin(near))
        # Far enough from zero for how little it varies from here on.
        neighbours = near[max(lowest - 1, 0) : lowest + 2]
        if near[lowest] > 10 * np.ptp(neighbours) and near[lowest] > 1e-8:
            return []
        low, high = float(grid[max(lowest - 1, 0)]), float(grid[min(lowest + 1, 64)])
    assume(False)
    return []


def double(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Make every ledger wrong: entries of a quantity and kind count twice."""
    true_entries = phases._entries

    def wrong(*arguments: object) -> tuple[Entry, ...]:
        return tuple(
            dataclasses.replace(e, amount=2 * e.amount) if f"{e.quantity} {e.kind}" == kind else e
            for e in true_entries(*arguments)
        )

    monkeypatch.setattr(phases, "_entries", wrong)
