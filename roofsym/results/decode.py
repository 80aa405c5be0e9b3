"""Results on decode: critical batch, KV reads against weights, latency, throughput, precision."""

from __future__ import annotations

import sympy

from roofsym import conventions, polynomial
from roofsym import symbols as sy
from roofsym.derivation import Label
from roofsym.errors import InputError
from roofsym.hardware import Machine
from roofsym.ledger import Ledger
from roofsym.limits import limit
from roofsym.results.parts import KV_READ, RULE_BATCH, WEIGHTS_READ
from roofsym.results.question import (
    MET,
    MISSED,
    STEP,
    Inquiry,
    Premise,
    Question,
    Result,
    Unknown,
    answers,
)

WEIGHT_KINDS = frozenset({"weight", "vector", "scale"})


def weights_of_every_step(ledger: Ledger) -> Ledger:
    """Weights that are read whatever the batch: not the embedding rows that tokens gather."""
    return ledger.keep(
        e
        for e in ledger.entries
        if e.quantity == "bytes" and e.kind in WEIGHT_KINDS and e.scheme != "embedding"
    )


CRITICAL_BATCH = Question(
    name="critical-batch", title="critical batch of decode", label=Label("B*", "B^{*}"),
    left="intensity", right="the ridge point", symbol=sy.B, natural=sy.L,
    first="first compute-bound batch", typical={"L": 128},
)  # fmt: skip


@answers(CRITICAL_BATCH)
def critical_batch(ledger: Ledger, machine: Machine, symbol: Unknown = None) -> Result:
    """Batch at which decode turns compute-bound.

    Parameters
    ----------
    ledger : Ledger
        A decode step, or the general step of the model; not one of another phase.
    machine : Machine
        The machine.
    symbol : sympy.Symbol or str, optional
        What to solve for instead: the bandwidth at which a batch is the critical one, say.

    Returns
    -------
    Result
        The batch, in sequences. It exists only while the intensity that decode approaches for
        large batch is above the ridge point.

    Examples
    --------
    >>> import roofsym as rs
    >>> led = rs.decode(rs.Transformer(), convention="weights-only").at(b_w=2)
    >>> machine = rs.Machine(peak=312e12, bandwidth=2e12)
    >>> critical_batch(led, machine).value
    156
    >>> critical_batch(led.at(B=64), machine, symbol="bandwidth").value
    4875000000000
    """
    q = Inquiry.of(CRITICAL_BATCH, ledger, machine, symbol)
    work, moved = q.work(), q.moved()
    q.define_ridge()
    if moved.has(sy.B):
        q.d.limit(
            "As the batch grows, intensity tends to", sy.intensity, work / moved, sy.B,
            limit(work / moved, sy.B),
        )  # fmt: skip
    return q.answer(work / moved, sy.ridge)


def _rule(value: sympy.Expr) -> str:
    low = 1 - 1 / value
    side = "low" if low > 0 else "high"
    return f"the rule is too {side} by {float(abs(low)):.1%}"


def has_critical_batch(work: sympy.Expr, moved: sympy.Expr) -> Premise:
    """The premise that many sequences are compute-bound, of a step's FLOPs and bytes."""
    return Premise(
        sy.ridge * limit(moved / sy.B, sy.B), limit(work / sy.B, sy.B),
        "there is no critical batch: as the batch grows, intensity tends to {share} the ridge "
        "point",
    )  # fmt: skip


RIDGE_RULE = Question(
    name="ridge-rule-ratio", title="critical batch over the rule 'ridge point times b_w/2'",
    label=Label("B* / B_rule", r"B^{*} / B_{\mathrm{rule}}"), left="ratio times the rule's batch",
    right="the critical batch", symbol=sy.ratio, natural=sy.L, typical={"L": 128}, reading=_rule,
)  # fmt: skip


