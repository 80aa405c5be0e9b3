"""The named result on activations: the multiplier that counts as many bytes as the operators do."""

from __future__ import annotations

import sympy

from roofsym import symbols as sy
from roofsym.derivation import Label
from roofsym.errors import InputError
from roofsym.ledger import Ledger
from roofsym.results.parts import OWN_ACTIVATIONS, RULE_ACTIVATIONS
from roofsym.results.question import STEP, Inquiry, Question, Result, Unknown, answers

ACTIVATION_MULTIPLIER = Question(
    name="implied-multiplier",
    title="activation multiplier that counts as many bytes as the operators do",
    label=Label("c_act", r"c_{\mathrm{act}}"), phases=("decode", "prefill", "verify", "chunk"),
    needs=(STEP,),
    left="the rule's count of activations", right="the operators' own count", symbol=sy.c_act,
)  # fmt: skip

_ACTIVATIONS = frozenset({"activation", "score", "probability"})


@answers(ACTIVATION_MULTIPLIER)
def implied_multiplier(ledger: Ledger, symbol: Unknown = None) -> Result:
    """Value of ``c_act`` at which `activation-multiplier` moves the bytes that a ledger moves.

    Counted are the layers' activations, scores and probabilities included where they travel; what
    embedding and LM head move has no layer and no place in the rule.

    Parameters
    ----------
    ledger : Ledger
        A step in any phase, under a convention that counts activations operator by operator.

    Returns
    -------
    Result
        The multiplier: activations per token and layer, in units of ``d_model``.

    Raises
    ------
    InputError
        If the ledger is a part of another, counts no activations, or ``c_act`` has a value.

    Examples
    --------
    >>> import roofsym as rs
    >>> step = rs.decode(rs.model("llama-3.1-8b"))
    >>> implied_multiplier(step).value
    45/2
    >>> implied_multiplier(rs.decode(rs.model("gpt2"))).value
    20
    """
    q = Inquiry.of(ACTIVATION_MULTIPLIER, ledger, None, symbol)
    ledger = q.ledger
    rule = ledger.recounted(ledger.phase, activations="multiplier", attention="fused")
    by_rule, own = (_of_layers(led) for led in (rule, ledger))
    if own == 0 or own.has(sy.c_act):
        accepted = "one that counts activations operator by operator"
        raise InputError("convention", ledger.convention, accepted)
    q.d.define("Activation bytes of the layers by the rule", RULE_ACTIVATIONS, by_rule)
    q.d.define("and by the operators", OWN_ACTIVATIONS, own)
    return q.answer(by_rule, own)


def _of_layers(ledger: Ledger) -> sympy.Expr:
    """Bytes of activations in the layers, in symbols."""
    kept = [e for e in ledger.entries if e.group and e.kind in _ACTIVATIONS]
    return sympy.factor_terms(ledger.keep(kept).symbolic("bytes"))
