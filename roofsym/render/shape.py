"""The shape in which an expression is printed: what stands inside which parentheses.

SymPy keeps sums as they were added up; an author writes ``B (… S + …)``, one summand per power of
the step, with the layers and the bytes per element in front of what they multiply. `arranged`
returns an equal expression of that shape. In which order summands and factors are printed is
decided in `roofsym.render.expression`.
"""

from __future__ import annotations

import functools
import itertools
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

import sympy

from roofsym import polynomial
from roofsym import symbols as sy
from roofsym.values import open_powers

_LAYERS = frozenset(
    {
        sy.n_layers, sy.n_global, sy.n_local, sy.n_dense, sy.n_dense_global, sy.n_dense_local,
        sy.n_sparse, sy.n_sparse_global, sy.n_sparse_local,
    }
)  # fmt: skip
# Symbols that stand side by side in a sum times the same factors: heads, and widths of one head.
_ALIKE = (
    (sy.n_heads, sy.n_kv_heads),
    (sy.nope_dim, sy.rope_dim, sy.v_dim),
    (sy.kv_rank, sy.rope_dim),
)

# So many summands have to share a symbol for it to stand before some of them.
_SEVERAL = 3

Monomial = tuple[tuple[sympy.Expr, sympy.Expr], ...]
Term = tuple[sympy.Rational, Monomial]


@functools.lru_cache(maxsize=2048)
def arranged(expr: sympy.Expr) -> sympy.Expr:
    """The same expression as an author would write it.

    Sums in dimensions of a model are grouped by the batch and the machine's rates, the powers of
    the step, the bytes per element and the layers, in this order; roots of quadratics have one
    fraction bar; what all terms of a sum share stands in front of it.

    Examples
    --------
    >>> from roofsym.symbols import B, L, d_ff, d_model, n_layers
    >>> arranged(2 * B * L * n_layers * d_ff + 4 * B * n_layers * d_ff + 6 * B * n_layers * d_model)
    2*B*n_layers*(L*d_ff + 2*d_ff + 3*d_model)
    """
    expr = _root(expr) if expr.has(sympy.Pow) else expr
    expr = _joined(expr) if open_powers(expr) else expr
    return _gathered(_arranged(expr))


def _joined(expr: sympy.Expr) -> sympy.Expr:
    """Expression with one power of each base that has symbols in an exponent.

    Examples
    --------
    >>> from roofsym.symbols import acceptance as p, gamma
    >>> _joined(1 - p * p**gamma)
    1 - acceptance**(gamma + 1)
    """
    if not open_powers(expr):
        return expr
    if not expr.is_Mul:
        return expr.func(*map(_joined, expr.args))
    powers = [f.as_base_exp() for f in expr.args]
    open_bases = {base for base, exponent in powers if exponent.free_symbols}
    exponents: dict[sympy.Expr, sympy.Expr] = {}
    rest = []
    for factor, (base, exponent) in zip(expr.args, powers, strict=True):
        if base in open_bases:
            exponents[base] = exponents.get(base, sympy.S.Zero) + exponent
        else:
            rest.append(_joined(factor))
    return sympy.Mul(*rest, *(base**exponent for base, exponent in exponents.items()))


def _in_dimensions(expr: sympy.Expr) -> bool:
    # What has letters for its parts was arranged before they were found in it.
    if any(sy.info(s).role == "part" for s in expr.free_symbols):
        return False
    # A window stands beside named constants, too: α L + α_w min(L, W − 1).
    return any(sy.info(s).role == "dimension" for s in expr.free_symbols - {sy.window})


def _arranged(expr: sympy.Expr) -> sympy.Expr:
    if expr.is_Atom or not _in_dimensions(expr):
        return expr
    if isinstance(expr, sympy.Min | sympy.Max | sympy.floor):
        return expr.func(*(_arranged(x) for x in expr.args))
    above, below = [], []
    for factor in sympy.Mul.make_args(expr):
        base, exponent = factor.as_base_exp()
        if exponent.is_Rational and exponent < 0:
            below.append(_arranged(base) ** -exponent)
        elif base.is_Add and not exponent.is_Integer:
            above.append(_arranged(base) ** exponent)
        else:
            above.append(factor)
    if below or any(not f.as_base_exp()[1].is_Integer for f in above):
        roots = [f for f in above if not f.as_base_exp()[1].is_Integer]
        rest = sympy.Mul(*(f for f in above if f not in roots))
        return _arranged(rest) * sympy.Mul(*roots) / sympy.Mul(*below)
    if any(_divides_by_sum(x) for x in sympy.Add.make_args(expr)):
        return sympy.Add(*(_arranged(x) for x in expr.args)) if expr.is_Add else expr
    return _polynomial(expr)


def _divides_by_sum(expr: sympy.Expr) -> bool:
    powers = (p for p in expr.atoms(sympy.Pow) if p.base.is_Add)
    return any(not (p.exp.is_Integer and p.exp > 0) for p in powers if not p.exp.free_symbols)


