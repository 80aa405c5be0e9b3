"""Every symbol, once: Python name, text, LaTeX, unit and meaning.

Nothing else in the package calls ``sympy.Symbol``. All symbols are ``positive=True`` and nothing
more: ``integer=True`` would make solvers drop crossovers that fall between two integers, and a
symbol made elsewhere without the same assumptions is a different symbol that ``xreplace`` ignores.

A symbol's unit is written over FLOP, byte (``B``), second (``s``), token and dollar; ``1`` marks a
count (sequences, new tokens, layers, widths). ``token`` is a token of context: what ``L`` counts.
New tokens are a count, so that the constants per new token (``φ``, ``a``) keep their units when a
decode step puts 1 in the place of ``S``.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

import sympy

from roofsym.errors import InputError


@dataclass(frozen=True)
class SymbolInfo:
    """One row of the symbol table.

    Attributes
    ----------
    name : str
        The Python name: keyword of compiled functions, and what ``--set`` takes.
    text : str
        How the symbol is printed in plain text.
    latex : str
        How the symbol is printed in LaTeX.
    unit : str
        Its unit, over FLOP, B, s, token and $; ``1`` for a count.
    meaning : str
        What it stands for, in one line.
    role : str
        ``step``, ``dimension``, ``precision``, ``machine``, ``convention``, ``constant`` (of a
        model, the coefficients of closed forms) or ``quantity`` (the left-hand side of a formula).
    symbol : sympy.Symbol
        The symbol itself.
    """

    name: str
    text: str
    latex: str
    unit: str
    meaning: str
    role: str
    symbol: sympy.Symbol


_BY_NAME: dict[str, SymbolInfo] = {}
_BY_SYMBOL: dict[sympy.Symbol, SymbolInfo] = {}

TABLE: Mapping[str, SymbolInfo] = MappingProxyType(_BY_NAME)
"""The symbol table, by Python name, in the order in which symbols are listed and printed."""


def _define(
    name: str, unit: str, meaning: str, role: str, *, text: str = "", latex: str = ""
) -> sympy.Symbol:
    symbol = sympy.Symbol(name, positive=True)
    entry = SymbolInfo(name, text or name, latex or name, unit, meaning, role, symbol)
    _BY_NAME[name] = entry
    _BY_SYMBOL[symbol] = entry
    return symbol


# The order of the table is the order in which factors and terms are printed: I* w, B κ L, α S².
# Machine.
ridge = _define(
    "ridge", "FLOP/B", "ridge point of the machine, peak/bandwidth", "machine",
    text="I*", latex=r"I^{*}",
)  # fmt: skip
peak = _define("peak", "FLOP/s", "peak dense compute rate", "machine", text="π", latex=r"\pi")
bandwidth = _define("bandwidth", "B/s", "memory bandwidth", "machine", text="β", latex=r"\beta")
capacity = _define("capacity", "B", "memory capacity", "machine", text="C", latex="C")
link_bandwidth = _define(
    "link_bandwidth", "B/s", "link bandwidth of one device, one direction", "machine",
    text="β_link", latex=r"\beta_{\mathrm{link}}",
)  # fmt: skip

# The step, and the constants of a model: the coefficients of its closed forms, each with a meaning.
B = _define("B", "1", "sequences in the step", "step")
phi = _define(
    "phi", "FLOP", "FLOPs per new token that do not depend on the context", "constant",
    text="φ", latex=r"\varphi",
)  # fmt: skip
alpha = _define(
    "alpha", "FLOP/token", "attention FLOPs per new token and token attended to", "constant",
    text="α", latex=r"\alpha",
)  # fmt: skip
alpha_w = _define(
    "alpha_w", "FLOP/token",
    "attention FLOPs per new token and token attended to, in layers with a window", "constant",
    text="α_w", latex=r"\alpha_{\mathrm{w}}",
)  # fmt: skip
eta = _define(
    "eta", "FLOP", "FLOPs per sequence, whatever its length (the LM head at one position)",
    "constant", text="η", latex=r"\eta",
)  # fmt: skip
w = _define("w", "B", "weight bytes read by the step", "constant")
kappa = _define(
    "kappa", "B/token", "KV-cache bytes read per cached token (and scores, where they travel)",
    "constant", text="κ", latex=r"\kappa",
)  # fmt: skip
kappa_w = _define(
    "kappa_w", "B/token", "KV-cache bytes read per cached token, in layers with a window",
    "constant", text="κ_w", latex=r"\kappa_{\mathrm{w}}",
)  # fmt: skip
a = _define("a", "B", "bytes per new token: activations, KV written, embedding rows", "constant")
sigma = _define(
    "sigma", "B/token", "bytes of scores and probabilities per new token and token in view",
    "constant", text="σ", latex=r"\sigma",
)  # fmt: skip
epsilon = _define(
    "epsilon", "B", "bytes per sequence, whatever its length", "constant",
    text="ε", latex=r"\varepsilon",
)  # fmt: skip
S = _define("S", "1", "new tokens per sequence", "step")
L = _define("L", "token", "tokens already cached per sequence", "step")
gamma = _define(
    "gamma", "1", "draft tokens per sequence (verification runs S = γ + 1)", "step",
    text="γ", latex=r"\gamma",
)  # fmt: skip
c_act = _define(
    "c_act", "1", "activations moved per token and layer, in units of d_model", "convention",
    latex=r"c_{\mathrm{act}}",
)  # fmt: skip

# Dimensions of the model.
n_layers = _define("n_layers", "1", "layers", "dimension", latex=r"n_{\mathrm{layers}}")
n_heads = _define("n_heads", "1", "query heads", "dimension", latex=r"n_{\mathrm{heads}}")
n_kv_heads = _define("n_kv_heads", "1", "key/value heads", "dimension", latex=r"n_{\mathrm{kv}}")
head_dim = _define("head_dim", "1", "width of one head", "dimension", latex=r"d_{\mathrm{head}}")
d_model = _define(
    "d_model", "1", "width of the residual stream", "dimension", latex=r"d_{\mathrm{model}}"
)
d_ff = _define(
    "d_ff", "1", "width of the feed-forward block", "dimension", latex=r"d_{\mathrm{ff}}"
)
vocab_size = _define("vocab_size", "1", "vocabulary size", "dimension", latex=r"n_{\mathrm{vocab}}")
window = _define(
    "window", "token", "sliding window: positions a token attends to, itself included",
    "dimension", text="W", latex="W",
)  # fmt: skip

# Precision.
b_w = _define("b_w", "B", "bytes per weight", "precision", latex=r"b_{\mathrm{w}}")
b_a = _define("b_a", "B", "bytes per activation element", "precision", latex=r"b_{\mathrm{a}}")
b_kv = _define("b_kv", "B", "bytes per KV-cache element", "precision", latex=r"b_{\mathrm{kv}}")

# Quantities: names for the left-hand sides of formulas.
flops = _define("flops", "FLOP", "FLOPs of the step", "quantity", text="F", latex="F")
bytes_ = _define(
    "bytes", "B", "bytes read and written by the step", "quantity", text="Q", latex="Q"
)
intensity = _define(
    "intensity", "FLOP/B", "arithmetic intensity of the step, F/Q", "quantity", text="I", latex="I"
)
limit_intensity = _define(
    "limit_intensity", "FLOP/B", "intensity that the step approaches as the batch grows",
    "quantity", text="I_∞", latex=r"I_{\infty}",
)  # fmt: skip
steps_per_second = _define(
    "steps_per_second", "1/s", "steps per second", "quantity", text="R", latex="R"
)

root = _define(
    "root", "1", "stands for a square root while a solution is verified", "internal",
    text="r", latex="r",
)  # fmt: skip


def names(*roles: str) -> tuple[str, ...]:
    """Names of all symbols, or of those with one of the given roles.

    Examples
    --------
    >>> names("precision")
    ('b_w', 'b_a', 'b_kv')
    """
    return tuple(i.name for i in TABLE.values() if not roles or i.role in roles)


def info(symbol: sympy.Symbol) -> SymbolInfo:
    """Row of the table that describes a symbol.

    Raises
    ------
    InputError
        If the symbol is not one of the table's (a ``sympy.Symbol('B')`` made elsewhere is not the
        ``B`` of this package, whatever it prints as).

    Examples
    --------
    >>> info(b_kv).meaning
    'bytes per KV-cache element'
    """
    try:
        return _BY_SYMBOL[symbol]
    except KeyError:
        raise InputError(
            "symbol", symbol, "a symbol of roofsym.symbols (same name is not the same symbol)"
        ) from None


def lookup(name: str, field: str = "symbol", allowed: Iterable[str] | None = None) -> sympy.Symbol:
    """Symbol with the given Python name.

    Parameters
    ----------
    name : str
        Python name of the symbol.
    field : str
        What is being read, for the error message.
    allowed : iterable of str, optional
        Names that are accepted here; all names of the table if not given.

    Raises
    ------
    InputError
        If there is no such symbol, or it is not one of `allowed`.

    Examples
    --------
    >>> lookup("L") is L
    True
    """
    accepted = tuple(TABLE) if allowed is None else tuple(allowed)
    if name not in accepted:
        raise InputError(field, name, "one of " + ", ".join(accepted))
    return TABLE[name].symbol


def rank(symbol: sympy.Symbol) -> int:
    """Position of a symbol in the table: the order in which factors and terms are printed."""
    return _RANK.get(symbol, len(_RANK))


_RANK = {row.symbol: position for position, row in enumerate(_BY_NAME.values())}
