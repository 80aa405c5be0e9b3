"""Results on prefill: attention against linear work, the 2N rule, chunks, time to first token."""

from __future__ import annotations

import dataclasses

import sympy

from roofsym import symbols as sy
from roofsym.derivation import Label
from roofsym.errors import InputError
from roofsym.hardware import Machine
from roofsym.ledger import Ledger
from roofsym.results.decode import weights_of_every_step
from roofsym.results.parts import (
    ATTENTION_FLOPS,
    LINEAR_FLOPS,
    OTHER_BYTES,
    RULE_FLOPS,
    WEIGHTS_READ,
)
from roofsym.results.question import (
    MET,
    MISSED,
    STEP,
    Inquiry,
    Question,
    Result,
    Unknown,
    answers,
    one_token,
)

ATTENTION_OVERTAKES_LINEAR = Question(
    name="attention-overtakes-linear",
    title="prompt length at which attention FLOPs overtake linear FLOPs",
    label=Label("S*", "S^{*}"), phases=("prefill",), needs=(STEP,),
    left="the FLOP count of attention", right="the FLOP count of linear layers",
    symbol=sy.S, last="last length at which linear FLOPs dominate",
)  # fmt: skip


@answers(ATTENTION_OVERTAKES_LINEAR)
def attention_overtakes_linear(ledger: Ledger, symbol: Unknown = None) -> Result:
    """Prompt length at which attention costs more FLOPs than the linear layers.

    Returns
    -------
    Result
        The length in tokens.

    Raises
    ------
    InputError
        If the convention does not count attention FLOPs.

    Examples
    --------
    >>> import roofsym as rs
    >>> x = attention_overtakes_linear(rs.step(rs.Transformer(), convention="framework"))
    >>> x.general.value
    phi/alpha
    """
    q = Inquiry.of(ATTENTION_OVERTAKES_LINEAR, ledger, None, symbol)
    kinds = {e.kind for e in q.ledger.entries}
    if "attention" not in kinds or "linear" not in kinds:
        accepted = "one that counts attention and linear FLOPs"
        raise InputError("convention", q.ledger.convention, accepted)
    attention = q.total(
        "Attention FLOPs of a prefill", ATTENTION_FLOPS,
        q.ledger.filter(kind="attention"), "flops",
    )  # fmt: skip
    linear = q.total(
        "Linear FLOPs of a prefill", LINEAR_FLOPS,
        q.ledger.filter(kind="linear"), "flops",
    )  # fmt: skip
    return q.answer(attention / sy.B, linear / sy.B)


# --- two FLOP per parameter and token ----------------------------------------------------------


def _by_rule(q: Inquiry) -> tuple[sympy.Expr, sympy.Expr]:
    """FLOPs of the step, and by the rule of 2 FLOP per parameter that a token uses."""
    work = q.work()
    rule = q.ledger.recounted(q.ledger.phase, flops="per-weight")
    tokens = q.ledger.tokens
    q.d.definitions[sy.n_active] = sympy.expand(rule.symbolic("flops") / (2 * tokens))
    simple = 2 * sy.n_active * tokens
    q.d.identity("The rule: two FLOP per parameter and token", rule.symbolic("flops"), simple,
                 RULE_FLOPS)  # fmt: skip
    return work, simple


def _excess(value: sympy.Expr) -> str:
    side = "low" if value > 1 else "high"
    return f"2 FLOP per parameter and token is too {side} by {float(abs(1 - 1 / value)):.1%}"


RULE_RATIO = Question(
    name="parameter-rule-ratio", title="FLOPs over the rule of 2 FLOP per parameter and token",
    label=Label("F / F_rule", r"F / F_{\mathrm{rule}}"), phases=("decode", "prefill"),
    needs=(STEP,), left="ratio times the rule", right="the FLOP count", symbol=sy.ratio,
    typical={"L": 4096}, reading=_excess,
)  # fmt: skip


@answers(RULE_RATIO)
def parameter_rule_ratio(ledger: Ledger, symbol: Unknown = None) -> Result:
    """FLOPs of a step over ``2 N`` per token: the error of the rule as a function of length.

    ``N`` are the parameters that one token uses (of a mixture, those active), the embedding table
    among them, as the rule counts it: at short lengths the rule is too high for that.

    Parameters
    ----------
    ledger : Ledger
        A decode or prefill step (decode if it is a general one).
    symbol : sympy.Symbol or str, optional
        What to solve for instead.

    Returns
    -------
    Result
        The ratio; 1 is where the rule is right.

    Examples
    --------
    >>> import roofsym as rs
    >>> parameter_rule_ratio(rs.decode(rs.model("llama-3.1-8b")).at(L=8192)).reading
    '2 FLOP per parameter and token is too low by 16.8%'
    """
    q = Inquiry.of(RULE_RATIO, ledger, None, symbol)
    work, rule = _by_rule(q)
    return q.answer(sy.ratio * rule / sy.B, work / sy.B)


