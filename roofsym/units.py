"""Dimension algebra over FLOP, byte, second, token and dollar; how numbers are printed.

The check runs over finished expressions, so that expressions themselves stay plain SymPy. Its one
liberty: *counts* (numerals, sequences, new tokens, layers, widths) may carry FLOPs and tokens,
because that is what they do: the 2 of ``2·B·S·d_ff`` is FLOPs per multiply-add, the 1 of ``L + 1``
is a token. A count never carries bytes, seconds or dollars.
"""

from __future__ import annotations

import functools
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction

import sympy

from roofsym import symbols
from roofsym.errors import InputError

BASES = ("FLOP", "B", "s", "token", "$")
_CARRIED_BY_COUNTS = frozenset({"FLOP", "token"})


@dataclass(frozen=True)
class Dimension:
    """Exponents over `BASES`, and whether a count took part (see the module's docstring).

    Attributes
    ----------
    exponents : tuple of Fraction
        One exponent per base.
    counts : bool
        True if the exponents of FLOP and token are only a lower bound on what is known.
    """

    exponents: tuple[Fraction, ...]
    counts: bool

    def __mul__(self, other: Dimension) -> Dimension:
        pairs = zip(self.exponents, other.exponents, strict=True)
        return Dimension(tuple(x + y for x, y in pairs), self.counts or other.counts)

    def __pow__(self, power: Fraction) -> Dimension:
        return Dimension(tuple(x * power for x in self.exponents), self.counts)

    def agrees_with(self, other: Dimension) -> bool:
        """Whether two quantities can be added or compared."""
        loose = self.counts or other.counts
        return all(
            x == y or (loose and base in _CARRIED_BY_COUNTS)
            for base, x, y in zip(BASES, self.exponents, other.exponents, strict=True)
        )

    def __str__(self) -> str:
        def power(base: str, exponent: Fraction) -> str:
            return base if exponent == 1 else f"{base}**{exponent}"

        named = list(zip(BASES, self.exponents, strict=True))
        above = [power(base, x) for base, x in named if x > 0]
        below = [power(base, -x) for base, x in named if x < 0]
        return "/".join(["·".join(above) or "1", *below])


COUNT = Dimension((Fraction(0),) * len(BASES), True)


@functools.lru_cache(maxsize=256)
def parse(unit: str) -> Dimension:
    """Dimension of a unit as the symbol table writes it.

    Examples
    --------
    >>> str(parse("FLOP/token**2")), str(parse("FLOP·B/token"))
    ('FLOP/token**2', 'FLOP·B/token')
    """
    exponents = dict.fromkeys(BASES, Fraction(0))
    for sign, base, power in re.findall(r"(^|/|·)([A-Za-z$1]+)(?:\*\*(\d+))?", unit):
        if base == "1":
            continue
        exponents[base] += Fraction(power or 1) * (-1 if sign == "/" else 1)
    return Dimension(tuple(exponents.values()), unit == "1")


def dimension(expr: sympy.Expr) -> Dimension:
    """Dimension of an expression over the package's symbols.

    Parameters
    ----------
    expr : sympy.Expr
        An expression in symbols of `roofsym.symbols`, before numbers with units are put in.

    Raises
    ------
    InputError
        If terms of different dimension are added or compared, or an exponent is not a count.

    Examples
    --------
    >>> from roofsym.symbols import B, L, kappa, peak, w
    >>> str(dimension(w + B * kappa * L))
    'B'
    >>> dimension(w + peak)
    Traceback (most recent call last):
    ...
    roofsym.errors.InputError: unit of a sum: got 'peak [FLOP/s] + w [B]'; accepted: ...
    """
    if expr.is_Number or expr.is_NumberSymbol:
        return COUNT
    if expr.is_Symbol:
        return parse(symbols.info(expr).unit)
    if expr.is_Mul:
        return functools.reduce(Dimension.__mul__, map(dimension, expr.args))
    if expr.is_Pow:
        base, exponent = expr.args
        if exponent.is_Rational:
            return dimension(base) ** Fraction(int(exponent.p), int(exponent.q))
        _agree("an exponent", exponent, sympy.Integer(1))
        _agree("the base of a symbolic power", base, sympy.Integer(1))
        return COUNT
    if expr.is_Add or isinstance(expr, sympy.Min | sympy.Max):
        known = [(x, dimension(x)) for x in expr.args if x != 0]
        # A term without counts knows its FLOPs and tokens: it speaks for the sum.
        first, expected = min(known, key=lambda pair: pair[1].counts)
        for term, found in known:
            if not found.agrees_with(expected):
                raise InputError(
                    "unit of a sum",
                    f"{first} [{expected}] + {term} [{found}]",
                    "terms of one dimension",
                )
        return expected
    if isinstance(expr, sympy.Function):
        for argument in expr.args:
            _agree(f"the argument of {expr.func.__name__}", argument, sympy.Integer(1))
        return COUNT
    raise InputError("expression", expr, "sums, products, powers, Min, Max and functions")