@answers(RIDGE_RULE)
def ridge_rule_ratio(ledger: Ledger, machine: Machine, symbol: Unknown = None) -> Result:
    """How far off the rule 'critical batch = ridge point' is (with 2-byte weights).

    The rule counts weights alone: ``B ≈ I* b_w / 2``. The exact critical batch has the traffic of
    each sequence and attention in it, and the rule's error grows with the context.

    Returns
    -------
    Result
        ``B* / (I* b_w / 2)``: 1.2 if the critical batch is 20% above the rule. Exists only while
        there is a critical batch.

    Examples
    --------
    >>> import roofsym as rs
    >>> led = rs.decode(rs.model("llama-3.1-8b")).at(L=128, b_w=2, b_a=2, b_kv=2)
    >>> ridge_rule_ratio(led, rs.machine("h100-sxm")).reading
    'the rule is too low by 44.9%'
    """
    q = Inquiry.of(RIDGE_RULE, ledger, machine, symbol)
    work, moved, d = q.work(), q.moved(), q.d
    q.define_ridge()
    streamed, per_sequence = moved.xreplace({sy.B: sympy.S.Zero}), limit(moved / sy.B, sy.B)
    if not polynomial.is_zero(moved - streamed - sy.B * per_sequence):
        raise InputError("model", q.ledger.model, "one whose weights travel whole at every batch")
    few = sy.B * limit(work / sy.B, sy.B) / streamed
    d.approximation(
        "Few sequences: the weights are all that travels", sy.intensity, work / moved, few, sy.B,
        sympy.S.Zero,
    )  # fmt: skip
    weights_only = conventions.convention("weights-only")
    alone = q.ledger.recounted("decode", **weights_only.switches())
    per_byte = sympy.cancel(alone.symbolic("flops") / alone.symbolic("bytes") / sy.B)
    rule = sy.ridge * sy.b_w / 2
    if not polynomial.is_zero(per_byte - 2 / sy.b_w):
        raise InputError("model", q.ledger.model, "one with b_w bytes for every weight")
    d.define("The rule: two FLOP per weight of b_w bytes, and nothing else",
             RULE_BATCH, rule)  # fmt: skip
    premise = has_critical_batch(work, moved)
    d.remark("Exactly, B* = I* w over what the work of a sequence leaves after its own traffic.")
    exact = sy.ridge * streamed / (premise.more - premise.less)
    return q.answer(sy.ratio * rule, exact, premise)


# --- KV reads against weights ------------------------------------------------------------------


def _kv_and_weights(q: Inquiry) -> tuple[sympy.Expr, sympy.Expr]:
    # Whether they are counted: at an empty cache there are none.
    if q.ledger.symbolic("bytes", ("kv",), "read") == 0:
        raise InputError("convention", q.ledger.convention, "one that counts KV reads")
    cached = q.ledger.filter(kind="kv", access="read")
    read = q.total("KV cache read by one decode step", KV_READ, cached, "bytes")
    weights = weights_of_every_step(q.ledger)
    return read, q.total("Weights read whatever the batch", WEIGHTS_READ, weights, "bytes")


KV_OVERTAKES_WEIGHTS = Question(
    name="kv-overtakes-weights", title="context at which KV reads overtake weight reads",
    label=Label("L*", "L^{*}"), needs=(STEP,), left="the KV read", right="the weight read",
    symbol=sy.L, last="last context at which weights dominate", typical={"B": 64},
)  # fmt: skip


@answers(KV_OVERTAKES_WEIGHTS)
def kv_overtakes_weights(ledger: Ledger, symbol: Unknown = None) -> Result:
    """Context at which a decode step reads more KV cache than weights.

    The weights are those that are read whatever the batch: gathered embedding rows are not.

    Returns
    -------
    Result
        The context in tokens.

    Raises
    ------
    InputError
        If the convention does not count KV reads.

    Examples
    --------
    >>> import roofsym as rs
    >>> kv_overtakes_weights(rs.decode(rs.Transformer())).general.value
    w/(B*kappa)
    """
    q = Inquiry.of(KV_OVERTAKES_WEIGHTS, ledger, None, symbol)
    return q.answer(*_kv_and_weights(q))


_SHARE_OF_LIMIT = Label("R / R_∞", r"R / R_{\infty}", "1", "throughput over what it tends to")