def _polynomial(expr: sympy.Expr) -> sympy.Expr:
    # Verification runs S = γ + 1, which is to stay whole.
    if expr.has(sy.gamma) and not expr.has(sy.S):
        general = _polynomial(expr.xreplace({sy.gamma: sy.S - 1}))
        return general.xreplace({sy.S: sy.gamma + 1})
    # So do what a window leaves of the context, and the share of the experts that a step reads.
    kept = [x for x in expr.atoms(sympy.Add, sympy.Min, sympy.Max, sympy.floor) if _whole(x)]
    whole = {x: sympy.Dummy(positive=True) for x in sorted(kept, key=sympy.default_sort_key)}
    back = {dummy: _arranged(x) if not x.is_Add else x for x, dummy in whole.items()}
    expanded = sympy.expand(expr.xreplace(whole), power_exp=False, power_base=False)
    terms: list[Term] = []
    for term in sympy.Add.make_args(expanded):
        number, rest = term.as_coeff_Mul()
        if not number.is_Rational:
            return expr
        factors = (f.as_base_exp() for f in sympy.Mul.make_args(rest) if f != 1)
        powers = sorted(factors, key=lambda x: sympy.default_sort_key(x[0]))
        terms.append((number, tuple(powers)))
    made = _nested(terms, 0)
    return (_product_of_sums(expanded, made) or made).xreplace(back)


# Terms and symbols of a polynomial that is asked whether it is a product: others take long.
_FEWEST, _MOST, _SYMBOLS = 4, 16, 6


def _product_of_sums(expanded: sympy.Expr, made: sympy.Expr) -> sympy.Expr | None:
    """A small polynomial as a product of sums; None if it is none that is shorter.

    Examples
    --------
    >>> from roofsym.symbols import B, L, d_model as d
    >>> arranged(36 * d**2 + 6 * L * d + 6 * B * L * d + B * L**2)
    (L + 6*d_model)*(B*L + 6*d_model)
    """
    if not expanded.is_Add or not _FEWEST <= len(expanded.args) <= _MOST:
        return None
    if len(expanded.free_symbols) > _SYMBOLS or not expanded.is_polynomial():
        return None
    factors = sympy.Mul.make_args(sympy.factor(expanded))
    if sum(x.as_base_exp()[0].is_Add for x in factors) < 2:
        return None
    number, *sums = factors if factors[0].is_number else (sympy.S.One, *factors)
    for place, total in enumerate(sums):
        # 10⁹ Z + 2 B, not 2 (5 × 10⁸ Z + B).
        if any(abs(x.as_coeff_Mul()[0]) >= _COMPUTED for x in sympy.Add.make_args(total)):
            sums[place], number = sympy.expand(number * total), sympy.S.One
    parts = (x.as_base_exp() for x in sums)
    product = sympy.Mul(number, *(_polynomial(base) ** power for base, power in parts))
    shorter = product.count_ops() < made.count_ops()
    return product if shorter and sympy.expand(product) == expanded else None


def _whole(part: sympy.Expr) -> bool:
    """Whether a part of a polynomial is not to be taken apart: min(L, W), 1 − (1 − k/E)^T."""
    if not part.is_Add:
        return True
    return any(x.is_number for x in part.args) and any(open_powers(x) for x in part.args)


def _is_step(factor: sympy.Expr) -> bool:
    if factor.is_Dummy or not factor.is_Symbol:
        return True
    return sy.info(factor).role in ("step", "constant", "machine", "quantity", "asked")


def _is_rate(factor: sympy.Expr) -> bool:
    return _is_role(factor, "machine")


def _is_precision(factor: sympy.Expr) -> bool:
    return _is_role(factor, "precision")


# From the outside in: what is grouped by, and which common factors are pulled out of the sum. Of
# the powers of the step only layers and bytes are; what they all share is found at the end.
_LEVELS: tuple[tuple[Callable[[sympy.Expr], bool], Callable[[sympy.Expr], bool]], ...] = (
    (lambda f: f == sy.B or _is_rate(f), lambda f: sy.kind(f) in _LAYERS or _is_precision(f)),
    (_is_step, lambda f: sy.kind(f) in _LAYERS or _is_precision(f)),
    (_is_precision, lambda f: True),
)


def _nested(terms: Sequence[Term], level: int) -> sympy.Expr:
    if level == len(_LEVELS):
        return _by_layers(terms)
    chosen, pulled = _LEVELS[level]
    groups: dict[Monomial, list[Term]] = {}
    for number, factors in terms:
        inner = tuple(f for f in factors if not chosen(f[0]))
        outer = tuple(f for f in factors if chosen(f[0]))
        groups.setdefault(outer, []).append((number, inner))
    # Powers of the step with the same coefficient share it: (S + L) times it.
    shared: dict[sympy.Expr, list[sympy.Expr]] = {}
    for outer, inner_terms in groups.items():
        # What is subtracted is subtracted as a whole: − I* (κ L + a).
        less = all(number < 0 for number, _ in inner_terms)
        inside = _nested([(-n if less else n, f) for n, f in inner_terms], level + 1)
        opposite = -inside in shared
        part = -_product(outer) if less != opposite else _product(outer)
        shared.setdefault(-inside if opposite else inside, []).append(part)
    parts = []
    for inside, outers in shared.items():
        # S − 1, not 1 − S.
        lead = max(outers, key=lambda x: sum(_powers(x).values()))
        sign = -1 if len(outers) > 1 and lead.as_coeff_Mul()[0] < 0 else 1
        parts.append(_gathered(sympy.Add(*(sign * x for x in outers))) * (sign * inside))
    return _pull(parts, pulled)


