"""Expressions as text, LaTeX and MathML, in an order that is ours.

SymPy's printers order terms by the alphabet and have changed between versions. Here a notation
first says which symbols an expression is to be written in, `roofsym.render.shape` what stands
inside which parentheses; then one walk over the expression decides the order of terms (that of the
symbol table in named constants, the highest degree first in dimensions, negative terms last). A
style only says how a sum, a product or a root is written.
"""

from __future__ import annotations

import functools
import html
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import sympy
from sympy.core.relational import Relational
from sympy.logic.boolalg import Boolean

from roofsym import symbols as sy
from roofsym import units
from roofsym.errors import InputError
from roofsym.render.measure import LINE, SIZES, has_signs, mathml_width, width
from roofsym.render.notation import DEFAULT, Notation
from roofsym.render.shape import arranged

_RELATIONS = {
    sympy.StrictGreaterThan: (">", ">", ">"),
    sympy.GreaterThan: ("≥", r"\ge", "≥"),
    sympy.StrictLessThan: ("<", "<", "<"),
    sympy.LessThan: ("≤", r"\le", "≤"),
    sympy.Equality: ("=", "=", "="),
    sympy.Unequality: ("≠", r"\ne", "≠"),
}
_PLAIN_DIGITS = str.maketrans("₀₁₂₃₄₅₆₇₈₉", "0123456789")
_SUPERSCRIPTS = str.maketrans("0123456789-", "⁰¹²³⁴⁵⁶⁷⁸⁹⁻")
# A whole number that ends in so many zeros is written as a power of ten.
_ZEROS = 6
# Numbers in exponents that are read at a glance are smaller.
_SHORT = 1000
# Beside other terms, a fraction is no longer than its decimals.
IN_A_SUM = 20


_TIMES = " × "
_TAGS = re.compile(r"<[^>]*>")


