"""What a transformer is made of, operator by operator, and the numbers of a model."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import sympy

from roofsym import symbols as sy
from roofsym import units, values
from roofsym.errors import InputError
from roofsym.transformer.geometry import Geometry, Window
from roofsym.transformer.structure import (
    LINEAR,
    PRECISIONS,
    Attention,
    FeedForward,
    LatentAttention,
    LayerGroup,
    Mixture,
    Structure,
)

__all__ = [
    "Attention",
    "FeedForward",
    "Geometry",
    "LatentAttention",
    "LayerGroup",
    "Mixture",
    "Structure",
    "Transformer",
    "Window",
]


@dataclass(frozen=True, init=False)
class Transformer:
    """A decoder-only transformer: its structure in symbols, and what is known of the symbols.

    Parameters
    ----------
    structure : Structure, optional
        Which operators there are. A dense decoder with grouped-query attention, gated
        feed-forward and separate LM head if not given.
    name : str
        Name to print.
    dtype : str, optional
        The dtype of the checkpoint, as the config names it: the default of ``--dtype``.
    config_keys : mapping of str to (str or sympy.Expr), optional
        By symbol name, the key of the config that it was read from, or what it is made of, which
        may be in letters for other keys: for the notation ``hugging-face``.
    **dimensions : int or sympy.Expr
        Dimensions by symbol name: ``n_layers``, ``d_model``, ``n_heads``, ``n_kv_heads``,
        ``head_dim``, ``d_ff``, ``vocab_size``. What is not given stays symbolic.

    Raises
    ------
    InputError
        If a dimension is unknown or not positive.

    Examples
    --------
    >>> Transformer().kv_bytes_per_token
    2*b_kv*head_dim*n_kv_heads*n_layers
    >>> Transformer(n_layers=32, n_kv_heads=8, head_dim=128).kv_bytes_per_token
    65536*b_kv
    """

    structure: Structure
    name: str
    dtype: str | None
    values: Mapping[sympy.Symbol, sympy.Expr] = field(hash=False)
    config_keys: Mapping[str, str | sympy.Expr] = field(compare=False, repr=False)

    def __init__(
        self,
        structure: Structure | None = None,
        *,
        name: str = "transformer",
        dtype: str | None = None,
        config_keys: Mapping[str, str | sympy.Expr] | None = None,
        **dimensions: object,
    ) -> None:
        structure = structure or Structure()
        allowed = [n for n in sy.TABLE if sy.TABLE[n].symbol in structure.symbols]
        object.__setattr__(self, "structure", structure)
        object.__setattr__(self, "name", name)
        object.__setattr__(self, "dtype", dtype)
        object.__setattr__(self, "config_keys", dict(config_keys or {}))
        object.__setattr__(self, "values", values.bindings(dimensions, allowed=allowed))
        self._agree()

    def _agree(self) -> None:
        heads, kv_heads, experts, chosen = (
            self.values.get(s) for s in (sy.n_heads, sy.n_kv_heads, sy.n_experts, sy.top_k)
        )
        if heads is not None and kv_heads is not None and (heads / kv_heads).is_Integer is False:
            raise InputError("n_kv_heads", str(kv_heads), f"a divisor of n_heads = {heads}")
        if experts is not None and chosen is not None and (experts - chosen).is_negative:
            raise InputError("top_k", str(chosen), f"at most n_experts = {experts}")

    @classmethod
    def from_config(cls, config: str | os.PathLike[str] | Mapping[str, Any]) -> Transformer:
        """Model described by a Hugging Face ``config.json``.

        Parameters
        ----------
        config : path or mapping
            The file, the folder that holds it, or its parsed content.

        Raises
        ------
        InputError
            If the file cannot be read, a field is missing or malformed, or the config asks for
            something that the cost model does not know; the message names the field.

        Examples
        --------
        >>> m = Transformer.from_config({
        ...     "model_type": "llama", "hidden_size": 4096, "intermediate_size": 14336,
        ...     "num_hidden_layers": 32, "num_attention_heads": 32, "num_key_value_heads": 8,
        ...     "vocab_size": 128256, "hidden_act": "silu"})
        >>> m.parameters
        8030261248
        """
        # The reader knows the transformer; imported here so that the arrow of imports stays one-way
        # for everybody who does not read files.
        from roofsym.catalog import huggingface

        return huggingface.read(config)

    def at(self, **dimensions: object) -> Transformer:
        """Model with some dimensions set otherwise.

        Raises
        ------
        InputError
            If a dimension is unknown or not positive, or two contradict each other: query heads
            that key/value heads do not divide, more chosen experts than there are.

        Examples
        --------
        >>> Transformer(n_layers=32, n_kv_heads=8).at(n_kv_heads=4).values
        {n_layers: 32, n_kv_heads: 4}
        """
        return self._with(self.structure, **dimensions)

    def with_precisions(self, names: Iterable[str]) -> Transformer:
        """Model in which some groups of weights have a precision of their own.

        Parameters
        ----------
        names : iterable of str
            Names of symbols, of which those of precisions count: ``b_w_lm_head`` and the like
            give that group bytes per weight of its own; ``group_w`` or ``scale_w`` give all linear
            layers scales, ``group_kv`` or ``scale_kv`` the KV cache.

        Examples
        --------
        >>> m = Transformer().with_precisions(["b_w_lm_head", "group_kv"])
        >>> m.kv_bytes_per_token
        2*head_dim*n_kv_heads*n_layers*(b_kv + scale_kv/group_kv)
        """
        wanted = set(names)
        own = {p for p in PRECISIONS if f"b_w_{p}" in wanted}
        structure = dataclasses.replace(
            self.structure,
            own_precision=self.structure.own_precision | own,
            scaled=self.structure.scaled | (LINEAR if wanted & {"group_w", "scale_w"} else set()),
            scaled_kv=self.structure.scaled_kv or bool(wanted & {"group_kv", "scale_kv"}),
        )
        return self._with(structure)

    def _with(self, structure: Structure, **dimensions: object) -> Transformer:
        known = {symbol.name: value for symbol, value in self.values.items()}
        return Transformer(
            structure, name=self.name, dtype=self.dtype, config_keys=self.config_keys,
            **{**known, **dimensions},
        )  # fmt: skip

    @property
    def parameters(self) -> sympy.Expr:
        """Number of parameters, embeddings, norms and biases included, tied tensors once."""
        return self.structure.parameters.xreplace(dict(self.values))

    @property
    def active_parameters(self) -> sympy.Expr:
        """Number of parameters that one token uses: all but the experts it is not routed to."""
        return self.structure.active_parameters.xreplace(dict(self.values))

    @property
    def kv_bytes_per_token(self) -> sympy.Expr:
        """Bytes that one token takes in the KV cache of all layers."""
        per_token = units.require(self.structure.cached_bytes_per_token, "B/token", "KV per token")
        return per_token.xreplace(dict(self.values))

    def memory_footprint(
        self, B: sympy.Expr = sy.B, S: sympy.Expr = sy.S, L: sympy.Expr = sy.L
    ) -> sympy.Expr:
        """Bytes held in memory after a step: all weights, and the KV cache of ``L + S`` tokens.

        Working memory for activations is not part of it: it depends on the implementation.

        Examples
        --------
        >>> from roofsym.symbols import L
        >>> m = Transformer(n_layers=2, d_model=8, n_heads=2, n_kv_heads=1, head_dim=4, d_ff=16,
        ...                 vocab_size=32)
        >>> m.memory_footprint(B=1, S=1)
        16*b_kv*(L + 1) + 1704*b_w
        """
        step = (("B", B), ("S", S), ("L", L))
        held = self.structure.held(*(values.expression(x, name) for name, x in step))
        total = units.require(sympy.Add(*(e.total for e in held)), "B", "memory")
        return total.xreplace(dict(self.values))
