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

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

import sympy

from roofsym.errors import InputError, nearest


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
        What it stands for, in one line, and in words: notations have other letters.
    role : str
        ``step``, ``dimension``, ``precision``, ``machine``, ``convention``, ``constant`` (of a
        model, the coefficients of closed forms), ``layer`` (dimensions of a lone linear layer),
        ``target`` (what a named result is solved for, or is given to solve for something else),
        ``quantity`` (the left-hand side of a formula) or ``notation`` (a letter of a notation,
        outside the table: see `extra`).
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
rho = _define(
    "rho", "1",
    "probability that a token leaves a given expert alone, 1 less the share that it chooses",
    "constant", text="ρ", latex=r"\rho",
)  # fmt: skip
theta = _define(
    "theta", "FLOP/token", "FLOPs per cached token to rebuild its keys and values", "constant",
    text="θ", latex=r"\theta",
)  # fmt: skip
eta = _define(
    "eta", "FLOP", "FLOPs per sequence, whatever its length (the LM head at one position)",
    "constant", text="η", latex=r"\eta",
)  # fmt: skip
w = _define("w", "B", "weight bytes read by every step (routed experts apart)", "constant")
w_x = _define("w_x", "B", "weight bytes of all routed experts", "constant", latex=r"w_{\mathrm{x}}")
kappa = _define(
    "kappa", "B/token", "KV-cache bytes read per cached token (and scores, where they travel)",
    "constant", text="κ", latex=r"\kappa",
)  # fmt: skip
kappa_w = _define(
    "kappa_w", "B/token", "KV-cache bytes read per cached token, in layers with a window",
    "constant", text="κ_w", latex=r"\kappa_{\mathrm{w}}",
)  # fmt: skip
a = _define("a", "B", "bytes per new token: activations, KV written, embedding rows", "constant")
w_held = _define(
    "w_held", "B", "bytes of all weights, held in memory", "constant",
    text="w_m", latex=r"w_{\mathrm{m}}",
)  # fmt: skip
kappa_held = _define(
    "kappa_held", "B/token", "KV-cache bytes held per token", "constant",
    text="κ_m", latex=r"\kappa_{\mathrm{m}}",
)  # fmt: skip
kappa_w_held = _define(
    "kappa_w_held", "B/token", "KV-cache bytes held per token, in layers with a window", "constant",
    text="κ_m,w", latex=r"\kappa_{\mathrm{m,w}}",
)  # fmt: skip
sigma = _define(
    "sigma", "B/token", "bytes of scores and probabilities per new token and token in view",
    "constant", text="σ", latex=r"\sigma",
)  # fmt: skip
sigma_w = _define(
    "sigma_w", "B/token",
    "bytes of scores and probabilities per new token and token in view, in layers with a window",
    "constant", text="σ_w", latex=r"\sigma_{\mathrm{w}}",
)  # fmt: skip
epsilon = _define(
    "epsilon", "B", "bytes per sequence, whatever its length", "constant",
    text="ε", latex=r"\varepsilon",
)  # fmt: skip
sent_per_token = _define(
    "sent_per_token", "B", "bytes that a device sends to others per new token", "quantity",
    text="x", latex="x",
)  # fmt: skip
sent_per_sequence = _define(
    "sent_per_sequence", "B",
    "bytes that a device sends to others per sequence, whatever its length", "quantity",
    text="x_s", latex=r"x_{\mathrm{s}}",
)  # fmt: skip
S = _define("S", "1", "new tokens per sequence", "step")
L = _define("L", "token", "tokens already cached per sequence", "step")
t = _define("t", "1", "devices that a step is divided over", "step")
gamma = _define(
    "gamma", "1", "draft tokens per sequence, verified along with one more", "step",
    text="γ", latex=r"\gamma",
)  # fmt: skip
decode_batch = _define(
    "decode_batch", "1", "sequences that decode in the same step as a prefill chunk", "step",
    text="B_d", latex=r"B_{\mathrm{d}}",
)  # fmt: skip
decode_context = _define(
    "decode_context", "token", "tokens already cached of each sequence that decodes beside a chunk",
    "step", text="L_d", latex=r"L_{\mathrm{d}}",
)  # fmt: skip
acceptance = _define(
    "acceptance", "1", "probability that a draft token is accepted, given those before it were",
    "step", text="p", latex="p",
)  # fmt: skip
draft_cost = _define(
    "draft_cost", "1", "time to draft one token per sequence, in decode steps of the model", "step",
    text="δ", latex=r"\delta",
)  # fmt: skip
c_act = _define(
    "c_act", "1", "activations moved per token and layer, in widths of the residual stream",
    "convention", latex=r"c_{\mathrm{act}}",
)  # fmt: skip

