"""Results on memory: what fits, whether the critical batch does, where windows stop the cache."""

from __future__ import annotations

import dataclasses

import sympy

from roofsym import symbols as sy
from roofsym.derivation import Label
from roofsym.errors import InputError
from roofsym.hardware import Machine
from roofsym.ledger import Ledger
from roofsym.limits import limit
from roofsym.results.decode import has_critical_batch
from roofsym.results.parts import HELD, HELD_UNWINDOWED, HELD_WINDOWED
from roofsym.results.question import STEP, Inquiry, Premise, Question, Result, Unknown, answers
from roofsym.solve import crossover
from roofsym.terms import fraction

_NOTHING_FITS = "no batch fits: the weights alone take {excess} the memory"


def _held(q: Inquiry) -> sympy.Expr:
    return q.total("Held after the step: weights and KV cache", HELD, q.ledger.memory, "memory")


LARGEST_BATCH = Question(
    name="largest-batch", title="largest batch that fits in memory",
    label=Label("B_max", r"B_{\max}"), left="the memory needed", right="the capacity",
    symbol=sy.B, last="largest batch that fits", typical={"L": 4096},
    below="it fits", above="it does not fit",
)  # fmt: skip


@answers(LARGEST_BATCH)
def largest_batch(ledger: Ledger, machine: Machine, symbol: Unknown = None) -> Result:
    """Largest batch of which weights and KV cache fit in a machine's memory.

    Working memory for activations is not counted: it depends on the implementation.

    Returns
    -------
    Result
        The batch; it exists only while the weights themselves fit.

    Examples
    --------
    >>> import roofsym as rs
    >>> led = rs.decode(rs.model("llama-3.1-8b")).at(b_w=2, b_kv=2, L=8191)
    >>> largest_batch(led, rs.machine("h100-sxm")).whole
    59
    """
    q = Inquiry.of(LARGEST_BATCH, ledger, machine, symbol)
    return q.answer(_held(q), sy.capacity)


LARGEST_CONTEXT = Question(
    name="largest-context", title="longest context that fits in memory",
    label=Label("L_max", r"L_{\max}"), left="the memory needed", right="the capacity", symbol=sy.L,
    last="last context that fits", typical={"B": 1},
    below="it fits", above="it does not fit",
)  # fmt: skip


@answers(LARGEST_CONTEXT)
def largest_context(ledger: Ledger, machine: Machine, symbol: Unknown = None) -> Result:
    """Longest context per sequence of which weights and KV cache fit in a machine's memory.

    The context is what is cached before a decode step, which adds one token.

    Returns
    -------
    Result
        The context in tokens.

    Examples
    --------
    >>> import roofsym as rs
    >>> led = rs.decode(rs.model("llama-3.1-8b")).at(b_w=2, b_kv=2, B=4)
    >>> largest_context(led, rs.machine("h100-sxm")).whole
    121953
    """
    q = Inquiry.of(LARGEST_CONTEXT, ledger, machine, symbol)
    return q.answer(_held(q), sy.capacity)


def _at_full_memory(q: Inquiry) -> tuple[sympy.Expr, Premise]:
    """Intensity of the largest batch that fits, and the premise that the weights do."""
    intensity = q.work() / q.moved()
    held = _held(q)
    q.d.equation("The largest batch that fits: set that equal to the capacity", held, sy.capacity)
    found = crossover(held, sy.capacity, sy.B)
    (branch,) = found.branches
    q.d.solution(
        "Solved for B", LARGEST_BATCH.label, found, branch, branch.when,
        "which holds only while the weights leave room,",
    )  # fmt: skip
    above, below = fraction(intensity.xreplace({sy.B: branch.value}))
    full = above.expr / sympy.Mul(*(base**e for base, e in below.items()))
    full = q.d.substitution(
        "Intensity of that batch", sy.intensity, intensity, {sy.B: branch.value}, full
    )
    q.define_ridge()
    return full, Premise(held.xreplace({sy.B: sympy.S.Zero}), sy.capacity, _NOTHING_FITS)


