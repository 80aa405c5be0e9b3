"""Expressions as text, LaTeX and MathML, in an order that is ours.

SymPy's printers order terms by the alphabet and have changed between versions. Here one walk over
the expression decides the order (that of the symbol table, positive terms first) and the shape
(one fraction bar, exact rationals); a style only says how a sum, a product or a root is written.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Sequence

import sympy
from sympy.logic.boolalg import Boolean

from roofsym import symbols as sy
from roofsym import units
from roofsym.errors import InputError
from roofsym.render.notation import DEFAULT, Notation

_RELATIONS = {
    sympy.StrictGreaterThan: (">", ">", ">"),
    sympy.GreaterThan: ("≥", r"\ge", "≥"),
    sympy.StrictLessThan: ("<", "<", "<"),
    sympy.LessThan: ("≤", r"\le", "≤"),
    sympy.Equality: ("=", "=", "="),
    sympy.Unequality: ("≠", r"\ne", "≠"),
}
_SUPERSCRIPTS = str.maketrans("0123456789-", "⁰¹²³⁴⁵⁶⁷⁸⁹⁻")


class Style:
    """How the parts of an expression are written; the plain-text style is the base.

    Parameters
    ----------
    notation : Notation
        Letters of the symbols.
    digits : int, optional
        Significant digits of numbers; exact if not given.
    """

    relation_index = 0

    def __init__(self, notation: Notation = DEFAULT, digits: int | None = None) -> None:
        self.notation = notation
        self.digits = digits

    def symbol(self, symbol: sympy.Symbol) -> str:
        """Write a symbol."""
        return self.notation.text(symbol)

    def number(self, number: sympy.Expr) -> str:
        """Write a non-negative number."""
        if self.digits is not None:
            return units.format_number(number, self.digits)
        if number.is_Rational and number.q != 1:
            return self.fraction([str(number.p)], [str(number.q)])
        return str(number) if number.is_Rational else units.format_number(number, 6)

    def sum(self, terms: Sequence[tuple[bool, str]]) -> str:
        """Write a sum of (is negative, term)."""
        first_negative, first = terms[0]
        text = ("−" if first_negative else "") + first
        return text + "".join((" − " if neg else " + ") + term for neg, term in terms[1:])

    def product(self, factors: Sequence[str]) -> str:
        """Write a product."""
        return " ".join(factors)

    def fraction(self, above: Sequence[str], below: Sequence[str]) -> str:
        """Write a fraction of two products."""
        top, bottom = self.product(above or ["1"]), self.product(below)
        return f"{top} / {bottom if len(below) == 1 else self.group(bottom)}"

    def group(self, inner: str) -> str:
        """Put in parentheses."""
        return f"({inner})"

    def power(self, base: str, exponent: sympy.Expr) -> str:
        """Write a power."""
        if exponent.is_Integer:
            return base + str(exponent).translate(_SUPERSCRIPTS)
        inner = write(exponent, self)
        return f"{base}^{inner if exponent.is_Symbol else self.group(inner)}"

    def sqrt(self, inner: str) -> str:
        """Write a square root."""
        return f"√({inner})"

    def call(self, name: str, arguments: Sequence[str]) -> str:
        """Write a function."""
        return f"{name}({', '.join(arguments)})"

    def floor(self, inner: str) -> str:
        """Write the whole part."""
        return f"⌊{inner}⌋"

    def infinity(self) -> str:
        """Write infinity."""
        return "∞"

    def join(self, word: str, parts: Sequence[str]) -> str:
        """Join conditions by `and` or `or`."""
        return f" {word} ".join(parts)

    def relation(self, left: str, sign: str, right: str) -> str:
        """Write a relation."""
        return f"{left} {sign} {right}"


# LaTeX source of a parenthesis longer than this may be wider than a page.
_BREAKABLE = 250


class LatexStyle(Style):
    """LaTeX, without delimiters."""

    relation_index = 1

    def symbol(self, symbol: sympy.Symbol) -> str:
        """Write a symbol."""
        return self.notation.latex(symbol)

    def number(self, number: sympy.Expr) -> str:
        """Write a non-negative number."""
        text = super().number(number)
        mantissa, e, exponent = text.partition("e")
        return rf"{mantissa} \times 10^{{{int(exponent)}}}" if e else text

    def sum(self, terms: Sequence[tuple[bool, str]]) -> str:
        """Write a sum."""
        return super().sum(terms).replace("−", "-")

    def product(self, factors: Sequence[str]) -> str:
        """Write a product; a dot keeps two numbers apart."""
        text = factors[0]
        for left, right in itertools.pairwise(factors):
            text += (r" \cdot " if left[-1].isdigit() and right[0].isdigit() else r" \, ") + right
        return text

    def fraction(self, above: Sequence[str], below: Sequence[str]) -> str:
        """Write a fraction."""
        return rf"\frac{{{self.product(above or ['1'])}}}{{{self.product(below)}}}"

    def group(self, inner: str) -> str:
        """Put in parentheses that grow where there is a fraction or a root inside."""
        tall = r"\frac" in inner or r"\sqrt" in inner
        if tall and len(inner) > _BREAKABLE:
            # \left and \right hold a line together; what is longer than a line must break.
            return rf"\bigl( {inner} \bigr)"
        return rf"\left( {inner} \right)" if tall else f"({inner})"

    def power(self, base: str, exponent: sympy.Expr) -> str:
        """Write a power; a base with an exponent of its own, such as I*, is put in braces."""
        base = f"{{{base}}}" if "^" in base else base
        return f"{base}^{{{write(exponent, self)}}}"

    def sqrt(self, inner: str) -> str:
        """Write a square root."""
        return rf"\sqrt{{{inner}}}"

    def call(self, name: str, arguments: Sequence[str]) -> str:
        """Write a function."""
        # W, for Lambert's, is a letter and no command.
        command = name if len(name) == 1 else rf"\{name}"
        return rf"{command}\left( {', '.join(arguments)} \right)"

    def floor(self, inner: str) -> str:
        """Write the whole part."""
        return rf"\left\lfloor {inner} \right\rfloor"

    def infinity(self) -> str:
        """Write infinity."""
        return r"\infty"

    def join(self, word: str, parts: Sequence[str]) -> str:
        """Join conditions."""
        return rf" \;\text{{{word}}}\; ".join(parts)


_LATEX_SYMBOL = re.compile(
    r"^(\\[a-zA-Z]+|[A-Za-z])(?:_\{(?:\\mathrm\{)?([^{}]*?)\}?\})?(\^\{\*\})?$"
)


class MathMLStyle(Style):
    """Content of a MathML ``<math>`` element."""

    relation_index = 2

    def symbol(self, symbol: sympy.Symbol) -> str:
        """Write a symbol, after its LaTeX: base, subscript and star."""
        text, found = self.notation.text(symbol), _LATEX_SYMBOL.match(self.notation.latex(symbol))
        if found is None:
            return f"<mi>{text}</mi>"
        base, index, star = found.groups()
        # A Greek letter is a command in LaTeX and the first letter of the plain text.
        inner = f"<mi>{text[0] if base.startswith(chr(92)) else base}</mi>"
        if index:
            shown = index.replace(r"\infty", "∞")
            inner = f"<msub>{inner}<mtext>{shown}</mtext></msub>"
        return f"<msup>{inner}<mo>*</mo></msup>" if star else inner

    def number(self, number: sympy.Expr) -> str:
        """Write a non-negative number."""
        text = super().number(number)
        return text if text.startswith("<") else f"<mn>{text}</mn>"

    def sum(self, terms: Sequence[tuple[bool, str]]) -> str:
        """Write a sum."""
        parts = []
        for position, (negative, term) in enumerate(terms):
            if negative or position:
                parts.append(f"<mo>{'−' if negative else '+'}</mo>")
            parts.append(term)
        return f"<mrow>{''.join(parts)}</mrow>"

    def product(self, factors: Sequence[str]) -> str:
        """Write a product."""
        thin_space = '<mspace width=".17em"/>'
        return f"<mrow>{thin_space.join(factors)}</mrow>"

    def fraction(self, above: Sequence[str], below: Sequence[str]) -> str:
        """Write a fraction."""

        def cell(text: str) -> str:
            return text if text.startswith("<") else f"<mn>{text}</mn>"

        top = self.product([cell(x) for x in above or ["1"]])
        return f"<mfrac>{top}{self.product([cell(x) for x in below])}</mfrac>"

    def group(self, inner: str) -> str:
        """Put in parentheses."""
        return f"<mrow><mo>(</mo>{inner}<mo>)</mo></mrow>"

    def power(self, base: str, exponent: sympy.Expr) -> str:
        """Write a power."""
        return f"<msup><mrow>{base}</mrow>{write(exponent, self)}</msup>"

    def sqrt(self, inner: str) -> str:
        """Write a square root."""
        return f"<msqrt>{inner}</msqrt>"

    def call(self, name: str, arguments: Sequence[str]) -> str:
        """Write a function."""
        return f"<mrow><mi>{name}</mi>{self.group('<mo>,</mo>'.join(arguments))}</mrow>"

    def floor(self, inner: str) -> str:
        """Write the whole part."""
        return f"<mrow><mo>⌊</mo>{inner}<mo>⌋</mo></mrow>"

    def infinity(self) -> str:
        """Write infinity."""
        return "<mi>∞</mi>"

    def join(self, word: str, parts: Sequence[str]) -> str:
        """Join conditions."""
        conjunction = f"<mtext>&#160;{word}&#160;</mtext>"
        return f"<mrow>{conjunction.join(parts)}</mrow>"

    def relation(self, left: str, sign: str, right: str) -> str:
        """Write a relation."""
        escaped = {"<": "&lt;", ">": "&gt;"}.get(sign, sign)
        return f"<mrow>{left}<mo>{escaped}</mo>{right}</mrow>"


STYLES = {"text": Style, "latex": LatexStyle, "mathml": MathMLStyle}


def render(
    expr: sympy.Basic, form: str = "text", notation: Notation = DEFAULT, digits: int | None = None
) -> str:
    r"""An expression or condition in plain text, LaTeX or MathML.

    Parameters
    ----------
    expr : sympy.Expr or Boolean
        In the package's symbols.
    form : str
        ``text``, ``latex`` or ``mathml``; without delimiters.
    notation : Notation
        Letters of the symbols.
    digits : int, optional
        Significant digits of numbers; exact if not given.

    Raises
    ------
    InputError
        If a symbol is not one of the table's.

    Examples
    --------
    >>> from roofsym.symbols import B, L, alpha, kappa, phi, a, ridge, w
    >>> print(render(ridge * w / (phi + alpha * L - ridge * (kappa * L + a))))
    I* w / (φ + α L − I* (κ L + a))
    >>> print(render(w / (B * kappa), "latex"))
    \frac{w}{B \, \kappa}
    """
    return write(expr, STYLES[form](notation, digits))


def write(expr: sympy.Basic, style: Style) -> str:
    """Write an expression or condition in a style."""
    if isinstance(expr, Boolean) and not expr.is_Symbol:
        return _condition(expr, style)
    negative, positive = _split_sign(expr)
    if negative:
        return style.sum([(True, _term(positive, style, inside_sum=True))])
    return _term(expr, style)


def _condition(expr: Boolean, style: Style) -> str:
    for kind, signs in _RELATIONS.items():
        if isinstance(expr, kind):
            return style.relation(
                write(expr.lhs, style), signs[style.relation_index], write(expr.rhs, style)
            )
    if isinstance(expr, sympy.And | sympy.Or):
        word = "and" if isinstance(expr, sympy.And) else "or"
        parts = sorted(expr.args, key=_rank)
        inner = [
            style.group(write(p, style)) if isinstance(p, sympy.Or | sympy.And) else write(p, style)
            for p in parts
        ]
        return style.join(word, inner)
    if expr == sympy.true:
        return "always"
    if expr == sympy.false:
        return "never"
    raise InputError("condition", expr, "relations joined by and, or")


def _split_sign(expr: sympy.Expr) -> tuple[bool, sympy.Expr]:
    """Whether a term is printed with a minus, and what stands after it."""
    if expr.is_Number:
        return (True, -expr) if expr < 0 else (False, expr)
    number, rest = expr.as_coeff_Mul()
    if number < 0:
        return True, -number * rest
    # −a/(b − c) is better printed as it is; (c − b) in a product has no sign to pull out.
    return False, expr


def _term(expr: sympy.Expr, style: Style, inside_sum: bool = False) -> str:
    if expr.is_Add:
        text = _sum(expr, style)
        return style.group(text) if inside_sum else text
    if expr.is_Mul or expr.is_Pow:
        return _product(expr, style)
    return _atom(expr, style)


def _sum(expr: sympy.Expr, style: Style) -> str:
    pieces = [_split_sign(x) for x in expr.args]
    pieces.sort(key=lambda piece: (piece[0], _has_sum_of_step(piece[1]), _rank(piece[1])))
    return style.sum([(neg, _term(x, style, inside_sum=True)) for neg, x in pieces])


_STEP = frozenset({sy.B, sy.S, sy.L, sy.gamma, sy.ridge})


def _has_sum_of_step(expr: sympy.Expr) -> bool:
    """Whether a term is a multiple of a sum, by a symbol of the step: it stands last."""
    factors = sympy.Mul.make_args(expr)
    sums = [f for f in factors if f.is_Add]
    step = any(f in _STEP for f in factors) or any(f.free_symbols & _STEP for f in sums)
    return bool(sums) and step


def _rank(expr: sympy.Basic) -> tuple[tuple[int, int], ...]:
    """Sort key: positions of an expression's symbols in the table; numbers last."""
    positions = sorted(sy.rank(s) for s in expr.free_symbols)
    degree = max((int(p.exp) for p in expr.atoms(sympy.Pow) if p.exp.is_Integer), default=1)
    if not positions:
        return ((10**6, 0),)
    return tuple((p, -degree) for p in positions)


