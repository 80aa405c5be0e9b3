"""Sensitivities: the elasticity of time and intensity in any symbol, exact in every regime."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping

import sympy
from sympy.logic.boolalg import Boolean

from roofsym import polynomial
from roofsym import symbols as sy
from roofsym.closed_form import made_of
from roofsym.conditions import at_least, either, simplest
from roofsym.derivation import Derivation, Label
from roofsym.errors import InputError
from roofsym.hardware import Machine
from roofsym.ledger import Ledger
from roofsym.limits import regimes
from roofsym.results.question import (
    STEP,
    Inquiry,
    Question,
    Result,
    Unknown,
    answers,
    evaluate_condition,
    nth,
)
from roofsym.solve import Branch, Crossover

_PHASES = ("decode", "prefill", "verify", "chunk")

TIME = Question(
    name="time-elasticity", title="elasticity of the time of a step",
    label=Label("d ln T / d ln x", r"\frac{\mathrm{d} \ln T}{\mathrm{d} \ln x}"), phases=_PHASES,
    left="the elasticity", right="the relative change of time", symbol=sy.elasticity,
    typical={"B": 1, "L": 4096}, relative=True,
)  # fmt: skip
INTENSITY = Question(
    name="intensity-elasticity", title="elasticity of intensity",
    label=Label("d ln I / d ln x", r"\frac{\mathrm{d} \ln I}{\mathrm{d} \ln x}"), phases=_PHASES,
    needs=(STEP,), left="the elasticity", right="the relative change of intensity",
    symbol=sy.elasticity, typical={"B": 1, "L": 4096}, relative=True,
)  # fmt: skip


@answers(TIME)
def time_elasticity(ledger: Ledger, machine: Machine, symbol: Unknown = None) -> Result:
    """Relative change of the time of a step per relative change of a symbol, ``d ln T / d ln x``.

    Parameters
    ----------
    ledger : Ledger
        A step.
    machine : Machine
        The machine.
    symbol : sympy.Symbol or str, optional
        The symbol that changes; the batch if not given.

    Returns
    -------
    Result
        The elasticity, one branch per regime: −1 for the bandwidth of a memory-bound step, 0 for
        its peak.

    Examples
    --------
    >>> import roofsym as rs
    >>> led = rs.decode(rs.Transformer())
    >>> for branch in time_elasticity(led, rs.Machine(), symbol="bandwidth").general.branches:
    ...     print(branch.value)
    -1
    0
    """
    q = Inquiry.of(TIME, ledger, machine)
    return _elasticity(q, q.time(), symbol, "T")


@answers(INTENSITY)
def intensity_elasticity(ledger: Ledger, symbol: Unknown = None) -> Result:
    """Relative change of intensity per relative change of a symbol, ``d ln I / d ln x``.

    Parameters
    ----------
    ledger : Ledger
        A step.
    symbol : sympy.Symbol or str, optional
        The symbol that changes; the batch if not given.

    Returns
    -------
    Result
        The elasticity: 1 in the batch while weights dominate, 0 once they are shared by many.

    Examples
    --------
    >>> import roofsym as rs
    >>> led = rs.decode(rs.Transformer(), convention="weights-only")
    >>> intensity_elasticity(led).value
    1
    """
    q = Inquiry.of(INTENSITY, ledger)
    return _elasticity(q, q.work() / q.moved(), symbol, "I")


def _elasticity(q: Inquiry, expr: sympy.Expr, symbol: Unknown, letter: str) -> Result:
    d = q.d
    x = sy.B if symbol is None else sy.lookup(symbol) if isinstance(symbol, str) else symbol
    name = sy.info(x)
    q = dataclasses.replace(q, symbol=x)
    # By how much the constants change in which the symbol hides; of their other parts, they keep.
    slopes = {x: sympy.S.One}
    for constant, meaning in q.hiding(expr.free_symbols).items():
        parts = q.parts(constant, meaning)
        if parts == meaning:
            expr = expr.xreplace({constant: meaning})
        else:
            slopes[constant] = sympy.diff(parts, x)
    if not expr.has(*slopes):
        inside = made_of(expr.free_symbols, d.definitions)
        listing = ", ".join(s.name for s in sorted(inside, key=sy.rank) if s.name in sy.TABLE)
        raise InputError("symbol", name.name, f"a symbol of what changes: {listing}")
    if any(whole.has(*slopes) for whole in expr.atoms(sympy.floor)):
        accepted = f"a symbol in which nothing is counted in whole chunks, as {name.name} is here"
        raise InputError("symbol", name.name, accepted)
    label = Label(
        f"d ln {letter} / d ln {name.text}",
        rf"\frac{{\mathrm{{d}} \ln {letter}}}{{\mathrm{{d}} \ln {name.latex}}}",
        meaning=q.question.title,
    )
    found: list[tuple[Branch, sympy.Expr]] = []
    for regime, when in _regimes(expr, tuple(slopes)):
        value = _relative(regime, slopes, x)
        for position, (known, _) in enumerate(found):
            if polynomial.is_zero(known.value - value):
                found[position] = Branch(known.value, either(known.when, when)), regime
                break
        else:
            found.append((Branch(value, when), regime))
    for position, (branch, regime) in enumerate(found):
        text = "Relative change over relative change"
        if position:
            text += f", in {nth(position).lower()} regime"
        d.elasticity(text, label, regime, x, branch)
    branches = tuple(branch for branch, _ in found)
    outcome = "crosses" if len(branches) == 1 else "conditional"
    general = Crossover(sy.elasticity, branches[0].value, sy.elasticity, outcome, branches)
    bound = _with_numbers(general, d)
    if bound.value is not None and bound.value.is_number and d.values:
        holding = next(b for b in branches if d.evaluate(b.value) == bound.value)
        d.number("In numbers", label, holding.value, bound.value, "1")
    asked = dataclasses.replace(q.question, label=label, title=f"{d.title}, in {name.text}")
    return Result(asked, general, d, bound)


def _relative(
    expr: sympy.Expr, slopes: Mapping[sympy.Symbol, sympy.Expr], symbol: sympy.Symbol
) -> sympy.Expr:
    """Relative change of an expression: as one fraction, or as the difference of two if shorter."""

    def change(part: sympy.Expr) -> sympy.Expr:
        rate = sympy.Add(*(slope * sympy.diff(part, s) for s, slope in slopes.items()))
        return sympy.factor_terms(sympy.together(symbol * rate / part))

    # Not as_numer_denom, which takes (1 − k/E)^B apart.
    above, below = sympy.fraction(expr)
    return min(change(expr), change(above) - change(below), key=sympy.count_ops)


def _with_numbers(general: Crossover, d: Derivation) -> Crossover:
    """The regimes that the numbers leave, with the numbers put in."""
    left = []
    for branch in general.branches:
        when = simplest(evaluate_condition(d, branch.when))
        if when != sympy.false:
            left.append(Branch(d.evaluate(branch.value), when))
    outcome = "crosses" if any(b.when == sympy.true for b in left) else "conditional"
    return Crossover(general.left, left[0].value, general.symbol, outcome, tuple(left))


def _regimes(
    expr: sympy.Expr, changing: tuple[sympy.Symbol, ...]
) -> Iterator[tuple[sympy.Expr, Boolean]]:
    """Smooth pieces of an expression with Min and Max, each with the condition of its regime."""
    atoms = [atom for symbol in changing for atom in regimes(symbol, expr)]
    if not atoms:
        yield expr, sympy.true
        return
    innermost = min(atoms, key=sympy.count_ops)
    arms = sorted(innermost.args, key=str)
    for arm in arms:
        others = [x for x in arms if x != arm]
        pairs = [(x, arm) if isinstance(innermost, sympy.Min) else (arm, x) for x in others]
        here = sympy.And(*(at_least(*pair) for pair in pairs))
        for piece, when in _regimes(expr.xreplace({innermost: arm}), changing):
            yield piece, sympy.And(here, when)
