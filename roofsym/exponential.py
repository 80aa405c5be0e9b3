"""Certified roots of polynomials plus decaying exponentials, such as ``a + b B + c ρ^B``.

A function ``P(x) + Σ c_i r_i^x`` has finitely many positive zeros: dividing by one exponential and
differentiating removes a coefficient, and between two neighbouring zeros of the derivative there is
at most one zero (Rolle). Zeros are isolated that way from the inside out and bisected with interval
arithmetic, so that each bracket is certain to hold one change of sign and no zero is missed.
"""

from __future__ import annotations

import contextlib
import itertools
import math
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, TypeAlias

import sympy
from mpmath import iv

from roofsym import polynomial
from roofsym import symbols as sy
from roofsym.bounds import Bracket
from roofsym.errors import InputError, in_letters
from roofsym.polynomial import Ring, number
from roofsym.values import open_powers, put

_DIGITS = 100
_WIDTH = Fraction(1, 10**16)
_CLOSE = Fraction(1, 10**13)
# At 0 itself both sides are often nothing: zeros are looked for from here on.
_START = Fraction(1, 10**24)

# Nothing fades as slowly as that.
_FARTHEST = 10**60

# Terms c t^k e^(rate t), by rate (an interval), each a list of coefficients by power of t.
Terms: TypeAlias = "list[tuple[Any, list[Any]]]"


def occurs(expr: sympy.Expr, symbol: sympy.Symbol) -> bool:
    """Whether a symbol stands in an exponent."""
    return any(p.exp.has(symbol) for p in open_powers(expr))


def without(expr: sympy.Expr, symbol: sympy.Symbol, value: int) -> sympy.Expr:
    """Expression with every power that has the symbol in its exponent replaced by a number.

    A base between 0 and 1 to the power of the symbol tends to 1 as the symbol goes to 0, and to 0
    as it grows.
    """
    powers = {p: sympy.Integer(value) for p in open_powers(expr) if p.exp.has(symbol)}
    return put(expr, powers)


def is_share(base: sympy.Expr) -> bool:
    """Whether what is raised to a power lies between 0 and 1: idle experts, accepted drafts."""
    return bool(base in (sy.rho, sy.idle_share, sy.acceptance))


def fades(power: sympy.Expr, symbol: sympy.Symbol) -> bool:
    """Whether a power is of the form that is known to fade as the symbol grows."""
    base, exponent = power.as_base_exp()
    if is_share(base):
        return bool((exponent / symbol).is_positive) and not (exponent / symbol).has(symbol)
    return _decays(base, exponent / symbol) or (
        bool(base.is_Rational) and 0 < base < 1 and bool((exponent / symbol).is_positive)
    )


