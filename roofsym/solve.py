"""Where two expressions meet: for which value of a symbol, under which condition, or never.

Equations between rational expressions become a polynomial in the unknown whose coefficients are
expressions in the other symbols, all of them positive. Degrees 1 and 2 are solved in closed form,
with conditions from the signs of the coefficients; higher degrees by a certified root, once every
other symbol has a number. ``Min`` and ``Max`` are solved arm by arm.

``sympy.solve`` is not used: it returns a value without the condition under which it holds, fails
through ``Max``, and takes a hundred times longer.
"""

from __future__ import annotations

import functools
import random
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

import sympy
from sympy.logic.boolalg import Boolean

from roofsym import exponential
from roofsym import symbols as sy
from roofsym.errors import InputError, ProofError
from roofsym.values import expression, open_powers, put

OUTCOMES = ("crosses", "conditional", "never", "always", "numeric")


@dataclass(frozen=True)
class Branch:
    """One value of the unknown at which the two sides meet, and when it does.

    Attributes
    ----------
    value : sympy.Expr
        The value.
    when : sympy Boolean
        The condition under which it is a crossing; ``true`` if there is none.
    bracket : tuple of sympy.Rational, optional
        For a numeric root: an interval that holds this root and no other.
    """

    value: sympy.Expr
    when: Boolean
    bracket: tuple[sympy.Rational, sympy.Rational] | None = None


@dataclass(frozen=True)
class Crossover:
    """Where ``left`` meets ``right`` as a symbol runs over the positive numbers.

    Attributes
    ----------
    left, right : sympy.Expr
        The two sides.
    symbol : sympy.Symbol
        The unknown.
    outcome : str
        ``crosses``: for all values of the other symbols; ``conditional``: where `when` holds;
        ``never``: `left` stays below `right`; ``always``: `left` stays above; ``numeric``: a
        root without closed form, bracketed - once the other symbols have numbers; until then there
        are no branches.
    branches : tuple of Branch
        The crossings, in order of rising value where that is known.
    starts, ends : sympy.Expr
        Limit of ``left / right`` as the unknown goes to 0 and to infinity: below 1, `left` is the
        smaller one there; ``nan`` where that is not known.
    given : sympy.Expr, optional
        What is positive wherever the equation is asked (see `crossover`).

    Examples
    --------
    >>> from roofsym.symbols import B, b_w, ridge
    >>> x = crossover(2 * B / b_w, ridge, B)
    >>> x.outcome, x.value
    ('crosses', b_w*ridge/2)
    """

    left: sympy.Expr
    right: sympy.Expr
    symbol: sympy.Symbol
    outcome: str
    branches: tuple[Branch, ...] = ()
    starts: sympy.Expr = field(default=sympy.nan, compare=False)
    ends: sympy.Expr = field(default=sympy.nan, compare=False)
    given: sympy.Expr | None = None

    @property
    def value(self) -> sympy.Expr | None:
        """Value of the unknown at the first crossing; None if there is none."""
        return self.branches[0].value if self.branches else None

    @property
    def when(self) -> Boolean:
        """Condition under which there is a crossing."""
        return functools.reduce(either, (b.when for b in self.branches), sympy.false)

    def at(self, values: Mapping[sympy.Symbol, sympy.Expr]) -> Crossover:
        """Crossing with values put in for other symbols: solved anew, so that signs are known.

        Raises
        ------
        InputError
            If the unknown itself is among the values.
        """
        if self.symbol in values:
            given = values[self.symbol]
            raise InputError(self.symbol.name, given, "no value: it is what is solved for")
        left, right = (put(side, values) for side in (self.left, self.right))
        given = None if self.given is None else put(self.given, values)
        if given is not None and given.is_number:
            if given <= 0:
                return Crossover(left, right, self.symbol, "never", given=given)
            given = None
        slack = sympy.expand(left - right)
        if slack.is_number and not slack.has(self.symbol):
            # With these values the unknown cancels out: one side is larger whatever it is.
            outcome = "always" if slack > 0 else "never"
            return Crossover(left, right, self.symbol, outcome, (), left / right, left / right)
        return crossover(left, right, self.symbol, given)


def crossover(
    left: sympy.Expr,
    right: sympy.Expr,
    symbol: sympy.Symbol | str,
    given: sympy.Expr | None = None,
) -> Crossover:
    """Where two expressions meet as a symbol runs over the positive numbers.

    Parameters
    ----------
    left, right : sympy.Expr
        Expressions in the package's symbols, rational in `symbol` or with ``Min`` and ``Max``.
    symbol : sympy.Symbol or str
        The unknown, or its name.
    given : sympy.Expr, optional
        An expression that is positive wherever the equation is asked: a denominator of its sides,
        say. That becomes a condition of the answer.

    Returns
    -------
    Crossover
        Verified: each value is substituted back, exactly and at random points.

    Raises
    ------
    InputError
        If the unknown does not occur, or no closed form exists and other symbols have no numbers.

    Examples
    --------
    >>> from roofsym.symbols import B, L, kappa, w
    >>> x = crossover(B * kappa * L, w, L)
    >>> x.outcome, x.value
    ('crosses', w/(B*kappa))
    >>> crossover(B / (B + 1), sympy.Integer(2), B).outcome
    'never'
    """
    left, right = (expression(x, "side of an equation") for x in (left, right))
    if isinstance(symbol, str):
        symbol = sy.lookup(symbol)
    for used in (left - right).free_symbols | {symbol}:
        sy.info(used)
    if not (left.has(symbol) or right.has(symbol)):
        raise InputError("unknown", symbol.name, _unknowns(left, right))
    for part in (left - right).atoms(sympy.floor):
        if part.has(symbol):
            accepted = f"a symbol outside {part}, the steps of chunked attention"
            raise InputError("unknown", symbol.name, accepted)
    return _solved(left, right, symbol, given)


