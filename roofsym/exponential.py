"""Certified roots of polynomials plus decaying exponentials, such as ``a + b B + c ρ^B``.

A function ``P(x) + Σ c_i r_i^x`` has finitely many positive zeros: dividing by one exponential and
differentiating removes a coefficient, and between two neighbouring zeros of the derivative there is
at most one zero (Rolle). Zeros are isolated that way from the inside out and bisected with interval
arithmetic, so that each bracket is certain to hold one change of sign and no zero is missed.
"""

from __future__ import annotations

import contextlib
import itertools
from collections.abc import Iterator
from fractions import Fraction

import sympy
from mpmath import iv

from roofsym import symbols as sy
from roofsym.errors import InputError
from roofsym.polynomial import Ring, number

_DIGITS = 60
_WIDTH = Fraction(1, 10**16)
# At 0 itself both sides are often nothing: zeros are looked for from here on.
_START = Fraction(1, 10**12)

# Terms c x^k e^(rate x), by rate (an interval), each a list of coefficients by power of x.
Terms = list[tuple[object, list[object]]]


def occurs(expr: sympy.Expr, symbol: sympy.Symbol) -> bool:
    """Whether a symbol stands in an exponent."""
    return any(p.exp.has(symbol) for p in expr.atoms(sympy.Pow))


def without(expr: sympy.Expr, symbol: sympy.Symbol, value: int) -> sympy.Expr:
    """Expression with every power that has the symbol in its exponent replaced by a number.

    A base between 0 and 1 to the power of the symbol tends to 1 as the symbol goes to 0, and to 0
    as it grows.
    """
    powers = {p: sympy.Integer(value) for p in expr.atoms(sympy.Pow) if p.exp.has(symbol)}
    return expr.xreplace(powers)


def fades(power: sympy.Expr, symbol: sympy.Symbol) -> bool:
    """Whether a power is of the form that is known to fade as the symbol grows."""
    base, exponent = power.as_base_exp()
    if base == sy.rho or base == 1 - sy.top_k / sy.n_experts:
        return bool((exponent / symbol).is_positive) and not (exponent / symbol).has(symbol)
    return _decays(base, exponent / symbol) or (
        bool(base.is_Rational) and 0 < base < 1 and bool((exponent / symbol).is_positive)
    )


def crossings(
    slack: sympy.Expr, symbol: sympy.Symbol
) -> tuple[list[tuple[sympy.Rational, sympy.Rational]], int]:
    """Brackets of the positive zeros at which `slack` changes sign, and its sign near 0.

    Parameters
    ----------
    slack : sympy.Expr
        Polynomial in the symbol plus constants times ``r**(m * symbol)`` with ``0 < r < 1``; no
        other symbols.
    symbol : sympy.Symbol
        The unknown.

    Raises
    ------
    InputError
        If the expression has another form.

    Examples
    --------
    >>> from roofsym.symbols import B
    >>> brackets, sign = crossings(B - 2 + sympy.Rational(1, 2) ** B, B)
    >>> [float(low) for low, high in brackets], sign
    ([1.690093...], -1)
    """
    with _precisely():
        polynomial, decaying = _split(slack, symbol)
        zero = iv.mpf(0)
        terms: Terms = [(zero, [_interval(c) for c in polynomial])] if any(polynomial) else []
        terms += [(rate, [_interval(c)]) for rate, c in decaying]
        bound = _bound(polynomial, decaying)
        found = _isolate(terms, bound)
        at_start = _START
        if found:
            at_start = min(at_start, found[0][0] / 2)
        return [(sympy.Rational(low), sympy.Rational(high)) for low, high in found], _sign(
            terms, at_start
        )


def shares(symbol: sympy.Symbol, *exprs: sympy.Expr) -> set[sympy.Expr]:
    """Powers of the share of experts that a token leaves alone, with E or k for the unknown."""
    if symbol not in (sy.n_experts, sy.top_k):
        return set()
    powers = {p for x in exprs for p in x.atoms(sympy.Pow) if p.base.is_Add and p.base.has(symbol)}
    return {p for p in powers if not ((1 - p.base) * _per_share(symbol)).has(symbol)}


def _per_share(symbol: sympy.Symbol) -> sympy.Expr:
    return symbol if symbol == sy.n_experts else 1 / symbol


