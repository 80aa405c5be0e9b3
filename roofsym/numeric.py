"""Expressions as fast NumPy functions with keywords by symbol name."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import sympy

from roofsym import symbols as sy
from roofsym.errors import InputError
from roofsym.values import bindings, expression


class CompiledFunction:
    """A NumPy function made from an expression.

    Arguments are keywords by symbol name; arrays broadcast; everything is computed in float64,
    because products of dimensions overflow 64-bit integers without a word. It pickles as the
    expression it was made from.

    Attributes
    ----------
    expr : sympy.Expr
        The expression.
    names : tuple of str
        Keywords that a call takes, all of them required.

    Examples
    --------
    >>> from roofsym.symbols import B, L, kappa, w
    >>> f = compile_expression(w + B * kappa * L)
    >>> f(w=16e9, kappa=131072, B=[1, 64], L=1907)
    array([1.62499543e+10, 3.19970755e+10])
    """

    def __init__(self, expr: sympy.Expr) -> None:
        self.expr = expression(expr, "expression")
        for symbol in self.expr.free_symbols:
            sy.info(symbol)
        ordered = sorted(self.expr.free_symbols, key=sy.rank)
        self.names = tuple(s.name for s in ordered)
        self._function: Callable[..., Any] = sympy.lambdify(
            ordered, self.expr, modules="numpy", cse=True
        )

    def __call__(self, **values: npt.ArrayLike) -> Any:
        """Evaluate, broadcasting the arguments against each other.

        Returns
        -------
        float or numpy.ndarray
            A float if all arguments are scalars, else an array of the broadcast shape.

        Raises
        ------
        InputError
            If a keyword is missing or unknown, or a value is not a real number.
        """
        if values.keys() != set(self.names):
            given = ", ".join(values) or "nothing"
            raise InputError("arguments", given, "exactly " + (", ".join(self.names) or "none"))
        arrays = [_floats(name, values[name]) for name in self.names]
        shape = np.broadcast_shapes(*(x.shape for x in arrays))
        result = np.asarray(self._function(*arrays), dtype=np.float64)
        # An expression that does not depend on an argument still takes its shape.
        return np.broadcast_to(result, shape).copy() if shape else float(result)

    def __reduce__(self) -> tuple[type[CompiledFunction], tuple[sympy.Expr]]:
        return (type(self), (self.expr,))

    def __repr__(self) -> str:
        return f"<{self.expr} as a function of {', '.join(self.names) or 'nothing'}>"


def _floats(name: str, value: npt.ArrayLike) -> npt.NDArray[np.float64]:
    if isinstance(value, sympy.Rational | sympy.Float):
        value = float(value)
    try:
        array = np.asarray(value)
        if array.dtype.kind not in "iuf":
            raise TypeError
        return array.astype(np.float64)
    except (TypeError, ValueError):
        raise InputError(name, value, "a real number or an array of real numbers") from None


def compile_expression(
    expr: sympy.Expr, values: Mapping[str, object] | None = None
) -> CompiledFunction:
    """Turn an expression into a NumPy function with keywords by symbol name.

    Parameters
    ----------
    expr : sympy.Expr
        Any expression of the package: a total of a ledger, a time, the value of a crossover.
    values : mapping of str to number, optional
        Symbols to fix beforehand.

    Returns
    -------
    CompiledFunction
        Called as ``f(B=8, L=4096)``.

    Raises
    ------
    InputError
        If the expression has symbols that are not the package's.

    Examples
    --------
    >>> import roofsym as rs
    >>> led = rs.decode(rs.Transformer(), convention="weights-only")
    >>> f = rs.compile(led.intensity, {"b_w": 2})
    >>> f(B=156)
    156.0
    """
    if values:
        expr = expr.xreplace(bindings(values))
    return CompiledFunction(expr)