def crossings(left: sympy.Expr, right: sympy.Expr, symbol: sympy.Symbol) -> list[Bracket]:
    """Brackets of the places at which two sides without other symbols meet, in rising order.

    Parameters
    ----------
    left, right : sympy.Expr
        Rational in the symbol and in powers of numbers, all of whose exponents are multiples of one
        fraction ``(p + q x)/(r + s x)``; or rational in E or k and in powers of ``1 − k/E``; or
        in ρ. In that fraction, in ``−ln(1 − k/E)`` or in ``−ln ρ``, the equation is a sum of
        products of polynomials and exponentials.
    symbol : sympy.Symbol
        The unknown. Of E and k, only ``E > k`` is looked at, up to ``10^12 k`` experts; of ρ, what
        lies between 0 and 1.

    Raises
    ------
    InputError
        If the expression has another form.

    Examples
    --------
    >>> from roofsym.symbols import B, L, n_experts as E
    >>> half = sympy.Rational(1, 2)
    >>> for sides in ((B + half**B, 2, B), (L * half ** (6 / (L + 1)), 9, L),
    ...               (E * (1 - (1 - 2 / E) ** 10), 9, E)):
    ...     [float(low) for low, high in crossings(sides[0], sympy.Integer(sides[1]), sides[2])]
    [1.690093...]
    [12.303084...]
    [10.11882...]
    """
    form = _share_form(left, right, symbol) or _fraction_form(left, right, symbol)
    stand_ins = {p: sympy.Dummy(positive=True) for p in form.powers}
    put = {symbol: form.value}
    ring = Ring()
    slack = ring.difference(
        *(ring.quotient(side.xreplace(stand_ins).xreplace(put)) for side in (left, right))
    )
    exponentials = {s: form.powers[p] for p, s in stand_ins.items()}
    if form.share is not None:
        exponentials[form.share] = sympy.exp(-1), Fraction(1)
    sums: dict[frozenset[tuple[sympy.Expr, Fraction]], dict[int, Fraction]] = {}
    for m, c in slack.items():
        degree, rates = 0, dict[sympy.Expr, Fraction]()
        for base, e in ring.factors(m):
            if base == form.variable:
                degree = e
            elif base in exponentials:
                root, multiple = exponentials[base]
                rates[root] = rates.get(root, Fraction(0)) + multiple * e
            else:
                raise InputError(
                    "equation", in_letters(base), f"terms that are rational in {symbol}"
                )
        powers = sums.setdefault(frozenset((r, e) for r, e in rates.items() if e), {})
        powers[degree] = powers.get(degree, Fraction(0)) + Fraction(c)
    found = []
    with _precisely():
        for way in form.ways:
            for low, high in _isolate(terms := _terms(sums, way), _bound(terms)):
                bracket = sorted(form.unknown(way * t) for t in (low, high))
                if bracket[0] > 0:
                    found.append((bracket[0], bracket[1]))
    return sorted(found)


@dataclass(frozen=True)
class _Form:
    """How an equation becomes a sum of exponentials in one variable.

    Attributes
    ----------
    variable : sympy.Symbol
        The variable, t.
    value : sympy.Expr
        The unknown as a fraction in t, or in `share`.
    powers : mapping of sympy.Expr to (sympy.Expr, Fraction)
        What has the unknown in its exponent or base: a number to so many times t.
    ways : tuple of int
        Whether t may be positive, negative or both.
    share : sympy.Symbol, optional
        What stands for ``e^(−t)``.
    """

    variable: sympy.Symbol
    value: sympy.Expr
    powers: dict[sympy.Expr, tuple[sympy.Expr, Fraction]]
    ways: tuple[int, ...]
    share: sympy.Symbol | None = None

    def unknown(self, t: Fraction) -> sympy.Rational:
        """Value of the unknown, from that of t."""
        at = sympy.Rational(t)
        if self.share is None:
            return self.value.xreplace({self.variable: at})
        return sympy.Rational(sympy.N(self.value.xreplace({self.share: sympy.exp(-at)}), _DIGITS))


def _share_form(left: sympy.Expr, right: sympy.Expr, symbol: sympy.Symbol) -> _Form | None:
    if not in_share(symbol, left, right):
        return None
    powers = sorted(shares(symbol, left, right), key=str)
    if len({p.base for p in powers}) > 1 or not all(p.exp.is_Rational for p in powers):
        accepted = "one share 1 − top_k/n_experts, in powers of numbers"
        raise InputError("equation", in_letters(left, right), accepted)
    share = sympy.Dummy(positive=True)
    if symbol == sy.rho:
        value = share
    else:
        ratio = (1 - powers[0].base) * _per_share(symbol)
        value = ratio / (1 - share) if symbol == sy.n_experts else (1 - share) / ratio
    exponentials = {p: (sympy.exp(-1), Fraction(number(p.exp))) for p in powers}
    return _Form(sympy.Dummy(), value, exponentials, (1,), share)


