"""Expanded polynomials with exact coefficients: where signs and equalities are decided.

SymPy decides them too, by building trees of expressions that nobody will look at; that took most of
the time of an answer, which needs dozens of such decisions. Here a monomial is one whole number, of
16 bits for each symbol's exponent: monomials are multiplied by adding them.
"""

from __future__ import annotations

import functools
import math
import random
from collections.abc import Iterable, Iterator, Mapping
from fractions import Fraction
from typing import TypeAlias

import sympy

from roofsym import symbols as sy
from roofsym.values import irrational_parts, square_roots

Number: TypeAlias = "int | Fraction"
Polynomial: TypeAlias = "dict[int, Number]"
Quotient: TypeAlias = "tuple[Polynomial, Polynomial]"

_BITS = 16
_FIELD = (1 << _BITS) - 1
# The top bit of each exponent stays free: subtracting monomials shows there what does not divide.
LARGEST = (1 << (_BITS - 1)) - 1
_ONE: Polynomial = {0: 1}
# The share of the experts that a token leaves idle, as a constant and written out.
_IDLE = (sy.rho, sy.idle_share)
# A power of a sum with more terms than this stays a symbol of its own.
_MOST_TERMS = 2000


def number(value: sympy.Rational) -> Number:
    """Python number of a SymPy one."""
    return int(value.p) if value.q == 1 else Fraction(int(value.p), int(value.q))


def ratio(above: Number, below: Number) -> Number:
    """Quotient of two numbers, whole where it is."""
    if below == 1:
        return above
    found = Fraction(above, below)
    return found.numerator if found.denominator == 1 else found


def multiply(first: Polynomial, second: Polynomial) -> Polynomial:
    """Product of two polynomials of one ring."""
    if first is _ONE:
        return second
    if second is _ONE:
        return first
    product: Polynomial = {}
    for m, c in first.items():
        for n, d in second.items():
            product[m + n] = product.get(m + n, 0) + c * d
    return {m: c for m, c in product.items() if c}


def add(first: Polynomial, second: Polynomial, factor: Number = 1) -> Polynomial:
    """Sum of one polynomial and a multiple of another."""
    total = dict(first)
    for m, c in second.items():
        total[m] = total.get(m, 0) + factor * c
    return {m: c for m, c in total.items() if c}


def power(base: Polynomial, exponent: int) -> Polynomial:
    """A polynomial to a power of at least 0."""
    return functools.reduce(multiply, [base] * exponent, _ONE)