def _by_layers(terms: Sequence[Term]) -> sympy.Expr:
    """Group by the layers: work that several kinds of layers have in common is written once."""
    counts: dict[Term, list[sympy.Expr]] = {}
    for number, factors in terms:
        inner = tuple(f for f in factors if sy.kind(f[0]) not in _LAYERS)
        outer = tuple(f for f in factors if sy.kind(f[0]) in _LAYERS)
        counts.setdefault((number, inner), []).append(_product(outer))
    by_count: dict[sympy.Expr, list[Term]] = {}
    for term, outers in counts.items():
        by_count.setdefault(sympy.Add(*outers), []).append(term)
    parts = [sympy.Mul(count, *_widths(inner)) for count, inner in by_count.items()]
    return _pull(parts, lambda f: True)


def _widths(terms: Sequence[Term]) -> tuple[sympy.Expr, sympy.Expr]:
    """Sum of products of widths, and what stands before it.

    ``n_heads`` and ``n_kv_heads`` times the same thing stand together.
    """
    left = list(terms)
    parts: list[sympy.Expr] = []
    for family in _ALIKE:
        groups: dict[Term, list[sympy.Expr]] = {}
        for number, factors in left:
            for symbol in family:
                if (symbol, 1) in factors:
                    rest = tuple(f for f in factors if f[0] != symbol)
                    groups.setdefault((number, rest), []).append(symbol)
        for (number, rest), found in groups.items():
            members = [
                (number, f) for s in found for n, f in left
                if n == number and sorted(f, key=str) == sorted((*rest, (s, 1)), key=str)
            ]  # fmt: skip
            if len(members) > 1:
                parts.append(number * _product(rest) * sympy.Add(*found))
                left = [t for t in left if t not in members]
    parts += [number * _product(factors) for number, factors in left]
    parts = _joined_by_some(parts)
    widths = set().union(*(p.free_symbols for p in parts))
    if len(widths) == 1 or len(parts) == 1:
        # In one letter, such as 24 d² + 4 d, nothing is pulled out.
        return sympy.S.One, sympy.Add(*parts)
    # Apart from the sum, since SymPy multiplies a number out of 2 (x + y) when it stands alone.
    common = functools.reduce(sympy.gcd, (abs(p.as_coeff_Mul()[0]) for p in parts))
    return common, _pull([p / common for p in parts], lambda f: True)


def _joined_by_some(parts: list[sympy.Expr]) -> list[sympy.Expr]:
    """Summands, those together that share a symbol with two others or all but one factor.

    Examples
    --------
    >>> from roofsym.symbols import d_expert, d_ff, d_model, kv_rank, n_heads, q_rank, top_k
    >>> _joined_by_some([3 * d_model * top_k, 3 * d_expert * top_k, 7 * d_model])
    [3*top_k*(d_expert + d_model), 7*d_model]
    >>> ranks = [n_heads * d_model, n_heads * q_rank, n_heads * kv_rank]
    >>> _joined_by_some([*ranks, d_ff])
    [n_heads*(d_model + kv_rank + q_rank), d_ff]
    """
    found = next(itertools.chain(_shared_by_several(parts), _shared_but_for_one(parts)), None)
    if found is None:
        return parts
    shared, having = found
    rest = [p for p in parts if p not in having]
    inside = sympy.Add(*_joined_by_some([p / shared for p in having]))
    return _joined_by_some([shared * inside, *rest])


Shared = tuple[sympy.Expr, list[sympy.Expr]]


def _shared_by_several(parts: Sequence[sympy.Expr]) -> Iterator[Shared]:
    """Symbols that three or more summands share, but not all, the most frequent first."""
    having: dict[sympy.Symbol, list[sympy.Expr]] = {}
    for part in parts:
        for symbol, exponent in _powers(part).items():
            if exponent > 0:
                having.setdefault(symbol, []).append(part)
    for symbol, found in sorted(having.items(), key=lambda x: (-len(x[1]), sy.rank(x[0]))):
        if _SEVERAL <= len(found) < len(parts):
            yield symbol, found


def _shared_but_for_one(parts: Sequence[sympy.Expr]) -> Iterator[Shared]:
    """Products of several factors that two summands are times one factor, or nothing, each."""
    for pair in itertools.combinations(parts, 2):
        (number, one), (same, other) = (_factored([x]) for x in pair)
        shared = {b: min(e, other[b]) for b, e in one.items() if e > 0 and other.get(b, 0) > 0}
        rests = (_without(x, shared) for x in (one, other))
        if number == same and shared and all(sum(e != 0 for e in x.values()) < 2 for x in rests):
            yield _times(number, shared), list(pair)


