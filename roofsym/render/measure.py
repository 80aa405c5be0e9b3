"""How wide formulas print, about: what fits on a line, and where the rest is broken."""

from __future__ import annotations

import html
import itertools
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from types import MappingProxyType

# In widths of a digit, at the size of the text around it.
_WIDTHS = MappingProxyType(
    {
        "+": 2.4, "-": 2.4, "=": 2.6, "<": 2.6, ">": 2.6, "/": 1.0, "(": 0.8, ")": 0.8, ",": 0.8,
        r"\,": 0.3, r"\;": 0.6, r"\ ": 0.6, r"\quad": 2.0, r"\cdot": 1.4, r"\times": 2.4,
        r"\le": 2.6, r"\ge": 2.6, r"\to": 3.0, r"\approx": 2.6, r"\infty": 2.0, r"\max": 3.6,
        r"\min": 3.2, r"\ln": 1.6, r"\_": 1.0, r"\lfloor": 1.0, r"\rfloor": 1.0,
        # What makes a parenthesis grow makes it wider, too.
        r"\left": 0.6, r"\right": 0.6, r"\bigl": 0.3, r"\bigr": 0.3,
        r"\biggl": 0.6, r"\biggr": 0.6,
    }
)  # fmt: skip
_INVISIBLE = frozenset(
    {
        "mathrm", "mathtt", "mathcal", "mathbf", "text",
        "displaystyle", "allowbreak", "begin", "end", "label", "notag",
    }
)  # fmt: skip
_TOKEN = re.compile(r"\\begin\{\w+\*?\}|\\end\{\w+\*?\}|\\label\{[^{}]*\}|\\[a-zA-Z]+|\\.|\s+|.")
_SCRIPT = 0.72
SIZES = MappingProxyType({r"\footnotesize": 0.85, r"\scriptsize": 0.78})
"""Widths of sizes of type, of that of the text: small letters are wide for their height."""

LINE = 75.0
"""Widest formula on a line of an A4 page with 25 mm margins, at 11 pt."""

ROOM = LINE - 5.0
"""What is broken is broken earlier: capitals, measured as any letter, are wider than they look."""


def width(latex: str) -> float:
    r"""Width of a formula in widths of a digit; of several lines, that of the widest.

    Examples
    --------
    >>> width("12") == width(r"\frac{12}{7}") - 0.5
    True
    >>> width(r"1234 \\ 1")
    4.0
    """
    tokens = iter(t for t in _TOKEN.findall(latex) if not t.isspace() and t not in "&$")
    return _group(tokens)


def nesting(latex: str) -> int:
    r"""How many fractions of a formula stand one in another.

    Examples
    --------
    >>> nesting(r"\frac{1}{x} + \frac{\frac{1}{y}}{z}")
    2
    """
    deepest = 0
    # Of each group that is open: whether it is a fraction's numerator, its denominator or neither.
    groups: list[int] = []
    opens = 0
    for token in re.findall(r"\\frac|\\[{}]|[{}]", latex):
        if token == r"\frac":
            opens = 1
        elif token == "{":
            groups.append(opens)
            opens = 0
            deepest = max(deepest, sum(x > 0 for x in groups))
        elif token == "}":
            opens = 2 if groups.pop() == 1 else 0
    return deepest


@dataclass(frozen=True)
class Medium:
    """How formulas of a format are broken: where, how wide they are, what a product goes on with.

    In the pattern, a sign or a relation is preferred to the others, and nothing is broken inside of
    what `opens` and `closes`.
    """

    breaks: re.Pattern[str]
    width: Callable[[str], float]
    dot: str = ""


# Outside of braces and of parentheses that grow: before a sign, a relation or a conjunction as lief
# as not, in a product only where none of these is near.
LATEX = Medium(
    re.compile(
        r"(?P<sign> (?=(?:[+=<>-]|\\(?:le|ge|ne|to|approx)\b) )| \\;(?=\\text\{(?:and|or)\})"
        r"|(?<=\)) (?=/ )| (?=/ \())"
        r"|(?P<product> \\, )|(?P<slash> (?=/ ))|(?P<comma>(?<=,) )"
        r"|(?P<parenthesis>[()])|(?P<opens>\\left\b|\\begin\b|(?<!\\)\{)|(?P<closes>\\right\b|\\end\b|(?<!\\)\})"
    ),
    width,
    r"\cdot ",
)
# In plain text, which has no signs of multiplication, between two sums as well.
PLAIN = Medium(
    re.compile(r"(?P<sign> (?=[+−=<>≤≥≠→≈/] )|(?<=\)) (?=\())|(?P<parenthesis>[()])"), len
)


def mathml_width(formula: str) -> float:
    """Number of characters of a formula in MathML."""
    return len(html.unescape(re.sub(r"<[^>]*>", "", formula)))


# A row is opened and closed around a break: see `broken_rows`.
_MATHML = Medium(
    re.compile(
        r"(?P<sign>(?=<mo>(?:[+−=/≤≥]|&[lg]t;)</mo>))|(?P<parenthesis><mo>[()]</mo>)"
        r"|(?P<opens><(?:mfrac|msup|msub|msubsup|msqrt|mtable|mtr|mtd)\b[^>]*>)"
        r"|(?P<closes></(?:mfrac|msup|msub|msubsup|msqrt|mtable|mtr|mtd)>)"
    ),
    mathml_width,
)