class Ring:
    """Polynomials that can be added, multiplied and compared: over the same generators.

    A generator is a symbol, or anything else that is no sum, product or whole power: ``ρ^B``, a
    square root, a ``Max``.

    Examples
    --------
    >>> from roofsym.symbols import L, a, kappa
    >>> ring = Ring()
    >>> one, other = (ring.of(x) for x in ((kappa * L + a) ** 2, kappa * L * (kappa * L + 2 * a)))
    >>> ring.expr(add(one, other, -1))
    a**2
    """

    def __init__(self) -> None:
        self._place: dict[sympy.Expr, int] = {}
        self._known: dict[sympy.Expr, Quotient] = {}

    # --- reading expressions -----------------------------------------------------------------

    def of(self, expr: sympy.Expr) -> Polynomial:
        """Polynomial that an expression without denominators is.

        Raises
        ------
        ValueError
            If there is a denominator other than a number.
        """
        above, below = self.quotient(expr)
        if below is not _ONE and below != _ONE:
            raise ValueError(f"{expr} has a denominator")
        return above

    def product(self, number: Number, factors: Mapping[sympy.Expr, int]) -> Polynomial:
        """Product of a number and whole powers of expressions, all without denominators.

        Raises
        ------
        ValueError
            If there is a denominator.
        """
        found: Polynomial = {0: number}
        for base, exponent in factors.items():
            if exponent < 0:
                raise ValueError(f"{base} is a denominator")
            found = multiply(found, power(self.of(base), exponent))
        return found

    def total(self, parts: Iterable[Polynomial]) -> Polynomial:
        """Sum of polynomials."""
        return functools.reduce(add, parts, {})

    def quotient(self, expr: sympy.Expr) -> Quotient:
        """Numerator and denominator of an expression."""
        found = self._known.get(expr)
        if found is None:
            found = self._known[expr] = self._read(expr)
        return found

    def _read(self, expr: sympy.Expr) -> Quotient:
        if expr.is_Symbol:
            return {self.generator(expr): 1}, _ONE
        if expr.is_Rational:
            return ({0: number(expr)} if expr != 0 else {}), _ONE
        if expr.is_Add:
            return self._total([self.quotient(x) for x in expr.args])
        if expr.is_Mul:
            parts = [self.quotient(x) for x in expr.args]
            return tuple(
                functools.reduce(multiply, side, _ONE) for side in zip(*parts, strict=True)
            )  # type: ignore[return-value]
        if expr.is_Pow and expr.exp.is_Integer:
            above, below = self.quotient(expr.base)
            n = abs(int(expr.exp))
            longest = max(len(above), len(below))
            if math.comb(n + longest - 1, longest - 1) <= _MOST_TERMS and n <= LARGEST:
                raised = power(above, n), power(below, n)
                return raised if expr.exp > 0 else (raised[1], raised[0])
        if expr.is_Float:
            exact = sympy.Rational(expr)
            return {0: number(exact)}, _ONE
        plain = _canonical(expr)
        return ({self.generator(expr): 1}, _ONE) if plain == expr else self.quotient(plain)

    def _total(self, parts: list[Quotient], factor: int = 1) -> Quotient:
        """Sum of quotients, or the first and a multiple of the second."""
        above, below = parts[0]
        for top, bottom in parts[1:]:
            # One denominator is often a power of the other: multiplied together they would grow.
            if bottom is below or bottom == below:
                above = add(above, top, factor)
            elif (more := self.divide(below, bottom)) is not None:
                above = add(above, multiply(top, more), factor)
            elif (more := self.divide(bottom, below)) is not None:
                above, below = add(multiply(above, more), top, factor), bottom
            else:
                above = add(multiply(above, bottom), multiply(top, below), factor)
                below = multiply(below, bottom)
        return above, below

    def difference(self, first: Quotient, second: Quotient) -> Polynomial:
        """Numerator of the difference of two quotients."""
        return self._total([first, second], -1)[0]

    def generator(self, base: sympy.Expr) -> int:
        """Monomial of one generator."""
        place = self._place.setdefault(base, len(self._place))
        return 1 << (_BITS * place)

    # --- arithmetic --------------------------------------------------------------------------

    def factors(self, monomial: int) -> Iterator[tuple[sympy.Expr, int]]:
        """Generators of a monomial, with their exponents."""
        for base, place in self._place.items():
            if exponent := (monomial >> (_BITS * place)) & _FIELD:
                yield base, exponent

    def cofactors(self, first: int, second: int) -> tuple[int, int]:
        """The smallest monomials that make two monomials the same one."""
        one = other = 0
        for place in range(len(self._place)):
            shift = _BITS * place
            more = ((first >> shift) & _FIELD) - ((second >> shift) & _FIELD)
            if more > 0:
                other += more << shift
            else:
                one += -more << shift
        return one, other

    def by_power(self, polynomial: Polynomial, base: sympy.Expr) -> dict[int, Polynomial]:
        """Coefficients by power of a generator."""
        place = self._place.get(base)
        if place is None:
            return {0: polynomial} if polynomial else {}
        shift = _BITS * place
        found: dict[int, Polynomial] = {}
        for m, c in polynomial.items():
            exponent = (m >> shift) & _FIELD
            found.setdefault(exponent, {})[m - (exponent << shift)] = c
        return found

    def divide(self, polynomial: Polynomial, divisor: Polynomial) -> Polynomial | None:
        """Quotient of two polynomials where there is no remainder, else None."""
        lead = max(divisor)
        guard = sum(1 << (_BITS * (place + 1) - 1) for place in range(len(self._place)))
        rest, quotient = dict(polynomial), {}
        while rest:
            top = max(rest)
            if ((top | guard) - lead) & guard != guard:
                return None
            share = quotient[top - lead] = ratio(rest[top], divisor[lead])
            for m, c in divisor.items():
                at = top - lead + m
                left = rest.get(at, 0) - share * c
                if left:
                    rest[at] = left
                else:
                    del rest[at]
        return quotient

    def expr(self, polynomial: Polynomial) -> sympy.Expr:
        """Expression of a polynomial, multiplied out."""
        return sympy.Add(
            *(
                sympy.Mul(sympy.Rational(c), *(b**e for b, e in self.factors(m)))
                for m, c in polynomial.items()
            )
        )

    # --- signs -------------------------------------------------------------------------------

    def sign(self, polynomial: Polynomial) -> int | None:
        """1, −1 or 0 if the sign is the same for all positive values of the symbols; else None."""
        found = self.plain_sign(polynomial)
        if found is not None or not polynomial:
            return found
        for base in [x for x in self._place if isinstance(x, sympy.floor)]:
            polynomial = self._unfloored(polynomial, base)
        polynomial, shares = self._joined_shares(polynomial)
        for base in list(self._place):
            # A window holds more than the token itself: W − 1 is positive, though W > 0 does
            # not say so. A share of the experts lies between 0 and 1, of many tokens too.
            if base == sy.window:
                polynomial = self._put(polynomial, base, add({self.generator(base): 1}, _ONE))
            elif base in shares:
                polynomial = self._as_share(polynomial, base)
            elif (longer := _longer(base)) is not None:
                # What a window leaves out of a length, max(S − W, 0), is less than it.
                put_in = add({self.generator(longer): 1}, {self.generator(base): 1})
                polynomial = self._put(polynomial, longer, put_in)
        found = self.plain_sign(polynomial)
        if found is None and all(x.is_number for m in polynomial for x, _ in self.factors(m)):
            return sign(self.expr(polynomial))  # Of a root and whole numbers, say.
        return found

    def plain_sign(self, polynomial: Polynomial) -> int | None:
        """`sign`, as the signs of the terms tell it: W − 1 is not seen to be positive."""
        if not polynomial:
            return 0
        if polynomial.keys() == {0}:
            return 1 if polynomial[0] > 0 else -1
        # A sum of terms of one sign has it, though some of them may be 0: of these, not all.
        signs, certain = set(), False
        # What is no symbol is not left to SymPy, which asks the signs of differences of arms.
        unclear = {base for base in self._place if not (base.is_Symbol and base.is_positive)}
        for m, c in polynomial.items():
            sign, strict = (1 if c > 0 else -1), True
            for base, exponent in self.factors(m) if unclear else ():
                if base in unclear:
                    known, positive = _generator_sign(base)
                    if known is None:
                        return None
                    sign *= known**exponent
                    strict = strict and positive
            certain = certain or strict
            signs.add(sign)
            if len(signs) > 1:
                return None
        return signs.pop() if certain else None

    def _joined_shares(self, polynomial: Polynomial) -> tuple[Polynomial, list[sympy.Expr]]:
        """With one share in place of several that stand in one product throughout, and which.

        ``ρ^(B + S)`` is ``ρ^B ρ^S``: of a long exponent, each of them would double the terms.
        """
        shares = [x for x in self._place if _is_share(x)]
        if len(shares) < 2:
            return polynomial, shares
        joined = sum(self.generator(x) for x in shares)
        exponents = {m: [e for x, e in self.factors(m) if x in shares] for m in polynomial}
        if all(len(es) in (0, len(shares)) and len({*es}) < 2 for es in exponents.values()):
            first = self.generator(shares[0])
            polynomial = {
                m - es[0] * (joined - first) if es else m: c
                for (m, c), es in zip(polynomial.items(), exponents.values(), strict=True)
            }
            shares = shares[:1]
        return polynomial, shares[:_MOST_SHARES]

    def _as_share(self, polynomial: Polynomial, base: sympy.Expr) -> Polynomial:
        """With ``u / (1 + u)`` in place of a share; u takes its name.

        Without the denominator, which is positive.
        """
        u: Polynomial = {self.generator(base): 1}
        shifted = add(u, _ONE)
        by_power = self.by_power(polynomial, base)
        highest = max(by_power)
        total: Polynomial = {}
        for exponent, coefficient in by_power.items():
            factor = multiply(power(u, exponent), power(shifted, highest - exponent))
            total = add(total, multiply(coefficient, factor))
        return total

    def _put(self, polynomial: Polynomial, base: sympy.Expr, inserted: Polynomial) -> Polynomial:
        """With a polynomial in place of a generator, whose name it may take."""
        total: Polynomial = {}
        for exponent, coefficient in self.by_power(polynomial, base).items():
            total = add(total, multiply(coefficient, power(inserted, exponent)))
        return total

    def _unfloored(self, polynomial: Polynomial, base: sympy.Expr) -> Polynomial:
        """With ``x − u`` in place of ``⌊x⌋``; u, the part of a step that is taken, takes its name.

        Without the denominator, which is positive.
        """
        above, below = self.quotient(base.args[0])
        if self.sign(below) != 1:
            return polynomial
        whole = add(above, multiply(below, {self.generator(base): 1}), -1)
        by_power = self.by_power(polynomial, base)
        highest = max(by_power)
        total: Polynomial = {}
        for exponent, coefficient in by_power.items():
            factor = multiply(power(whole, exponent), power(below, highest - exponent))
            total = add(total, multiply(coefficient, factor))
        return total


