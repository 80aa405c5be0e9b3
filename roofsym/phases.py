"""One step of a model under a convention, as a ledger; phases are substitutions of that step."""

from __future__ import annotations

import functools
from types import MappingProxyType

import sympy

from roofsym import conventions
from roofsym import symbols as sy
from roofsym.conventions import Convention
from roofsym.errors import InputError
from roofsym.ledger import Entry, Ledger
from roofsym.transformer import Geometry, Structure, Transformer

PHASES = MappingProxyType(
    {
        "step": (sy.B, sy.S, sy.L),
        "prefill": (sy.B, sy.S, sympy.S.Zero),
        "decode": (sy.B, sympy.S.One, sy.L),
        "verify": (sy.B, sy.gamma + 1, sy.L),
        "chunk": (sy.B, sy.S, sy.L),
    }
)
"""What stands in the place of ``(B, S, L)`` in each phase."""


def ledger(
    model: Transformer, phase: str = "step", convention: str | Convention = conventions.DEFAULT
) -> Ledger:
    """Ledger of one step of a model.

    Parameters
    ----------
    model : Transformer
        The model.
    phase : str
        ``step``, ``prefill``, ``decode``, ``verify`` or ``chunk``.
    convention : str or Convention
        What counts.

    Raises
    ------
    InputError
        If the phase or the convention does not exist.

    Examples
    --------
    >>> ledger(Transformer(), "decode", "weights-only").phase
    'decode'
    """
    if phase not in PHASES:
        raise InputError("phase", phase, "one of " + ", ".join(PHASES))
    rules = conventions.convention(convention)
    geometry = rules.geometry(*PHASES[phase])
    return Ledger(
        entries=_entries(model.structure, geometry, rules),
        values=model.values,
        model=model.name,
        convention=rules.name,
        phase=phase,
        tokens=geometry.tokens,
        pairs=geometry.pairs(),
        held=model.structure.held(geometry.B, geometry.S, geometry.L),
        remake=functools.partial(_remake, model, rules),
    )


def _remake(model: Transformer, rules: Convention, phase: str, **switches: object) -> Ledger:
    return ledger(model, phase, rules.replace(**switches) if switches else rules)


# Cached by structure: all models of a family share the symbolic entries and differ in values.
@functools.lru_cache(maxsize=256)
def _entries(structure: Structure, geometry: Geometry, rules: Convention) -> tuple[Entry, ...]:
    return tuple(e for e in structure.entries(geometry) if rules.counts(e))


def step(model: Transformer, convention: str | Convention = conventions.DEFAULT) -> Ledger:
    """Ledger of a general step: ``B`` sequences, ``S`` new tokens on ``L`` cached ones.

    Examples
    --------
    >>> led = step(Transformer(n_layers=1, d_model=2, n_heads=1, n_kv_heads=1, head_dim=2, d_ff=4,
    ...                        vocab_size=8), convention="weights-only")
    >>> led.at(B=3, S=5, L=0).flops
    2340
    """
    return ledger(model, "step", convention)


def prefill(model: Transformer, convention: str | Convention = conventions.DEFAULT) -> Ledger:
    """Ledger of a prefill: ``S`` new tokens, nothing cached."""
    return ledger(model, "prefill", convention)


def decode(model: Transformer, convention: str | Convention = conventions.DEFAULT) -> Ledger:
    """Ledger of a decode step: one new token on ``L`` cached ones."""
    return ledger(model, "decode", convention)


def verify(model: Transformer, convention: str | Convention = conventions.DEFAULT) -> Ledger:
    """Ledger of the verification of ``gamma`` draft tokens: ``S = gamma + 1`` new tokens."""
    return ledger(model, "verify", convention)


def chunk(model: Transformer, convention: str | Convention = conventions.DEFAULT) -> Ledger:
    """Ledger of a prefill chunk: ``S`` new tokens of a prompt of which ``L`` are cached."""
    return ledger(model, "chunk", convention)
