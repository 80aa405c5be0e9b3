"""What each operator of a decoder costs: the only formulas of the package that are typed by hand.

An operator yields *every* entry that any convention may count, tagged with what it is; conventions
select. Weights are declared once per operator: parameter counts, weight bytes and the
``2 FLOP per weight and token`` rule all derive from that declaration.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import sympy

from roofsym import symbols as sy
from roofsym.ledger import Entry
from roofsym.transformer.geometry import Geometry, Span

# FLOP per element of what is not a matrix multiplication. Conventions say whether they count.
# softmax: maximum, subtraction, exponential, sum, division. norm: square, mean, square root and
# division per element, scale, rounded up as Yuan et al. (LLM Inference Unveiled, 2024, Table 1)
# count it. rotary: two multiplications and one addition per element. activation: one evaluation
# and, where the block is gated, one multiplication.
FLOPS_PER_ELEMENT = {"softmax": 5, "norm": 7, "rotary": 3, "activation": 1, "residual": 1}


@dataclass(frozen=True)
class Weight:
    """A tensor of parameters.

    Attributes
    ----------
    elements : sympy.Expr
        Number of parameters.
    vector : bool
        Whether it is a bias or the scale of a norm rather than a matrix.
    stored : bool
        False if it is tied to a tensor that another operator stores.
    active : sympy.Expr, optional
        Parameters that one token uses, where they are not all.
    """

    elements: sympy.Expr
    vector: bool = False
    stored: bool = True
    active: sympy.Expr | None = None

    @property
    def per_token(self) -> sympy.Expr:
        """Parameters that one token uses."""
        return self.elements if self.active is None else self.active


class Operator:
    """One operator: its weights, and what one step of it costs."""

    name: str
    part: str

    @property
    def precision(self) -> str:
        """Which weights may have a precision of their own: the part, unless it says otherwise."""
        return self.part

    def weights(self) -> tuple[Weight, ...]:
        """Parameters that the operator uses."""
        return ()

    def work(self, g: Geometry) -> Iterator[Entry]:
        """FLOPs, activations and KV of one step, without the weights."""
        raise NotImplementedError

    def entries(self, g: Geometry) -> Iterator[Entry]:
        """All entries of one step, weights included."""
        for weight in self.weights():
            read = self.elements_read(weight, g) * sy.b_w
            yield self._read("vector" if weight.vector else "weight", read)
            if weight.stored:
                yield self._flops("per-weight", 2 * g.tokens * weight.per_token)
        yield from self.work(g)

    def elements_read(self, weight: Weight, g: Geometry) -> sympy.Expr:
        """Parameters of a tensor that one step reads."""
        return weight.elements

    def _entry(self, quantity: str, kind: str, access: str, x: sympy.Expr, scheme: str) -> Entry:
        amount = x if isinstance(x, sympy.Expr) else sympy.Integer(x)
        return Entry(
            operator=self.name, part=self.part, group="", quantity=quantity, kind=kind,
            access=access, scheme=scheme, amount=amount,
        )  # fmt: skip

    def _flops(self, kind: str, amount: sympy.Expr) -> Entry:
        return self._entry("flops", kind, "compute", amount, "")

    def _read(self, kind: str, amount: sympy.Expr, scheme: str = "") -> Entry:
        return self._entry("bytes", kind, "read", amount, scheme)

    def _write(self, kind: str, amount: sympy.Expr, scheme: str = "") -> Entry:
        return self._entry("bytes", kind, "write", amount, scheme)

    def _cache(self, g: Geometry, width: sympy.Expr, cached: sympy.Expr) -> Iterator[Entry]:
        """`width` elements per token: those of `cached` positions read, the new tokens' joined."""
        yield self._read("kv", g.B * cached * width * sy.b_kv)
        yield self._write("kv", g.tokens * width * sy.b_kv)
        # The new tokens' own elements reach attention either straight from the projection or by
        # way of the cache: one of the two entries counts, never both.
        yield self._read("activation", g.tokens * width * sy.b_a, "new-kv-direct")
        yield self._read("kv", g.tokens * width * sy.b_kv, "new-kv-cached")

    def _elementwise(self, kind: str, elements: sympy.Expr) -> Entry:
        return self._flops(kind, FLOPS_PER_ELEMENT[kind] * elements)