def _is_share(base: sympy.Expr) -> bool:
    """Whether what is no symbol, or ρ, lies between 0 and 1."""
    if not base.is_Pow:
        return bool(base == sy.rho)
    known = base.base in _IDLE or (base.base.is_Rational and 0 < base.base < 1)
    return bool(known and sign(base.exp) == 1)


@functools.lru_cache(maxsize=1024)
def _generator_sign(base: sympy.Expr) -> tuple[int | None, bool]:
    """Sign of what is no symbol, and whether it is never 0: None if it can be either."""
    if isinstance(base, sympy.Min | sympy.Max):
        signs = {sign(arm) for arm in base.args}
        # The smallest is positive if all are, the largest if one is.
        if signs == {1} or (isinstance(base, sympy.Max) and 1 in signs):
            return 1, True
        return (1, False) if isinstance(base, sympy.Max) and 0 in signs else (None, False)
    if base.is_Pow and base.base in _IDLE:
        return 1, True
    if base.is_nonnegative or (base.is_Pow and base.exp == sympy.Rational(1, 2)):
        # A root is compared where there is one: its square is not negative there.
        return 1, bool(base.is_positive)
    return (-1, True) if base.is_negative else (None, False)


def _longer(base: sympy.Expr) -> sympy.Symbol | None:
    """The symbol that ``max(x − y, 0)`` is less than, whatever it is: x, where y is positive."""
    if not (isinstance(base, sympy.Max) and len(base.args) == 2 and sympy.S.Zero in base.args):
        return None
    (rest,) = (x for x in base.args if x != 0)
    return next((x for x in sympy.Add.make_args(rest) if x.is_Symbol and sign(x - rest) == 1), None)


