"""What a decoder is made of: groups of identical layers, each a list of operators.

A structure says which operators there are, in symbols; the numbers of a model are kept apart (see
`roofsym.transformer.Transformer`), so that two models of one family share one structure, and the
cost of building a ledger does not grow with the number of layers.
"""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Iterator
from dataclasses import dataclass, field

import sympy

from roofsym import symbols as sy
from roofsym.ledger import Entry
from roofsym.transformer.geometry import Geometry
from roofsym.transformer.operators import (
    Embedding,
    LayerTraffic,
    Linear,
    LMHead,
    Norm,
    Operator,
    Pointwise,
    Score,
    Softmax,
    Value,
)


@dataclass(frozen=True, kw_only=True)
class Attention:
    """Multi-head, grouped-query or multi-query attention, by the number of key/value heads.

    Attributes
    ----------
    qkv_bias, out_bias : bool
        Whether the projections of queries, keys and values, and of the output, have biases.
    qk_norm : bool
        Whether queries and keys are normalised per head.
    window : sympy.Expr, optional
        Positions a token attends to, itself included; all if not given.
    """

    n_heads: sympy.Expr = sy.n_heads
    n_kv_heads: sympy.Expr = sy.n_kv_heads
    head_dim: sympy.Expr = sy.head_dim
    qkv_bias: bool = False
    out_bias: bool = False
    qk_norm: bool = False
    window: sympy.Expr | None = None

    def operators(self, d_model: sympy.Expr) -> Iterator[Operator]:
        """Operators in the order in which they run."""
        q, kv = self.n_heads * self.head_dim, self.n_kv_heads * self.head_dim
        yield Linear("q_proj", "attention", d_model, q, self.qkv_bias)
        yield Linear("k_proj", "attention", d_model, kv, self.qkv_bias)
        yield Linear("v_proj", "attention", d_model, kv, self.qkv_bias)
        if self.qk_norm:
            yield Norm("q_norm", self.head_dim, self.n_heads)
            yield Norm("k_norm", self.head_dim, self.n_kv_heads)
        yield Pointwise("rotary", "attention", "rotary", q + kv, inputs=1)
        heads = (self.n_heads, self.n_kv_heads, self.head_dim, self.window)
        yield Score(*heads)
        yield Softmax(self.n_heads, self.window)
        yield Value(*heads)
        yield Linear("o_proj", "attention", q, d_model, self.out_bias)

    @property
    def cached_elements(self) -> sympy.Expr:
        """KV-cache elements per token and layer."""
        return 2 * self.n_kv_heads * self.head_dim

    def cached_tokens(self, tokens: sympy.Expr) -> sympy.Expr:
        """Tokens that stay in the cache once `tokens` have been seen."""
        return tokens if self.window is None else sympy.Min(tokens, self.window)


@dataclass(frozen=True, kw_only=True)
class FeedForward:
    """Plain (up, down) or gated (gate, up, down) feed-forward block."""

    d_ff: sympy.Expr = sy.d_ff
    gated: bool = True
    bias: bool = False

    def operators(self, d_model: sympy.Expr) -> Iterator[Operator]:
        """Operators in the order in which they run."""
        part = "feed_forward"
        if self.gated:
            yield Linear("gate_proj", part, d_model, self.d_ff, self.bias)
        yield Linear("up_proj", part, d_model, self.d_ff, self.bias)
        yield Pointwise("activation", part, "activation", self.d_ff, inputs=1 + self.gated)
        yield Linear("down_proj", part, self.d_ff, d_model, self.bias)


@dataclass(frozen=True, kw_only=True)
class LayerGroup:
    """`count` identical layers: pre-norm attention and feed-forward, each added to the stream."""

    label: str = "layers"
    count: sympy.Expr = sy.n_layers
    attention: Attention = field(default_factory=Attention)
    feed_forward: FeedForward = field(default_factory=FeedForward)

    def operators(self, d_model: sympy.Expr) -> Iterator[Operator]:
        """Operators of one layer, in the order in which they run."""
        yield Norm("attention_norm", d_model)
        yield from self.attention.operators(d_model)
        yield Pointwise("attention_residual", "residual", "residual", d_model, inputs=2)
        yield Norm("feed_forward_norm", d_model)
        yield from self.feed_forward.operators(d_model)
        yield Pointwise("feed_forward_residual", "residual", "residual", d_model, inputs=2)
        yield LayerTraffic(d_model)


@dataclass(frozen=True, kw_only=True)
class Structure:
    """A decoder-only transformer: embedding, groups of layers, final norm, LM head."""

    d_model: sympy.Expr = sy.d_model
    vocab_size: sympy.Expr = sy.vocab_size
    groups: tuple[LayerGroup, ...] = (LayerGroup(),)
    tied_embeddings: bool = False

    def operators(self) -> Iterator[tuple[str, sympy.Expr, Operator]]:
        """Label of the group (empty outside the layers), number of layers, operator."""
        one = sympy.S.One
        yield "", one, Embedding(self.vocab_size, self.d_model)
        for group in self.groups:
            for operator in group.operators(self.d_model):
                yield group.label, group.count, operator
        yield "", one, Norm("final_norm", self.d_model)
        yield "", one, LMHead(self.vocab_size, self.d_model, self.tied_embeddings)

    def entries(self, geometry: Geometry) -> Iterator[Entry]:
        """Every entry that any convention may count for one step of the given geometry."""
        for label, count, operator in self.operators():
            for entry in operator.entries(geometry):
                yield dataclasses.replace(entry, group=label, count=count)

    @functools.cached_property
    def parameters(self) -> sympy.Expr:
        """Parameters, each tied tensor once."""
        return sympy.Add(
            *(
                count * weight.elements
                for _, count, operator in self.operators()
                for weight in operator.weights()
                if weight.stored
            )
        )

    def cached_bytes(self, tokens: sympy.Expr) -> sympy.Expr:
        """Bytes of KV cache of one sequence of `tokens` tokens."""
        return sympy.Add(
            *(
                g.count * g.attention.cached_elements * g.attention.cached_tokens(tokens) * sy.b_kv
                for g in self.groups
            )
        )

    @property
    def cached_bytes_per_token(self) -> sympy.Expr:
        """Bytes that one more token adds to the KV cache while no window is full."""
        return sympy.Add(*(g.count * g.attention.cached_elements * sy.b_kv for g in self.groups))

    def footprint(self, B: sympy.Expr, S: sympy.Expr, L: sympy.Expr) -> sympy.Expr:
        """Bytes held after a step: all weights, and the KV cache of ``L + S`` tokens."""
        return B * self.cached_bytes(L + S) + self.parameters * sy.b_w

    @functools.cached_property
    def symbols(self) -> frozenset[sympy.Symbol]:
        """Symbols of the dimensions that this structure has."""
        return frozenset((self.parameters + self.cached_bytes(sy.L)).free_symbols) - {
            sy.L,
            sy.b_kv,
        } | {g.attention.n_heads for g in self.groups if g.attention.n_heads.is_Symbol}
