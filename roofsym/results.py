"""The named results: critical batch, long-context wall, prefill lengths, speed limit, ...

Each result is an equation between quantities of the ledger, solved for one symbol, with its
derivation. Nothing here states a cost: the two sides are sums over ledger entries.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

import sympy
from sympy.logic.boolalg import Boolean

from roofsym import symbols as sy
from roofsym import units
from roofsym.derivation import Derivation, Label
from roofsym.errors import InputError
from roofsym.hardware import Machine
from roofsym.ledger import Ledger
from roofsym.solve import (
    Branch,
    Crossover,
    alternatives,
    crossover,
    limit,
    solve_condition,
)


@dataclass(frozen=True, kw_only=True)
class Question:
    """What a result asks, in words: one place for everything that is printed about it.

    Attributes
    ----------
    name : str
        Name on the command line.
    title : str
        What is found.
    label : Label
        Left-hand side of the solution.
    phase : str
        Phase of the step that it is asked of.
    left, right : str
        What the two sides are.
    symbol : sympy.Symbol
        The unknown.
    natural : sympy.Symbol, optional
        The symbol for which conditions are solved.
    first : str
        What the first whole number beyond a crossing is: ``first compute-bound batch``.
    last : str
        What the last whole number before a crossing is, where that is what one asks for.
    """

    name: str
    title: str
    label: Label
    phase: str
    left: str
    right: str
    symbol: sympy.Symbol
    natural: sympy.Symbol | None = None
    first: str = ""
    last: str = ""


@dataclass(frozen=True)
class Result:
    """Where two quantities of a step meet: the value, its condition and its derivation.

    Attributes
    ----------
    question : Question
        What was asked.
    general : Crossover
        The answer in named constants, whatever the model.
    bound : Crossover
        The answer with everything put in that is known: what `value`, `when` and `outcome` are of.
    derivation : Derivation
        How it follows from the ledger, each step re-checked.
    """

    question: Question
    general: Crossover
    bound: Crossover
    derivation: Derivation

    @property
    def symbol(self) -> sympy.Symbol:
        """The unknown."""
        return self.general.symbol

    @property
    def unit(self) -> str:
        """Unit of the value."""
        return sy.info(self.symbol).unit

    @property
    def value(self) -> sympy.Expr | None:
        """Value of the unknown at the crossing, with what is known put in; None if never."""
        return self.bound.value

    @property
    def when(self) -> Boolean:
        """Condition under which there is a crossing."""
        return self.bound.when

    @property
    def outcome(self) -> str:
        """``crosses``, ``conditional``, ``never``, ``always`` or ``numeric``."""
        return self.bound.outcome

    @property
    def whole(self) -> int | None:
        """The whole number that is asked for: first beyond the crossing, or last before it."""
        value = self.value
        if value is None or not value.is_number or not (self.question.first or self.question.last):
            return None
        if self.question.last:
            return max(int(sympy.floor(value)), 0)
        return max(int(sympy.ceiling(value)), 1)

    def only_while(self) -> tuple[tuple[Boolean, Boolean], ...]:
        """The condition solved for the result's natural symbol: (case, what it says)."""
        if self.question.natural is None:
            return ()
        return solve_condition(self.when, self.question.natural)

    @property
    def reason(self) -> str:
        """Why the answer is what it is, in words and limits."""
        q, x = self.question, self.bound
        if x.outcome in ("never", "always"):
            # The side that comes closest to crossing: the far end, or the start.
            extreme = x.ends if x.outcome == "never" else x.starts
            moves = "grows" if x.outcome == "never" else "falls to 0"
            where = f"as {sy.info(x.symbol).text} {moves}"
            reason = f"{q.left} {self._tends_to(extreme)} {where}"
            if x.right.is_number:
                right = units.format_quantity(x.right, self._side_unit)
                reason += f", {q.right} is at {right}"
            return reason
        if x.outcome == "conditional":
            return f"{q.left} meets {q.right} only under a condition"
        return f"{q.left} meets {q.right}"

    def _tends_to(self, ratio: sympy.Expr) -> str:
        """Limit of the left side, from the limit of left/right."""
        if ratio is sympy.oo:
            return "grows without bound"
        value = ratio * self.bound.right
        if self.symbol in value.free_symbols or not value.is_number:
            factor = units.format_number(ratio) if ratio.is_number else str(ratio)
            return f"tends to {factor} times {self.question.right}"
        return f"tends to {units.format_quantity(value, self._side_unit)}"

    @property
    def _side_unit(self) -> str:
        return str(units.dimension(self.general.right))

    def _repr_latex_(self) -> str:
        return self.derivation._repr_latex_()


