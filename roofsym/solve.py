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
        smaller one there.

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

    @property
    def value(self) -> sympy.Expr | None:
        """Value of the unknown at the first crossing; None if there is none."""
        return self.branches[0].value if self.branches else None

    @property
    def when(self) -> Boolean:
        """Condition under which there is a crossing."""
        return sympy.Or(*(b.when for b in self.branches))

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
        slack = sympy.expand(left - right)
        if slack.is_number and not slack.has(self.symbol):
            # With these values the unknown cancels out: one side is larger whatever it is.
            outcome = "always" if slack > 0 else "never"
            return Crossover(left, right, self.symbol, outcome, (), left / right, left / right)
        return crossover(left, right, self.symbol)


def crossover(left: sympy.Expr, right: sympy.Expr, symbol: sympy.Symbol | str) -> Crossover:
    """Where two expressions meet as a symbol runs over the positive numbers.

    Parameters
    ----------
    left, right : sympy.Expr
        Expressions in the package's symbols, rational in `symbol` or with ``Min`` and ``Max``.
    symbol : sympy.Symbol or str
        The unknown, or its name.

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
    if _regimes(left - right, symbol):
        return _by_regime(left, right, symbol)
    if exponential.occurs(left, symbol) or exponential.occurs(right, symbol):
        return _with_exponential(left, right, symbol)
    coefficients = _polynomial(left, right, symbol)
    outcome, branches = _solve(coefficients, symbol)
    found = Crossover(
        left, right, symbol, outcome, branches,
        starts=_ratio(left, right, symbol, at_infinity=False),
        ends=_ratio(left, right, symbol, at_infinity=True),
    )  # fmt: skip
    _verify(found, coefficients)
    return found


def _with_exponential(left: sympy.Expr, right: sympy.Expr, symbol: sympy.Symbol) -> Crossover:
    """Solve where the unknown stands in an exponent: numerically, once the others have numbers."""
    for power in (left - right).atoms(sympy.Pow):
        if power.exp.has(symbol) and not exponential.fades(power, symbol):
            raise InputError("equation", str(power), f"powers r**{symbol} with 0 < r < 1")
    if (left - right).free_symbols != {symbol}:
        return Crossover(left, right, symbol, "numeric")
    (above_l, below_l), (above_r, below_r) = _fraction(left), _fraction(right)
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


def _unknowns(left: sympy.Expr, right: sympy.Expr) -> str:
    names = sorted(s.name for s in left.free_symbols | right.free_symbols)
    return "a symbol of the equation: " + (", ".join(names) or "it has none left")


# --- the equation as a polynomial -------------------------------------------------------------


def _polynomial(left: sympy.Expr, right: sympy.Expr, symbol: sympy.Symbol) -> dict[int, sympy.Expr]:
    """Coefficients of ``left − right`` times the denominators, by power of the unknown.

    Each side keeps its own shape, so that ``I* (κ L + a)`` stays a product in the answer.
    """
    (above_l, below_l), (above_r, below_r) = _fraction(left), _fraction(right)
    for denominator in (below_l, below_r):
        if _sign(denominator) != 1:
            raise InputError(
                "equation", f"1/({denominator})", "denominators that are positive throughout"
            )
    plus = _collect(above_l * below_r, symbol)
    minus = _collect(above_r * below_l, symbol)
    coefficients = {}
    for power in plus.keys() | minus.keys():
        zero = sympy.S.Zero
        coefficient = plus.get(power, zero) - minus.get(power, zero)
        if sympy.expand(coefficient) != 0:
            coefficients[power] = sympy.factor_terms(coefficient)
    lowest = min(coefficients, default=0)
    return _primitive({power - lowest: c for power, c in sorted(coefficients.items())})


def _primitive(coefficients: dict[int, sympy.Expr]) -> dict[int, sympy.Expr]:
    """Divide out the number and the symbols (all positive) that every coefficient shares."""
    contents = []
    for coefficient in coefficients.values():
        number, rest = coefficient.as_coeff_Mul()
        powers = dict(f.as_base_exp() for f in sympy.Mul.make_args(rest))
        contents.append((abs(number), {b: e for b, e in powers.items() if b.is_Symbol}))
    if not contents:
        return coefficients
    shared = functools.reduce(sympy.gcd, (number for number, _ in contents))
    for base in contents[0][1]:
        lowest = min((powers.get(base, 0) for _, powers in contents), default=0)
        shared *= base**lowest
    return {power: c / shared for power, c in coefficients.items()}


def _fraction(expr: sympy.Expr) -> tuple[sympy.Expr, sympy.Expr]:
    # SymPy would tear (3/4)^B apart into 3^B over 4^B.
    powers = open_powers(expr)
    if len(powers) > 1:
        raise InputError("equation", str(expr), "at most one power with a symbol as exponent")
    if not powers:
        above, below = expr.as_numer_denom()
        return above, below
    above, below = expr.xreplace({powers[0]: sy.root}).as_numer_denom()
    return above.xreplace({sy.root: powers[0]}), below.xreplace({sy.root: powers[0]})


def _collect(expr: sympy.Expr, symbol: sympy.Symbol) -> dict[int, sympy.Expr]:
    """Coefficients by power of `symbol`, with common factors pulled out."""
    if not expr.has(symbol):
        return {0: expr} if expr != 0 else {}
    coefficient, rest = expr.as_independent(symbol, as_Add=False)
    base, power = rest.as_base_exp()
    if base == symbol and power.is_Integer and power > 0:
        return {int(power): coefficient}
    by_power: dict[int, list[sympy.Expr]] = {}
    for term in sympy.Add.make_args(sympy.expand(expr)):
        if term == 0:
            continue
        coefficient, rest = term.as_independent(symbol, as_Add=False)
        base, power = rest.as_base_exp() if rest != 1 else (symbol, sympy.S.Zero)
        if base != symbol or not power.is_Integer or power < 0:
            raise InputError("equation", str(term), f"terms that are polynomial in {symbol}")
        by_power.setdefault(int(power), []).append(coefficient)
    return {power: sympy.factor_terms(sympy.Add(*xs)) for power, xs in by_power.items()}


def _sign(expr: sympy.Expr) -> int | None:
    """1, −1 or 0 if the sign is the same for all positive values of the symbols; else None."""
    # A window holds at least the token itself: W − 1 is not negative, though W > 0 does not say so.
    positive = expr.xreplace({sy.window: sy.root + 1}) if expr.has(sy.window) else expr
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
    return _ratio(expr, sympy.S.One, symbol, at_infinity=True)


def _strip(expr: sympy.Expr) -> sympy.Expr:
    """Drop the positive factors of an expression of which only the sign matters."""
    number, rest = sympy.factor_terms(expr).as_coeff_Mul()
    kept = [f for f in sympy.Mul.make_args(rest) if not f.is_positive]
    return sympy.sign(number) * sympy.Mul(*kept)


def _gt(expr: sympy.Expr) -> Boolean:
    return sympy.Gt(_strip(expr), 0)


def _lt(expr: sympy.Expr) -> Boolean:
    return _gt(-expr)


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
    value = (-c0) / c1 if s0 != 1 else c0 / (-c1)
    yield Branch(value, when)


def _quadratic(c0: sympy.Expr, c1: sympy.Expr, c2: sympy.Expr) -> Iterator[Branch]:
    s2 = _sign(c2)
    if s2 == -1:
        c0, c1, c2, s2 = -c0, -c1, -c2, 1
    # Halving c1 keeps the 4 out of the discriminant and the 2 out of the denominator.
    half = c1 / 2
    discriminant = half**2 - c0 * c2
    if discriminant.is_Rational and discriminant < 0:
        return
    low, high = _roots(half, c2, discriminant)
    both, one = _positive_roots(c0, c1, discriminant)
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
    known = _sign(c0)
    if known != -1:
        yield Branch(low, both)
    yield Branch(high, sympy.true if known == -1 else sympy.Or(one, both))


def _roots(
    half: sympy.Expr, c2: sympy.Expr, discriminant: sympy.Expr
) -> tuple[sympy.Expr, sympy.Expr]:
    try:
        root = sympy.sqrt(discriminant)
        return (-half - root) / c2, (-half + root) / c2
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
    -alpha + kappa*ridge > 0 -> L < (-a*ridge + phi)/(-alpha + kappa*ridge)
    alpha - kappa*ridge > 0 -> L > (a*ridge - phi)/(alpha - kappa*ridge)
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


def _by_regime(left: sympy.Expr, right: sympy.Expr, symbol: sympy.Symbol) -> Crossover:
    """Solve with each arm of a Min or Max in turn; keep what lies in that arm's regime."""
    atoms = _regimes(left - right, symbol)
    innermost = min(atoms, key=lambda x: (len(x.atoms(sympy.Min, sympy.Max)), str(x)))
    solved = False
    branches: list[Branch] = []
    for arm in innermost.args:
        put = {innermost: arm}
        try:
            part = crossover(left.xreplace(put), right.xreplace(put), symbol)
        except InputError:
            if left.xreplace(put).has(symbol) or right.xreplace(put).has(symbol):
                raise
            continue  # In this regime the unknown has no effect on either side.
        solved = True
        compare = sympy.Le if isinstance(innermost, sympy.Min) else sympy.Ge
        for branch in part.branches:
            inside = sympy.And(
                *(
                    compare(arm, other).xreplace({symbol: branch.value})
                    for other in innermost.args
                    if other != arm
                ),
                branch.when,
            )
            if inside != sympy.false and branch.value not in [b.value for b in branches]:
                branches.append(Branch(branch.value, inside, branch.bracket))
    if not solved:
        raise InputError("unknown", symbol.name, "a symbol on which the two sides depend")
    if all(b.value.is_number for b in branches):
        branches.sort(key=lambda b: sympy.N(b.value))
    if not branches:
        outcome = _side(left, right, symbol)
    elif any(b.when != sympy.true for b in branches):
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
    if _regimes(found.left - found.right, found.symbol):
        # Each arm was verified as it was solved; here, that the value lies in its regime.
        _verify_at_random(found, branch)
    elif branch.bracket is None:
        coefficients = _polynomial(found.left, found.right, found.symbol)
        _verify(Crossover(found.left, found.right, found.symbol, "", (branch,)), coefficients)