# In named constants, models of one kind ask the same equation: it is solved once.
@functools.lru_cache(maxsize=1024)
def _solved(
    left: sympy.Expr, right: sympy.Expr, symbol: sympy.Symbol, given: sympy.Expr | None
) -> Crossover:
    return _meet(left, right, symbol) if given is None else _with_given(left, right, symbol, given)


def _meet(
    left: sympy.Expr, right: sympy.Expr, symbol: sympy.Symbol, *, anywhere: bool = True
) -> Crossover:
    """Where two sides meet, by the kind of equation that they make.

    Without `anywhere` they are compared in a part of the half-line only: where a denominator may
    change sign, and no crossing does not say which side is larger.
    """
    if _regimes(left - right, symbol):
        return _by_regime(left, right, symbol, anywhere=anywhere)
    if exponential.occurs(left, symbol) or exponential.occurs(right, symbol):
        return _with_exponential(left, right, symbol)
    coefficients = _polynomial(left, right, symbol)
    if not coefficients:
        raise InputError("equation", f"{left} = {right}", "two sides that differ")
    outcome, branches = _solve(coefficients, symbol)
    for denominator in _uncertain(left, right):
        if anywhere and not branches:
            accepted = "denominators that are positive throughout"
            raise InputError("equation", f"1/({denominator})", accepted)
        branches = tuple(
            Branch(
                b.value, _all(b.when, _unequal(denominator.xreplace({symbol: b.value}))), b.bracket
            )
            for b in branches
        )
        if outcome == "crosses" and any(b.when != sympy.true for b in branches):
            outcome = "conditional"
    found = Crossover(
        left, right, symbol, outcome, branches,
        starts=_ratio(left, right, symbol, at_infinity=False),
        ends=_ratio(left, right, symbol, at_infinity=True),
    )  # fmt: skip
    for branch in branches:
        verify(found, branch)
    return found


def _with_given(
    left: sympy.Expr, right: sympy.Expr, symbol: sympy.Symbol, given: sympy.Expr
) -> Crossover:
    """Solve an equation that is asked only where an expression is positive."""
    if given.has(symbol):
        found = _meet(left, right, symbol, anywhere=False)
        inside = [
            Branch(b.value, _all(b.when, _gt(given.xreplace({symbol: b.value}))), b.bracket)
            for b in found.branches
        ]
    else:
        # A positive symbol in its place lets signs be seen.
        hidden = {given: sy.gap}
        found = crossover(left.xreplace(hidden), right.xreplace(hidden), symbol)
        shown = {sy.gap: given}
        inside = [
            Branch(b.value.xreplace(shown), _all(b.when.xreplace(shown), _gt(given)), b.bracket)
            for b in found.branches
        ]
    kept = tuple(b for b in inside if b.when != sympy.false)
    outcome = found.outcome if kept else _side_within(left - right, symbol, given)
    if outcome == "crosses" and any(b.when != sympy.true for b in kept):
        outcome = "conditional"
    return Crossover(left, right, symbol, outcome, kept, given=given)


def _side_within(slack: sympy.Expr, symbol: sympy.Symbol, given: sympy.Expr) -> str:
    """Which side is larger where an expression is positive, given that they never meet there."""
    others = {s: sympy.Integer(1) for s in (slack.free_symbols | given.free_symbols) - {symbol}}
    for power in range(-12, 19):
        point = {**others, symbol: sympy.Integer(10) ** power}
        if given.xreplace(point) > 0:
            return "always" if slack.xreplace(point) > 0 else "never"
    return "never"


def _with_exponential(left: sympy.Expr, right: sympy.Expr, symbol: sympy.Symbol) -> Crossover:
    """Solve where the unknown stands in an exponent: in closed form, or a certified root."""
    for power in (left - right).atoms(sympy.Pow):
        if power.exp.has(symbol) and not exponential.fades(power, symbol):
            raise InputError("equation", str(power), f"powers r**{symbol} with 0 < r < 1")
    (above_l, below_l), (above_r, below_r) = _fraction(left), _fraction(right)
    if (left - right).free_symbols != {symbol}:
        plus, minus = (_by_power(x, symbol) for x in (above_l * below_r, above_r * below_l))
        branch = _exponential_branch(plus, minus, symbol)
        if branch is None:
            return Crossover(left, right, symbol, "numeric")
        outcome = "crosses" if branch.when == sympy.true else "conditional"
        found = Crossover(left, right, symbol, outcome, (branch,))
        _verify_at_random(found, branch)
        return found
    brackets, sign = exponential.crossings(above_l * below_r - above_r * below_l, symbol)
    for denominator in (below_l, below_r):
        if denominator.has(symbol) and exponential.crossings(denominator, symbol)[0]:
            raise InputError("equation", f"1/({denominator})", "denominators without zeros")
    small = [exponential.without(side, symbol, 1) for side in (left, right)]
    large = [exponential.without(side, symbol, 0) for side in (left, right)]
    ends = (
        _ratio(small[0], small[1], symbol, at_infinity=False),
        _ratio(large[0], large[1], symbol, at_infinity=True),
    )
    if not brackets:
        return Crossover(left, right, symbol, "always" if sign > 0 else "never", (), *ends)
    branches = tuple(
        Branch(sympy.Float(float((low + high) / 2), 15), sympy.true, (low, high))
        for low, high in brackets
    )
    return Crossover(left, right, symbol, "numeric", branches, *ends)


