"""Documents: derivations and reports as text, Markdown, LaTeX and HTML.

A document is a list of blocks; a writer per format turns each kind of block into a string. What a
derivation says is decided once, in `blocks`.
"""

from __future__ import annotations

import html
import re
from collections.abc import Sequence
from dataclasses import dataclass

import sympy

from roofsym import symbols as sy
from roofsym import units
from roofsym.derivation import Derivation, Formula, Label
from roofsym.errors import InputError
from roofsym.render.expression import STYLES, write
from roofsym.render.notation import Notation, notation


@dataclass(frozen=True)
class Heading:
    """A heading; level 1 is the title of the document."""

    text: str
    level: int = 1


@dataclass(frozen=True)
class Paragraph:
    """A sentence, numbered if it is a step."""

    text: str
    number: int | None = None


@dataclass(frozen=True)
class Math:
    """Displayed formulas."""

    formulas: tuple[Formula, ...]


@dataclass(frozen=True)
class Where:
    """What the symbols of the formulas above stand for: (symbol, definition, value)."""

    rows: tuple[tuple[sympy.Symbol, sympy.Expr | None, sympy.Expr | None], ...]


@dataclass(frozen=True)
class Table:
    """A table of plain text."""

    header: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


Block = Heading | Paragraph | Math | Where | Table


def blocks(derivation: Derivation, depth: str = "numbers", level: int = 1) -> list[Block]:
    """Blocks of a derivation: title, steps, and the symbols it uses.

    Parameters
    ----------
    derivation : Derivation
        The derivation.
    depth : str
        How far the named constants are explained: see `Derivation.text`.
    level : int
        Level of its heading.
    """
    out: list[Block] = [Heading(derivation.title, level), Paragraph(derivation.subject)]
    used: set[sympy.Symbol] = set()
    for number, step in enumerate(derivation.steps, 1):
        out.append(Paragraph(step.text, number))
        if step.formulas:
            out.append(Math(step.formulas))
        for formula in step.formulas:
            for side in (formula.left, formula.right):
                if isinstance(side, sympy.Basic):
                    used |= side.free_symbols
    if used:
        out.append(Where(_where(derivation, used, depth)))
    return out


def _where(
    derivation: Derivation, used: set[sympy.Symbol], depth: str
) -> tuple[tuple[sympy.Symbol, sympy.Expr | None, sympy.Expr | None], ...]:
    if depth != "constants":
        for symbol in used & derivation.definitions.keys():
            used = used | derivation.definitions[symbol].free_symbols
    rows = []
    for symbol in sorted(used, key=sy.rank):
        definition = derivation.definitions.get(symbol) if depth != "constants" else None
        value = derivation.evaluate(symbol) if depth == "numbers" else None
        rows.append((symbol, definition, value if value is not None and value.is_number else None))
    return tuple(rows)


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
        Letters of the symbols.
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
    if depth not in ("constants", "dimensions", "numbers"):
        raise InputError("depth", depth, "one of constants, dimensions, numbers")
    level = 2 if preface else 1
    content = list(preface)
    for derivation in derivations:
        content += blocks(derivation, depth, level)
    return WRITERS[form](notation(letters)).document(content)


def fragment(derivation: Derivation) -> str:
    """The result of a derivation as display LaTeX, for notebooks."""
    writer = LatexWriter(notation("roofsym"))
    for step in reversed(derivation.steps):
        if step.kind == "solution":
            return f"${writer.formula(step.formulas[0])}$"
    return f"${writer.formula(derivation.steps[-1].formulas[0])}$"