@dataclass(frozen=True)
class Linear(Operator):
    """``y = x W (+ b)`` over the new tokens: ``(tokens, d_in) @ (d_in, d_out)``."""

    name: str
    part: str
    d_in: sympy.Expr
    d_out: sympy.Expr
    bias: bool = False
    precision_part: str = ""
    before_logits: bool = False

    @property
    def precision(self) -> str:
        return self.precision_part or self.part

    def weights(self) -> tuple[Weight, ...]:
        matrix = Weight(self.d_in * self.d_out)
        return (matrix, Weight(self.d_out, vector=True)) if self.bias else (matrix,)

    def work(self, g: Geometry) -> Iterator[Entry]:
        # What only the logits need runs where the LM head does.
        rows = g.logit_rows if self.before_logits else g.tokens
        yield self._flops("linear", 2 * rows * self.d_in * self.d_out)
        yield self._read("activation", rows * self.d_in * sy.b_a, "matmuls")
        yield self._write("activation", rows * self.d_out * sy.b_a, "matmuls")


@dataclass(frozen=True)
class Embedding(Operator):
    """Gathers one row of a table (of the vocabulary, of positions) per new token."""

    rows: sympy.Expr
    width: sympy.Expr
    name: str = "embedding"
    part: str = "embedding"

    def weights(self) -> tuple[Weight, ...]:
        return (Weight(self.rows * self.width),)

    def entries(self, g: Geometry) -> Iterator[Entry]:
        (table,) = self.weights()
        yield self._flops("per-weight", 2 * g.tokens * table.elements)
        read = g.embedding_rows(self.rows) * self.width * sy.b_w
        yield self._read("weight", read, "embedding")
        # Under per-weight counting the whole model travels once, this table like any other.
        yield self._read("weight", table.elements * sy.b_w, "per-weight")
        yield self._write("activation", g.tokens * self.width * sy.b_a, "pointwise")


@dataclass(frozen=True)
class LMHead(Operator):
    """Logits over the vocabulary, at the last position or at all of them."""

    vocab_size: sympy.Expr
    d_model: sympy.Expr
    tied: bool
    name: str = "lm_head"
    part: str = "lm_head"

    def weights(self) -> tuple[Weight, ...]:
        return (Weight(self.vocab_size * self.d_model, stored=not self.tied),)

    def entries(self, g: Geometry) -> Iterator[Entry]:
        (matrix,) = self.weights()
        if matrix.stored:
            yield self._flops("per-weight", 2 * g.tokens * matrix.elements)
            yield self._read("weight", matrix.elements * sy.b_w, "per-weight")
        if g.logits == "none":
            return
        rows = g.logit_rows
        yield self._read("weight", matrix.elements * sy.b_w, "lm_head")
        yield self._flops("linear", 2 * rows * matrix.elements)
        yield self._read("activation", rows * self.d_model * sy.b_a, "matmuls")
        yield self._write("activation", rows * self.vocab_size * sy.b_a, "matmuls")


@dataclass(frozen=True)
class Norm(Operator):
    """Normalisation of ``width`` elements per token (times `heads`, sharing one scale).

    `vectors` is how many vectors it has: 1 for a scale (RMSNorm), 2 with a shift (LayerNorm), 0.
    """

    name: str
    width: sympy.Expr
    heads: sympy.Expr = sympy.S.One
    vectors: int = 1
    part: str = "norm"

    def weights(self) -> tuple[Weight, ...]:
        return (Weight(self.vectors * self.width, vector=True),) if self.vectors else ()

    def work(self, g: Geometry) -> Iterator[Entry]:
        elements = g.tokens * self.width * self.heads
        yield self._elementwise("norm", elements)
        yield self._read("activation", elements * sy.b_a, "operators")
        yield self._write("activation", elements * sy.b_a, "operators")


@dataclass(frozen=True)
class Pointwise(Operator):
    """An element-wise operator: FLOPs per element, reading `inputs` tensors and writing one."""

    name: str
    part: str
    kind: str
    width: sympy.Expr
    inputs: int

    def work(self, g: Geometry) -> Iterator[Entry]:
        elements = g.tokens * self.width
        yield self._elementwise(self.kind, elements)
        yield self._read("activation", self.inputs * elements * sy.b_a, "pointwise")
        yield self._write("activation", elements * sy.b_a, "pointwise")