def _by_power(expr: sympy.Expr, symbol: sympy.Symbol) -> dict[sympy.Expr, sympy.Expr]:
    """Coefficients by what they stand before: 1, the unknown, a power with it in the exponent."""
    terms: dict[sympy.Expr, list[sympy.Expr]] = {}
    for coefficient, rest in _terms(expr, symbol):
        terms.setdefault(rest, []).append(coefficient)
    return {rest: sympy.factor_terms(sympy.Add(*xs)) for rest, xs in terms.items()}


def _exponential_branch(
    plus: dict[sympy.Expr, sympy.Expr], minus: dict[sympy.Expr, sympy.Expr], symbol: sympy.Symbol
) -> Branch | None:
    """Root of ``p x + c r^x = q``, where it has a closed form and there is one root at most.

    With ``c > 0`` the left side is convex. Where it starts below ``q``, it rises above it once if
    ``p > 0``, at ``x = q/p − W(c/p · ln r · r^(q/p))/ln r`` with the principal branch of Lambert's
    W: the other one is the root at negative x. Without a linear term, ``r^x = q/c``.
    """
    slack = {
        rest: plus.get(rest, sympy.S.Zero) - minus.get(rest, sympy.S.Zero)
        for rest in plus.keys() | minus.keys()
    }
    powers = [rest for rest in slack if rest not in (1, symbol)]
    if len(powers) != 1 or not powers[0].is_Pow:
        return None
    (power,) = powers
    p, q, c = slack.get(symbol, sympy.S.Zero), -slack.get(sympy.S.One, sympy.S.Zero), slack[power]
    if _sign(c) == -1:
        p, q, c = -p, -q, -c
    multiple = power.exp / symbol
    rate = multiple * sympy.log(power.base)
    # What is left where the unknown is 0 and the power is 1.
    start = sympy.factor_terms(c - q)
    if _sign(c) != 1:
        return None
    if sympy.expand(p) == 0:
        return Branch(sympy.log(q / c) / rate, _all(_gt(q), _gt(start)))
    if _sign(start) != -1:
        return None
    ratio = q / p
    inner = rate * c * power.base ** (multiple * ratio) / p
    return Branch(ratio - sympy.LambertW(inner) / rate, _gt(p))


def _unknowns(left: sympy.Expr, right: sympy.Expr) -> str:
    names = sorted(s.name for s in left.free_symbols | right.free_symbols)
    return "a symbol of the equation: " + (", ".join(names) or "it has none left")


# --- the equation as a polynomial -------------------------------------------------------------


def _polynomial(left: sympy.Expr, right: sympy.Expr, symbol: sympy.Symbol) -> dict[int, sympy.Expr]:
    """Coefficients of ``left − right`` times the denominators, by power of the unknown.

    Each side keeps its own shape, so that ``I* (κ L + a)`` stays a product in the answer.
    """
    (above_l, below_l), (above_r, below_r) = _fraction(left), _fraction(right)
    plus = _collect(above_l * below_r, symbol)
    minus = _collect(above_r * below_l, symbol)
    coefficients = {}
    for power in plus.keys() | minus.keys():
        zero = sympy.S.Zero
        coefficient = plus.get(power, zero) - minus.get(power, zero)
        if sympy.expand(coefficient) != 0:
            coefficients[power] = _compact(sympy.factor_terms(coefficient))
    lowest = min(coefficients, default=0)
    return _primitive({power - lowest: c for power, c in sorted(coefficients.items())})


def _compact(coefficient: sympy.Expr) -> sympy.Expr:
    """A product where a sum is one: ``(1 − f)(κ L + a)``; else the sum as it stands."""
    if not coefficient.is_Add or _opaque(coefficient) or coefficient.count_ops() > _READABLE:
        return coefficient
    number, factors = sympy.factor_list(coefficient)
    if len(factors) < 2 or any(multiplicity > 1 for _, multiplicity in factors):
        return coefficient
    parts = [sympy.collect(f, sorted(f.free_symbols, key=sy.rank)) for f, _ in factors]
    # Each factor with its leading sign: the minus is put where it makes 1 − f.
    signs = [-1 if not any(x.is_positive for x in sympy.Add.make_args(p)[:1]) else 1 for p in parts]
    parts = [_spread(sign * p) for sign, p in zip(signs, parts, strict=True)]
    return sympy.Mul(number, *signs, *parts)


def _uncertain(left: sympy.Expr, right: sympy.Expr) -> list[sympy.Expr]:
    """Denominators that are not positive for all values of the symbols."""
    return [d for d in (_fraction(left)[1], _fraction(right)[1]) if _sign(d) != 1]


def _unequal(expr: sympy.Expr) -> Boolean:
    return sympy.Ne(_strip(expr), 0)


def _primitive(coefficients: dict[int, sympy.Expr]) -> dict[int, sympy.Expr]:
    """Divide out the number and the symbols (all positive) that every coefficient shares."""
    if not coefficients:
        return coefficients
    numbers = (abs(c.as_coeff_Mul()[0]) for c in coefficients.values())
    shared = functools.reduce(sympy.gcd, numbers) * _shared_symbols(list(coefficients.values()))
    return {power: c / shared for power, c in coefficients.items()}