RULE_LENGTH = Question(
    name="parameter-rule-length",
    title="length up to which FLOPs exceed 2 per parameter and token by at most a fraction e",
    label=Label("L_e", "L_e"), phases=("decode",), needs=(STEP,), left="the FLOP count",
    right="the rule with the error",
    symbol=sy.L, last="last context at which they do not exceed it",
    typical={"error": sympy.Rational(1, 10)},
)  # fmt: skip


@answers(RULE_LENGTH)
def parameter_rule_length(ledger: Ledger, symbol: Unknown = None) -> Result:
    """Context up to which FLOPs exceed ``2 N`` per token by no more than a given ``error``.

    The error is relative to the rule: ``F = (1 + e) 2 N B``. At short contexts the rule is too high
    instead, by what it counts of embedding and norms (see `parameter_rule_ratio`).

    Returns
    -------
    Result
        The context in tokens.

    Examples
    --------
    >>> import roofsym as rs
    >>> led = rs.decode(rs.model("llama-3.1-8b"))
    >>> parameter_rule_length(led.at(error=0.1)).whole
    5067
    """
    q = Inquiry.of(RULE_LENGTH, ledger, None, symbol)
    work, rule = _by_rule(q)
    return q.answer(work / sy.B, (1 + sy.error) * rule / sy.B)


# --- compute-bound prefill ---------------------------------------------------------------------

PREFILL_CRITICAL_LENGTH = Question(
    name="prefill-critical-length", title="prompt length at which prefill turns compute-bound",
    label=Label("S*", "S^{*}"), phases=("prefill",), left="intensity", right="the ridge point",
    symbol=sy.S, natural=sy.B, first="first compute-bound length", typical={"B": 1},
)  # fmt: skip


@answers(PREFILL_CRITICAL_LENGTH)
def prefill_critical_length(ledger: Ledger, machine: Machine, symbol: Unknown = None) -> Result:
    """Prompt length at which prefill turns compute-bound.

    Returns
    -------
    Result
        The length in tokens.

    Examples
    --------
    >>> import roofsym as rs
    >>> led = rs.prefill(rs.Transformer(), convention="weights-only").at(B=1, b_w=2)
    >>> prefill_critical_length(led, rs.Machine(peak=312e12, bandwidth=2e12)).value
    156
    """
    q = Inquiry.of(PREFILL_CRITICAL_LENGTH, ledger, machine, symbol)
    work, moved = q.work(), q.moved()
    q.define_ridge()
    return q.answer(work / moved, sy.ridge)


CHUNK = Question(
    name="compute-bound-chunk", title="smallest prefill chunk that is compute-bound",
    label=Label("S*", "S^{*}"), phases=("chunk",), left="intensity", right="the ridge point",
    symbol=sy.S, first="smallest compute-bound chunk", typical={"B": 1, "L": 4096},
)  # fmt: skip


@answers(CHUNK)
def compute_bound_chunk(ledger: Ledger, machine: Machine, symbol: Unknown = None) -> Result:
    """Smallest chunk of new tokens, on ``L`` cached ones, that is compute-bound by itself.

    Returns
    -------
    Result
        New tokens per sequence.

    Examples
    --------
    >>> import roofsym as rs
    >>> led = rs.chunk(rs.model("llama-3.1-8b")).at(b_w=2, b_a=2, b_kv=2, B=1, L=4096)
    >>> compute_bound_chunk(led, rs.machine("h100-sxm", dtype="bf16")).whole
    319
    """
    q = Inquiry.of(CHUNK, ledger, machine, symbol)
    work, moved = q.work(), q.moved()
    q.define_ridge()
    return q.answer(work / moved, sy.ridge)


PIGGYBACKED = Question(
    name="piggybacked-chunk",
    title="smallest prefill chunk that makes the decode batch it runs with compute-bound",
    label=Label("S*", "S^{*}"), phases=("chunk",), left="intensity of chunk and decode together",
    right="the ridge point", symbol=sy.S, first="smallest chunk that makes it compute-bound",
    typical={"L": 4096, "decode_batch": 64, "decode_context": 4096},
)  # fmt: skip


