"""Documents: derivations and reports as text, Markdown, LaTeX and HTML.

A document is a list of blocks; a writer per format turns each kind of block into a string. What a
derivation says is decided once, in `blocks`.
"""

from __future__ import annotations

import dataclasses
import html
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import TypeGuard

import sympy

from roofsym import symbols as sy
from roofsym import units
from roofsym.closed_form import DEPTHS, reached, written_out
from roofsym.derivation import Derivation, Formula, Label, Step
from roofsym.errors import InputError
from roofsym.render.expression import LAMBERT, STYLES, Style, in_notation, listed, write
from roofsym.render.measure import (
    LATEX,
    LINE,
    PLAIN,
    ROOM,
    SIZES,
    broken,
    broken_rows,
    mathml_width,
    width,
)
from roofsym.render.naming import LEFT, TEXT, Names, is_part
from roofsym.render.notation import Notation, notation
from roofsym.render.numbers import Numbers


@dataclass(frozen=True)
class Heading:
    """A heading; level 1 is the title of the document."""

    text: str
    level: int = 1
    letters: Notation | None = None


@dataclass(frozen=True)
class Paragraph:
    """A sentence, numbered if it is a step; apart from what stands before it if it is to be.

    One that goes on after a step's formulas belongs to that step. With letters, symbols that it
    speaks of are printed in these, as formulas are.
    """

    text: str
    number: int | None = None
    apart: bool = False
    goes_on: bool = False
    letters: Notation | None = None


@dataclass(frozen=True)
class Math:
    """Displayed formulas, in a notation of their own if they have one; one by one if not joined."""

    formulas: tuple[Formula, ...]
    letters: Notation | None = None
    joined: bool = False


@dataclass(frozen=True)
class Row:
    """What a symbol or a name stands for, and its value, where it has them."""

    symbol: sympy.Symbol | Label
    definition: sympy.Expr | None = None
    value: sympy.Expr | None = None


@dataclass(frozen=True)
class Where:
    """What the symbols of the formulas above stand for."""

    rows: tuple[Row, ...]
    letters: Notation | None = None


@dataclass(frozen=True)
class Table:
    """A table of plain text."""

    header: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


Block = Heading | Paragraph | Math | Where | Table


def settled(derivation: Derivation, letters: str | Notation) -> Notation:
    """Notation of one derivation: without the assumptions that do not hold in it."""
    used = _symbols(derivation.steps)
    own = notation(letters).of(derivation.config_keys)
    return own.within(derivation.values, derivation.definitions, used, derivation.unknown)


def _symbols(steps: Sequence[Step]) -> set[sympy.Symbol]:
    sides = [x for step in steps for f in step.formulas for x in (f.left, f.right)]
    return set().union(*(x.free_symbols for x in sides if isinstance(x, sympy.Basic)))


# What is said of the numbers that a source prints is said with them at every depth.
_OF_NUMBERS = ("reproduction", "refutation")


def names(derivation: Derivation, letters: Notation) -> Names:
    """Letters for the long sums of one derivation: none that a symbol has, or another name."""
    used = (letters.translate(s).free_symbols for s in _symbols(derivation.steps))
    sides = (f.left for step in derivation.steps for f in step.formulas)
    labels = {letters.label(x.text, x.latex)[0] for x in sides if isinstance(x, Label)}
    symbols = set().union(*used, (row.symbol for row in sy.TABLE.values()))
    return Names(letters, labels | {letters.text(s) for s in symbols})


def at_depth(derivation: Derivation, depth: str) -> list[Step]:
    """Steps of a derivation: with values, or none of them but what is said of numbers.

    Raises
    ------
    InputError
        If there is no such depth.
    """
    if _checked(depth) == "numbers":
        return list(derivation.steps)
    return [
        dataclasses.replace(step, formulas=tuple(_without_values(step, f) for f in step.formulas))
        for step in _without_numbers(derivation.steps)
    ]


def _without_values(step: Step, f: Formula) -> Formula:
    if step.kind in _OF_NUMBERS:
        return dataclasses.replace(f, given={})
    # What is but a number, or has numbers in it, is said with its unit.
    number = f.number if f.right == f.number else None
    with_unit = f.sign == "<" or number == f.number
    return Formula(f.left, f.right, f.sign, number, f.unit if with_unit else "1", lead=f.lead)


def _checked(depth: str) -> str:
    if depth not in DEPTHS:
        raise InputError("depth", depth, "one of " + ", ".join(DEPTHS))
    return depth


def _without_numbers(steps: Sequence[Step]) -> list[Step]:
    return [step for step in steps if step.kind != "number"]


def blocks(
    derivation: Derivation,
    depth: str = "numbers",
    level: int = 1,
    letters: str | Notation = "roofsym",
) -> list[Block]:
    """Blocks of a derivation: title, steps, what the notation assumes, and the symbols it uses.

    Parameters
    ----------
    derivation : Derivation
        The derivation.
    depth : str
        How far the named constants are explained: see `Derivation.text`.
    level : int
        Level of its heading.
    letters : str or Notation
        Letters and parameters of the formulas.
    """
    own = settled(derivation, letters)
    out: list[Block] = [Heading(derivation.title, level, own), Paragraph(derivation.subject)]
    steps = at_depth(derivation, depth)
    named = names(derivation, own)
    printed: list[Formula] = []
    for number, step in enumerate(steps, 1):
        out.append(Paragraph(step.text, number, letters=own))
        if step.formulas:
            short = [x for f in step.formulas for x in named.shortened(f)]
            if depth == "dimensions":
                short = [_in_dimensions(f, derivation.definitions) for f in short]
            printed += short
            for lead, led in _led(short):
                if lead:
                    out.append(Paragraph(lead, goes_on=True))
                out.append(Math(led, named.letters))
    shown = {} if depth == "constants" else derivation.definitions
    evaluate = derivation.evaluate if depth == "numbers" else None
    return out + explanation([*printed, *_asked(derivation, printed, own)], own, shown, evaluate)