def _shared_symbols(coefficients: list[sympy.Expr]) -> sympy.Expr:
    """Product of the symbols that all coefficients have as factors."""
    contents = []
    for coefficient in coefficients:
        powers = dict(f.as_base_exp() for f in sympy.Mul.make_args(coefficient))
        contents.append({b: e for b, e in powers.items() if b.is_Symbol})
    lowest = {b: min(powers.get(b, 0) for powers in contents) for b in contents[0]}
    return sympy.Mul(*(b**e for b, e in lowest.items()))


def _spread(expr: sympy.Expr) -> sympy.Expr:
    """A number times a sum as the sum of its terms: ``I* a − φ``, not ``−(φ − I* a)``."""
    number, rest = expr.as_coeff_Mul()
    return sympy.Add(*(number * x for x in rest.args)) if rest.is_Add else expr


def _fraction(expr: sympy.Expr) -> tuple[sympy.Expr, sympy.Expr]:
    # SymPy would tear (3/4)^B apart into 3^B over 4^B: a stand-in keeps each power whole.
    powers = {power: sympy.Dummy(positive=True) for power in open_powers(expr)}
    above, below = expr.xreplace(powers).as_numer_denom()
    whole = {stand_in: power for power, stand_in in powers.items()}
    return above.xreplace(whole), below.xreplace(whole)


def _collect(expr: sympy.Expr, symbol: sympy.Symbol) -> dict[int, sympy.Expr]:
    """Coefficients by power of `symbol`, with common factors pulled out."""
    by_power: dict[int, list[sympy.Expr]] = {}
    for coefficient, rest in _terms(expr, symbol):
        base, power = rest.as_base_exp() if rest != 1 else (symbol, sympy.S.Zero)
        if base != symbol or not power.is_Integer or power < 0:
            raise InputError("equation", str(rest), f"terms that are polynomial in {symbol}")
        by_power.setdefault(int(power), []).append(coefficient)
    sums = {power: sympy.Add(*xs) for power, xs in by_power.items()}
    return {power: sympy.factor_terms(x) for power, x in sums.items() if sympy.expand(x) != 0}


def _terms(expr: sympy.Expr, symbol: sympy.Symbol) -> Iterator[tuple[sympy.Expr, sympy.Expr]]:
    """Terms of a sum as (coefficient, power with the symbol in it or 1).

    Only what has the symbol in it is multiplied out: other factors keep their shape - and their
    units, since the 1 of ``α (L + 1)`` is a token as long as it stands there.
    """
    for term in sympy.Add.make_args(expr):
        coefficient, rest = term.as_independent(symbol, as_Add=False)
        if rest.is_Add:
            inner = rest
        elif rest.is_Mul:
            inner = sympy.expand_mul(rest, deep=False)
        elif rest.is_Pow and rest.base.is_Add and rest.exp.is_Integer and rest.exp > 0:
            inner = sympy.expand_multinomial(rest, deep=False)
        else:
            if term != 0:
                yield coefficient, rest
            continue
        if inner == rest and not rest.is_Add:
            yield coefficient, rest  # A product that has no more sums: of powers, or of functions.
            continue
        for factor, power in _terms(inner, symbol):
            yield coefficient * factor, power


def _sign(expr: sympy.Expr) -> int | None:
    """1, −1 or 0 if the sign is the same for all positive values of the symbols; else None."""
    # A window holds at least the token itself: W − 1 is not negative, though W > 0 does not say so.
    positive = expr.xreplace({sy.window: sy.root + 1}) if expr.has(sy.window) else expr
    if shares := {p: sympy.Dummy(positive=True) for p in open_powers(expr) if p.base == sy.rho}:
        # A share of the experts lies between 0 and 1, however many tokens there are.
        between = {power: x / (1 + x) for power, x in shares.items()}
        positive = sympy.numer(sympy.together(positive.xreplace(between)))
    for form in (positive, sympy.expand(positive)):
        if form.is_positive:
            return 1
        if form.is_negative:
            return -1
        if form.is_zero:
            return 0
    return None


def _ratio(
    left: sympy.Expr, right: sympy.Expr, symbol: sympy.Symbol, *, at_infinity: bool
) -> sympy.Expr:
    """Limit of left/right as the unknown goes to infinity, or to 0 from above."""
    if right == 0:
        return sympy.oo
    (above_l, below_l), (above_r, below_r) = _fraction(left), _fraction(right)
    above = _collect(above_l * below_r, symbol)
    below = _collect(above_r * below_l, symbol)
    if not above:
        return sympy.S.Zero
    pick = max if at_infinity else min
    p, q = pick(above), pick(below)
    if p == q:
        return sympy.factor_terms(above[p]) / sympy.factor_terms(below[q])
    grows = (p > q) if at_infinity else (p < q)
    return sympy.oo if grows else sympy.S.Zero


def limit(expr: sympy.Expr, symbol: sympy.Symbol) -> sympy.Expr:
    """Limit of a rational expression as a positive symbol grows without bound.

    Powers with the symbol in the exponent have a base below 1 (see `roofsym.exponential`).

    Examples
    --------
    >>> from roofsym.symbols import B, a, phi, w
    >>> limit(B * phi / (w + B * a), B)
    phi/a
    """
    if exponential.occurs(expr, symbol):
        expr = exponential.without(expr, symbol, 0)
    if _regimes(expr, symbol):
        found = _extreme(expr, sympy.S.One, symbol, True)
        if found is sympy.nan:
            accepted = f"Min and Max of which one arm wins as {symbol} grows"
            raise InputError("limit", str(expr), accepted)
        return found
    return _ratio(expr, sympy.S.One, symbol, at_infinity=True)