@dataclass(frozen=True)
class Score(Operator):
    """``Q Kᵀ``: new queries against the cached keys and the new ones, which join the cache."""

    n_heads: sympy.Expr
    n_kv_heads: sympy.Expr
    head_dim: sympy.Expr
    window: Span = None
    name: str = "score"
    part: str = "attention"

    def work(self, g: Geometry) -> Iterator[Entry]:
        yield self._attend(g)
        yield self._read("activation", self._queries(g) * sy.b_a, "attention")
        yield from self._cache(g, self.n_kv_heads * self.head_dim, g.cached(self.window))
        yield self._write("score", g.B * self.n_heads * g.rectangle(self.window) * sy.b_a)

    def _queries(self, g: Geometry) -> sympy.Expr:
        return g.tokens * self.n_heads * self.head_dim

    def _attend(self, g: Geometry) -> Entry:
        pairs = g.pairs(self.window)
        return self._flops("attention", 2 * g.B * self.n_heads * self.head_dim * pairs)


@dataclass(frozen=True)
class Softmax(Operator):
    """Scores to probabilities."""

    n_heads: sympy.Expr
    window: Span = None
    name: str = "softmax"
    part: str = "attention"

    def work(self, g: Geometry) -> Iterator[Entry]:
        yield self._elementwise("softmax", g.B * self.n_heads * g.pairs(self.window))
        matrix = g.B * self.n_heads * g.rectangle(self.window) * sy.b_a
        yield self._read("score", matrix)
        yield self._write("probability", matrix)


@dataclass(frozen=True)
class Value(Score):
    """``P V``: probabilities against the cached values and the new ones, which join the cache."""

    name: str = "value"

    def work(self, g: Geometry) -> Iterator[Entry]:
        yield self._attend(g)
        yield self._read("probability", g.B * self.n_heads * g.rectangle(self.window) * sy.b_a)
        yield from self._cache(g, self.n_kv_heads * self.head_dim, g.cached(self.window))
        yield self._write("activation", self._queries(g) * sy.b_a, "attention")


@dataclass(frozen=True)
class Sinks(Operator):
    """One learned logit per head that takes part in the softmax and in nothing else."""

    n_heads: sympy.Expr
    name: str = "sinks"
    part: str = "attention"

    def weights(self) -> tuple[Weight, ...]:
        return (Weight(self.n_heads, vector=True),)

    def work(self, g: Geometry) -> Iterator[Entry]:
        return iter(())


# --- multi-head latent attention --------------------------------------------------------------
#
# The cache holds one latent of `rank` elements and one rotated key of `rope` elements per token,
# for all heads (DeepSeek-AI, "DeepSeek-V2", 2024). Expanded execution rebuilds every head's keys
# and values from the latents of the whole context; absorbed execution multiplies the queries and
# the outputs by the same matrices instead, and attends in latent space. Both compute the same.


@dataclass(frozen=True)
class LatentUp(Operator):
    """From latents to keys (or values) of all heads: expanded, or absorbed on the query's side.

    `into_latent` says which way the absorbed matrix runs: queries go into latent space, outputs
    come back from it.
    """

    name: str
    n_heads: sympy.Expr
    rank: sympy.Expr
    width: sympy.Expr
    into_latent: bool
    part: str = "attention"

    def weights(self) -> tuple[Weight, ...]:
        return (Weight(self.rank * self.n_heads * self.width),)

    def work(self, g: Geometry) -> Iterator[Entry]:
        absorbed = g.latent == "absorbed"
        rows = g.tokens if absorbed else g.B * (g.L + g.S)
        yield self._flops("linear", 2 * rows * self.rank * self.n_heads * self.width)
        # Absorbed, each head has a latent of its own; expanded, all heads share the cached one.
        latent = self.n_heads * self.rank if absorbed else self.rank
        ends = (latent, self.n_heads * self.width)
        source, target = reversed(ends) if absorbed and self.into_latent else ends
        if absorbed:
            yield self._read("activation", rows * source * sy.b_a, "matmuls")
        # Expanded, its input are the latents, whose reading is counted once, with the score.
        yield self._write("activation", rows * target * sy.b_a, "matmuls")