class Writer:
    """Plain text; the other formats override what differs."""

    form = "text"

    def __init__(self, letters: Notation) -> None:
        self.notation = letters
        self.style = STYLES["latex" if self.form in ("latex", "markdown") else self.form](letters)

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

    def formula(self, formula: Formula) -> str:
        """Write one formula: left, sign, right, and its number if there is one."""
        right = write(formula.right, self.style)
        if formula.left is None:
            return right
        if formula.claim is not None and formula.right == formula.number:
            right = self.quantity(formula.right, formula.unit)
        text = f"{self.label(formula.left)} {self.sign(formula.sign)} {right}"
        if formula.number is not None and formula.right != formula.number:
            text += f" {self.sign('=')} {self.quantity(formula.number, formula.unit)}"
        if self.says_more(formula):
            text += f" {self.sign(formula.claim_sign)} {self.claim(formula.claim)}"
        return text

    def says_more(self, formula: Formula) -> bool:
        """Whether a source's number is written otherwise than the number beside it."""
        claim = formula.claim
        if formula.number is None or not isinstance(claim, str):
            return claim is not None
        number = units.format_quantity(formula.number, formula.unit).partition(" ")[0]
        return number != claim.lstrip("~")

    def claim(self, claim: str | sympy.Expr | None) -> str:
        """Write what a source has: a formula, or a number in the source's own digits."""
        return claim.lstrip("~") if isinstance(claim, str) else write(claim, self.style)

    def label(self, left: Label | sympy.Expr) -> str:
        """Write a left-hand side."""
        return left.text if isinstance(left, Label) else write(left, self.style)

    def sign(self, sign: str) -> str:
        """Write a sign of relation."""
        return sign

    def quantity(self, value: sympy.Expr, unit: str) -> str:
        """Write a number with its unit."""
        return units.format_quantity(value, unit)

    def heading(self, heading: Heading) -> str:
        """Write a heading."""
        return ("\n" if heading.level > 1 else "") + heading.text

    def paragraph(self, paragraph: Paragraph) -> str:
        """Write a sentence."""
        if paragraph.number is None:
            return paragraph.text + "\n"
        return f"{paragraph.number:2}. {paragraph.text}"

    def math(self, math: Math) -> str:
        """Write formulas."""
        return "\n".join(f"      {self.formula(f)}" for f in math.formulas)

    def where(self, where: Where) -> str:
        """Write the table of symbols."""
        rows = [
            (
                self.style.symbol(symbol),
                sy.info(symbol).meaning,
                self.explanation(symbol, definition, value),
            )
            for symbol, definition, value in where.rows
        ]
        return "\nwhere\n" + "\n".join(
            f"  {name:<10} {meaning}" + (f"\n{'':13}{rest}" if rest else "")
            for name, meaning, rest in rows
        )

    def explanation(
        self, symbol: sympy.Symbol, definition: sympy.Expr | None, value: sympy.Expr | None
    ) -> str:
        """Definition and value of a symbol, each after its equals sign."""
        parts = []
        if definition is not None:
            parts.append(write(definition, self.style))
        if value is not None:
            parts.append(self.quantity(value, sy.info(symbol).unit))
        equals = f" {self.sign('=')} "
        return equals.lstrip() + equals.join(parts) if parts else ""

    def table(self, table: Table) -> str:
        """Write a table."""
        rows = [table.header, *table.rows]
        widths = [max(len(row[i]) for row in rows) for i in range(len(table.header))]
        lines = [
            "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
            for row in rows
        ]
        return "\n".join([lines[0], "  ".join("-" * width for width in widths), *lines[1:]]) + "\n"


