"""What a person reads: an answer on one screen, a report, the roofline of a model on a machine."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import sympy

from roofsym import files, results, units
from roofsym import symbols as sy
from roofsym.closed_form import made_of
from roofsym.conditions import of_unknown, solve_condition
from roofsym.derivation import Formula, Label
from roofsym.errors import InputError
from roofsym.hardware import Machine
from roofsym.ledger import Ledger
from roofsym.quantities import BYTES, FLOPS, Subject
from roofsym.render import document
from roofsym.render.expression import render, write
from roofsym.render.naming import TEXT, Names
from roofsym.render.notation import DEFAULT, Notation
from roofsym.render.numbers import enough_digits
from roofsym.render.shape import numbered
from roofsym.results import Question, Result
from roofsym.results.question import evaluate_condition
from roofsym.solve import Branch, Crossover, of_one_symbol

if TYPE_CHECKING:
    from matplotlib.axes import Axes


# Operations in formulas and conditions beyond which nobody reads them: the longest answer to a
# question's own unknown has some 700, a compute-bound chunk of a model with windows.
_ON_A_SCREEN = 1000
# Characters of a formula and what is said beside it.
_WIDTH = 110


def text(
    result: Result,
    letters: Notation = DEFAULT,
    freed: Result | None = None,
    told: Collection[sympy.Symbol] = (),
) -> str:
    """An answer on a few lines: formula, condition, number, and why not if never.

    Parameters
    ----------
    result : Result
        The answer.
    letters : Notation
        Letters of the equations.
    freed : Result, optional
        The same question with its natural symbol left open: where there is a crossing after all.
    told : collection of sympy.Symbol
        Symbols whose values are said behind the answer, beside those of the step and of targets:
        a bandwidth that is not the machine's own.
    """
    d = result.derivation
    letters = document.settled(d, letters)
    title = letters.prose(result.question.title)
    lines = [f"{title}: {d.subject}" if d.subject else title]
    names = document.names(d, letters)
    if _too_long(result.general):
        cases = f"in {len(result.general.branches)} cases, too long for a screen"
        lines.append(f"  {cases} (derive writes them out)")
        verdict = _verdict(result, names, letters, freed, told)
        return "\n".join([*lines, *(f"  {x}" for x in verdict)]) + "\n"
    # A solution under another name was a step on the way.
    shown = [
        s for s in d.steps
        if s.kind == "elasticity" or (s.kind == "solution" and s.formulas[0].left == result.label)
    ]  # fmt: skip
    conditions = [s for s in d.steps if s.kind == "condition"]
    g = result.general
    numeric = g.outcome == "numeric"
    if result.question.name not in results.RESULTS and not numeric:
        # An equation of one's own in named constants: its title names quantities. One that is the
        # solution already, peak = 10¹⁵ for the peak, is no step of its own.
        asked = [f for s in d.steps if s.kind == "equation" for f in s.formulas]
        lines += [x for f in asked[:1] for x in _formula(f, names, letters)]
    for step in shown:
        formula, *when = step.formulas
        beside = ""
        for solved in conditions[:1]:
            says, *case = (f.right for f in solved.formulas)
            beside += f"only while {render(says, 'text', letters)}"
            for where in case:
                if evaluate_condition(d, where) != sympy.true:
                    beside += f" where {render(where, 'text', letters)}"
        lines += _formula(formula, names, letters, beside)
        for condition in when if not conditions else ():
            said, *new = names.shortened(condition)
            first, *others = document.Writer(letters).sides(said)[1:]
            lines += [f"    while {first}", *(f"        {x}" for x in others)]
            lines += _letters(new, letters)
    if numeric:
        without = f"(no closed form in {letters.text(g.symbol)})"
        lines += _formula(Formula(g.left, g.right), names, letters, without)
    lines += _parts(result, names, letters)
    verdict = _verdict(result, names, letters, freed, told)
    lines += [
        f"    with {x}" for x in _assumed(result, letters) if not any(x in v for v in verdict)
    ]
    lines += [f"  {line}" for line in verdict]
    return "\n".join(lines) + "\n"


def _too_long(found: Crossover) -> bool:
    operations = sum(b.value.count_ops() + b.when.count_ops() for b in found.branches)
    return bool(operations > _ON_A_SCREEN)


def _parts(result: Result, names: Names, letters: Notation) -> list[str]:
    """What those letters of an answer stand for that are no constants of any model."""
    g = result.general
    sides = [x for b in g.branches for x in (b.value, b.when)] or [g.left, g.right]
    parts = result.derivation.parts(set().union(*(x.free_symbols for x in sides)))
    lines = []
    for s in letters.listed(parts):
        lines += _formula(Formula(s, parts[s]), names, letters, lead="  where ")
    return lines


def _assumed(result: Result, letters: Notation) -> list[str]:
    """Values that the question itself has put into the formula: ``γ = 4``."""
    symbols = [sy.TABLE[name].symbol for name in result.question.defaults]
    known = ((s, result.derivation.values.get(s)) for s in symbols if s != result.symbol)
    return [f"{letters.text(s)} = {x}" for s, x in known if x is not None]


def _equation(formula: Formula, letters: Notation) -> str:
    return document.Writer(letters).formula(Formula(formula.left, formula.right))


def _formula(
    formula: Formula, names: Names, letters: Notation, beside: str = "", lead: str = ""
) -> list[str]:
    """A formula with what is said before and beside it, and what its new letters stand for."""
    short, *new = names.shortened(formula)
    line, with_letters = f"  {lead}{_equation(short, letters)}", _letters(new, letters)
    if not beside:
        return [line, *with_letters]
    if len(line) + len(beside) > _WIDTH:
        return [line, *with_letters, f"    {beside}"]
    return [f"{line}        {beside}", *with_letters]


def _letters(new: Sequence[Formula], letters: Notation) -> list[str]:
    """What the letters of long sums stand for."""
    return [f"    with {_equation(x, letters)}" for x in new]


def _label(left: object, letters: Notation) -> str:
    return letters.label(left.text, left.latex)[0] if isinstance(left, Label) else str(left)


def _given(result: Result, letters: Notation, told: Collection[sympy.Symbol] = ()) -> str:
    """The values that the answer was asked for: ``at B = 1, L = 8192, T = 20 ms``."""
    values, x = result.derivation.values, result.general
    meanings = {**result.derivation.definitions, sy.ridge: sy.peak / sy.bandwidth}
    # An elasticity is of several regimes, a side of the equation for each.
    said = [x.left, x.right, *(y for b in x.branches for y in (b.value, b.when))]
    said += [] if x.given is None else [x.given]
    used = made_of(set().union(*(y.free_symbols for y in said)), meanings)
    known = (used | result.derivation.spent) & values.keys()
    asked = {s for s in known if sy.info(s).role in ("step", "target", "layer")} | known & set(told)
    step = [s for s in (sy.B, sy.S, sy.L) if s in asked]
    others = sorted(asked - {*step, result.symbol}, key=sy.rank)

    def value(s: sympy.Symbol, unit: str) -> str:
        x = values[s]
        return units.format_given(x, unit) if x.is_Rational else render(x, "text", letters)

    pairs = [f"{letters.text(s)} = {value(s, '1')}" for s in step if s != result.symbol]
    pairs += [f"{letters.text(s)} = {value(s, sy.info(s).unit)}" for s in others]
    # In a limit for many sequences, or divided out.
    idle = [letters.text(s) for s in sorted(values.keys() & set(told) - known, key=sy.rank)]
    at = f" at {', '.join(pairs)}" if pairs else ""
    if not idle:
        return at
    are = "is" if len(idle) == 1 else "are"
    return f"{at}{',' if at else ''} whatever {' and '.join(idle)} {are}"


def _verdict(
    result: Result, names: Names, letters: Notation, freed: Result | None,
    told: Collection[sympy.Symbol],
) -> list[str]:  # fmt: skip
    if result.outcome in ("never", "always"):
        reason = letters.prose(result.reason)
        lines = [f"{result.outcome}{_given(result, letters, told)}: {reason}"]
        return lines + _where_it_would(freed, letters)
    branches = result.bound.branches
    if result.value is None and result.outcome == "conditional":
        name, others = sy.info(result.symbol).text, _missing(_sides(result), result.symbol)
        return [f"{name} cancels out: which side is the larger one is a question of {others}"]
    if result.value is None:
        return [_awaited(_sides(result), result.symbol)] if result.derivation.values else []
    # An elasticity's condition may speak of its symbol, which has a value.
    if not all(b.value.is_number and of_one_symbol(b.when) == sympy.true for b in branches):
        return _left_open(result, result.value, names, letters, told)
    value = units.format_quantity(result.value, result.unit, 5)
    line = f"{_label(result.label, letters)} = {value}{_given(result, letters, told)}"
    if result.reading:
        line += f" ({letters.prose(result.reading)})"
    return [line]


def _left_open(
    result: Result, value: sympy.Expr, names: Names, letters: Notation,
    told: Collection[sympy.Symbol],
) -> list[str]:  # fmt: skip
    """The answer with values put in, where symbols are left open."""
    # Of any model on any machine, the constants say it; `derive` says what they stand for.
    known = result.derivation.values and value != result.general.value
    if not known and not value.is_number:
        return []
    if _too_long(result.bound):
        return [f"in numbers as long; {_awaited(_sides(result), result.symbol)}"]
    given = _given(result, letters, told)
    lines: list[str] = []
    for branch in result.bound.branches:
        # Letters of one formula in numbers are none of another's.
        names = names.in_numbers(enough_digits(numbered(branch.value), branch.when))
        lines += _open(result, branch, names, letters, given)
    return lines


def _sides(result: Result) -> sympy.Expr:
    """The difference of both sides with all put in that is known."""
    evaluate, x = result.derivation.evaluate, result.bound
    return evaluate(x.left) - evaluate(x.right)


def _awaited(sides: sympy.Expr, unknown: sympy.Symbol) -> str:
    """What an equation lacks to be solved in numbers, by the names that values are given to.

    Examples
    --------
    >>> _awaited(sy.B * sy.L - sy.ridge, sy.B)
    'a number as soon as peak, bandwidth and L have values'
    """
    missing = _missing(sides, unknown)
    return f"a number as soon as {missing} {'have values' if ' and ' in missing else 'has a value'}"


def _missing(sides: sympy.Expr, unknown: sympy.Symbol) -> str:
    """The names of what is still open, but for the unknown."""
    missing = sides.xreplace({sy.ridge: sy.peak / sy.bandwidth}).free_symbols - {unknown}
    *names, last = [s.name for s in sorted(missing, key=sy.rank)]
    return f"{', '.join(names)} and {last}" if names else last


def _open(result: Result, branch: Branch, names: Names, letters: Notation, given: str) -> list[str]:
    """A value in which a symbol is left open, and its condition."""
    value = numbered(branch.value)
    precise = document.Writer(letters, names.digits)
    writer = document.Writer(letters, digits=4)
    # Behind a formula, B would be the batch.
    unit = "" if result.unit == "1" or branch.value.is_number else f" [{result.unit}]"
    shown, new = write(value, precise.style), list[str]()
    if len(shown) > TEXT:
        short, *parts = names.shortened(Formula(result.label, value))
        shown = write(short.right, precise.style)
        new = [f"  with {precise.formula(x)}" for x in parts]
    line = f"{_label(result.label, letters)}{unit} = {shown}{given}"
    when = of_unknown(of_one_symbol(branch.when), branch.value, result.symbol)
    if when == sympy.true:
        return [line, *new]
    if when == sympy.false:
        return []
    if when.free_symbols == {result.question.natural} and not isinstance(when, sympy.Or):
        return [f"{line}, only while {write(when, writer.style)}", *new]
    first, *others = writer.sides(Formula(None, when))[1:]
    return [line, *new, f"  while {first}", *(f"      {x}" for x in others)]


def _where_it_would(freed: Result | None, letters: Notation) -> list[str]:
    """Under which condition on the natural symbol there is a crossing, with an example."""
    if freed is None or freed.outcome != "conditional":
        return []
    natural = freed.question.natural
    solved = of_one_symbol(freed.when)
    if not isinstance(solved, sympy.Lt | sympy.Gt) or solved.lhs != natural:
        return []
    letter = letters.text(natural)
    limit = units.format_quantity(solved.rhs, sy.info(natural).unit)
    line = f"it crosses only while {letter} {solved.rel_op} {limit}"
    if isinstance(solved, sympy.Lt) and solved.rhs > 4:
        inside = 2 ** (int(sympy.floor(sympy.log(solved.rhs, 2))) - 1)
        d = freed.derivation
        there = dataclasses.replace(d, values={**d.values, natural: sympy.Integer(inside)})
        example = dataclasses.replace(freed, derivation=there, solved=None)
        if example.value is None or not example.value.is_number:
            return [line]
        number = units.format_quantity(example.value, freed.unit)
        line += f"; at {letter} = {inside}, {_label(freed.label, letters)} = {number}"
        if example.reading:
            line += f" ({letters.prose(example.reading)})"
    return [line]


# --- tables of results ---------------------------------------------------------------------------


def _typical(question: Question, ledger: Ledger) -> Ledger:
    """Ledger with values for what a question needs and was not set: a short context, say."""
    missing = {k: v for k, v in question.typical.items() if sy.TABLE[k].symbol not in ledger.values}
    return ledger.at(**missing)


def answers(ledger: Ledger, machine: Machine) -> list[Result]:
    """Every named result that makes sense under the ledger's convention."""
    made = []
    for entry in results.RESULTS.values():
        unknown_free = Ledger.in_phase(ledger, entry.question.phase or "step")
        try:
            open_step = _typical(entry.question, unknown_free).without(entry.question.symbol)
            made.append(entry.answer(open_step, machine))
        except InputError as error:
            # Asked of a model or a convention for which it makes no sense.
            if error.field not in ("convention", "model", "unknown"):
                raise
    return made