def _answer(question: Question, d: Derivation, left: sympy.Expr, right: sympy.Expr) -> Result:
    """Solve the equation of a result in general and with what is known, and derive it."""
    symbol = question.symbol
    d.equation(f"Set {question.left} equal to {question.right}", left, right)
    general = crossover(left, right, symbol)
    name = sy.info(symbol).text
    if general.outcome == "numeric":
        d.remark(f"This has no closed form in {name}: it is solved once all else has numbers.")
    elif not general.branches:
        d.remark(f"No {name} > 0 solves this: {question.left} never meets {question.right}.")
    known = {
        s: d.evaluate(s) for s in (left - right).free_symbols if s != symbol and d.evaluate(s) != s
    }
    if symbol in d.values:
        raise InputError(
            symbol.name, d.values[symbol], f"no value: the {question.title} is solved for it"
        )
    bound = general.at(known)
    result = Result(question, general, bound, d)
    for branch in general.branches:
        _derive_branch(question, d, general, branch, bound)
    _numbers(result, d)
    return result


def _derive_branch(
    question: Question, d: Derivation, general: Crossover, branch: Branch, bound: Crossover
) -> None:
    """Add a solution; where the numbers decide which of several conditions holds, that one."""
    when = branch.when
    holds = [c for c in alternatives(when) if _evaluate_condition(d, c) == sympy.true]
    decided = bound.outcome == "crosses" and when != sympy.true
    if decided and not holds and len(general.branches) > 1:
        return
    if decided and holds:
        when = holds[-1]
    text = f"Solved for {sy.info(general.symbol).text}"
    if when != sympy.true:
        text += ", which holds " + ("here, since" if decided and holds else "only while")
    d.solution(text, question.label, general, branch, when)
    _solved_condition(question, d, branch)


def _evaluate_condition(d: Derivation, condition: Boolean) -> Boolean:
    if isinstance(condition, sympy.And | sympy.Or):
        return condition.func(*(_evaluate_condition(d, c) for c in condition.args))
    if condition in (sympy.true, sympy.false):
        return condition
    return condition.func(d.evaluate(condition.lhs), d.evaluate(condition.rhs))


def _solved_condition(question: Question, d: Derivation, branch: Branch) -> None:
    if question.natural is None:
        return
    for case, solved in solve_condition(branch.when, question.natural):
        text = f"In terms of {sy.info(question.natural).text}"
        if case == sympy.true:
            d.condition(text, branch.when, question.natural, solved)
        elif isinstance(solved, sympy.Lt):
            where = f"{text}, where the denominator is positive"
            d.condition(where, branch.when, question.natural, solved)


def _numbers(result: Result, d: Derivation) -> None:
    if result.outcome in ("never", "always"):
        d.remark(f"With the numbers put in, {result.outcome}: {result.reason}.")
        return
    value = result.value
    if value is None or not value.is_number or not d.values:
        return
    for branch in result.bound.branches:
        if branch.bracket:
            d.root("In numbers", result.question.label, result.bound, branch, result.unit)
    for branch in result.general.branches:
        if abs(sympy.N(d.evaluate(branch.value) - value)) <= 1e-9 * abs(sympy.N(value)):
            d.number("In numbers", result.question.label, branch.value, value, result.unit)
            return


