"""How wide LaTeX prints, about: what fits on a line, and what has to break."""

from __future__ import annotations

import re
from collections.abc import Iterator
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