def _in_dimensions(formula: Formula, definitions: Mapping[sympy.Symbol, sympy.Expr]) -> Formula:
    """What a name is said to be, in dimensions as well; an equation or a condition as it is."""
    left, right = formula.left, formula.right
    if not isinstance(left, Label | sympy.Symbol) or not isinstance(right, sympy.Expr):
        return formula
    expanded = written_out(right, definitions)
    same = expanded == right or left in definitions
    if same or expanded.count_ops() > _MOST_OPERATIONS:
        return formula
    return dataclasses.replace(formula, expanded=expanded)


def _asked(
    derivation: Derivation, printed: Iterable[Formula], letters: Notation
) -> Iterator[Formula]:
    """What is solved for, where its own letter stands on the left: ``T``, which has a row, too."""
    unknown = derivation.unknown
    if unknown is None:
        return
    labels = (f.left for f in printed if isinstance(f.left, Label))
    names = {letters.label(x.text, x.latex)[0] for x in labels}
    if letters.text(unknown) in names:
        yield Formula(unknown, unknown)


def explanation(
    formulas: Sequence[Formula],
    letters: Notation,
    definitions: Mapping[sympy.Symbol, sympy.Expr],
    evaluate: Callable[[sympy.Expr], sympy.Expr] | None = None,
) -> list[Block]:
    """Blocks that explain formulas: what the notation assumes, and every symbol printed.

    Parameters
    ----------
    formulas : sequence of Formula
        The formulas, as they are printed.
    letters : Notation
        Their letters, without the assumptions that do not hold.
    definitions : mapping of sympy.Symbol to sympy.Expr
        What is printed beside symbols that stand for it.
    evaluate : callable, optional
        Value of an expression; without it, none are printed.
    """
    used = explained(formulas, definitions, letters.substitutions)
    assumed = [s for s in sorted(used, key=sy.rank) if s in letters.assumptions]
    plain = letters.plain()
    told = tuple(Formula(s, letters.substitutions[s.name]) for s in assumed)
    out: list[Block] = []
    if told:
        out.append(Paragraph(f"In the notation {letters.name}, with", apart=True))
        out.append(Math(told, plain, joined=True))

    def inside(symbol: sympy.Symbol) -> set[sympy.Symbol]:
        """Symbols of what is printed beside a symbol."""
        if symbol in letters.definitions:
            return _free(in_notation(letters.definitions[symbol], plain))
        made_of = definitions.get(symbol)
        return set() if made_of is None else _free(in_notation(made_of, letters))

    printed = set().union(
        *(_sides_of(f, lambda x: _free(in_notation(x, letters))) for f in formulas),
        *(_sides_of(f, lambda x: x.free_symbols) for f in told),
    )
    # What the letter of a long sum stands for is a formula of its own.
    symbols = reached({s for s in printed if not is_part(s)}, inside)
    if letters.letters or letters.substitutions:
        # The package's own letters are few: two of them may be one, where none is mistaken.
        letters.refuse_clash(symbols)
    rows = [_row(s, letters, definitions, evaluate) for s in letters.listed(symbols)]
    rows += _named(formulas, {letters.text(s) for s in symbols}, letters)
    if any(f.right.has(sympy.LambertW) for f in formulas):
        rows.append(Row(LAMBERT))
    return [*out, Where(tuple(rows), letters)] if rows else out


def _named(formulas: Sequence[Formula], taken: set[str], letters: Notation) -> list[Row]:
    """Rows of names that are no symbols, unless a symbol that is printed alike has one."""
    labels = {letters.label(f.left.text, f.left.latex)[0]: f.left
              for f in formulas if isinstance(f.left, Label) and f.left.meaning}  # fmt: skip
    return [Row(label) for text, label in labels.items() if text not in taken]


def explained(
    formulas: Sequence[Formula],
    definitions: Mapping[sympy.Symbol, sympy.Expr],
    substitutions: Mapping[str, sympy.Expr] = MappingProxyType({}),
) -> set[sympy.Symbol]:
    """Symbols of formulas, and of what these stand for."""
    used = set().union(*(_sides_of(f, lambda x: x.free_symbols) for f in formulas))
    return reached(used, lambda s: _free(definitions.get(s)) | _free(substitutions.get(s.name)))


def _free(expr: sympy.Basic | None) -> set[sympy.Symbol]:
    return set() if expr is None else set(expr.free_symbols)


def _sides_of(
    formula: Formula, symbols: Callable[[sympy.Basic], set[sympy.Symbol]]
) -> set[sympy.Symbol]:
    """Symbols of what is printed of a formula: its sides, and what a source has in their place."""
    sides = (formula.left, formula.right, formula.claim)
    return set().union(*(symbols(x) for x in sides if isinstance(x, sympy.Basic)))


def _led(formulas: Iterable[Formula]) -> Iterator[tuple[str, tuple[Formula, ...]]]:
    """Formulas by the words before them."""
    groups: list[tuple[str, list[Formula]]] = []
    for formula in formulas:
        if formula.lead or not groups:
            groups.append((formula.lead, []))
        groups[-1][1].append(formula)
    return ((lead, tuple(group)) for lead, group in groups)


