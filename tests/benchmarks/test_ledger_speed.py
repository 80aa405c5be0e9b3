"""How long a ledger takes; measured, never asserted.

Aimed at: a config read and the whole symbolic step of the largest model built in 50 ms, after the
import; all quantities at one point, exactly, in 1 ms.
"""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from sympy.core.cache import clear_cache

import roofsym as rs
from roofsym import catalog, phases
from roofsym.transformer import Transformer

REFERENCE = Path(__file__).parents[1] / "reference" / "parameters.json"
CONFIGS = {row["id"]: row["config"] for row in json.loads(REFERENCE.read_text())["models"]}
LARGEST = max(catalog.records("models"), key=lambda name: rs.model(name).parameters)
TOTALS = (
    "flops", "bytes", "weight_bytes", "kv_bytes", "kv_read_bytes", "kv_write_bytes",
    "activation_bytes", "intensity",
)  # fmt: skip
POINT = {"B": 7, "S": 3, "L": 4097}


def test_the_largest_model_is_in_the_reference_table():
    assert LARGEST in CONFIGS


@pytest.mark.parametrize("cache", ["cold", "warm"])
@pytest.mark.parametrize("name", [LARGEST, "llama-3.1-405b", "llama-4-maverick"])
def test_read_a_config_and_build_the_whole_step(benchmark, tmp_path, name, cache):
    path = tmp_path / "config.json"
    path.write_text(json.dumps(CONFIGS[name]), encoding="utf-8")

    def build() -> object:
        ledger = rs.step(Transformer.from_config(path))
        return ledger.flops, ledger.bytes

    def fresh() -> None:
        phases._entries.cache_clear()
        if cache == "cold":
            # SymPy remembers what it multiplied before; a new process does not.
            clear_cache()

    benchmark.pedantic(build, setup=fresh, rounds=20, warmup_rounds=1)


def sizes(model: Transformer) -> dict[str, int]:
    """Two bytes for every element, as far as the model does not say."""
    open_symbols = rs.step(model).bytes.free_symbols
    return {s.name: 2 for s in open_symbols if s.name.startswith("b_")}


@pytest.mark.parametrize("name", ["llama-3.1-405b", LARGEST, "llama-4-maverick"])
def test_exact_totals_at_one_point(benchmark, name):
    model = rs.model(name)
    ledger = rs.step(model)
    given = POINT | sizes(model)

    def evaluate() -> list[object]:
        # A ledger anew each time: nothing that was evaluated before is at hand.
        bound = ledger.at(**given)
        return [getattr(bound, total) for total in TOTALS]

    assert all(value.is_Rational for value in evaluate())
    benchmark.pedantic(evaluate, rounds=30, warmup_rounds=2)


def test_parameters_and_kv_per_token(benchmark):
    model = rs.model(LARGEST)
    benchmark(lambda: (model.parameters, model.kv_bytes_per_token, model.memory_footprint()))