# Dimensions of the model. Layers of one kind are counted by n_layers; where a model mixes kinds,
# each has its own count.
n_layers = _define("n_layers", "1", "layers", "dimension", latex=r"n_{\mathrm{layers}}")


def _layers(name: str, meaning: str) -> sympy.Symbol:
    label = name.removeprefix("n_").replace("_", ",")
    return _define(name, "1", meaning, "dimension", latex=rf"n_{{\mathrm{{{label}}}}}")


n_global = _layers("n_global", "layers that attend to the whole context")
n_local = _layers("n_local", "layers that attend to a window or a chunk")
n_dense = _layers("n_dense", "layers with a dense feed-forward block")
n_dense_global = _layers("n_dense_global", "dense layers that attend to the whole context")
n_dense_local = _layers("n_dense_local", "dense layers that attend to a window or a chunk")
n_sparse = _layers("n_sparse", "layers with a mixture of experts")
n_sparse_global = _layers("n_sparse_global", "mixture layers that attend to the whole context")
n_sparse_local = _layers("n_sparse_local", "mixture layers that attend to a window or a chunk")
n_heads = _define("n_heads", "1", "query heads", "dimension", latex=r"n_{\mathrm{heads}}")
n_kv_heads = _define("n_kv_heads", "1", "key/value heads", "dimension", latex=r"n_{\mathrm{kv}}")
head_dim = _define("head_dim", "1", "width of one head", "dimension", latex=r"d_{\mathrm{head}}")
rotary_dim = _define(
    "rotary_dim", "1", "width of one head that is rotated", "dimension",
    latex=r"d_{\mathrm{rotary}}",
)  # fmt: skip
q_rank = _define(
    "q_rank", "1", "rank of the queries' projection", "dimension", latex=r"r_{\mathrm{q}}"
)
kv_rank = _define(
    "kv_rank", "1", "width of the latent that keys and values share", "dimension",
    latex=r"r_{\mathrm{kv}}",
)  # fmt: skip
nope_dim = _define(
    "nope_dim", "1", "width of one head's query and key without position", "dimension",
    latex=r"d_{\mathrm{nope}}",
)  # fmt: skip
rope_dim = _define(
    "rope_dim", "1", "width of the rotated key that heads share", "dimension",
    latex=r"d_{\mathrm{rope}}",
)  # fmt: skip
v_dim = _define("v_dim", "1", "width of one head's value", "dimension", latex=r"d_{\mathrm{v}}")
d_model = _define(
    "d_model", "1", "width of the residual stream", "dimension", latex=r"d_{\mathrm{model}}"
)
d_embed = _define(
    "d_embed", "1", "width of the embedding, where it is projected to another", "dimension",
    latex=r"d_{\mathrm{embed}}",
)  # fmt: skip
d_ff = _define(
    "d_ff", "1", "width of the feed-forward block", "dimension", latex=r"d_{\mathrm{ff}}"
)
n_experts = _define("n_experts", "1", "routed experts", "dimension", latex="E")
top_k = _define("top_k", "1", "experts chosen per token", "dimension", latex="k")
d_expert = _define(
    "d_expert", "1", "width of one expert", "dimension", latex=r"d_{\mathrm{expert}}"
)
d_shared = _define(
    "d_shared", "1", "width of the shared experts together", "dimension",
    latex=r"d_{\mathrm{shared}}",
)  # fmt: skip
vocab_size = _define("vocab_size", "1", "vocabulary size", "dimension", latex=r"n_{\mathrm{vocab}}")
n_positions = _define(
    "n_positions", "1", "rows of the table of learned positions", "dimension",
    latex=r"n_{\mathrm{pos}}",
)  # fmt: skip
window = _define(
    "window", "token",
    "sliding window, or length of a chunk: most positions a token attends to, itself included",
    "dimension", text="W", latex="W",
)  # fmt: skip