class MarkdownWriter(Writer):
    """Markdown with LaTeX between dollar signs, as GitHub renders it."""

    form = "markdown"

    def sign(self, sign: str) -> str:
        """Write a sign of relation."""
        return {"→": r"\to", "≈": r"\approx", "≠": r"\ne"}.get(sign, sign)

    def label(self, left: Label | sympy.Expr) -> str:
        """Write a left-hand side."""
        return left.latex if isinstance(left, Label) else write(left, self.style)

    def quantity(self, value: sympy.Expr, unit: str) -> str:
        """Write a number with its unit."""
        number, _, rest = units.format_quantity(value, unit).partition(" ")
        mantissa, e, exponent = number.partition("e")
        number = rf"{mantissa} \times 10^{{{int(exponent)}}}" if e else number
        number = number.replace("∞", r"\infty")
        rest = rest.replace("µ", r"\mu ").replace("$", r"\$")
        return number + (rf" \,\mathrm{{{rest}}}" if rest else "")

    def claim(self, claim: str | sympy.Expr | None) -> str:
        """Write what a source has."""
        text = super().claim(claim)
        if isinstance(claim, str):
            mantissa, e, exponent = text.replace(",", "{,}").partition("e")
            return rf"{mantissa} \times 10^{{{exponent}}}" if e else mantissa
        return text

    def heading(self, heading: Heading) -> str:
        """Write a heading."""
        return f"{'#' * heading.level} {heading.text[0].upper()}{heading.text[1:]}\n"

    def paragraph(self, paragraph: Paragraph) -> str:
        """Write a sentence."""
        number = f"{paragraph.number}. " if paragraph.number else ""
        return f"{number}{self.escape(paragraph.text)}\n"

    def escape(self, text: str) -> str:
        """Protect characters that would be markup."""
        return text.replace("*", r"\*").replace("<", r"\<").replace("_", r"\_")

    def math(self, math: Math) -> str:
        """Write formulas."""
        return "".join(f"   $$\n   {self.formula(f)}\n   $$\n\n" for f in math.formulas)

    def where(self, where: Where) -> str:
        """Write the table of symbols."""
        lines = ["| symbol | meaning | value |", "| --- | --- | --- |"]
        for symbol, definition, value in where.rows:
            rest = self.explanation(symbol, definition, value)
            cell = f"${rest}$" if rest else ""
            lines.append(f"| ${self.style.symbol(symbol)}$ | {sy.info(symbol).meaning} | {cell} |")
        return "\n".join(lines) + "\n"

    def explanation(
        self, symbol: sympy.Symbol, definition: sympy.Expr | None, value: sympy.Expr | None
    ) -> str:
        """Definition and value without the leading equals sign."""
        return super().explanation(symbol, definition, value).removeprefix("= ")

    def table(self, table: Table) -> str:
        """Write a table."""
        rows = [table.header, ("---",) * len(table.header), *table.rows]
        return "\n".join(f"| {' | '.join(self.escape(c) for c in row)} |" for row in rows) + "\n"