def _verify(found: Crossover, coefficients: dict[int, sympy.Expr]) -> None:
    """Substitute every closed-form value back: exactly, and at random points of its condition.

    Raises
    ------
    ProofError
        If a value is not a solution: a defect, never an answer.
    """
    for branch in found.branches:
        if branch.bracket is None:
            _verify_exactly(branch, coefficients)
            if branch.value.free_symbols:
                _verify_at_random(found, branch)


def _verify_exactly(branch: Branch, coefficients: Mapping[int, sympy.Expr]) -> None:
    value = branch.value
    # A branch that holds where the leading coefficient vanishes solves what is left.
    asked = branch.when.args if isinstance(branch.when, sympy.And) else (branch.when,)
    zeros = [e.lhs for e in asked if isinstance(e, sympy.Eq)]
    top = max(coefficients)
    if any(sympy.expand(_strip(coefficients[top]) - z) == 0 for z in zeros):
        coefficients = {power: c for power, c in coefficients.items() if power != top}
    powers = list(coefficients.items())
    roots = [r for r in value.atoms(sympy.Pow) if r.exp == sympy.Rational(1, 2)]
    if roots:
        # A root of a quadratic is (−c1 ± r)/(2 c2) with r² the discriminant: with r a symbol, the
        # residue is a multiple of r² − discriminant.
        value = value.xreplace({roots[0]: sy.root})
    residue = sympy.Add(*(c * value**power for power, c in powers))
    if roots:
        residue = sympy.numer(sympy.together(residue))
        square = sympy.expand(sy.root**2 - roots[0].base)
        residue = sympy.rem(sympy.expand(residue), square, sy.root)
    if sympy.cancel(residue) != 0:
        raise ProofError(f"{branch.value} does not solve {coefficients}: {residue} remains")