# A step divided over devices: what each has 1/t of, what it has for each of its KV heads, and what
# every device has whole.
_DIVIDED = (
    ("divided", "d", "that the devices divide among them, however many they are"),
    ("per_kv_head", "h", "for each KV head of a device"),
    ("whole", "0", "that every device has whole"),
)


def _divided(name: str, letter: str, unit: str, what: str) -> tuple[sympy.Symbol, ...]:
    made = []
    for share, index, meaning in _DIVIDED:
        latex = rf"{letter}_{{\mathrm{{{index}}}}}"
        row = (f"{name}_{share}", unit, f"{what} {meaning}", "quantity")
        made.append(_define(*row, text=f"{letter}_{index}", latex=latex))
    return tuple(made)


flops_divided, flops_per_kv_head, flops_whole = _divided("flops", "F", "FLOP", "FLOPs of a step")
bytes_divided, bytes_per_kv_head, bytes_whole = _divided("bytes", "Q", "B", "bytes of a step")
exchanged = _define(
    "exchanged", "B", "bytes that each of very many devices sends in a step", "quantity",
    text="X_∞", latex=r"X_{\infty}",
)  # fmt: skip

# Precision.
b_w = _define("b_w", "B", "bytes per weight", "precision", latex=r"b_{\mathrm{w}}")


def _part(name: str, meaning: str) -> sympy.Symbol:
    label = name.removeprefix("b_w_").replace("_", "-")
    return _define(
        name, "B", f"bytes per weight of {meaning}", "precision",
        text=f"b_w,{label}", latex=rf"b_{{\text{{w,{label}}}}}",
    )  # fmt: skip


b_w_embedding = _part("b_w_embedding", "the embedding")
b_w_attention = _part("b_w_attention", "the attention projections")
b_w_feed_forward = _part("b_w_feed_forward", "the feed-forward blocks and shared experts")
b_w_experts = _part("b_w_experts", "the routed experts")
b_w_router = _part("b_w_router", "the routers")
b_w_lm_head = _part("b_w_lm_head", "the LM head")
b_w_vectors = _part("b_w_vectors", "norms and biases")
scale_w = _define(
    "scale_w", "B", "bytes of scale per group of quantised weights", "precision",
    latex=r"s_{\mathrm{w}}",
)  # fmt: skip
group_w = _define(
    "group_w", "1", "quantised weights that share a scale", "precision", latex=r"g_{\mathrm{w}}"
)
scale_kv = _define(
    "scale_kv", "B", "bytes of scale per group of quantised KV elements", "precision",
    latex=r"s_{\mathrm{kv}}",
)  # fmt: skip
group_kv = _define(
    "group_kv", "1", "quantised KV elements that share a scale", "precision",
    latex=r"g_{\mathrm{kv}}",
)  # fmt: skip
b_a = _define("b_a", "B", "bytes per activation element", "precision", latex=r"b_{\mathrm{a}}")
b_kv = _define("b_kv", "B", "bytes per KV-cache element", "precision", latex=r"b_{\mathrm{kv}}")

# Quantities: names for the left-hand sides of formulas.
flops = _define("flops", "FLOP", "FLOPs of the step", "quantity", text="F", latex="F")
bytes_ = _define(
    "bytes", "B", "bytes read and written by the step", "quantity", text="Q", latex="Q"
)
link_bytes = _define(
    "link_bytes", "B", "bytes that a device sends to others in a step", "quantity", text="X",
    latex="X",
)  # fmt: skip
tokens_per_round = _define(
    "tokens_per_round", "1", "tokens per sequence gained by drafting and one verification",
    "quantity", text="ℰ", latex=r"\mathcal{E}",
)  # fmt: skip
verify_cost = _define(
    "verify_cost", "1", "time of a verification step, in decode steps", "quantity", text="v",
    latex="v",
)  # fmt: skip
_ROUND = (("verify", "v", "of a verification"), ("plain", "0", "of a decode step"))
verify_flops, plain_flops = (
    _define(f"{name}_flops", "FLOP", f"FLOPs per sequence {what}", "quantity",
            text=f"f_{index}", latex=rf"f_{{\mathrm{{{index}}}}}")
    for name, index, what in _ROUND
)  # fmt: skip
verify_bytes, plain_bytes = (
    _define(f"{name}_bytes", "B", f"bytes per sequence {what}, beside the weights", "quantity",
            text=f"q_{index}", latex=rf"q_{{\mathrm{{{index}}}}}")
    for name, index, what in _ROUND
)  # fmt: skip
allowance = _define(
    "allowance", "1", "decode steps that a verification may take and still pay", "quantity",
    text="g", latex="g",
)  # fmt: skip
limit_intensity = _define(
    "limit_intensity", "FLOP/B", "intensity that the step approaches as the batch grows",
    "quantity", text="I_∞", latex=r"I_{\infty}",
)  # fmt: skip

