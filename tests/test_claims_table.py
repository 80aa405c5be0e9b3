"""The table of published results: each row is reproduced, or listed with the reason why not.

The rows are those of ``../shared/data/claims.csv``; the files beside this one share them out.
"""

from __future__ import annotations

import csv
import importlib
from pathlib import Path
from types import ModuleType

import pytest

TABLE = Path(__file__).parents[1] / ".." / "shared" / "data" / "claims.csv"


def modules() -> list[ModuleType]:
    """The files that reproduce published results."""
    names = sorted(path.stem for path in Path(__file__).parent.glob("test_claims*.py"))
    names.append("test_speculative")
    return [m for m in map(importlib.import_module, names) if hasattr(m, "CLAIMS")]


def rows() -> dict[str, dict[str, str]]:
    if not TABLE.is_file():
        pytest.skip("the table ../shared/data/claims.csv is not here")
    with TABLE.open(encoding="utf-8", newline="") as file:
        return {row["id"]: row for row in csv.DictReader(file)}


def test_no_row_is_claimed_twice_or_listed_beside():
    claimed = [claim.id for module in modules() for claim in module.CLAIMS]
    listed = [name for module in modules() for name in module.NOT_COVERED]
    ids = claimed + listed
    assert sorted(ids) == sorted(set(ids))


def test_every_row_is_reproduced_or_listed():
    known = {claim.id for module in modules() for claim in module.CLAIMS}
    known |= {name for module in modules() for name in module.NOT_COVERED}
    assert known == rows().keys()


def test_each_expects_what_the_table_says():
    table = rows()
    for module in modules():
        for claim in module.CLAIMS:
            row = table[claim.id]
            assert claim.expected == pytest.approx(float(row["expected"]), rel=1e-12), claim.id
            # Tighter for some; looser where the row puts a rounded number in.
            assert claim.tolerance <= max(float(row["rel_tol"]), 0.02), claim.id
            corrected = getattr(claim, "corrected", None)
            assert (corrected is not None) == ("PUBLISHED ERROR" in row["notes"]), claim.id
