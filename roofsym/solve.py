"""Where two expressions meet: for which value of a symbol, under which condition, or never.

Equations between rational expressions become a polynomial in the unknown whose coefficients are
expressions in the other symbols, all of them positive. Degrees 1 and 2 are solved in closed form,
with conditions from the signs of the coefficients; higher degrees by a certified root, once every
other symbol has a number. ``Min`` and ``Max`` are solved arm by arm.

``sympy.solve`` is not used: it returns a value without the condition under which it holds, fails
through ``Max``, and takes some twenty times longer (`tests/benchmarks/against_sympy.py`).
"""

from __future__ import annotations

import functools
import itertools
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import TypeAlias

import sympy
from sympy.logic.boolalg import Boolean

from roofsym import bounds, exponential, polynomial, steps
from roofsym import symbols as sy
from roofsym.bounds import Bracket
from roofsym.conditions import (
    above_zero,
    alike,
    all_of,
    any_of,
    at_least,
    bare,
    below_zero,
    cases,
    either,
    has_root,
    is_zero,
    literals,
    not_zero,
    replaced,
    without_signs,
)
from roofsym.errors import InputError, ProofError, in_letters
from roofsym.limits import aligned, ratio_at_end, regimes
from roofsym.terms import Factors, Terms, coefficients, content, fraction, product, sides
from roofsym.values import expression, irrational_parts, open_powers, put
from roofsym.verification import NotRealError, order_at, prove

_HALF = sympy.Rational(1, 2)
# Of more branches, nobody sees whether their conditions are written alike.
_READABLE = 6
# Each Min or Max doubles the regimes: with more than these there is no answer in general.
_MOST_EXTREMA = 3

# Extrema in the order in which they are solved, each with the arm that is it.
Arms: TypeAlias = "tuple[tuple[sympy.Expr, sympy.Expr], ...]"

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
    bracket: Bracket | None = None

    @property
    def exact(self) -> sympy.Expr:
        """The value, or the middle of its bracket: with more digits than are printed."""
        return self.value if self.bracket is None else sum(self.bracket) / 2


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
        ``never``: `left` stays below `right`; ``always``: `left` stays above, or they are equal
        throughout; ``numeric``: a
        root without closed form, bracketed - once the other symbols have numbers; until then there
        are no branches.
    branches : tuple of Branch
        The crossings, in order of rising value where that is known. Sides that are equal along a
        stretch cross at both of its ends.
    given : sympy.Expr, optional
        What is positive wherever the equation is asked (see `crossover`): of several, the least. 0
        if nothing is.

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
    given: sympy.Expr | None = None

    @functools.cached_property
    def starts(self) -> sympy.Expr:
        """Limit of ``left / right`` as the unknown goes to 0: below 1, `left` is smaller there.

        ``nan`` where it is not known.
        """
        return self._end(at_infinity=False)

    @functools.cached_property
    def ends(self) -> sympy.Expr:
        """Limit of ``left / right`` as the unknown goes to infinity, likewise."""
        return self._end(at_infinity=True)

    def _end(self, *, at_infinity: bool) -> sympy.Expr:
        # Where the equation is asked in a part of the half-line only, its ends may lie outside.
        if self.given is not None:
            return sympy.nan
        return ratio_at_end(self.left, self.right, self.symbol, at_infinity=at_infinity)

    @property
    def value(self) -> sympy.Expr | None:
        """Value of the unknown at the first crossing; None if there is none."""
        return self.branches[0].value if self.branches else None

    @property
    def when(self) -> Boolean:
        """Condition under which there is a crossing."""
        return functools.reduce(either, (b.when for b in self.branches), sympy.false)

    def at(self, values: Mapping[sympy.Symbol, object]) -> Crossover:
        """Crossing with values put in for other symbols: solved anew, so that signs are known.

        Parameters
        ----------
        values : mapping of sympy.Symbol to number or sympy.Expr
            The values, in the units of the symbols.

        Raises
        ------
        InputError
            If the unknown itself is among the values, or a value is neither.

        Examples
        --------
        >>> from roofsym.symbols import B, a, phi, ridge, w
        >>> x = crossover(B * phi / (w + B * a), ridge, B)
        >>> x.at({phi: 300, a: 1, ridge: 295}).value
        59*w
        """
        if self.symbol in values:
            given = values[self.symbol]
            raise InputError(self.symbol.name, given, "no value: it is what is solved for")
        known = {s: expression(value, s.name) for s, value in values.items()}
        left, right = (put(side, known) for side in (self.left, self.right))
        given = None if self.given is None else put(self.given, known)
        if given is not None and given.is_number:
            if given <= 0:
                return Crossover(left, right, self.symbol, "never", given=given)
            given = None
        slack = left - right
        if slack.is_number:
            # With these values the unknown cancels out: one side is larger whatever it is.
            outcome = "always" if slack >= 0 else "never"
            return Crossover(left, right, self.symbol, outcome)
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
        say. That becomes a condition of the answer. Of several expressions, their ``Min``.

    Returns
    -------
    Crossover
        Verified: each value is substituted back, exactly and at random points.

    Raises
    ------
    InputError
        If the unknown does not occur, or no closed form exists and other symbols have no numbers.

    Notes
    -----
    Units are not compared, since a number may stand for a quantity, as in ``bytes = bandwidth/50``:
    the command line compares those of the quantities that it is given.

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
    for used in left.free_symbols | right.free_symbols | {symbol}:
        sy.info(used)
    for side in (left, right):
        if side.has(sympy.nan, sympy.zoo, sympy.oo, -sympy.oo):
            raise InputError("equation", str(side), "sides that are finite")
    if not (left.has(symbol) or right.has(symbol)):
        raise InputError("unknown", symbol.name, _unknowns(left, right))
    if symbol == sy.window:
        # It holds the token itself, at least.
        given = jointly(given, symbol - 1)
    return _solved(left, right, symbol, given)