def _start(question: Question, ledger: Ledger | None, machine: Machine | None) -> Derivation:
    parts = []
    values: dict[sympy.Symbol, sympy.Expr] = {}
    if ledger is not None:
        parts.append(ledger.model)
        values |= ledger.values
    if machine is not None:
        parts.append(("on " if parts else "") + machine.label)
        values |= machine.values
    subject = " ".join(parts) + (f", counted as {ledger.convention}" if ledger is not None else "")
    # The ridge point is a symbol of its own in closed forms; its value is peak over bandwidth.
    if machine is not None and sy.ridge not in values and machine.ridge.is_number:
        values[sy.ridge] = machine.ridge
    return Derivation(question.title, subject, values)


def _roofline_terms(
    d: Derivation, ledger: Ledger, machine: Machine | None
) -> tuple[sympy.Expr, sympy.Expr]:
    what = f"one {ledger.phase} step" if ledger.phase in ("decode", "verify") else ledger.phase
    work = d.total(f"FLOPs of {what}, summed over the ledger", sy.flops, ledger, "flops")
    moved = d.total(f"Bytes of {what}, summed over the ledger", sy.bytes_, ledger, "bytes")
    if machine is not None:
        d.define("The ridge point of the machine", sy.ridge, sy.peak / sy.bandwidth)
    if moved.expr == 0:
        raise InputError("convention", ledger.convention, "one that counts bytes")
    return work.expr, moved.expr


RIDGE = Question(
    name="ridge-point", title="ridge point", label=Label("I*", "I^{*}"), phase="",
    left="the rate at which memory can feed compute", right="the peak", symbol=sy.intensity,
)  # fmt: skip


def ridge_point(machine: Machine) -> Result:
    """Intensity at which computing and moving take equally long.

    Parameters
    ----------
    machine : Machine
        The machine.

    Returns
    -------
    Result
        The intensity, FLOP/B. Source: Williams, Waterman and Patterson, "Roofline", 2009.

    Examples
    --------
    >>> ridge_point(Machine(peak=312e12, bandwidth=2e12)).value
    156
    """
    d = _start(RIDGE, None, machine)
    d.remark("At intensity I, memory of bandwidth β delivers work at the rate β I.")
    return _answer(RIDGE, d, sy.bandwidth * sy.intensity, sy.peak)


CRITICAL_BATCH = Question(
    name="critical-batch", title="critical batch of decode", label=Label("B*", "B^{*}"),
    phase="decode", left="intensity", right="the ridge point", symbol=sy.B, natural=sy.L,
    first="first compute-bound batch",
)  # fmt: skip


def critical_batch(ledger: Ledger, machine: Machine) -> Result:
    """Batch at which decode turns compute-bound.

    Parameters
    ----------
    ledger : Ledger
        A step of the model; it is taken in its decode phase.
    machine : Machine
        The machine.

    Returns
    -------
    Result
        The batch, in sequences. It exists only while the intensity that decode approaches for
        large batch is above the ridge point.

    Examples
    --------
    >>> import roofsym as rs
    >>> led = rs.decode(rs.Transformer(), convention="weights-only").at(b_w=2)
    >>> critical_batch(led, rs.Machine(peak=312e12, bandwidth=2e12)).value
    156
    """
    q, decode = CRITICAL_BATCH, ledger.in_phase("decode")
    d = _start(q, decode, machine)
    work, moved = _roofline_terms(d, decode, machine)
    if moved.has(sy.B):
        d.limit(
            "As the batch grows, intensity tends to", sy.intensity, work / moved, sy.B,
            limit(work / moved, sy.B),
        )  # fmt: skip
    return _answer(q, d, work / moved, sy.ridge)


LIMIT_INTENSITY = Question(
    name="limit-intensity", title="intensity that decode approaches as the batch grows",
    label=Label("I_∞", r"I_{\infty}"), phase="decode", left="intensity times traffic per sequence",
    right="work per sequence", symbol=sy.intensity,
)  # fmt: skip


