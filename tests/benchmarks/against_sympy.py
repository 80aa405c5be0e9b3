"""Every named result's equation solved by this package and by ``sympy.solve``, in one run.

Prints seconds and ratio per result, and the median. Both start each time with every cache empty,
SymPy's and our own. Ours also finds the conditions and verifies; SymPy gives values alone. Where
it fails, or takes longer than ten seconds a time, that is counted apart::

    python tests/benchmarks/against_sympy.py
"""

from __future__ import annotations

import signal
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path

import sympy

sys.path.insert(0, str(Path(__file__).parents[1]))

from support import forget, subject

import roofsym as rs
from roofsym import solve
from roofsym.results import RESULTS

ROUNDS = 5
LIMIT = 10 * ROUNDS


def _too_long(*_: object) -> None:
    raise TimeoutError


def seconds(call: Callable[[], object], rounds: int) -> float:
    """Shortest of some runs, each without what is remembered of the one before."""
    taken = []
    for _ in range(rounds):
        forget()
        start = time.perf_counter()
        call()
        taken.append(time.perf_counter() - start)
    return min(taken)


def main() -> None:
    """Print the table."""
    signal.signal(signal.SIGALRM, _too_long)
    ratios, failed, unsolved = [], [], []
    for name, entry in RESULTS.items():
        if entry.question.relative:
            continue  # A derivative, not an equation.
        ledger = rs.step(subject(name))
        general = entry.answer(ledger, rs.Machine()).general
        left, right, symbol, given = general.left, general.right, general.symbol, general.given
        if not general.branches:
            unsolved.append(name)
            continue

        def ours(left=left, right=right, symbol=symbol, given=given) -> object:
            return solve.crossover(left, right, symbol, given)

        def theirs(left=left, right=right, symbol=symbol) -> object:
            found = sympy.solve(sympy.Eq(left, right), symbol)
            if not found:
                raise ValueError("no solution, though there is one")
            return found

        mine = seconds(ours, ROUNDS)
        signal.alarm(LIMIT)
        try:
            other = seconds(theirs, ROUNDS)
        except Exception as error:  # Whatever it fails with, it has no answer.
            failed.append(name)
            print(f"{name:28} {mine:8.4f} s   SymPy: {type(error).__name__}")
            continue
        finally:
            signal.alarm(0)
        ratios.append(other / mine)
        print(f"{name:28} {mine:8.4f} s {other:8.4f} s  {other / mine:7.1f}")
    print(f"median ratio {statistics.median(ratios):.1f} over {len(ratios)} results")
    slow = f"SymPy failed or took over {LIMIT} s for {ROUNDS} runs"
    print(f"{slow}: {len(failed)} ({', '.join(failed)})")
    print(f"no closed form in general: {len(unsolved)} ({', '.join(unsolved)})")


if __name__ == "__main__":
    main()