def _plainly(expr: sympy.Expr) -> bool:
    """Whether an expression is positive as it is written: no minus sign anywhere."""
    if expr.is_Symbol:
        return bool(expr.is_positive)
    if expr.is_Rational:
        return bool(expr > 0)
    if expr.is_Add or expr.is_Mul:
        return all(_plainly(x) for x in expr.args)
    return bool(expr.is_Pow and expr.exp.is_Integer and _plainly(expr.base))


def any_positive(expr: sympy.Expr) -> bool:
    """Whether an expression is a symbol that can be any positive number."""
    return expr.is_Symbol and expr.is_positive and expr not in (sy.window, sy.rho)


@functools.lru_cache(maxsize=4096)
def sign(expr: sympy.Expr) -> int | None:
    """1, −1 or 0 if the sign is the same for all positive values of the symbols; else None.

    Examples
    --------
    >>> from roofsym.symbols import L, a, rho, window
    >>> sign(L + a), sign(rho - 1), sign(1 - window - a), sign(L - a)
    (1, -1, -1, None)
    >>> sign((1 - sy.top_k / sy.n_experts) ** L - 1)
    -1
    >>> sign(L + a - window * sympy.floor(L / window)), sign(L - sympy.Max(L - window, 0))
    (1, 1)
    """
    if _plainly(expr):
        return 1
    if not expr.free_symbols:
        # Of numbers such as ln(7/9), SymPy finds as many digits as it takes.
        return 1 if expr.is_positive else -1 if expr.is_negative else 0 if expr.is_zero else None
    if too_long(expr):
        return None
    ring = Ring()
    above, below = (ring.sign(x) for x in ring.quotient(expr))
    return None if above is None or below is None else above * below


