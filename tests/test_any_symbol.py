"""Every named result, solved for every symbol that its equation offers: answered, and in words.

What a refusal offers - "a symbol of the equation: peak, bandwidth, B, ..." - is taken at its word.
A short run asks each result for a few symbols, of one model after another; a long one for all of
them, of a model of every kind::

    ROOFSYM_CASES=10000 python -m pytest tests/test_any_symbol.py
"""

from __future__ import annotations

import itertools
import os
from collections.abc import Iterator

import pytest

import roofsym as rs
from roofsym import summary
from roofsym import symbols as sy
from roofsym.render.notation import DEFAULT
from roofsym.results import RESULTS, Result
from roofsym.results.question import STEP

MODELS = (
    "llama-3.1-8b", "mixtral-8x7b", "gemma-2-9b", "deepseek-v3", "gpt-oss-20b", "llama-4-scout",
    "gpt2",
)  # fmt: skip
EVERY = "ROOFSYM_CASES" in os.environ
FEW = 2
H100 = rs.machine("h100-sxm", dtype="bf16")
SIZES = {name: 2 for name in sy.names("precision") if name.startswith("b_")}
# No part of any equation: what can be asked for instead is in the refusal.
STRANGER = "gap"


def ask(name: str, model: str, values: dict[str, object], symbol: str | None = None) -> Result:
    step = rs.step(rs.model(model)).at(**{n: x for n, x in values.items() if n != symbol})
    return RESULTS[name].answer(step, H100, symbol)


def offered(name: str, model: str, values: dict[str, object]) -> list[str]:
    with pytest.raises(rs.InputError) as refused:
        ask(name, model, values, STRANGER)
    return refused.value.accepted.removeprefix("a symbol of the equation: ").split(", ")


def workload(name: str) -> dict[str, object]:
    """Values for a step, but for what the phase of the question says of it."""
    question = RESULTS[name].question
    fixed = {"prefill": {"L"}, "decode": {"S"}, "verify": {"S"}}.get(question.phase, set())
    values = {**SIZES, "B": 4, "S": 512, "L": 4096, **question.typical}
    return {n: x for n, x in values.items() if n not in fixed}


def makes_sense(name: str, model: str) -> bool:
    try:
        without = {
            n: x for n, x in workload(name).items() if n != RESULTS[name].question.symbol.name
        }
        ask(name, model, without)
    except rs.InputError as error:
        assert error.field in ("model", "convention", "unknown")
        return False
    return True


ASKED = [
    name for name, entry in RESULTS.items()
    if STEP in entry.question.needs and not entry.question.relative
]  # fmt: skip


def chosen(name: str) -> Iterator[str]:
    """Models of which a result can be asked: all of them, or another one for each result."""
    first = ASKED.index(name) % len(MODELS)
    able = (m for m in (*MODELS[first:], *MODELS[:first]) if makes_sense(name, m))
    return able if EVERY else itertools.islice(able, 1)


@pytest.mark.parametrize("name", ASKED)
def test_any_symbol_is_solved_for(name: str):
    models = list(chosen(name))
    assert models
    for model in models:
        check(name, model)


def check(name: str, model: str) -> None:
    own = RESULTS[name].question.symbol
    values = workload(name)
    values.pop(own.name, None)
    answer = ask(name, model, values)
    if own.name not in ("peak", "bandwidth", "capacity"):
        found = answer.value
        known = found is not None and found.is_number and found.is_real
        values[own.name] = round(float(found), 4) if known and found > 1e-3 else 100
    symbols = [s for s in offered(name, model, values) if s != own.name]
    assert len(symbols) >= 1
    for symbol in symbols if EVERY else symbols[:: max(1, len(symbols) // FEW)]:
        try:
            result = ask(name, model, values, symbol)
        except rs.InputError as error:
            # A rounded answer, put back in, has sides that touch at the end of every chunk.
            assert model == "llama-4-scout"
            assert "close to each other" in error.accepted
            continue
        assert result.symbol == sy.lookup(symbol)
        assert result.outcome in ("crosses", "never", "always", "numeric")
        assert result.bound.branches or result.outcome in ("never", "always")
        assert result.outcome in ("never", "always") or result.value.is_number
        words = summary.text(result, DEFAULT)
        assert result.outcome in words or f"{sy.info(sy.lookup(symbol)).text} = " in words
