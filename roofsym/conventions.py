"""Counting rules as data: which entries of a ledger count.

A convention is a frozen record of switches. It chooses the rules of the step's geometry and
selects entries by their tags; no convention has a copy of any formula.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

import sympy

from roofsym.errors import InputError
from roofsym.ledger import Entry
from roofsym.transformer.geometry import (
    EMBEDDINGS,
    EXPERTS,
    LATENT,
    LOGITS,
    MASKS,
    Geometry,
)

_CHOICES: Mapping[str, tuple[object, ...]] = MappingProxyType(
    {
        "flops": ("matmuls", "per-weight"),
        "mask": MASKS,
        "attention": ("none", "fused", "unfused"),
        "activations": ("none", "residual", "multiplier", "matmuls", "operators", "pointwise"),
        "kv": ("none", "read", "read+write"),
        "new_kv": ("direct", "cached"),
        "lm_head": LOGITS,
        "embedding": EMBEDDINGS,
        "experts": EXPERTS,
        "run_all_experts": (False, True),
        "latent": LATENT,
        "softmax_flops": (False, True),
        "norm_flops": (False, True),
        "activation_flops": (False, True),
        "rotary_flops": (False, True),
        "residual_flops": (False, True),
        "vectors": (False, True),
    }
)

# Which schemes of activation traffic each choice of `activations` takes in.
_SCHEMES: Mapping[str, frozenset[str]] = MappingProxyType(
    {
        "none": frozenset(),
        "residual": frozenset({"residual"}),
        "multiplier": frozenset({"multiplier"}),
        "matmuls": frozenset({"matmuls"}),
        "operators": frozenset({"matmuls", "operators"}),
        "pointwise": frozenset({"matmuls", "operators", "pointwise"}),
    }
)


@dataclass(frozen=True, kw_only=True)
class Convention:
    """Which work and which traffic counts.

    Attributes
    ----------
    name : str
        Name to print with every number made under it.
    summary : str
        What it counts, in a line.
    flops : str
        ``matmuls``: two FLOP per multiply-add of every matrix multiplication; ``per-weight``: two
        FLOP per weight of the model and token, nothing else.
    mask : str
        Pairs of query and key that cost attention FLOPs: ``full``, ``causal`` (exact) or
        ``causal-half`` (the continuum version; layers with a window are counted exactly).
    attention : str
        ``fused``: scores and probabilities stay on the chip; ``unfused``: they travel, as whole
        rectangles, wherever activations are counted operator by operator; ``none``: no attention
        beyond its linear layers.
    activations : str
        ``none``; ``residual``: the residual stream in and out of each layer; ``multiplier``:
        ``c_act`` times the residual stream per layer; ``matmuls``: each matrix multiplication's
        input and output; ``operators``: and each norm's; ``pointwise``: and those of residual
        additions, activation functions, rotary embedding and the gathered embedding rows, which
        are otherwise taken to be done on the way by their neighbours.
    kv : str
        KV-cache traffic: ``none``, ``read``, ``read+write``.
    new_kv : str
        How attention gets the new tokens' own keys and values: ``direct`` from the projections
        (an activation) or ``cached`` (they count as KV read).
    lm_head : str
        Positions per sequence at which the LM head runs: ``none``, ``last``, ``all``.
    embedding : str
        Reading of the embedding table: ``none``, rows ``gathered``, whole table ``streamed``.
    experts : str
        Distinct experts that a step reads: ``expected`` under uniform routing, or its limits for
        ``one-token`` and for many (``all``).
    run_all_experts : bool
        Whether FLOPs and activations of a model whose reference implementation sends every token
        through every expert are counted so, rather than by the experts chosen. Weight bytes stay
        those of the experts chosen, under every convention.
    latent : str
        Execution of multi-head latent attention: ``absorbed`` or ``expanded``.
    softmax_flops, norm_flops, activation_flops, rotary_flops, residual_flops : bool
        Whether FLOPs outside matrix multiplications count, at the rates of
        `roofsym.transformer.operators.FLOPS_PER_ELEMENT`.
    vectors : bool
        Whether the weights of norms and biases travel.

    Examples
    --------
    >>> c = convention("fused-ops").replace(name="mine", lm_head="all")
    >>> c.lm_head
    'all'
    """

    name: str
    summary: str = ""
    flops: str = "matmuls"
    mask: str = "causal"
    attention: str = "fused"
    activations: str = "matmuls"
    kv: str = "read+write"
    new_kv: str = "direct"
    lm_head: str = "last"
    embedding: str = "gathered"
    experts: str = "expected"
    run_all_experts: bool = False
    latent: str = "absorbed"
    softmax_flops: bool = False
    norm_flops: bool = False
    activation_flops: bool = False
    rotary_flops: bool = False
    residual_flops: bool = False
    vectors: bool = True

    def __post_init__(self) -> None:
        for switch, choices in _CHOICES.items():
            value = getattr(self, switch)
            if not any(value == c and type(value) is type(c) for c in choices):
                listing = ", ".join(str(c) for c in choices)
                raise InputError(f"convention switch {switch}", value, f"one of {listing}")

    def replace(self, **switches: object) -> Convention:
        """Convention with some switches set otherwise.

        Raises
        ------
        InputError
            If a switch does not exist or does not take the value.
        """
        for switch in switches:
            if switch not in {f.name for f in dataclasses.fields(self)}:
                raise InputError("convention switch", switch, "one of " + ", ".join(_CHOICES))
        return dataclasses.replace(self, **switches)  # type: ignore[arg-type]

    def switches(self) -> dict[str, object]:
        """Switches and what they are set to, for printing next to a number."""
        return {switch: getattr(self, switch) for switch in _CHOICES}

    def geometry(self, B: sympy.Expr, S: sympy.Expr, L: sympy.Expr) -> Geometry:
        """Geometry of a step under this convention's rules."""
        return Geometry(
            B=B, S=S, L=L, mask=self.mask, logits=self.lm_head, embedding=self.embedding,
            experts=self.experts, latent=self.latent, run_all_experts=self.run_all_experts,
        )  # fmt: skip

    def counts(self, entry: Entry) -> bool:
        """Whether an entry counts."""
        if entry.amount == 0:
            return False
        if entry.quantity == "flops":
            return self._counts_flops(entry.kind)
        if entry.kind in ("score", "probability"):
            return self.attention == "unfused" and self.activations in (
                "matmuls", "operators", "pointwise",
            )  # fmt: skip
        if entry.kind == "kv":
            return self._counts_kv(entry)
        if entry.kind == "activation":
            return self._counts_activation(entry.scheme)
        # What is left are weights. The embedding and the LM head have two ways to be read.
        if entry.kind == "vector" and not self.vectors:
            return False
        per_weight = self.flops == "per-weight"
        return entry.scheme == "" or per_weight == (entry.scheme == "per-weight")

    def _counts_flops(self, kind: str) -> bool:
        if self.flops == "per-weight" or kind == "per-weight":
            return self.flops == kind
        if kind in ("linear", "attention"):
            return kind == "linear" or self.attention != "none"
        if kind in ("softmax", "rotary") and self.attention == "none":
            return False
        return bool(getattr(self, f"{kind}_flops"))

    def _counts_kv(self, entry: Entry) -> bool:
        if self.attention == "none" or self.kv == "none":
            return False
        if entry.access == "write":
            return self.kv == "read+write"
        return entry.scheme == "" or self.new_kv == "cached"

    def _counts_activation(self, scheme: str) -> bool:
        schemes = set(_SCHEMES[self.activations])
        if "matmuls" in schemes and self.attention != "none":
            schemes.add("attention")
            if self.new_kv == "direct":
                schemes.add("new-kv-direct")
        return scheme in schemes