# What a result is solved for by default, or is given a value to solve for something else.
intensity = _define(
    "intensity", "FLOP/B", "arithmetic intensity, FLOPs over bytes", "target", text="I", latex="I"
)
time = _define("time", "s", "time of the step", "target", text="T", latex="T")
steps_per_second = _define(
    "steps_per_second", "1/s", "steps per second", "target", text="R", latex="R"
)
throughput = _define(
    "throughput", "1/s", "tokens per second, over all sequences", "target",
    text="R_tok", latex=r"R_{\mathrm{tok}}",
)  # fmt: skip
fraction = _define(
    "fraction", "1", "fraction of a limit that is reached, below 1", "target", text="f", latex="f"
)
speedup = _define("speedup", "1", "time before over time after", "target", text="s", latex="s")
compression = _define(
    "compression", "1", "factor by which quantisation divides the weight bytes", "target",
    text="c", latex="c",
)  # fmt: skip
ratio = _define("ratio", "1", "ratio of two quantities", "target", text="q", latex="q")
error = _define("error", "1", "relative error", "target", text="e", latex="e")
distinct = _define(
    "distinct",
    "1",
    "distinct experts that the step reads, expected",
    "target",
    text="n_x",
    latex=r"n_{\mathrm{x}}",
)
n_machines = _define(
    "n_machines", "1", "machines that share the step evenly, communication not counted", "target",
    text="n", latex="n",
)  # fmt: skip
elasticity = _define(
    "elasticity", "1", "relative change per relative change of a symbol", "target",
    text="D_ln", latex=r"D_{\ln}",
)  # fmt: skip

decode_flops = _define(
    "decode_flops", "FLOP", "FLOPs of the sequences that decode beside a chunk", "constant",
    text="F_dec", latex=r"F_{\mathrm{dec}}",
)  # fmt: skip
decode_bytes = _define(
    "decode_bytes", "B", "bytes of the sequences that decode beside a chunk, without weights",
    "constant", text="Q_dec", latex=r"Q_{\mathrm{dec}}",
)  # fmt: skip
n_active = _define(
    "n_active", "1", "parameters that one token uses", "constant",
    text="N_p", latex=r"N_{\mathrm{p}}",
)  # fmt: skip

critical_batch = _define(
    "critical_batch", "1", "batch from which a decode step is compute-bound", "constant",
    text="B*", latex="B^{*}",
)  # fmt: skip

# A lone linear layer: (M, K) times (K, N).
rows = _define("rows", "1", "rows of a matrix multiplication: tokens", "layer", text="M", latex="M")
in_features = _define("in_features", "1", "inputs of a linear layer", "layer", text="K", latex="K")
out_features = _define(
    "out_features", "1", "outputs of a linear layer", "layer", text="N", latex="N"
)

# What ρ is: the probability that a token leaves a given expert alone.
idle_share = 1 - top_k / n_experts

gap = _define(
    "gap", "FLOP", "stands for an expression that is positive where an equation is asked",
    "internal", text="Δ", latex=r"\Delta",
)  # fmt: skip