def table(made: Sequence[Result], letters: Notation = DEFAULT) -> document.Table:
    """One row per result: what, value, and the condition or the reason."""
    rows = []
    for result in made:
        if result.value is not None and result.value.is_number:
            value = units.format_quantity(result.value, result.unit)
        elif result.value is not None and result.outcome in ("crosses", "conditional"):
            value = f"in {', '.join(sorted(s.name for s in result.value.free_symbols))}"
        else:
            value = result.outcome
        own = document.settled(result.derivation, letters)
        rows.append((own.prose(result.question.title), value, _remark(result, own)))
    return document.Table(("result", "value", "note"), tuple(rows))


def _remark(result: Result, letters: Notation) -> str:
    if result.outcome in ("never", "always"):
        return letters.prose(result.reason)
    parts = [_given(result, letters).strip()]
    if result.reading:
        parts.append(letters.prose(result.reading))
    if result.question.natural is not None and result.general.outcome == "conditional":
        for _, solved in solve_condition(result.general.when, result.question.natural):
            if isinstance(solved, sympy.Lt):
                limit = result.derivation.evaluate(solved.rhs)
                if limit.is_number and limit > 0:
                    natural = result.question.natural
                    bound = units.format_quantity(limit, sy.info(natural).unit)
                    parts.append(f"only while {letters.text(natural)} < {bound}")
    return "; ".join(p for p in parts if p)