def _row(
    symbol: sympy.Symbol,
    letters: Notation,
    definitions: Mapping[sympy.Symbol, sympy.Expr],
    evaluate: Callable[[sympy.Expr], sympy.Expr] | None,
) -> Row:
    # Of a letter of the notation's own one wants to know what it is made of.
    own = letters.definitions.get(symbol)
    value = None if evaluate is None else evaluate(symbol if own is None else own)
    # Nothing that has a name is negative: a critical batch whose formula is, is none.
    has_value = value is not None and value.is_number and value.is_extended_nonnegative
    definition = definitions.get(symbol) if own is None else own
    return Row(symbol, definition, value if has_value else None)


def render(
    derivations: Sequence[Derivation],
    form: str,
    letters: str | Notation = "roofsym",
    depth: str = "numbers",
    preface: Sequence[Block] = (),
) -> str:
    """One document of one or more derivations.

    Parameters
    ----------
    derivations : sequence of Derivation
        The derivations.
    form : str
        ``text``, ``markdown``, ``latex`` or ``html``. LaTeX and HTML are complete documents.
    letters : str or Notation
        Letters and parameters of the formulas.
    depth : str
        How far constants are explained.
    preface : sequence of Block
        What stands before the first derivation.

    Raises
    ------
    InputError
        If the format, the notation or the depth does not exist.
    """
    if form not in WRITERS:
        raise InputError("format", form, "one of " + ", ".join(WRITERS))
    _checked(depth)
    level = 2 if preface else 1
    content = list(preface)
    for derivation in derivations:
        content += blocks(derivation, depth, level, letters)
    return WRITERS[form](notation(letters)).document(content)


def body(
    derivations: Sequence[Derivation], letters: str | Notation = "roofsym", depth: str = "numbers"
) -> str:
    """Derivations as part of an HTML page, for notebooks."""
    writer = HtmlWriter(notation(letters))
    content = [b for d in derivations for b in blocks(d, depth, 3, letters)]
    return "\n".join(writer.block(b) for b in content)


def _is_number(side: Label | sympy.Expr | None) -> TypeGuard[sympy.Expr]:
    return isinstance(side, sympy.Expr) and bool(side.is_number)


# Significant digits of a number that is printed as it is, unless more are asked for.
_ROUNDED = 4


def _digits_of(claim: str | sympy.Expr | None) -> int:
    """Significant digits of a number that a source prints.

    Examples
    --------
    >>> _digits_of("33,554,432"), _digits_of("~0.50"), _digits_of("1.5e10")
    (8, 2, 2)
    """
    mantissa = claim.partition("e")[0] if isinstance(claim, str) else ""
    return len(re.sub(r"\D", "", mantissa).lstrip("0"))


# Of longer fractions nobody sees how much they are.
_LONG = 100


def _is_long(number: sympy.Expr) -> bool:
    """Whether a number is a fraction that is to be printed as a decimal.

    Examples
    --------
    >>> [_is_long(sympy.Rational(x)) for x in ("517/8", "37/16", "2500")]
    [True, False, False]
    """
    is_fraction = bool(number.is_Rational and number.q != 1)
    return is_fraction and max(abs(number.p), number.q) >= _LONG


# A formula in dimensions is in no more lines. One of more operations would be, and takes long.
_LINES, _MOST_OPERATIONS = 6, 120
_INDENT = 2
# Formulas are no longer than this with values and units in them, in plain text.
_WITH_VALUES = 140
# More where what is subtracted is nearly as large: the reader gets what is printed.
_DIGITS_OF_VALUES = (4, 6, 8)


def equal_to(formula: str) -> list[str]:
    """What something is equal to, in lines of plain text.

    Examples
    --------
    >>> equal_to("B L")
    ['= B L']
    """
    first, *others = broken(f"= {formula}", TEXT, _INDENT, PLAIN)
    return [first, *(f"{'':4}{x}" for x in others)]