def _agree(place: str, left: sympy.Expr, right: sympy.Expr) -> None:
    found, expected = dimension(left), dimension(right)
    if not found.agrees_with(expected):
        raise InputError(f"unit of {place}", f"{left} [{found}]", f"the dimension {expected}")


def require(expr: sympy.Expr, unit: str, what: str) -> sympy.Expr:
    """Return `expr` unchanged if it has the given unit.

    Raises
    ------
    InputError
        If it has another dimension, naming `what`.

    Examples
    --------
    >>> from roofsym.symbols import bandwidth, peak
    >>> require(peak / bandwidth, "FLOP/B", "the ridge point")
    peak/bandwidth
    """
    if expr == 0:
        return expr
    found = dimension(expr)
    if not found.agrees_with(parse(unit)):
        raise InputError(f"unit of {what}", f"{expr} [{found}]", f"an expression in {unit}")
    return expr


def same(left: sympy.Expr, right: sympy.Expr, what: str) -> None:
    """Check that two expressions have one dimension.

    Raises
    ------
    InputError
        If they have not, naming `what`.
    """
    found, expected = dimension(left), dimension(right)
    if not found.agrees_with(expected):
        sides = f"{left} [{found}] and {right} [{expected}]"
        raise InputError(f"unit of {what}", sides, "two sides of one dimension")


def is_count(expr: sympy.Expr) -> bool:
    """Whether an expression is made of numbers and counts alone, those of tokens among them.

    Examples
    --------
    >>> from roofsym.symbols import B, L, phi, w
    >>> is_count(4 * B * L), is_count(w / B), is_count(phi)
    (True, False, False)
    """
    of_bases = zip(BASES, dimension(expr).exponents, strict=True)
    return not any(exponent for base, exponent in of_bases if base != "token")


_PREFIXES: Mapping[int, str] = {
    -4: "p", -3: "n", -2: "µ", -1: "m", 0: "", 1: "k", 2: "M", 3: "G", 4: "T", 5: "P", 6: "E",
}  # fmt: skip
_NEVER_SCALED = frozenset({"1", "token", "FLOP/B", "%"})
# Units that read better in words.
_WORDS: Mapping[str, str] = {"": "", "1": "", "token": " tokens", "1/s": " per second"}


def _float(value: object) -> float:
    try:
        return float(value)  # type: ignore[arg-type]
    except OverflowError:
        return math.inf if value > 0 else -math.inf  # type: ignore[operator]


def format_number(value: object, digits: int = 4) -> str:
    """A number with `digits` significant digits, no exponent where it can be read without.

    Examples
    --------
    >>> format_number(1907.35), format_number(131072), format_number(0.00102)
    ('1907', '131072', '0.00102')
    """
    number = _float(value)
    if math.isinf(number) and isinstance(value, sympy.Rational):
        return str(sympy.N(value, digits)).replace("e+", "e")
    if not math.isfinite(number):
        return "∞" if number > 0 else "-∞" if number < 0 else "undefined"
    if number == int(number) and abs(number) < 10**digits * 1000:
        return str(int(number))
    if 1e-4 <= abs(number) < 10 ** (digits + 3):
        decimals = max(0, digits - 1 - math.floor(math.log10(abs(number))))
        text = f"{number:.{decimals}f}"
        return text.rstrip("0").rstrip(".") if "." in text else text
    mantissa, _, exponent = f"{number:.{digits - 1}e}".partition("e")
    return f"{mantissa.rstrip('0').rstrip('.')}e{int(exponent)}"