def extra(
    name: str, unit: str, meaning: str, *, text: str = "", latex: str = "",
    beside: sympy.Symbol | None = None, positive: bool = True, role: str = "notation",
) -> sympy.Symbol:  # fmt: skip
    """Symbol of a notation, for what the table has no symbol for: ``r`` where ``d_ff = r d_model``.

    It has a unit and a meaning like any other, and is printed; it is not one of the table's: no
    value can be bound to it. The same letter may be asked for again, by another notation. It is
    printed after all symbols of the table, or right after the one that it is put beside. What
    stands for a difference is not `positive`; what a quantity is asked to be has the role "asked".

    Raises
    ------
    InputError
        If the name is one of the table's, or stood for something else before.

    Examples
    --------
    >>> r = extra("r", "1", "width of the feed-forward block over that of the residual stream")
    >>> info(r).role
    'notation'
    """
    symbol = sympy.Symbol(name, **{"positive" if positive else "real": True})
    row = SymbolInfo(name, text or name, latex or name, unit, meaning, role, symbol)
    known = _BY_SYMBOL.setdefault(symbol, row)
    if known != row:
        accepted = f"a new name: {name} is {known.meaning}, printed {known.text} [{known.unit}]"
        raise InputError("extra symbol", f"{name}: {meaning}", accepted)
    if beside is not None:
        _RANK[symbol] = rank(beside) + 0.5
        _BESIDE[symbol] = beside
    return symbol


_BESIDE: dict[sympy.Symbol, sympy.Symbol] = {}


def kind(factor: sympy.Expr) -> sympy.Expr:
    """What a factor is grouped like in print: of an `extra` symbol, the one that it is beside.

    Examples
    --------
    >>> kind(extra("n_blocks", "1", "layers, of all kinds", beside=n_layers))
    n_layers
    """
    return _BESIDE.get(factor, factor)


def code_latex(name: str) -> str:
    r"""LaTeX of a name in a program or a file.

    Examples
    --------
    >>> print(code_latex("n_layer"))
    \mathtt{n\_layer}
    """
    return r"\mathtt{" + name.replace("_", r"\_") + "}"


def marked(latex: str, mark: str) -> str:
    """LaTeX of a symbol with a mark: a second subscript is put into the first one's braces."""
    if mark.startswith("_") and latex.endswith("}") and "_{" in latex:
        return f"{{{latex}}}{mark}"
    return latex + mark


