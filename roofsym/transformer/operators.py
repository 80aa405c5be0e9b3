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
from roofsym.transformer.geometry import Geometry

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
    """

    elements: sympy.Expr
    vector: bool = False
    stored: bool = True


class Operator:
    """One operator: its weights, and what one step of it costs."""

    name: str
    part: str

    def weights(self) -> tuple[Weight, ...]:
        """Parameters that the operator uses."""
        return ()

    def work(self, g: Geometry) -> Iterator[Entry]:
        """FLOPs, activations and KV of one step, without the weights."""
        raise NotImplementedError

    def entries(self, g: Geometry) -> Iterator[Entry]:
        """All entries of one step, weights included."""
        for weight in self.weights():
            yield self._read("vector" if weight.vector else "weight", weight.elements * sy.b_w)
            if weight.stored:
                yield self._flops("per-weight", 2 * g.tokens * weight.elements)
        yield from self.work(g)

    def _entry(self, quantity: str, kind: str, access: str, x: sympy.Expr, scheme: str) -> Entry:
        return Entry(
            operator=self.name, part=self.part, group="", quantity=quantity, kind=kind,
            access=access, scheme=scheme, amount=sympy.sympify(x),
        )  # fmt: skip

    def _flops(self, kind: str, amount: sympy.Expr) -> Entry:
        return self._entry("flops", kind, "compute", amount, "")

    def _read(self, kind: str, amount: sympy.Expr, scheme: str = "") -> Entry:
        return self._entry("bytes", kind, "read", amount, scheme)

    def _write(self, kind: str, amount: sympy.Expr, scheme: str = "") -> Entry:
        return self._entry("bytes", kind, "write", amount, scheme)

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

    def weights(self) -> tuple[Weight, ...]:
        matrix = Weight(self.d_in * self.d_out)
        return (matrix, Weight(self.d_out, vector=True)) if self.bias else (matrix,)

    def work(self, g: Geometry) -> Iterator[Entry]:
        yield self._flops("linear", 2 * g.tokens * self.d_in * self.d_out)
        yield self._read("activation", g.tokens * self.d_in * sy.b_a, "matmuls")
        yield self._write("activation", g.tokens * self.d_out * sy.b_a, "matmuls")


@dataclass(frozen=True)
class Embedding(Operator):
    """Gathers one row of the embedding table per new token."""

    vocab_size: sympy.Expr
    d_model: sympy.Expr
    name: str = "embedding"
    part: str = "embedding"

    def weights(self) -> tuple[Weight, ...]:
        return (Weight(self.vocab_size * self.d_model),)

    def entries(self, g: Geometry) -> Iterator[Entry]:
        (table,) = self.weights()
        yield self._flops("per-weight", 2 * g.tokens * table.elements)
        yield self._read(
            "weight", g.embedding_rows(self.vocab_size) * self.d_model * sy.b_w, "embedding"
        )
        # Under per-weight counting the whole model travels once, this table like any other.
        yield self._read("weight", table.elements * sy.b_w, "per-weight")
        yield self._write("activation", g.tokens * self.d_model * sy.b_a, "pointwise")


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
    """Normalisation of ``width`` elements per token (times `heads`, sharing one scale)."""

    name: str
    width: sympy.Expr
    heads: sympy.Expr = sympy.S.One
    part: str = "norm"

    def weights(self) -> tuple[Weight, ...]:
        return (Weight(self.width, vector=True),)

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
    window: sympy.Expr | None = None
    name: str = "score"
    part: str = "attention"

    def work(self, g: Geometry) -> Iterator[Entry]:
        yield self._attend(g)
        yield self._read("activation", self._queries(g) * sy.b_a, "attention")
        yield from self._cache(g)
        yield self._write("score", g.B * self.n_heads * g.rectangle(self.window) * sy.b_a)

    def _queries(self, g: Geometry) -> sympy.Expr:
        return g.tokens * self.n_heads * self.head_dim

    def _attend(self, g: Geometry) -> Entry:
        pairs = g.pairs(self.window)
        return self._flops("attention", 2 * g.B * self.n_heads * self.head_dim * pairs)

    def _cache(self, g: Geometry) -> Iterator[Entry]:
        width = self.n_kv_heads * self.head_dim
        yield self._read("kv", g.B * g.cached(self.window) * width * sy.b_kv)
        yield self._write("kv", g.tokens * width * sy.b_kv)
        # The new tokens' own keys (or values) reach attention either straight from the projection
        # or by way of the cache: one of the two entries counts, never both.
        yield self._read("activation", g.tokens * width * sy.b_a, "new-kv-direct")
        yield self._read("kv", g.tokens * width * sy.b_kv, "new-kv-cached")


@dataclass(frozen=True)
class Softmax(Operator):
    """Scores to probabilities."""

    n_heads: sympy.Expr
    window: sympy.Expr | None = None
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
        yield from self._cache(g)
        yield self._write("activation", self._queries(g) * sy.b_a, "attention")


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
