"""Sums that get a letter of their own so that a formula fits on a line, as an author would do.

``X = φ + α L − I* (κ L + a)`` is written once, below the first formula that has it several times.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping

import sympy
from sympy.logic.boolalg import Boolean

from roofsym import polynomial
from roofsym import symbols as sy
from roofsym.derivation import Formula, Label
from roofsym.errors import ProofError
from roofsym.render.expression import each_side, render
from roofsym.render.measure import LINE, width
from roofsym.render.notation import Notation
from roofsym.render.shape import arranged

TEXT = 100
"""Longest formula on a line of plain text."""

_LETTERS = tuple(f"{x}{i}" for i in ("", "_1", "_2") for x in "XYZUV")
# What is shorter is as easily written as named; of what is longer than a share of the formula,
# rather a part is named.
_REPEATED, _ALONE, _SHARE = 7, 12, 0.7


class Names:
    """Letters of the sums of one derivation.

    Parameters
    ----------
    letters : Notation
        How the formulas are printed.
    taken : set of str
        What is printed in the derivation, as plain text: no new letter.
    """

    def __init__(self, letters: Notation, taken: set[str]) -> None:
        self._notation = letters
        self._known: dict[sympy.Expr, sympy.Symbol] = {}
        self._written: dict[tuple[sympy.Basic, str], str] = {}
        self._free = [x for x in _LETTERS if x not in taken]

    def shortened(self, formula: Formula) -> list[Formula]:
        """A formula that fits on a line, and after it what letters stand for that are new in it.

        As it is if it fits already, or no sum in it is worth a letter.

        Raises
        ------
        ProofError
            If what is printed is not the formula.

        Examples
        --------
        >>> from roofsym.render.notation import DEFAULT
        >>> from roofsym.symbols import B, L, a, alpha, kappa, phi, ridge, w, w_x
        >>> per_token = phi + alpha * L - ridge * (kappa * L + a)
        >>> powers = (w / per_token**2 + w_x / per_token**3 + B / per_token**4) / per_token
        >>> long = Formula(Label("x", "x"), powers)
        >>> for short in Names(DEFAULT, set()).shortened(long):
        ...     print(short.right)
        (B/sum_X**4 + w/sum_X**2 + w_x/sum_X**3)/sum_X
        L*alpha + phi - ridge*(L*kappa + a)
        """
        if self._fits(formula):
            return [formula]
        known, free = dict(self._known), list(self._free)
        short = _named(formula, known)
        while not self._fits(short) and free and (part := self._next(short)):
            known[part] = _letter(free.pop(0))
            short = _named(formula, known)
        for letter in [s for x, s in known.items() if x not in self._known]:
            part = next(x for x, s in known.items() if s == letter)
            # The first ones can turn out needless.
            whole = {letter: part}
            fewer = {x.xreplace(whole): s for x, s in known.items() if x != part}
            fit = all(self._short(x, "X_1 = ") for x in fewer)
            if fit and self._fits(other := _named(formula, fewer)):
                short, known = other, fewer
        used = set().union(*(x.free_symbols for x in _sides(short)))
        if used.isdisjoint(known.values()):
            return [formula]
        new = {x: letter for x, letter in known.items() if x not in self._known}
        printed = {self._notation.text(letter) for letter in new.values()}
        self._known, self._free = known, [x for x in self._free if x not in printed]
        return [short, *(Formula(letter, part) for part, letter in new.items())]

    # --- what fits ---------------------------------------------------------------------------

    def _fits(self, formula: Formula) -> bool:
        if formula.left is None:
            return all(self._short(x) for x in _relations(formula.right))
        left = formula.left
        if isinstance(left, Label):
            text, latex = self._notation.label(left.text, left.latex)
        else:
            text, latex = (self._write(left, form) for form in ("text", "latex"))
        return self._short(formula.right, f"{text} = ", f"{latex} = ")

    def _short(self, expr: sympy.Basic, text: str = "", latex: str = "") -> bool:
        if len(text) + len(self._write(expr, "text")) > TEXT:
            return False
        return width((latex or text) + self._write(expr, "latex")) <= LINE

    def _write(self, expr: sympy.Basic, form: str) -> str:
        # The same sums are measured again and again on the way to what fits.
        if (expr, form) not in self._written:
            self._written[expr, form] = render(expr, form, self._notation)
        return self._written[expr, form]

    # --- which sums --------------------------------------------------------------------------

    def _next(self, formula: Formula) -> sympy.Expr | None:
        """The sum that saves most: one that comes again, else the longest that is but a part."""
        sums = [x for side in _sides(formula) for x in sympy.preorder_traversal(side) if x.is_Add]
        longest = max((len(self._write(x, "text")) for x in _sides(formula)), default=0)
        best, most = None, (False, False, 0)
        for part in dict.fromkeys(sums):
            length = len(self._write(part, "text"))
            times = sum(_holds(x, part) != 0 for x in sums)
            if length < (_REPEATED if times > 1 else _ALONE) or not self._short(part, "X_1 = "):
                continue
            saved = (times > 1, length <= _SHARE * longest, length * max(times - 1, 1))
            if saved > most:
                best, most = part, saved
        return best


def _letter(text: str) -> sympy.Symbol:
    base, _, index = text.partition("_")
    latex = f"{base}_{{{index}}}" if index else base
    meaning = "a sum that is written once"
    return sy.extra(f"sum_{text}", "1", meaning, text=text, latex=latex, positive=False)


def _named(formula: Formula, known: Mapping[sympy.Expr, sympy.Symbol]) -> Formula:
    """A formula with letters in the place of sums, proved to be the same."""

    def change(expr: sympy.Expr) -> sympy.Expr:
        found = arranged(expr)
        for part, letter in known.items():
            found = _replaced(found, part, letter)
        if found.free_symbols.isdisjoint(known.values()):
            return found
        back = found
        for part, letter in reversed(list(known.items())):
            back = back.xreplace({letter: part})
        if back != expr and not polynomial.is_zero(arranged(back) - arranged(expr)):
            raise ProofError(f"{found} is not {expr}")
        return found

    left = formula.left
    left = each_side(left, change) if isinstance(left, sympy.Basic) else left
    return dataclasses.replace(formula, left=left, right=each_side(formula.right, change))


def _sides(formula: Formula) -> Iterator[sympy.Expr]:
    """The expressions of a formula: of a condition those of its relations."""
    for side in (formula.left, formula.right):
        if isinstance(side, Boolean) and not side.is_Symbol:
            for relation in _relations(side):
                yield from relation.args
        elif isinstance(side, sympy.Expr):
            yield side


def _relations(condition: sympy.Basic) -> list[sympy.Basic]:
    if isinstance(condition, sympy.And | sympy.Or):
        return [x for part in condition.args for x in _relations(part)]
    return [condition]


def _holds(total: sympy.Expr, part: sympy.Expr) -> int:
    """1 or −1 if a sum has all the terms of another, or all with the other sign; else 0."""
    if len(total.args) < len(part.args):
        return 0
    terms = set(total.args)
    if terms.issuperset(part.args):
        return 1
    return -1 if terms.issuperset(-x for x in part.args) else 0


def _replaced(expr: sympy.Expr, part: sympy.Expr, letter: sympy.Symbol) -> sympy.Expr:
    if not expr.args:
        return expr
    if expr.is_Add and (sign := _holds(expr, part)):
        rest = [x for x in expr.args if sign * x not in part.args]
        return sympy.Add(sign * letter, *(_replaced(x, part, letter) for x in rest))
    args = tuple(_replaced(x, part, letter) for x in expr.args)
    return expr if args == expr.args else expr.func(*args)