def _catalogue(*conventions: Convention) -> Mapping[str, Convention]:
    return MappingProxyType({c.name: c for c in conventions})


CONVENTIONS: Mapping[str, Convention] = _catalogue(
    Convention(
        name="fused-ops",
        summary="matmul FLOPs under the exact causal mask; weights once, KV read and written, "
        "each matmul's input and output, attention fused; LM head at the last position",
    ),
    Convention(
        name="unfused-ops",
        summary="every operator's own reads and writes, scores and probabilities materialised "
        "(whole rectangles), softmax FLOPs",
        mask="full",
        attention="unfused",
        activations="operators",
        softmax_flops=True,
    ),
    Convention(
        name="framework",
        summary="FLOPs as a deep-learning framework's counter counts them: every matmul, no mask "
        "discount, LM head at all positions; bytes as unfused-ops",
        mask="full",
        attention="unfused",
        activations="operators",
        lm_head="all",
        latent="expanded",
        run_all_experts=True,
    ),
    Convention(
        name="activation-multiplier",
        summary="weights, KV, and c_act activations per token and layer; no mask discount",
        mask="full",
        activations="multiplier",
    ),
    Convention(
        name="residual-io",
        summary="weights, KV, and the residual stream in and out of each layer; no mask discount",
        mask="full",
        activations="residual",
    ),
    Convention(
        name="linear-only",
        summary="the linear layers alone: their FLOPs, weights, inputs and outputs; no attention, "
        "no KV",
        attention="none",
        kv="none",
        embedding="none",
        vectors=False,
    ),
    Convention(
        name="weights-only",
        summary="2 FLOP per weight and token; bytes: the weights, once",
        flops="per-weight",
        attention="none",
        activations="none",
        kv="none",
        embedding="none",
        lm_head="none",
    ),
)
"""The named conventions."""

DEFAULT = "fused-ops"


def convention(name: str | Convention) -> Convention:
    """Named convention; a `Convention` is returned as it is.

    Raises
    ------
    InputError
        If there is no convention of that name.

    Examples
    --------
    >>> convention("weights-only").summary
    '2 FLOP per weight and token; bytes: the weights, once'
    """
    if isinstance(name, Convention):
        return name
    if name not in CONVENTIONS:
        raise InputError("convention", name, "one of " + ", ".join(CONVENTIONS))
    return CONVENTIONS[name]
