"""Totals of a ledger as low-degree polynomials in (B, S, L) with named coefficients.

The names (weight bytes ``w``, FLOPs per token ``φ``, ...) are symbols of the table with a meaning;
their definitions in dimensions are sums over ledger entries, so nothing is stated twice. Closed
forms written in the names fit on one line and hold for every model; they are also what makes
solving fast.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

import sympy

from roofsym import polynomial, units, values
from roofsym import symbols as sy
from roofsym.errors import InputError, ProofError
from roofsym.ledger import QUANTITY_UNITS, Entry, Ledger

DEPTHS = ("constants", "dimensions", "numbers")
_STEP = (sy.B, sy.S, sy.L)


@dataclass(frozen=True)
class ClosedForm:
    """An expression in named constants, with what the constants stand for.

    Attributes
    ----------
    expr : sympy.Expr
        The expression in the named constants and the step.
    definitions : mapping of sympy.Symbol to sympy.Expr
        Each constant in dimensions of the model.
    values : mapping of sympy.Symbol to sympy.Expr
        What is known of the symbols.
    """

    expr: sympy.Expr
    definitions: Mapping[sympy.Symbol, sympy.Expr]
    values: Mapping[sympy.Symbol, sympy.Expr]

    def at_depth(self, depth: str) -> sympy.Expr:
        """Expression in ``constants``, in ``dimensions`` or with ``numbers`` put in.

        Raises
        ------
        InputError
            If there is no such depth.
        """
        if depth not in DEPTHS:
            raise InputError("depth", depth, "one of " + ", ".join(DEPTHS))
        if depth == "constants":
            return self.expr
        if depth == "dimensions":
            return written_out(self.expr, self.definitions)
        return values.put(self.expr, {**self.values, **self._constants(self.expr.free_symbols)})

    def renamed(self, names: Mapping[sympy.Symbol, sympy.Symbol]) -> ClosedForm:
        """The closed form with other names for constants: of a part of a step, they are its own.

        Examples
        --------
        >>> from roofsym.symbols import B, L, kappa, w
        >>> ClosedForm(B * w, {w: 2 * L}, {}).renamed({w: kappa})
        ClosedForm(expr=B*kappa, definitions={kappa: 2*L}, values={})
        """
        definitions = {names.get(s, s): meaning for s, meaning in self.definitions.items()}
        return ClosedForm(self.expr.xreplace(dict(names)), definitions, self.values)

    @property
    def given(self) -> dict[sympy.Symbol, sympy.Expr]:
        """What is known of the symbols of the expression."""
        used = self.expr.free_symbols
        known = {**self.values, **self._constants(used)}
        return {s: known[s] for s in used if s in known}

    def _repr_latex_(self) -> str:
        # Rendering knows closed forms, not the other way round.
        from roofsym.render.expression import render

        return rf"$\displaystyle {render(self.expr, 'latex')}$"

    @property
    def constants(self) -> dict[sympy.Symbol, sympy.Expr]:
        """Each named constant with the known values put in; those set by hand as they were set."""
        return self._constants(self.definitions)

    def _constants(self, wanted: Iterable[sympy.Symbol]) -> dict[sympy.Symbol, sympy.Expr]:
        known = dict(self.values)
        found = {}
        for s in wanted:
            if s in self.definitions:
                found[s] = known[s] if s in known else self._constant(s, known)
        return found

    def _constant(
        self, constant: sympy.Symbol, known: dict[sympy.Symbol, sympy.Expr]
    ) -> sympy.Expr:
        """Value of a constant, with those of the constants that it is made of entered as known."""
        definition = self.definitions[constant]
        for inner in definition.free_symbols & self.definitions.keys() - known.keys():
            known[inner] = self._constant(inner, known)
        return values.put(definition, known)


def written_out(expr: sympy.Expr, definitions: Mapping[sympy.Symbol, sympy.Expr]) -> sympy.Expr:
    """Expression with definitions put in, and those of the symbols in these."""
    while any(s in definitions for s in expr.free_symbols):
        expr = expr.xreplace(dict(definitions))
    return expr


def reached(
    symbols: Iterable[sympy.Symbol], inside: Callable[[sympy.Symbol], Iterable[sympy.Symbol]]
) -> set[sympy.Symbol]:
    """Symbols, those that stand inside of what they mean, those inside of these, and so on.

    Examples
    --------
    >>> from roofsym.symbols import B, L, a, kappa, w
    >>> inside = {w: {B, kappa}, kappa: {L}}
    >>> reached({w, a}, lambda s: inside.get(s, ())) == {w, a, B, kappa, L}
    True
    """
    found: set[sympy.Symbol] = set()
    waiting = set(symbols)
    while new := waiting - found:
        found |= new
        waiting = set().union(*(inside(s) for s in new))
    return found


def made_of(
    symbols: Iterable[sympy.Symbol], definitions: Mapping[sympy.Symbol, sympy.Expr]
) -> set[sympy.Symbol]:
    """Symbols, those of their definitions, those of the definitions of these, and so on.

    Examples
    --------
    >>> from roofsym.symbols import B, L, a, kappa, w
    >>> made_of({w, a}, {w: B * kappa, kappa: L + 1}) == {w, a, B, kappa, L}
    True
    """
    return reached(symbols, lambda s: definitions[s].free_symbols if s in definitions else ())


def closed_form(
    ledger: Ledger, quantity: str, select: Callable[[Entry], bool] | None = None
) -> ClosedForm:
    """Total of a ledger with its coefficients named.

    Parameters
    ----------
    ledger : Ledger
        The ledger of any phase.
    quantity : str
        ``flops``, ``bytes``, ``link_bytes`` or, of ``ledger.memory``, ``memory``.
    select : callable, optional
        Which entries to sum; all of the quantity if not given.

    Raises
    ------
    ProofError
        If the closed form is not the sum of the entries, which would be a defect.

    Examples
    --------
    >>> import roofsym as rs
    >>> closed_form(rs.decode(rs.Transformer()), "bytes").expr
    B*(L*kappa + a) + w
    """
    if ledger.phase == "verify" and ledger.remake is not None:
        general = closed_form(ledger.in_phase("chunk"), quantity, select)
        draft = {sy.S: sy.gamma + 1}
        return ClosedForm(general.expr.xreplace(draft), general.definitions, ledger.values)
    has_s = ledger.tokens.has(sy.S)
    if select is not None:
        ledger = ledger.keep(filter(select, ledger.entries))
    pairs = sympy.expand(ledger.pairs)
    squares = pairs.coeff(sy.S, 2)
    own = pairs.coeff(sy.S, 1).coeff(sy.L, 0)
    definitions: dict[sympy.Symbol, sympy.Expr] = {}
    terms: list[sympy.Expr] = []
    idle = sy.idle_share**ledger.tokens
    rho = sy.rho**ledger.tokens
    # By falling degree, so that in α S (S + 1)/2 it is the square that gives α its definition.
    by_degree = sorted(_coefficients(ledger, quantity).items(), key=lambda x: -_degree(x[0]))
    chunked = any(monomial.has(sympy.floor) for monomial, _ in by_degree)
    for monomial, coefficient in by_degree:
        if monomial == 1 - idle:
            # Experts that no token of the step chooses are not read: E (1 − ρ^T) are.
            definitions |= {sy.rho: idle.base, sy.w_x: tidy(coefficient)}
            terms.append(sy.w_x * (1 - rho))
            continue
        symbol, factor = _name(quantity, monomial, has_s, squares, chunked)
        if sympy.expand(coefficient) == 0:
            continue
        alone = definitions.get(sy.alpha, sympy.S.Zero) * own
        if symbol == sy.phi and own != 0 and polynomial.is_zero(alone - coefficient):
            # Attention alone: α S (S + 1)/2 needs no second constant.
            symbol, factor = sy.alpha, own
        named = symbol * factor
        if symbol not in definitions:
            definition = tidy(coefficient / factor)
            definitions[symbol] = units.require(definition, sy.info(symbol).unit, symbol.name)
        terms.append(named * monomial)
    scaling = [t for t in terms if sy.B in sympy.Mul.make_args(t)]
    per_batch = sympy.Add(*(t / sy.B for t in scaling))
    rest = sympy.Add(*(t for t in terms if t not in scaling))
    expr = units.require(rest + sy.B * per_batch, QUANTITY_UNITS[quantity], f"the {quantity}")
    proof = expr.xreplace(definitions) - ledger.symbolic(quantity)
    if not polynomial.is_zero(proof):
        raise ProofError(f"closed form of {quantity} is not the sum of the ledger: {proof}")
    return ClosedForm(expr, definitions, ledger.values)


def _coefficients(ledger: Ledger, quantity: str) -> dict[sympy.Expr, sympy.Expr]:
    """Coefficients in dimensions, by monomial in the step; one summand per group of layers."""
    # The same work of the same operator in several groups of layers is one term, times all of them.
    sums: dict[sympy.Expr, dict[tuple[object, ...], list[sympy.Expr]]] = {}
    for entry in ledger.entries:
        if entry.quantity != quantity:
            continue
        # What is held is so much per token; how many tokens there are stays whole: B (L + S).
        whole = quantity == "memory" and entry.kind == "kv"
        terms = (entry.amount,) if whole else sympy.Add.make_args(expanded(entry.amount))
        for term in terms:
            coefficient, monomial = term.as_independent(*_STEP, sy.gamma, as_Add=False)
            work = (entry.operator, entry.kind, entry.access, entry.scheme, coefficient)
            sums.setdefault(monomial, {}).setdefault(work, []).append(entry.count)
    return {monomial: _by_count(works) for monomial, works in sums.items()}


def _by_count(works: dict[tuple[object, ...], list[sympy.Expr]]) -> sympy.Expr:
    """Sum of work times layers, with the work of the same number of layers together."""
    by_count: dict[sympy.Expr, list[sympy.Expr]] = {}
    for (*_, coefficient), counts in works.items():
        by_count.setdefault(sympy.Add(*counts), []).append(coefficient)
    return sympy.Add(*(count * tidy(sympy.Add(*xs)) for count, xs in by_count.items()))


def expanded(amount: sympy.Expr) -> sympy.Expr:
    """Amount of an entry, multiplied out as far as it is a polynomial in the step.

    Examples
    --------
    >>> from roofsym.symbols import B, L, window
    >>> expanded(B * (L + 1)), expanded(B * (L - window * sympy.floor(L / window)))
    (B*L + B, B*(L - window*floor(L/window)))
    """
    # What a window leaves of the context is no polynomial: it stays whole, as one generator, so
    # that layers with a window and without do not share monomials.
    if amount.has(sympy.Max, sympy.floor) or (amount.has(sympy.Min) and amount.has(sy.S)):
        return amount
    # So does the share of the experts that a step reads, 1 − (1 − k/E)^T.
    if values.open_powers(amount):
        return amount
    return sympy.expand(amount)


def _degree(monomial: sympy.Expr) -> int:
    return sum(int(e) for e in monomial.as_powers_dict().values() if e.is_Integer)


def tidy(coefficient: sympy.Expr) -> sympy.Expr:
    """Pull out the factors that all summands share, without multiplying anything out."""
    if not coefficient.is_Add:
        return coefficient
    parts = [term.as_coeff_Mul() for term in coefficient.args]
    powers = [dict(f.as_base_exp() for f in sympy.Mul.make_args(rest)) for _, rest in parts]
    number = functools.reduce(sympy.gcd, (n for n, _ in parts))
    shared = {
        base: min(p[base] for p in powers)
        for base, e in powers[0].items()
        if e.is_Integer and all(p.get(base, sympy.S.Zero).is_Integer and base in p for p in powers)
    }
    common = sympy.Mul(*(base**e for base, e in shared.items()))
    return sympy.Mul(
        number, common, sympy.Add(*(n / number * (rest / common) for n, rest in parts))
    )


def _name(
    quantity: str, monomial: sympy.Expr, has_s: bool, squares: sympy.Expr, chunked: bool
) -> tuple[sympy.Symbol, sympy.Expr]:
    """Constant that stands for the coefficient of a monomial, and a numeric factor beside it."""
    B, S, L = _STEP
    one = sympy.S.One
    if quantity == "memory":
        if monomial == 1:
            return sy.w_held, one
        return (sy.kappa_w_held if monomial.has(sympy.Min) else sy.kappa_held), one
    if quantity == "flops":
        names = {
            B * S: (sy.phi, one),
            B: (sy.eta if has_s else sy.phi, one),
            B * S * L: (sy.alpha, one),
            B * L: (sy.theta if has_s else sy.alpha, one),
            B * S**2: (sy.alpha, squares),
        }
        windowed = sy.alpha_w
    elif quantity == "link_bytes":
        alone = sy.sent_per_sequence if has_s else sy.sent_per_token
        names = {B * S: (sy.sent_per_token, one), B: (alone, one)}
        windowed = sy.sent_per_token
    else:
        names = {
            one: (sy.w, one),
            B * L: (sy.kappa, one),
            B * S: (sy.a, one),
            B: (sy.epsilon if has_s else sy.a, one),
            B * S * L: (sy.sigma, one),
            B * S**2: (sy.sigma, one),
        }
        # Beside the steps of a chunked cache, min(L, W − 1) is what a whole rectangle keeps of it.
        scores = monomial.has(S) or (chunked and not monomial.has(sympy.floor))
        windowed = sy.sigma_w if scores else sy.kappa_w
    if monomial in names:
        return names[monomial]
    if not monomial.has(sympy.Min, sympy.Max, sympy.floor):
        raise InputError("ledger", str(monomial), "a step of one of the phases, in B, S and L")
    return windowed, one