def jointly(given: sympy.Expr | None, another: sympy.Expr) -> sympy.Expr:
    """What is positive where two expressions are: the lesser of them.

    Examples
    --------
    >>> from roofsym.symbols import B, L, w
    >>> jointly(jointly(None, B - w), L - w)
    Min(B - w, L - w)
    >>> jointly(jointly(jointly(None, B - w), L - w), L - w)
    Min(B - w, L - w)
    """
    # Of a crossing with values put in, both may be known.
    joined = dict.fromkeys((*(() if given is None else positives(given)), another))
    return sympy.Min(*joined, evaluate=False) if len(joined) > 1 else another


def positives(given: sympy.Expr) -> tuple[sympy.Expr, ...]:
    """The expressions that are positive where their minimum is."""
    return given.args if isinstance(given, sympy.Min) else (given,)


# In named constants, models of one kind ask the same equation: it is solved once.
@functools.lru_cache(maxsize=1024)
def _solved(
    left: sympy.Expr, right: sympy.Expr, symbol: sympy.Symbol, given: sympy.Expr | None
) -> Crossover:
    return _meet(left, right, symbol) if given is None else _with_given(left, right, symbol, given)


def _meet(
    left: sympy.Expr,
    right: sympy.Expr,
    symbol: sympy.Symbol,
    *,
    anywhere: bool = True,
    given: sympy.Expr = sympy.S.One,
    within: Arms = (),
) -> Crossover:
    """Where two sides meet, by the kind of equation that they make.

    Without `anywhere` they are compared in a part of the half-line only: where a denominator may
    change sign, and no crossing does not say which side is larger. A denominator that `given` says
    to be positive is; so is one that is positive beyond where the arms that they are compared
    `within` begin to hold.
    """
    if steps.floors(symbol, left, right):
        return _by_step(left, right, symbol)
    if regimes(symbol, left, right):
        return _by_regime(left, right, symbol, anywhere=anywhere, within=within)
    if exponential.in_share(symbol, left, right) or _in_exponent(left, right, symbol):
        return _with_exponential(left, right, symbol, anywhere=anywhere)
    parts = coefficients(left, right, symbol)
    if not parts:
        raise InputError("equation", in_letters(left, right), "two sides that differ")
    outcome, branches = _solve(parts, symbol)
    for denominator in _uncertain(left, right, given):
        if _is_positive_within(within, denominator, symbol):
            continue
        if anywhere and not branches:
            open_ones = sorted(s.name for s in denominator.free_symbols - {symbol})
            accepted = "denominators that are positive throughout"
            if open_ones:
                accepted += f", as they may be with values for {', '.join(open_ones)}"
            raise InputError("equation", f"1 / ({in_letters(denominator)})", accepted)
        branches = tuple(
            Branch(
                b.value,
                all_of(b.when, not_zero(denominator.xreplace({symbol: b.value}))),
                b.bracket,
            )
            for b in branches
        )
        if outcome == "crosses" and any(b.when != sympy.true for b in branches):
            outcome = "conditional"
    # What is no root but a pole at which the numerator vanishes, too.
    kept = tuple(b for b in branches if b.when != sympy.false)
    if len(kept) < len(branches):
        certain = all(b.when == sympy.true for b in kept)
        branches = kept
        outcome = ("crosses" if certain else "conditional") if kept else _side(left, right, symbol)
    found = Crossover(left, right, symbol, outcome, branches)
    for branch in branches:
        verify(found, branch)
    return found


def _by_step(left: sympy.Expr, right: sympy.Expr, symbol: sympy.Symbol) -> Crossover:
    """Solve where the unknown stands in ``⌊x/C⌋``, once all else has numbers."""
    if left.free_symbols | right.free_symbols != {symbol}:
        return Crossover(left, right, symbol, "numeric")

    def equal(one: sympy.Expr, other: sympy.Expr) -> list[sympy.Expr]:
        return [b.value for b in _meet(one, other, symbol, anywhere=False).branches]

    return _numbered(left, right, symbol, steps.crossings(left, right, symbol, equal))


def _numbered(
    left: sympy.Expr,
    right: sympy.Expr,
    symbol: sympy.Symbol,
    brackets: Iterable[Bracket],
) -> Crossover:
    """What brackets of the roots say; without any, which side is larger."""
    branches = _bracketed(brackets)
    outcome = "numeric" if branches else _side(left, right, symbol)
    return Crossover(left, right, symbol, outcome, branches)


def _bracketed(
    brackets: Iterable[Bracket],
) -> tuple[Branch, ...]:
    """Numeric roots, each with the interval that holds it."""
    return tuple(
        Branch(sympy.Float((low + high) / 2, 15), sympy.true, (low, high)) for low, high in brackets
    )


def _in_exponent(left: sympy.Expr, right: sympy.Expr, symbol: sympy.Symbol) -> bool:
    """Whether a symbol stands in an exponent, and does not cancel between the two sides."""
    if not (exponential.occurs(left, symbol) or exponential.occurs(right, symbol)):
        return False
    one, other = sides(left, right)
    return any(rest != 1 for _, rest in one.minus(other).split(symbol))


def _uncertain(left: sympy.Expr, right: sympy.Expr, given: sympy.Expr) -> Factors:
    """Factors of the denominators that are not positive for all values of the symbols."""
    below = fraction(left)[1] | fraction(right)[1]
    known = [bare(x) for x in positives(given)]
    # A positive symbol in its place shows what is positive with it.
    hidden = dict.fromkeys((*known, *positives(given)), sy.gap)
    return {
        base: e
        for base, e in below.items()
        if polynomial.sign(base) != 1
        and polynomial.sign(base.xreplace(hidden)) != 1
        and not any(polynomial.is_zero(Terms.of(base).stripped().expr - x) for x in known)
    }


