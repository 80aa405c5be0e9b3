"""Results on multi-head latent attention: absorbed against expanded execution."""

from __future__ import annotations

import dataclasses

import sympy

from roofsym import symbols as sy
from roofsym.derivation import Label
from roofsym.errors import InputError
from roofsym.ledger import Ledger
from roofsym.results.question import STEP, Inquiry, Question, Result, Unknown, answers


def _latent_executions(
    question: Question, ledger: Ledger, symbol: Unknown
) -> tuple[Inquiry, sympy.Expr, sympy.Expr]:
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
    q = Inquiry.of(question, absorbed, None, symbol)

    def gap(kind: str, more: Ledger, less: Ledger) -> Ledger:
        counted = [e for e in less.entries if e.kind == kind]
        taken = [dataclasses.replace(e, amount=-e.amount) for e in counted]
        return more.keep([*(e for e in more.entries if e.kind == kind), *taken])

    attention = q.total(
        "Attention in latent space costs more FLOPs, by",
        Label("ΔF_att", r"\Delta F_{\mathrm{att}}"), gap("attention", absorbed, expanded), "flops",
    )  # fmt: skip
    rebuilding = q.total(
        "Rebuilding keys and values of the cached context costs, beyond what absorption costs",
        Label("ΔF_up", r"\Delta F_{\mathrm{up}}"), gap("linear", expanded, absorbed), "flops",
    )  # fmt: skip
    q.d.remark("Both are proportional to the batch: it decides nothing, and is divided out.")
    return q, attention / sy.B, rebuilding / sy.B


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
    return q.answer(attention, rebuilding)


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
