"""The named results of speculative decoding: from which acceptance, up to which batch it pays."""

from __future__ import annotations

import sympy

from roofsym import speculative
from roofsym import symbols as sy
from roofsym.derivation import Derivation, Label
from roofsym.errors import InputError
from roofsym.hardware import Machine
from roofsym.ledger import Ledger
from roofsym.results import parts
from roofsym.results.question import Inquiry, Question, Result, Unknown, answers, one_token

_FLOPS_ALONE = sy.extra(
    "flops_without_drafts", "FLOP", "FLOPs of a decode step", text="F(0)", latex="F(0)",
    role="quantity",
)  # fmt: skip
_BYTES_ALONE = sy.extra(
    "bytes_without_drafts", "B", "bytes of a decode step", text="Q(0)", latex="Q(0)",
    role="quantity",
)  # fmt: skip


def _totals(d: Derivation, ledger: Ledger) -> tuple[sympy.Expr, ...]:
    """FLOPs and bytes of a verification and of a decode step, in one set of named constants."""
    draft, decode = ledger.in_phase("verify"), ledger.in_phase("decode")
    work = d.total("FLOPs of a verification step", sy.flops, draft, "flops").expr
    moved = d.total("Bytes of a verification step", sy.bytes_, draft, "bytes").expr
    if moved == 0:
        raise InputError("convention", ledger.convention, "one that counts bytes")
    none = {sy.gamma: sympy.S.Zero}
    plain = []
    for what, total, quantity, label in (
        ("FLOPs", work, "flops", _FLOPS_ALONE),
        ("Bytes", moved, "bytes", _BYTES_ALONE),
    ):
        text = f"{what} of a decode step: without drafts"
        alone = one_token(total, none, sy.B)
        if total.has(sympy.Max, sympy.floor):
            # What a window or chunk cuts off is no polynomial: equal they are at whole numbers.
            plain.append(d.substitution(text, label, total, none, alone))
        else:
            plain.append(d.identity(text, decode.symbolic(quantity), alone, label))
    plain_work, plain_moved = plain
    return work, moved, plain_work, plain_moved


def _named(d: Derivation, text: str, symbol: sympy.Symbol, expr: sympy.Expr) -> sympy.Symbol:
    """Give an expression a name: a constant from here on."""
    d.definitions[symbol] = d.define(text, symbol, expr)
    return symbol


def _drafts(q: Inquiry) -> int | sympy.Symbol:
    """Draft tokens of a round: a number of them, unless it is the unknown."""
    if q.symbol == sy.gamma:
        return sy.gamma
    given = q.d.values[sy.gamma]
    if not given.is_Integer or given == 0:
        raise InputError("gamma", given, "a whole number of draft tokens, 1 or more")
    return int(given)


def _gained(d: Derivation, gamma: int | sympy.Symbol) -> sympy.Expr:
    gained = speculative.tokens_per_round(gamma)
    drafts = "γ" if gamma == sy.gamma else f"γ = {gamma}"
    d.define(f"Tokens that a round of {drafts} drafts is expected to gain", sy.tokens_per_round,
             gained)  # fmt: skip
    if gamma == sy.gamma:
        if d.values.get(sy.acceptance) != 1:
            return gained
        # Where every draft is accepted, the sum has no closed form of that kind.
        d.spent.add(sy.acceptance)
        return gamma + 1
    closed = speculative.tokens_per_round().xreplace({sy.gamma: sympy.Integer(gamma)})
    d.identity("The sum of a geometric series", gained, closed, sy.tokens_per_round)
    return gained


BREAK_EVEN_ACCEPTANCE = Question(
    name="break-even-acceptance", title="acceptance from which speculative decoding pays",
    label=Label("p*", "p^{*}"), phases=("verify", "decode"), left="what a round gains in tokens",
    right="what it takes in decode steps", symbol=sy.acceptance, defaults={"gamma": 4},
    typical={"B": 1, "L": 1024, "draft_cost": sympy.Rational(1, 20)},
)  # fmt: skip