def _with_given(
    left: sympy.Expr, right: sympy.Expr, symbol: sympy.Symbol, given: sympy.Expr
) -> Crossover:
    """Solve an equation that is asked only where an expression is positive."""
    if any(polynomial.sign(x) in (-1, 0) for x in positives(given)):
        return Crossover(left, right, symbol, "never", given=sympy.S.Zero)
    if given.has(symbol):
        found = _meet(left, right, symbol, anywhere=False, given=given)
        inside = []
        for b in found.branches:
            when = any_of(*(
                all_of(x, *(_positive_at(g, symbol, b.exact, x) for g in positives(given)))
                for x in cases(b.when)
            ))  # fmt: skip
            inside.append(Branch(b.value, when, b.bracket))
    else:
        # A positive symbol in its place lets signs be seen.
        hidden = {given: sy.gap}
        found = crossover(left.xreplace(hidden), right.xreplace(hidden), symbol)
        shown = {sy.gap: given}
        inside = [
            Branch(
                b.value.xreplace(shown),
                all_of(replaced(b.when, shown), above_zero(given)),
                b.bracket,
            )
            for b in found.branches
        ]
    if found.outcome == "numeric" and not inside:
        return Crossover(left, right, symbol, "numeric", given=given)
    kept = tuple(b for b in inside if b.when != sympy.false)
    outcome = found.outcome if kept else _side_within(left, right, symbol, given)
    if not outcome:
        return Crossover(left, right, symbol, "never", given=sympy.S.Zero)
    if outcome == "crosses" and any(b.when != sympy.true for b in kept):
        outcome = "conditional"
    return Crossover(left, right, symbol, outcome, kept, given=given)


def _positive_at(
    expr: sympy.Expr, symbol: sympy.Symbol, value: sympy.Expr, given: Boolean
) -> Boolean:
    """When an expression is positive at a value of the unknown, given when it is one."""
    if has_root(value) and (found := _border(expr, sympy.S.Zero, symbol)):
        # Put in, the root would hide what is said of the unknown.
        border, rises, where = found
        sides = (value, border) if rises > 0 else (border, value)
        more = sympy.Gt(*sides, evaluate=not value.free_symbols | border.free_symbols)
        return all_of(where, more)
    return above_zero(expr.xreplace({symbol: value}), given)


def _side_within(
    left: sympy.Expr, right: sympy.Expr, symbol: sympy.Symbol, given: sympy.Expr
) -> str:
    """Which side is larger where an expression is positive, given that they never meet there.

    Nothing if that is seen to be nowhere.
    """
    free = left.free_symbols | right.free_symbols | given.free_symbols
    for power in range(-12, 19):
        point = {s: sympy.Integer(1) for s in free} | {symbol: sympy.Integer(10) ** power}
        try:
            if order_at(given, sympy.S.Zero, point) > 0:
                return "always" if order_at(left, right, point) >= 0 else "never"
        except NotRealError:
            continue
    return "never" if given.free_symbols - {symbol} else ""


def _with_exponential(
    left: sympy.Expr, right: sympy.Expr, symbol: sympy.Symbol, *, anywhere: bool
) -> Crossover:
    """Solve where the unknown stands in an exponent: in closed form, or a certified root.

    Of the share of experts that a token leaves alone, wherever it stands.
    """
    if (branch := _share_branch(left, right, symbol)) is not None:
        return _with_branch(left, right, symbol, branch)
    if left.free_symbols | right.free_symbols == {symbol}:
        mixed = any(p.exp.has(symbol) for p in exponential.shares(symbol, left, right))
        brackets = (bounds if mixed else exponential).crossings(left, right, symbol)
        below = {p.base for x in (left, right) for p in x.atoms(sympy.Pow) if p.exp.is_negative}
        for base in below if anywhere and not brackets else ():
            if base.has(symbol) and _meet(base, sympy.S.Zero, symbol, anywhere=False).branches:
                raise InputError(
                    "equation", f"1 / ({in_letters(base)})", "denominators without zeros"
                )
        return _numbered(left, right, symbol, brackets)
    powers = {p for x in (left, right) for p in open_powers(x) if p.exp.has(symbol)}
    for power in powers - exponential.shares(symbol, left, right):
        if not (exponential.is_share(power.base) or power.base.is_Rational):
            raise InputError("equation", in_letters(power), "powers of a share or a number")
    fades = powers and all(exponential.fades(p, symbol) for p in powers)
    one, other = sides(left, right)
    branch = _exponential_branch(one.minus(other), symbol) if fades else None
    if branch is None:
        return Crossover(left, right, symbol, "numeric")
    return _with_branch(left, right, symbol, branch)


def _with_branch(
    left: sympy.Expr, right: sympy.Expr, symbol: sympy.Symbol, branch: Branch
) -> Crossover:
    """A crossing of one branch at most, verified."""
    if branch.when == sympy.false:
        return Crossover(left, right, symbol, _side(left, right, symbol))
    outcome = "crosses" if branch.when == sympy.true else "conditional"
    found = Crossover(left, right, symbol, outcome, (branch,))
    verify(found, branch)
    return found