KV_BATCH = Question(
    name="kv-overtakes-weights-batch", title="batch at which KV reads overtake weight reads",
    label=Label("B*", "B^{*}"), needs=(STEP,), left="the KV read", right="the weight read",
    symbol=sy.B, last="last batch at which weights dominate", typical={"L": 8192},
)  # fmt: skip


@answers(KV_BATCH)
def kv_overtakes_weights_batch(ledger: Ledger, symbol: Unknown = None) -> Result:
    """Batch at which a decode step reads more KV cache than weights.

    Where nothing else travels, that is the batch at which memory-bound decode reaches half of its
    limiting throughput: half of the bytes are then shared, and more sequences can at most double
    the tokens per second.

    Returns
    -------
    Result
        The batch, in sequences.

    Examples
    --------
    >>> import roofsym as rs
    >>> kv_overtakes_weights_batch(rs.decode(rs.Transformer())).general.value
    w/(L*kappa)
    """
    q = Inquiry.of(KV_BATCH, ledger, None, symbol)
    read, weights = _kv_and_weights(q)
    result = q.answer(read, weights)
    value = result.general.value
    if value is not None and q.symbol == sy.B and not weights.has(sy.B):
        reached = read / (weights + read)
        q.d.substitution(
            "There decode that moves weights and KV alone, memory-bound, reaches half of its "
            "limiting throughput",
            _SHARE_OF_LIMIT, reached, {sy.B: value}, sympy.Rational(1, 2),
        )  # fmt: skip
    return result


# --- latency and throughput --------------------------------------------------------------------

SPEED_LIMIT = Question(
    name="decode-speed-limit", title="decode speed limit", label=Label("R_max", r"R_{\max}"),
    left="the rate of bytes needed", right="the bandwidth", symbol=sy.steps_per_second,
    typical={"B": 1, "L": 0},
)  # fmt: skip


@answers(SPEED_LIMIT)
def decode_speed_limit(ledger: Ledger, machine: Machine, symbol: Unknown = None) -> Result:
    """Decode steps per second that the memory bandwidth allows at most.

    Each sequence gains one token per step, so this is also the limit on tokens per second of one
    sequence. Below the critical batch it is reached; above, compute is slower still.

    Returns
    -------
    Result
        Steps per second.

    Examples
    --------
    >>> import roofsym as rs
    >>> led = rs.decode(rs.Transformer(), convention="weights-only").at(w=16e9)
    >>> decode_speed_limit(led, rs.Machine(bandwidth=2e12)).value
    125
    """
    q = Inquiry.of(SPEED_LIMIT, ledger, machine, symbol)
    return q.answer(sy.steps_per_second * q.moved(), sy.bandwidth)


TIME_PER_TOKEN = Question(
    name="time-per-token", title="time per token of decode", label=Label("T", "T"),
    left="the time per token", right="the longer of computing and moving", symbol=sy.time,
    typical={"B": 1, "L": 4096},
    below=MISSED, above=MET,
)  # fmt: skip


@answers(TIME_PER_TOKEN)
def time_per_token(ledger: Ledger, machine: Machine, symbol: Unknown = None) -> Result:
    """Seconds of a decode step: what each sequence waits for its next token (TPOT).

    Solved for another symbol it answers a target: the largest batch or context, the bandwidth, the
    peak, the bytes per weight or the number of machines at which a token takes so long.

    Returns
    -------
    Result
        Seconds.

    Examples
    --------
    >>> import roofsym as rs
    >>> led = rs.decode(rs.Transformer(), convention="weights-only").at(w=16e9, B=1, b_w=2)
    >>> hw = rs.Machine(peak=312e12, bandwidth=2e12)
    >>> time_per_token(led.at(phi=16e9), hw).value
    1/125
    >>> time_per_token(led.at(phi=16e9, time=0.002), hw, symbol="n_machines").value
    4
    """
    q = Inquiry.of(TIME_PER_TOKEN, ledger, machine, symbol)
    return q.answer(sy.time, q.time())


