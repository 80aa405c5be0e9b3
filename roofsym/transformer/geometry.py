"""How large one step is: tokens, attended pairs, cached positions, rows of logits.

Operators state their entries in these terms; a convention chooses between the rules. A phase puts
numbers or expressions in the place of ``B``, ``S`` and ``L`` before any entry is made, so there is
one formula per operator whatever the phase.
"""

from __future__ import annotations

from dataclasses import dataclass

import sympy

from roofsym import symbols as sy

MASKS = ("full", "causal", "causal-half")
LOGITS = ("none", "last", "all")
EMBEDDINGS = ("none", "gathered", "streamed")
EXPERTS = ("expected", "one-token", "all")
LATENT = ("absorbed", "expanded")


@dataclass(frozen=True)
class Window:
    """What part of the context a layer attends to.

    Attributes
    ----------
    width : sympy.Expr
        Positions that a token attends to, itself included.
    chunked : bool
        Whether the window is a fixed chunk that the position falls into, rather than sliding.
    """

    width: sympy.Expr = sy.window
    chunked: bool = False


Span = Window | None


@dataclass(frozen=True, kw_only=True)
class Geometry:
    """One step of ``B`` sequences with ``S`` new tokens on top of ``L`` cached ones.

    Attributes
    ----------
    B, S, L : sympy.Expr
        The step.
    mask : str
        Which pairs of query and key cost attention FLOPs. ``full``: the whole rectangle
        ``S (L + S)``; ``causal``: exactly those that the mask lets through; ``causal-half``: the
        continuum version ``S L + S²/2``.
    logits : str
        At how many positions per sequence the LM head runs: ``none``, ``last`` or ``all``.
    embedding : str
        What is read of the embedding: ``none``, the rows ``gathered``, or the whole table
        ``streamed``.
    experts : str
        How many distinct experts a step reads: ``expected`` under uniform routing, or one of its
        limits, ``one-token`` (a single token's) and ``all`` (many tokens).
    latent : str
        How multi-head latent attention runs: ``absorbed`` (in latent space) or ``expanded`` (keys
        and values rebuilt for the whole context).
    run_all_experts : bool
        Whether models whose reference implementation sends every token through every expert are
        counted so.
    """

    B: sympy.Expr = sy.B
    S: sympy.Expr = sy.S
    L: sympy.Expr = sy.L
    mask: str = "causal"
    logits: str = "last"
    embedding: str = "gathered"
    experts: str = "expected"
    latent: str = "absorbed"
    run_all_experts: bool = False

    @property
    def tokens(self) -> sympy.Expr:
        """New tokens in the step."""
        return self.B * self.S

    @property
    def logit_rows(self) -> sympy.Expr:
        """Rows of logits that the LM head computes."""
        return {"none": sympy.S.Zero, "last": self.B, "all": self.tokens}[self.logits]

    def embedding_rows(self, vocab_size: sympy.Expr) -> sympy.Expr:
        """Rows of the embedding table that are read."""
        return {"none": sympy.S.Zero, "gathered": self.tokens, "streamed": vocab_size}[
            self.embedding
        ]

    def distinct_experts(self, n_experts: sympy.Expr, top_k: sympy.Expr) -> sympy.Expr:
        """Distinct experts that the step's tokens choose.

        With uniform routing a token leaves a given expert alone with probability ``1 − k/E``,
        ``T`` tokens with that to the power ``T``.
        """
        if self.experts == "one-token":
            return top_k
        if self.experts == "all":
            return n_experts
        return n_experts * (1 - (1 - top_k / n_experts) ** self.tokens)

    def cached(self, span: Span = None) -> sympy.Expr:
        """Cached positions per sequence that the new tokens read.

        A window of ``W`` positions includes the token itself, so that the first new token sees at
        most ``W − 1`` cached ones and later ones see fewer. Of a chunk, the first new token sees
        what precedes it in its chunk.
        """
        if span is None or self.L == 0:
            return self.L
        if span.chunked:
            return self.L - span.width * sympy.floor(self.L / span.width)
        return sympy.Min(self.L, span.width - 1)

    def rectangle(self, span: Span = None) -> sympy.Expr:
        """Entries of the score matrix of one head and sequence, masked ones included.

        An implementation that keeps whole rectangles keeps the last ``W − 1`` positions of a
        chunked layer, too, and leaves the chunk's border to the mask.
        """
        kept = self.cached(span) if span is None else self.cached(Window(span.width))
        return self.S * (kept + self.S)

    def pairs(self, span: Span = None) -> sympy.Expr:
        """Pairs of query and key per head and sequence that cost attention FLOPs."""
        if self.mask == "full":
            return self.rectangle(span)
        if span is None:
            own = self.S if self.mask == "causal-half" else self.S + 1
            return self.S * (self.L + own / 2)
        return self._chunked(span.width) if span.chunked else self._windowed(span.width)

    def _windowed(self, window: sympy.Expr) -> sympy.Expr:
        # Σ_{i=1..S} min(L + i, W), exactly, for whole S, L and W. What the window cuts off the
        # causal count is a triangle that starts at L + 1 = W, less the part of it beyond S.
        if self.S == 1:
            return self.cached(Window(window)) + 1
        causal = self.S * (self.L + (self.S + 1) / 2)
        beyond = sympy.Max(0, self.L + self.S - window)
        before = sympy.Max(0, self.L - window)
        return causal - beyond * (beyond + 1) / 2 + before * (before + 1) / 2

    def _chunked(self, width: sympy.Expr) -> sympy.Expr:
        # The token at position p (from 0) sees (p mod C) + 1 positions. Summed over p < n, that is
        # q whole triangles and one of r rows, with n = q C + r.
        if self.S == 1:
            return self.cached(Window(width, chunked=True)) + 1

        def below(n: sympy.Expr) -> sympy.Expr:
            whole = sympy.floor(n / width)
            rest = n - whole * width
            return whole * width * (width + 1) / 2 + rest * (rest + 1) / 2

        return below(self.L + self.S) - below(self.L)