def is_zero(expr: sympy.Expr) -> bool:
    """Whether an expression is 0 wherever it is defined.

    Multiplied out; where that would have too many terms, by its values modulo a prime of 127 bits
    at two points drawn at random. A polynomial of degree d that is not 0 is 0 at such a point with
    a probability of d over the prime (Schwartz and Zippel): not once in 10^60 proofs.
    """
    if too_long(expr):
        return all(point[expr] == 0 for point in _points())
    # Most of what is asked about is not 0, which one point shows.
    return _points()[0][expr] == 0 and not Ring().quotient(expr)[0]


def may_cancel(products: Iterable[tuple[Number, Mapping[sympy.Expr, int]]]) -> bool:
    """Whether a sum of products is 0 at a point drawn at random: otherwise it is not 0."""
    point, total = _points()[0], 0
    for number, factors in products:
        term = number.numerator * pow(number.denominator, -1, _PRIME)
        for base, exponent in factors.items():
            term = term * pow(point[base], exponent, _PRIME) % _PRIME
        total += term
    return total % _PRIME == 0


# --- what is too long to be multiplied out ----------------------------------------------------

# Each share that is shown to be less than 1 doubles the terms.
_MOST_SHARES = 6

_LONG = 3000
_PRIME = 2**127 - 1


def too_long(*exprs: sympy.Expr) -> bool:
    """Whether expressions would have thousands of terms, multiplied out.

    Examples
    --------
    >>> from roofsym.symbols import B, L, a, w
    >>> too_long((B + L) * (a + w)), too_long((B + L + a + w) ** 40)
    (False, True)
    """
    return any(max(_lengths(expr)) > _LONG for expr in exprs)


def too_long_sum(products: Iterable[tuple[Number, Mapping[sympy.Expr, int]]]) -> bool:
    """Whether a sum of products of expressions without denominators would have so many."""
    total = 0.0
    for _, factors in products:
        total += math.prod(_power_length(_lengths(base)[0], e) for base, e in factors.items())
    return total > _LONG


def _power_length(size: float, exponent: int) -> float:
    """How many terms a power of a sum has at most."""
    if size > _LONG or exponent > LARGEST:
        return math.inf
    return 1.0 if size == 1 else float(math.comb(exponent + int(size) - 1, exponent))


@functools.lru_cache(maxsize=4096)
def _lengths(expr: sympy.Expr) -> tuple[float, float]:
    """How many terms numerator and denominator of an expression have at most."""
    if expr.is_Add:
        # Terms over the same denominator are not multiplied by it.
        divisors = [{f for f in sympy.Mul.make_args(x) if _divides(f)} for x in expr.args]
        shared = math.prod(_lengths(f)[1] for f in set().union(*divisors))
        terms = 0.0
        for x, own in zip(expr.args, divisors, strict=True):
            terms += _lengths(x)[0] * shared / math.prod(_lengths(f)[1] for f in own)
        return terms, shared
    if expr.is_Mul:
        parts = [_lengths(x) for x in expr.args]
        return math.prod(n for n, _ in parts), math.prod(d for _, d in parts)
    if expr.is_Pow and expr.exp.is_Integer:
        above, below = (_power_length(x, abs(int(expr.exp))) for x in _lengths(expr.base))
        return (above, below) if expr.exp > 0 else (below, above)
    return 1.0, 1.0


def _divides(factor: sympy.Expr) -> bool:
    return bool(factor.is_Pow and factor.exp.is_Integer and factor.exp < 0)


class _Point(dict[sympy.Expr, int]):
    """Values of expressions modulo the prime, where every generator has one drawn at random."""

    def __init__(self, seed: int) -> None:
        super().__init__()
        self._source = random.Random(seed)

    def __missing__(self, expr: sympy.Expr) -> int:
        self[expr] = self._value(expr)
        return self[expr]

    def _value(self, expr: sympy.Expr) -> int:
        if expr.is_Symbol:
            return self._drawn()
        if expr.is_Rational or expr.is_Float:
            exact = sympy.Rational(expr)
            return int(exact.p) * pow(int(exact.q), -1, _PRIME) % _PRIME
        if expr.is_Add:
            return sum(self[x] for x in expr.args) % _PRIME
        if expr.is_Mul:
            return functools.reduce(lambda x, y: x * y % _PRIME, [self[x] for x in expr.args])
        if expr.is_Pow and expr.exp.is_Integer:
            return pow(self[expr.base], int(expr.exp), _PRIME)
        plain = _canonical(expr)
        return self._drawn() if plain == expr else self[plain]

    def _drawn(self) -> int:
        return self._source.getrandbits(_PRIME.bit_length() - 1)