def _product(factors: Iterable[tuple[sympy.Expr, sympy.Expr]]) -> sympy.Expr:
    return sympy.Mul(*(base**exponent for base, exponent in factors))


def _pull(parts: Sequence[sympy.Expr], pulled: Callable[[sympy.Expr], bool]) -> sympy.Expr:
    """Sum with the powers of symbols that all summands share in front of it."""
    if len(parts) == 1:
        return parts[0]
    powers = [_powers(p) for p in parts]
    common = sympy.Mul(
        *(
            symbol ** min(p[symbol] for p in powers)
            for symbol in sorted(powers[0], key=sy.rank)
            if pulled(symbol) and all(symbol in p for p in powers)
        )
    )
    return common * sympy.Add(*(p / common for p in parts))


def _powers(part: sympy.Expr) -> dict[sympy.Symbol, sympy.Expr]:
    factors = (f.as_base_exp() for f in sympy.Mul.make_args(part))
    return {b: e for b, e in factors if b.is_Symbol and not b.is_Dummy and e.is_Integer}


def numbered(expr: sympy.Expr) -> sympy.Expr:
    """Product of computed numbers and sums with one number, which stands before it.

    Not for what is printed in letters: there the numbers are the author's.

    Examples
    --------
    >>> from roofsym.symbols import L, throughput as R
    >>> numbered((10**9 - 2000 * R) / (2 * R * (16 * L + 800)))
    125*(500000 - throughput)/(2*throughput*(L + 50))

    Less than one over a sum of no more is one over a sum of shares.

    >>> from roofsym.symbols import compression as c
    >>> numbered(sympy.Rational(2, 7) / (sympy.Rational(3, 14) + 1 / (14 * c)))
    1/(3/4 + 1/(4*compression))
    """
    if expr.is_Add:
        return sympy.Add(*map(numbered, expr.args))
    if not expr.is_Mul:
        return expr
    number, rest = sympy.S.One, []
    for factor in expr.args:
        base, exponent = factor.as_base_exp()
        scale = _slope(base) if exponent.is_Rational else sympy.S.One
        number *= factor if factor.is_number else scale**exponent
        if not factor.is_number:
            rest.append(sympy.Add(*(_decimal(x / scale) for x in base.args)) ** exponent
                        if scale != 1 else factor)  # fmt: skip
    if 0 < number < 1 and len(rest) == 1 and rest[0].is_Pow and rest[0].exp == -1:
        below = _reduced(rest[0].base)
        return 1 / sympy.Add(*(_decimal(x / number) for x in sympy.Add.make_args(below)))
    return sympy.Mul(*([] if number == 1 else [number]), *rest, evaluate=False)


def _reduced(expr: sympy.Expr) -> sympy.Expr:
    """A minimum or maximum without arguments that it never is."""
    return expr.func(*expr.args) if isinstance(expr, sympy.Min | sympy.Max) else expr


def _decimal(term: sympy.Expr) -> sympy.Expr:
    """A term with a computed fraction as a decimal: pulled out of the sum, it would hide in it."""
    number, rest = term.as_coeff_Mul()
    fraction = number.is_Rational and number.q > 1 and max(abs(number.p), number.q) > _COMPUTED
    return sympy.Float(number, 20) * rest if fraction else term


# Times one's unit, no quantity of a model or a machine is as large.
_MAGNITUDE = sympy.Integer(10) ** 24


def _slope(total: sympy.Expr) -> sympy.Rational:
    """What is divided out of ``p + q x``, its sign aside; 1 of a sum whose numbers can be read.

    Of another sum that is the smallest of its numbers, where one is beyond all magnitudes.
    """
    if not total.is_Add:
        return sympy.S.One
    if len(total.args) > 2:
        numbers = [abs(term.as_coeff_Mul()[0]) for term in total.args]
        readable = all(x.is_Rational and 1 / _MAGNITUDE < x < _MAGNITUDE for x in numbers)
        return sympy.S.One if readable else min(numbers)
    (_, one), (slope, x) = sorted(
        (term.as_coeff_Mul() for term in total.args), key=lambda pair: pair[1] != 1
    )
    return abs(slope) if one == 1 and slope.is_Rational and x.is_Symbol else sympy.S.One


# --- common factors -------------------------------------------------------------------------------


Factors = dict[sympy.Expr, sympy.Expr]
Parsed = tuple[sympy.Expr, Factors]

# No formula has a number as large that is not one of a model or of a machine.
_COMPUTED = 1000
# No sum of a formula for one layer, or one head, has a number as large.
_OF_A_MODEL = 10**8
# Fewer terms than this are read as well as the product that they are.
_MANY = 4
# What is left of one that was pulled out of a sum is smaller.
_FEW = 10