class Style:
    """How the parts of an expression are written; the plain-text style is the base.

    Parameters
    ----------
    notation : Notation
        Letters of the symbols.
    digits : int, optional
        Significant digits of numbers; exact if not given.
    given : mapping of sympy.Symbol to sympy.Expr, optional
        Values that are written, with their units, in the place of the symbols.
    value_digits : int
        Significant digits of these values.
    """

    relation_index = 0
    cross = " · "
    space = " "
    parentheses = ("(", ")")

    def __init__(
        self,
        notation: Notation = DEFAULT,
        digits: int | None = None,
        given: Mapping[sympy.Symbol, sympy.Expr] | None = None,
        value_digits: int = 4,
    ) -> None:
        self.notation = notation
        self.digits = digits
        self.given = given
        self.value_digits = value_digits

    def with_values(self, given: Mapping[sympy.Symbol, sympy.Expr], digits: int = 4) -> Style:
        """Style that writes values with units in the place of symbols."""
        return type(self)(self.notation, self.digits, given, digits)

    def _exact(self) -> Style:
        return type(self)(self.notation, None, self.given, self.value_digits)

    def symbol(self, symbol: sympy.Symbol) -> str:
        """Write a symbol, or its value."""
        if self.given is not None:
            return self.quantity(self.given[symbol], sy.info(symbol).unit, self.value_digits)
        return self.letter(symbol)

    def letter(self, symbol: sympy.Symbol) -> str:
        """Write a symbol."""
        return self.notation.text(symbol)

    def label(self, text: str, latex: str) -> str:
        """Write a name that is no symbol: ``B*``."""
        return self.notation.label(text, latex)[0]

    def quantity(self, value: sympy.Expr, unit: str, digits: int = 4) -> str:
        """Write a number with its unit."""
        number, _, name = units.format_quantity(value, unit, digits).partition(" ")
        return self.digits_of(number, name)

    def digits_of(self, number: str, unit: str = "") -> str:
        """Write a number that is in decimals already, ``1.5e10``, and its unit."""
        return f"{number} {unit}" if unit else number

    def in_unit(self, name: str, unit: str) -> str:
        """Write a name with the unit of what it is equal to: behind a formula B is the batch."""
        return f"{name} [{unit}]"

    def aside(self, words: str) -> str:
        """Write words behind a formula."""
        return f"  ({words})"

    def number(self, number: sympy.Expr) -> str:
        """Write a non-negative number."""
        if self.digits is not None and not is_fraction(number, IN_A_SUM):
            return units.format_number(number, self.digits)
        if number.is_Rational and number.q != 1:
            return self.fraction([str(number.p)], [str(number.q)])
        if not number.is_Rational:
            return units.format_number(number, 6)
        digits = str(number)
        zeros = len(digits) - len(digits.rstrip("0"))
        if zeros < _ZEROS:
            return digits
        return self.decimal("" if number == 10**zeros else digits[:-zeros], zeros)

    def decimal(self, mantissa: str, exponent: int) -> str:
        """Write a number times a power of ten; the power alone without a mantissa."""
        power = f"10{str(exponent).translate(_SUPERSCRIPTS)}"
        return f"{mantissa}{_TIMES}{power}" if mantissa else power

    def sum(self, terms: Sequence[tuple[bool, str]]) -> str:
        """Write a sum of (is negative, term)."""
        first_negative, first = terms[0]
        text = ("−" if first_negative else "") + first
        return text + "".join((" − " if neg else " + ") + term for neg, term in terms[1:])

    def product(self, factors: Sequence[str]) -> str:
        """Write a product; a dot keeps a number behind another factor apart from it."""
        text = factors[0]
        for factor in factors[1:]:
            apart = self.given is not None or _TAGS.sub("", factor)[0].isdigit()
            text += (self.cross if apart else self.space) + factor
        return text

    def fraction(self, above: Sequence[str], below: Sequence[str]) -> str:
        """Write a fraction of two products."""
        top, bottom = self.product(above or ["1"]), self.product(below)
        # One factor can be a product, too: 2 × 10¹³.
        enclosed = bottom.startswith(("(", "min(", "max("))
        product = Style.cross in bottom or _TIMES in bottom
        alone = len(below) == 1 and (enclosed or not product)
        return f"{top} / {bottom if alone else self.group(bottom)}"

    def ratio(self, above: str, below: str) -> str:
        """Write a fraction on one line, of two that need no parentheses."""
        return f"{above} / {below}"

    def group(self, inner: str) -> str:
        """Put in parentheses."""
        return f"({inner})"

    def group_of_lines(self, lines: Sequence[str]) -> list[str]:
        """Put what stands on one line or several in parentheses."""
        if len(lines) == 1:
            return [self.group(lines[0])]
        before, after = self.parentheses
        return [f"{before}{lines[0]}", *lines[1:-1], f"{lines[-1]}{after}"]

    def power(self, base: str, exponent: sympy.Expr) -> str:
        """Write a power."""
        if exponent.is_Integer:
            return base + str(exponent).translate(_SUPERSCRIPTS)
        inner = self._exponent(exponent)
        return f"{base}^{inner if exponent.is_Symbol else self.group(inner)}"

    def _exponent(self, exponent: sympy.Expr) -> str:
        # The 64th root of a number with four digits is not its 0.01562th power.
        short = all(max(abs(x.p), x.q) < _SHORT for x in exponent.atoms(sympy.Rational))
        return _write(exponent, self._exact() if short else self)

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

    def euler(self) -> str:
        """Write the base of natural logarithms."""
        return "e"

    def join(self, word: str, parts: Sequence[str]) -> str:
        """Join conditions by `and` or `or`."""
        return f" {word} ".join(parts)

    def relation(self, left: str, sign: str, right: str) -> str:
        """Write a relation."""
        return f"{left} {sign} {right}"


# A parenthesis that is wider than this may stand on a line that is too long.
_LONG = 45.0
BROKEN_ROOT = "^{1/2}"
"""What makes a root of a sum that is as long as a line, and has no letter."""
# What stands beside a fraction on its line, about: the left-hand side and a sign.
_BESIDE = 20.0