_POINTS = [_Point(seed) for seed in range(2)]
_MOST_VALUES = 50_000


def _points() -> list[_Point]:
    if len(_POINTS[0]) > _MOST_VALUES:
        forget()
    return _POINTS


def forget() -> None:
    """Draw the points anew, at which values of expressions are remembered."""
    _POINTS[:] = [_Point(seed) for seed in range(len(_POINTS))]


def at_root(value: sympy.Expr) -> tuple[sympy.Expr, sympy.Expr, sympy.Expr] | None:
    """``m``, ``n`` and ``D`` of ``m + n √D``; None if there is not one square root.

    Examples
    --------
    >>> from roofsym.symbols import B, L
    >>> at_root(B - 2 * sympy.sqrt(L + 1))
    (B, -2, L + 1)
    >>> at_root(-sympy.sqrt(B / (L + 1)))
    (0, -1, B/(L + 1))
    """
    # SymPy makes a product of roots of the root of a product.
    if not value.is_Add and not irrational_parts(square := value**2):
        return sympy.S.Zero, sympy.sign(value.as_coeff_Mul()[0]), square
    roots = square_roots(value)
    if len(roots) != 1:
        return None
    (root,) = roots
    m, with_one = (value.xreplace({root: x}) for x in (sympy.S.Zero, sympy.S.One))
    return m, with_one - m, root.base


def is_zero_at_root(ring: Ring, parts: Mapping[int, Polynomial], value: sympy.Expr) -> bool:
    """Whether ``m + n √D`` makes a polynomial 0, given by the coefficients of its powers.

    By values modulo a prime at two points, as in `is_zero`: pairs ``(a, b)`` stand for
    ``a + b √D``, and are 0 if both are. Multiplied out, a solution takes minutes in the dimensions
    of a model.

    Examples
    --------
    >>> from roofsym.symbols import L, w
    >>> ring = Ring()
    >>> parts = {2: ring.of(sympy.Integer(1)), 1: ring.of(-2 * L), 0: ring.of(w)}
    >>> is_zero_at_root(ring, parts, L + sympy.sqrt(L**2 - w))
    True
    >>> is_zero_at_root(ring, parts, L + sympy.sqrt(L**2 + w))
    False
    """
    split = at_root(value)
    if split is None:
        raise ValueError(f"{value} has not one square root")
    for seed in range(len(_POINTS)):
        point = _Point(seed)
        m, n, radicand = (point[x] for x in split)
        a = b = 0
        for exponent in range(max(parts), -1, -1):
            coefficient = sum(
                point[sympy.Rational(c)] * math.prod(pow(point[x], e, _PRIME) for x, e in factors)
                for factors, c in ((ring.factors(k), c) for k, c in parts.get(exponent, {}).items())
            )
            a, b = a * m + b * n * radicand + coefficient, a * n + b * m
            a, b = a % _PRIME, b % _PRIME
        if a or b:
            return False
    return True


@functools.lru_cache(maxsize=1024)
def _canonical(expr: sympy.Expr) -> sympy.Expr:
    """A generator in the one form in which it is known, or a product of such.

    ``ρ^(B + 2)`` is ``ρ^B ρ²``; ``(1 − k/E)^B`` and ``((E − k)/E)^B`` are the same, and so are
    functions of arguments that are written in different forms.
    """
    if expr.is_Pow and not expr.exp.is_Rational:
        base = _multiplied_out(expr.base)
        terms = sympy.Add.make_args(_multiplied_out(expr.exp))
        return sympy.Mul(*(sympy.Pow(base, term) for term in terms))
    if isinstance(expr, sympy.Min | sympy.Max):
        # Evaluated, they compare their arms with one another, which takes SymPy milliseconds.
        return expr.func(*map(_multiplied_out, expr.args), evaluate=False)
    if expr.is_Function:
        return expr.func(*map(_multiplied_out, expr.args))
    return expr


def _multiplied_out(expr: sympy.Expr) -> sympy.Expr:
    if expr.is_Atom:
        return expr
    ring = Ring()
    above, below = ring.quotient(expr)
    if len(below) > 1:
        return ring.expr(above) / ring.expr(below)
    divisor = 1 / ring.expr(below)
    return sympy.Add(*(x * divisor for x in sympy.Add.make_args(ring.expr(above))))
