"""What pytest is not to collect, and what several files ask for."""

from __future__ import annotations

import sys
from collections.abc import Iterator

import pytest

# Makes the reference tables; needs torch and transformers, which the tests do not.
collect_ignore = ["reference/make_reference.py"]


@pytest.fixture
def _no_figures_left(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("MPLBACKEND", "Agg")
    yield
    if "matplotlib.pyplot" in sys.modules:
        sys.modules["matplotlib.pyplot"].close("all")
