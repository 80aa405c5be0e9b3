"""Sums of products that keep the factors they were written with: what answers are built from.

``I* (κ L + a)`` stays a product as long as the unknown is not inside it. What is multiplied out
reads worse, and the 1 of ``α (L + 1)``, a token, would lose its unit.
"""

from __future__ import annotations

import functools
import itertools
import math
from collections.abc import Iterable, Iterator, Mapping
from fractions import Fraction

import sympy

from roofsym import polynomial
from roofsym import symbols as sy
from roofsym.errors import InputError, in_letters
from roofsym.polynomial import Number, Polynomial, Ring
from roofsym.values import open_powers

Factors = dict[sympy.Expr, int]
Product = tuple[Number, Factors]


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

    def __init__(self, products: Iterable[Product]) -> None:
        found: dict[frozenset[tuple[sympy.Expr, int]], Product] = {}
        for number, factors in products:
            key = frozenset(factors.items())
            known = found.get(key)
            found[key] = (number, factors) if known is None else (known[0] + number, known[1])
        self.products = [product for product in found.values() if product[0]]

    @classmethod
    def _distinct(cls, products: list[Product]) -> Terms:
        """Of products that are known to differ in their factors, and not to be 0."""
        terms = cls.__new__(cls)
        terms.products = products
        return terms

    @classmethod
    def of(cls, expr: sympy.Expr) -> Terms:
        """Terms of an expression times its denominators, if it has any (they are positive)."""
        return fraction(expr)[0]

    # --- arithmetic --------------------------------------------------------------------------

    def times(self, number: Number, factors: Mapping[sympy.Expr, int] | None = None) -> Terms:
        """Every term times one product."""
        if not factors:
            return Terms._distinct([(number * n, f) for n, f in self.products])
        return Terms._distinct([(number * n, _joined(f, factors)) for n, f in self.products])

    def over(self, number: Number, factors: Mapping[sympy.Expr, int]) -> Terms:
        """Every term divided by one product."""
        inverse = {base: -e for base, e in factors.items()}
        return Terms._distinct(
            [(polynomial.ratio(n, number), _joined(f, inverse)) for n, f in self.products]
        )

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
        found: dict[tuple[int, sympy.Expr], list[Product]] = {}
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
        # Different products of symbols do not cancel; and most of what is asked is not 0.
        return not self._is_flat and polynomial.may_cancel(self.products) and self.sign == 0

    @functools.cached_property
    def _is_flat(self) -> bool:
        """Whether there are products of symbols only, with no sum in them."""
        return all(base.is_Symbol for _, factors in self.products for base in factors)

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
        gap = Terms([(-1, {sy.gap: 1})])
        return next((x for x in (1, -1) if self.times(x).minus(gap).sign == 1), None)

    @functools.cached_property
    def sign(self) -> int | None:
        """1, −1 or 0 if the sign is the same for all positive values of the symbols; else None."""
        if not self.products:
            return 0
        signs = {_product_sign(product) for product in self.products}
        if len(signs) == 1 and (None not in signs or len(self.products) == 1):
            return signs.pop()
        if signs == {1, -1} and all(
            polynomial.any_positive(b) for _, f in self.products for b in f
        ):
            return None
        if self._is_long:
            return None
        ring = Ring()
        return ring.sign(self._expanded(ring))

    def _expanded(self, ring: Ring) -> Polynomial:
        """The sum multiplied out."""
        return ring.total(ring.product(*product) for product in self.products)

    @functools.cached_property
    def _is_long(self) -> bool:
        """Whether it would have thousands of terms, multiplied out."""
        return polynomial.too_long_sum(self.products)

    def common(self) -> tuple[Number, Factors]:
        """Largest product that divides every term; its number is positive."""
        return _content(self.products)

    def whole(self) -> Terms:
        """The sum as one factor, beside the number that all of its terms share."""
        if len(self.products) < 2:
            return self
        turned = all(n < 0 for n, _ in self.products)
        number, factors = (self.times(-1) if turned else self).as_product()
        return Terms._distinct([(-number if turned else number, factors)])

    def as_product(self) -> Product:
        """The sum as one product: what its terms share, and what is left as a factor."""
        if not self.products:
            return 0, {}
        if len(self.products) == 1:
            return self.products[0]
        number, shared = self.common()
        rest = sympy.Add(*itertools.starmap(product, self.over(number, shared).products))
        if not rest.is_Add:  # Of a root's square, say, and what is under the root.
            more, inside = _read(rest)
            return number * more, _joined(shared, inside)
        return number, _joined(shared, {rest: 1})

    def divided_by(self, other: Terms) -> sympy.Expr:
        """Quotient of two sums as an expression.

        Examples
        --------
        >>> from roofsym.symbols import B, L, kappa, w
        >>> Terms.of(2 * B * w + B * kappa).divided_by(Terms.of(4 * B * L))
        (kappa + 2*w)/(4*L)
        """
        (n, above), (d, below) = self.as_product(), other.as_product()
        number = polynomial.ratio(n, d)
        # Of both sides, what they do not share is multiplied into a sum, as SymPy has it.
        n, above = _multiplied_in(number.numerator, above)
        d, below = _multiplied_in(number.denominator, below)
        inverse = {base: -e for base, e in below.items()}
        return product(polynomial.ratio(n, d), _joined(above, inverse))

    def stripped(self) -> Terms:
        """The sum without the positive factors that its terms share: of the same sign."""
        if not self.products:
            return self
        number, shared = self.common()
        return self.over(number, {x: e for x, e in shared.items() if polynomial.sign(x) == 1})

    def simplest(self, below: Factors) -> Terms:
        """The shorter one of the sum as written and multiplied out, of the same sign.

        Parameters
        ----------
        below : mapping
            Positive factors, of a denominator say: those that divide the sum are divided out.
        """
        divisors = [base for base in below if base.is_Add]
        if len(self.products) < 2 or (self._is_flat and not divisors) or self._is_long:
            return self
        # The share of the experts that a step reads, 1 − ρ^T, is one thing: beside other factors.
        opened = [x for product in self.products for x in _opened(product)]
        powers = {base for _, factors in opened for base in factors if open_powers(base)}
        sums = {x for base in powers for x in base.atoms(sympy.Add)}
        hidden = {x: sympy.Dummy(positive=True) for x in sums if 1 in x.args and open_powers(x)}
        shown = {dummy: x for x, dummy in hidden.items()}
        ring = Ring()
        expanded = ring.total(
            ring.product(n, {b.xreplace(hidden): e for b, e in f.items()} if hidden else f)
            for n, f in opened
        )
        for base in divisors:
            divisor = ring.of(base.xreplace(hidden))
            while (less := ring.divide(expanded, divisor)) is not None and expanded:
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
        if not sums or len(self.products) < 2 or self._is_long:
            return self
        ring = Ring()
        total = self._expanded(ring)
        for base in sorted(sums, key=lambda x: sum(1 for _ in _leaves(x)), reverse=True):
            quotient = ring.divide(total, ring.of(base))
            if quotient is not None and len(quotient) < len(self.products):
                return Terms.of(base * Terms.of(ring.expr(quotient)).grouped().expr)
        return self

    def multiplied_out(self) -> Terms:
        """The sum with no sum inside, unless it would have thousands of terms."""
        if self._is_flat or self._is_long:
            return self
        ring = Ring()
        return Terms((c, dict(ring.factors(m))) for m, c in self._expanded(ring).items())

    def grouped(self) -> Terms:
        """The sum with terms of one sign that share a factor put together, most of them first.

        Examples
        --------
        >>> from roofsym.symbols import B, a, kappa, phi, w
        >>> Terms.of(B * kappa + B * a - w * kappa - w * a - phi).grouped().expr
        B*(a + kappa) - phi - w*(a + kappa)

        Powers of a symbol stay a polynomial, and stand once.

        >>> from roofsym.symbols import L, acceptance as p
        >>> powers = p**3 + p**2 + p
        >>> Terms.of((L * powers + 7 * powers).expand()).grouped().expr
        acceptance*(L + 7)*(acceptance**2 + acceptance + 1)
        """
        plus = [(n, f) for n, f in self.products if n > 0]
        minus = [(-n, f) for n, f in self.products if n < 0]
        return Terms(_gathered(plus)).minus(Terms(_gathered(minus)))

    @property
    def length(self) -> int:
        """How many symbols and numbers it takes to write the sum down."""
        return sum(1 for _, f in self.products for base in f for _ in _leaves(base))

    @functools.cached_property
    def expr(self) -> sympy.Expr:
        """The sum as an expression, with common factors before it."""
        return product(*self.as_product())