_PREAMBLE = r"""\documentclass[11pt]{article}
\usepackage[utf8]{inputenc}
\usepackage{amsmath,amssymb,booktabs,longtable,array,tabularx}
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
    "≥": r"$\ge$", "≤": r"$\le$", "→": r"$\to$", "∑": r"$\sum$",
    **{row.text: f"${row.latex}$" for row in sy.TABLE.values() if not row.text.isascii()},
}  # fmt: skip
_WORD = re.compile("|".join(re.escape(x) for x in sorted(_TEX, key=len, reverse=True)))

# An equation longer than this in plain text is wider than a page: it is set as a paragraph, which
# TeX breaks at signs.
_ONE_LINE = 88


class LatexWriter(MarkdownWriter):
    """A complete LaTeX document."""

    form = "latex"

    def document(self, content: Sequence[Block]) -> str:
        """Write the whole document."""
        return _PREAMBLE + "\n".join(self.block(b) for b in content) + "\n\\end{document}\n"

    def escape(self, text: str) -> str:
        """Protect characters that TeX would take for markup."""
        return _WORD.sub(lambda found: _TEX[found[0]], text)

    def heading(self, heading: Heading) -> str:
        """Write a heading."""
        text = self.escape(heading.text[0].upper() + heading.text[1:])
        return rf"\section*{{{text}}}" if heading.level == 1 else rf"\subsection*{{{text}}}"

    def paragraph(self, paragraph: Paragraph) -> str:
        """Write a sentence."""
        number = rf"\textbf{{{paragraph.number}.}} " if paragraph.number else ""
        return f"{number}{self.escape(paragraph.text)}\n"

    def math(self, math: Math) -> str:
        """Write formulas; those wider than a page as paragraphs, which TeX breaks at signs."""
        plain = Writer(self.notation)
        out = []
        for f in math.formulas:
            written = self.formula(f)
            if len(plain.formula(f)) > _ONE_LINE:
                out.append(
                    f"\\begin{{quote}}\\raggedright\n$\\displaystyle {written}$\n\\end{{quote}}"
                )
            else:
                out.append(f"\\begin{{equation*}}\n{written}\n\\end{{equation*}}")
        return "\n".join(out)

    def where(self, where: Where) -> str:
        """Write the table of symbols."""
        lines = [
            r"\begin{longtable}{@{}l>{\raggedright\arraybackslash}p{\dimexpr\linewidth-30mm}@{}}"
        ]
        lines += [r"\toprule", r"symbol & meaning \\", r"\midrule", r"\endhead"]
        for symbol, definition, value in where.rows:
            rest = self.explanation(symbol, definition, value)
            meaning = self.escape(sy.info(symbol).meaning)
            if rest:
                meaning += rf" \newline ${rest}$"
            lines.append(rf"${self.style.symbol(symbol)}$ & {meaning} \\[2pt]")
        return "\n".join([*lines, r"\bottomrule", r"\end{longtable}"])

    def table(self, table: Table) -> str:
        """Write a table."""
        columns = r">{\raggedright\arraybackslash}X" * len(table.header)
        rows = [" & ".join(self.escape(c) for c in row) + r" \\" for row in table.rows]
        header = " & ".join(self.escape(c) for c in table.header) + r" \\"
        return "\n".join(
            [rf"\begin{{tabularx}}{{\linewidth}}{{@{{}}{columns}@{{}}}}", r"\toprule", header,
             r"\midrule", *rows, r"\bottomrule", r"\end{tabularx}"]
        )  # fmt: skip


_PAGE = """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<title>{title}</title>
<style>
body {{ font: 16px/1.5 Georgia, serif; max-width: 52rem; margin: 2rem auto; padding: 0 1rem; }}
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

    def document(self, content: Sequence[Block]) -> str:
        """Write the whole document."""
        title = next((b.text for b in content if isinstance(b, Heading)), "roofsym")
        body = "\n".join(self.block(b) for b in content)
        return _PAGE.format(title=html.escape(title), body=body)

    def formula(self, formula: Formula) -> str:
        """Write one formula."""
        right = write(formula.right, self.style)
        if formula.left is None:
            return right
        if formula.claim is not None and formula.right == formula.number:
            right = f"<mtext>{self.quantity(formula.right, formula.unit)}</mtext>"
        text = f"{self.label(formula.left)}<mo>{formula.sign}</mo>{right}"
        if formula.number is not None and formula.right != formula.number:
            text += f"<mo>=</mo><mtext>{self.quantity(formula.number, formula.unit)}</mtext>"
        if self.says_more(formula):
            text += f"<mo>{formula.claim_sign}</mo>{self.claim(formula.claim)}"
        return f"<mrow>{text}</mrow>"

    def claim(self, claim: str | sympy.Expr | None) -> str:
        """Write what a source has."""
        text = super().claim(claim)
        return f"<mn>{text}</mn>" if isinstance(claim, str) else text

    def label(self, left: Label | sympy.Expr) -> str:
        """Write a left-hand side."""
        if isinstance(left, Label):
            name, star = left.text.rstrip("*"), left.text.endswith("*")
            base, _, index = name.partition("_")
            inner = (
                f"<msub><mi>{base}</mi><mtext>{index}</mtext></msub>"
                if index
                else f"<mi>{base}</mi>"
            )
            return f"<msup>{inner}<mo>*</mo></msup>" if star else inner
        return write(left, self.style)

    def heading(self, heading: Heading) -> str:
        """Write a heading."""
        text = html.escape(heading.text[0].upper() + heading.text[1:])
        return f"<h{heading.level}>{text}</h{heading.level}>"

    def paragraph(self, paragraph: Paragraph) -> str:
        """Write a sentence."""
        number = f"<b>{paragraph.number}.</b> " if paragraph.number else ""
        return f"<p>{number}{html.escape(paragraph.text)}</p>"

    def math(self, math: Math) -> str:
        """Write formulas."""
        return "\n".join(f'<math display="block">{self.formula(f)}</math>' for f in math.formulas)

    def where(self, where: Where) -> str:
        """Write the table of symbols."""
        rows = []
        for symbol, definition, value in where.rows:
            cells = [
                f"<math>{self.style.symbol(symbol)}</math>",
                html.escape(sy.info(symbol).meaning),
            ]
            parts = (
                [f"<math>{write(definition, self.style)}</math>"] if definition is not None else []
            )
            if value is not None:
                parts.append(html.escape(self.quantity(value, sy.info(symbol).unit)))
            cells.append(" = ".join(parts))
            rows.append("<tr>" + "".join(f"<td>{c}</td>" for c in cells) + "</tr>")
        head = "<tr><th>symbol</th><th>meaning</th><th>value</th></tr>"
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
