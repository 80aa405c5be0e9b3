"""What one convention counts and another does not, entry by entry."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import sympy

from roofsym import polynomial
from roofsym.errors import ProofError
from roofsym.ledger import Entry, Ledger


@dataclass(frozen=True)
class Line:
    """One kind of work or traffic of one operator, as two conventions count it.

    Attributes
    ----------
    entry : Entry
        The entry, for its tags.
    first, second : sympy.Expr
        What each of the two ledgers counts, over all layers; 0 where it does not.
    """

    entry: Entry
    first: sympy.Expr
    second: sympy.Expr

    @property
    def difference(self) -> sympy.Expr:
        """What the second counts more than the first."""
        return sympy.factor_terms(sympy.expand(self.second - self.first))

    @property
    def label(self) -> str:
        """Operator, what of it, and how."""
        e = self.entry
        access = "" if e.access == "compute" else f" {e.access}"
        where = f"{e.group}." if e.group not in ("", "layers") else ""
        return f"{where}{e.operator}: {e.kind}{access}"


@dataclass(frozen=True)
class Difference:
    """The difference of a quantity between two ledgers of the same step.

    Attributes
    ----------
    quantity : str
        ``flops`` or ``bytes``.
    first, second : Ledger
        The two ledgers.
    lines : tuple of Line
        The entries that differ, in the order of the operators. They sum to `total` exactly.
    """

    quantity: str
    first: Ledger
    second: Ledger
    lines: tuple[Line, ...]

    @property
    def total(self) -> sympy.Expr:
        """What the second counts more than the first, in symbols."""
        return sympy.Add(*(line.difference for line in self.lines))


def difference(first: Ledger, second: Ledger, quantity: str) -> Difference:
    """Entries of a quantity that two ledgers count differently.

    Parameters
    ----------
    first, second : Ledger
        The same step of the same model under two conventions.
    quantity : str
        ``flops`` or ``bytes``.

    Raises
    ------
    ProofError
        If the lines do not sum to the difference of the totals, which would be a defect.

    Examples
    --------
    >>> import roofsym as rs
    >>> m = rs.Transformer()
    >>> d = difference(rs.prefill(m), rs.prefill(m, convention="framework"), "flops")
    >>> for line in d.lines:
    ...     print(line.label, "|", line.difference)
    score: attention | B*S*head_dim*n_heads*n_layers*(S - 1)
    value: attention | B*S*head_dim*n_heads*n_layers*(S - 1)
    lm_head: linear | 2*B*d_model*vocab_size*(S - 1)
    """
    sums = [_by_work(ledger, quantity) for ledger in (first, second)]
    lines = []
    for key in dict.fromkeys([*sums[0], *sums[1]]):
        zero = (None, sympy.S.Zero)
        (entry, one), (other_entry, two) = (side.get(key, zero) for side in sums)
        shown = entry or other_entry
        assert shown is not None
        if not polynomial.is_zero(two - one):
            lines.append(Line(shown, one, two))
    made = Difference(quantity, first, second, tuple(lines))
    gap = second.symbolic(quantity) - first.symbolic(quantity)
    if not polynomial.is_zero(made.total - gap):
        raise ProofError(f"the lines of a difference do not sum to it: {made.total} != {gap}")
    return made


def _by_work(
    ledger: Ledger, quantity: str
) -> Mapping[tuple[str, ...], tuple[Entry | None, sympy.Expr]]:
    sums: dict[tuple[str, ...], tuple[Entry | None, sympy.Expr]] = {}
    for e in ledger.entries:
        if e.quantity == quantity:
            key = (e.group, e.operator, e.kind, e.access)
            before = sums.get(key, (e, sympy.S.Zero))[1]
            sums[key] = (e, before + e.total)
    return sums
