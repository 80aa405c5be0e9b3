"""What users hand over as a number or a symbol, turned into exact SymPy values or refused.

Owns the one rule of what may be bound to a symbol; configs, TOML files, keyword arguments and
``--set`` all pass through here.
"""

from __future__ import annotations

import functools
import math
import sys
from collections.abc import Iterable, Mapping
from decimal import Decimal, InvalidOperation
from fractions import Fraction

import sympy

from roofsym import symbols
from roofsym.errors import InputError

# Nothing in the table can be zero but the cache at the start of a sequence, an absent draft, and
# the cost of drafts that are looked up in the prompt.
_MAY_BE_ZERO = frozenset({symbols.L, symbols.gamma, symbols.draft_cost})
_SHARES = frozenset({symbols.acceptance, symbols.fraction, symbols.rho})
# Every token chooses an expert.
_PROPER = frozenset({symbols.rho})
# Not other dimensions: a crossing below 1 is put back, to be checked.
_AT_LEAST_1 = frozenset({symbols.window, symbols.t})


def exact(value: object, field: str, accepted: str = "a finite number") -> sympy.Rational:
    """Exact rational of a number; a float counts as the decimal number it prints as.

    Parameters
    ----------
    value : int, float, decimal.Decimal, fractions.Fraction, sympy.Rational or NumPy scalar
        The number.
    field : str
        What is being read, for the error message.
    accepted : str
        What the error message says is accepted.

    Raises
    ------
    InputError
        If the value is not a finite real number.

    Examples
    --------
    >>> exact(0.1, "b_w"), exact(3.35e12, "bandwidth")
    (1/10, 3350000000000)
    """
    refusal = InputError(field, value, accepted)
    if isinstance(value, bool):
        raise refusal
    if isinstance(value, sympy.Rational):
        return value
    if isinstance(value, int | Fraction):
        return sympy.Rational(value)
    if isinstance(value, sympy.Float):
        value = float(value)
    item = getattr(value, "item", None)
    if item is not None and getattr(value, "ndim", 0) == 0:
        return exact(item(), field, accepted)
    if isinstance(value, float | Decimal) and math.isfinite(value):
        return sympy.Rational(Fraction(repr(value) if isinstance(value, float) else value))
    raise refusal


def expression(value: object, field: str) -> sympy.Expr:
    """An expression as it is, a number exactly; never a string, which would have to be evaluated.

    Raises
    ------
    InputError
        If it is neither.

    Examples
    --------
    >>> from roofsym.symbols import S
    >>> expression(0.5, "S"), expression(0.1 * S, "S")
    (1/2, S/10)
    """
    if isinstance(value, sympy.Expr):
        # A number of Python's that SymPy took in. Those of more digits are powers, evaluated.
        floats = [x for x in irrational_parts(value) if x.is_Float]
        usual = (x for x in floats if x._prec == sys.float_info.mant_dig)
        return value.xreplace({x: sympy.Rational(repr(float(x))) for x in usual})
    return exact(value, field, "a SymPy expression or a finite number")


def positive(value: object, field: str, *, zero: bool = False) -> sympy.Rational:
    """Exact rational of a positive number (or also zero, with ``zero=True``).

    Raises
    ------
    InputError
        If the value is not a finite number, or is not positive.
    """
    accepted = "a finite number >= 0" if zero else "a finite number > 0"
    number = exact(value, field, accepted)
    if number < 0 or (number == 0 and not zero):
        raise InputError(field, value, accepted)
    return number


_MOST_DIGITS = 400


def number_from_text(text: str, field: str) -> sympy.Rational:
    """Exact value of a number that a user typed: an integer, a decimal or a ratio of the two.

    The text is never evaluated.

    Raises
    ------
    InputError
        If the text is not a number.

    Examples
    --------
    >>> number_from_text("3.35e12", "bandwidth"), number_from_text("1/2", "b_w")
    (3350000000000, 1/2)
    """
    above, slash, below = text.strip().partition("/")
    try:
        parts = [Decimal(part) for part in ([above, below] if slash else [above])]
    except InvalidOperation:
        parts = []
    if not parts or not all(p.is_finite() for p in parts) or (slash and parts[1] == 0):
        raise InputError(field, text, "a number, such as 4096, 3.35e12 or 1/2")
    # An exponent such as 1e999999 would ask for a million digits.
    if any(abs(p.adjusted()) >= _MOST_DIGITS for p in parts):
        raise InputError(field, text, f"a number between 1e-{_MOST_DIGITS} and 1e{_MOST_DIGITS}")
    numbers = [sympy.Rational(Fraction(p)) for p in parts]
    return numbers[0] / numbers[1] if slash else numbers[0]