def _exponential_branch(slack: Terms, symbol: sympy.Symbol) -> Branch | None:
    """Root of ``p x + c r^x = q``, where it has a closed form and there is one root at most.

    With ``c > 0`` the left side is convex. Where it starts below ``q``, it rises above it once if
    ``p > 0``, at ``x = q/p − W(c/p · ln r · r^(q/p))/ln r`` with the principal branch of Lambert's
    W: the other one is the root at negative x. Without a linear term, ``r^x = q/c``.
    """
    parts = slack.split(symbol)
    nothing = Terms([])
    p, q = parts.pop((1, sympy.S.One), nothing), parts.pop((0, sympy.S.One), nothing).times(-1)
    if len(parts) != 1:
        return None
    (((degree, power), c),) = parts.items()
    if degree or not power.is_Pow or c.sign not in (1, -1):
        return None
    if c.sign == -1:
        p, q, c = (x.times(-1) for x in (p, q, c))
    multiple = power.exp / symbol
    rate = multiple * sympy.log(power.base)
    # What is left where the unknown is 0 and the power is 1.
    start = c.minus(q)
    if not p.products:
        return Branch(sympy.log(q.expr / c.expr) / rate, all_of(above_zero(q), above_zero(start)))
    if start.sign != -1:
        return None
    ratio, when = q.expr / p.expr, above_zero(p)
    if when == sympy.false:
        return Branch(ratio, when)
    # A power of a million is put in as a decimal.
    raised = put(power.base**sy.gap, {sy.gap: multiple * ratio})
    return Branch(ratio - sympy.LambertW(rate * c.expr * raised / p.expr) / rate, when)


# What the share of experts that a token leaves alone says of E, k and itself.
_BY_SHARE = {
    sy.rho: sy.rho,
    sy.top_k: sy.n_experts * (1 - sy.rho),
    sy.n_experts: sy.top_k / (1 - sy.rho),
}


def only_in_share(symbol: sympy.Symbol, *exprs: sympy.Expr) -> bool:
    """Whether ρ, E or k stands nowhere but in the share of experts that a token leaves alone."""
    return symbol == sy.rho or not any(
        x.xreplace({sy.idle_share: sy.rho}).has(symbol) for x in exprs
    )


def _share_branch(left: sympy.Expr, right: sympy.Expr, symbol: sympy.Symbol) -> Branch | None:
    """Root of ``c ρ^T = q``, the share of experts that a token leaves alone: ``0 < q < c``.

    Of E or k, where they stand nowhere but in that share.
    """
    if symbol not in _BY_SHARE or not only_in_share(symbol, left, right):
        return None
    left, right = (x.xreplace({sy.idle_share: sy.rho}) for x in (left, right))
    one, other = sides(left, right)
    parts = one.minus(other).split(sy.rho)
    q = parts.pop((0, sympy.S.One), Terms([])).times(-1)
    if len(parts) != 1:
        return None
    (((degree, power), c),) = parts.items()
    if left.free_symbols | right.free_symbols == {sy.rho} and (degree, power) != (1, 1):
        return None  # The exact millionth root of a number is nothing to look at.
    exponents = (p.as_base_exp() for p in sympy.Mul.make_args(power) if p != 1)
    exponent = sympy.Add(degree, *(x for base, x in exponents if base == sy.rho))
    if c.sign not in (1, -1) or not exponent.is_positive:
        return None
    if c.sign == -1:
        q, c = q.times(-1), c.times(-1)
    when = all_of(above_zero(q), above_zero(c.minus(q)))
    share = (q.factored().expr / c.expr) ** (1 / exponent)
    return Branch(_BY_SHARE[symbol].xreplace({sy.rho: share}), when)


def _unknowns(left: sympy.Expr, right: sympy.Expr) -> str:
    names = sorted(s.name for s in left.free_symbols | right.free_symbols)
    return "a symbol of the equation: " + (", ".join(names) or "it has none left")


# --- degrees 0, 1 and 2 -----------------------------------------------------------------------


def _solve(parts: dict[int, Terms], symbol: sympy.Symbol) -> tuple[str, tuple[Branch, ...]]:
    degree = max(parts)
    signs = {part.sign for part in parts.values()}
    # Descartes: without a change of sign there is no positive root.
    if None not in signs and len(signs) == 1:
        return ("always" if 1 in signs else "never"), ()
    if degree > 2:
        return _numeric({power: part.expr for power, part in parts.items()}, symbol)
    if degree == 0:
        # Both sides are proportional to the unknown: which is larger, the other symbols decide.
        return "conditional", ()
    c0, c1, c2 = (parts.get(power, Terms([])) for power in range(3))
    solved = _linear(c0, c1, symbol) if degree == 1 else _quadratic(c0, c1, c2, symbol)
    kept = tuple(b for b in solved if b.when != sympy.false)
    if not kept:
        return ("always" if c0.sign == 1 else "never"), ()
    if all(b.when == sympy.true for b in kept):
        return "crosses", kept
    return "conditional", kept


def _linear(c0: Terms, c1: Terms, symbol: sympy.Symbol) -> Iterator[Branch]:
    if c0.sign is not None:
        when = above_zero(c1.times(-c0.sign))
    elif c1.sign is not None:
        when = above_zero(c0.times(-c1.sign))
    else:
        when = sympy.Or(
            all_of(above_zero(c1), below_zero(c0)),
            all_of(below_zero(c1), above_zero(c0)),
        )
    # Put together so that a numerator of one sign is printed without a minus, and of two without a
    # sign as it is where intensity is on the left: it falls with the context, and rises otherwise.
    slope_falls = c1.leaning == -1 or (c1.leaning is None and symbol == sy.L)
    falls = c0.sign == 1 or (c0.sign is None and slope_falls)
    above, below = (c0, c1.times(-1)) if falls else (c0.times(-1), c1)
    yield Branch(above.factored().grouped().divided_by(below.factored()), when)