def _fraction_form(left: sympy.Expr, right: sympy.Expr, symbol: sympy.Symbol) -> _Form:
    atoms = left.atoms(sympy.Pow) | right.atoms(sympy.Pow)
    powers = sorted((p for p in atoms if p.exp.has(symbol)), key=str)
    exponent = powers[0].exp if powers else symbol
    multiples = [sympy.cancel(p.exp / exponent) for p in powers]
    if not all(
        x.is_Rational and p.base.is_Rational for x, p in zip(multiples, powers, strict=True)
    ):
        accepted = "powers of numbers, their exponents multiples of one another"
        raise InputError("equation", ", ".join(map(in_letters, powers)), accepted)
    above, below = (_line(x, symbol) for x in sympy.fraction(sympy.cancel(exponent)))
    t = sympy.Dummy(real=True)
    value = (above[0] - below[0] * t) / (below[1] * t - above[1])
    exponentials = {
        p: (p.base, Fraction(number(x))) for p, x in zip(powers, multiples, strict=True)
    }
    sign = polynomial.sign(exponent)
    return _Form(t, value, exponentials, (1, -1) if sign is None else (sign,))


def _line(expr: sympy.Expr, symbol: sympy.Symbol) -> tuple[sympy.Rational, sympy.Rational]:
    found = sympy.Poly(expr, symbol)
    if found.degree() > 1:
        raise InputError(
            "equation", in_letters(expr), f"exponents (p + q {symbol})/(r + s {symbol})"
        )
    return found.coeff_monomial(1), found.coeff_monomial(symbol)


def _terms(
    sums: dict[frozenset[tuple[sympy.Expr, Fraction]], dict[int, Fraction]], way: int
) -> Terms:
    """Terms for positive t (or with −t in its place), the one that fades most slowly first.

    Of rates only differences matter to the zeros: the first one is 0.
    """
    found = []
    for rates, powers in sums.items():
        if any(powers.values()):
            rate = sum((way * _interval(e) * _log(base) for base, e in rates), iv.mpf(0))
            coefficients = [
                _interval(powers.get(k, Fraction(0)) * way**k) for k in range(max(powers) + 1)
            ]
            found.append((rate, coefficients))
    found.sort(key=lambda term: float(term[0].mid), reverse=True)
    return [
        (rate - found[0][0] if i else iv.mpf(0), coefficients)
        for i, (rate, coefficients) in enumerate(found)
    ]


def _log(base: sympy.Expr) -> Any:
    return iv.mpf(-1) if base == sympy.exp(-1) else iv.log(_interval(Fraction(number(base))))


def in_share(symbol: sympy.Symbol, *exprs: sympy.Expr) -> bool:
    """Whether the unknown is the share of experts that a token leaves alone, or a part of it.

    That share lies between 0 and 1: other roots are none.
    """
    if symbol == sy.rho:
        return any(x.has(symbol) for x in exprs)
    return bool(shares(symbol, *exprs))


def shares(symbol: sympy.Symbol, *exprs: sympy.Expr) -> set[sympy.Expr]:
    """Powers of the share of experts that a token leaves alone, with it, E or k for the unknown."""
    if symbol == sy.rho:
        return {p for x in exprs for p in x.atoms(sympy.Pow) if p.base == symbol}
    if symbol not in (sy.n_experts, sy.top_k):
        return set()
    powers = {p for x in exprs for p in x.atoms(sympy.Pow) if p.base.is_Add and p.base.has(symbol)}
    return {p for p in powers if not ((1 - p.base) * _per_share(symbol)).has(symbol)}


def _per_share(symbol: sympy.Symbol) -> sympy.Expr:
    return symbol if symbol == sy.n_experts else 1 / symbol


@contextlib.contextmanager
def _precisely() -> Iterator[None]:
    before = iv.dps
    iv.dps = _DIGITS
    try:
        yield
    finally:
        iv.dps = before


def _interval(exact: Fraction) -> Any:
    return iv.mpf(exact.numerator) / iv.mpf(exact.denominator)


def _decays(base: sympy.Expr, factor: sympy.Expr) -> bool:
    # SymPy takes (1/2)^x for 2^(−x).
    if not (base.is_Rational and factor.is_Rational and base > 0):
        return False
    return bool((base < 1 and factor > 0) or (base > 1 and factor < 0))