def printed(text: str, field: str = "printed") -> tuple[sympy.Rational, sympy.Rational]:
    """Value of a number as a document prints it, and how far off the true one may be.

    Half a unit in the last digit printed; after a ``~``, a unit in the last digit that is not zero.
    Of a percentage, hundredths of these.

    Parameters
    ----------
    text : str
        The number as printed: ``9.4``, ``140.5e6``, ``4,294,967,296``, ``~80``, ``0.6 %``.
    field : str
        What is being read, for the error message.

    Raises
    ------
    InputError
        If the text is not such a number.

    Examples
    --------
    >>> printed("9.4"), printed("2.0e12"), printed("~80")
    ((47/5, 1/20), (2000000000000, 50000000000), (80, 10))
    >>> printed("0.6 %")
    (3/500, 1/2000)
    """
    if text.endswith("%"):
        hundred = (x / 100 for x in printed(text.removesuffix("%").strip(), field))
        return next(hundred), next(hundred)
    digits = text.removeprefix("~").replace(",", "")
    if "/" in digits:
        raise InputError(field, text, "a number in digits, such as 9.4, 140.5e6 or ~80")
    value = number_from_text(digits, field)
    number = Decimal(digits.strip())
    if not text.startswith("~"):
        return value, sympy.Integer(10) ** int(number.as_tuple().exponent) / 2
    return value, sympy.Integer(10) ** int(number.normalize().as_tuple().exponent)


# Bits of an exact power beyond which it is a decimal of 60 digits: what Python prints of an integer
# ends at 4300 digits, and the share of experts that a million tokens leave alone has a million.
_EXACT_BITS = 12_000
_DIGITS = 60


def put(expr: sympy.Expr, known: Mapping[sympy.Expr, sympy.Expr]) -> sympy.Expr:
    """Expression with values put in, exactly - but for powers of thousands of digits, and W.

    Examples
    --------
    >>> from roofsym.symbols import B, rho
    >>> half = {rho: sympy.Rational(1, 2)}
    >>> put(rho**B, {**half, B: sympy.Integer(8)})
    1/256
    >>> put(rho**B, {**half, B: sympy.Integer(10**6)}).is_Float
    True
    """
    free = expr.free_symbols
    inside = ((x, value) for x, value in known.items() if x in free or not x.is_Symbol)
    return _with_values(expr, frozenset(inside))


# A derivation puts the same numbers into the same constants for each of its steps.
@functools.lru_cache(maxsize=4096)
def _with_values(expr: sympy.Expr, known: frozenset[tuple[sympy.Expr, sympy.Expr]]) -> sympy.Expr:
    rules: dict[sympy.Expr, sympy.Expr] = dict(known)
    # From the inside out: of an exponent with W in it, the exact power takes SymPy minutes.
    for part in sorted(irrational_parts(expr), key=lambda x: len(irrational_parts(x))):
        if isinstance(part, sympy.LambertW):
            argument = part.args[0].xreplace(rules)
            if not argument.free_symbols:
                rules[part] = sympy.N(sympy.LambertW(sympy.N(argument, _DIGITS)), _DIGITS)
        if not (part.is_Pow and part.exp.free_symbols):
            continue
        base, exponent = part.base.xreplace(rules), part.exp.xreplace(rules)
        if not base.is_Rational or exponent.free_symbols:
            continue
        bits = max(base.p.bit_length(), base.q.bit_length())
        # Of an exponent such as 22 digits over 20, SymPy would look for exact roots for minutes.
        if not exponent.is_Integer or bits * exponent > _EXACT_BITS:
            rules[part] = sympy.Float(base, _DIGITS) ** sympy.N(exponent, _DIGITS)
    found = _put(expr, rules) if expr.has(sympy.Min, sympy.Max) else expr.xreplace(rules)
    # Lambert's W of an exact number has no simpler exact form, and takes long each time.
    irrational = expr.has(sympy.LambertW) and not found.free_symbols
    return sympy.N(found, _DIGITS) if irrational else found


def _put(expr: sympy.Basic, rules: Mapping[sympy.Expr, sympy.Expr]) -> sympy.Basic:
    """``xreplace`` without SymPy's comparison of the arms of a ``Min`` or ``Max``.

    It asks for the sign of each difference, which takes longer than all the rest of an answer.
    """
    if expr in rules:
        return rules[expr]
    args = [_put(x, rules) for x in expr.args]
    if args == list(expr.args):
        return expr
    if not isinstance(expr, sympy.Min | sympy.Max) or not any(x.free_symbols for x in args):
        return expr.func(*args)
    arms, numbers = sympy.sift(dict.fromkeys(args), lambda x: bool(x.free_symbols), binary=True)
    if numbers and expr.func(*numbers) <= 0 and all(x.is_positive for x in arms):
        # Of a window of one token, nothing of the context is left.
        if isinstance(expr, sympy.Min):
            return expr.func(*numbers)
        numbers = []
    arms += [expr.func(*numbers)] if numbers else []
    return arms[0] if len(arms) == 1 else expr.func(*arms, evaluate=False)