def _quadratic(c0: Terms, c1: Terms, c2: Terms, symbol: sympy.Symbol) -> Iterator[Branch]:
    if c2.sign == -1:
        c0, c1, c2 = (c.times(-1) for c in (c0, c1, c2))
    # What c1 and c2 share stays out of the root: I* w / B under it reads better than B² around it.
    outside = {base: -e for base, e in content([c1, c2])[1].items()}
    a0, a1, a2 = (c.times(1, outside) for c in (c0, c1, c2))
    # Halving a1 keeps the 4 out of the discriminant and the 2 out of the denominator.
    half = _spread(a1.expr / 2)
    discriminant = product(1, {half: 2}) - a0.expr * a2.expr
    if discriminant.is_Rational and discriminant < 0:
        return
    low, high = _roots(half, a2, discriminant)
    real = above_zero(product(Fraction(1, 4), {c1.expr: 2}) - c0.expr * c2.expr)
    both, one = _positive_roots(c0, c1, real)
    if c2.sign is None:
        # With c2 < 0 the equation with its sign changed has c2 > 0, and the roots change places.
        both_down, one_down = _positive_roots(c0.times(-1), c1.times(-1), real)
        up, down = above_zero(c2), below_zero(c2)
        yield Branch(
            low, sympy.Or(sympy.And(up, both), sympy.And(down, sympy.Or(one_down, both_down)))
        )
        yield Branch(high, sympy.Or(sympy.And(up, sympy.Or(one, both)), sympy.And(down, both_down)))
        # And where c2 vanishes, a straight line, if there is one.
        for straight in _linear(c0, c1, symbol) if c1.products else ():
            yield Branch(straight.value, sympy.And(is_zero(c2), straight.when))
        return
    if c0.sign == -1:
        # One root, whatever the rest.
        yield Branch(high, sympy.true)
        return
    yield Branch(low, both)
    yield Branch(high, sympy.Or(below_zero(c0), sympy.And(below_zero(c1), real)))


def _spread(expr: sympy.Expr) -> sympy.Expr:
    """A number times a sum as the sum of its terms: ``I* a − φ``, not ``−(φ − I* a)``."""
    number, rest = expr.as_coeff_Mul()
    return sympy.Add(*(number * x for x in rest.args)) if rest.is_Add else expr


def _roots(half: sympy.Expr, c2: Terms, discriminant: sympy.Expr) -> tuple[sympy.Expr, sympy.Expr]:
    try:
        # Of a sum with symbols, SymPy finds no other form, after a long time.
        evaluated = discriminant.is_number or not discriminant.is_Add
        root = sympy.Pow(discriminant, _HALF, evaluate=evaluated)
        low, high = (Terms([(1, {_spread(-half) + sign * root: 1})]) for sign in (-1, 1))
        return low.divided_by(c2), high.divided_by(c2)
    except ValueError:
        # SymPy 1.14 fails to factor some numbers with two close factors (its issue 28621). Kept as
        # it stands, with nothing multiplied to it, the root is not factored.
        root = sympy.Pow(discriminant / c2.expr**2, _HALF, evaluate=False)
        minus = sympy.Mul(-1, root, evaluate=False)
        return sympy.Add(-half / c2.expr, minus, evaluate=False), -half / c2.expr + root


def _positive_roots(c0: Terms, c1: Terms, real: Boolean) -> tuple[Boolean, Boolean]:
    """When a quadratic with c2 > 0 has two positive roots, and when it has exactly one.

    `real` is when its discriminant is positive.
    """
    both = sympy.And(above_zero(c0), below_zero(c1), real)
    one = sympy.Or(below_zero(c0), sympy.And(is_zero(c0), below_zero(c1)))
    return both, one


def _numeric(
    coefficients: dict[int, sympy.Expr], symbol: sympy.Symbol
) -> tuple[str, tuple[Branch, ...]]:
    if any(c.free_symbols for c in coefficients.values()):
        return "numeric", ()
    # A decimal of many digits, a power that was evaluated, counts as what it prints as.
    numbers = {power: sympy.Rational(c) for power, c in coefficients.items()}
    expr = sympy.Add(*(c * symbol**power for power, c in numbers.items()))
    # Only roots at which the sign changes are crossings: those of odd multiplicity.
    roots = []
    for factor, multiplicity in sympy.Poly(expr, symbol).sqf_list()[1]:
        if multiplicity % 2:
            roots += [
                (factor, interval) for interval, _ in factor.intervals(inf=0) if interval != (0, 0)
            ]
    if not roots:
        return ("always" if coefficients[max(coefficients)] > 0 else "never"), ()
    return "numeric", _bracketed(sorted(_refine(*root) for root in roots))


def _refine(factor: sympy.Poly, interval: Bracket) -> Bracket:
    low, high = interval
    while low != high and (high - low) * 10**15 > high:
        low, high = factor.refine_root(low, high, steps=8)
    return sympy.Rational(low), sympy.Rational(high)


# --- Min and Max --------------------------------------------------------------------------------