CRITICAL_CAPACITY = Question(
    name="critical-batch-capacity", title="memory in which the critical batch of decode fits",
    label=Label("C*", "C^{*}"), left="the capacity",
    right="the memory that the critical batch needs",
    symbol=sy.capacity, natural=sy.L, typical={"L": 128},
    below="it does not fit", above="it fits",
)  # fmt: skip


@answers(CRITICAL_CAPACITY)
def critical_batch_capacity(ledger: Ledger, machine: Machine, symbol: Unknown = None) -> Result:
    """Capacity from which a machine holds the batch at which its decode turns compute-bound.

    With less, decode is memory-bound at every batch that fits.

    Returns
    -------
    Result
        Bytes. Exists only while there is a critical batch.

    Examples
    --------
    >>> import roofsym as rs
    >>> led = rs.decode(rs.model("llama-3.1-8b")).at(b_w=2, b_a=2, b_kv=2, L=128)
    >>> round(float(critical_batch_capacity(led, rs.machine("h100-sxm")).value) / 1e9, 2)
    25.13
    """
    if symbol in (None, sy.capacity, sy.capacity.name):
        open_machine = machine if symbol is not None else machine.at(capacity=sy.capacity)
        q = Inquiry.of(CRITICAL_CAPACITY, ledger, open_machine, symbol)
        batch, premise = _critical_batch(q)
        needed = q.d.substitution("Held with that many sequences", HELD, _held(q), {sy.B: batch})
        return q.answer(sy.capacity, needed, premise)
    question = dataclasses.replace(
        CRITICAL_CAPACITY, left=FIT_CONTEXT.left, right=FIT_CONTEXT.right
    )
    q = Inquiry.of(question, ledger, machine, symbol)
    full, premise = _at_full_memory(q)
    return q.answer(full, sy.ridge, premise)


def _critical_batch(q: Inquiry) -> tuple[sympy.Symbol, Premise]:
    """The critical batch, a constant from here on; and the premise that there is one."""
    work, moved = q.work(), q.moved()
    q.define_ridge()
    q.d.equation(
        "The critical batch: set intensity equal to the ridge point", work / moved, sy.ridge
    )
    found = crossover(work / moved, sy.ridge, sy.B)
    if not found.branches:
        raise InputError("convention", q.ledger.convention, "one with a critical batch")
    (branch,) = found.branches
    row = sy.info(sy.critical_batch)
    q.d.solution("Solved for B", Label(row.text, row.latex), found, branch, branch.when)
    q.d.definitions[sy.critical_batch] = branch.value
    return sy.critical_batch, has_critical_batch(work, moved)


FIT_CONTEXT = Question(
    name="critical-batch-fit-context", title="context at which the critical batch stops fitting",
    label=Label("L*", "L^{*}"), left="the intensity of the largest batch that fits",
    right="the ridge point", symbol=sy.L, last="last context at which it fits",
    below="what fits is memory-bound", above="what fits is compute-bound",
)  # fmt: skip


@answers(FIT_CONTEXT)
def critical_batch_fit_context(ledger: Ledger, machine: Machine, symbol: Unknown = None) -> Result:
    """Context beyond which the critical batch of decode does not fit in memory.

    It lies below the context beyond which there is none: towards that, the batch grows without
    bound.

    Returns
    -------
    Result
        The context in tokens.

    Examples
    --------
    >>> import roofsym as rs
    >>> led = rs.decode(rs.model("llama-3.1-8b")).at(b_w=2, b_a=2, b_kv=2)
    >>> critical_batch_fit_context(led, rs.machine("h100-sxm", dtype="bf16")).whole
    278
    """
    q = Inquiry.of(FIT_CONTEXT, ledger, machine, symbol)
    full, premise = _at_full_memory(q)
    return q.answer(full, sy.ridge, premise)


