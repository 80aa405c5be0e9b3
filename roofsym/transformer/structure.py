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
from roofsym.transformer.geometry import Geometry, Span
from roofsym.transformer.operators import (
    Embedding,
    Experts,
    LatentScore,
    LatentUp,
    LatentValue,
    LayerTraffic,
    Linear,
    LMHead,
    Norm,
    Operator,
    Pointwise,
    Score,
    Sinks,
    Softmax,
    Value,
    Weight,
)

_ZERO = sympy.S.Zero


@dataclass(frozen=True, kw_only=True)
class Attention:
    """Multi-head, grouped-query or multi-query attention, by the number of key/value heads.

    Attributes
    ----------
    fused_qkv : bool
        Whether queries, keys and values come from one matrix multiplication.
    qkv_bias, out_bias : bool
        Whether the projections of queries, keys and values, and of the output, have biases.
    qk_norm : str
        How queries and keys are normalised: ``none``, per ``head``, over the ``full`` width, or
        ``unscaled`` (per head, without weights).
    rotary : sympy.Expr
        Width of a head that is rotated; 0 without rotary embedding.
    sinks : bool
        Whether each head has a learned attention sink.
    window : Window, optional
        What part of the context is attended to; all if not given.
    """

    n_heads: sympy.Expr = sy.n_heads
    n_kv_heads: sympy.Expr = sy.n_kv_heads
    head_dim: sympy.Expr = sy.head_dim
    fused_qkv: bool = False
    qkv_bias: bool = False
    out_bias: bool = False
    qk_norm: str = "none"
    rotary: sympy.Expr = sy.head_dim
    sinks: bool = False
    window: Span = None

    def operators(self, d_model: sympy.Expr) -> Iterator[Operator]:
        """Operators in the order in which they run."""
        part = "attention"
        q, kv = self.n_heads * self.head_dim, self.n_kv_heads * self.head_dim
        if self.fused_qkv:
            yield Linear("qkv_proj", part, d_model, q + 2 * kv, self.qkv_bias)
        else:
            yield Linear("q_proj", part, d_model, q, self.qkv_bias)
            yield Linear("k_proj", part, d_model, kv, self.qkv_bias)
            yield Linear("v_proj", part, d_model, kv, self.qkv_bias)
        if self.qk_norm == "full":
            yield Norm("q_norm", q)
            yield Norm("k_norm", kv)
        elif self.qk_norm != "none":
            scales = 1 if self.qk_norm == "head" else 0
            yield Norm("q_norm", self.head_dim, self.n_heads, scales)
            yield Norm("k_norm", self.head_dim, self.n_kv_heads, scales)
        if self.rotary != 0:
            rotated = (self.n_heads + self.n_kv_heads) * self.rotary
            yield Pointwise("rotary", part, "rotary", rotated, inputs=1)
        heads = (self.n_heads, self.n_kv_heads, self.head_dim, self.window)
        yield Score(*heads)
        if self.sinks:
            yield Sinks(self.n_heads)
        yield Softmax(self.n_heads, self.window)
        yield Value(*heads)
        yield Linear("o_proj", part, q, d_model, self.out_bias)

    @property
    def cached_elements(self) -> sympy.Expr:
        """KV-cache elements per token and layer."""
        return 2 * self.n_kv_heads * self.head_dim

    def cached_tokens(self, tokens: sympy.Expr) -> sympy.Expr:
        """Tokens that stay in the cache once `tokens` have been seen."""
        return tokens if self.window is None else sympy.Min(tokens, self.window.width)


