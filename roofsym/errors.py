"""What can go wrong: bad input, and a proof that does not hold."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


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
    """Names that are nearly a given one, the nearest first.

    Examples
    --------
    >>> nearest("critical-bach", ["ridge-point", "critical-batch", "largest-batch"])
    ['critical-batch']
    """
    return difflib.get_close_matches(str(name), list(names), most, 0.5)


class ProofError(AssertionError):
    """A step of a derivation, or a solution, that does not hold: a defect of roofsym itself."""