def _by_regime(
    left: sympy.Expr,
    right: sympy.Expr,
    symbol: sympy.Symbol,
    *,
    anywhere: bool,
    within: Arms,
) -> Crossover:
    """Solve with each arm of a Min or Max in turn; keep what lies in that arm's regime."""
    one_left, one_right = aligned(symbol, left, right)
    innermost, *outer = regimes(symbol, one_left, one_right)
    numbered = left.free_symbols | right.free_symbols == {symbol}
    if len(outer) >= _MOST_EXTREMA and not numbered:
        return Crossover(left, right, symbol, "numeric")
    level = _level(one_left, one_right, innermost, symbol)
    solved: list[tuple[sympy.Expr, Crossover]] = []
    for arm in innermost.args:
        one, other = (side.xreplace({innermost: arm}) for side in (one_left, one_right))
        # In a regime the unknown may have no effect, or the sides may be the same throughout: they
        # part at its border, which is a crossing of the next regime.
        if not (one - other).has(symbol):
            continue
        # Whether a denominator changes sign in the regime is seen once there are numbers.
        part = _meet(
            one, other, symbol, anywhere=anywhere and not numbered,
            within=(*within, (innermost, arm)),
        )  # fmt: skip
        if part.outcome == "numeric" and not part.branches:
            # Which of its roots lie in the regime is known once all else has numbers.
            return Crossover(left, right, symbol, "numeric")
        solved.append((arm, part))
    if not solved and numbered:
        return Crossover(left, right, symbol, _side(left, right, symbol))
    if not solved:
        raise InputError("unknown", symbol.name, "a symbol on which the two sides depend")
    branches: list[Branch] = []
    for arm, part in solved:
        for branch in part.branches:
            inside = _inside(innermost, arm, level, symbol, branch)
            if len(branches) < _READABLE:
                inside = alike(inside, [b.when for b in branches])
            if inside != sympy.false:
                _merge(branches, Branch(branch.value, inside, branch.bracket))
    if all(b.value.is_number for b in branches):
        branches.sort(key=lambda b: sympy.N(b.value))
        if numbered:
            branches = list(_changing(left, right, symbol, branches))
    somewhere = functools.reduce(either, (b.when for b in branches), sympy.false)
    if not branches and any(x.outcome == "conditional" and not x.branches for _, x in solved):
        outcome = "conditional"  # The unknown cancels out of an arm: which side is larger is open.
    elif not branches:
        poles = (_poles(x.left, x.right, symbol) for _, x in solved if numbered)
        outcome = _side(left, right, symbol, itertools.chain(*poles))
    elif somewhere != sympy.true:
        outcome = "conditional"
    else:
        outcome = "numeric" if any(b.bracket for b in branches) else "crosses"
    return Crossover(left, right, symbol, outcome, tuple(branches))


def _poles(left: sympy.Expr, right: sympy.Expr, symbol: sympy.Symbol) -> Iterator[sympy.Expr]:
    """Where denominators that may change sign are 0."""
    for base in _uncertain(left, right, sympy.S.One):
        for branch in _meet(base, sympy.S.Zero, symbol, anywhere=False).branches:
            yield branch.exact


def _is_positive_within(within: Arms, expr: sympy.Expr, symbol: sympy.Symbol) -> bool:
    """Whether an expression is positive from where the last arm begins to hold that begins."""
    starts = (_start(extremum, arm, symbol) for extremum, arm in reversed(within))
    start = next((x for x in starts if x != 0), None)
    if start is None:
        return False
    places = (start, start + sy.gap)
    return all(polynomial.sign(expr.xreplace({symbol: x})) == 1 for x in places)


def _start(extremum: sympy.Expr, arm: sympy.Expr, symbol: sympy.Symbol) -> sympy.Expr:
    """Beyond which value of the unknown one of two arms holds; 0 if not beyond any."""
    others = [x for x in extremum.args if x != arm]
    # Powers of thousands of tokens are no lines, which it would take minutes to see.
    powers = (x for arm in extremum.args for x in arm.atoms(sympy.Pow) if x.exp != -1)
    if len(others) == 1 and not any(x.has(symbol) for x in powers):
        one, two = (*others, arm) if isinstance(extremum, sympy.Min) else (arm, *others)
        found = _border(one, two, symbol, cautious=True)
        if found and found[1] > 0:
            return found[0]
    return sympy.S.Zero


def _level(
    left: sympy.Expr, right: sympy.Expr, extremum: sympy.Expr, symbol: sympy.Symbol
) -> sympy.Expr | None:
    """What a ``Min`` or ``Max`` is where two sides meet, if they say it: T for ``Max(…) = T``."""
    one, other = (x.xreplace({extremum: sy.gap}) for x in (left, right))
    try:
        parts = coefficients(one, other, sy.gap)
    except InputError:
        return None
    if parts.keys() != {0, 1} or parts[1].sign is None:
        return None
    level = _quotient(parts[0], parts[1])
    return None if regimes(symbol, level) else level


def _quotient(constant: Terms, slope: Terms) -> sympy.Expr:
    """Where a line of known slope is 0."""
    sign = slope.sign or 1
    return constant.times(-sign).divided_by(slope.times(sign))


def _regime(
    extremum: sympy.Expr,
    arm: sympy.Expr,
    level: sympy.Expr | None,
    symbol: sympy.Symbol,
    branch: Branch,
    given: Boolean,
) -> Iterator[Boolean]:
    """When a branch lies where an arm holds, given when it is one.

    There, the arm is what it is met at, the `level`: of that it is said where the unknown is gone
    from it, or where the value has a root or a W, which put in would hide what is said.
    """
    value = branch.exact
    numeric = value.is_number and not (extremum.free_symbols - {symbol})
    hidden = has_root(value) or value.has(sympy.LambertW)
    places = [arm]
    if level is not None and not level.has(symbol):
        places = [level]
    elif level is not None and hidden:
        places.append(level)

    def sides(here: sympy.Expr, other: sympy.Expr) -> tuple[sympy.Expr, sympy.Expr]:
        return (other, here) if isinstance(extremum, sympy.Min) else (here, other)

    for other in extremum.args:
        if other == arm:
            continue
        if numeric:
            # At the border of the regime, the bracket tells what rounding would hide.
            points = (value,) if branch.bracket is None else branch.bracket
            one, two = sides(arm, other)
            try:
                holds = any(order_at(one, two, {symbol: x}) >= 0 for x in points)
            except NotRealError:
                holds = False  # More experts chosen than there are.
            yield sympy.true if holds else sympy.false
            continue
        borders = (_border(*sides(x, other), symbol, cautious=not hidden) for x in places)
        if found := next(filter(None, borders), None):
            border, rises, where = found
            yield where
            if (polynomial.sign(border) or 0) < 0:
                # The value is positive where there is one.
                yield sympy.true if rises > 0 else sympy.false
            else:
                yield at_least(value, border) if rises > 0 else at_least(border, value)
            continue
        one, two = sides(places[-1], other)
        if not (said := at_least(one, two, given)).has(symbol):
            yield said
        else:
            yield at_least(_at_value(one, symbol, value), _at_value(two, symbol, value), given)