def limit_intensity(ledger: Ledger) -> Result:
    """Intensity that decode approaches as the batch grows: weights shared by ever more sequences.

    Returns
    -------
    Result
        The intensity, FLOP/B; ``never`` where no byte grows with the batch, since intensity then
        grows without bound.

    Examples
    --------
    >>> import roofsym as rs
    >>> print(limit_intensity(rs.decode(rs.Transformer())).general.value)
    (L*alpha + phi)/(L*kappa + a)
    """
    q, decode = LIMIT_INTENSITY, ledger.in_phase("decode")
    d = _start(q, decode, None)
    work, moved = _roofline_terms(d, decode, None)
    more_work, more_bytes = (limit(x / sy.B, sy.B) for x in (work, moved))
    if more_bytes == 0:
        d.remark("No byte grows with the batch: intensity grows without bound.")
        zero = sympy.S.Zero
        never = Crossover(zero, more_work, sy.intensity, "never", starts=zero, ends=zero)
        return Result(q, never, never, d)
    d.limit(
        "As the batch grows, the weights' share vanishes and intensity tends to", q.label,
        work / moved, sy.B, more_work / more_bytes,
    )  # fmt: skip
    return _answer(q, d, sy.intensity * more_bytes, more_work)


COMPUTE_BOUND_CONTEXT = Question(
    name="compute-bound-context",
    title="context beyond which decode is compute-bound at no batch",
    label=Label("L_max", r"L_{\max}"), phase="decode", left="intensity at large batch",
    right="the ridge point", symbol=sy.L, last="last context within reach",
)  # fmt: skip


def compute_bound_context(ledger: Ledger, machine: Machine) -> Result:
    """Context beyond which decode turns compute-bound at no batch.

    Returns
    -------
    Result
        The context in tokens: where the intensity at large batch falls to the ridge point.
        ``never`` or ``always`` where it lies on one side at every context.

    Examples
    --------
    >>> import roofsym as rs
    >>> x = compute_bound_context(rs.decode(rs.Transformer()), rs.Machine())
    >>> x.outcome
    'conditional'
    """
    q, decode = COMPUTE_BOUND_CONTEXT, ledger.in_phase("decode")
    d = _start(q, decode, machine)
    work, moved = _roofline_terms(d, decode, machine)
    reached = limit(work / moved, sy.B)
    d.limit(
        "As the batch grows, intensity tends to", sy.limit_intensity, work / moved, sy.B, reached
    )
    if not reached.has(sy.L):
        raise InputError("convention", decode.convention, "one under which the context matters")
    return _answer(q, d, reached, sy.ridge)


KV_OVERTAKES_WEIGHTS = Question(
    name="kv-overtakes-weights", title="context at which KV reads overtake weight reads",
    label=Label("L*", "L^{*}"), phase="decode", left="the KV read",
    right="the weights read",
    symbol=sy.L, last="last context at which weights dominate",
)  # fmt: skip


def kv_overtakes_weights(ledger: Ledger) -> Result:
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
    q, decode = KV_OVERTAKES_WEIGHTS, ledger.in_phase("decode")
    if decode.kv_read_bytes == 0:
        raise InputError("convention", decode.convention, "one that counts KV reads")
    d = _start(q, decode, None)
    kv = Label("Q_kv", r"Q_{\mathrm{kv}}")
    weights = Label("Q_w", r"Q_{\mathrm{w}}")
    cached = decode.filter(kind="kv", access="read")
    read = d.total("KV cache read by one decode step", kv, cached, "bytes")
    kinds = {e.kind for e in decode.entries}
    streamed = decode.filter(quantity="bytes", kind={"weight", "vector", "scale"} & kinds)
    shared = [e for e in streamed.entries if e.scheme != "embedding"]
    d_weights = d.total("Weights read whatever the batch", weights, streamed.keep(shared), "bytes")
    return _answer(q, d, read.expr, d_weights.expr)


ATTENTION_OVERTAKES_LINEAR = Question(
    name="attention-overtakes-linear",
    title="prompt length at which attention FLOPs overtake linear FLOPs",
    label=Label("S*", "S^{*}"), phase="prefill", left="the attention FLOPs",
    right="the linear FLOPs",
    symbol=sy.S, last="last length at which linear FLOPs dominate",
)  # fmt: skip


