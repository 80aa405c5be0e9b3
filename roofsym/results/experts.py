"""Results on mixtures of experts: distinct experts, and the batch that a mixture asks for."""

from __future__ import annotations

import sympy

from roofsym import symbols as sy
from roofsym.derivation import Label
from roofsym.errors import InputError
from roofsym.ledger import Ledger
from roofsym.limits import limit
from roofsym.results.decode import weights_of_every_step
from roofsym.results.parts import EXPERTS_READ, READ_BY_ONE, WEIGHTS_READ
from roofsym.results.question import STEP, Inquiry, Question, Result, Unknown, answers
from roofsym.values import open_powers


def _experts_read(q: Inquiry) -> tuple[sympy.Expr, sympy.Expr]:
    """Bytes of routed experts that the step reads, and of all of them.

    Raises
    ------
    InputError
        If the model has no experts or the convention does not count the distinct ones.
    """
    entries = [e for e in weights_of_every_step(q.ledger).entries if open_powers(e.amount)]
    if not entries:
        raise InputError(
            "model", q.ledger.model, "a mixture of experts, with distinct experts counted"
        )
    read = q.total(
        "Bytes of the distinct experts that the step's tokens choose",
        EXPERTS_READ, q.ledger.keep(entries), "bytes",
    )  # fmt: skip
    whole = limit(read, sy.B)
    q.d.limit("As the batch grows, every expert is read", EXPERTS_READ, read,
              sy.B, whole)  # fmt: skip
    return read, whole


DISTINCT = Question(
    name="distinct-experts", title="distinct experts that a step reads, expected",
    label=Label("n_x", r"n_{\mathrm{x}}"), phases=("decode", "prefill", "verify", "chunk"),
    needs=(STEP,),
    left="the number asked for", right="the number of experts read",
    symbol=sy.distinct, typical={"B": 8},
    example="mixtral-8x7b",
    below="more are read", above="fewer are read",
)  # fmt: skip


@answers(DISTINCT)
def distinct_experts(ledger: Ledger, symbol: Unknown = None) -> Result:
    """Expected number of distinct experts per layer that the tokens of a step choose together.

    Uniform routing: ``E (1 − (1 − k/E)^T)`` for ``T`` tokens.

    Returns
    -------
    Result
        Experts per layer.

    Raises
    ------
    InputError
        If the model has no experts.

    Examples
    --------
    >>> import roofsym as rs
    >>> round(float(distinct_experts(rs.decode(rs.model("mixtral-8x7b")).at(B=8)).value), 3)
    7.199
    """
    q = Inquiry.of(DISTINCT, ledger, None, symbol)
    read, whole = _experts_read(q)
    return q.answer(sy.distinct, sy.n_experts * sympy.cancel(read / whole))


TOUCHED = Question(
    name="experts-touched-batch", title="batch that touches a fraction f of the experts",
    label=Label("B_f", "B_f"), phases=("decode",), needs=(STEP,), left="the share of experts read",
    right="the fraction f", symbol=sy.B, first="first batch that touches so many",
    typical={"fraction": sympy.Rational(9, 10)},
    example="mixtral-8x7b",
    below="fewer are read", above="more are read",
)  # fmt: skip


@answers(TOUCHED)
def experts_touched_batch(ledger: Ledger, symbol: Unknown = None) -> Result:
    """Batch at which decode touches a given ``fraction`` of the experts, expected.

    From there on a mixture reads nearly what a dense model of all its parameters reads.

    Returns
    -------
    Result
        The batch: ``ln(1 − f) / ln(1 − k/E)``.

    Raises
    ------
    InputError
        If the model has no experts.

    Examples
    --------
    >>> import roofsym as rs
    >>> experts_touched_batch(rs.decode(rs.model("deepseek-v3")).at(fraction=0.9)).whole
    73
    """
    q = Inquiry.of(TOUCHED, ledger, None, symbol)
    read, whole = _experts_read(q)
    return q.answer(sympy.cancel(read / whole), sy.fraction)


MIXTURE_RATIO = Question(
    name="mixture-batch-ratio",
    title="critical batch of a mixture over that of a dense model of the same active size",
    label=Label("B*_mix / B*_dense", r"B^{*}_{\mathrm{mix}} / B^{*}_{\mathrm{dense}}"),
    phases=("decode",), needs=(STEP,), left="ratio times the weight read of one token",
    right="the weight read of all tokens", symbol=sy.ratio,
    reading=lambda value: (
        f"a mixture needs {float(value):.3g} times the batch, once that reads every expert"
    ),
    example="mixtral-8x7b",
)  # fmt: skip


@answers(MIXTURE_RATIO)
def mixture_batch_ratio(ledger: Ledger, symbol: Unknown = None) -> Result:
    """How much larger the critical batch of a mixture is for having more weights than it uses.

    The critical batch is the ridge point times weight bytes over what a sequence's work leaves
    after its own traffic. A dense model of the same active size has the same work and traffic per
    sequence, but reads only the weights that one token uses; at its critical batch a mixture
    touches nearly all experts.

    Returns
    -------
    Result
        The ratio of weights read at large batch to those of one token.

    Raises
    ------
    InputError
        If the model has no experts.

    Examples
    --------
    >>> import roofsym as rs
    >>> led = rs.decode(rs.model("qwen3-30b-a3b")).at(b_w=2)
    >>> mixture_batch_ratio(led).reading
    'a mixture needs 9.94 times the batch, once that reads every expert'
    """
    q = Inquiry.of(MIXTURE_RATIO, ledger, None, symbol)
    _experts_read(q)
    read = q.total(
        "All weights that a step reads", WEIGHTS_READ,
        weights_of_every_step(q.ledger), "bytes",
    )  # fmt: skip
    one = q.d.substitution("Those of one token", READ_BY_ONE, read, {sy.B: sympy.S.One})
    everything = limit(read, sy.B)
    q.d.limit("Those of many tokens", WEIGHTS_READ, read, sy.B, everything)
    return q.answer(sy.ratio * one, everything)
