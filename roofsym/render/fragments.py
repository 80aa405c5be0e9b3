r"""LaTeX fragments: formulas for a document of one's own, which loads ``amsmath``."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterable, Sequence

import sympy

from roofsym.derivation import Derivation, Formula, Label, Step
from roofsym.errors import InputError
from roofsym.render import document
from roofsym.render.document import ALONE, LatexWriter, expanded, settled
from roofsym.render.measure import LINE, width
from roofsym.render.notation import Notation, notation

ENVIRONMENTS = ("equation", "align", "inline")
_LABEL = re.compile(r"[A-Za-z0-9:._+/-]*")


def derivation(
    made: Derivation, environment: str, label: str, letters: str | Notation, depth: str
) -> str:
    """Fragment of a derivation: see `Derivation.fragment`."""
    steps = expanded(made, depth)
    result = next(
        (s for s in reversed(steps) if s.kind == "solution"),
        next(s for s in reversed(steps) if s.formulas),
    )
    chosen = steps if environment == "align" else (result,)
    formulas = [f for step in chosen for f in _said(step, step is result)]
    if environment != "align":
        formulas = formulas[:1]
    own, numbered = settled(made, letters), result.formulas[0]
    if depth != "dimensions":
        names = document.names(made, own)
        short = [(f, names.shortened(f)) for f in formulas]
        formulas = [x for _, found in short for x in found]
        numbered = next(found[0] for f, found in short if f is numbered)
    return write(formulas, environment, label, own, numbered)


def _said(step: Step, is_result: bool) -> tuple[Formula, ...]:
    """Formulas of a step; of a condition solved for a symbol it is said that it is the same."""
    if step.kind != "condition" or is_result:
        return step.formulas
    first, *others = step.formulas
    return (dataclasses.replace(first, lead="that is,"), *others)


def equation(
    left: Label | sympy.Expr, right: sympy.Expr, environment: str = "equation", label: str = "",
    letters: str | Notation = "roofsym",
) -> str:  # fmt: skip
    r"""One formula as a LaTeX fragment.

    Parameters
    ----------
    left : Label or sympy.Expr
        The left-hand side.
    right : sympy.Expr
        The right-hand side.
    environment : str
        ``equation``, ``align`` or ``inline``.
    label : str
        What ``\eqref`` finds it by; without one it is not numbered.
    letters : str or Notation
        Letters and parameters of the formula.

    Raises
    ------
    InputError
        If there is no such environment or notation, or the label would break LaTeX.

    Examples
    --------
    >>> from roofsym.symbols import B, L, alpha, flops, phi
    >>> print(equation(flops, B * (phi + alpha * L), label="eq:flops"))
    \begin{equation}
    F = B \, (\varphi + \alpha \, L) \label{eq:flops}
    \end{equation}
    """
    formula = Formula(left, right)
    return write([formula], environment, label, notation(letters), formula)


def write(
    formulas: Sequence[Formula], environment: str, label: str, letters: Notation,
    numbered: Formula, digits: int | None = None,
) -> str:  # fmt: skip
    """Formulas in an environment, the label on one of them."""
    if environment not in ENVIRONMENTS:
        raise InputError("environment", environment, "one of " + ", ".join(ENVIRONMENTS))
    if not _LABEL.fullmatch(label):
        raise InputError("label", label, "letters, digits and : . _ + / -")
    writer = LatexWriter(letters, digits)
    if environment == "inline":
        inner = r", \quad ".join(_lead(f) + writer.formula(f) for f in formulas)
        return f"${inner}$"
    mark = rf" \label{{{label}}}" if label else ""
    star = "" if label else "*"
    if environment == "equation":
        lines = [_lead(f) + writer.formula(f) for f in formulas]
        inner = " \\\\\n".join(lines)
        if len(lines) > 1:
            inner = f"\\begin{{gathered}}\n{inner}\n\\end{{gathered}}"
        return f"\\begin{{equation{star}}}\n{inner}{mark}\n\\end{{equation{star}}}"
    lines = [line + _mark(f is numbered, mark) for f, line in _aligned(writer, formulas)]
    inner = " \\\\\n".join(lines)
    return f"\\begin{{align{star}}}\n{inner}\n\\end{{align{star}}}"


def _mark(numbered: bool, mark: str) -> str:
    if not mark:
        return ""
    return mark if numbered else r" \notag"


def _aligned(
    writer: LatexWriter, formulas: Iterable[Formula]
) -> Iterable[tuple[Formula | None, str]]:
    """Lines of an ``align``; of a chain, the last one stands for the formula."""
    for formula in formulas:
        first, *others = writer.chain(formula)
        before = ALONE if first.startswith(ALONE) else ""
        lead = _lead(formula)
        led = f"{before}{lead}{first.removeprefix(before)}"
        # Beside a long condition there is no room for words.
        rows = [led] if not lead or width(led) <= LINE else [f"{ALONE}{lead}", first]
        *lines, last = *rows, *others
        for line in lines:
            yield None, line
        yield formula, last


def _lead(formula: Formula) -> str:
    r"""The words before a formula, in short: ``\text{while }``."""
    words = formula.lead.split()
    short = next((x for x in ("while", "since") if x in words), formula.lead)
    return rf"\text{{{short} }}" if words else ""