def _gathered(expr: sympy.Expr) -> sympy.Expr:
    """Expression in which a factor that all terms of a sum share stands before the sum.

    Nothing is multiplied out: a sum that is a factor is one as a whole, and terms that share one,
    or the batch, stand together even where others do not.

    Examples
    --------
    >>> from roofsym.symbols import B, L, S, a, alpha, kappa, w
    >>> _gathered(alpha * S**2 + alpha * S), _gathered(w + B * kappa * L + B * a)
    (S*alpha*(S + 1), B*(L*kappa + a) + w)
    """
    if expr.is_Atom:
        return expr
    if expr.is_Add:
        return _sum_of([_gathered(x) for x in expr.args])
    if expr.is_Mul:
        return _quotient(*_factored([_gathered(x) for x in expr.args]))
    if expr.is_Pow and expr.base.is_Add and expr.exp != -1:
        # (2 x + 2 y)² stays the square of one sum, and a root the root of one.
        base = sympy.Add(*map(_gathered, expr.base.args))
        less = expr.exp.is_even and all(x.as_coeff_Mul()[0] < 0 for x in base.args)
        return (_opposite(base) if less else base) ** _gathered(expr.exp)
    args = tuple(map(_gathered, expr.args))
    if args == expr.args:
        return expr
    if expr.is_Pow and expr.exp == -1:
        number, factors = _factored(args[:1])
        return _times(1 / number, {b: -e for b, e in factors.items()})
    return expr.func(*args)


def _factored(parts: Iterable[sympy.Expr]) -> tuple[sympy.Expr, Factors]:
    """The number of a product, and its factors with whole powers; others are factors themselves."""
    number, factors = sympy.S.One, Factors()
    for part in parts:
        for factor in sympy.Mul.make_args(part):
            if factor.is_Number:
                number *= factor
                continue
            base, exponent = factor.as_base_exp()
            if not exponent.is_Integer:
                base, exponent = factor, sympy.S.One
            factors[base] = factors.get(base, 0) + exponent
    return number, factors


def _times(number: sympy.Expr, factors: Factors) -> sympy.Expr:
    product = sympy.Mul(*(b**e for b, e in factors.items() if e))
    # SymPy multiplies a number alone before a sum out.
    if product.is_Add and number != 1:
        return sympy.Mul(number, product, evaluate=False)
    return number * product


def _quotient(number: sympy.Expr, factors: Factors) -> sympy.Expr:
    return _times(*_cancelled(*_forward(*_upright(number, factors))))


def _forward(number: sympy.Expr, factors: Factors) -> tuple[sympy.Expr, Factors]:
    """A product without sums that are negative: the sign stands before it, or in another sum.

    Examples
    --------
    >>> _forward(sympy.S.One, {1 - sy.window: sympy.S.One, sy.window: sympy.S.One})
    (-1, {window - 1: 1, window: 1})
    """
    for base in [b for b, e in factors.items() if e > 0 and e.is_odd and _is_negative(b)]:
        number, factors = -number, _changed(factors, {base: _opposite(base)})
    odd = [b for b, e in factors.items() if e > 0 and e.is_odd and _has_minus(b)]
    # But 1 − p stays a share, and a + b − c as it is.
    odd = [
        b
        for b in odd
        if len(b.args) == 2 and not any(x.is_positive and x.is_number for x in b.args)
    ]
    if number.is_negative and odd and any(e < 0 for e in factors.values()):
        # (w − B a)/L, not −(B a − w)/L.
        return -number, _changed(factors, {odd[0]: _opposite(odd[0])})
    return number, factors


def _changed(factors: Factors, changes: Mapping[sympy.Expr, sympy.Expr]) -> Factors:
    """Factors with others in the place of some; two that become the same are a power."""
    made = Factors()
    for base, exponent in factors.items():
        base = changes.get(base, base)
        made[base] = made.get(base, sympy.S.Zero) + exponent
    return made


def _cancelled(number: sympy.Expr, factors: Factors) -> tuple[sympy.Expr, Factors]:
    """A quotient whose sums have no fractions, and share no number above and below the bar.

    Sums of named constants stay as they were added up, and so do those of computed numbers as
    large as a model's.

    Examples
    --------
    >>> from roofsym.symbols import L, S
    >>> one = sympy.S.One
    >>> _cancelled(2 * one, {L + 24578: one, 2 * L + 24594: -one})
    (1, {L + 24578: 1, L + 12297: -1})
    >>> _cancelled(one, {3 * L + S / 2: one, 3 * L + S: -one})
    (1/2, {6*L + S: 1, 3*L + S: -1})
    """
    halves = len(factors) > 1 and any(b.is_Add and len(b.args) > 2 for b in factors)
    if not number.is_Rational or (
        number.q == 1 and all(e > 0 for e in factors.values()) and not halves
    ):
        return number, factors
    contents = {b: _content(b) for b in factors if b.is_Add}
    above, below = number.p, number.q
    for base, content in contents.items():
        exponent = factors[base]
        above *= content.p ** max(exponent, 0)
        below *= content.p ** max(-exponent, 0)
    if sympy.igcd(above, below) == 1:
        contents = {b: sympy.Rational(1, c.q) for b, c in contents.items()}
    made = Factors()
    for base, exponent in factors.items():
        content = contents.get(base, sympy.S.One)
        if content != 1:
            number *= content**exponent
            terms = (x.as_coeff_Mul() for x in base.args)
            base = sympy.Add(*(_times(n / content, {x: sympy.S.One}) for n, x in terms))
        made[base] = made.get(base, sympy.S.Zero) + exponent
    return number, made