@dataclass(frozen=True, kw_only=True)
class LatentAttention:
    """Multi-head latent attention: one latent per token stands for all heads' keys and values.

    Attributes
    ----------
    low_rank_queries : bool
        Whether queries, too, come from a latent.
    bias : bool
        Whether the projections into latents and of the output have biases.
    """

    n_heads: sympy.Expr = sy.n_heads
    q_rank: sympy.Expr = sy.q_rank
    kv_rank: sympy.Expr = sy.kv_rank
    nope_dim: sympy.Expr = sy.nope_dim
    rope_dim: sympy.Expr = sy.rope_dim
    v_dim: sympy.Expr = sy.v_dim
    low_rank_queries: bool = True
    bias: bool = False

    def operators(self, d_model: sympy.Expr) -> Iterator[Operator]:
        """Operators in the order in which they run."""
        part = "attention"
        queries = self.n_heads * (self.nope_dim + self.rope_dim)
        if self.low_rank_queries:
            yield Linear("q_down_proj", part, d_model, self.q_rank, self.bias)
            yield Norm("q_norm", self.q_rank)
            yield Linear("q_up_proj", part, self.q_rank, queries)
        else:
            yield Linear("q_proj", part, d_model, queries)
        yield Linear("kv_down_proj", part, d_model, self.kv_rank + self.rope_dim, self.bias)
        yield Norm("kv_norm", self.kv_rank)
        yield Pointwise("rotary", part, "rotary", (self.n_heads + 1) * self.rope_dim, inputs=1)
        yield LatentUp("k_up_proj", self.n_heads, self.kv_rank, self.nope_dim, into_latent=True)
        yield LatentScore(self.n_heads, self.kv_rank, self.nope_dim, self.rope_dim)
        yield Softmax(self.n_heads)
        yield LatentValue(self.n_heads, self.kv_rank, self.v_dim)
        yield LatentUp("v_up_proj", self.n_heads, self.kv_rank, self.v_dim, into_latent=False)
        yield Linear("o_proj", part, self.n_heads * self.v_dim, d_model, self.bias)

    @property
    def cached_elements(self) -> sympy.Expr:
        """KV-cache elements per token and layer."""
        return self.kv_rank + self.rope_dim

    def cached_tokens(self, tokens: sympy.Expr) -> sympy.Expr:
        """Tokens that stay in the cache once `tokens` have been seen."""
        return tokens


@dataclass(frozen=True, kw_only=True)
class FeedForward:
    """Plain (up, down) or gated (gate, up, down) feed-forward block.

    Attributes
    ----------
    fused : bool
        Whether gate and up come from one matrix multiplication.
    prefix : str
        Put before the names of the operators.
    """

    d_ff: sympy.Expr = sy.d_ff
    gated: bool = True
    bias: bool = False
    fused: bool = False
    prefix: str = ""

    def operators(self, d_model: sympy.Expr) -> Iterator[Operator]:
        """Operators in the order in which they run."""
        part, p = "feed_forward", self.prefix
        if self.gated and self.fused:
            yield Linear(f"{p}gate_up_proj", part, d_model, 2 * self.d_ff, self.bias)
        else:
            if self.gated:
                yield Linear(f"{p}gate_proj", part, d_model, self.d_ff, self.bias)
            yield Linear(f"{p}up_proj", part, d_model, self.d_ff, self.bias)
        yield Pointwise(f"{p}activation", part, "activation", self.d_ff, inputs=1 + self.gated)
        yield Linear(f"{p}down_proj", part, self.d_ff, d_model, self.bias)


@dataclass(frozen=True, kw_only=True)
class Mixture:
    """Mixture of experts: a router, routed experts, and shared experts that every token uses.

    Attributes
    ----------
    bias, router_bias : bool
        Whether the experts and the router have biases.
    shared : sympy.Expr
        Width of the shared experts together; 0 without.
    shared_bias : bool
        Whether the shared experts have biases.
    shared_gate : bool
        Whether the shared experts are weighted by a gate of their own.
    run_all : bool
        Whether the reference implementation sends every token through every expert.
    """

    n_experts: sympy.Expr = sy.n_experts
    top_k: sympy.Expr = sy.top_k
    d_expert: sympy.Expr = sy.d_expert
    gated: bool = True
    bias: bool = False
    router_bias: bool = False
    shared: sympy.Expr = _ZERO
    shared_bias: bool = False
    shared_gate: bool = False
    run_all: bool = False

    def operators(self, d_model: sympy.Expr) -> Iterator[Operator]:
        """Operators in the order in which they run."""
        part = "experts"
        yield Linear("router", part, d_model, self.n_experts, self.router_bias, "router")
        yield Experts(
            d_model, self.n_experts, self.top_k, self.d_expert, self.gated, self.bias, self.run_all
        )
        if self.shared != 0:
            shared = FeedForward(
                d_ff=self.shared, gated=self.gated, bias=self.shared_bias, prefix="shared_"
            )
            yield from shared.operators(d_model)
            if self.shared_gate:
                yield Linear("shared_gate", part, d_model, sympy.S.One, False, "router")


