"""Symbolic derivation of LLM inference cost.

FLOPs, bytes and arithmetic intensity of a transformer's step as SymPy expressions: derived from a
ledger of operators, solved for crossovers with their conditions, printed as LaTeX, evaluated as
NumPy functions.

Names are loaded when they are first used, so that ``import roofsym`` costs nothing and
``roofsym --help`` needs neither SymPy nor Matplotlib.

Examples
--------
>>> import roofsym as rs
>>> led = rs.decode(rs.Transformer(), convention="weights-only").at(b_w=2)
>>> rs.results.critical_batch(led, rs.Machine(peak=312e12, bandwidth=2e12)).value
156
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from roofsym import parallel, plot, results, speculative, symbols
    from roofsym.catalog import machine, model
    from roofsym.conventions import Convention, convention
    from roofsym.derivation import Derivation
    from roofsym.errors import InputError, ProofError
    from roofsym.hardware import Machine
    from roofsym.ledger import Entry, Ledger
    from roofsym.numeric import compile_expression as compile
    from roofsym.phases import chunk, decode, prefill, step, verify
    from roofsym.roofline import Roofline
    from roofsym.solve import Crossover, crossover
    from roofsym.transformer import Transformer

__version__ = "0.1.0"

__all__ = [
    "Convention",
    "Crossover",
    "Derivation",
    "Entry",
    "InputError",
    "Ledger",
    "Machine",
    "ProofError",
    "Roofline",
    "Transformer",
    "chunk",
    "compile",
    "convention",
    "crossover",
    "decode",
    "machine",
    "model",
    "parallel",
    "plot",
    "prefill",
    "results",
    "speculative",
    "step",
    "symbols",
    "verify",
]

# Public name -> module that owns it, and its name there where that differs.
_OWNERS = {
    "Convention": "conventions",
    "Crossover": "solve",
    "Derivation": "derivation",
    "Entry": "ledger",
    "InputError": "errors",
    "Ledger": "ledger",
    "Machine": "hardware",
    "ProofError": "errors",
    "Roofline": "roofline",
    "Transformer": "transformer",
    "chunk": "phases",
    "compile": "numeric:compile_expression",
    "convention": "conventions",
    "crossover": "solve",
    "decode": "phases",
    "machine": "catalog",
    "model": "catalog",
    "prefill": "phases",
    "step": "phases",
    "verify": "phases",
}
_MODULES = ("parallel", "plot", "results", "speculative", "symbols")


def __getattr__(name: str) -> Any:
    if name in _MODULES:
        return importlib.import_module(f"roofsym.{name}")
    if name not in _OWNERS:
        raise AttributeError(f"module 'roofsym' has no attribute {name!r}")
    module, _, inner = _OWNERS[name].partition(":")
    value = getattr(importlib.import_module(f"roofsym.{module}"), inner or name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