def _content(total: sympy.Expr) -> sympy.Rational:
    """The number that all terms of a sum share; 1 of one that is to stay as it is."""
    numbers = [x.as_coeff_Mul()[0] for x in total.args]
    letters = [s for s in total.free_symbols if not s.is_Dummy]
    named = any(sy.info(s).role in ("constant", "quantity") for s in letters)
    short = (n.is_Rational and abs(n) < _OF_A_MODEL and n.q < _COMPUTED for n in numbers)
    if named or not all(short):
        return sympy.S.One
    above = functools.reduce(sympy.igcd, (n.p for n in numbers))
    return sympy.Rational(above, functools.reduce(sympy.ilcm, (n.q for n in numbers)))


def _upright(number: sympy.Expr, factors: Factors) -> tuple[sympy.Expr, Factors]:
    """A quotient without sums below that are negative: these change sign with what is above.

    Examples
    --------
    >>> from roofsym.symbols import B, L, a, w
    >>> _upright(sympy.S.One, {B * a - w: sympy.S.One, -B * L - 1: sympy.S.NegativeOne})
    (1, {-B*a + w: 1, B*L + 1: -1})
    """
    for below in [b for b, e in factors.items() if e < 0 and e.is_odd and _is_negative(b)]:
        above = [b for b, e in factors.items() if e.is_odd and e > 0 and _has_minus(b)]
        if above:
            changed = {below: _opposite(below), above[0]: _opposite(above[0])}
        else:
            number, changed = -number, {below: _opposite(below)}
        factors = _changed(factors, changed)
    return number, factors


def _opposite(total: sympy.Expr) -> sympy.Expr:
    return sympy.Add(*(-x for x in total.args))


def _has_minus(expr: sympy.Expr) -> bool:
    return expr.is_Add and any(x.as_coeff_Mul()[0] < 0 for x in expr.args)


def _is_negative(expr: sympy.Expr) -> bool:
    if not _has_minus(expr):
        return False
    # A share of the experts that is known is a share as the one that is not.
    shares = {p: sy.rho**p.exp for p in open_powers(expr) if p.base.is_number and p.base < 1}
    return polynomial.sign(expr.xreplace(shares)) == -1


def _sum_of(terms: Sequence[sympy.Expr]) -> sympy.Expr:
    terms = _in_tokens(terms)
    parsed = [_turned(*_factored([x])) for x in terms]
    numbers = [n for n, _ in parsed]
    if len(parsed) < 2 or not all(n.is_Rational and n for n in numbers) or _is_powers(parsed):
        return sympy.Add(*terms)
    shared = _shared([f for _, f in parsed])
    common = _number([n for n, _ in parsed], flat=all(e > 0 for _, f in parsed for e in f.values()))
    # (S + 2 L + 1)/2, not S/2 + L + 1/2.
    bare = [n for n, f in parsed if not any(e - shared.get(b, 0) for b, e in f.items())]
    if shared and bare and abs(bare[0] / common).p == 1 != abs(bare[0] / common).q:
        common /= functools.reduce(sympy.ilcm, ((n / common).q for n in numbers))
    if (shared or common != 1) and all(n < 0 for n in numbers):
        common = -common
    if shared or common != 1:
        rest = [_times(n / common, _without(f, shared)) for n, f in parsed]
        # 7 (x + y) − 7 (x + z) is 7 (y − z).
        opened = sympy.Add(*(_opposite(-x) if (-x).is_Add else x for x in rest))
        rest = list(sympy.Add.make_args(opened))
        number, factors = _factored([_sum_of(rest), *(b**e for b, e in shared.items())])
        return _quotient(common * number, factors)
    alike = _alike_terms(parsed)
    if alike is not None:
        inside, outside = alike
        return _sum_of([*(_times(*x) for x in outside), _sum_of([_times(*x) for x in inside])])
    heads = [_before_a_sum(f) for _, f in parsed]
    sums = [b for found in heads for b in found]
    best = max(sums, key=lambda b: (sums.count(b), b != sy.B, sympy.default_sort_key(b)), default=0)
    if sums.count(best) < 2:
        return sympy.Add(*_next_to_each_other(parsed))
    having = [best in found for found in heads]
    group = _sum_of([x for x, has in zip(terms, having, strict=True) if has])
    return _sum_of([*(x for x, has in zip(terms, having, strict=True) if not has), group])


def _is_powers(parsed: Sequence[Parsed]) -> bool:
    """Whether terms are powers of one symbol: ``p³ + p² + p``, not ``p (p (p + 1) + 1)``."""
    bases = {b for _, f in parsed for b, e in f.items() if e}
    return len(parsed) >= _SEVERAL and len(bases) == 1 and all(b.is_Symbol for b in bases)