class LatexStyle(Style):
    """LaTeX, without delimiters."""

    relation_index = 1
    cross = r" \cdot "
    space = r" \, "

    def letter(self, symbol: sympy.Symbol) -> str:
        """Write a symbol."""
        return self.notation.latex(symbol)

    def label(self, text: str, latex: str) -> str:
        """Write a name that is no symbol."""
        return self.notation.label(text, latex)[1]

    def digits_of(self, number: str, unit: str = "") -> str:
        """Write a number that is in decimals already, and its unit."""
        mantissa, e, exponent = number.replace(",", "{,}").replace("∞", r"\infty").partition("e")
        shown = rf"{mantissa} \times 10^{{{int(exponent)}}}" if e else mantissa
        return shown + (rf"\,{self._upright(unit)}" if unit else "")

    def in_unit(self, name: str, unit: str) -> str:
        """Write a name with the unit of what it is equal to."""
        return rf"{name}\,[{self._upright(unit)}]"

    def aside(self, words: str) -> str:
        """Write words behind a formula."""
        return rf" \quad \text{{({words})}}"

    @staticmethod
    def _upright(unit: str) -> str:
        name = unit.replace("µ", r"\mu ").replace(" ", r"\ ")
        name = re.sub("[$%]", r"\\\g<0>", name)
        name = name.replace("·", r"\cdot ").replace("²", "^{2}")
        return rf"\mathrm{{{name}}}"

    def number(self, number: sympy.Expr) -> str:
        """Write a non-negative number."""
        text = super().number(number)
        return text if "\\" in text else self.digits_of(text)

    def decimal(self, mantissa: str, exponent: int) -> str:
        """Write a number times a power of ten."""
        power = rf"10^{{{exponent}}}"
        return rf"{mantissa} \times {power}" if mantissa else power

    def sum(self, terms: Sequence[tuple[bool, str]]) -> str:
        """Write a sum."""
        return super().sum(terms).replace("−", "-")

    def fraction(self, above: Sequence[str], below: Sequence[str]) -> str:
        """Write a fraction."""
        top, bottom = self.product(above or ["1"]), self.product(below)
        # Values can be set smaller.
        room = LINE - _BESIDE if self.given is None else LINE / min(SIZES.values())
        if max(width(top), width(bottom)) > room:
            # A fraction bar holds a line together; what is longer than a line must break.
            alone = len(below) == 1 and not re.search(r" [+-] ", bottom)
            return f"{self._enclosed(top, above)} / {bottom if alone else self.group(bottom)}"
        return rf"\frac{{{top}}}{{{bottom}}}"

    def _enclosed(self, text: str, factors: Sequence[str]) -> str:
        # The only factor of a numerator or denominator comes without parentheses.
        return self.group(text) if len(factors) == 1 and text != "1" else text

    def group(self, inner: str) -> str:
        """Put in parentheses that grow where there is a fraction or a root inside."""
        tall = r"\frac" in inner or r"\sqrt" in inner
        return self._parentheses(inner) if tall else f"({inner})"

    def _parentheses(self, inner: str) -> str:
        """Parentheses that grow; around what may have to break, those of a fixed size."""
        if width(inner) <= _LONG:
            return rf"\left( {inner} \right)"
        size = "bigg" if r"\frac" in inner else "big"
        return rf"\{size}l( {inner} \{size}r)"

    def power(self, base: str, exponent: sympy.Expr) -> str:
        """Write a power; a base with an exponent of its own, such as I*, is put in braces."""
        base = f"{{{base}}}" if "^" in base else base
        return f"{base}^{{{self._exponent(exponent)}}}"

    def sqrt(self, inner: str) -> str:
        """Write a square root; one that is longer than a line as a power, which can break."""
        if width(inner) > LINE - _BESIDE:
            return f"{self.group(inner)}{BROKEN_ROOT}"
        return rf"\sqrt{{{inner}}}"

    def call(self, name: str, arguments: Sequence[str]) -> str:
        """Write a function."""
        inner = ", ".join(arguments)
        # Lambert's function is a letter and no command.
        command = name.replace("₀", "_{0}") if name.endswith("₀") else rf"\{name}"
        return f"{command}{self._parentheses(inner)}"

    def floor(self, inner: str) -> str:
        """Write the whole part."""
        return rf"\left\lfloor {inner} \right\rfloor"

    def infinity(self) -> str:
        """Write infinity."""
        return r"\infty"

    def euler(self) -> str:
        """Write the base of natural logarithms."""
        return r"\mathrm{e}"

    def join(self, word: str, parts: Sequence[str]) -> str:
        """Join conditions."""
        return rf" \;\text{{{word}}}\; ".join(parts)


# A fraction bar holds a line together: characters over or under one on a page in a browser.
_ON_A_BAR = 90

_LATEX_NAME = re.compile(
    r"^(\\Delta )?\{?(\\(?:math[a-z]+|text)\{[^{}]*\}|\\[a-zA-Z]+|[A-Za-z])"
    r"(?:_\{((?:[^{}]|\{[^{}]*\})*)\})?\}?(\^\{\*\})?$"
)