@dataclass(frozen=True)
class LatentScore(Operator):
    """Queries against keys, in latent space or against the rebuilt keys.

    The new tokens' latents join the cache. Scores and values share one reading of the latents.
    """

    n_heads: sympy.Expr
    rank: sympy.Expr
    nope: sympy.Expr
    rope: sympy.Expr
    name: str = "score"
    part: str = "attention"

    def work(self, g: Geometry) -> Iterator[Entry]:
        absorbed = g.latent == "absorbed"
        width = (self.rank if absorbed else self.nope) + self.rope
        yield self._flops("attention", 2 * g.B * self.n_heads * width * g.pairs())
        yield self._read("activation", g.tokens * self.n_heads * width * sy.b_a, "attention")
        if not absorbed:
            rebuilt = g.B * (g.L + g.S) * self.n_heads * self.nope
            yield self._read("activation", rebuilt * sy.b_a, "attention")
        yield from self._cache(g, self.rank + self.rope, g.cached())
        yield self._write("score", g.B * self.n_heads * g.rectangle() * sy.b_a)


@dataclass(frozen=True)
class LatentValue(Operator):
    """Probabilities against values, in latent space or against the rebuilt values."""

    n_heads: sympy.Expr
    rank: sympy.Expr
    width: sympy.Expr
    name: str = "value"
    part: str = "attention"

    def work(self, g: Geometry) -> Iterator[Entry]:
        absorbed = g.latent == "absorbed"
        width = self.rank if absorbed else self.width
        yield self._flops("attention", 2 * g.B * self.n_heads * width * g.pairs())
        yield self._read("probability", g.B * self.n_heads * g.rectangle() * sy.b_a)
        if not absorbed:
            rebuilt = g.B * (g.L + g.S) * self.n_heads * self.width
            yield self._read("activation", rebuilt * sy.b_a, "attention")
        yield self._write("activation", g.tokens * self.n_heads * width * sy.b_a, "attention")


# --- mixture of experts -----------------------------------------------------------------------


@dataclass(frozen=True)
class Experts(Operator):
    """The routed experts of a layer: each token goes through `top_k` of `n_experts`.

    FLOPs follow the experts chosen per token, weight bytes the distinct experts that the step's
    tokens choose together. `run_all` marks a reference implementation that sends every token
    through every expert.
    """

    d_model: sympy.Expr
    n_experts: sympy.Expr
    top_k: sympy.Expr
    width: sympy.Expr
    gated: bool = True
    bias: bool = False
    run_all: bool = False
    name: str = "experts"
    part: str = "experts"

    @property
    def _matrices(self) -> int:
        return 3 if self.gated else 2

    def weights(self) -> tuple[Weight, ...]:
        matrix = self._matrices * self.d_model * self.width
        vector = (self._matrices - 1) * self.width + self.d_model
        sizes = [(matrix, False)] + ([(vector, True)] if self.bias else [])
        return tuple(
            Weight(self.n_experts * size, vector=is_vector, active=self.top_k * size)
            for size, is_vector in sizes
        )

    def elements_read(self, weight: Weight, g: Geometry) -> sympy.Expr:
        per_expert = weight.per_token / self.top_k
        return g.distinct_experts(self.n_experts, self.top_k) * per_expert

    def work(self, g: Geometry) -> Iterator[Entry]:
        run = self.n_experts if self.run_all and g.run_all_experts else self.top_k
        rows = g.tokens * run
        yield self._flops("linear", 2 * rows * self._matrices * self.d_model * self.width)
        ups = self._matrices - 1
        inner, outer = rows * self.width * sy.b_a, rows * self.d_model * sy.b_a
        yield self._read("activation", ups * outer + inner, "matmuls")
        yield self._write("activation", ups * inner + outer, "matmuls")
        yield self._elementwise("activation", rows * self.width)
        yield self._read("activation", ups * inner, "pointwise")
        yield self._write("activation", inner, "pointwise")


@dataclass(frozen=True)
class LayerTraffic(Operator):
    """Rules of thumb for the activations of a whole layer, in place of its operators' own.

    ``residual``: the residual stream in and out; ``multiplier``: `c_act` times its width.
    """

    d_model: sympy.Expr
    name: str = "layer"
    part: str = "residual"

    def work(self, g: Geometry) -> Iterator[Entry]:
        stream = g.tokens * self.d_model * sy.b_a
        yield self._read("activation", stream, "residual")
        yield self._write("activation", stream, "residual")
        # Half in, half out: the rule does not say, and nothing but the sum is used.
        yield self._read("activation", sy.c_act * stream / 2, "multiplier")
        yield self._write("activation", sy.c_act * stream / 2, "multiplier")