class Writer:
    """Plain text; the other formats override what differs."""

    form = "text"
    # Of the longest line of plain text and of a page: what a line of conditions may take.
    share = 1.0
    # How a formula is broken: into what room, and what stands before the lines behind the first,
    # which begin `_INDENT` further in than what stands behind a sign of equality.
    medium, room, hanging = PLAIN, float(TEXT), " " * 5

    def __init__(self, letters: Notation, digits: int | None = None) -> None:
        self.notation = letters
        self.digits = digits
        self.style = self._style(letters)

    def _style(self, letters: Notation | None) -> Style:
        kind = "latex" if self.form in ("latex", "markdown") else self.form
        return STYLES[kind](letters or self.notation, self.digits)

    def document(self, content: Sequence[Block]) -> str:
        """Write the whole document."""
        return "\n".join(self.block(b) for b in content).rstrip() + "\n"

    def block(self, block: Block) -> str:
        """Write one block."""
        match block:
            case Heading():
                return self.heading(block)
            case Paragraph():
                return self.paragraph(block)
            case Math():
                return self.math(block)
            case Where():
                return self.where(block)
            case Table():
                return self.table(block)

    # --- formulas --------------------------------------------------------------------------

    def sides(self, formula: Formula, style: Style | None = None) -> list[str]:
        """What a formula says, from left to right, and each sign with what stands after it.

        The left-hand side (empty for a condition), the right-hand side, the same with values in
        the place of symbols where that is short, and the number.
        """
        style = style or self.style
        if formula.left is None:
            return ["", *self.cases(formula.right, style)]
        right = write(formula.right, style)
        used = formula.right.free_symbols
        if isinstance(formula.left, Label) and not formula.right.is_Symbol:
            own = style.notation.settled(used)
            shown = set().union(*(own.translate(s).free_symbols for s in used))
            own.refuse_clash(shown, own.label(formula.left.text, formula.left.latex))
        left = self.label(formula.left, style)
        digits = self._digits(formula)
        number = formula.right
        if _is_number(number) and (number == formula.number or _is_long(number)):
            right = self._number(number, formula, style, digits)
        if formula.sign == "<" and _is_number(formula.left):
            left = style.quantity(formula.left, formula.unit, digits)
        # With numbers in the place of most symbols, what is left says no unit.
        if formula.sign != "<" and formula.number is None and formula.unit != "1":
            left = style.in_unit(left, formula.unit)
        out = [left, f"{self.sign(formula.sign)}{right}"]
        if formula.expanded is not None:
            out += self.expansion(formula.expanded, left, style)
        if formula.number is not None and formula.right != formula.number:
            if (values := self._values(formula, style.notation)) is not None:
                parts = type(style)(style.notation.with_parts(values.parts), style.digits)
                written = write(values.expr, parts.with_values(values.given, values.digits))
                out.append(self.sign("=") + written)
            out.append(self.sign("=") + self._number(formula.number, formula, style))
        if self._says_more(formula):
            claim = self.claim(formula.claim, style, formula.unit)
            if formula.claim_sign != "≠" and _digits_of(formula.claim) > _ROUNDED:
                # Nobody reads our own number beside one with more digits.
                out.pop()
            out.append(self.sign(formula.claim_sign) + claim)
        if formula.aside:
            out[-1] += style.aside(formula.aside)
        return out

    def expansion(self, expanded: sympy.Expr, left: str, style: Style) -> list[str]:
        """A right-hand side in dimensions, behind a left-hand side: a line or several, or none.

        Else the table of symbols alone says what the constants stand for.
        """
        equals, wide = self.sign("="), self.medium.width
        room = self.room - wide(left) - wide(equals)
        lines = broken(write(expanded, style), room, _INDENT, self.medium)
        if len(lines) > _LINES or any(wide(x) > room for x in lines):
            return []
        first, *others = lines
        return [f"{equals}{first}", *(f"{self.hanging}{x}" for x in others)]

    @staticmethod
    def _number(number: sympy.Expr, formula: Formula, style: Style, digits: int = 4) -> str:
        """A number with its unit; in per cent where a source has it so."""
        if isinstance(formula.claim, str) and formula.claim.endswith("%"):
            return style.quantity(100 * number, "%", digits)
        return style.quantity(number, formula.unit, digits)

    @staticmethod
    def _digits(formula: Formula) -> int:
        """Significant digits of a side that is a number."""
        if formula.sign == "<":
            both = formula.number is not None and _is_number(formula.left)
            return units.digits_apart(formula.left, formula.number, formula.unit) if both else 4
        return _ROUNDED if formula.claim is not None else 6

    @staticmethod
    def _says_more(formula: Formula) -> bool:
        """Whether a source's number is another than the one that is printed beside it."""
        claim = formula.claim
        if formula.number is None or not isinstance(claim, str):
            return claim is not None
        # 4 GB = 4e9 B would say nothing, but 131.1 kB = 131072 B does.
        number = formula.number
        counted = formula.unit == "1" and number.is_Integer
        exact = counted or sympy.Rational(f"{float(number):.3e}") == number
        theirs, _ = units.prefixed(claim.lstrip("~"), formula.unit)
        ours = units.format_quantity(number, formula.unit).partition(" ")[0]
        return theirs != ours and not (formula.claim_sign == "=" and exact)

    def claim(self, claim: str | sympy.Expr | None, style: Style, unit: str) -> str:
        """Write what a source has: a formula, or a number in the source's own digits."""
        if not isinstance(claim, str):
            return style.quantity(claim, unit, 6) if _is_number(claim) else write(claim, style)
        digits = claim.lstrip("~")
        if digits.endswith("%"):
            return style.digits_of(digits.removesuffix("%").strip(), "%")
        return style.digits_of(*units.prefixed(digits, unit))

    def cases(self, condition: sympy.Basic, style: Style, around: int = 0) -> list[str]:
        """A condition; if it is longer than a line, by alternatives, and these by what they join.

        What stands beside alternatives is said once, before them: ``A and (B``, ``or C)``. So many
        pairs of parentheses stand `around` it.
        """
        styles = [STYLES[form](style.notation, style.digits) for form in ("text", "latex")]

        def fit(*parts: sympy.Basic) -> bool:
            text, latex = (
                x.join("and", ["", *(write(p, x) for p in parts)]) + "()" * around for x in styles
            )
            return len(text) <= self.share * TEXT and width(latex) <= self.share * LINE

        if not isinstance(condition, sympy.And | sympy.Or) or fit(condition):
            return [write(condition, style)]
        if isinstance(condition, sympy.Or):
            first, *others = (self._alternative(x, style, around) for x in listed(condition))
            return [*first, *(y for x in others for y in (style.join("or", ["", x[0]]), *x[1:]))]
        parts = listed(condition)
        groups: list[list[sympy.Basic]] = [[]]
        for part in (x for x in parts if not isinstance(x, sympy.Or)):
            if groups[-1] and not fit(*groups[-1], part):
                groups.append([])
            groups[-1].append(part)
        lines: list[str] = []
        for group in filter(None, groups):
            written = [write(x, style) for x in group]
            lines.append(style.join("and", ["", *written] if lines else written))
        beside = groups[-1]
        for part in (x for x in parts if isinstance(x, sympy.Or)):
            opening, *rest = style.group_of_lines(self.cases(part, style, around + 1))
            if beside and fit(*beside, listed(part)[0] if rest else part):
                opening = style.join("and", [lines.pop(), opening])
            elif lines:
                opening = style.join("and", ["", opening])
            lines += [opening, *rest]
            beside = []
        return lines

    def _alternative(self, condition: sympy.Basic, style: Style, around: int) -> list[str]:
        if not isinstance(condition, sympy.And):
            return self.cases(condition, style, around)
        return style.group_of_lines(self.cases(condition, style, around + 1))

    def _values(self, formula: Formula, letters: Notation) -> Numbers | None:
        """A right-hand side with numbers in the place of its symbols, or of parts of it."""
        whole, given = letters.written_out(formula.right), formula.given
        used = whole.free_symbols
        if whole.is_Symbol or not used or not used <= given.keys():
            return None
        if not all(given[s].is_number for s in used):
            return None
        left = self.label(formula.left, self._style(letters))

        def fits(values: Numbers) -> bool:
            return self.takes(left, values, letters.with_parts(values.parts))

        for digits in _DIGITS_OF_VALUES:
            found = Numbers(whole, given, digits, formula.unit).within(fits)
            if found is None or found.gives(formula.number):
                return found
        return None

    def takes(self, left: str, values: Numbers, letters: Notation) -> bool:
        """Whether a formula with these values in it is short enough, behind a left-hand side."""
        style = STYLES["text"](letters).with_values(values.given, values.digits)
        return len(write(values.expr, style)) <= _WITH_VALUES

    def formula(self, formula: Formula, style: Style | None = None) -> str:
        """Write one formula on one line."""
        return "".join(self.sides(formula, style))

    def label(self, left: Label | sympy.Expr, style: Style) -> str:
        """Write a left-hand side."""
        return style.label(left.text, left.latex) if isinstance(left, Label) else write(left, style)

    def sign(self, sign: str) -> str:
        """Write a sign of relation."""
        return f" {sign} "

    # --- blocks ----------------------------------------------------------------------------

    def sentence(self, text: str, letters: Notation | None) -> str:
        """Write words, and the symbols among them as formulas."""
        if letters is None:
            return self.escape(text)
        style = self._style(letters)
        return "".join(
            self.escape(x) if isinstance(x, str)
            else self.inline(style.label(*x) if isinstance(x, tuple) else style.letter(x))
            for x in letters.pieces(text)
        )  # fmt: skip

    def escape(self, text: str) -> str:
        """Protect characters that would be markup."""
        return text

    def inline(self, formula: str) -> str:
        """Write a formula in a sentence or in a cell."""
        return formula

    def title(self, heading: Heading) -> str:
        """Write what a heading says, with a capital unless it begins with a name: gpt-oss-20b.

        Nor has an equation one.
        """
        text = heading.text
        if not re.match(r"\S*\d|[^=]* = ", text):
            text = text[0].upper() + text[1:]
        return self.sentence(text, heading.letters)

    def heading(self, heading: Heading) -> str:
        """Write a heading."""
        before = "\n" if heading.level > 1 else ""
        return before + self.sentence(heading.text, heading.letters)

    def paragraph(self, paragraph: Paragraph) -> str:
        """Write a sentence."""
        text = self.sentence(paragraph.text, paragraph.letters)
        if paragraph.goes_on:
            return f"    {text}"
        if paragraph.number is None:
            return f"\n{text}" if paragraph.apart else text + "\n"
        return f"{paragraph.number:2}. {text}"

    def math(self, math: Math) -> str:
        """Write formulas; a chain that is longer than a line with each part on one of its own."""
        style = self._style(math.letters)
        if math.joined:
            return "      " + ", ".join(self.formula(f, style) for f in math.formulas)
        out = []
        for f in math.formulas:
            left, *parts = self.sides(f, style)
            if len(left) + len(parts[0]) > TEXT and len(left) > LEFT:
                out += [f"      {left}", *(f"       {part}" for part in parts)]
            elif len(left) + sum(map(len, parts)) > TEXT:
                out.append(f"      {left}{parts[0]}")
                out += [f"      {'':{len(left)}}{part}" for part in parts[1:]]
            else:
                out.append(f"      {left}{''.join(parts)}")
        return "\n".join(out)

    def where(self, where: Where) -> str:
        """Write the table of symbols."""
        style = self._style(where.letters)
        cells = [self._cells(row, style) for row in where.rows]
        widths = [max((len(c[i]) for c in cells), default=0) for i in range(2)]
        lines = ["", "where"]
        for name, unit, meaning, rest in cells:
            line = f"  {name:<{widths[0]}}  {unit:<{widths[1]}}  {meaning}"
            if not rest or len(line) + len(rest) < TEXT:
                lines.append(f"{line} = {rest}" if rest else line)
                continue
            below = " " * (sum(widths) + 6)
            lines += [line, *(f"{below}{x}" for x in equal_to(rest))]
        return "\n".join(lines)

    def _cells(self, row: Row, style: Style) -> tuple[str, str, str, str]:
        """Symbol, unit, meaning, and what it is equal to."""
        if isinstance(row.symbol, Label):
            meaning = self.sentence(row.symbol.meaning, style.notation)
            return self.label(row.symbol, style), row.symbol.unit, meaning, ""
        info = sy.info(row.symbol)
        # What a notation's own letter stands for is written in the table's symbols.
        is_own = row.symbol in style.notation.definitions
        defined = self._style(style.notation.plain()) if is_own else style
        parts = [] if row.definition is None else [write(row.definition, defined)]
        if row.value is not None:
            parts.append(style.quantity(row.value, info.unit))
        rest = self.sign("=").join(parts)
        meaning = self.sentence(info.meaning, style.notation)
        return style.letter(row.symbol), info.unit, meaning, rest

    def table(self, table: Table) -> str:
        """Write a table."""
        rows = [table.header, *table.rows]
        widths = [max(len(row[i]) for row in rows) for i in range(len(table.header))]
        lines = [
            "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
            for row in rows
        ]
        return "\n".join([lines[0], "  ".join("-" * width for width in widths), *lines[1:]]) + "\n"


