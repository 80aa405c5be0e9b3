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
    """

    B: sympy.Expr = sy.B
    S: sympy.Expr = sy.S
    L: sympy.Expr = sy.L
    mask: str = "causal"
    logits: str = "last"
    embedding: str = "gathered"

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

    def cached(self, window: sympy.Expr | None = None) -> sympy.Expr:
        """Cached positions per sequence that the new tokens read.

        A window of ``W`` positions includes the token itself, so that the first new token sees at
        most ``W − 1`` cached ones and later ones see fewer.
        """
        return self.L if window is None else sympy.Min(self.L, window - 1)

    def rectangle(self, window: sympy.Expr | None = None) -> sympy.Expr:
        """Entries of the score matrix of one head and sequence, masked ones included."""
        return self.S * (self.cached(window) + self.S)

    def pairs(self, window: sympy.Expr | None = None) -> sympy.Expr:
        """Pairs of query and key per head and sequence that cost attention FLOPs."""
        if self.mask == "full":
            return self.rectangle(window)
        if window is not None:
            return self._windowed_pairs(window)
        own = self.S if self.mask == "causal-half" else self.S + 1
        return self.S * (self.L + own / 2)

    def _windowed_pairs(self, window: sympy.Expr) -> sympy.Expr:
        # Σ_{i=1..S} min(L + i, W), exactly, for whole S, L and W. What the window cuts off the
        # causal count is a triangle that starts at L + 1 = W, less the part of it beyond S.
        if self.S == 1:
            return self.cached(window) + 1
        causal = self.S * (self.L + (self.S + 1) / 2)
        beyond = sympy.Max(0, self.L + self.S - window)
        before = sympy.Max(0, self.L - window)
        return causal - beyond * (beyond + 1) / 2 + before * (before + 1) / 2