def _strip(expr: sympy.Expr) -> sympy.Expr:
    """Drop the positive factors of an expression of which only the sign matters."""
    number, rest = sympy.factor_terms(expr).as_coeff_Mul()
    kept = [f for f in sympy.Mul.make_args(rest) if not f.is_positive]
    return sympy.sign(number) * sympy.Mul(*kept)


def _compare(relation: type[Boolean], expr: sympy.Expr) -> Boolean:
    """``expr > 0`` (or ``>= 0``), read without subtractions: ``κ L > a``."""
    kept = _strip(expr)
    if not kept.is_Add:
        return relation(kept, 0)
    plus, minus = sympy.sift(kept.args, lambda x: not x.could_extract_minus_sign(), binary=True)
    return relation(sympy.Add(*plus), -sympy.Add(*minus))


def _gt(expr: sympy.Expr) -> Boolean:
    return _compare(sympy.Gt, expr)


def _lt(expr: sympy.Expr) -> Boolean:
    return _gt(-expr)


def at_least(left: sympy.Expr, right: sympy.Expr) -> Boolean:
    """``left >= right`` without fractions, positive factors cancelled."""
    if not left.has(sympy.Pow) and not right.has(sympy.Pow):
        return left >= right
    if _has_root(left - right):
        return left >= right
    if not _opaque(left - right) and (left - right).count_ops() < 2 * _READABLE:
        # At the root of an equation one side is often what the equation says.
        left, right = (min(x, sympy.cancel(x), key=sympy.count_ops) for x in (left, right))
    (above_l, below_l), (above_r, below_r) = _fraction(left), _fraction(right)
    if _sign(below_l) != 1 or _sign(below_r) != 1:
        return left >= right
    return _compare(sympy.Ge, above_l * below_r - above_r * below_l)


def _slack(condition: Boolean) -> sympy.Expr | None:
    """What is positive (or not negative) where an inequality holds."""
    if isinstance(condition, sympy.Gt | sympy.Lt | sympy.Ge | sympy.Le):
        return condition.gts - condition.lts
    return None


def _has_root(expr: sympy.Expr) -> bool:
    return any(p.exp == sympy.Rational(1, 2) for p in expr.atoms(sympy.Pow))


def _opaque(expr: sympy.Expr) -> bool:
    """Whether an expression has more than sums, products and powers of whole numbers."""
    return _has_root(expr) or expr.has(sympy.Function, sympy.Min, sympy.Max)


# Operations beyond which a sum is not looked at for factors, nor a condition for what it implies.
_READABLE = 30


def _implies(first: Boolean, second: Boolean) -> bool:
    """Whether one inequality is seen to follow from another, linear in a symbol that they share."""
    strong, weak = _slack(first), _slack(second)
    if strong is None:
        return False
    if isinstance(second, sympy.Ne):
        return any(strong == x for x in (second.lhs, -second.lhs))
    if weak is not None and strong - weak == 0 and first.func == second.func:
        return True
    # Nobody would see it of a long expression, and multiplying it out takes long.
    if weak is None or any(x.count_ops() > _READABLE or _opaque(x) for x in (strong, weak)):
        return False
    for symbol in sorted(weak.free_symbols & strong.free_symbols, key=sy.rank):
        slope = weak.diff(symbol)
        rises = None if slope.has(symbol) else _sign(slope)
        if rises is None:
            continue
        other = strong.diff(symbol)
        if other.has(symbol) or _sign(other) != rises:
            continue
        # Where the weaker one ends, the stronger one does not hold any more.
        end = -weak.xreplace({symbol: sympy.S.Zero}) / slope
        if _sign(sympy.cancel(strong.xreplace({symbol: end}))) == -1:
            return True
    return False


def _all(*conditions: Boolean) -> Boolean:
    """All of several conditions, without those that follow from another."""
    joined = sympy.And(*conditions)
    if not isinstance(joined, sympy.And):
        return joined
    kept = list(joined.args)
    for condition in joined.args:
        if any(_implies(other, condition) for other in kept if other != condition):
            kept.remove(condition)
    return sympy.And(*kept)


def either(first: Boolean, second: Boolean) -> Boolean:
    """One of two conditions; one alone where they cover what remains between them."""
    literals = [set(c.args) if isinstance(c, sympy.And) else {c} for c in (first, second)]
    shared = literals[0] & literals[1]
    alone, other = (x - shared for x in literals)
    if len(alone) == len(other) == 1:
        one, two = _slack(*alone), _slack(*other)
        if one is not None and two is not None and sympy.expand(one + two) == 0:
            return sympy.And(*shared)
    return sympy.Or(first, second)


# --- degrees 0, 1 and 2 -----------------------------------------------------------------------


def _solve(
    coefficients: dict[int, sympy.Expr], symbol: sympy.Symbol
) -> tuple[str, tuple[Branch, ...]]:
    degree = max(coefficients, default=0)
    signs = {power: _sign(c) for power, c in coefficients.items()}
    # Descartes: without a change of sign there is no positive root.
    if None not in signs.values() and len(set(signs.values())) <= 1:
        return ("always" if 1 in signs.values() else "never"), ()
    if degree > 2:
        return _numeric(coefficients, symbol)
    if degree == 0:
        # Both sides are proportional to the unknown: which is larger, the other symbols decide.
        return "conditional", ()
    c0, c1, c2 = (coefficients.get(power, sympy.S.Zero) for power in range(3))
    branches = _linear(c0, c1) if degree == 1 else _quadratic(c0, c1, c2)
    kept = tuple(b for b in branches if b.when != sympy.false)
    if not kept:
        return ("always" if _sign(c0) == 1 else "never"), ()
    if all(b.when == sympy.true for b in kept):
        return "crosses", kept
    return "conditional", kept