def _opened(term: Product) -> list[Product]:
    """The terms of a product of a number and nothing but a sum."""
    number, factors = term
    if len(factors) == 1:
        ((base, exponent),) = factors.items()
        if base.is_Add and exponent == 1:
            return [(number * n, f) for n, f in map(_read, base.args)]
    return [term]


def _multiplied_in(number: int, factors: Factors) -> tuple[int, Factors]:
    """A product of a number and nothing but a sum with the number inside it."""
    if number == 1 or len(factors) != 1:
        return number, factors
    ((base, exponent),) = factors.items()
    return (1, {number * base: 1}) if base.is_Add and exponent == 1 else (number, factors)


_in_order = functools.cmp_to_key(sympy.Basic.compare)


def product(number: Number, factors: Mapping[sympy.Expr, int]) -> sympy.Expr:
    """Product of a number and powers of different factors, as SymPy's ``Mul`` makes it.

    That would look for equal factors, and ``Pow`` ask of each sum whether it can be infinite.

    Examples
    --------
    >>> from roofsym.symbols import B, L, w
    >>> product(2, {B + L: -1, w: 2})
    2*w**2/(B + L)
    """
    first = sympy.Rational(number)
    alone = len(factors) == 1 and number != 1  # A number times a sum is multiplied out.
    if not number or alone or not all(map(_is_plain, factors)):
        return sympy.Mul(first, *(b if e == 1 else b**e for b, e in factors.items()))
    powers = [
        b if e == 1 else sympy.Pow(b, sympy.Integer(e), evaluate=False) for b, e in factors.items()
    ]
    powers.sort(key=_in_order)
    return sympy.Mul._from_args(powers if number == 1 else [first, *powers], is_commutative=True)