def closed_forms(ledger: Ledger, machine: Machine, model: object) -> list[document.Block]:
    """FLOPs and bytes of prefill and decode, in constants and in dimensions."""
    out: list[document.Block] = []
    for phase in ("prefill", "decode"):
        step = ledger.in_phase(phase)
        subject = Subject(model, step, machine)  # type: ignore[arg-type]
        out.append(document.Heading(f"{phase}, counted as {ledger.convention}", 2))
        for symbol, make in ((sy.flops, FLOPS), (sy.bytes_, BYTES)):
            form = make(subject)
            out.append(document.Math((Formula(symbol, form.expr),)))
            out.append(document.Math((Formula(symbol, form.at_depth("dimensions")),)))
    return out


def report(ledger: Ledger, machine: Machine, form: str, letters: Notation) -> str:
    """All results of a model on a machine, with their derivations, as one document."""
    made = answers(ledger, machine)
    preface: list[document.Block] = [
        document.Heading(f"{ledger.model} on {machine.label}"),
        document.Paragraph(f"Counted as {ledger.convention}."),
        table(made, letters),
    ]
    return document.render([r.derivation for r in made], form, letters, preface=preface)


# --- the roofline --------------------------------------------------------------------------------

_BATCHES = (1, 8, 32, 128, 512)
_LENGTHS = (32, 128, 512, 2048, 8192)