THROUGHPUT = Question(
    name="decode-throughput", title="decode throughput", label=Label("R_tok", r"R_{\mathrm{tok}}"),
    left="throughput times the time of a step", right="the number of tokens of a step",
    symbol=sy.throughput, typical={"B": 64, "L": 4096},
    below="it is exceeded", above="it is out of reach",
)  # fmt: skip


@answers(THROUGHPUT)
def decode_throughput(ledger: Ledger, machine: Machine, symbol: Unknown = None) -> Result:
    """Tokens per second over all sequences of a decode step.

    Returns
    -------
    Result
        Tokens per second.

    Examples
    --------
    >>> import roofsym as rs
    >>> led = rs.decode(rs.Transformer(), convention="weights-only").at(w=16e9, phi=16e9, B=8)
    >>> decode_throughput(led, rs.Machine(peak=312e12, bandwidth=2e12)).value
    1000
    """
    q = Inquiry.of(THROUGHPUT, ledger, machine, symbol)
    return q.answer(sy.throughput * q.time(), q.ledger.tokens)


LIMIT_THROUGHPUT = Question(
    name="limit-throughput", title="throughput that decode approaches as the batch grows",
    label=Label("R_∞", r"R_{\infty}"), left="throughput times the time that one more sequence adds",
    right="one token", symbol=sy.throughput, typical={"L": 4096},
)  # fmt: skip


def _per_sequence(q: Inquiry, work: sympy.Expr, moved: sympy.Expr) -> tuple[sympy.Expr, sympy.Expr]:
    """Work and bytes that one more sequence adds, the batch being large."""
    more = [limit(x / sy.B, sy.B) for x in (work, moved)]
    texts = (
        "FLOPs per sequence tend to",
        "Bytes per sequence tend to",
    )
    labels = (Label("F / B", "F / B"), Label("Q / B", "Q / B"))
    for text, label, total, each in zip(texts, labels, (work, moved), more, strict=True):
        q.d.limit(text, label, total / sy.B, sy.B, each)
    return more[0], more[1]


@answers(LIMIT_THROUGHPUT)
def limit_throughput(ledger: Ledger, machine: Machine, symbol: Unknown = None) -> Result:
    """Tokens per second that decode approaches as the batch grows, memory being no limit.

    Returns
    -------
    Result
        Tokens per second.

    Examples
    --------
    >>> import roofsym as rs
    >>> led = rs.decode(rs.Transformer(), convention="weights-only").at(phi=16e9)
    >>> limit_throughput(led, rs.Machine(peak=320e12, bandwidth=2e12)).value
    20000
    """
    q = Inquiry.of(LIMIT_THROUGHPUT, ledger, machine, symbol)
    time = q.time_of(*_per_sequence(q, q.work(), q.moved()))
    return q.answer(sy.throughput * time, sympy.S.One)


FRACTION_BATCH = Question(
    name="throughput-fraction-batch",
    title="batch at which decode reaches a fraction f of its limiting throughput",
    label=Label("B_f", "B_f"), left="the time of as many sequences in the limit",
    right="the fraction f of the time of a step", symbol=sy.B, first="first batch that reaches it",
    typical={"L": 4096, "fraction": sympy.Rational(1, 2)},
)  # fmt: skip


@answers(FRACTION_BATCH)
def throughput_fraction_batch(ledger: Ledger, machine: Machine, symbol: Unknown = None) -> Result:
    """Batch at which decode reaches a given fraction of its limiting throughput.

    In the limit ``B`` sequences take ``B`` times what one more adds; a step takes longer, since it
    reads the weights for however few: the fraction reached is the ratio of the two times.

    Returns
    -------
    Result
        The batch. Where the limit is memory-bound, ``f = 1/2`` gives the batch at which the
        sequences' traffic equals the weights'; else the fraction is 1 from the critical batch on.

    Examples
    --------
    >>> import roofsym as rs
    >>> found = throughput_fraction_batch(rs.decode(rs.Transformer()), rs.Machine())
    >>> print(found.general.value)
    fraction*w/((1 - fraction)*(L*kappa + a))
    """
    q = Inquiry.of(FRACTION_BATCH, ledger, machine, symbol)
    work, moved = q.work(), q.moved()
    limits = (sy.B * each for each in _per_sequence(q, work, moved))
    return q.answer(q.time_of(*limits), sy.fraction * q.time_of(work, moved))