_GREEK = {row.latex: row.text for row in sy.TABLE.values() if re.match(r"\\\w+$", row.latex)}
_COMMANDS = {r"\infty": "∞", r"\max": "max", r"\ln": "ln", r"\ell": "ℓ", r"\_": "_"}
# Two letters in one element would both be upright.
_DIFFERENCE = '<mi mathvariant="normal">Δ</mi>'


def _raised(base: str, exponent: str) -> str:
    """Something raised behind a base: above its index, where it has one."""
    if re.fullmatch(r"<msub><mi>[^<]*</mi><mtext>[^<]*</mtext></msub>", base):
        return base.replace("msub>", "msubsup>").replace("</msubsup>", f"{exponent}</msubsup>")
    return f"<msup>{base}{exponent}</msup>"


_TOKENS = re.compile(
    r"(?P<delta>Δ)?(?P<name>ln|[^\W\d_])(?P<star>\*?)"
    r"(?:_(?P<index>\w+|∞)|(?P<digit>[₀-₉]))?|(?P<number>\d+)"
    r"|(?P<space>\s+(?=\w|\())|(?P<sign>[^\w\s])|\s+"
)


def _several_names(text: str) -> str:
    """MathML of what is more than a name, ``d ln T / d ln B``; of words it is text.

    Examples
    --------
    >>> _several_names("B_max + 1")
    '<mrow><msub><mi>B</mi><mtext>max</mtext></msub><mo>+</mo><mn>1</mn></mrow>'
    >>> _several_names("a₀")
    '<mrow><msub><mi>a</mi><mtext>0</mtext></msub></mrow>'
    >>> _several_names("claimed / true")
    '<mtext>claimed / true</mtext>'
    """
    bare = re.sub(r"_\w+|[₀-₉]|Δ", "", text)
    if any(word != "ln" for word in re.findall(r"[^\W\d_]{2,}", bare)):
        return f"<mtext>{html.escape(text)}</mtext>"
    parts: list[str] = []
    for token in _TOKENS.finditer(text):
        if token["name"]:
            digit = (token["digit"] or "").translate(_PLAIN_DIGITS)
            index = f"<mtext>{token['index'] or digit}</mtext>"
            shown = f"<mi>{token['name']}</mi>"
            if token["index"] or digit:
                shown = f"<msub>{shown}{index}</msub>"
            if token["star"]:
                shown = _raised(shown, "<mo>*</mo>")
            parts.append(f"{_DIFFERENCE if token['delta'] else ''}{shown}")
        elif token["number"]:
            parts.append(f"<mn>{token['number']}</mn>")
        elif token["sign"]:
            sign = token["sign"].replace("'", "′")
            parts.append(f"<mo>{html.escape(sign)}</mo>")
        elif token["space"] and parts and not parts[-1].startswith("<mo>"):
            parts.append('<mspace width="0.17em"/>')
    return f"<mrow>{''.join(parts)}</mrow>"