def format_quantity(value: object, unit: str, digits: int = 4) -> str:
    """A value with its unit and a decimal prefix (kB = 10³ B); counts and ratios are not scaled.

    Of seconds there are thousandths, of a byte there are not: 500 mB would be read as megabytes.

    Examples
    --------
    >>> format_quantity(16_060_522_496, "B"), format_quantity(989e12, "FLOP/s")
    ('16.06 GB', '989 TFLOP/s')
    >>> format_quantity(295.2, "FLOP/B"), format_quantity(0.0075, "s")
    ('295.2 FLOP/B', '7.5 ms')
    >>> format_quantity(0.5, "B"), format_quantity(65_536, "1/token")
    ('0.5 B', '65536 per token')
    >>> format_quantity(1, "token"), format_quantity(2, "token")
    ('1 token', '2 tokens')

    A share that is below 1 is not printed as 1.

    >>> format_quantity(0.99999, "1")
    '0.99999'
    """
    number = _float(value)
    if unit == "1" and number == int(number) and abs(number) < 10**15:
        return str(int(number))
    # What has no name of its own, 1/token, has no prefix either.
    scaled = unit not in _NEVER_SCALED and not re.match(r"1/|.*(·|\*\*)", unit)
    if not scaled or number == 0 or not math.isfinite(number):
        while number < 1 and digits < 15 and format_number(value, digits) == "1":
            digits += 1
        shown = format_number(value, digits)
        return shown + (" token" if (shown, unit) == ("1", "token") else worded(unit))
    least = -4 if unit.startswith("s") else 0
    power = min(max(math.floor(math.log10(abs(number)) / 3), least), 6)
    if power < 6 and float(f"{abs(number) / 1000.0**power:.{digits - 1}e}") >= 1000:
        power += 1
    return f"{format_number(number / 1000.0**power, digits)} {_PREFIXES[power]}{unit}"


def digits_apart(one: object, other: object, unit: str) -> int:
    """How many digits tell two numbers of a unit apart; not fewer than the usual four.

    Examples
    --------
    >>> digits_apart(1674.19, 1692.5, "token"), digits_apart(155.9999, 156, "FLOP/B")
    (4, 7)
    """

    def alike(digits: int) -> bool:
        return format_quantity(one, unit, digits) == format_quantity(other, unit, digits)

    return next((n for n in range(4, 15) if not alike(n)), 15)


def prefixed(digits: str, unit: str) -> tuple[str, str]:
    """Digits as somebody printed them and the unit behind them, with a prefix for thousands.

    Examples
    --------
    >>> prefixed("16.06e9", "FLOP"), prefixed("2.0e12", "B/s"), prefixed("6.44e9", "1")
    (('16.06', 'GFLOP'), ('2.0', 'TB/s'), ('6.44e9', ''))
    >>> prefixed("5e14", "FLOP/s"), prefixed("2.05e11", "FLOP")
    (('500', 'TFLOP/s'), ('205', 'GFLOP'))
    """
    mantissa, _, exponent = digits.partition("e")
    power, rest = divmod(int(exponent or 0), 3)
    scaled = unit not in _NEVER_SCALED and not unit.startswith("1/")
    if power and scaled and power in _PREFIXES:
        whole, _, decimals = mantissa.partition(".")
        moved = decimals.ljust(rest, "0")
        left = f"{whole}{moved[:rest]}"
        return f"{left}.{moved[rest:]}" if moved[rest:] else left, _PREFIXES[power] + unit
    return digits, worded(unit).strip()


def format_given(value: sympy.Rational, unit: str) -> str:
    """A value that was given, with all of its digits where there are 15 at most.

    Examples
    --------
    >>> format_given(sympy.Rational("306.75"), "1"), format_given(sympy.Rational("0.0123456"), "s")
    ('306.75', '12.3456 ms')
    >>> format_given(sympy.Rational(1, 3), "1")
    '0.3333'
    """
    twos, fives = sympy.multiplicity(2, value.q), sympy.multiplicity(5, value.q)
    if value.q != 2**twos * 5**fives:
        return format_quantity(value, unit)
    digits = str(abs(value.p) * 10 ** max(twos, fives) // value.q).strip("0")
    return format_quantity(value, unit, max(4, len(digits)) if len(digits) <= 15 else 4)


def worded(unit: str) -> str:
    """What stands behind a number of a unit without prefix; empty for a count.

    Examples
    --------
    >>> worded("FLOP/B"), worded("token"), worded("1/token"), worded("1")
    (' FLOP/B', ' tokens', ' per token', '')
    """
    own = f" per {unit[2:]}" if unit.startswith("1/") else f" {unit.replace('**2', '²')}"
    return _WORDS.get(unit, own)
