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
        config_keys=model.config_keys,
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

    All other phases are this one with values put in.

    Parameters
    ----------
    model : Transformer
        The model, with numbers or in symbols.
    convention : str or Convention
        What counts.

    Returns
    -------
    Ledger
        FLOPs and bytes by operator, in ``B``, ``S`` and ``L``.

    Raises
    ------
    InputError
        If there is no such convention.

    Examples
    --------
    >>> led = step(Transformer(n_layers=1, d_model=2, n_heads=1, n_kv_heads=1, head_dim=2, d_ff=4,
    ...                        vocab_size=8), convention="weights-only")
    >>> led.at(B=3, S=5, L=0).flops
    2340
    """
    return ledger(model, "step", convention)


def prefill(model: Transformer, convention: str | Convention = conventions.DEFAULT) -> Ledger:
    """Ledger of a prefill: ``S`` new tokens per sequence, nothing cached.

    The LM head works at the last position alone, unless the convention says otherwise.

    Parameters
    ----------
    model : Transformer
        The model, with numbers or in symbols.
    convention : str or Convention
        What counts.

    Returns
    -------
    Ledger
        FLOPs and bytes by operator, in ``B`` and ``S``.

    Raises
    ------
    InputError
        If there is no such convention.

    Examples
    --------
    >>> import roofsym as rs
    >>> float(prefill(rs.model("llama-3.1-8b")).at(B=1, S=1024).flops)
    14569848176640.0
    """
    return ledger(model, "prefill", convention)


def decode(model: Transformer, convention: str | Convention = conventions.DEFAULT) -> Ledger:
    """Ledger of a decode step: one new token per sequence, on ``L`` cached ones.

    The token attends to itself, too: to ``L + 1``.

    Parameters
    ----------
    model : Transformer
        The model, with numbers or in symbols.
    convention : str or Convention
        What counts.

    Returns
    -------
    Ledger
        FLOPs and bytes by operator, in ``B`` and ``L``.

    Raises
    ------
    InputError
        If there is no such convention.

    Examples
    --------
    >>> import roofsym as rs
    >>> led = decode(rs.model("llama-3.1-8b")).at(B=1, L=1024, b_w=2, b_a=2, b_kv=2)
    >>> round(float(led.intensity), 3)
    1.026
    """
    return ledger(model, "decode", convention)


def verify(model: Transformer, convention: str | Convention = conventions.DEFAULT) -> Ledger:
    """Ledger of the verification of ``gamma`` draft tokens: ``gamma + 1`` new ones.

    The last accepted token runs along with the drafts, as in a prefill chunk.

    Parameters
    ----------
    model : Transformer
        The model, with numbers or in symbols.
    convention : str or Convention
        What counts.

    Returns
    -------
    Ledger
        FLOPs and bytes by operator, in ``B``, ``gamma`` and ``L``.

    Raises
    ------
    InputError
        If there is no such convention.

    Examples
    --------
    >>> import roofsym as rs
    >>> led = verify(rs.model("llama-3.1-8b"))
    >>> bool(led.at(B=1, gamma=0, L=9).flops == decode(rs.model("llama-3.1-8b")).at(B=1, L=9).flops)
    True
    """
    return ledger(model, "verify", convention)


def chunk(model: Transformer, convention: str | Convention = conventions.DEFAULT) -> Ledger:
    """Ledger of a prefill chunk: ``S`` new tokens of a prompt of which ``L`` are cached.

    Chunks of a prompt together do the work of its prefill, but for an LM head each, and read the
    weights once each.

    Parameters
    ----------
    model : Transformer
        The model, with numbers or in symbols.
    convention : str or Convention
        What counts.

    Returns
    -------
    Ledger
        FLOPs and bytes by operator, in ``B``, ``S`` and ``L``.

    Raises
    ------
    InputError
        If there is no such convention.

    Examples
    --------
    >>> import roofsym as rs
    >>> led = chunk(rs.model("llama-3.1-8b"), "linear-only")
    >>> [int(led.at(B=1, S=512, L=at).flops / 10**9) for at in (0, 512)]
    [7147, 7147]
    """
    return ledger(model, "chunk", convention)