def share_crossings(
    left: sympy.Expr, right: sympy.Expr, symbol: sympy.Symbol
) -> tuple[list[tuple[sympy.Rational, sympy.Rational]], int]:
    """Brackets of the zeros of an equation for E or k in ``(1 − k/E)^T``, and a sign.

    In ``y = −ln(1 − k/E)`` every power is an exponential, and so are E and k times what their
    denominators are: the zeros are those of a sum of exponentials, found as in `crossings`. Only
    ``E > k`` is looked at, up to ``10^12 k`` experts.

    Raises
    ------
    InputError
        If there is more than one such share, or what else there is of the unknown is not rational.

    Examples
    --------
    >>> from roofsym.symbols import n_experts as E
    >>> brackets, sign = share_crossings(E * (1 - (1 - 2 / E) ** 10), sympy.Integer(9), E)
    >>> [round(float(low), 6) for low, _ in brackets], sign
    ([10.11882], 1)
    """
    powers = sorted(shares(symbol, left, right), key=str)
    if len({p.base for p in powers}) != 1 or not all(p.exp.is_Rational for p in powers):
        raise InputError("equation", f"{left} = {right}", "one share 1 − k/E, in powers of numbers")
    ratio = (1 - powers[0].base) * _per_share(symbol)
    share = sympy.Dummy(positive=True)
    value = ratio / (1 - share) if symbol == sy.n_experts else (1 - share) / ratio
    stand_ins = {p: sympy.Dummy(positive=True) for p in powers}
    ring = Ring()
    slack = ring.difference(
        *(
            ring.quotient(side.xreplace(stand_ins).xreplace({symbol: value}))
            for side in (left, right)
        )
    )
    exponents = {share: Fraction(1)} | {s: Fraction(number(p.exp)) for p, s in stand_ins.items()}
    if {base for m in slack for base, _ in ring.factors(m)} - exponents.keys():
        raise InputError("equation", f"{left} = {right}", f"terms that are rational in {symbol}")
    by_rate: dict[Fraction, Fraction] = {}
    for m, c in slack.items():
        rate = sum((exponents[base] * e for base, e in ring.factors(m)), Fraction(0))
        by_rate[rate] = by_rate.get(rate, Fraction(0)) + c
    slowest = min(rate for rate, c in by_rate.items() if c)
    with _precisely():
        rates = [
            (_interval(sympy.Rational(slowest - rate)), sympy.Rational(c))
            for rate, c in sorted(by_rate.items()) if c
        ]  # fmt: skip
        terms: Terms = [(rate, [_interval(c)]) for rate, c in rates]
        found = _isolate(terms, _bound([rates[0][1]], rates[1:])) if rates[1:] else []
        sign = _sign(terms, _START)

    def unknown(y: Fraction) -> sympy.Rational:
        at = value.xreplace({share: sympy.exp(-sympy.Rational(y))})
        return sympy.Rational(sympy.N(at, _DIGITS))

    return sorted(tuple(sorted(map(unknown, bracket))) for bracket in found), sign


@contextlib.contextmanager
def _precisely() -> Iterator[None]:
    before = iv.dps
    iv.dps = _DIGITS
    try:
        yield
    finally:
        iv.dps = before


def _interval(number: sympy.Rational) -> object:
    return iv.mpf(int(number.p)) / iv.mpf(int(number.q))


def _split(
    slack: sympy.Expr, symbol: sympy.Symbol
) -> tuple[list[sympy.Rational], list[tuple[object, sympy.Rational]]]:
    accepted = f"a polynomial in {symbol} plus constants times r**{symbol} with 0 < r < 1"
    powers: dict[int, sympy.Rational] = {}
    decaying: dict[sympy.Expr, sympy.Rational] = {}
    for term in sympy.Add.make_args(sympy.expand(slack, power_base=False, power_exp=False)):
        coefficient, rest = term.as_independent(symbol, as_Add=False)
        base, exponent = rest.as_base_exp() if rest != 1 else (symbol, sympy.S.Zero)
        if not coefficient.is_Rational:
            raise InputError("equation", str(term), accepted)
        if base == symbol and exponent.is_Integer and exponent >= 0:
            power = int(exponent)
            powers[power] = powers.get(power, sympy.S.Zero) + coefficient
        elif _decays(base, exponent / symbol):
            decaying[rest] = decaying.get(rest, sympy.S.Zero) + coefficient
        else:
            raise InputError("equation", str(term), accepted)
    polynomial = [powers.get(k, sympy.S.Zero) for k in range(max(powers, default=0) + 1)]
    rates = []
    for power, coefficient in decaying.items():
        base, exponent = power.as_base_exp()
        rates.append((iv.log(_interval(base)) * _interval(exponent / symbol), coefficient))
    return polynomial, rates


def _decays(base: sympy.Expr, factor: sympy.Expr) -> bool:
    # SymPy takes (1/2)^x for 2^(−x).
    if not (base.is_Rational and factor.is_Rational and base > 0):
        return False
    return bool((base < 1 and factor > 0) or (base > 1 and factor < 0))


def _bound(
    polynomial: list[sympy.Rational], decaying: list[tuple[object, sympy.Rational]]
) -> Fraction:
    """A point beyond which the polynomial outweighs all exponentials (Cauchy's bound)."""
    most = sum((abs(c) for _, c in decaying), sympy.S.Zero)
    while polynomial and polynomial[-1] == 0:
        polynomial = polynomial[:-1]
    if len(polynomial) > 1:
        lead = abs(polynomial[-1])
        others = [abs(c) for c in polynomial[:-1]]
        others[0] += most
        return Fraction(int(sympy.ceiling(1 + max(others) / lead)))
    # Against a constant (or nothing): until the slowest exponential has faded.
    slowest = min(abs(float(rate.mid)) for rate, _ in decaying)  # type: ignore[attr-defined]
    floor = abs(polynomial[0]) if polynomial else sympy.Integer(1)
    ratio = float(sympy.log(1 + 2 * most / floor).evalf())
    return Fraction(int(ratio / slowest) + 2)


def _derivative(terms: Terms) -> Terms:
    """Derivative of the terms divided by the first one's exponential: one coefficient fewer."""
    first = terms[0][0]
    out: Terms = []
    for position, (rate, coefficients) in enumerate(terms):
        shifted = rate - first  # type: ignore[operator]
        slopes = [k * c for k, c in enumerate(coefficients)]  # type: ignore[operator]
        slope = [*slopes[1:], iv.mpf(0)]
        if position == 0:
            if len(coefficients) > 1:
                out.append((iv.mpf(0), slope[:-1]))
            continue
        mixed = [s + shifted * c for s, c in zip(slope, coefficients, strict=True)]
        out.append((shifted, mixed))
    return out


def _value(terms: Terms, x: Fraction) -> object:
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
    return 1 if value > 0 else -1 if value < 0 else 0  # type: ignore[operator]


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


def _bisect(terms: Terms, low: Fraction, high: Fraction, start: int) -> tuple[Fraction, Fraction]:
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