def _turned(number: sympy.Expr, factors: Factors) -> tuple[sympy.Expr, Factors]:
    """A term less a sum of mostly negative terms as one plus its opposite.

    Examples
    --------
    >>> from roofsym.symbols import B, a, eta, w
    >>> _gathered(w**2 - B * (eta - a - w))
    B*(a - eta + w) + w**2
    """
    for base, exponent in factors.items():
        if number < 0 and base.is_Add and exponent.is_odd and exponent > 0:
            negative = [x for x in base.args if x.as_coeff_Mul()[0] < 0]
            if 2 * len(negative) > len(base.args):
                return -number, _changed(factors, {base: _opposite(base)})
    return number, factors


def _in_tokens(terms: Sequence[sympy.Expr]) -> Sequence[sympy.Expr]:
    """Terms, those in tokens alone as one product if they are one: ``(L − W) (L − W + 1)``.

    Examples
    --------
    >>> from roofsym.symbols import L, eta, window as W
    >>> _gathered(eta + L**2 - 2 * L * W + L + W**2 - W)
    eta + (L - window)*(L - window + 1)
    """
    own, others = sympy.sift(terms, lambda x: x.free_symbols <= {*_TOKENS}, binary=True)
    powers = [x for x in own if x.is_polynomial() and not x.is_number]
    if len(powers) < _MANY or not all(x.as_coeff_Mul()[0].is_Integer for x in powers):
        return terms
    product = sympy.factor(sympy.Add(*powers))
    if sum(x.is_Add for x in sympy.Mul.make_args(product)) < 2:
        return terms
    return [*others, *(x for x in own if x not in powers), product]


def _alike_terms(parsed: Sequence[Parsed]) -> tuple[list[Parsed], list[Parsed]] | None:
    """Terms that one thing is to be written once for, and the others; None if there are none.

    Examples
    --------
    >>> from roofsym.symbols import L, S, alpha, phi
    >>> _gathered(phi + alpha * S + alpha * L), _gathered(384 * L + 384 * S + 5)
    (alpha*(L + S) + phi, 384*(L + S) + 5)
    """
    for likeness in (_power_of_extremum, _constant_of_tokens, _of_the_cache, _large_number):
        groups: dict[object, list[Parsed]] = {}
        for term in parsed:
            if (key := likeness(*term)) is not None:
                groups.setdefault(key, []).append(term)
        for group in groups.values():
            if 1 < len(group) < len(parsed):
                return group, [x for x in parsed if x not in group]
    return None


def _power_of_extremum(number: sympy.Expr, factors: Factors) -> object:
    """The maximum of ``m² + m``."""
    extrema = [b for b, e in factors.items() if e and isinstance(b, sympy.Min | sympy.Max)]
    return (
        (number, *extrema) if len(extrema) == sum(e != 0 for e in factors.values()) == 1 else None
    )


def _constant_of_tokens(number: sympy.Expr, factors: Factors) -> object:
    """The constant of ``α L``, ``α (γ + 1)/2``: one that is multiplied by tokens alone."""
    constants = [b for b, e in factors.items() if e and _is_constant(b)]
    others = [b for b, e in factors.items() if e and b not in constants]
    tokens = all(b.free_symbols <= {*_TOKENS, sy.gamma} and factors[b] > 0 for b in others)
    return constants[0] if len(constants) == 1 and tokens and others else None


def _of_the_cache(number: sympy.Expr, factors: Factors) -> object:
    """Heads, widths and bytes of what is cached, of layers with a window and of others."""
    widths = {b for b, e in factors.items() if e == 1 and b in _CACHED}
    return (number, frozenset(widths)) if len(widths) > 1 else None


def _large_number(number: sympy.Expr, factors: Factors) -> object:
    """A number that was computed."""
    return abs(number) if factors and max(abs(number.p), number.q) >= _FEW else None


_TOKENS = (sy.S, sy.L, sy.window)
_CACHED = (sy.n_kv_heads, sy.head_dim, sy.b_kv)


def _is_constant(factor: sympy.Expr) -> bool:
    return _is_role(factor, "constant")


def _is_role(factor: sympy.Expr, role: str) -> bool:
    return factor.is_Symbol and not factor.is_Dummy and sy.info(factor).role == role


def _before_a_sum(factors: Factors) -> set[sympy.Expr]:
    """Factors of a term that may stand before a sum of it and others, but not of all.

    The layers only of what a token has whatever the context: what grows with it is apart.
    """
    grows = any(_is_step(b) if b.is_Symbol else open_powers(b) for b in factors)
    return {
        b for b, e in factors.items()
        if e > 0 and (b.is_Add or b == sy.B or (sy.kind(b) in _LAYERS and not grows))
    }  # fmt: skip


def _next_to_each_other(parsed: Sequence[tuple[sympy.Expr, Factors]]) -> list[sympy.Expr]:
    """Terms, those with and without one more token together: ``n b L + n b`` as ``n b (L + 1)``."""
    left, made = list(parsed), []
    for term in parsed:
        number, factors = term
        for token in (sy.L, sy.S, sy.decode_context):
            rest = {b: e for b, e in factors.items() if e and b != token}
            without = (number, rest)
            if rest and factors.get(token) == 1 and term in left and without in left:
                left = [x for x in left if x not in (term, without)]
                made.append(_times(number, {**rest, token + 1: sympy.S.One}))
    return [*made, *(_times(*x) for x in left)]


