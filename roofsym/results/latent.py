"""Results on multi-head latent attention: absorbed against expanded execution."""

from __future__ import annotations

import dataclasses

import sympy

from roofsym import polynomial
from roofsym import symbols as sy
from roofsym.closed_form import ClosedForm, closed_form
from roofsym.derivation import Label
from roofsym.errors import InputError
from roofsym.hardware import Machine
from roofsym.ledger import Ledger
from roofsym.results.question import STEP, Inquiry, Premise, Question, Result, Unknown, answers

EXTRA_ATTENTION = sy.extra(
    "alpha_absorbed", "FLOP/token",
    "attention FLOPs that absorption costs more, per new token and token attended to",
    text="Δα", latex=r"\Delta\alpha", beside=sy.alpha,
)  # fmt: skip
"""What the attention of absorbed execution costs more: no ``α``, which is all of its FLOPs."""


def _both_ways(question: Question, ledger: Ledger) -> tuple[Ledger, Ledger]:
    """A chunk's ledger under absorbed and under expanded execution."""
    step = question.step(ledger)
    absorbed, expanded = (
        step.recounted(question.phase, latent=way) for way in ("absorbed", "expanded")
    )
    if not any(e.operator == "k_up_proj" for e in absorbed.entries):
        raise InputError("model", ledger.model, "one with multi-head latent attention")
    return absorbed, expanded


def _latent_executions(
    question: Question, ledger: Ledger, symbol: Unknown
) -> tuple[Inquiry, sympy.Expr, sympy.Expr]:
    """What absorbed latent attention costs more in attention, and expanded in rebuilding.

    FLOPs per sequence of a step of ``S`` new tokens on ``L`` cached ones.
    """
    absorbed, expanded = _both_ways(question, ledger)
    kinds = {e.kind for e in absorbed.entries}
    if "attention" not in kinds or "linear" not in kinds:
        accepted = "one that counts attention and linear FLOPs"
        raise InputError("convention", ledger.convention, accepted)
    q = Inquiry.of(question, absorbed, None, symbol)

    def gap(kind: str, more: Ledger, less: Ledger) -> Ledger:
        counted = [e for e in less.entries if e.kind == kind]
        taken = [dataclasses.replace(e, amount=-e.amount) for e in counted]
        return more.keep([*(e for e in more.entries if e.kind == kind), *taken])

    attention = q.d.total(
        "Attention in latent space costs more FLOPs, by",
        Label("ΔF_att", r"\Delta F_{\mathrm{att}}", "FLOP",
              "FLOPs that the latent adds to attention"),
        gap("attention", absorbed, expanded), "flops",
        lambda *asked: closed_form(*asked).renamed({sy.alpha: EXTRA_ATTENTION}),
    ).expr  # fmt: skip
    rebuilding = q.total(
        "Rebuilding keys and values of the cached context costs, beyond what absorption costs",
        Label("ΔF_up", r"\Delta F_{\mathrm{up}}", "FLOP",
              "FLOPs of rebuilding keys and values, less those of absorption"),
        gap("linear", expanded, absorbed), "flops",
    )  # fmt: skip
    q.d.remark("Both are proportional to the batch: it decides nothing, and is divided out.")
    return q, attention / sy.B, rebuilding / sy.B


# A named constant is positive. Of a latent narrower than half of the heads' widths this one is not:
# attention costs fewer FLOPs in it as well.
_NARROW = "absorbed costs fewer FLOPs at any length: the latent is no wider than the heads"

LATENT_LENGTH = Question(
    name="latent-expanded-length",
    title="new tokens per sequence from which expanded latent attention costs fewer FLOPs",
    label=Label("S*", "S^{*}"), phases=("chunk",), needs=(STEP,),
    left="the extra attention of absorption", right="the rebuilding of expansion", symbol=sy.S,
    last="last length at which absorbed is cheaper", typical={"L": 4096},
    example="deepseek-v3",
)  # fmt: skip


@answers(LATENT_LENGTH)
def latent_expanded_length(ledger: Ledger, symbol: Unknown = None) -> Result:
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
    q, attention, rebuilding = _latent_executions(LATENT_LENGTH, ledger, symbol)
    return q.answer(attention, rebuilding, Premise(sympy.S.Zero, EXTRA_ATTENTION, _NARROW))


