"""Notations: the same equations in other letters.

A notation is data: for some symbols of the table, how another document writes them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

import sympy

from roofsym import symbols as sy
from roofsym.errors import InputError


@dataclass(frozen=True)
class Notation:
    """How symbols are written.

    Attributes
    ----------
    name : str
        Name of the notation.
    summary : str
        Where it comes from.
    letters : mapping of str to (str, str)
        Plain text and LaTeX by symbol name; symbols that are not listed keep their own.
    """

    name: str
    summary: str = ""
    letters: Mapping[str, tuple[str, str]] = field(default_factory=dict)

    def text(self, symbol: sympy.Symbol) -> str:
        """Plain text of a symbol."""
        row = sy.info(symbol)
        return self.letters.get(row.name, (row.text, ""))[0]

    def latex(self, symbol: sympy.Symbol) -> str:
        """LaTeX of a symbol."""
        row = sy.info(symbol)
        return self.letters.get(row.name, ("", row.latex))[1]


def _key(name: str) -> tuple[str, str]:
    return name, r"\mathtt{" + name.replace("_", r"\_") + "}"


NOTATIONS: Mapping[str, Notation] = MappingProxyType(
    {
        "roofsym": Notation("roofsym", "the package's own letters"),
        "hugging-face": Notation(
            "hugging-face",
            "dimensions by the keys of a Hugging Face config.json",
            {
                "n_layers": _key("num_hidden_layers"),
                "d_model": _key("hidden_size"),
                "n_heads": _key("num_attention_heads"),
                "n_kv_heads": _key("num_key_value_heads"),
                "head_dim": _key("head_dim"),
                "d_ff": _key("intermediate_size"),
                "vocab_size": _key("vocab_size"),
                "window": _key("sliding_window"),
            },
        ),
        "scaling-book": Notation(
            "scaling-book",
            "the letters of How To Scale Your Model (Austin et al., 2025); its n_layers is L, so "
            "the cached context is written T and the new tokens s",
            {
                "S": ("s", "s"),
                "L": ("T", "T"),
                "n_layers": ("L", "L"),
                "d_model": ("D", "D"),
                "n_heads": ("N", "N"),
                "n_kv_heads": ("K", "K"),
                "head_dim": ("H", "H"),
                "d_ff": ("F", "F"),
                "vocab_size": ("V", "V"),
                "flops": ("FLOPs", r"\mathrm{FLOPs}"),
                "time": ("t", "t"),
                "speedup": ("x", "x"),
                "in_features": ("D_in", r"D_{\mathrm{in}}"),
                "out_features": ("D_out", r"D_{\mathrm{out}}"),
            },
        ),
    }
)
"""The named notations."""

DEFAULT = NOTATIONS["roofsym"]


def notation(name: str | Notation) -> Notation:
    """Named notation; a `Notation` is returned as it is.

    Raises
    ------
    InputError
        If there is no notation of that name.

    Examples
    --------
    >>> from roofsym.symbols import d_model
    >>> notation("scaling-book").latex(d_model)
    'D'
    """
    if isinstance(name, Notation):
        return name
    if name not in NOTATIONS:
        raise InputError("notation", name, "one of " + ", ".join(NOTATIONS))
    return NOTATIONS[name]