class MathMLStyle(Style):
    """Content of a MathML ``<math>`` element."""

    relation_index = 2
    cross = "<mo>·</mo>"
    space = '<mspace width=".17em"/>'
    parentheses = ('<mo stretchy="false">(</mo>', '<mo stretchy="false">)</mo>')

    def letter(self, symbol: sympy.Symbol) -> str:
        """Write a symbol, after its LaTeX: base, subscript and star."""
        return self._name(self.notation.text(symbol), self.notation.latex(symbol))

    def label(self, text: str, latex: str) -> str:
        """Write a name that is no symbol."""
        return self._name(*self.notation.label(text, latex))

    def _name(self, text: str, latex: str) -> str:
        found = _LATEX_NAME.match(latex)
        if found is None:
            return _several_names(text)
        delta, base, index, star = found.groups()
        if base.startswith(("\\mathrm", "\\mathtt", "\\text")):
            base = base.partition("{")[2].removesuffix("}").replace("\\_", "_")
        elif base.startswith("\\"):
            # A Greek letter; of another notation's, the first letter of its plain text.
            base = _GREEK.get(base, text[0])
        inner = f"<mi>{html.escape(base)}</mi>"
        if index:
            words = re.sub(r"\\(mathrm|mathtt|text)\{([^{}]*)\}", r"\2", index)
            for command, letter in _COMMANDS.items():
                words = words.replace(command, letter)
            inner = f"<msub>{inner}<mtext>{html.escape(words)}</mtext></msub>"
        if star:
            inner = _raised(inner, "<mo>*</mo>")
        return f"<mrow>{_DIFFERENCE}{inner}</mrow>" if delta else inner

    def digits_of(self, number: str, unit: str = "") -> str:
        """Write a number that is in decimals already, ``1.5e10``, and its unit."""
        mantissa, e, exponent = number.partition("e")
        shown = f"<mn>{mantissa}</mn>"
        if e:
            power = f"<msup><mn>10</mn><mn>{int(exponent)}</mn></msup>".replace("-", "−")
            shown = f"<mrow>{shown}<mo>×</mo>{power}</mrow>"
        return f"<mrow>{shown}<mtext>&#160;{html.escape(unit)}</mtext></mrow>" if unit else shown

    def in_unit(self, name: str, unit: str) -> str:
        """Write a name with the unit of what it is equal to."""
        return f"<mrow>{name}<mtext>&#160;[{html.escape(unit)}]</mtext></mrow>"

    def aside(self, words: str) -> str:
        """Write words behind a formula."""
        return f'<mspace width="1em"/><mtext>({html.escape(words)})</mtext>'

    def number(self, number: sympy.Expr) -> str:
        """Write a non-negative number."""
        text = super().number(number)
        return text if text.startswith("<") else self.digits_of(text)

    def decimal(self, mantissa: str, exponent: int) -> str:
        """Write a number times a power of ten."""
        power = f"<msup><mn>10</mn><mn>{exponent}</mn></msup>"
        return f"<mrow><mn>{mantissa}</mn><mo>×</mo>{power}</mrow>" if mantissa else power

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
        return f"<mrow>{super().product(factors)}</mrow>"

    def fraction(self, above: Sequence[str], below: Sequence[str]) -> str:
        """Write a fraction."""

        def cell(text: str) -> str:
            return text if text.startswith("<") else f"<mn>{text}</mn>"

        top, bottom = (self.product([cell(x) for x in xs]) for xs in (above or ["1"], below))
        if max(mathml_width(top), mathml_width(bottom)) > _ON_A_BAR:
            top = self.group(top) if has_signs(top) else top
            return self.ratio(top, self.group(bottom) if below[1:] or has_signs(bottom) else bottom)
        return f"<mfrac>{top}{bottom}</mfrac>"

    def ratio(self, above: str, below: str) -> str:
        """Write a fraction on one line."""
        return f"<mrow>{above}<mo>/</mo>{below}</mrow>"

    def group(self, inner: str) -> str:
        """Put in parentheses."""
        return f"<mrow><mo>(</mo>{inner}<mo>)</mo></mrow>"

    def power(self, base: str, exponent: sympy.Expr) -> str:
        """Write a power."""
        single = base if base.startswith("<msub>") else f"<mrow>{base}</mrow>"
        return _raised(single, self._exponent(exponent))

    def sqrt(self, inner: str) -> str:
        """Write a square root."""
        return f"<msqrt>{inner}</msqrt>"

    def call(self, name: str, arguments: Sequence[str]) -> str:
        """Write a function."""
        shown = f"<mi>{name}</mi>"
        if name.endswith("₀"):
            shown = f"<msub><mi>{name[:-1]}</mi><mn>0</mn></msub>"
        return f"<mrow>{shown}{self.group('<mo>,</mo>'.join(arguments))}</mrow>"

    def floor(self, inner: str) -> str:
        """Write the whole part."""
        return f"<mrow><mo>⌊</mo>{inner}<mo>⌋</mo></mrow>"

    def euler(self) -> str:
        """Write the base of natural logarithms."""
        return '<mi mathvariant="normal">e</mi>'

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
    """Write an expression or condition in the letters and the style of a style."""
    if style.given is not None:
        # Values stand for the package's own symbols, whatever the notation puts in their place.
        return _write(each_side(expr, arranged), style)
    letters = style.notation.settled(expr.free_symbols)
    made = in_notation(expr, letters)
    if letters.letters or letters.substitutions:
        letters.refuse_clash(made.free_symbols)
    return _write(made, type(style)(letters, style.digits))


def in_notation(expr: sympy.Basic, letters: Notation) -> Any:
    """Expression or condition in the parameters of a notation, and in the shape of print.

    Examples
    --------
    >>> from roofsym.render.notation import notation
    >>> from roofsym.symbols import d_ff, d_model
    >>> in_notation(d_ff / d_model, notation("deep-ml"))
    4
    """
    return each_side(expr, lambda side: arranged(letters.translate(side)))