ALONE = r"&\phantom{{}={}} "
"""What stands before a row of an alignment that has no left-hand side."""


class MarkdownWriter(Writer):
    r"""Markdown with LaTeX formulas, as GitHub renders it.

    GitHub reads Markdown before it reads formulas: between dollar signs ``\,`` loses its
    backslash, and ``_`` and ``*`` may become emphasis. Fences of the language ``math``, and dollar
    signs with backquotes inside, are passed on untouched.
    """

    form = "markdown"
    medium, room, hanging = LATEX, ROOM, r"\quad "

    def __init__(self, letters: Notation, digits: int | None = None) -> None:
        super().__init__(letters, digits)
        self._indent = ""

    def sign(self, sign: str) -> str:
        """Write a sign of relation."""
        shown = {"→": r"\to", "≈": r"\approx", "≠": r"\ne"}.get(sign, sign)
        return f" {shown} "

    @staticmethod
    def chain(sides: Sequence[str]) -> list[str]:
        """Write what a formula says (see `sides`) as lines that are aligned at the sign."""
        left, *parts = sides
        if not left or width(left) > LEFT:
            # A condition, or an equation whose left-hand side would push the others aside.
            first, *others = parts
            return [f"{ALONE}{x.strip()}" for x in (f"{left}{first}", *others)]
        lines = [f"{left} &{parts[0]}", *(f"&{part}" for part in parts[1:])]
        return [line.rstrip() for line in lines]

    def display(self, formula: Formula, style: Style | None = None) -> str:
        """Write a formula; a chain that is longer than a line, line by line."""
        sides = self.sides(formula, style)
        written = "".join(sides)
        if width(written) <= LINE or len(sides) == 2:
            return written
        lines = " \\\\\n".join(self.chain(sides))
        return f"\\begin{{aligned}}\n{lines}\n\\end{{aligned}}"

    def heading(self, heading: Heading) -> str:
        """Write a heading."""
        self._indent = ""
        return f"{'#' * heading.level} {self.title(heading)}\n"

    def paragraph(self, paragraph: Paragraph) -> str:
        """Write a sentence; formulas after a numbered one belong to its item of the list."""
        text = self.sentence(paragraph.text, paragraph.letters)
        if paragraph.goes_on:
            return f"{self._indent}{text}\n"
        number = f"{paragraph.number}. " if paragraph.number else ""
        self._indent = " " * len(number)
        return f"{number}{text}\n"

    def escape(self, text: str) -> str:
        """Protect characters that would be markup."""
        return re.sub(r"([\\`*_{}\[\]<>#$|~&])", r"\\\1", text)

    def math(self, math: Math) -> str:
        """Write formulas."""
        style = self._style(math.letters)
        if math.joined:
            return self.fence(self.joined(math.formulas, style))
        return "\n".join(self.fence(self.display(f, style)) for f in math.formulas)

    def joined(self, formulas: Sequence[Formula], style: Style) -> str:
        """Write several formulas on one line."""
        return r", \quad ".join(self.formula(f, style) for f in formulas)

    def fence(self, latex: str) -> str:
        """Write LaTeX as a block of its own."""
        lines = ["```math", *latex.splitlines(), "```"]
        return "".join(f"{self._indent}{line}\n" for line in lines)

    def inline(self, formula: str) -> str:
        """Write a formula in a sentence or in a cell."""
        return f"$`{formula}`$"

    def where(self, where: Where) -> str:
        """Write the table of symbols."""
        self._indent = ""
        style = self._style(where.letters)
        rows = [("symbol", "unit", "meaning", "value"), ("---",) * 4]
        for row in where.rows:
            name, unit, meaning, rest = self._cells(row, style)
            rows.append((self.inline(name), unit, meaning, self.inline(rest) if rest else ""))
        # A column of values that no row has is left out.
        shown = 4 if any(row[-1] for row in rows[2:]) else 3
        return "\n".join(f"| {' | '.join(row[:shown])} |" for row in rows) + "\n"

    def table(self, table: Table) -> str:
        """Write a table."""
        rows = [[self.escape(c) for c in row] for row in (table.header, *table.rows)]
        rows.insert(1, ["---"] * len(table.header))
        return "\n".join(f"| {' | '.join(row)} |" for row in rows) + "\n"