def attention_overtakes_linear(ledger: Ledger) -> Result:
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
    q, prefill = ATTENTION_OVERTAKES_LINEAR, ledger.in_phase("prefill")
    kinds = {e.kind for e in prefill.entries}
    if "attention" not in kinds or "linear" not in kinds:
        raise InputError(
            "convention", prefill.convention, "one that counts attention and linear FLOPs"
        )
    d = _start(q, prefill, None)
    attention = d.total(
        "Attention FLOPs of a prefill", Label("F_att", r"F_{\mathrm{att}}"),
        prefill.filter(kind="attention"), "flops",
    )  # fmt: skip
    linear = d.total(
        "Linear FLOPs of a prefill", Label("F_lin", r"F_{\mathrm{lin}}"),
        prefill.filter(kind="linear"), "flops",
    )  # fmt: skip
    per_sequence = [x.expr / sy.B for x in (attention, linear)]
    return _answer(q, d, per_sequence[0], per_sequence[1])


PREFILL_CRITICAL_LENGTH = Question(
    name="prefill-critical-length", title="prompt length at which prefill turns compute-bound",
    label=Label("S*", "S^{*}"), phase="prefill", left="intensity", right="the ridge point",
    symbol=sy.S, natural=sy.B, first="first compute-bound length",
)  # fmt: skip


def prefill_critical_length(ledger: Ledger, machine: Machine) -> Result:
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
    q, prefill = PREFILL_CRITICAL_LENGTH, ledger.in_phase("prefill")
    d = _start(q, prefill, machine)
    work, moved = _roofline_terms(d, prefill, machine)
    return _answer(q, d, work / moved, sy.ridge)


DECODE_SPEED_LIMIT = Question(
    name="decode-speed-limit", title="decode speed limit", label=Label("R_max", r"R_{\max}"),
    phase="decode", left="the bytes needed per second", right="the bandwidth",
    symbol=sy.steps_per_second,
)  # fmt: skip


def decode_speed_limit(ledger: Ledger, machine: Machine) -> Result:
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
    q, decode = DECODE_SPEED_LIMIT, ledger.in_phase("decode")
    d = _start(q, decode, machine)
    moved = d.total("Bytes of one decode step, summed over the ledger", sy.bytes_, decode, "bytes")
    if moved.expr == 0:
        raise InputError("convention", decode.convention, "one that counts bytes")
    return _answer(q, d, sy.steps_per_second * moved.expr, sy.bandwidth)


def _latent_executions(
    question: Question, ledger: Ledger
) -> tuple[Derivation, sympy.Expr, sympy.Expr]:
    """What absorbed latent attention costs more in attention, and expanded in rebuilding.

    FLOPs per sequence of a step of ``S`` new tokens on ``L`` cached ones.
    """
    absorbed, expanded = (ledger.recounted("chunk", latent=way) for way in ("absorbed", "expanded"))
    kinds = {e.kind for e in absorbed.entries}
    if not any(e.operator == "k_up_proj" for e in absorbed.entries):
        raise InputError("model", ledger.model, "one with multi-head latent attention")
    if "attention" not in kinds or "linear" not in kinds:
        accepted = "one that counts attention and linear FLOPs"
        raise InputError("convention", ledger.convention, accepted)
    d = _start(question, absorbed, None)

    def gap(kind: str, more: Ledger, less: Ledger) -> Ledger:
        counted = [e for e in less.entries if e.kind == kind]
        taken = [dataclasses.replace(e, amount=-e.amount) for e in counted]
        return more.keep([*(e for e in more.entries if e.kind == kind), *taken])

    attention = d.total(
        "Attention in latent space costs more FLOPs, by",
        Label("ΔF_att", r"\Delta F_{\mathrm{att}}"), gap("attention", absorbed, expanded), "flops",
    )  # fmt: skip
    rebuilding = d.total(
        "Rebuilding keys and values of the cached context costs, beyond what absorption costs",
        Label("ΔF_up", r"\Delta F_{\mathrm{up}}"), gap("linear", expanded, absorbed), "flops",
    )  # fmt: skip
    d.remark("Both are proportional to the batch: it decides nothing, and is divided out.")
    return d, attention.expr / sy.B, rebuilding.expr / sy.B


