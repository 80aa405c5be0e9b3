"""What can go wrong: bad input, and a proof that does not hold."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import sympy


class InputError(ValueError):
    """Bad input, said in one line: the field, the value given and what is accepted.

    Parameters
    ----------
    field : str
        What was being read: an option, a symbol, a key of a config.
    given : object
        The offending value.
    accepted : str
        What would have been accepted.

    Examples
    --------
    >>> print(InputError("hidden_size", -1, "a positive integer"))
    hidden_size: got -1; accepted: a positive integer
    """

    def __init__(self, field: str, given: object, accepted: str) -> None:
        self.field = field
        self.given = given
        self.accepted = accepted
        try:
            shown = repr(given)
        except ValueError:
            # Python does not print integers of thousands of digits.
            shown = f"a {type(given).__name__} too long to print"
        if len(shown) > 80:
            shown = shown[:77] + "..."
        super().__init__(f"{field}: got {shown}; accepted: {accepted}")

    def __reduce__(self) -> tuple[type[InputError], tuple[str, object, str]]:
        return (type(self), (self.field, self.given, self.accepted))


def nearest(name: str, names: Iterable[str], most: int = 3) -> list[str]:
    """Names of other case, those that begin with a given one, then those that are nearly it.

    Examples
    --------
    >>> nearest("critical-bach", ["ridge-point", "critical-batch", "largest-batch"])
    ['critical-batch']
    >>> nearest("h10", ["h20", "a10", "h100-pcie", "h100-sxm"])
    ['h100-pcie', 'h100-sxm', 'h20']
    >>> nearest("l", ["link_bandwidth", "L"])
    ['L', 'link_bandwidth']
    """
    known = list(names)
    cased = [x for x in known if x.lower() == str(name).lower()]
    begun = [x for x in known if name and x.startswith(str(name))]
    close = difflib.get_close_matches(str(name), known, most, 0.5)
    return list(dict.fromkeys([*cased, *begun, *close]))[:most]


class ProofError(AssertionError):
    """A step of a derivation, or a solution, that does not hold: a defect of roofsym itself."""


def in_letters(*sides: sympy.Basic) -> str:
    """Expressions for a message, as the package prints them, with ``=`` between them.

    Examples
    --------
    >>> from roofsym.symbols import B, kappa, w
    >>> in_letters(B * kappa, w**2)
    'B κ = w²'
    """
    # Everything knows errors; only what is refused is printed.
    from roofsym.render.expression import render

    try:
        return " = ".join(render(x) for x in sides)
    except InputError:
        # What stands in for a part while an equation is solved is no symbol of the table.
        return " = ".join(map(str, sides))
