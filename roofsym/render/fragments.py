r"""LaTeX fragments: formulas for a document of one's own, which loads ``amsmath``."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterable, Iterator, Sequence

import sympy

from roofsym import symbols as sy
from roofsym.derivation import Derivation, Formula, Label, Step
from roofsym.errors import InputError
from roofsym.render import document
from roofsym.render.document import ALONE, LatexWriter, at_depth, breaking, settled
from roofsym.render.measure import LINE, ROOM, broken, width
from roofsym.render.naming import LEFT, Names
from roofsym.render.notation import Notation, notation

ENVIRONMENTS = ("equation", "align", "inline")
_LABEL = re.compile(r"[A-Za-z0-9:._+/-]*")


def derivation(
    made: Derivation, environment: str, label: str, letters: str | Notation, depth: str
) -> str:
    """Fragment of a derivation: see `Derivation.fragment`."""
    steps = at_depth(made, depth)
    results = _results(steps)
    chosen = steps if environment == "align" else results
    formulas = [f for step in chosen for f in _said(step, step in results)]
    if environment != "align" and len(results) == 1:
        formulas = formulas[:1]
    own = settled(made, letters)
    names = document.names(made, own)
    short = [(f, names.shortened(f)) for f in formulas]
    stated = [s.formulas[0] for s in results]
    numbered = [found[0] for f, found in short if any(f is x for x in stated)]
    formulas = [x for _, found in short for x in found]
    if depth == "dimensions":
        told = _definitions(made, formulas, names)
    else:
        # Between dollar signs there is but the formula.
        told = [] if environment == "inline" else _parts(made, formulas, names)
    own = names.letters
    if environment != "equation" or not told:
        return write([*formulas, *told], environment, label, own, numbered)
    # An equation stays on one page; what its constants stand for may take another.
    result = write(formulas, environment, label, own, numbered)
    return f"{result}\n{write(told, 'align', '', own, [])}"


def _definitions(made: Derivation, formulas: Sequence[Formula], names: Names) -> list[Formula]:
    """What the named constants of formulas stand for, as formulas after them."""
    named = document.explained(formulas, made.definitions) & made.definitions.keys()
    told: list[Formula] = []
    for symbol in sorted(named, key=sy.rank):
        formula = Formula(symbol, made.definitions[symbol], lead="" if told else "where")
        # One in other constants has letters, as the formulas have; one in dimensions is broken.
        sizes = {sy.info(s).role for s in formula.right.free_symbols - {sy.window}}
        told += [formula] if "dimension" in sizes else names.shortened(formula)
    return told


def _parts(made: Derivation, formulas: Sequence[Formula], names: Names) -> list[Formula]:
    """What those letters stand for that are no constants of any model, unless a formula says it."""
    used = set().union(*(x.free_symbols for f in formulas for x in (f.left, f.right)
                         if isinstance(x, sympy.Basic)))  # fmt: skip
    said = {f.left.latex if isinstance(f.left, Label) else sy.info(f.left).latex
            for f in formulas if isinstance(f.left, Label | sympy.Symbol)}  # fmt: skip
    parts = made.parts(s for s in used if sy.info(s).latex not in said)
    told: list[Formula] = []
    for symbol in names.letters.listed(parts):
        lead = "" if told else "where"
        told += names.shortened(Formula(symbol, parts[symbol], lead=lead))
    return told


def _results(steps: Sequence[Step]) -> list[Step]:
    """The steps that state the result: one for each regime in which it is another formula."""
    solutions = [s for s in steps if s.kind in ("solution", "elasticity")]
    last = solutions[-1] if solutions else next(s for s in reversed(steps) if s.formulas)
    # A solution under another name was a step on the way.
    same = [s for s in solutions if s.formulas[0].left == last.formulas[0].left]
    return same or [last]


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
        ``equation``, ``align`` or ``inline``. What is as tall as a page is always an ``align``,
        which may break.
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
    return write([formula], environment, label, notation(letters), [formula])


def write(
    formulas: Sequence[Formula], environment: str, label: str, letters: Notation,
    numbered: Sequence[Formula], digits: int | None = None,
) -> str:  # fmt: skip
    """Formulas in an environment, with numbers at some of them in an ``align``.

    Lines that are wider than a page are broken. Where several formulas are numbered, each has a
    letter and a label of its own, and the label given is that of all of them.
    """
    if environment not in ENVIRONMENTS:
        raise InputError("environment", environment, "one of " + ", ".join(ENVIRONMENTS))
    if not _LABEL.fullmatch(label):
        raise InputError("label", label, "letters, digits and : . _ + / -")
    writer = LatexWriter(letters, digits)
    if environment == "inline":
        inner = r", \quad ".join(_lead(f) + writer.formula(f) for f in formulas)
        return f"${breaking(inner) if width(inner) > LINE else inner}$"
    star = "" if label else "*"
    if environment == "equation":
        room = ROOM - (_NUMBER if label else 0)
        lines = [_in_lines(_lead(f) + writer.formula(f), room) for f in formulas]
        inner = _END.join(lines)
        if len(lines) > 1:
            inner = f"\\begin{{gathered}}\n{inner}\n\\end{{gathered}}"
        mark = rf" \label{{{label}}}" if label else ""
        # What is taller than a page has to break between lines, which one equation cannot.
        if inner.count(_END) < _TALL:
            return f"\\begin{{equation{star}}}\n{inner}{mark}\n\\end{{equation{star}}}"
    several = label and len(numbered) > 1
    letter = iter("abcdefghijklmnopqrstuvwxyz")
    lines = []
    for formula, line in _aligned(writer, formulas):
        mark = r" \notag" if label else ""
        if label and any(formula is x for x in numbered):
            own = f"{label}-{next(letter)}" if several else label
            mark = rf" \label{{{own}}}"
        lines.append(line + mark)
    inner = _END.join(lines)
    made = f"\\begin{{align{star}}}\n{inner}\n\\end{{align{star}}}"
    if len(lines) > _TALL:
        made = f"\\begingroup\\allowdisplaybreaks\n{made}\n\\endgroup"
    if not several:
        return made
    return f"\\begin{{subequations}} \\label{{{label}}}\n{made}\n\\end{{subequations}}"


# An align of more lines may break between them: a page has some thirty.
_TALL = 24
# Width of the number of an equation, and of what keeps it apart.
_NUMBER = 6.0
_INDENT = r"\quad "
_END = " \\\\\n"


def _in_lines(latex: str, room: float) -> str:
    """A formula, in several lines where it is wider than a page."""
    if width(latex) <= room:
        return latex
    left, equals, right = latex.partition(" = ")
    if not equals or width(left) > LEFT:
        left, right = "", latex
    first, *others = broken(f"{equals.lstrip()}{right}" if left else right, room - width(left),
                            width(_INDENT))  # fmt: skip
    rows = _END.join([f"{left} & {first}".strip(), *(f"& {_INDENT}{x}" for x in others)])
    return f"\\begin{{aligned}}\n{rows}\n\\end{{aligned}}"


def _aligned(
    writer: LatexWriter, formulas: Iterable[Formula]
) -> Iterator[tuple[Formula | None, str]]:
    """Lines of an ``align``; of several, the last one stands for the formula."""
    rows: list[tuple[Formula | None, str]] = []
    for formula in formulas:
        first, *others = writer.chain(writer.sides(formula))
        before = ALONE if first.startswith(ALONE) else ""
        lead = _lead(formula)
        led = f"{before}{lead}{first.removeprefix(before)}"
        # Beside a long condition there is no room for words.
        fits = not (lead and before) or width(led) <= LINE
        chain = [led] if fits else [f"{ALONE}{lead}", first]
        chain += others
        rows += [(None, x) for x in chain[:-1]] + [(formula, chain[-1])]
    # All lines begin where the longest left-hand side ends.
    room = ROOM - max((width(x.partition("&")[0]) for _, x in rows), default=0.0)
    for made, row in rows:
        left, _, right = row.partition("&")
        *lines, last = broken(right, room, width(_CONTINUED))
        shown = [f"{left}&{x}" if i == 0 else f"{_CONTINUED}{x}" for i, x in enumerate(lines)]
        for line in shown:
            yield None, line
        yield made, f"{_CONTINUED}{last}" if lines else row


_CONTINUED = f"{ALONE}{_INDENT}"


def _lead(formula: Formula) -> str:
    r"""The words before a formula, in short: ``\text{while }``."""
    words = formula.lead.split()
    short = next((x for x in ("while", "since") if x in words), formula.lead)
    return rf"\text{{{short} }}" if words else ""