@dataclass(frozen=True, kw_only=True)
class LayerGroup:
    """`count` identical layers.

    Attributes
    ----------
    label : str
        Name of the group.
    count : sympy.Expr
        Number of layers.
    attention : Attention or LatentAttention
        The attention block.
    feed_forward : FeedForward or Mixture
        The feed-forward block.
    norms : tuple of str
        Norms over the residual stream's width, by name.
    norm_vectors : int
        Vectors per norm: 1 for RMSNorm, 2 for LayerNorm.
    """

    label: str = "layers"
    count: sympy.Expr = sy.n_layers
    attention: Attention | LatentAttention = field(default_factory=Attention)
    feed_forward: FeedForward | Mixture = field(default_factory=FeedForward)
    norms: tuple[str, ...] = ("attention_norm", "feed_forward_norm")
    norm_vectors: int = 1

    def operators(self, d_model: sympy.Expr) -> Iterator[Operator]:
        """Operators of one layer: norms first, then the blocks in the order in which they run."""
        for name in self.norms:
            yield Norm(name, d_model, vectors=self.norm_vectors)
        yield from self.attention.operators(d_model)
        yield Pointwise("attention_residual", "residual", "residual", d_model, inputs=2)
        yield from self.feed_forward.operators(d_model)
        yield Pointwise("feed_forward_residual", "residual", "residual", d_model, inputs=2)
        yield LayerTraffic(d_model)


PRECISIONS = ("embedding", "attention", "feed_forward", "experts", "router", "lm_head", "vectors")
"""Groups of weights that may have a number of bytes per weight of their own."""

LINEAR = frozenset({"attention", "feed_forward", "experts"})
"""Those of them that quantisation of linear layers means."""


