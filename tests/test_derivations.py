"""Executable documents: each runs as a script, and fails when the ledger is not what it says."""

from __future__ import annotations

import itertools
import os
import re
import runpy
import subprocess
import sys
from pathlib import Path

import matplotlib.pyplot as plt
import pytest
from support import ROOT, double

from roofsym.errors import ProofError
from roofsym.results import RESULTS

SCRIPTS = sorted(p for p in (ROOT / "derivations").glob("*.py") if not p.name.startswith("_"))
PAGES = sorted((ROOT / "docs").glob("[a-z]*/*.py"))
DOCUMENTS = {p.name[9:12]: p for p in SCRIPTS if p.name.startswith("document_")}


# The notation that has the letters of each source.
LETTERS = {
    "000": "guesstimator", "001": "deep-ml", "002": "roofline-notebook", "003": "roofline-lab",
    "004": "intensity-estimation",
}  # fmt: skip


@pytest.mark.parametrize("document", DOCUMENTS)
def test_an_article_shows_a_formula_in_the_letters_of_its_document(document: str):
    shown = re.findall(r'view\(notation="(.*)"\)', DOCUMENTS[document].read_text())
    assert shown == [LETTERS[document]]


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda p: p.stem)
def test_a_derivation_runs_as_a_script_in_an_empty_folder(script: Path, tmp_path: Path):
    done = subprocess.run(
        [sys.executable, "-W", "error", script],
        cwd=tmp_path,
        env={**os.environ, "MPLBACKEND": "Agg", "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        encoding="utf-8",
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    assert done.stdout


# A page and a notebook take a figure when the block that made it has run: what a later block draws
# into it is on neither.
@pytest.mark.usefixtures("_no_figures_left")
@pytest.mark.parametrize(
    "script",
    [*SCRIPTS, *(p for p in PAGES if "matplotlib" in p.read_text(encoding="utf-8"))],
    ids=lambda p: p.stem,
)
def test_a_figure_is_finished_in_the_block_that_makes_it(
    script: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(sys, "argv", [str(script)])
    text = script.read_text(encoding="utf-8")
    names: dict[str, object] = {"__name__": "__main__", "__doc__": ""}
    figures = []
    for block in re.split(r"^# %%\n", text, flags=re.MULTILINE):
        exec(compile(block, script.name, "exec"), names)
        for figure in map(plt.figure, plt.get_fignums()):
            assert figure.axes, block
            assert all(axes.has_data() for axes in figure.axes), f"empty axes after\n{block}"
            figures.append((figure, len(figure.findobj()), block))
        plt.close("all")
    assert figures
    for figure, drawn, block in figures:
        assert len(figure.findobj()) == drawn, f"drawn into after\n{block}"


def test_there_is_one_for_each_source_document():
    assert sorted(DOCUMENTS) == ["000", "001", "002", "003", "004"]


def test_every_named_result_is_asked_in_an_article():
    articles = "".join(p.read_text(encoding="utf-8") for p in SCRIPTS)
    asked = {name for name in RESULTS if re.search(rf"\b{name.replace('-', '_')}\(", articles)}
    assert asked == set(RESULTS)


def titles(text: str) -> list[str]:
    """Titles of an article's sections, its own first."""
    lines = [line.removeprefix("# ") for line in text.splitlines()]
    return [above for above, line in itertools.pairwise(lines)
            if line and set(line) in ({"-"}, {"="}) and len(line) == len(above)]  # fmt: skip


def test_titles_are_lines_underlined_at_their_length():
    assert titles("A\n=\n\ntext\n\n# %%\n# Part\n# ----\n#\n# | -- |\n# ---\n") == ["A", "Part"]


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda p: p.stem)
def test_an_article_has_every_part(script: Path):
    """It also has a figure: see the test that looks at each."""
    text = script.read_text(encoding="utf-8")
    opening = text.partition("# %%\n")[0]
    assert "?" in opening.partition("\n\n**Question.** ")[2]
    # A derivation that ends a block is set as formulas.
    assert re.search(r"^(\w|\.)+(\.derivation|\.view\(.*\))$", text, flags=re.MULTILINE)
    assert titles(text)[-2:] == ["What it means in practice", "Where it stops holding"]


@pytest.mark.parametrize("script", DOCUMENTS.values(), ids=DOCUMENTS.keys())
def test_a_document_says_what_it_assumes_and_what_is_wrong(script: Path):
    found = titles(script.read_text(encoding="utf-8"))
    assert found[0].startswith(f"Document {script.name[9:12]}: ")
    assert found[1] == "Assumptions"
    assert found[-3] == "What is wrong in it"


# What each document's proofs rest on: quantity and kind of entries, any one of which wrong by a
# factor of 2 has to be noticed.
RESTS_ON = {
    "000": [
        "flops linear", "flops attention", "bytes weight", "bytes activation", "bytes kv",
    ],
    "001": [
        "flops linear", "flops attention", "bytes weight", "bytes activation", "bytes kv",
    ],
    "002": [
        "flops linear", "flops attention", "flops softmax", "bytes weight", "bytes activation",
        "bytes kv", "bytes score", "bytes probability",
    ],
    "003": ["flops per-weight", "bytes weight", "bytes kv", "flops linear"],
    "004": [
        "flops linear", "flops attention", "bytes weight", "bytes activation", "bytes kv",
    ],
}  # fmt: skip


@pytest.mark.usefixtures("_no_figures_left")
@pytest.mark.parametrize(
    ("document", "kind"), [(d, kind) for d, kinds in RESTS_ON.items() for kind in kinds]
)
def test_a_document_fails_if_the_ledger_is_wrong(
    document: str, kind: str, monkeypatch: pytest.MonkeyPatch
):
    double(kind, monkeypatch)
    with pytest.raises(ProofError):
        runpy.run_path(str(DOCUMENTS[document]), run_name="__main__")