def _linear(c0: sympy.Expr, c1: sympy.Expr) -> Iterator[Branch]:
    s0, s1 = _sign(c0), _sign(c1)
    if s0 is not None:
        when = _gt(-s0 * c1)
    elif s1 is not None:
        when = _gt(-s1 * c0)
    else:
        when = sympy.Or(
            sympy.And(_gt(c1), _lt(c0)),
            sympy.And(_lt(c1), _gt(c0)),
        )
    # Put together so that a numerator of one sign is printed without a minus.
    falls = s0 == 1 or (s0 is None and s1 == -1)
    value = _spread(c0) / _spread(-c1) if falls else _spread(-c0) / c1
    yield Branch(value, when)


def _quadratic(c0: sympy.Expr, c1: sympy.Expr, c2: sympy.Expr) -> Iterator[Branch]:
    s2 = _sign(c2)
    if s2 == -1:
        c0, c1, c2, s2 = -c0, -c1, -c2, 1
    # What c1 and c2 share stays out of the root: I* w / B under it reads better than B² around it.
    shared = _shared_symbols([c1, c2])
    a0, a1, a2 = (sympy.factor_terms(sympy.expand_mul(c / shared)) for c in (c0, c1, c2))
    # Halving a1 keeps the 4 out of the discriminant and the 2 out of the denominator.
    half = _spread(a1 / 2)
    discriminant = half**2 - a0 * a2
    if discriminant.is_Rational and discriminant < 0:
        return
    low, high = _roots(half, a2, discriminant)
    discriminant = (c1 / 2) ** 2 - c0 * c2
    both, one = _positive_roots(c0, c1, discriminant)
    known = _sign(c0)
    if s2 is None:
        # With c2 < 0 the equation with its sign changed has c2 > 0, and the roots change places.
        both_down, one_down = _positive_roots(-c0, -c1, discriminant)
        up, down = _gt(c2), _lt(c2)
        yield Branch(
            low, sympy.Or(sympy.And(up, both), sympy.And(down, sympy.Or(one_down, both_down)))
        )
        yield Branch(high, sympy.Or(sympy.And(up, sympy.Or(one, both)), sympy.And(down, both_down)))
        # And where c2 vanishes, a straight line.
        for straight in _linear(c0, c1):
            yield Branch(straight.value, sympy.And(sympy.Eq(_strip(c2), 0), straight.when))
        return
    if known != -1:
        yield Branch(low, both)
    # Where the constant is negative there is one root, whatever the rest; else both or none.
    turning = sympy.And(_lt(c1), _gt(discriminant))
    yield Branch(high, sympy.true if known == -1 else sympy.Or(_lt(c0), turning))


def _roots(
    half: sympy.Expr, c2: sympy.Expr, discriminant: sympy.Expr
) -> tuple[sympy.Expr, sympy.Expr]:
    try:
        root = sympy.sqrt(discriminant)
        return (_spread(-half) - root) / c2, (_spread(-half) + root) / c2
    except ValueError:
        # SymPy 1.14 fails to factor some numbers with two close factors (its issue 28621). Kept as
        # it stands, with nothing multiplied to it, the root is not factored.
        root = sympy.Pow(discriminant / c2**2, sympy.Rational(1, 2), evaluate=False)
        minus = sympy.Mul(-1, root, evaluate=False)
        return sympy.Add(-half / c2, minus, evaluate=False), -half / c2 + root


def _positive_roots(
    c0: sympy.Expr, c1: sympy.Expr, discriminant: sympy.Expr
) -> tuple[Boolean, Boolean]:
    """When a quadratic with c2 > 0 has two positive roots, and when it has exactly one."""
    both = sympy.And(_gt(c0), _lt(c1), _gt(discriminant))
    one = sympy.Or(_lt(c0), sympy.And(sympy.Eq(_strip(c0), 0), _lt(c1)))
    return both, one


def _numeric(
    coefficients: dict[int, sympy.Expr], symbol: sympy.Symbol
) -> tuple[str, tuple[Branch, ...]]:
    if any(c.free_symbols for c in coefficients.values()):
        return "numeric", ()
    expr = sympy.Add(*(c * symbol**power for power, c in coefficients.items()))
    # Only roots at which the sign changes are crossings: those of odd multiplicity.
    roots = []
    for factor, multiplicity in sympy.Poly(expr, symbol).sqf_list()[1]:
        if multiplicity % 2:
            roots += [
                (factor, interval) for interval, _ in factor.intervals(inf=0) if interval != (0, 0)
            ]
    if not roots:
        return ("always" if coefficients[max(coefficients)] > 0 else "never"), ()
    refined = sorted(_refine(factor, interval) for factor, interval in roots)
    return "numeric", tuple(
        Branch(sympy.Float((low + high) / 2, 15), sympy.true, (low, high)) for low, high in refined
    )


def _refine(
    factor: sympy.Poly, interval: tuple[sympy.Rational, sympy.Rational]
) -> tuple[sympy.Rational, sympy.Rational]:
    low, high = interval
    while low != high and (high - low) * 10**15 > high:
        low, high = factor.refine_root(low, high, steps=8)
    return sympy.Rational(low), sympy.Rational(high)


# --- conditions -------------------------------------------------------------------------------


def alternatives(condition: Boolean) -> tuple[Boolean, ...]:
    """The condition itself, and the alternatives that it lists if it is an ``Or``."""
    return (condition, *condition.args) if isinstance(condition, sympy.Or) else (condition,)