@functools.lru_cache(maxsize=4096)
def irrational_parts(expr: sympy.Expr) -> tuple[sympy.Expr, ...]:
    """What stands in an expression that makes it no quotient of polynomials: ``Min``, a root.

    Decimals, too. The solver asks for them of every equation, and most have none: SymPy's `atoms`
    takes as long as solving.

    Examples
    --------
    >>> from roofsym.symbols import B, L, rho
    >>> irrational_parts(B**2 / (L + 1)), irrational_parts(B * sympy.Max(rho**L, B))
    ((), (Max(B, rho**L), rho**L))
    """
    found: dict[sympy.Expr, None] = {}
    waiting = [expr]
    while waiting:
        part = waiting.pop()
        if part.is_Symbol or part.is_Rational:
            continue
        waiting += part.args
        if not (part.is_Add or part.is_Mul or (part.is_Pow and part.exp.is_Integer)):
            found[part] = None
    return tuple(found)


def square_roots(expr: sympy.Expr) -> tuple[sympy.Expr, ...]:
    """The square roots in an expression, each once.

    Examples
    --------
    >>> from roofsym.symbols import B, L
    >>> square_roots(B / sympy.sqrt(L + 1)), square_roots(B - 2 * sympy.sqrt(L + 1))
    ((), (sqrt(L + 1),))
    """
    half = sympy.Rational(1, 2)
    return tuple(p for p in irrational_parts(expr) if p.is_Pow and p.exp == half)


@functools.lru_cache(maxsize=1024)
def open_powers(expr: sympy.Expr) -> tuple[sympy.Expr, ...]:
    """Powers whose exponent still has symbols: the share of experts that ``T`` tokens leave alone.

    Examples
    --------
    >>> from roofsym.symbols import B, rho
    >>> open_powers(B**2 + rho**B)
    (rho**B,)
    """
    return tuple(p for p in irrational_parts(expr) if p.is_Pow and p.exp.free_symbols)


def bindings(
    given: Mapping[str, object],
    allowed: Iterable[str] | None = None,
    expressions: bool = True,
) -> dict[sympy.Symbol, sympy.Expr]:
    """Exact values by symbol, from values by Python name.

    Parameters
    ----------
    given : mapping of str to object
        Numbers, or (with `expressions`) SymPy expressions in the package's symbols.
    allowed : iterable of str, optional
        Symbol names that are accepted here; all if not given.
    expressions : bool
        Whether an expression may be bound to a symbol (``n_kv_heads=n_heads``, for multi-head
        attention).

    Raises
    ------
    InputError
        If a name is no symbol, a symbol has two values, or a value is not a finite number > 0
        (>= 0 for L, gamma and draft_cost, <= 1 for
        shares, >= 1 for a window, which holds the token itself).

    Examples
    --------
    >>> bindings({"L": 0, "b_w": 0.5})
    {L: 0, b_w: 1/2}
    """
    result: dict[sympy.Symbol, sympy.Expr] = {}
    for name, value in given.items():
        symbol = symbols.lookup(name, allowed=allowed)
        if symbol in result:
            raise InputError(name, value, f"one value; {symbol.name} is given by another name, too")
        if expressions and isinstance(value, sympy.Expr) and value.free_symbols:
            for used in value.free_symbols:
                symbols.info(used)
            result[symbol] = value
        elif expressions and isinstance(value, sympy.Expr) and value.is_irrational:
            # Such as a crossing with a square root in it, put back into a ledger.
            if not value.is_positive:
                raise InputError(name, value, "a finite number > 0")
            result[symbol] = value
        else:
            if symbol in _SHARES:
                number, below = exact(value, name), "<" if symbol in _PROPER else "<="
                if not 0 < number <= 1 or (number == 1 and symbol in _PROPER):
                    raise InputError(name, value, f"a number > 0 and {below} 1")
            result[symbol] = positive(value, name, zero=symbol in _MAY_BE_ZERO)
            if symbol in _AT_LEAST_1 and result[symbol] < 1:
                raise InputError(name, float(result[symbol]), "a number >= 1")
    return result