def _inside(
    extremum: sympy.Expr,
    arm: sympy.Expr,
    level: sympy.Expr | None,
    symbol: sympy.Symbol,
    branch: Branch,
) -> Boolean:
    """When a branch is one that lies where an arm holds.

    What is beyond a positive border is positive.
    """
    value = branch.exact
    known = cases(branch.when)
    said = [tuple(_regime(extremum, arm, level, symbol, branch, case)) for case in known]
    if said[1:] == said[:-1] and not value.is_number and not has_root(value):
        borders = (x.rhs for x in said[0] if isinstance(x, sympy.Ge) and x.lhs == value)
        if any(polynomial.sign(x) == 1 for x in borders):
            # It may be one case for all, of which the regime says the same.
            known = without_signs(known, value)
    return any_of(*(all_of(*here, case) for here, case in zip(said, known, strict=False)))


def _border(
    left: sympy.Expr, right: sympy.Expr, symbol: sympy.Symbol, *, cautious: bool = False
) -> tuple[sympy.Expr, int, Boolean] | None:
    """Where a line meets another, whether it is the larger one beyond (1) or before (−1), and when.

    Unless `cautious`, also of a line that is the larger one at most where it is steeper.
    """
    slope = sympy.diff(left - right, symbol)
    if slope.has(symbol):
        return None
    parts = coefficients(left, right, symbol)
    if parts.keys() != {0, 1}:
        return None
    constant, slope = parts[0], parts[1]
    if slope.sign:
        return _quotient(constant, slope), slope.sign, sympy.true
    if cautious or constant.sign != -1:
        return None
    return constant.times(-1).divided_by(slope), 1, above_zero(slope)


def _at_value(expr: sympy.Expr, symbol: sympy.Symbol, value: sympy.Expr) -> sympy.Expr:
    """Expression with a positive value for the unknown, of whose B-th root the B-th power is it."""
    found = expr.xreplace({symbol: value})
    powers = (p for p in found.atoms(sympy.Pow) if p.base.is_Pow and p.exp * p.base.exp == 1)
    return found.xreplace({p: p.base.base for p in powers})


def _changing(
    left: sympy.Expr, right: sympy.Expr, symbol: sympy.Symbol, branches: list[Branch]
) -> Iterator[Branch]:
    """Those of the sorted branches at which another side becomes the larger one, or neither.

    Where both sides have the same arm they are equal along a stretch: it has two ends.
    """
    values = [sympy.S.Zero, *(sympy.Rational(sympy.N(b.value, 30)) for b in branches), sympy.oo]
    for before, value, after, branch in zip(values, values[1:], values[2:], branches, strict=False):
        step = min((value - before) / 2, (after - value) / 2, value / 10**6)
        sides = [order_at(left, right, {symbol: x}) for x in (value - step, value + step)]
        if sides[0] != sides[1]:
            yield branch


def _merge(branches: list[Branch], new: Branch) -> None:
    """Add a branch; one of the same value holds in both regimes."""
    for position, known in enumerate(branches):
        if known.value == new.value:
            when = either(known.when, new.when)
            branches[position] = Branch(known.value, when, known.bracket)
            return
    branches.append(new)


def _side(
    left: sympy.Expr, right: sympy.Expr, symbol: sympy.Symbol, poles: Iterable[sympy.Expr] = ()
) -> str:
    """Which side is larger throughout, given that they never meet; on both sides of poles."""
    free = left.free_symbols | right.free_symbols
    shares = {power.base for power in exponential.shares(symbol, left, right)}
    # A window holds more than the token itself; a share is less than 1.
    least, most = (3 if symbol == sy.window else -12), (-3 if symbol == sy.rho else 30)
    near = sympy.Rational(1, 10**6)
    values = [sympy.Integer(10) ** power for power in range(least, most + 1, 3)]
    values += [x * (1 + side) for x in poles for side in (-near, near)]
    orders = set()
    for value in values:
        # Along a stretch they may be equal; and fewer experts than are chosen there are not.
        point = {s: sympy.Integer(1) for s in free} | {symbol: value}
        if any(order_at(share, sympy.S.Zero, point) <= 0 for share in shares):
            continue
        orders.add(order_at(left, right, point))
    if {1, -1} <= orders:
        accepted = "sides that meet where they change places"
        raise InputError("equation", in_letters(left, right), accepted)
    return "never" if -1 in orders else "always"


# --- conditions on one symbol -------------------------------------------------------------------