_PREAMBLE = r"""\documentclass[11pt]{article}
\usepackage[utf8]{inputenc}
\usepackage{amsmath,amssymb,booktabs,longtable,array}
\usepackage[margin=25mm]{geometry}
\setlength{\parindent}{0pt}
\setlength{\parskip}{6pt}
\begin{document}
"""

# What prose may contain beyond ASCII, for TeX engines without Unicode fonts.
_TEX = {
    "\\": r"\textbackslash{}", "_": r"\_", "%": r"\%", "&": r"\&", "#": r"\#", "$": r"\$",
    "{": r"\{", "}": r"\}", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}",
    "<": r"$<$", ">": r"$>$", "∞": r"$\infty$", "·": r"$\cdot$", "×": r"$\times$",
    "−": r"$-$", "µ": r"$\mu$", "²": r"\textsuperscript{2}", "γ": r"$\gamma$", "*": r"$^{*}$",
    "₀": "$_{0}$", "≥": r"$\ge$", "≤": r"$\le$", "→": r"$\to$", "∑": r"$\sum$",
    **{row.text: f"${row.latex}$" for row in sy.TABLE.values() if not row.text.isascii()},
}  # fmt: skip
_WORD = re.compile("|".join(re.escape(x) for x in sorted(_TEX, key=len, reverse=True)))