def solve_condition(
    condition: Boolean, symbol: sympy.Symbol
) -> tuple[tuple[Boolean, Boolean], ...]:
    """A condition solved for one symbol, case by case.

    Parameters
    ----------
    condition : sympy Boolean
        An inequality ``expr > 0`` (or ``< 0``).
    symbol : sympy.Symbol
        The symbol to solve for.

    Returns
    -------
    tuple of (case, solved)
        In each case (a condition without `symbol`), what the condition says about `symbol`.
        Empty if the inequality is not linear in it.

    Examples
    --------
    >>> from roofsym.symbols import L, alpha, kappa, phi, a, ridge
    >>> for case, solved in solve_condition(phi + alpha * L - ridge * (kappa * L + a) > 0, L):
    ...     print(case, "->", solved)
    kappa*ridge > alpha -> L < (-a*ridge + phi)/(-alpha + kappa*ridge)
    alpha > kappa*ridge -> L > (a*ridge - phi)/(alpha - kappa*ridge)
    """
    if not isinstance(condition, sympy.Gt | sympy.Lt):
        return ()
    slack = condition.gts - condition.lts
    try:
        coefficients = _polynomial(slack, sympy.S.Zero, symbol)
    except InputError:
        return ()
    if set(coefficients) != {0, 1}:
        return ()
    c0, c1 = coefficients[0], coefficients[1]
    sign = _sign(c1)
    below = sympy.Lt(symbol, c0 / (-c1))
    above = sympy.Gt(symbol, (-c0) / c1)
    if sign is not None:
        return ((sympy.true, below if sign == -1 else above),)
    return ((_lt(c1), below), (_gt(c1), above))


# --- Min and Max --------------------------------------------------------------------------------


def _regimes(expr: sympy.Expr, symbol: sympy.Symbol) -> set[sympy.Expr]:
    return {atom for atom in expr.atoms(sympy.Min, sympy.Max) if atom.has(symbol)}


def _by_regime(
    left: sympy.Expr, right: sympy.Expr, symbol: sympy.Symbol, *, anywhere: bool
) -> Crossover:
    """Solve with each arm of a Min or Max in turn; keep what lies in that arm's regime."""
    atoms = _regimes(left - right, symbol)
    innermost = min(atoms, key=lambda x: (len(x.atoms(sympy.Min, sympy.Max)), str(x)))
    solved = False
    branches: list[Branch] = []

    def wins(arm: sympy.Expr, other: sympy.Expr) -> Boolean:
        return at_least(other, arm) if isinstance(innermost, sympy.Min) else at_least(arm, other)

    for arm in innermost.args:
        sides = [side.xreplace({innermost: arm}) for side in (left, right)]
        # In a regime the unknown may have no effect, or the sides may be the same throughout: they
        # part at its border, which is a crossing of the next regime.
        if not (sides[0] - sides[1]).has(symbol):
            continue
        part = _meet(sides[0], sides[1], symbol, anywhere=anywhere)
        solved = True
        for branch in part.branches:
            here = {symbol: branch.value}
            inside = _all(
                *(
                    wins(arm.xreplace(here), other.xreplace(here))
                    for other in innermost.args
                    if other != arm
                ),
                branch.when,
            )
            if inside != sympy.false:
                _merge(branches, Branch(branch.value, inside, branch.bracket))
    if not solved:
        raise InputError("unknown", symbol.name, "a symbol on which the two sides depend")
    if all(b.value.is_number for b in branches):
        branches.sort(key=lambda b: sympy.N(b.value))
    somewhere = functools.reduce(either, (b.when for b in branches), sympy.false)
    if not branches:
        outcome = _side(left, right, symbol)
    elif somewhere != sympy.true:
        outcome = "conditional"
    else:
        outcome = "numeric" if any(b.bracket for b in branches) else "crosses"
    starts, ends = (_extreme(left, right, symbol, at_infinity) for at_infinity in (False, True))
    return Crossover(left, right, symbol, outcome, tuple(branches), starts, ends)


def _extreme(
    left: sympy.Expr, right: sympy.Expr, symbol: sympy.Symbol, at_infinity: bool
) -> sympy.Expr:
    """Limit of left/right through the arms that hold there; undefined where that is not known."""
    far = 0 if at_infinity else 1
    left, right = (exponential.without(side, symbol, far) for side in (left, right))
    while atoms := _regimes(left - right, symbol):
        innermost = min(atoms, key=lambda x: (len(x.atoms(sympy.Min, sympy.Max)), str(x)))
        wanted = 1 if isinstance(innermost, sympy.Max) else -1
        holding = [
            arm
            for arm in innermost.args
            if all(
                _leading_sign(arm - other, symbol, at_infinity=at_infinity) in (wanted, 0)
                for other in innermost.args
            )
        ]
        if not holding:
            return sympy.nan
        put = {innermost: holding[0]}
        left, right = left.xreplace(put), right.xreplace(put)
    return _ratio(left, right, symbol, at_infinity=at_infinity)


def _leading_sign(expr: sympy.Expr, symbol: sympy.Symbol, *, at_infinity: bool) -> int | None:
    """Sign of an expression as the unknown goes to infinity, or to 0 from above."""
    above, below = _fraction(sympy.together(expr))
    if _sign(below) != 1:
        return None
    coefficients = {k: c for k, c in _collect(above, symbol).items() if sympy.expand(c) != 0}
    if not coefficients:
        return 0
    return _sign(coefficients[max(coefficients) if at_infinity else min(coefficients)])


def _merge(branches: list[Branch], new: Branch) -> None:
    """Add a branch; one of the same value holds in both regimes."""
    for position, known in enumerate(branches):
        if known.value == new.value:
            when = either(known.when, new.when)
            branches[position] = Branch(known.value, when, known.bracket)
            return
    branches.append(new)