def each_side(expr: Any, change: Callable[[sympy.Expr], sympy.Expr]) -> Any:
    """Expression changed; in a condition each side of each relation, and nothing evaluated."""
    if isinstance(expr, sympy.And | sympy.Or):
        return expr.func(*(each_side(x, change) for x in expr.args), evaluate=False)
    if isinstance(expr, Relational):
        return expr.func(change(expr.lhs), change(expr.rhs), evaluate=False)
    return expr if isinstance(expr, Boolean) and not expr.is_Symbol else change(expr)


def _write(expr: sympy.Basic, style: Style) -> str:
    if isinstance(expr, Boolean) and not expr.is_Symbol:
        return _condition(expr, style)
    negative, positive = _split_sign(_in_decimals(expr, style))
    if negative:
        return style.sum([(True, _term(positive, style, inside_sum=True))])
    return _term(positive, style)


def _in_decimals(expr: sympy.Basic, style: Style) -> sympy.Basic:
    """With so many digits, the roots and logarithms of numbers in a product are one number."""
    if style.digits is None or not isinstance(expr, sympy.Expr) or expr.is_Number:
        return expr
    if expr.is_number:
        return sympy.N(expr)
    numbers, rest = sympy.sift(sympy.Mul.make_args(expr), lambda x: x.is_number, binary=True)
    if all(x.is_Number for x in numbers):
        return expr
    return sympy.Mul(sympy.N(sympy.Mul(*numbers)), *rest, evaluate=False)


def is_fraction(number: sympy.Expr, longest: int = _SHORT) -> bool:
    """Whether a number is printed as a fraction among decimals: 1/3, but not 1/4 or 4096/3.

    Examples
    --------
    >>> [is_fraction(sympy.Rational(x)) for x in ("1/3", "1/4", "4096/3")]
    [True, False, False]
    """
    if not number.is_Rational or max(abs(number.p), number.q) >= longest:
        return False
    return any(n not in (2, 5) for n in sympy.factorint(number.q))


# About those of a model with 8 billion parameters on an accelerator, in 2 bytes per element.
_USUAL: Mapping[sympy.Symbol, sympy.Expr] = {
    symbol: sympy.Rational(size)
    for symbol, size in (
        (sy.B, 1), (sy.S, 1000), (sy.L, 1000), (sy.window, 4000), (sy.ridge, 300),
        (sy.peak, 10**15), (sy.bandwidth, 3 * 10**12), (sy.capacity, 8 * 10**10),
        (sy.phi, 15 * 10**9), (sy.alpha, 5 * 10**5), (sy.alpha_w, 5 * 10**5), (sy.eta, 10**9),
        (sy.w, 15 * 10**9), (sy.w_held, 16 * 10**9), (sy.a, 6 * 10**6), (sy.epsilon, 3 * 10**5),
        (sy.kappa, 10**5), (sy.kappa_w, 10**5), (sy.kappa_held, 10**5), (sy.kappa_w_held, 10**5),
        (sy.decode_flops, 15 * 10**10), (sy.decode_bytes, 10**9),
    )
}  # fmt: skip


def listed(condition: Boolean) -> list[Boolean]:
    """The conditions that an ``And`` or ``Or`` joins, in the order in which they are printed.

    Of alternatives the one comes first that holds for a usual model on a usual machine; what is no
    alternative itself stands before those.

    Examples
    --------
    >>> listed(sympy.Or(sy.alpha > sy.ridge * sy.kappa, sy.phi > sy.ridge * sy.a))
    [phi > a*ridge, alpha > kappa*ridge]
    """
    if isinstance(condition, sympy.And):
        return sorted(condition.args, key=lambda x: (isinstance(x, sympy.Or), _rank(x)))
    return sorted(condition.args, key=lambda x: (x.xreplace(_USUAL) != sympy.true, _rank(x)))