@answers(BREAK_EVEN_ACCEPTANCE)
def break_even_acceptance(ledger: Ledger, machine: Machine, symbol: Unknown = None) -> Result:
    """Acceptance rate from which a round of drafts gains more tokens than it costs decode steps.

    Parameters
    ----------
    ledger : Ledger
        A decode or verification step, or the general step of the model, with a whole number for
        ``gamma`` (4 if it has none).
    machine : Machine
        The machine.

    Returns
    -------
    Result
        The probability. A value above 1 means that speculation does not pay at any.

    Raises
    ------
    InputError
        If ``gamma`` is no whole number from 1 on, or ``acceptance`` has a value.

    Examples
    --------
    >>> import roofsym as rs
    >>> step = rs.decode(rs.model("llama-3.1-8b")).at(b_w=2, b_a=2, b_kv=2, L=1024, gamma=1)
    >>> h100 = rs.machine("h100-sxm", dtype="bf16")
    >>> x = break_even_acceptance(step, h100)
    >>> print(x.general.value)
    draft_cost + verify_cost - 1
    >>> found = break_even_acceptance(step.at(B=64, draft_cost=0.05), h100)
    >>> round(float(found.value), 3)
    0.066
    """
    q = Inquiry.of(BREAK_EVEN_ACCEPTANCE, ledger, machine, symbol)
    d, draft = q.d, q.ledger
    gamma = _drafts(q)
    work, moved, plain_work, plain_moved = _totals(d, draft)
    times = q.time_of(work, moved), q.time_of(plain_work, plain_moved)
    told = (
        ("Time of a verification", parts.VERIFICATION_TIME, times[0]),
        ("Time of a decode step", parts.DECODE_TIME, times[1]),
        ("What a verification takes in decode steps", sy.verify_cost,
         parts.VERIFICATION_TIME / parts.DECODE_TIME),
    )  # fmt: skip
    for text, symbol, meaning in told:
        d.define(text, symbol, meaning)
        d.definitions[symbol] = meaning
    gained = _gained(d, gamma)
    if q.symbol in (sy.acceptance, sy.draft_cost, sy.verify_cost):
        return q.answer(gained, sy.verify_cost + gamma * sy.draft_cost)
    # Of what verification costs, the unknown is a part: without a quotient of two maxima, in time.
    return q.answer((gained - gamma * sy.draft_cost) * times[1], times[0])


BREAK_EVEN_BATCH = Question(
    name="break-even-batch", title="batch from which speculative decoding no longer pays",
    label=Label("B*", "B^{*}"), phases=("verify", "decode"), left="the time of verification",
    right="the time that it may take", symbol=sy.B, first="first batch at which it does not pay",
    defaults={"gamma": 4},
    typical={
        "L": 128, "draft_cost": sympy.Rational(1, 20), "acceptance": sympy.Rational(4, 5),
    },
)  # fmt: skip


@answers(BREAK_EVEN_BATCH)
def break_even_batch(ledger: Ledger, machine: Machine, symbol: Unknown = None) -> Result:
    """Batch from which a round of drafts takes longer than decoding as many tokens one by one.

    Of a mixture of experts there may be several: drafts touch experts that a small batch does not.

    Parameters
    ----------
    ledger : Ledger
        A decode or verification step, or the general step of the model, with a whole number for
        ``gamma`` (4 if it has none).
    machine : Machine
        The machine.

    Returns
    -------
    Result
        The batch, in sequences. ``never`` where verification stays memory-bound for its context:
        the KV cache, read once for all drafts, grows with the batch as their work does.

    Raises
    ------
    InputError
        If ``gamma`` is no whole number from 1 on, ``B`` has a value, or drafting alone takes longer
        than decoding.

    Examples
    --------
    >>> import roofsym as rs
    >>> step = rs.decode(rs.model("llama-3.1-8b")).at(b_w=2, b_a=2, b_kv=2, gamma=4)
    >>> h100 = rs.machine("h100-sxm", dtype="bf16")
    >>> drafts = step.at(acceptance=0.8, draft_cost=0.05)
    >>> break_even_batch(drafts.at(L=128), h100).whole
    283
    >>> break_even_batch(drafts.at(L=32768), h100).outcome
    'never'
    """
    q = Inquiry.of(BREAK_EVEN_BATCH, ledger, machine, symbol)
    d, draft = q.d, q.ledger
    gamma = _drafts(q)
    gained = _gained(d, gamma)
    work, moved, plain_work, plain_moved = _totals(d, draft)
    once = moved.xreplace({sy.B: sympy.S.Zero})
    times = []
    for what, flops, total, bytes_, traffic in (
        ("a verification", sy.verify_flops, work, sy.verify_bytes, moved),
        ("a decode step", sy.plain_flops, plain_work, sy.plain_bytes, plain_moved),
    ):
        if traffic.has(sy.rho):
            # The distinct experts that a batch and its drafts read are two powers of B.
            times.append(q.time_of(total, traffic))
            continue
        f = _named(d, f"Of {what}, each sequence costs", flops, total / sy.B)
        own = (traffic - once) / sy.B
        text = f"Beside the weights, each sequence of {what} moves"
        q_own = _named(d, text, bytes_, own) if own != 0 else own
        times.append(q.time_of(sy.B * f, once + sy.B * q_own))
    verify, plain = times
    allowed = gained - gamma * sy.draft_cost
    _named(d, "Decode steps that verification may take, drafting having taken γ δ", sy.allowance,
           allowed)  # fmt: skip
    known = d.evaluate(allowed)
    if known.is_number and known <= 0:
        given = d.values[sy.draft_cost]
        raise InputError("draft_cost", given, "less than drafting may take: E > γ δ")
    return q.answer(verify, sy.allowance * plain)
