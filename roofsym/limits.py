"""Limits of rational expressions, also through Min, Max and powers that fade, at 0 and infinity."""

from __future__ import annotations

import functools

import sympy

from roofsym import exponential
from roofsym.errors import InputError, in_letters
from roofsym.polynomial import sign
from roofsym.terms import Terms, by_power, fraction, sides
from roofsym.values import irrational_parts


def regimes(symbol: sympy.Symbol, *exprs: sympy.Expr) -> list[sympy.Expr]:
    """The ``Min`` and ``Max`` in which a symbol stands, innermost first.

    Among these, those first whose arms compare in the same way whatever the symbol is.

    Examples
    --------
    >>> from roofsym.symbols import B, L, window
    >>> regimes(L, sympy.Max(B, sympy.Min(L, window)) + sympy.Max(B, window))
    [Min(L, window), Max(B, Min(L, window))]
    >>> regimes(L, sympy.Min(L, window) + sympy.Min(L, L * window))
    [Min(L, L*window), Min(L, window)]
    """
    atoms = {x for expr in exprs for x in _extrema(expr) if x.has(symbol)}
    if len(atoms) < 2:
        return list(atoms)

    def place(extremum: sympy.Expr) -> tuple[int, bool, str]:
        depth, name = _depth(extremum)
        first, *others = extremum.args
        return depth, any((x / first).has(symbol) for x in others), name

    return sorted(atoms, key=place)


def _extrema(expr: sympy.Expr) -> list[sympy.Expr]:
    return [x for x in irrational_parts(expr) if isinstance(x, sympy.Min | sympy.Max)]


@functools.lru_cache(maxsize=1024)
def _depth(extremum: sympy.Expr) -> tuple[int, str]:
    return len(_extrema(extremum)), str(extremum)


def aligned(symbol: sympy.Symbol, *exprs: sympy.Expr) -> tuple[sympy.Expr, ...]:
    """Expressions in which arms of ``Min`` and ``Max`` that win together stand in one of them.

    Else a solver would look at each side of the border of one, and of the other, too.

    Examples
    --------
    >>> from roofsym.symbols import L, window
    >>> aligned(L, sympy.Min(L, window - 1), sympy.Min(L + 1, window))
    (Min(L, window - 1), Min(L, window - 1) + 1)
    """
    known: dict[sympy.Expr, tuple[sympy.Expr, sympy.Expr]] = {}
    same: dict[sympy.Expr, sympy.Expr] = {}
    for atom in regimes(symbol, *exprs):
        if len(atom.args) != 2:
            continue
        one, other = atom.args
        smaller = atom if isinstance(atom, sympy.Min) else one + other - atom
        for first, second in ((one, other), (other, one)):
            if (seen := known.get(first - second)) is not None:
                found = seen[1] + (first - seen[0])
                same[atom] = found if smaller == atom else one + other - found
                break
        else:
            known[one - other] = one, smaller
    return tuple(expr.xreplace(same) for expr in exprs)


def limit(expr: sympy.Expr, symbol: sympy.Symbol) -> sympy.Expr:
    """Limit of a rational expression as a positive symbol grows without bound.

    Powers with the symbol in the exponent have a base below 1 (see `roofsym.exponential`).

    Raises
    ------
    InputError
        If it is not known which arm of a ``Min`` or ``Max`` holds.

    Examples
    --------
    >>> from roofsym.symbols import B, a, phi, w
    >>> limit(B * phi / (w + B * a), B)
    phi/a
    """
    found = ratio_at_end(expr, sympy.S.One, symbol, at_infinity=True)
    if found is sympy.nan:
        accepted = f"Min and Max of which one arm wins as {symbol} grows"
        raise InputError("limit", in_letters(expr), accepted)
    return found


def ratio_at_end(
    left: sympy.Expr, right: sympy.Expr, symbol: sympy.Symbol, *, at_infinity: bool
) -> sympy.Expr:
    """Limit of left/right as a symbol goes to infinity, or to 0 from above.

    Returns
    -------
    sympy.Expr
        ``nan`` where it is not known which arm of a ``Min`` or ``Max`` holds there, or where it
        goes up and down with the steps of a ``⌊x/C⌋``; of E and k in shares of the experts.
    """
    if exponential.in_share(symbol, left, right):
        return sympy.nan  # E (1 − (1 − k/E)^T): what a power tends to does not say it.
    faded = 0 if at_infinity else 1
    left, right = (exponential.without(side, symbol, faded) for side in (left, right))
    # Far out, how much of a step is taken cannot be said: the limit is known if it does not matter.
    taken = {
        x: sympy.Dummy(positive=True)
        for x in dict.fromkeys((*irrational_parts(left), *irrational_parts(right)))
        if isinstance(x, sympy.floor)
    }
    smooth = {}
    for x, v in taken.items():
        # ⌊x/C⌋ rises with x and falls as C grows.
        falls = sign(sympy.diff(x.args[0], symbol)) == -1
        near = x.args[0].xreplace({symbol: 1 / symbol}) if falls else x.args[0]
        near = sympy.floor(near.xreplace({symbol: sympy.S.Zero}))
        if x.has(symbol):
            smooth[x] = near if at_infinity == falls else x.args[0] - v
    left, right = (side.xreplace(smooth) for side in (left, right))
    while atoms := regimes(symbol, left, right):
        wanted = 1 if isinstance(atoms[0], sympy.Max) else -1
        holding = [
            arm
            for arm in atoms[0].args
            if all(
                _sign_at_end(arm - other, symbol, at_infinity) in (wanted, 0)
                for other in atoms[0].args
            )
        ]
        if not holding:
            return sympy.nan
        left, right = (side.xreplace({atoms[0]: holding[0]}) for side in (left, right))
    above, below = (_leading(side, symbol, at_infinity) for side in sides(left, right))
    if below is None:
        return sympy.oo
    if above is None:
        return sympy.S.Zero
    (p, coefficient), (q, divisor) = above, below
    if p == q:
        found = coefficient.expr / divisor.expr
        return sympy.nan if found.has(*taken.values()) else found
    return sympy.oo if (p > q) == at_infinity else sympy.S.Zero


def _leading(terms: Terms, symbol: sympy.Symbol, at_infinity: bool) -> tuple[int, Terms] | None:
    """The power of a symbol that outweighs the others at an end, and its coefficient."""
    parts = by_power(terms, symbol)
    if not parts:
        return None
    power = max(parts) if at_infinity else min(parts)
    return power, parts[power]


def _sign_at_end(expr: sympy.Expr, symbol: sympy.Symbol, at_infinity: bool) -> int | None:
    above, below = fraction(expr)
    if any(sign(base) != 1 for base in below):
        return None
    leading = _leading(above, symbol, at_infinity)
    return 0 if leading is None else leading[1].sign