_FLOPS_OF_BOTH = sy.extra(
    "flops_of_both", "FLOP", "FLOPs of a chunk and a decode batch in one step",
    text="F_both", latex=r"F_{\mathrm{both}}", role="quantity",
)  # fmt: skip
_BYTES_OF_BOTH = sy.extra(
    "bytes_of_both", "B", "bytes of a chunk and a decode batch in one step",
    text="Q_both", latex=r"Q_{\mathrm{both}}", role="quantity",
)  # fmt: skip


@answers(PIGGYBACKED)
def piggybacked_chunk(ledger: Ledger, machine: Machine, symbol: Unknown = None) -> Result:
    """Smallest chunk of one prompt that makes a step compute-bound which a decode batch shares.

    Both are one step: the weights are read once for the chunk's ``S`` tokens on ``L`` cached ones
    and for the ``decode_batch`` sequences that decode at ``decode_context``; of a mixture, the
    experts are those that all these tokens choose together.

    Returns
    -------
    Result
        New tokens of the chunk; ``always`` where the decode batch alone is compute-bound.

    Examples
    --------
    >>> import roofsym as rs
    >>> led = rs.chunk(rs.model("llama-3.1-8b")).at(b_w=2, b_a=2, b_kv=2, L=4096)
    >>> led = led.at(decode_batch=16, decode_context=1024)
    >>> piggybacked_chunk(led, rs.machine("h100-sxm", dtype="bf16")).whole
    348
    """
    # The chunk is of one prompt, whatever batch else is asked about.
    values = {s: x for s, x in ledger.values.items() if s != sy.B}
    q = Inquiry.of(PIGGYBACKED, dataclasses.replace(ledger, values=values), machine, symbol)
    weights = weights_of_every_step(q.ledger)
    shared_entries = set(weights.entries)
    own = q.ledger.keep(e for e in q.ledger.entries if e not in shared_entries)
    work = q.total(
        "FLOPs of any step: chunk and decode are cases of it", sy.flops, q.ledger, "flops"
    )
    shared = q.total("Weights of any step", WEIGHTS_READ, weights, "bytes")
    moved = q.total("All other bytes of any step", OTHER_BYTES, own, "bytes")
    if shared + moved == 0:
        raise InputError("convention", q.ledger.convention, "one that counts bytes")
    chunk = {sy.B: sympy.S.One}
    decode = {sy.B: sy.decode_batch, sy.S: sympy.S.One, sy.L: sy.decode_context}
    # Every token of the step counts towards the experts that are read.
    tokens = {sy.rho ** (sy.B * sy.S): sy.rho**sy.S * sy.rho**sy.decode_batch}
    beside = [one_token(x, decode, sy.decode_batch) for x in (work, moved)]
    parts = (sy.decode_flops, sy.decode_bytes)
    counted = ("FLOPs of the decode batch", "Bytes of the decode batch, without the weights")
    for text, part, expr in zip(counted, parts, beside, strict=True):
        q.d.define(text, part, expr)
        q.d.definitions[part] = expr.xreplace(q.d.definitions)
    work, moved = (
        x.xreplace(chunk) + (part if expr != 0 else 0)
        for x, part, expr in zip((work, moved), parts, beside, strict=True)
    )
    read = moved + shared.xreplace(tokens)
    q.d.define("FLOPs of the chunk and the decode batch together", _FLOPS_OF_BOTH, work)
    q.d.define("Bytes of both together, the weights read once", _BYTES_OF_BOTH, read)
    q.define_ridge()
    return q.answer(work / read, sy.ridge)


TIME_TO_FIRST_TOKEN = Question(
    name="time-to-first-token", title="time to first token: a prefill by itself",
    label=Label("T", "T"), phases=("prefill",), left="the time to first token",
    right="the longer of computing and moving", symbol=sy.time, typical={"B": 1, "S": 2048},
    below=MISSED, above=MET,
)  # fmt: skip


@answers(TIME_TO_FIRST_TOKEN)
def time_to_first_token(ledger: Ledger, machine: Machine, symbol: Unknown = None) -> Result:
    """Seconds of a prefill, without waiting: the least that a first token takes (TTFT).

    Solved for another symbol it answers a target: the longest prompt, the peak, the machines at
    which the first token is there in time.

    Returns
    -------
    Result
        Seconds.

    Examples
    --------
    >>> import roofsym as rs
    >>> led = rs.prefill(rs.model("llama-3.1-8b")).at(b_w=2, b_a=2, b_kv=2, B=1, S=2048)
    >>> x = time_to_first_token(led, rs.machine("h100-sxm", dtype="bf16"))
    >>> round(float(x.value) * 1e3, 2)
    30.02
    """
    q = Inquiry.of(TIME_TO_FIRST_TOKEN, ledger, machine, symbol)
    return q.answer(sy.time, q.time())