_TRIALS = 3


def _verify_at_random(found: Crossover, branch: Branch) -> None:
    free = (found.left - found.right).free_symbols | branch.value.free_symbols
    others = sorted(free - {found.symbol}, key=lambda s: s.name)
    source = random.Random(str(branch.value))
    # An exact power with an exponent of a million has a million digits.
    largest = 20 if open_powers(found.left - found.right) else 10**6
    for _ in range(_TRIALS):
        point = {s: sympy.Integer(source.randint(1, largest)) for s in others}
        if branch.when.xreplace(point) != sympy.true:
            continue
        value = branch.value.xreplace(point)
        if not value.is_Rational:
            # Both terms of a root can be large and nearly equal: floats would not do, nor would
            # fewer digits than the numbers have.
            longest = max((n.p.bit_length() for n in value.atoms(sympy.Rational)), default=0)
            value = value.evalf(60 + longest)
        left, right = (
            side.xreplace(point).xreplace({found.symbol: value})
            for side in (found.left, found.right)
        )
        if abs(sympy.N(left - right, 30)) > sympy.Float("1e-12") * max(
            abs(sympy.N(left, 30)), abs(sympy.N(right, 30))
        ):
            raise ProofError(f"{branch.value} is no crossing at {point}: {left} != {right}")