def roofline(machine: Machine, ledger: Ledger, ax: Axes | None = None) -> Axes:
    """Draw a roofline with decode at several batches and prefill at several lengths.

    Parameters
    ----------
    machine : Machine
        With numbers for peak and bandwidth.
    ledger : Ledger
        A step of the model; decode is at its ``L``, or at 2048 tokens of context.
    ax : matplotlib.axes.Axes, optional
        Where to draw; new axes if not given.

    Returns
    -------
    matplotlib.axes.Axes
        The axes drawn into.
    """
    from roofsym import plot

    context = ledger.values.get(sy.L, sympy.Integer(2048))
    decode = ledger.in_phase("decode").at(L=context)
    prefill = ledger.in_phase("prefill").at(B=1)
    points = [
        *(plot.Point(f"B={n}", decode.at(B=n), f"decode, L = {context}") for n in _BATCHES),
        *(plot.Point(f"S={n}", prefill.at(S=n), "prefill, B = 1") for n in _LENGTHS),
    ]
    drawn = plot.roofline(machine, points, ax)
    drawn.set_title(f"{ledger.model}, counted as {ledger.convention}")
    return drawn


def save_roofline(path: str | os.PathLike[str], machine: Machine, ledger: Ledger) -> None:
    """Save the figure of `roofline`.

    Raises
    ------
    InputError
        If the file cannot be written, or its name asks for an unknown image format.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(8.5, 5.5), layout="constrained")
    formats = FigureCanvasAgg(figure).get_supported_filetypes()
    suffix = Path(path).suffix.removeprefix(".").lower()
    if suffix not in formats:
        raise InputError("output", str(path), "a file name ending in ." + ", .".join(formats))
    roofline(machine, ledger, figure.add_subplot())
    with files.whole_file(path) as temporary:
        try:
            figure.savefig(temporary, dpi=150, format=suffix)
        except RuntimeError as error:
            # A format that Matplotlib makes by way of a program that is not here (pgf by TeX).
            reason = str(error).splitlines()[0]
            raise InputError("output", str(path), f"a format made without it ({reason})") from None