@dataclass(frozen=True, kw_only=True)
class Structure:
    """A decoder-only transformer: embedding, groups of layers, final norm, LM head.

    Attributes
    ----------
    positions : bool
        Whether there is a table of learned positions.
    projected : bool
        Whether the embedding has a width of its own and is projected in and out.
    final_norm : bool
        Whether a norm precedes the LM head.
    own_precision : frozenset of str
        Which of `PRECISIONS` have bytes per weight of their own; the others share ``b_w``.
    scaled : frozenset of str
        Which of `PRECISIONS` are quantised in groups that share a scale.
    scaled_kv : bool
        Whether the KV cache is quantised in groups that share a scale.
    """

    d_model: sympy.Expr = sy.d_model
    vocab_size: sympy.Expr = sy.vocab_size
    groups: tuple[LayerGroup, ...] = (LayerGroup(),)
    tied_embeddings: bool = False
    positions: bool = False
    projected: bool = False
    final_norm: bool = True
    own_precision: frozenset[str] = frozenset()
    scaled: frozenset[str] = frozenset()
    scaled_kv: bool = False

    def operators(self) -> Iterator[tuple[str, sympy.Expr, Operator]]:
        """Label of the group (empty outside the layers), number of layers, operator."""
        one = sympy.S.One
        width = sy.d_embed if self.projected else self.d_model
        yield "", one, Embedding(self.vocab_size, width)
        if self.projected:
            yield "", one, Linear("project_in", "embedding", width, self.d_model)
        if self.positions:
            yield "", one, Embedding(sy.n_positions, self.d_model, "positions")
        for group in self.groups:
            for operator in group.operators(self.d_model):
                yield group.label, group.count, operator
        if self.final_norm:
            yield "", one, Norm("final_norm", self.d_model, vectors=self.groups[0].norm_vectors)
        if self.projected:
            yield (
                "",
                one,
                Linear("project_out", "lm_head", self.d_model, width, before_logits=True),
            )
        yield "", one, LMHead(self.vocab_size, width, self.tied_embeddings)

    def entries(self, geometry: Geometry) -> Iterator[Entry]:
        """Every entry that any convention may count for one step of the given geometry."""
        for label, count, operator in self.operators():
            for entry in operator.entries(geometry):
                placed = dataclasses.replace(entry, group=label, count=count)
                yield from self._in_precision(placed, operator)

    def _in_precision(self, entry: Entry, operator: Operator) -> Iterator[Entry]:
        """An entry with the bytes per element that its tensor has, and its scales beside it."""
        if entry.kind in ("weight", "vector"):
            precision = "vectors" if entry.kind == "vector" else operator.precision
            own = {sy.b_w: self.bytes_per_weight(precision)}
            yield dataclasses.replace(entry, amount=entry.amount.xreplace(own))
            if precision in self.scaled:
                scales = {sy.b_w: sy.scale_w / sy.group_w}
                yield dataclasses.replace(entry, amount=entry.amount.xreplace(scales), kind="scale")
            return
        yield entry
        if entry.kind == "kv" and self.scaled_kv:
            scales = {sy.b_kv: sy.scale_kv / sy.group_kv}
            yield dataclasses.replace(entry, amount=entry.amount.xreplace(scales))

    def bytes_per_weight(self, precision: str) -> sympy.Symbol:
        """Symbol of the bytes per weight of a group of weights."""
        if precision in self.own_precision:
            return sy.TABLE[f"b_w_{precision}"].symbol
        return sy.b_w

    def _stored(self) -> Iterator[tuple[sympy.Expr, Operator, Weight]]:
        for _, count, operator in self.operators():
            for weight in operator.weights():
                if weight.stored:
                    yield count, operator, weight

    @functools.cached_property
    def parameters(self) -> sympy.Expr:
        """Parameters, each tied tensor once."""
        return sympy.Add(*(count * weight.elements for count, _, weight in self._stored()))

    @functools.cached_property
    def active_parameters(self) -> sympy.Expr:
        """Parameters that one token uses: all but the experts that it is not routed to."""
        return sympy.Add(*(count * weight.per_token for count, _, weight in self._stored()))

    @functools.cached_property
    def stored_bytes(self) -> sympy.Expr:
        """Bytes of all weights, scales included."""
        total = []
        for count, operator, weight in self._stored():
            precision = "vectors" if weight.vector else operator.precision
            size = self.bytes_per_weight(precision)
            if precision in self.scaled:
                size += sy.scale_w / sy.group_w
            total.append(count * weight.elements * size)
        return sympy.Add(*total)

    @property
    def _cached_element_bytes(self) -> sympy.Expr:
        return sy.b_kv + sy.scale_kv / sy.group_kv if self.scaled_kv else sy.b_kv

    def cached_bytes(self, tokens: sympy.Expr) -> sympy.Expr:
        """Bytes of KV cache of one sequence of `tokens` tokens."""
        return sympy.Add(*(g.count * self._cached_by_layer(g, tokens) for g in self.groups))

    def _cached_by_layer(self, group: LayerGroup, tokens: sympy.Expr) -> sympy.Expr:
        kept = group.attention.cached_tokens(tokens)
        return group.attention.cached_elements * kept * self._cached_element_bytes

    @property
    def cached_bytes_per_token(self) -> sympy.Expr:
        """Bytes that one more token adds to the KV cache while no window is full."""
        size = self._cached_element_bytes
        elements = sympy.Add(*(g.count * g.attention.cached_elements for g in self.groups))
        return size * sympy.factor_terms(elements)

    def held(self, B: sympy.Expr, S: sympy.Expr, L: sympy.Expr) -> tuple[Entry, ...]:
        """What stays in memory after a step: all weights, and the KV cache of ``L + S`` tokens."""
        weights = Entry(
            operator="weights", part="model", group="", quantity="memory", kind="weight",
            access="hold", amount=self.stored_bytes,
        )  # fmt: skip
        caches = (
            Entry(
                operator="cache", part="attention", group=g.label, quantity="memory", kind="kv",
                access="hold", amount=B * self._cached_by_layer(g, L + S), count=g.count,
            )
            for g in self.groups
        )  # fmt: skip
        return (weights, *caches)

    @property
    def symbols(self) -> frozenset[sympy.Symbol]:
        """Symbols of the dimensions and precisions that this structure has."""
        return _symbols(self)


# A model is often read anew, and its operators are all asked for this.
@functools.lru_cache(maxsize=256)
def _symbols(structure: Structure) -> frozenset[sympy.Symbol]:
    used: set[sympy.Symbol] = set()
    for _, count, operator in structure.operators():
        used |= count.free_symbols
        for entry in operator.entries(Geometry()):
            used |= entry.amount.free_symbols
    used |= structure.stored_bytes.free_symbols | structure._cached_element_bytes.free_symbols
    roles = ("dimension", "precision")
    return frozenset(s for s in used if sy.info(s).role in roles)