def broken_rows(mathml: str, room: float) -> list[str]:
    """A formula in MathML in lines: see `broken`. Rows that a line ends in go on in the next.

    Examples
    --------
    >>> row = "<mrow>{}<mo>+</mo><mrow><mi>x</mi><mo>+</mo><mi>y</mi></mrow></mrow>"
    >>> for line in broken_rows(row.format("<mi>abcdef</mi>"), 7):
    ...     print(line)
    <mrow><mi>abcdef</mi></mrow>
    <mrow><mo form="infix">+</mo><mrow><mi>x</mi><mo>+</mo><mi>y</mi></mrow></mrow>
    """
    lines: list[str] = []
    opened = 0
    for line in broken(mathml, room, medium=_MATHML):
        left = opened + line.count("<mrow>") - line.count("</mrow>")
        # At the beginning of a row, a sign would be printed as that of a number.
        line = re.sub("^<mo>", '<mo form="infix">', line) if lines else line
        lines.append("<mrow>" * opened + line + "</mrow>" * left)
        opened = left
    return lines


# How full a line has to be for a sign to be near its end.
_NEAR = 0.4


def has_signs(mathml: str) -> bool:
    """Whether a formula in MathML has a sign outside of parentheses.

    Examples
    --------
    >>> total = "<mrow><mi>x</mi><mo>+</mo><mi>y</mi></mrow>"
    >>> has_signs(total), has_signs(f"<mrow><mo>(</mo>{total}<mo>)</mo></mrow>")
    (True, False)
    """
    return any(place.sign and place.rank == 0 for place in _places(mathml, _MATHML))


def broken(formula: str, room: float, indent: float = 0.0, medium: Medium = LATEX) -> list[str]:
    r"""A formula in lines that are no wider than asked, if it has places to break it at.

    Parameters
    ----------
    formula : str
        The formula, on one line.
    room : float
        Width of the first line.
    indent : float
        By how much the others are narrower.
    medium : Medium
        In which format it is written.

    Examples
    --------
    >>> broken(r"a \, b + c \, (d + e)", 8)
    ['a \\, b + c', '\\cdot (d + e)']
    >>> broken(r"\frac{a + b}{c} \, d", 4)
    ['\\frac{a + b}{c}', '\\cdot d']
    >>> broken("a b c d + e (f + g)", 13, medium=PLAIN)
    ['a b c d', '+ e (f + g)']
    """
    lines: list[str] = []
    rest = formula
    while medium.width(rest) > room and (places := list(_places(rest, medium))):
        # Nothing that is open goes on behind a place: widths of what is between them add up.
        ends = [0, *(x.start for x in places)]
        parts = (medium.width(rest[i:k]) for i, k in itertools.pairwise(ends))
        widths = dict(zip(places, itertools.accumulate(parts), strict=True))
        fitting = [x for x in places if widths[x] <= room] or places[:1]
        near = [x for x in fitting if x.sign and widths[x] > _NEAR * room]
        # As far outside of parentheses as there is one, and of these the last.
        chosen = min(reversed(near), key=lambda x: x.rank) if near else fitting[-1]
        lines.append(rest[: chosen.start])
        rest = chosen.before + rest[chosen.end :]
        if len(lines) == 1:
            room -= indent
    return [*lines, rest]


@dataclass(frozen=True)
class _Place:
    """Where a line may end: what is left out there, and what the next line begins with.

    The lower the rank, the better: how many parentheses are open there.
    """

    start: int
    end: int
    sign: bool
    rank: int
    before: str


def _places(formula: str, medium: Medium) -> Iterator[_Place]:
    depth = inside = 0
    for found in medium.breaks.finditer(formula):
        kind = found.lastgroup
        if kind in ("opens", "closes"):
            depth += 1 if kind == "opens" else -1
        elif kind == "parenthesis":
            inside += 1 if "(" in found[0] else -1
        # Not before the first sign, nor behind it: a line would have nothing else.
        elif depth == 0 and formula[: found.start()].strip() not in ("", "=", medium.dot.strip()):
            before = medium.dot if kind == "product" else ""
            # Between conditions rather than within one.
            rank = -1 if found[0].startswith(r" \;") else inside
            yield _Place(found.start(), found.end(), kind == "sign", rank, before)


def _group(tokens: Iterator[str]) -> float:
    widest = line = 0.0
    scale = 1.0
    for token in tokens:
        if token == "}":
            break
        if token == r"\\":
            widest, line = max(widest, line), 0.0
        elif token in SIZES:
            scale = SIZES[token]
        else:
            line += scale * _one(token, tokens)
    return max(widest, line)


def _one(token: str, tokens: Iterator[str]) -> float:
    if token == "{":
        return _group(tokens)
    if token in "_^":
        return _SCRIPT * _one(next(tokens, "}"), tokens)
    if token == r"\frac":
        return 0.5 + max(_one(next(tokens, "}"), tokens), _one(next(tokens, "}"), tokens))
    if token == r"\sqrt":
        return 1.6 + _one(next(tokens, "}"), tokens)
    if token in _WIDTHS:
        return _WIDTHS[token]
    if token.startswith("\\") and token[1:].partition("{")[0] in _INVISIBLE:
        return 0.0
    # Letters: an italic one is a little wider than a digit.
    return 1.0 if token.isdigit() or token == "}" else 1.08