# --- windows -----------------------------------------------------------------------------------


def _windowed(q: Inquiry) -> Ledger:
    """The cache of the layers with a window.

    Raises
    ------
    InputError
        If there are none.
    """
    memory = q.ledger.memory
    local = memory.keep(e for e in memory.entries if e.amount.has(sympy.Min))
    if not local.entries:
        raise InputError("model", q.ledger.model, "one with layers that attend to a window")
    return local


WINDOW_FULL = Question(
    name="window-full-context",
    title="context from which the cache of windowed layers stops growing",
    label=Label("L*", "L^{*}"), needs=(STEP,), left="the number of tokens seen", right="the window",
    symbol=sy.L, first="first context with a full window",
    example="gpt-oss-20b",
)  # fmt: skip


@answers(WINDOW_FULL)
def window_full_context(ledger: Ledger, symbol: Unknown = None) -> Result:
    """Context from which layers with a window cache and read no more.

    Beyond it the windowed layers weigh on a decode step like so many bytes per sequence, whatever
    the context: in the critical batch, the long-context wall and the KV overtake they stand beside
    the activations.

    Returns
    -------
    Result
        The context in tokens: one less than the window, which holds the new token, too.

    Raises
    ------
    InputError
        If the model has no such layers.

    Examples
    --------
    >>> import roofsym as rs
    >>> window_full_context(rs.decode(rs.model("gpt-oss-20b"))).value
    127
    """
    q = Inquiry.of(WINDOW_FULL, ledger, None, symbol)
    local = _windowed(q)
    q.total("Held by the layers with a window", HELD_WINDOWED, local, "memory")
    (kept,) = {m for e in local.entries for m in e.amount.atoms(sympy.Min)}
    seen = [x for x in kept.args if x.has(sy.L)]
    width = [x for x in kept.args if not x.has(sy.L)]
    return q.answer(seen[0], width[0])


WINDOW_SAVING = Question(
    name="window-saving", title="KV cache with windows over the cache without",
    label=Label("M / M_full", r"M / M_{\mathrm{full}}"), needs=(STEP,),
    left="ratio times the cache without windows", right="the cache with windows",
    symbol=sy.ratio, typical={"L": 131072},
    reading=lambda value: f"windows save {float(1 - value):.1%} of the cache",
    example="gpt-oss-20b",
)  # fmt: skip


@answers(WINDOW_SAVING)
def window_saving(ledger: Ledger, symbol: Unknown = None) -> Result:
    """Bytes of KV cache over what they would be if every layer attended to the whole context.

    Returns
    -------
    Result
        The ratio: 1 until the windows are full, then falling towards the share of the layers
        without one. Solved for ``L``, the context at which a given ratio is reached.

    Raises
    ------
    InputError
        If the model has no layers with a window.

    Examples
    --------
    >>> import roofsym as rs
    >>> window_saving(rs.decode(rs.model("gpt-oss-20b")).at(L=131071)).reading
    'windows save 50.0% of the cache'
    """
    q = Inquiry.of(WINDOW_SAVING, ledger, None, symbol)
    _windowed(q)
    cache = q.ledger.memory.filter(kind="kv")
    held = q.total("KV cache of all sequences", HELD, cache, "memory")
    (kept,) = held.atoms(sympy.Min)
    (seen,) = (x for x in kept.args if x.has(sy.L))
    full = held.xreplace({kept: seen})
    q.d.define("Without windows", HELD_UNWINDOWED, full)
    held, full = (x / sy.B for x in (held, full))
    beyond = held.xreplace({kept: next(x for x in kept.args if x != seen)}) / full
    q.d.limit("Beyond the window, as the context grows, the ratio tends to", sy.ratio, beyond, sy.L,
              limit(beyond, sy.L))  # fmt: skip
    return q.answer(sy.ratio * full, held)
