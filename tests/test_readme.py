"""README and docs: every Python block runs, every command prints what is said that it prints."""

from __future__ import annotations

import contextlib
import re
import shlex
import sys
from pathlib import Path

import pytest
from support import ROOT

from roofsym import cli

README = ROOT / "README.md"
TEXT = README.read_text(encoding="utf-8") if README.is_file() else ""


def fenced(language: str, text: str = TEXT) -> list[tuple[int, str]]:
    """Line number and content of every block of a language."""
    blocks = re.finditer(rf"^```{language}\n(.*?)^```", text, flags=re.MULTILINE | re.DOTALL)
    return [(text[: m.start()].count("\n") + 2, m[1]) for m in blocks]


def sessions(text: str = TEXT) -> list[tuple[int, str, str]]:
    """Line number, command and expected output of every ``$ roofsym`` line."""
    found = []
    for start, block in fenced("console", text):
        lines = block.splitlines(keepends=True)
        i = 0
        while i < len(lines):
            at = start + i
            line = lines[i]
            i += 1
            if not line.startswith("$ "):
                continue
            while line.endswith("\\\n") and i < len(lines):
                line = line[:-2] + " " + lines[i].lstrip("> ")
                i += 1
            output = ""
            while i < len(lines) and not lines[i].startswith("$ "):
                output += lines[i]
                i += 1
            if line.startswith("$ roofsym "):
                found.append((at, line[2:].strip(), output))
    return found


PYTHON, SESSIONS = fenced("python"), sessions()


@pytest.fixture
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Run in an empty folder, without windows, and leave no figure open."""
    monkeypatch.setenv("MPLBACKEND", "Agg")
    monkeypatch.chdir(tmp_path)
    yield
    if "matplotlib.pyplot" in sys.modules:
        sys.modules["matplotlib.pyplot"].close("all")


def test_the_readme_has_examples():
    assert PYTHON, "README.md has no ```python block"
    assert SESSIONS, "README.md has no ```console block with a $ roofsym line"


def test_the_readme_starts_with_the_two_commands():
    first = TEXT[: TEXT.index("```python")] if "```python" in TEXT else TEXT
    assert "make demo" in first
    assert "make test" in first


@pytest.mark.usefixtures("_elsewhere")
@pytest.mark.parametrize(("line", "block"), PYTHON, ids=[f"line {n}" for n, _ in PYTHON])
def test_a_python_block_runs(line: int, block: str):
    # Compiled with the line numbers of the README, so that a failure points there.
    code = compile("\n" * (line - 1) + block, str(README), "exec")
    exec(code, {"__name__": "__main__"})


@pytest.mark.usefixtures("_elsewhere")
@pytest.mark.parametrize(
    ("line", "command", "expected"), SESSIONS, ids=[f"line {n}" for n, _, _ in SESSIONS]
)
def test_a_command_prints_what_the_readme_says(
    line: int, command: str, expected: str, capsys: pytest.CaptureFixture[str]
):
    with contextlib.suppress(SystemExit):  # what is refused prints its line as well
        cli.main(shlex.split(command)[1:])
    out, err = capsys.readouterr()
    assert (out + err).rstrip("\n") == expected.rstrip("\n"), f"README.md, line {line}: {command}"


# --- docs/typesetting.md --------------------------------------------------------------------------

TYPESETTING = (ROOT / "docs" / "typesetting.md").read_text(encoding="utf-8")
PAIRS = re.findall(r"^```python\n(.*?)^```\n\n```text\n(.*?)^```", TYPESETTING, re.M | re.S)


def test_the_page_on_typesetting_has_examples():
    assert len(PAIRS) == len(fenced("python", TYPESETTING)) == 2
    assert len(sessions(TYPESETTING)) == 8


@pytest.mark.parametrize(("block", "expected"), PAIRS, ids=["fragment", "notation"])
def test_a_block_prints_what_stands_below_it(
    block: str, expected: str, capsys: pytest.CaptureFixture[str]
):
    exec(compile(block, "docs/typesetting.md", "exec"), {"__name__": "__main__"})
    assert capsys.readouterr().out.rstrip() == expected.rstrip()


@pytest.mark.parametrize(("line", "command", "expected"), sessions(TYPESETTING))
def test_a_command_prints_what_the_page_says(
    line: int, command: str, expected: str, capsys: pytest.CaptureFixture[str]
):
    assert cli.main(shlex.split(command)[1:]) == 0
    assert capsys.readouterr().out.rstrip() == expected.rstrip(), f"line {line}: {command}"