def _is_plain(base: sympy.Expr) -> bool:
    return base.is_Symbol or (base.is_Add and not base.is_number)


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


def _multiple(products: list[Product], total: sympy.Expr) -> Product | None:
    """Products as one product of a sum, if they are the terms of one."""
    if len(products) != len(total.args):
        return None
    number, shared = _content(products)
    inside = Terms._distinct(products).over(number, shared)
    return (number, _joined(shared, {total: 1})) if inside.minus(Terms.of(total)).is_zero else None


# A sum with so many powers of one symbol is a polynomial in it.
_POLYNOMIAL = 3


def _content(products: list[Product]) -> tuple[Number, Factors]:
    # A whole number has a numerator and a denominator, too.
    above = math.gcd(*(n.numerator for n, _ in products))
    below = math.lcm(*(n.denominator for n, _ in products))
    number = polynomial.ratio(above, below)
    shared = dict(products[0][1])
    for _, factors in products[1:]:
        shared = {b: min(e, factors[b]) for b, e in shared.items() if b in factors}
    return number, shared


def _gathered(products: list[Product]) -> list[Product]:
    """Products of positive numbers, those that share a factor as one of it and a sum."""
    powers: dict[sympy.Expr, list[int]] = {}
    for _, factors in products:
        for base, exponent in factors.items():
            powers.setdefault(base, []).append(exponent)
    # A polynomial stays one: p³ + p² + p, not p (p (p + 1) + 1).
    if len(powers) == 1 and len(products) >= _POLYNOMIAL:
        return products
    counts = {b: len(found) for b, found in powers.items() if len(set(found)) < _POLYNOMIAL}
    # Of factors of as many terms, what comes first in print: I* (κ L + a), not L (I* κ + …).
    base = max(counts, key=lambda x: (counts[x], -sy.rank(x)), default=None)
    if base is None or counts[base] < 2:
        return products
    together = [(n, f) for n, f in products if base in f]
    number, shared = _content(together)
    inside = Terms._distinct(together).over(number, shared)
    group = (number, _joined(shared, {Terms(_gathered(inside.products)).expr: 1}))
    rest = [(n, f) for n, f in products if base not in f]
    sums = [x for x in group[1] if x.is_Add]
    multiple = next((m for x in sums if (m := _multiple(rest, x)) is not None), None)
    rest = _gathered(rest) if multiple is None else [multiple]
    again = any(x in f for _, f in rest for x in sums)
    return _gathered([group, *rest]) if again else [group, *rest]


def content(sums: Iterable[Terms]) -> tuple[Number, Factors]:
    """Largest product that divides every term of every sum; its number is positive."""
    return _content([product for terms in sums for product in terms.products])


def _by_power_product(
    first: Mapping[tuple[int, sympy.Expr], Terms], second: Mapping[tuple[int, sympy.Expr], Terms]
) -> dict[tuple[int, sympy.Expr], Terms]:
    found: dict[tuple[int, sympy.Expr], list[Product]] = {}
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
        # A number to the power of a million tokens would have a million digits.
        short = abs(e) <= polynomial.LARGEST
        if cleared is None and short and base.is_Add and (content := base.primitive()[0]) != 1:
            # x/2 + y/2 is half of x + y.
            number = number * Fraction(polynomial.number(content)) ** e
            base = base / content
        if cleared is None:
            factors = _joined(factors, {base: e})
            continue
        above, below = cleared
        n, own = _read(above.expr)
        if n != 1 and not short:
            n, own = 1, {above.expr: 1}
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
    positive = {base: e for base, e in shared.items() if polynomial.sign(base) == 1}
    lowest = min(parts)
    return {power - lowest: part.over(number, positive) for power, part in parts.items()}