LATENT_CONTEXT = Question(
    name="latent-absorbed-context",
    title="context from which absorbed latent attention costs fewer FLOPs",
    label=Label("L*", "L^{*}"), phases=("chunk",), needs=(STEP,),
    left="the rebuilding of expansion", right="the extra attention of absorption",
    symbol=sy.L, natural=sy.S, first="first context at which absorbed is cheaper",
    typical={"S": 128},
    example="deepseek-v3",
)  # fmt: skip


@answers(LATENT_CONTEXT)
def latent_absorbed_context(ledger: Ledger, symbol: Unknown = None) -> Result:
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
    q, attention, rebuilding = _latent_executions(LATENT_CONTEXT, ledger, symbol)
    return q.answer(rebuilding, attention)


LATENT_FASTER = Question(
    name="latent-faster-length",
    title="new tokens per sequence from which expanded latent attention takes less time",
    label=Label("S*", "S^{*}"), phases=("chunk",),
    left="the time of absorbed execution", right="the time of expanded execution", symbol=sy.S,
    first="first length at which expanded is faster", typical={"L": 4096, "B": 1},
    example="deepseek-v3",
)  # fmt: skip


@answers(LATENT_FASTER)
def latent_faster_length(ledger: Ledger, machine: Machine, symbol: Unknown = None) -> Result:
    """New tokens per sequence at which expanded latent attention takes as long as absorbed.

    Where both are compute-bound it is `latent_expanded_length`. Where both are memory-bound it is
    ``L (d_nope + d_v) / (2 r − d_nope − d_v)`` for a latent of width ``r``: expanded writes and
    reads keys and values of the context, absorbed wider queries and outputs of the new tokens.

    Raises
    ------
    InputError
        If the model has no multi-head latent attention, or the convention counts the same bytes
        either way.

    Examples
    --------
    >>> import roofsym as rs
    >>> from roofsym.hardware import element_bytes
    >>> led = rs.step(rs.model("deepseek-v3")).at(**element_bytes("bf16"), L=4096)
    >>> hw = rs.machine("h100-sxm")
    >>> latent_faster_length(led.at(B=1), hw).whole, latent_faster_length(led.at(B=64), hw).whole
    (1366, 168)
    """
    absorbed, expanded = _both_ways(LATENT_FASTER, ledger)
    if polynomial.is_zero(absorbed.symbolic("bytes") - expanded.symbolic("bytes")):
        accepted = "one that counts the keys and values that expanded execution moves"
        raise InputError("convention", ledger.convention, accepted)
    q = Inquiry.of(LATENT_FASTER, absorbed, machine, symbol)
    first = q.time()
    second = q.time_of(*(_beside(q, expanded, quantity) for quantity in ("flops", "bytes")))
    return q.answer(first, second)


_EXPANDED = {
    "flops": ("FLOPs", sy.extra(
        "flops_expanded", "FLOP", "FLOPs of the step under expanded execution",
        text="F′", latex="F'", role="quantity",
    )),
    "bytes": ("Bytes", sy.extra(
        "bytes_expanded", "B", "bytes of the step under expanded execution",
        text="Q′", latex="Q'", role="quantity",
    )),
}  # fmt: skip


def _beside(q: Inquiry, expanded: Ledger, quantity: str) -> sympy.Expr:
    """A total of expanded execution; constants that differ from absorbed execution's get a mark."""
    form = closed_form(expanded, quantity)
    marks = {}
    for constant, definition in form.definitions.items():
        known = q.d.definitions.get(constant)
        if known is not None and not polynomial.is_zero(known - definition):
            row = sy.info(constant)
            marks[constant] = sy.extra(
                f"{constant}_expanded", row.unit, f"{row.meaning}, expanded",
                text=row.text + "′", latex=sy.marked(row.latex, "'"), beside=constant,
            )  # fmt: skip
    definitions = {marks.get(s, s): definition for s, definition in form.definitions.items()}
    what, label = _EXPANDED[quantity]
    marked = ClosedForm(form.expr.xreplace(marks), definitions, form.values)
    return q.d.total(
        f"{what} under expanded execution", label, expanded, quantity, lambda *_: marked
    ).expr