# --- precision ---------------------------------------------------------------------------------


def _precision_question(symbol: sympy.Symbol, name: str, what: str) -> Question:
    row = sy.info(symbol)
    return Question(
        name=name, title=f"bytes per {what} at which a token takes a given time",
        label=Label(row.text, row.latex), left="the time per token",
        right="the longer of computing and moving", symbol=symbol,
        typical={"B": 1, "L": 4096, "time": sympy.Rational(1, 100)},
        below=MISSED, above=MET,
    )  # fmt: skip


BYTES_PER_WEIGHT = _precision_question(sy.b_w, "bytes-per-weight", "weight")
BYTES_PER_KV = _precision_question(sy.b_kv, "bytes-per-kv-element", "KV element")


@answers(BYTES_PER_WEIGHT)
def bytes_per_weight(ledger: Ledger, machine: Machine, symbol: Unknown = None) -> Result:
    """Bytes per weight at which a token takes a given ``time``: what precision a target needs.

    Returns
    -------
    Result
        Bytes per weight. Only memory-bound steps depend on it.

    Examples
    --------
    >>> import roofsym as rs
    >>> led = rs.decode(rs.model("llama-3.1-8b")).at(B=1, L=0, b_a=2, b_kv=2, time=0.0025)
    >>> x = bytes_per_weight(led, rs.machine("h100-sxm", dtype="bf16"))
    >>> round(float(x.value), 3)
    1.115
    """
    q = Inquiry.of(BYTES_PER_WEIGHT, _open(ledger, sy.b_w, symbol), machine, symbol)
    return q.answer(sy.time, q.time())


@answers(BYTES_PER_KV)
def bytes_per_kv_element(ledger: Ledger, machine: Machine, symbol: Unknown = None) -> Result:
    """Bytes per KV element at which a token takes a given ``time``.

    Returns
    -------
    Result
        Bytes per element of the cache.

    Examples
    --------
    >>> import roofsym as rs
    >>> led = rs.decode(rs.model("llama-3.1-8b")).at(B=64, L=8192, b_w=2, b_a=2, time=0.016)
    >>> round(float(bytes_per_kv_element(led, rs.machine("h100-sxm", dtype="bf16")).value), 3)
    1.111
    """
    q = Inquiry.of(BYTES_PER_KV, _open(ledger, sy.b_kv, symbol), machine, symbol)
    return q.answer(sy.time, q.time())


def _open(ledger: Ledger, unknown: sympy.Symbol, symbol: Unknown) -> Ledger:
    """Ledger in which the precision asked for is open: a dtype always gives it a value."""
    return ledger.without(unknown) if symbol is None else ledger


def _compressed(moved: sympy.Expr) -> sympy.Expr:
    """Bytes of a step with all weights that every step reads quantised by the factor c."""
    others = moved.xreplace(dict.fromkeys((sy.w, sy.w_x), sympy.S.Zero))
    return (moved - others) / sy.compression + others


_QUANTISED = sy.extra(
    "bytes_quantised", "B", "bytes of the step with weights of one c-th the size",
    text="Q_c", latex=r"Q_{\mathrm{c}}", role="quantity",
)  # fmt: skip


# From FP8 to bf16, c is 1/2: then no batch has a speed-up, so that none is the last or the first.
_SMALLER = Premise(
    sympy.S.One, sy.compression, "with c of at most 1, quantised weights are not smaller"
)


def _slower(value: sympy.Expr) -> str:
    return "slower: below 1, c makes weights larger" if value < 1 else ""


SPEEDUP = Question(
    name="quantization-speedup", title="speed-up of decode by quantised weights",
    label=Label("s", "s"), left="speed-up times the time with quantised weights",
    right="the time without", symbol=sy.speedup,
    typical={"B": 1, "L": 4096, "compression": 2},
    below="it is exceeded", above="it is out of reach", reading=_slower,
)  # fmt: skip