def _condition(expr: Boolean, style: Style) -> str:
    if isinstance(expr, Relational) and expr.lhs.is_number and not expr.rhs.is_number:
        # f < 1, not 1 > f.
        expr = expr.reversed
    for kind, signs in _RELATIONS.items():
        if isinstance(expr, kind):
            return style.relation(
                _write(expr.lhs, style), signs[style.relation_index], _write(expr.rhs, style)
            )
    if isinstance(expr, sympy.And | sympy.Or):
        word = "and" if isinstance(expr, sympy.And) else "or"
        inner = [
            style.group(_write(p, style)) if isinstance(p, sympy.Or | sympy.And)
            else _write(p, style)
            for p in listed(expr)
        ]  # fmt: skip
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
        alone = rest.is_Add and number != -1
        return True, sympy.Mul(-number, rest, evaluate=False) if alone else -number * rest
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
    summands = list(expr.args)
    numbers = [x for x in summands if x.is_number]
    if len(numbers) > 1 and style.digits is not None:
        summands = [x for x in summands if x not in numbers] + [sympy.N(sum(numbers))]
    pieces = [_split_sign(_in_decimals(x, style)) for x in summands]
    # What a letter stands for has the place that it would have itself.
    whole = style.notation.written_out
    # Part of a constant is a constant, too: φ′ + α′ L.
    used = {sy.kind(s) for s in whole(expr).free_symbols}
    named = any(sy.info(s).role in ("constant", "machine", "quantity") for s in used)
    # In named constants the table says which term leads: φ + α L, w + B (κ L + a), I* a − φ.
    by_degree = not named and any(sy.info(s).role != "step" for s in used)
    # 1 + e: more by a share, as one says it.
    share = {1, sy.error} == {x for negative, x in pieces if not negative} and len(pieces) == 2
    roots_last = any(_is_root(x) == negative for negative, x in pieces)
    # B + 2, as L + 2: before a number alone, the batch is what leads; but not where that has the
    # place of a constant, as the weights have in w + B (κ L + a).
    counted = used <= _STEP and style.digits is None

    def key(piece: tuple[bool, sympy.Expr]) -> tuple[object, ...]:
        negative, x = piece[0], whole(piece[1])
        square = x.is_Pow and x.base.is_Add and x.exp == 2
        return (
            roots_last and _is_root(x),
            negative,
            share and x != 1,
            counted and x.is_number,
            sy.B in sympy.Mul.make_args(x),
            not square,
            (-_degree(x), _degree(x, _STEP), -_degree(x, _WIDE)) if by_degree else (),
            _rank(x),
        )

    return style.sum(
        [(neg, _term(x, style, inside_sum=True)) for neg, x in sorted(pieces, key=key)]
    )


_STEP = frozenset({sy.B, sy.S, sy.L, sy.gamma})
# Widths by the thousand: of two terms of one degree, the one with more of these is the larger.
_WIDE = frozenset({sy.d_model, sy.d_ff, sy.d_expert, sy.d_shared, sy.vocab_size})


def _is_root(expr: sympy.Expr) -> bool:
    return any(f.is_Pow and f.exp == sympy.Rational(1, 2) for f in sympy.Mul.make_args(expr))


def _degree(expr: sympy.Expr, symbols: frozenset[sympy.Symbol] | None = None) -> int:
    """Degree of a product or sum in the given symbols; in all of them if not given."""
    if expr.is_Symbol:
        return int(symbols is None or expr in symbols)
    if expr.is_Mul:
        return sum(_degree(f, symbols) for f in expr.args)
    if expr.is_Pow and expr.exp.is_Integer:
        return int(expr.exp) * _degree(expr.base, symbols)
    # A sum, Min, Max or power weighs as its heaviest part.
    return max((_degree(x, symbols) for x in expr.args), default=0)


@functools.lru_cache(maxsize=8192)
def _rank(expr: sympy.Basic) -> tuple[tuple[float, object], ...]:
    """Sort key: positions of an expression's symbols in the table, high powers first."""
    whole = expr.as_coeff_Mul()[1] if isinstance(expr, sympy.Expr) else expr
    if whole.is_Add and whole != expr:
        # 384 (L + S) stands where 384 L does.
        return min(map(_rank, whole.args))
    positions: list[tuple[float, int]] = []
    factors = sympy.Mul.make_args(expr) if isinstance(expr, sympy.Expr) else (expr,)
    # w_x (1 − ρ^B) stands where w_x does, and L (κ + κ_w) where κ L does.
    for factor in [f for f in factors if _has_place(f)] or factors:
        base, exponent = factor.as_base_exp() if isinstance(factor, sympy.Expr) else (factor, 1)
        power = int(exponent) if exponent in range(-9, 10) else 1
        positions += [(sy.rank(s), -power) for s in base.free_symbols]
    # Equal keys are told apart by what stands there, never by the order in which SymPy keeps it.
    ranked = sorted(positions) or [(10**6, 0)]
    return (*ranked, (10**7, str(sympy.default_sort_key(expr))))