def of_one_symbol(condition: Boolean) -> Boolean:
    """A condition with each inequality in one symbol alone said of that symbol.

    Examples
    --------
    >>> from roofsym.symbols import B, L, w
    >>> of_one_symbol(sympy.And(2 * L + sympy.Min(L, 4) < 10, B > w))
    (B > w) & (L < 10/3)
    >>> of_one_symbol(sympy.Ge(1, L / (5 - L), evaluate=False))
    (L <= 5/2) | (L > 5)
    """
    if isinstance(condition, sympy.Or):
        return any_of(*map(of_one_symbol, condition.args))
    if isinstance(condition, sympy.And):
        joined = all_of(*map(of_one_symbol, condition.args))
        alternatives = cases(joined)
        if len(alternatives) == 1:
            return joined
        # Beyond a pole another inequality may not hold.
        return any_of(*(all_of(*literals(case)) for case in alternatives))
    if not isinstance(condition, sympy.Gt | sympy.Lt | sympy.Ge | sympy.Le):
        return condition
    if len(condition.free_symbols) != 1:
        return condition
    (symbol,) = condition.free_symbols
    more, less = condition.gts, condition.lts
    try:
        outcome, values = _crossed(more, less, symbol)
    except InputError:
        return condition  # Of a root of a square, say.
    if outcome in ("always", "never"):
        return sympy.true if outcome == "always" else sympy.false
    if len(values) != 1:
        return condition
    (value,) = values
    poles = list(_poles(more, less, symbol)) if _RootOfLine.of(symbol, more, less) is None else []
    if poles:
        return _between_poles(condition, symbol, value, poles)
    try:
        beyond = order_at(more, less, {symbol: 2 * value}) > 0
    except NotRealError:
        # The root ends between here and there: below, the condition holds, or up to that end.
        beyond = order_at(more, less, {symbol: value / 2}) <= 0
        if beyond:
            strict = isinstance(condition, sympy.Gt | sympy.Lt)
            above = (sympy.Gt if strict else sympy.Ge)(symbol, value, evaluate=False)
            line = _RootOfLine.of(symbol, more, less)
            return above if line is None else all_of(above, sympy.Le(symbol, line.end))
    if isinstance(condition, sympy.Gt | sympy.Lt):
        relation = sympy.Gt if beyond else sympy.Lt
    else:
        relation = sympy.Ge if beyond else sympy.Le
    return relation(symbol, value, evaluate=False)


def _between_poles(
    condition: Boolean, symbol: sympy.Symbol, value: sympy.Expr, poles: Iterable[sympy.Expr]
) -> Boolean:
    """Where an inequality holds whose sides meet once, and are infinite at poles."""
    more, less = condition.gts, condition.lts
    strict = isinstance(condition, sympy.Gt | sympy.Lt)
    ends = [sympy.S.Zero, *sorted({value, *poles}, key=sympy.N), sympy.oo]
    stretches: list[list[sympy.Expr]] = []
    for low, high in itertools.pairwise(ends):
        inside = 2 * low if high is sympy.oo else (low + high) / 2
        if order_at(more, less, {symbol: inside}) <= 0:
            continue
        if stretches and stretches[-1][1] == low == value and not strict:
            stretches[-1][1] = high
        else:
            stretches.append([low, high])
    said = []
    for low, high in stretches:
        closed = (x == value and not strict for x in (low, high))
        above, below = (
            (sympy.Ge, sympy.Le)[n] if shut else (sympy.Gt, sympy.Lt)[n]
            for n, shut in enumerate(closed)
        )
        bounds_of = [above(symbol, low, evaluate=False)] if low != 0 else []
        bounds_of += [below(symbol, high, evaluate=False)] if high is not sympy.oo else []
        said.append(all_of(*bounds_of))
    return any_of(*said) if said else sympy.false


@dataclass(frozen=True)
class _RootOfLine:
    """``√((p x + q)/(s x + t))``, the only root in two sides."""

    root: sympy.Expr
    p: sympy.Expr
    q: sympy.Expr
    s: sympy.Expr
    t: sympy.Expr

    @classmethod
    def of(cls, symbol: sympy.Symbol, *exprs: sympy.Expr) -> _RootOfLine | None:
        """The root in expressions; None if there is none of this form, or another one."""
        roots = {p for x in exprs for p in irrational_parts(x) if p.is_Pow and p.exp.is_Rational}
        if len(roots) != 1:
            return None
        (root,) = roots
        lines = sympy.fraction(sympy.together(root.base))
        if root.exp != sympy.Rational(1, 2) or not all(x.is_polynomial(symbol) for x in lines):
            return None
        above, below = (sympy.Poly(x, symbol) for x in lines)
        if above.degree() != 1 or below.degree() > 1:
            return None
        return cls(root, *above.all_coeffs(), *(below.nth(n) for n in (1, 0)))

    @property
    def end(self) -> sympy.Expr:
        """Where the line is 0."""
        return -self.q / self.p

    def at(self, value: sympy.Expr) -> sympy.Expr:
        """Where the root has a value."""
        return (self.q - self.t * value**2) / (self.s * value**2 - self.p)


def _crossed(
    more: sympy.Expr, less: sympy.Expr, symbol: sympy.Symbol
) -> tuple[str, list[sympy.Expr]]:
    """Where two sides in one symbol meet, though it may stand under a root."""
    line = _RootOfLine.of(symbol, more, less)
    if line is None:
        found = crossover(more, less, symbol)
        return found.outcome, [b.exact for b in found.branches]
    # In the root, both sides are rational.
    one, other = (
        x.xreplace({line.root: sy.gap}).xreplace({symbol: line.at(sy.gap)}) for x in (more, less)
    )
    found = crossover(one, other, sy.gap)
    places = (line.at(b.exact) for b in found.branches)
    # At infinity is nowhere.
    finite = [x for x in places if x.is_finite]
    values = [x if x.is_Rational else sympy.Rational(sympy.N(x, 30)) for x in finite]
    values = [x for x in values if x > 0]
    if not values and all(x >= 0 for x in (line.p, line.q, line.s, line.t)):
        return ("always" if order_at(more, less, {symbol: sympy.S.One}) > 0 else "never"), values
    return found.outcome, values


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
    # A root with a bracket is certified as it is bracketed.
    if branch.bracket is None:
        prove(found.left, found.right, found.symbol, branch.value, branch.when)