def _number(numbers: Sequence[sympy.Rational], flat: bool) -> sympy.Rational:
    """The number that all terms share.

    Of numbers that were computed, such as 16060522496, none is asked unless what it leaves of all
    of them is read at a glance: 19780 (2 n_layers + 1), but 131072 L + 6302208.
    """
    # A quotient of quotients is no simpler than their sum.
    below = functools.reduce(sympy.igcd, (n.q for n in numbers)) if flat else 1
    # Where all are fractions, none is left inside: (4 d + 5)/8, not (d + 5/4)/2.
    below = functools.reduce(sympy.ilcm, (n.q for n in numbers)) if below > 1 else 1
    common = sympy.Rational(functools.reduce(sympy.igcd, (n.p for n in numbers)), below)
    computed = any(abs(n.p) >= _COMPUTED for n in numbers)
    return sympy.S.One if computed and any(abs(n) >= _FEW * common for n in numbers) else common


def _shared(products: Sequence[Factors]) -> Factors:
    found = Factors()
    for base in products[0]:
        exponents = [f.get(base, sympy.S.Zero) for f in products]
        if all(e > 0 for e in exponents):
            found[base] = min(exponents)
        elif all(e < 0 for e in exponents):
            found[base] = max(exponents)
    return found


def _without(factors: Factors, shared: Factors) -> Factors:
    return {b: e - shared.get(b, 0) for b, e in factors.items()}


# --- roots of quadratics --------------------------------------------------------------------------


def _root(expr: sympy.Expr) -> sympy.Expr:
    """``(h ± √D)/q`` with what h and q share divided out of both, and no fraction inside h."""
    factors = sympy.Mul.make_args(expr)
    sums = [f for f in factors if f.is_Add and any(_is_root(x) for x in f.args)]
    if len(sums) != 1 and not (expr.is_Add and any(_is_root(x) for x in expr.args)):
        return expr
    total = sums[0] if sums else expr
    outside = expr / total
    roots = [x for x in total.args if _is_root(x)]
    if len(roots) != 1:
        return expr
    sign, root = roots[0].as_coeff_Mul()
    if abs(sign) != 1:
        return expr
    rest = [x for x in total.args if x != roots[0]]
    below = {
        b: -e for b, e in (f.as_base_exp() for f in sympy.Mul.make_args(outside))
        if b.is_Symbol and e.is_Integer and e < 0
    }  # fmt: skip
    shared = sympy.Mul(*(b for b in below if all(_powers(x).get(b, 0) >= 1 for x in rest)))
    rest = [y for x in rest for y in sympy.Add.make_args(sympy.expand_mul(_signed(x / shared)))]
    scale = functools.reduce(sympy.ilcm, (sympy.Integer(x.as_coeff_Mul()[0].q) for x in rest), 1)
    rest = [x * scale for x in rest]
    under = [_square(x * scale**2 / shared**2) for x in sympy.Add.make_args(root.base)]
    rest, under = _alike(rest, under)
    made = sympy.Add(*rest, sign * sympy.sqrt(sympy.Add(*under)))
    before = outside * shared / scale
    # A number alone before a sum is multiplied out by SymPy.
    return sympy.Mul(before, made, evaluate=False) if before.is_Number else before * made


def _alike(
    rest: list[sympy.Expr], under: list[sympy.Expr]
) -> tuple[list[sympy.Expr], list[sympy.Expr]]:
    """The sum before a root, and its square under the root, in one shape and with one sign.

    Unless all of the sum is subtracted: ``√((x + 1)² − y) − x − 1``.
    """
    total = sympy.Add(*rest)
    for place, term in enumerate(under):
        if not (term.is_Pow and term.exp == 2 and term.base.is_Add):
            continue
        for side in (term.base, _opposite(term.base)):
            if sympy.expand(side - total) == 0:
                rest = list(side.args)
                if not all(x.as_coeff_Mul()[0] < 0 for x in rest):
                    under = [*under[:place], side**2, *under[place + 1 :]]
                return rest, under
    return rest, under


def _is_root(expr: sympy.Expr) -> bool:
    _, rest = expr.as_coeff_Mul()
    return bool(rest.is_Pow and rest.exp == sympy.Rational(1, 2) and rest.base.is_Add)


def _signed(expr: sympy.Expr) -> sympy.Expr:
    """A number times one sum, multiplied out."""
    number, rest = expr.as_coeff_Mul()
    return sympy.Add(*(number * x for x in rest.args)) if rest.is_Add else expr


def _square(expr: sympy.Expr) -> sympy.Expr:
    """``4 (x/2 − y)²`` as ``(x − 2 y)²``."""
    number, rest = expr.as_coeff_Mul()
    if not (rest.is_Pow and rest.exp == 2 and rest.base.is_Add):
        return expr
    side = sympy.sqrt(number)
    return sympy.Add(*(side * x for x in rest.base.args)) ** 2 if side.is_Rational else expr