def _has_place(factor: sympy.Basic) -> bool:
    """Whether a factor has a say in where its term stands: a symbol, or a sum of constants."""
    base = factor.base if factor.is_Pow else factor
    if base.is_Add:
        return all(x.is_Symbol and sy.info(sy.kind(x)).role == "constant" for x in base.args)
    return bool(base.is_Symbol)


def _product(expr: sympy.Expr, style: Style) -> str:
    above: list[sympy.Expr] = []
    below: list[sympy.Expr] = []
    number = sympy.S.One
    for factor in sympy.Mul.make_args(expr):
        if factor.is_Number:
            number = factor
            continue
        base, exponent = factor.as_base_exp()
        numbers = [x.as_coeff_Mul()[0] for x in base.args] if base.is_Add else []
        # A decimal of many digits is no fraction.
        halves = {x.q for x in numbers if x.is_Rational}
        if len(halves) == 1 and exponent.is_Integer and all(x.is_Rational for x in numbers):
            # (α/2 + β/2) is (α + β) over the 2 of the product.
            (shared,) = halves
            number, base = number / sympy.Integer(shared) ** exponent, base * shared
        if exponent.is_Rational and exponent < 0:
            below.append(base**-exponent)
        else:
            above.append(base**exponent)
    if style.digits is not None and not is_fraction(number):
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
    extrema = [x for x in (*above, *below) if isinstance(x, sympy.Min | sympy.Max)]
    if len(top) == len(bottom) == 1 and len(extrema) == 2:
        # Of fractions themselves: one bar across both would be the third.
        return style.ratio(*top, *bottom)
    if bottom:
        return style.fraction(top, bottom)
    return style.product(top)


def _factors(factors: list[sympy.Expr], style: Style, alone: bool) -> list[str]:
    ordered = sorted(factors, key=_factor_rank)
    plain = isinstance(style, LatexStyle | MathMLStyle)
    return [
        # Under a fraction bar a lone sum needs no parentheses; after a slash it does.
        (_write(f, style) if plain and alone else style.group(_write(f, style)))
        if f.is_Add
        else _atom(f, style)
        for f in ordered
    ]


def _factor_rank(factor: sympy.Expr) -> tuple[object, ...]:
    # 2 n_layers d_model min(L, W) (S + 1): symbols, then functions, then sums.
    base = factor.as_base_exp()[0]
    # (γ + 1) (φ + α L): what the step counts before what it costs.
    counted = base.is_Add and base.free_symbols <= _STEP
    return (base.is_Add, not base.is_Symbol, base.is_Add and not counted, _rank(factor))


_DIGITS = re.compile(r"(<mn>)?[\d.]+(</mn>)?")


LAMBERT = sy.extra(
    "lambert", "1", "principal branch of Lambert's function: y = W₀(x) solves y exp(y) = x",
    text="W₀", latex="W_{0}", positive=False,
)  # fmt: skip
"""Not the window, W: what stands before the argument of the function, for tables of symbols."""

_ENCLOSED = (sympy.Min, sympy.Max, sympy.floor)
_CALLS = {
    sympy.Min: "min", sympy.Max: "max", sympy.log: "ln", sympy.exp: "exp",
    sympy.LambertW: "W₀",
}  # fmt: skip


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
            return style.sqrt(_write(base, style))
        inner = _write(base, style)
        # A value with its unit is a product, whatever letter it stands for.
        bare = style.given is None if base.is_Symbol else isinstance(base, _ENCLOSED)
        bare = bare or bool(_DIGITS.fullmatch(inner))
        return style.power(inner if bare else style.group(inner), exponent)
    if isinstance(expr, sympy.floor):
        # Where a step ends, a number that is rounded would be in the next one. On one line, a
        # quotient takes no level of fractions.
        sides = [(_write(x, style._exact()), x.is_Add) for x in sympy.fraction(expr.args[0])]
        above, below = (style.group(text) if is_sum else text for text, is_sum in sides)
        return style.floor(above if below == "1" else style.ratio(above, below))
    if isinstance(expr, sympy.exp) and expr.exp.is_Integer:
        return style.power(style.euler(), expr.exp)
    for kind, name in _CALLS.items():
        if isinstance(expr, kind):
            arguments = sorted(expr.args, key=_rank)
            return style.call(name, [_write(x, style) for x in arguments])
    if expr.is_Mul or expr.is_Add:
        return style.group(_write(expr, style))
    raise InputError("expression", expr, "sums, products, powers, Min, Max, log and exp")