LATENT_LENGTH = Question(
    name="latent-expanded-length",
    title="new tokens per sequence from which expanded latent attention costs fewer FLOPs",
    label=Label("S*", "S^{*}"), phase="chunk", left="the extra attention of absorption",
    right="the rebuilding of expansion", symbol=sy.S,
    last="last length at which absorbed is cheaper",
)  # fmt: skip


def latent_expanded_length(ledger: Ledger) -> Result:
    """New tokens per sequence at which expanded and absorbed latent attention cost as many FLOPs.

    Below, absorbed execution is cheaper (decode); above, expanded (prefill chunks). For a long
    context it tends to ``r (d_nope + d_v) / (2 r − d_nope − d_v)`` for a latent of width ``r``.

    Raises
    ------
    InputError
        If the model has no multi-head latent attention.

    Examples
    --------
    >>> import roofsym as rs
    >>> led = rs.step(rs.model("deepseek-v3")).at(L=10**9)
    >>> round(float(latent_expanded_length(led).value), 3)
    170.667
    """
    d, attention, rebuilding = _latent_executions(LATENT_LENGTH, ledger)
    return _answer(LATENT_LENGTH, d, attention, rebuilding)


LATENT_CONTEXT = Question(
    name="latent-absorbed-context",
    title="context from which absorbed latent attention costs fewer FLOPs",
    label=Label("L*", "L^{*}"), phase="chunk", left="the rebuilding of expansion",
    right="the extra attention of absorption", symbol=sy.L, natural=sy.S,
    first="first context at which absorbed is cheaper",
)  # fmt: skip


def latent_absorbed_context(ledger: Ledger) -> Result:
    """Context at which expanded and absorbed latent attention cost as many FLOPs.

    Exists only for few enough new tokens per sequence; for more, expanded is always cheaper.

    Raises
    ------
    InputError
        If the model has no multi-head latent attention.

    Examples
    --------
    >>> import roofsym as rs
    >>> led = rs.step(rs.model("deepseek-v3"))
    >>> float(latent_absorbed_context(led.at(S=128)).value)
    193.5
    >>> latent_absorbed_context(led.at(S=512)).outcome
    'never'
    """
    d, attention, rebuilding = _latent_executions(LATENT_CONTEXT, ledger)
    return _answer(LATENT_CONTEXT, d, rebuilding, attention)


@dataclass(frozen=True)
class Named:
    """An entry of the list of results.

    Attributes
    ----------
    question : Question
        What it asks.
    needs_machine : bool
        Whether a machine is needed to answer.
    answer : callable
        Makes the result from a ledger and a machine.
    """

    question: Question
    needs_machine: bool
    answer: Callable[[Ledger, Machine], Result]


RESULTS: Mapping[str, Named] = MappingProxyType(
    {
        n.question.name: n
        for n in (
            Named(RIDGE, True, lambda ledger, machine: ridge_point(machine)),
            Named(CRITICAL_BATCH, True, critical_batch),
            Named(LIMIT_INTENSITY, False, lambda ledger, machine: limit_intensity(ledger)),
            Named(COMPUTE_BOUND_CONTEXT, True, compute_bound_context),
            Named(KV_OVERTAKES_WEIGHTS, False, lambda ledger, _: kv_overtakes_weights(ledger)),
            Named(
                ATTENTION_OVERTAKES_LINEAR,
                False,
                lambda ledger, machine: attention_overtakes_linear(ledger),
            ),
            Named(PREFILL_CRITICAL_LENGTH, True, prefill_critical_length),
            Named(DECODE_SPEED_LIMIT, True, decode_speed_limit),
            Named(LATENT_LENGTH, False, lambda ledger, _: latent_expanded_length(ledger)),
            Named(LATENT_CONTEXT, False, lambda ledger, _: latent_absorbed_context(ledger)),
        )
    }
)
"""The named results, by the name that the command line takes."""


def named(name: str) -> Named:
    """Entry of the list of results.

    Raises
    ------
    InputError
        If there is no result of that name.
    """
    if name not in RESULTS:
        raise InputError("result", name, "one of " + ", ".join(RESULTS))
    return RESULTS[name]
