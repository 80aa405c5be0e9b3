"""Sums of products that keep the factors they were written with: what answers are built from.

``I* (κ L + a)`` stays a product as long as the unknown is not inside it. What is multiplied out
reads worse, and the 1 of ``α (L + 1)``, a token, would lose its unit.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Iterable, Iterator, Mapping
from fractions import Fraction

import sympy

from roofsym import polynomial
from roofsym import symbols as sy
from roofsym.errors import InputError, in_letters
from roofsym.polynomial import Number
from roofsym.values import open_powers

Factors = dict[sympy.Expr, int]


class Terms:
    """A sum of products: each a number and whole powers of factors.

    Parameters
    ----------
    products : iterable of (number, factors)
        Those with the same factors are added up.

    Examples
    --------
    >>> from roofsym.symbols import B, L, a, kappa, ridge, w
    >>> slack = Terms.of(B * ridge * (kappa * L + a) - 2 * B * w)
    >>> slack.expr
    B*(ridge*(L*kappa + a) - 2*w)
    """

    __slots__ = ("_expr", "_sign", "products")

    def __init__(self, products: Iterable[tuple[Number, Factors]]) -> None:
        numbers: dict[frozenset[tuple[sympy.Expr, int]], Number] = {}
        kept: dict[frozenset[tuple[sympy.Expr, int]], Factors] = {}
        for number, factors in products:
            key = frozenset(factors.items())
            numbers[key] = numbers.get(key, 0) + number
            kept.setdefault(key, factors)
        self.products = [(n, kept[key]) for key, n in numbers.items() if n]
        self._expr: sympy.Expr | None = None
        self._sign: int | str | None = ""

    @classmethod
    def of(cls, expr: sympy.Expr) -> Terms:
        """Terms of an expression times its denominators, if it has any (they are positive)."""
        return fraction(expr)[0]

    # --- arithmetic --------------------------------------------------------------------------

    def times(self, number: Number, factors: Mapping[sympy.Expr, int] | None = None) -> Terms:
        """Every term times one product."""
        if not factors:
            return Terms((number * n, f) for n, f in self.products)
        return Terms((number * n, _joined(f, factors)) for n, f in self.products)

    def minus(self, other: Terms) -> Terms:
        """Difference of two sums."""
        return Terms([*self.products, *((-n, f) for n, f in other.products)])

    def multiplied(self, other: Terms) -> Terms:
        """Product of two sums, term by term."""
        return Terms(
            (n * m, _joined(f, g)) for n, f in self.products for m, g in other.products
        )  # fmt: skip

    def split(self, symbol: sympy.Symbol) -> dict[tuple[int, sympy.Expr], Terms]:
        """Coefficients by (power of the symbol, product of what else has it inside).

        Only sums with the symbol in them are multiplied out, and what they have beside it stays
        together: ``I* (κ L + a + w)`` is ``I* κ`` and ``I* (a + w)``.
        """
        found: dict[tuple[int, sympy.Expr], list[tuple[Number, Factors]]] = {}
        for number, factors in self.products:
            exponent, opaque, free, sums = 0, [], {}, []
            for base, e in factors.items():
                if base == symbol:
                    exponent = e
                elif not base.has(symbol):
                    free[base] = e
                elif base.is_Add:
                    sums.append((base, e))
                else:
                    opaque.append(base**e)
            parts = {(exponent, sympy.Mul(*opaque)): Terms([(number, free)])}
            for base, e in sums:
                inner = _split_sum(base, symbol)
                if e == 1 and free:
                    inner = {key: part.whole() for key, part in inner.items()}
                for _ in range(e):
                    parts = _by_power_product(parts, inner)
            for key, part in parts.items():
                found.setdefault(key, []).extend(part.products)
        totals = {key: Terms(products) for key, products in found.items()}
        return {key: total for key, total in totals.items() if not total.is_zero}

    # --- what is seen of it ------------------------------------------------------------------

    @property
    def is_zero(self) -> bool:
        """Whether the sum is 0, multiplied out."""
        if not self.products:
            return True
        if all(n > 0 for n, _ in self.products) and self.sign == 1:
            return False
        return self.sign == 0

    @property
    def sign(self) -> int | None:
        """1, −1 or 0 if the sign is the same for all positive values of the symbols; else None."""
        if self._sign == "":
            self._sign = self._find_sign()
        return self._sign  # type: ignore[return-value]

    @property
    def leaning(self) -> int | None:
        """`sign` of what may be 0 as well: 1 of a sum that is never negative.

        Examples
        --------
        >>> from roofsym.symbols import L, window
        >>> taken = Terms.of(L - window * sympy.floor(L / window))
        >>> print(taken.sign, taken.leaning)
        None 1
        """
        stepwise = any(b.has(sympy.floor, sympy.Max) for _, f in self.products for b in f)
        if self.sign is not None or not stepwise:
            return self.sign
        # What is positive with any positive number added is not negative.
        signs = (x for x in (1, -1) if polynomial.sign(x * self._written + sy.gap) == 1)
        return next(signs, None)

    def _find_sign(self) -> int | None:
        if not self.products:
            return 0
        signs = {_product_sign(product) for product in self.products}
        if len(signs) == 1 and (None not in signs or len(self.products) == 1):
            return signs.pop()
        if signs == {1, -1} and all(
            polynomial.any_positive(b) for _, f in self.products for b in f
        ):
            return None
        return polynomial.sign(self._written)

    def common(self) -> tuple[Number, Factors]:
        """Largest product that divides every term; its number is positive."""
        return _content(self.products)

    def whole(self) -> Terms:
        """The sum as one factor, beside the number that all of its terms share."""
        if len(self.products) < 2:
            return self
        number, _ = self.common()
        if all(n < 0 for n, _ in self.products):
            number = -number
        factors: Factors = {}
        for factor in sympy.Mul.make_args(self.times(1 / Fraction(number)).expr):
            # What its terms share stays apart: it may cancel.
            base, exponent = factor.as_base_exp()
            whole = (base, int(exponent)) if exponent.is_Integer else (factor, 1)
            factors = _joined(factors, dict([whole]))
        return Terms([(number, factors)])

    def stripped(self) -> Terms:
        """The sum without the positive factors that its terms share: of the same sign."""
        if not self.products:
            return self
        number, shared = self.common()
        inverse = {base: -e for base, e in shared.items() if polynomial.sign(base) == 1}
        return self.times(1 / Fraction(number), inverse)

    def simplest(self, below: Factors) -> Terms:
        """The shorter one of the sum as written and multiplied out, of the same sign.

        Parameters
        ----------
        below : mapping
            Positive factors, of a denominator say: those that divide the sum are divided out.
        """
        if len(self.products) < 2 or polynomial.too_long(written := self._written):
            return self
        # The share of the experts that a step reads, 1 − ρ^T, is one thing.
        shares = {x for x in written.atoms(sympy.Add) if 1 in x.args and open_powers(x)}
        hidden = {x: sympy.Dummy(positive=True) for x in shares}
        shown = {dummy: x for x, dummy in hidden.items()}
        ring = polynomial.Ring()
        expanded = ring.of(written.xreplace(hidden))
        sums = [base.xreplace(hidden) for base in below if base.is_Add]
        for base in sums:
            while (less := ring.divide(expanded, ring.of(base))) is not None and expanded:
                expanded = less
        flat = Terms(
            (c, {b.xreplace(shown): e for b, e in ring.factors(m)}) for m, c in expanded.items()
        ).stripped()
        return flat if flat.grouped().length < self.stripped().grouped().length else self

    def factored(self) -> Terms:
        """The sum with a sum in it as a factor, if it is one: ``q (w + w_x) − w − w_x``.

        Examples
        --------
        >>> from roofsym.symbols import B, L, kappa, w
        >>> Terms.of(B * (w + kappa) - w - kappa).factored().expr
        (B - 1)*(kappa + w)
        """
        sums = {base for _, factors in self.products for base in factors if base.is_Add}
        if not sums or len(self.products) < 2:
            return self
        if polynomial.too_long(written := self._written):
            return self
        ring = polynomial.Ring()
        total = ring.of(written)
        for base in sorted(sums, key=sympy.count_ops, reverse=True):
            quotient = ring.divide(total, ring.of(base))
            if quotient is not None and len(quotient) < len(self.products):
                return Terms.of(base * Terms.of(ring.expr(quotient)).grouped().expr)
        return self

    def multiplied_out(self) -> Terms:
        """The sum with no sum inside, unless it would have thousands of terms."""
        if polynomial.too_long(written := self._written):
            return self
        ring = polynomial.Ring()
        return Terms((c, dict(ring.factors(m))) for m, c in ring.of(written).items())

    def grouped(self) -> Terms:
        """The sum with terms of one sign that share a factor put together, most of them first.

        Examples
        --------
        >>> from roofsym.symbols import B, a, kappa, phi, w
        >>> Terms.of(B * kappa + B * a - w * kappa - w * a - phi).grouped().expr
        B*(a + kappa) - phi - w*(a + kappa)
        """
        plus = [(n, f) for n, f in self.products if n > 0]
        minus = [(-n, f) for n, f in self.products if n < 0]
        return Terms(_gathered(plus)).minus(Terms(_gathered(minus)))

    @property
    def length(self) -> int:
        """How many symbols and numbers it takes to write the sum down."""
        return sum(1 for _, f in self.products for base in f for _ in _leaves(base))

    @property
    def _written(self) -> sympy.Expr:
        """The sum as an expression, term by term."""
        return sympy.Add(*map(_product, self.products))

    @property
    def expr(self) -> sympy.Expr:
        """The sum as an expression, with common factors before it."""
        if self._expr is None:
            self._expr = self._build()
        return self._expr

    def _build(self) -> sympy.Expr:
        if not self.products:
            return sympy.S.Zero
        if len(self.products) == 1:
            return _product(self.products[0])
        number, shared = self.common()
        inverse = {base: -e for base, e in shared.items()}
        rest = [(Fraction(n) / number, _joined(f, inverse)) for n, f in self.products]
        return sympy.Mul(_product((number, shared)), sympy.Add(*map(_product, rest)))


def _product(term: tuple[Number, Mapping[sympy.Expr, int]]) -> sympy.Expr:
    number, factors = term
    return sympy.Mul(sympy.Rational(number), *(b if e == 1 else b**e for b, e in factors.items()))


def _leaves(expr: sympy.Expr) -> Iterator[sympy.Expr]:
    return (x for x in sympy.preorder_traversal(expr) if not x.args)


def _joined(first: Mapping[sympy.Expr, int], second: Mapping[sympy.Expr, int]) -> Factors:
    joined = dict(first)
    for base, e in second.items():
        if total := joined.get(base, 0) + e:
            joined[base] = total
        else:
            joined.pop(base, None)
    return joined


def _product_sign(term: tuple[Number, Factors]) -> int | None:
    number, factors = term
    sign = 1 if number > 0 else -1
    for base, e in factors.items():
        known = polynomial.sign(base) if e % 2 else _even(base)
        if known is None:
            return None
        sign *= known
    return sign


def _even(base: sympy.Expr) -> int | None:
    return 1 if polynomial.sign(base) in (1, -1) else None


def _content(products: list[tuple[Number, Factors]]) -> tuple[Number, Factors]:
    above = math.gcd(*(abs(Fraction(n).numerator) for n, _ in products))
    below = math.lcm(*(Fraction(n).denominator for n, _ in products))
    number = above if below == 1 else Fraction(above, below)
    shared = dict(products[0][1])
    for _, factors in products[1:]:
        shared = {b: min(e, factors[b]) for b, e in shared.items() if b in factors}
    return number, shared


def _gathered(products: list[tuple[Number, Factors]]) -> list[tuple[Number, Factors]]:
    """Products of positive numbers, those that share a factor as one of it and a sum."""
    counts: dict[sympy.Expr, int] = {}
    for _, factors in products:
        for base in factors:
            counts[base] = counts.get(base, 0) + 1
    base = max(counts, key=lambda x: counts[x], default=None)
    if base is None or counts[base] < 2:
        return products
    together = [(n, f) for n, f in products if base in f]
    number, shared = _content(together)
    inverse = {b: -e for b, e in shared.items()}
    inside = Terms((Fraction(n) / number, _joined(f, inverse)) for n, f in together)
    group = (number, _joined(shared, {Terms(_gathered(inside.products)).expr: 1}))
    return [group, *_gathered([(n, f) for n, f in products if base not in f])]


def content(sums: Iterable[Terms]) -> tuple[Number, Factors]:
    """Largest product that divides every term of every sum; its number is positive."""
    return _content([product for terms in sums for product in terms.products])


def _by_power_product(
    first: Mapping[tuple[int, sympy.Expr], Terms], second: Mapping[tuple[int, sympy.Expr], Terms]
) -> dict[tuple[int, sympy.Expr], Terms]:
    found: dict[tuple[int, sympy.Expr], list[tuple[Number, Factors]]] = {}
    for (i, x), one in first.items():
        for (j, y), two in second.items():
            found.setdefault((i + j, x * y), []).extend(one.multiplied(two).products)
    return {key: Terms(products) for key, products in found.items()}


@functools.lru_cache(maxsize=1024)
def _split_sum(base: sympy.Expr, symbol: sympy.Symbol) -> dict[tuple[int, sympy.Expr], Terms]:
    return Terms.of(base).split(symbol)


# --- fractions --------------------------------------------------------------------------------


def fraction(expr: sympy.Expr) -> tuple[Terms, Factors]:
    """Numerator and denominator of an expression, the latter as a product.

    Examples
    --------
    >>> from roofsym.symbols import B, bandwidth, peak, phi, w
    >>> above, below = fraction(B * phi / peak + w / bandwidth)
    >>> above.expr, sorted(below, key=str)
    (B*bandwidth*phi + peak*w, [bandwidth, peak])
    """
    products = [_read(term) for term in sympy.Add.make_args(expr)]
    below: Factors = {}
    for _, factors in products:
        for base, e in factors.items():
            if e < 0:
                below[base] = max(below.get(base, 0), -e)
    if below:
        products = [(n, _joined(factors, below)) for n, factors in products]
    return Terms(products), below


def _read(term: sympy.Expr) -> tuple[Number, Factors]:
    number: Number = 1
    factors: Factors = {}
    for factor in sympy.Mul.make_args(term):
        if factor.is_Rational:
            number = number * polynomial.number(factor)
            continue
        base, e = factor, 1
        if factor.is_Pow and factor.exp.is_Integer:
            base, e = factor.base, int(factor.exp)
        cleared = _cleared(base)
        if cleared is None and base.is_Add and (content := base.primitive()[0]) != 1:
            # x/2 + y/2 is half of x + y.
            number = number * Fraction(polynomial.number(content)) ** e
            base = base / content
        if cleared is None:
            factors = _joined(factors, {base: e})
            continue
        above, below = cleared
        n, own = _read(above.expr)
        number = number * Fraction(n) ** e
        factors = _joined(factors, {b: k * e for b, k in own.items()})
        factors = _joined(factors, {b: -k * e for b, k in below.items()})
    return number, factors


@functools.lru_cache(maxsize=4096)
def _cleared(base: sympy.Expr) -> tuple[Terms, Factors] | None:
    """A sum as a fraction, if there are denominators in it."""
    return fraction(base) if base.is_Add and _divided(base) else None


def _divided(expr: sympy.Expr) -> bool:
    if expr.is_Pow and expr.exp.is_Integer:
        return bool(expr.exp < 0) or _divided(expr.base)
    return (expr.is_Add or expr.is_Mul) and any(map(_divided, expr.args))


def sides(left: sympy.Expr, right: sympy.Expr) -> tuple[Terms, Terms]:
    """Two sides of an equation, times the denominators of both."""
    (above_l, below_l), (above_r, below_r) = fraction(left), fraction(right)
    return (
        above_l.times(1, _beyond(below_r, below_l)),
        above_r.times(1, _beyond(below_l, below_r)),
    )


def _beyond(wanted: Factors, present: Factors) -> Factors:
    """What a denominator has that another has not."""
    return {b: e - present.get(b, 0) for b, e in wanted.items() if e > present.get(b, 0)}


def by_power(terms: Terms, symbol: sympy.Symbol) -> dict[int, Terms]:
    """Coefficients by power of a symbol, in rising order.

    Raises
    ------
    InputError
        If the sum is no polynomial in the symbol.
    """
    parts = terms.split(symbol)
    for _, rest in parts:
        if rest != 1:
            raise InputError("equation", in_letters(rest), f"terms that are polynomial in {symbol}")
    return {power: parts[power, sympy.S.One] for power in sorted(power for power, _ in parts)}


def coefficients(left: sympy.Expr, right: sympy.Expr, symbol: sympy.Symbol) -> dict[int, Terms]:
    """Coefficients of ``left − right`` times the denominators, by power of the unknown.

    The lowest power is 0, and what all of them share is divided out: it is positive.

    Raises
    ------
    InputError
        If that is no polynomial in the unknown.

    Examples
    --------
    >>> from roofsym.symbols import B, a, phi, ridge, w
    >>> for power, found in coefficients(B * phi / (w + B * a), ridge, B).items():
    ...     print(power, found.expr)
    0 -ridge*w
    1 -a*ridge + phi
    """
    one, other = sides(left, right)
    parts = by_power(one.minus(other), symbol)
    if not parts:
        return {}
    number, shared = content(parts.values())
    inverse = {base: -e for base, e in shared.items() if polynomial.sign(base) == 1}
    lowest = min(parts)
    return {
        power - lowest: part.times(1 / Fraction(number), inverse) for power, part in parts.items()
    }
