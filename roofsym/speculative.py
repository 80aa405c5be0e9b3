"""Speculative decoding: what a round of drafting and verifying gains, and what it costs.

A draft of ``γ`` tokens per sequence is verified in one step of ``γ + 1`` new tokens. Each draft
token is accepted with probability ``p`` if those before it were, and the step adds one token of its
own (Leviathan, Kalman and Matias, "Fast Inference from Transformers via Speculative Decoding",
2023). What verification costs is the ledger's ``verify`` phase, in no other formula. It needs
logits at all positions, which the convention's switch ``lm_head="all"`` counts.
"""

from __future__ import annotations

from dataclasses import dataclass

import sympy

from roofsym import symbols as sy
from roofsym import values
from roofsym.errors import InputError
from roofsym.hardware import Machine
from roofsym.ledger import Ledger
from roofsym.roofline import Roofline


def tokens_per_round(gamma: int | sympy.Expr = sy.gamma) -> sympy.Expr:
    """Tokens per sequence that a round of ``γ`` drafts and one verification is expected to gain.

    The step's own token is certain, the first draft token comes with probability ``p``, the second
    with ``p²`` (Leviathan et al., 2023, equation 1).

    Parameters
    ----------
    gamma : int or sympy.Expr
        Draft tokens. A whole number gives the sum term by term, which holds for ``p = 1``, too.

    Raises
    ------
    InputError
        If it is a number, but not a whole one.

    Examples
    --------
    >>> tokens_per_round()
    (1 - acceptance**(gamma + 1))/(1 - acceptance)
    >>> tokens_per_round(2)
    acceptance**2 + acceptance + 1
    """
    p = sy.acceptance
    if isinstance(gamma, sympy.Expr) and not gamma.is_number:
        return (1 - p ** (gamma + 1)) / (1 - p)
    return sympy.Add(*(p**i for i in range(_whole(gamma) + 1)))


def _whole(gamma: object) -> int:
    number = values.positive(gamma, "gamma", zero=True)
    if not number.is_Integer:
        raise InputError("gamma", gamma, "a whole number of draft tokens")
    return int(number)


def speed_up(
    ledger: Ledger, machine: Machine, gamma: int, acceptance: object, draft_cost: object
) -> sympy.Expr:
    """Time per token of plain decode over that of speculative decoding.

    Parameters
    ----------
    ledger : Ledger
        A step of the model, in any phase.
    machine : Machine
        The machine.
    gamma : int
        Draft tokens.
    acceptance : number
        Probability that a draft token is accepted, from 0 to 1.
    draft_cost : number
        Time to draft one token, in decode steps of the model; 0 for a draft that costs nothing.

    Returns
    -------
    sympy.Expr
        The factor: above 1, speculation pays. Time is the roofline's: with a batch that makes
        verification compute-bound, it no longer costs what a decode step costs.

    Raises
    ------
    InputError
        If `gamma` is no whole number, the acceptance no probability or the cost negative.

    Examples
    --------
    >>> import roofsym as rs
    >>> step = rs.decode(rs.model("llama-3.1-8b")).at(b_w=2, b_a=2, b_kv=2, L=1024)
    >>> h100 = rs.machine("h100-sxm", dtype="bf16")
    >>> [round(float(speed_up(step.at(B=n), h100, 4, 0.8, 0.05)), 2) for n in (1, 64, 512)]
    [2.8, 2.66, 2.02]
    """
    count = _whole(gamma)
    given = {
        sy.acceptance: probability(acceptance),
        sy.draft_cost: values.positive(draft_cost, "draft_cost", zero=True),
    }
    plain = Roofline(ledger.in_phase("decode"), machine).time
    verify = Roofline(ledger.in_phase("verify").at(gamma=count), machine).time
    gained = tokens_per_round(count) * plain
    return (gained / (verify + count * sy.draft_cost * plain)).xreplace(given)


def probability(acceptance: object) -> sympy.Rational:
    """Exact value of an acceptance rate.

    Raises
    ------
    InputError
        If it is not a number from 0 to 1.
    """
    number = values.positive(acceptance, "acceptance", zero=True)
    if number > 1:
        raise InputError("acceptance", acceptance, "a probability, from 0 to 1")
    return number


@dataclass(frozen=True)
class Draft:
    """The number of draft tokens that pays most.

    Attributes
    ----------
    gamma : int
        Draft tokens; 0 where speculation does not pay.
    speed_up : sympy.Expr
        What it gains over plain decode.
    """

    gamma: int
    speed_up: sympy.Expr


def best_draft(
    ledger: Ledger, machine: Machine, acceptance: object, draft_cost: object, longest: int = 32
) -> Draft:
    """Number of draft tokens, up to `longest`, with the highest speed-up.

    Every number is tried: with a verification that turns compute-bound on the way, the speed-up may
    have more than one peak.

    Raises
    ------
    InputError
        If the ledger or the machine has symbols without numbers, or as `speed_up`.

    Examples
    --------
    >>> import roofsym as rs
    >>> step = rs.decode(rs.model("llama-3.1-8b")).at(b_w=2, b_a=2, b_kv=2, L=1024)
    >>> h100 = rs.machine("h100-sxm", dtype="bf16")
    >>> [best_draft(step.at(B=n), h100, 0.8, 0.05).gamma for n in (1, 64, 1024)]
    [8, 7, 2]
    """
    best = Draft(0, sympy.S.One)
    for gamma in range(1, longest + 1):
        gain = speed_up(ledger, machine, gamma, acceptance, draft_cost)
        if not gain.is_number:
            free = ", ".join(sorted(s.name for s in gain.free_symbols))
            raise InputError("ledger", free, "a ledger and a machine with numbers for all symbols")
        if gain > best.speed_up:
            best = Draft(gamma, gain)
    return best