def names(*roles: str) -> tuple[str, ...]:
    """Names of all symbols, or of those with one of the given roles.

    Examples
    --------
    >>> names("convention")
    ('c_act',)
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


ALSO: Mapping[sympy.Symbol, tuple[str, ...]] = MappingProxyType(
    {
        ridge: ("ridge point", "machine balance", "ops:byte ratio", "critical intensity"),
        peak: ("dense peak", "peak FLOP/s"),
        bandwidth: ("memory bandwidth", "HBM bandwidth"),
        capacity: ("memory", "HBM", "VRAM"),
        link_bandwidth: ("interconnect bandwidth", "NVLink"),
        B: ("batch", "batch size", "concurrency", "sequences"),
        S: ("prompt", "prompt length", "new tokens", "sequence length", "seq length"),
        L: ("context", "context length", "cached tokens", "past", "sequence length", "seq length"),
        t: ("degree", "TP", "TP size", "tensor parallel", "tensor-parallel size",
            "model-parallel size", "devices", "GPUs", "world size"),
        gamma: ("draft", "draft tokens", "speculative tokens"),
        acceptance: ("acceptance rate",),
        draft_cost: ("cost coefficient",),
        c_act: ("activation multiplier",),
        n_layers: ("hidden layers", "depth"),
        n_heads: ("attention heads",),
        n_kv_heads: ("key/value heads", "KV groups"),
        head_dim: ("head size",),
        top_k: ("experts per token", "active experts"),
        d_model: ("hidden size", "hidden dim", "hidden state", "model dim", "embedding size"),
        d_ff: ("intermediate size", "feed-forward size", "FFN size"),
        n_experts: ("routed experts",),
        vocab_size: ("vocabulary",),
        window: ("sliding window", "local attention"),
        b_w: ("weight precision",),
        b_a: ("activation precision",),
        b_kv: ("KV precision",),
        intensity: ("arithmetic intensity", "operational intensity", "ops:byte of a workload"),
        time: ("latency", "TTFT", "time to first token", "prefill latency", "TPOT", "ITL",
               "time per output token", "inter-token latency", "time between tokens"),
        throughput: ("tokens per second",),
        compression: ("quantisation factor",),
        error: ("tolerance",),
        n_machines: ("machines", "nodes", "devices", "GPUs"),
    }
)  # fmt: skip
"""What symbols are called elsewhere: who asks for one so is told its name."""

# More names than this in a message are no help: then the nearest ones; of more than a few, names
# alone.
_LISTED, _EXPLAINED = 24, 5
# What names of the same thing differ in: n_layers, num_layers, layer_count.
_COUNTING = re.compile(r"^(?:n|num|number_of)_|_(?:size|degree|count)$")


def lookup(name: str, field: str = "symbol", allowed: Iterable[str] | None = None) -> sympy.Symbol:
    """Symbol with the given Python name, or with a letter that stands for nothing else.

    Parameters
    ----------
    name : str
        Python name of the symbol, or how it is printed: unless another symbol is printed so in a
        notation, or its name differs in case alone.
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
    >>> lookup("L") is L, lookup("B_d") is decode_batch
    (True, True)
    >>> lookup("tensor-parallel-size")
    Traceback (most recent call last):
    ...
    roofsym.errors.InputError: symbol: got 'tensor-parallel-size'; accepted: t (devices that a ...
    """
    accepted = tuple(TABLE) if allowed is None else tuple(allowed)
    if name in accepted:
        return TABLE[name].symbol
    meant = _meant(name)
    leads = [TABLE[n] for n in accepted if TABLE[n].symbol in meant]
    if len(meant) == len(leads) == 1 and name in (leads[0].text, leads[0].latex):
        return leads[0].symbol
    if len(accepted) <= _LISTED:
        raise InputError(field, name, f"one of {', '.join(accepted)}")
    if leads:
        few = len(leads) <= _EXPLAINED
        told = [f"{row.name} ({row.meaning})" if few else row.name for row in leads]
        raise InputError(field, name, ("one of " if len(told) > 1 else "") + ", ".join(told))
    every = f"one of {len(accepted)} names (roofsym list symbols)"
    if name in TABLE:
        every += f"; {name} follows from others"
    elif near := nearest(name, accepted, 8):
        every += f"; near it: {', '.join(near)}"
    raise InputError(field, name, every)


def _meant(word: str) -> set[sympy.Symbol]:
    """Symbols that are printed so in some notation, or called so: all those of a machine.

    Examples
    --------
    >>> _meant("hidden_size"), _meant("batch"), _meant("I*")
    ({d_model}, {B}, {ridge})
    >>> bandwidth in _meant("machine"), _meant("num_gpus") == {t, n_machines}
    (True, True)
    """
    # Notations know symbols, not the other way round; looked up when a name is refused.
    from roofsym.render.notation import NOTATIONS

    role, core = "dimension" if word == "model" else word, _core(word)
    found = {
        row.symbol
        for row in TABLE.values()
        if row.role not in ("quantity", "internal")
        and (word in (row.text, row.latex) or row.role == role
             or core in map(_core, (row.name, *ALSO.get(row.symbol, ()))))
    }  # fmt: skip
    return found | {TABLE[n].symbol for x in NOTATIONS.values()
                    for n, (text, _) in x.letters.items() if text == word}  # fmt: skip


def _core(word: str) -> str:
    """What is left of a name without what names of the same thing differ in.

    Examples
    --------
    >>> _core("num_gpus"), _core("Tensor-Parallel Size"), _core("seq_len"), _core("S")
    ('gpu', 'tensor_parallel', 'seq_length', 's')
    """
    plain = re.sub(r"[\W_]+", "_", word.lower()).strip("_")
    core = _COUNTING.sub("", re.sub(r"_len$", "_length", plain))
    return core.removesuffix("s") or core


def rank(symbol: sympy.Symbol) -> float:
    """Position of a symbol in the table: the order in which factors and terms are printed."""
    # Not the length of the ranks, which grow with every symbol that is put beside another.
    return _RANK.get(symbol, len(_BY_NAME))


_RANK: dict[sympy.Symbol, float] = {
    row.symbol: position for position, row in enumerate(_BY_NAME.values())
}
