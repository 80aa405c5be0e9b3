"""The slowest answers: every named result of every catalogued model, from ledger to answer.

One process, nothing cleared in between, as a report would ask them; but that Python's garbage
collector looks through the objects of all answers before is no time of the one that it interrupts.
Prints the slowest::

    python tests/benchmarks/slowest.py [LIMIT_SECONDS]
"""

from __future__ import annotations

import gc
import sys
import time

import roofsym as rs
from roofsym import catalog
from roofsym import symbols as sy
from roofsym.results import RESULTS

ALLOWED = 0.2


def main(limit: float) -> None:
    """Print the table; stop asking after so many seconds."""
    machine, rows, refused = rs.machine("h100-sxm"), [], 0
    sizes = {n: 2 for n in sy.names("precision") if n.startswith("b_")}
    started = time.perf_counter()
    for model in catalog.records("models"):
        if time.perf_counter() - started > limit:
            print(f"stopped before {model}")
            break
        for name, entry in RESULTS.items():
            gc.freeze()
            start = time.perf_counter()
            question = entry.question
            given = {**sizes, **question.typical}
            given = {n: x for n, x in given.items() if n != question.symbol.name}
            try:
                entry.answer(rs.step(rs.model(model)).at(**given), machine).bound
            except rs.InputError:
                refused += 1
                continue
            rows.append((time.perf_counter() - start, name, model))
    rows.sort(reverse=True)
    for taken, name, model in rows[:15]:
        print(f"{taken:7.3f} s  {name:28} {model}")
    middle = rows[len(rows) // 2][0]
    print(f"median {middle:.3f} s of {len(rows)} answers; {refused} questions refused by name")
    print(f"over {ALLOWED} s: {sum(taken > ALLOWED for taken, _, _ in rows)}")


if __name__ == "__main__":
    main(float(sys.argv[1]) if len(sys.argv) > 1 else float("inf"))