@answers(SPEEDUP)
def quantization_speedup(ledger: Ledger, machine: Machine, symbol: Unknown = None) -> Result:
    """Speed-up of a decode step when weights take ``compression`` times fewer bytes.

    The peak stays that of the unquantised step (weights are expanded on the way to the matrix
    units), so that only memory-bound steps gain.

    Returns
    -------
    Result
        Time before over time after, by regime: memory-bound before and after; compute-bound after;
        compute-bound before (1).

    Examples
    --------
    >>> import roofsym as rs
    >>> led = rs.decode(rs.Transformer(), convention="weights-only").at(w=16e9, phi=16e9, B=1)
    >>> hw = rs.Machine(peak=312e12, bandwidth=2e12)
    >>> quantization_speedup(led.at(compression=4), hw).value
    4
    """
    q = Inquiry.of(SPEEDUP, ledger, machine, symbol)
    work, moved = q.work(), q.moved()
    fewer = _compressed(moved)
    q.d.define("Bytes with weights of one c-th the size", _QUANTISED, fewer)
    return q.answer(sy.speedup * q.time_of(work, fewer), q.time_of(work, moved))


PAYOFF = Question(
    name="quantization-full-batch",
    title="batch up to which quantised weights give their whole memory-bound speed-up",
    label=Label("B_c", "B_c"), left="intensity with quantised weights", right="the ridge point",
    symbol=sy.B, natural=sy.L, last="last batch with the whole speed-up",
    typical={"L": 128, "compression": 2},
)  # fmt: skip


@answers(PAYOFF)
def quantization_full_batch(ledger: Ledger, machine: Machine, symbol: Unknown = None) -> Result:
    """Batch from which a step with quantised weights is compute-bound, so that speed-up shrinks.

    It is gone at the critical batch of the unquantised step (`quantization_payoff_batch`).

    Returns
    -------
    Result
        The batch.

    Examples
    --------
    >>> import roofsym as rs
    >>> led = rs.decode(rs.Transformer(), convention="weights-only").at(b_w=2, compression=4)
    >>> quantization_full_batch(led, rs.Machine(peak=312e12, bandwidth=2e12)).value
    39
    """
    q = Inquiry.of(PAYOFF, ledger, machine, symbol)
    work, fewer = q.work(), _compressed(q.moved())
    q.d.define("Bytes with weights of one c-th the size", _QUANTISED, fewer)
    q.define_ridge()
    return q.answer(work / fewer, sy.ridge, _SMALLER)


STOPS_PAYING = Question(
    name="quantization-payoff-batch",
    title="batch from which quantised weights give no speed-up at all",
    label=Label("B*", "B^{*}"), left="intensity without quantisation", right="the ridge point",
    symbol=sy.B, natural=sy.L, first="first batch without speed-up",
    typical={"L": 128, "compression": 2},
)  # fmt: skip


@answers(STOPS_PAYING)
def quantization_payoff_batch(ledger: Ledger, machine: Machine, symbol: Unknown = None) -> Result:
    """Batch from which the unquantised step is compute-bound already: fewer bytes gain nothing.

    Returns
    -------
    Result
        The batch: the critical batch of the unquantised step, whatever the compression.

    Examples
    --------
    >>> import roofsym as rs
    >>> led = rs.decode(rs.Transformer(), convention="weights-only").at(b_w=2)
    >>> quantization_payoff_batch(led, rs.Machine(peak=312e12, bandwidth=2e12)).value
    156
    """
    q = Inquiry.of(STOPS_PAYING, ledger, machine, symbol)
    work, moved = q.work(), q.moved()
    q.define_ridge()
    fewer = _compressed(moved)
    # The time of a compute-bound step has no bytes in it: there the speed-up is 1.
    q.d.define("Bytes with weights of one c-th the size", _QUANTISED, fewer)
    q.d.remark(
        "Once the step without quantisation is compute-bound, both take as long as computing does."
    )
    return q.answer(work / moved, sy.ridge, _SMALLER)