def breaking(latex: str) -> str:
    """A formula that may break between factors and arguments as well as at signs."""
    # Dearer than several breaks at signs (700 each): only where there is none.
    spaced = latex.replace(r"\, ", r"\,\penalty5000 ").replace(", ", r", \allowbreak ")
    return spaced.replace(" / ", r" /\penalty5000 ")


class LatexWriter(MarkdownWriter):
    """A complete LaTeX document."""

    form = "latex"

    def document(self, content: Sequence[Block]) -> str:
        """Write the whole document."""
        text = ""
        for block in content:
            # A formula belongs to the sentence before it: a blank line between them would be space,
            # and a place for the page to break. After it another sentence begins.
            text += "\n" if isinstance(block, Math) and text else "\n\n" if text else ""
            text += self.block(block).rstrip("\n")
        return f"{_PREAMBLE}{text}\n\\end{{document}}\n"

    def escape(self, text: str) -> str:
        """Protect characters that TeX would take for markup."""
        return _WORD.sub(lambda found: _TEX[found[0]], text)

    def heading(self, heading: Heading) -> str:
        """Write a heading."""
        kind = "section" if heading.level == 1 else "subsection"
        return rf"\{kind}*{{{self.title(heading)}}}"

    def paragraph(self, paragraph: Paragraph) -> str:
        """Write a sentence."""
        number = rf"\textbf{{{paragraph.number}.}} " if paragraph.number else ""
        return f"{number}{self.sentence(paragraph.text, paragraph.letters)}\n"

    def inline(self, formula: str) -> str:
        """Write a formula in a sentence or in a cell."""
        return f"${formula}$"

    def sides(self, formula: Formula, style: Style | None = None) -> list[str]:
        """What a formula says; in a chain, what would be wider than the page is set smaller."""
        left, *parts = super().sides(formula, style)
        if formula.left is None or len(parts) == 1:
            return [left, *parts]
        return [left, *(self._fitted(part, width(left)) for part in parts)]

    def takes(self, left: str, values: Numbers, letters: Notation) -> bool:
        """Whether a formula with values in it is short enough, for a page, too."""
        style = STYLES["latex"](letters).with_values(values.given, values.digits)
        written = write(values.expr, style)
        fitted = self._fitted(self.sign("=") + written, width(left))
        fits = width(left) + width(fitted) <= LINE
        return fits and super().takes(left, values, letters)

    def _fitted(self, part: str, beside: float) -> str:
        if beside + width(part) <= LINE:
            return part
        equals, inner = self.sign("="), part.removeprefix(self.sign("="))
        for size in SIZES:
            fitted = rf"{equals}\text{{{size}$\displaystyle {inner}$}}"
            if beside + width(fitted) <= LINE:
                return fitted
        # Too wide even so: as it is, it can break, which a box of smaller type cannot.
        return part

    def math(self, math: Math) -> str:
        """Write formulas; those wider than a page as paragraphs, which TeX breaks at signs."""
        style = self._style(math.letters)
        if math.joined:
            return self._displayed(self.joined(math.formulas, style))
        out = []
        for f in math.formulas:
            written = self.display(f, style)
            if width(written) <= LINE:
                out.append(self._displayed(written))
            else:
                inner = f"$\\displaystyle {breaking(self.formula(f, style))}$"
                out.append(f"\\begin{{flushleft}}\n{inner}\n\\end{{flushleft}}")
        return "\n".join(out)

    def _displayed(self, latex: str) -> str:
        return f"\\begin{{equation*}}\n{latex}\n\\end{{equation*}}"

    def where(self, where: Where) -> str:
        """Write the table of symbols."""
        style = self._style(where.letters)
        # In millimetres: the units, and the widest symbol.
        cells = [self._cells(row, style) for row in where.rows]
        taken = 34 + round(2 * max(6.0, *(width(name) for name, *_ in cells)))
        meaning_column = rf">{{\raggedright\arraybackslash}}p{{\dimexpr\linewidth-{taken}mm}}"
        lines = [rf"\begin{{longtable}}{{@{{}}ll{meaning_column}@{{}}}}"]
        lines += [r"\toprule", r"symbol & unit & meaning \\", r"\midrule", r"\endhead"]
        for row, (name, unit, meaning, rest) in zip(where.rows, cells, strict=True):
            # A value stands at the end of the line; a definition, which is longer, on the next.
            before = r"\hfill" if row.definition is None else r"\newline"
            text = meaning + (f" {before} $={breaking(rest)}$" if rest else "")
            lines.append(rf"${name}$ & {self.escape(unit)} & {text} \\[2pt]")
        return "\n".join([*lines, r"\bottomrule", r"\end{longtable}"])

    def table(self, table: Table) -> str:
        """Write a table."""
        # A report has more results than a page has lines: the table breaks.
        share = rf"\dimexpr\linewidth/{len(table.header)}-2\tabcolsep"
        columns = rf">{{\raggedright\arraybackslash}}p{{{share}}}" * len(table.header)
        rows = [" & ".join(self.escape(c) for c in row) + r" \\" for row in table.rows]
        header = " & ".join(self.escape(c) for c in table.header) + r" \\"
        return "\n".join(
            [rf"\begin{{longtable}}{{@{{}}{columns}@{{}}}}", r"\toprule", header, r"\midrule",
             r"\endhead", *rows, r"\bottomrule", r"\end{longtable}"]
        )  # fmt: skip