def _product(expr: sympy.Expr, style: Style) -> str:
    above: list[sympy.Expr] = []
    below: list[sympy.Expr] = []
    number = sympy.S.One
    for factor in sympy.Mul.make_args(expr):
        if factor.is_Number:
            number = factor
            continue
        base, exponent = factor.as_base_exp()
        if exponent.is_Rational and exponent < 0:
            below.append(base**-exponent)
        else:
            above.append(factor)
    if style.digits is not None:
        numerator, denominator = number, sympy.S.One
    else:
        numerator, denominator = (
            (sympy.Integer(number.p), sympy.Integer(number.q))
            if number.is_Rational
            else (number, sympy.S.One)
        )
    single = len(above) + (numerator != 1) == 1
    top = _factors(above, style, alone=single and bool(below or denominator != 1))
    bottom = _factors(below, style, alone=len(below) + (denominator != 1) == 1)
    if numerator != 1 or not above:
        top = [style.number(numerator), *top]
    if denominator != 1:
        bottom = [style.number(denominator), *bottom]
    if bottom:
        return style.fraction(top, bottom)
    return style.product(top)


def _factors(factors: list[sympy.Expr], style: Style, alone: bool) -> list[str]:
    ordered = sorted(factors, key=lambda f: (f.as_base_exp()[0].is_Add, _rank(f)))
    plain = isinstance(style, LatexStyle | MathMLStyle)
    return [
        # Under a fraction bar a lone sum needs no parentheses; after a slash it does.
        (write(f, style) if plain and alone else style.group(write(f, style)))
        if f.is_Add
        else _atom(f, style)
        for f in ordered
    ]


_CALLS = {
    sympy.Min: "min",
    sympy.Max: "max",
    sympy.log: "ln",
    sympy.exp: "exp",
    sympy.LambertW: "W",
}


def _atom(expr: sympy.Expr, style: Style) -> str:
    if expr is sympy.oo:
        return style.infinity()
    if expr.is_Number:
        return style.number(expr)
    if expr.is_Symbol:
        return style.symbol(expr)
    if expr.is_Pow:
        base, exponent = expr.as_base_exp()
        if exponent == sympy.Rational(1, 2):
            return style.sqrt(write(base, style))
        inner = write(base, style)
        return style.power(inner if base.is_Symbol else style.group(inner), exponent)
    if isinstance(expr, sympy.floor):
        return style.floor(write(expr.args[0], style))
    for kind, name in _CALLS.items():
        if isinstance(expr, kind):
            arguments = sorted(expr.args, key=_rank)
            return style.call(name, [write(x, style) for x in arguments])
    if expr.is_Mul or expr.is_Add:
        return style.group(write(expr, style))
    raise InputError("expression", expr, "sums, products, powers, Min, Max, log and exp")