def _bound(terms: Terms) -> Fraction:
    """A point beyond which the first polynomial outweighs all the terms that fade."""
    if not terms:
        return Fraction(1)
    lead, *lower = [abs(c) for c in reversed(terms[0][1])]
    fading = [
        (rate, k, abs(c)) for rate, coefficients in terms[1:] for k, c in enumerate(coefficients)
    ]
    degree = len(lower)
    t = iv.mpf(1)
    while True:
        # Past k over its rate, t^k e^(−rate t) falls; half of the leading term is left for these.
        falls = all(k + rate * t < 0 for rate, k, _ in fading)
        rest = sum((c * t**k * iv.exp(rate * t) for rate, k, c in fading), iv.mpf(0))
        below = sum((c * t ** (degree - 1 - k) for k, c in enumerate(lower)), iv.mpf(0))
        if falls and 4 * below < lead * t**degree and 4 * rest < lead * t**degree:
            return Fraction(int(t.a))
        if t > _FARTHEST:
            accepted = "powers that do not fade at the same rate"
            raise InputError("equation", "a sum of powers", accepted)
        t *= 2


def _derivative(terms: Terms) -> Terms:
    """Derivative of the terms divided by the first one's exponential: one coefficient fewer."""
    first = terms[0][0]
    out: Terms = []
    for position, (rate, coefficients) in enumerate(terms):
        shifted = rate - first
        slopes = [k * c for k, c in enumerate(coefficients)]
        slope = [*slopes[1:], iv.mpf(0)]
        if position == 0:
            if len(coefficients) > 1:
                out.append((iv.mpf(0), slope[:-1]))
            continue
        mixed = [s + shifted * c for s, c in zip(slope, coefficients, strict=True)]
        out.append((shifted, mixed))
    return out


def _value(terms: Terms, x: Fraction) -> Any:
    at = iv.mpf(x.numerator) / iv.mpf(x.denominator)
    total = iv.mpf(0)
    for rate, coefficients in terms:
        inner = iv.mpf(0)
        for c in reversed(coefficients):
            inner = inner * at + c
        total += inner * iv.exp(rate * at)
    return total


def _sign(terms: Terms, x: Fraction) -> int:
    value = _value(terms, x)
    return 1 if value > 0 else -1 if value < 0 else 0


def _isolate(terms: Terms, bound: Fraction) -> list[tuple[Fraction, Fraction]]:
    if not terms or (len(terms) == 1 and len(terms[0][1]) == 1):
        return []
    turns = [(low + high) / 2 for low, high in _isolate(_derivative(terms), bound)]
    points = [_START, *(x for x in turns if x > _START), bound]
    found = []
    for low, high in itertools.pairwise(points):
        start, end = _sign(terms, low), _sign(terms, high)
        if start * end < 0:
            found.append(_bisect(terms, low, high, start))
    return found


def _near(terms: Terms, low: Fraction, high: Fraction, start: int) -> tuple[Fraction, Fraction]:
    """A bracket that floating point finds close to the zero, if it is certain to hold it."""
    floats = [(float(rate.mid), [float(c.mid) for c in coefs]) for rate, coefs in terms]
    a, b = float(low), float(high)
    for _ in range(60):
        x = (a + b) / 2
        value = sum(
            math.exp(rate * x) * sum(c * x**k for k, c in enumerate(coefs))
            for rate, coefs in floats
        )
        a, b = (x, b) if value * start > 0 else (a, x)
    near = Fraction(a) * (1 - _CLOSE), Fraction(b) * (1 + _CLOSE)
    inside = low < near[0] and near[1] < high
    if inside and [_sign(terms, x) for x in near] == [start, -start]:
        return near
    return low, high


def _bisect(terms: Terms, low: Fraction, high: Fraction, start: int) -> tuple[Fraction, Fraction]:
    low, high = _near(terms, low, high, start)
    while high - low > _WIDTH * max(high, _WIDTH):
        middle = ((low + high) / 2).limit_denominator(10**40)
        sign = _sign(terms, middle)
        if sign == 0:
            break
        if sign == start:
            low = middle
        else:
            high = middle
    return low, high