_PAGE = """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<title>{title}</title>
<style>
body {{ font: 16px/1.5 Georgia, serif; max-width: 62rem; margin: 2rem auto; padding: 0 1rem; }}
table {{ border-collapse: collapse; margin: 1rem 0; display: block; overflow-x: auto; }}
th, td {{ text-align: left; vertical-align: top; padding: .2rem .9rem .2rem 0; }}
tr {{ border-bottom: 1px solid #ddd; }}
math[display] {{ margin: .6rem 0; padding: .2rem 0; overflow-x: auto; overflow-y: hidden; }}
</style>
</head>
<body>
{body}
</body>
</html>
"""


class HtmlWriter(Writer):
    """An HTML page with MathML, without scripts."""

    form = "mathml"
    # Beside the side bar of a site, lines are shorter than on a page of paper; and in a table.
    share, share_of_cell = 0.8, 0.6

    def document(self, content: Sequence[Block]) -> str:
        """Write the whole document."""
        first = next((b for b in content if isinstance(b, Heading)), Heading("roofsym"))
        title = first.text if first.letters is None else first.letters.prose(first.text)
        body = "\n".join(self.block(b) for b in content)
        return _PAGE.format(title=html.escape(title), body=body)

    def formula(self, formula: Formula, style: Style | None = None) -> str:
        """Write one formula on one line."""
        return f"<mrow>{''.join(self.sides(formula, style))}</mrow>"

    def takes(self, left: str, values: Numbers, letters: Notation) -> bool:
        """Whether a formula with these values in it is narrow enough for a line."""
        style = STYLES["latex"](letters).with_values(values.given, values.digits)
        # About a tenth of it is taken by the left-hand side.
        return width(write(values.expr, style)) <= 0.9 * LINE

    def expansion(self, expanded: sympy.Expr, left: str, style: Style) -> list[str]:
        """A right-hand side in dimensions, in lines of a page."""
        lines = self._rows(f"{self.sign('=')}{write(expanded, style)}")
        fit = all(mathml_width(x) <= self.share * TEXT for x in lines)
        return lines if fit and len(lines) <= _LINES else []

    def _rows(self, formula: str, share: float = share) -> list[str]:
        """A formula in lines of a page, as far as it can be broken."""
        first, *others = broken_rows(formula, share * TEXT)
        return [first, *(f'<mspace width="2em"/>{x}' for x in others)]

    def sign(self, sign: str) -> str:
        """Write a sign of relation."""
        return f"<mo>{html.escape(sign)}</mo>"

    def heading(self, heading: Heading) -> str:
        """Write a heading."""
        return f"<h{heading.level}>{self.title(heading)}</h{heading.level}>"

    def escape(self, text: str) -> str:
        """Protect characters that would be markup."""
        return html.escape(text)

    def inline(self, formula: str) -> str:
        """Write a formula in a sentence or in a cell."""
        return f"<math>{formula}</math>"

    def paragraph(self, paragraph: Paragraph) -> str:
        """Write a sentence."""
        number = f"<b>{paragraph.number}.</b> " if paragraph.number else ""
        return f"<p>{number}{self.sentence(paragraph.text, paragraph.letters)}</p>"

    def math(self, math: Math) -> str:
        """Write formulas; a chain that is longer than a line with each part on one of its own."""
        style, plain = self._style(math.letters), Writer(self.notation)
        if math.joined:
            inner = '<mo>,</mo><mspace width="1em"/>'.join(
                self.formula(f, style) for f in math.formulas
            )
            return f'<math display="block"><mrow>{inner}</mrow></math>'
        out = []
        for f in math.formulas:
            left, *sides = self.sides(f, style)
            parts = [row for side in sides for row in self._rows(side)]
            if len(parts) > 1 and len(plain.formula(f)) > self.share * TEXT:
                rows = (
                    f'<mtr><mtd style="text-align:right">{left if i == 0 else ""}</mtd>'
                    f'<mtd style="text-align:left"><mrow>{part}</mrow></mtd></mtr>'
                    for i, part in enumerate(parts)
                )
                inner = f'<mtable displaystyle="true">{"".join(rows)}</mtable>'
            else:
                inner = f"<mrow>{left}{''.join(parts)}</mrow>"
            out.append(f'<math display="block">{inner}</math>')
        return "\n".join(out)

    def where(self, where: Where) -> str:
        """Write the table of symbols."""
        style = self._style(where.letters)
        rows = []
        for row in where.rows:
            name, unit, meaning, rest = self._cells(row, style)
            cells = [self.inline(name), html.escape(unit), meaning]
            if rest:
                # A definition is long: it stands below the meaning.
                before = " " if row.definition is None else "<br/>"
                whole = f"<mrow>{self.sign('=')}{rest}</mrow>"
                lines = self._rows(whole, self.share_of_cell)
                cells[2] += before + "<br/>".join(map(self.inline, lines))
            rows.append("<tr>" + "".join(f"<td>{c}</td>" for c in cells) + "</tr>")
        head = "<tr><th>symbol</th><th>unit</th><th>meaning</th></tr>"
        return f"<table>{head}{''.join(rows)}</table>"

    def table(self, table: Table) -> str:
        """Write a table."""

        def row(cells: Sequence[str], tag: str) -> str:
            return "<tr>" + "".join(f"<{tag}>{html.escape(c)}</{tag}>" for c in cells) + "</tr>"

        rows = [row(table.header, "th"), *(row(r, "td") for r in table.rows)]
        return f"<table>{''.join(rows)}</table>"


WRITERS = {
    "text": Writer, "markdown": MarkdownWriter, "latex": LatexWriter, "html": HtmlWriter,
}  # fmt: skip