def _side(left: sympy.Expr, right: sympy.Expr, symbol: sympy.Symbol) -> str:
    """Which side is larger throughout, given that they never meet."""
    slack = left - right
    sample = {s: sympy.Integer(1) for s in slack.free_symbols}
    return "always" if slack.xreplace(sample) > 0 else "never"


# --- verification ---------------------------------------------------------------------------


def verify(found: Crossover, branch: Branch) -> None:
    """Check that a value of the unknown makes the two sides of a crossing equal.

    Raises
    ------
    ProofError
        If it does not, or is no branch of the crossing.
    """
    if branch not in found.branches:
        raise ProofError(f"{branch} is no branch of {found}")
    _prove(found.left, found.right, found.symbol, branch)


# A derivation checks once more what the solver has checked: the second time it is remembered.
@functools.lru_cache(maxsize=1024)
def _prove(left: sympy.Expr, right: sympy.Expr, symbol: sympy.Symbol, branch: Branch) -> None:
    found = Crossover(left, right, symbol, "", (branch,))
    slack = left - right
    if branch.bracket is not None:
        return  # Certified as it was bracketed.
    # Each arm of a Min or Max was proved as it was solved; there, that the value lies in its regime
    # is left to be seen, and of a power that two sides of its logarithm are one.
    if not _regimes(slack, symbol) and not exponential.occurs(slack, symbol):
        _verify_exactly(branch, _polynomial(left, right, symbol))
    if branch.value.free_symbols:
        _verify_at_random(found, branch)


def _verify_exactly(branch: Branch, coefficients: Mapping[int, sympy.Expr]) -> None:
    # A branch that holds where the leading coefficient vanishes solves what is left.
    asked = branch.when.args if isinstance(branch.when, sympy.And) else (branch.when,)
    zeros = [e.lhs for e in asked if isinstance(e, sympy.Eq)]
    top = max(coefficients)
    if any(sympy.expand(_strip(coefficients[top]) - z) == 0 for z in zeros):
        coefficients = {power: c for power, c in coefficients.items() if power != top}
    roots = [r for r in branch.value.atoms(sympy.Pow) if r.exp == sympy.Rational(1, 2)]
    if not roots:
        residue = sympy.Add(*(c * branch.value**power for power, c in coefficients.items()))
        residues = [residue]
    else:
        # x = m + n √D solves c2 x² + c1 x + c0 if 2 c2 m + c1 = 0 and 4 c2² n² D = c1² − 4 c0 c2.
        value = branch.value.xreplace({roots[0]: sy.root})
        m = value.xreplace({sy.root: sympy.S.Zero})
        n = value.xreplace({sy.root: sympy.S.One}) - m
        c0, c1, c2 = (coefficients.get(power, sympy.S.Zero) for power in range(3))
        under = 4 * c2**2 * n**2 * roots[0].base
        residues = [2 * c2 * m + c1, under - c1**2 + 4 * c0 * c2]
    if all(c.is_number for c in coefficients.values()) and not all(
        c.is_Rational for c in coefficients.values()
    ):
        # A power of a large exponent was evaluated, to many digits: the value has as many.
        size = sympy.Add(*(abs(c * branch.value**power) for power, c in coefficients.items()))
        residue = sympy.Add(*(c * branch.value**power for power, c in coefficients.items()))
        residues = [] if abs(residue) < size * sympy.Rational(1, 10**30) else [residue]
    for residue in residues:
        if sympy.cancel(residue) != 0:
            raise ProofError(f"{branch.value} does not solve {coefficients}: {residue} remains")


_TRIALS = 8
_ENOUGH = 3


def _verify_at_random(found: Crossover, branch: Branch) -> None:
    free = (found.left - found.right).free_symbols | branch.value.free_symbols
    others = sorted(free - {found.symbol}, key=lambda s: s.name)
    source = random.Random(str(branch.value))
    # An exact power with an exponent of a million has a million digits.
    largest = 20 if open_powers(found.left - found.right) else 10**6
    inside = 0
    for _ in range(_TRIALS):
        # Evenly over the orders of magnitude: a condition compares products of several symbols.
        point = {
            s: sympy.Integer(max(1, round(largest ** source.random()))) for s in others
        }  # fmt: skip
        for share in {sy.rho, sy.fraction} & point.keys():
            point[share] = sympy.Rational(source.randint(1, 99), 100)
        try:
            if branch.when.xreplace(point) != sympy.true:
                continue
        except TypeError:
            # A root of a negative number, which cannot be compared: outside the condition.
            continue
        _verify_point(found, branch, point)
        inside += 1
        if inside == _ENOUGH or not others:
            return


def _verify_point(
    found: Crossover, branch: Branch, point: Mapping[sympy.Symbol, sympy.Expr]
) -> None:
    value = branch.value.xreplace(point)
    if not value.is_Rational:
        # Both terms of a root can be large and nearly equal: floats would not do, nor would
        # fewer digits than the numbers have.
        longest = max((n.p.bit_length() for n in value.atoms(sympy.Rational)), default=0)
        value = value.evalf(60 + longest)
    left, right = (
        side.xreplace(point).xreplace({found.symbol: value}) for side in (found.left, found.right)
    )
    if abs(sympy.N(left - right, 30)) > sympy.Float("1e-12") * max(
        abs(sympy.N(left, 30)), abs(sympy.N(right, 30))
    ):
        raise ProofError(f"{branch.value} is no crossing at {point}: {left} != {right}")
