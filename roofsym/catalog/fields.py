"""Reading fields of parsed files: each value checked, each refusal by name.

Owns what a dimension, a flag or a number in a config or catalogue file may be.
"""

from __future__ import annotations

import json
import os
import tomllib
from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any

import sympy

from roofsym import values
from roofsym.errors import InputError

_MISSING = object()


class Sourced(int):
    """A whole number that knows where it was read: what is computed with it no longer does.

    Attributes
    ----------
    source : str or sympy.Expr
        The key, or, in symbols, what it is made of.

    Examples
    --------
    >>> width = Sourced(64, "hidden_size")
    >>> width.source, width // 2, hasattr(width // 2, "source")
    ('hidden_size', 32, False)
    """

    source: str | sympy.Expr

    def __new__(cls, value: int, source: str | sympy.Expr) -> Sourced:
        """Mark a number with its source."""
        made = super().__new__(cls, value)
        made.source = source
        return made


# No dimension of a model is near this; larger ones are damage (and would print for pages).
_LARGEST = 10**12


class Fields:
    """A parsed table whose fields are read one by one.

    Parameters
    ----------
    table : mapping
        The parsed table.
    where : str
        Put before the names of fields in messages; empty for none.
    """

    def __init__(self, table: Mapping[str, Any], where: str = "") -> None:
        if not isinstance(table, Mapping):
            raise InputError(where.rstrip(".") or "file", table, "a table of named values")
        self.table = table
        self.where = where

    def name(self, key: str) -> str:
        """Name of a field in messages."""
        return f"{self.where}{key}"

    def __contains__(self, key: str) -> bool:
        return self.table.get(key) is not None

    def get(self, key: str, default: Any = _MISSING, accepted: str = "a value") -> Any:
        """Value of a field, null counting as absent.

        Raises
        ------
        InputError
            If it is absent and has no default.
        """
        value = self.table.get(key)
        if value is None:
            if default is _MISSING:
                raise InputError(self.name(key), None, f"{accepted} (the field is required)")
            return default
        return value

    def integer(self, key: str, default: Any = _MISSING, least: int = 1) -> Any:
        """A whole number that is at least `least`, with the key as its source."""
        accepted = "a positive integer" if least == 1 else f"an integer >= {least}"
        value = self.get(key, default, accepted)
        if value is None:
            return None
        number = isinstance(value, int) and not isinstance(value, bool)
        if value is not default and not (number and least <= value < _LARGEST):
            raise InputError(self.name(key), value, accepted)
        return Sourced(value, key)

    def fraction(self, key: str, default: Any = _MISSING) -> Any:
        """A number in (0, 1], exactly."""
        accepted = "a number in (0, 1]"
        value = self.get(key, default, accepted)
        if value is default:
            return value
        number = values.positive(value, self.name(key))
        if number > 1:
            raise InputError(self.name(key), value, accepted)
        return number

    def flag(self, key: str, default: Any = _MISSING) -> Any:
        """True or false."""
        value = self.get(key, default, "true or false")
        if value is not default and not isinstance(value, bool):
            raise InputError(self.name(key), value, "true or false")
        return value

    def string(self, key: str, default: Any = _MISSING) -> Any:
        """A string."""
        value = self.get(key, default, "a string")
        if value is not default and not isinstance(value, str):
            raise InputError(self.name(key), value, "a string")
        return value

    def strings(self, key: str) -> tuple[str, ...]:
        """A list of strings; empty if absent."""
        value = self.get(key, [])
        if not isinstance(value, list) or not all(isinstance(x, str) for x in value):
            raise InputError(self.name(key), value, "a list of strings")
        return tuple(value)

    def positive(self, key: str) -> sympy.Rational:
        """A number > 0."""
        return values.positive(self.get(key, accepted="a number > 0"), self.name(key))

    def fields(self, key: str) -> Fields:
        """A table inside the table."""
        return Fields(self.get(key, accepted="a table"), self.name(key) + ".")

    def require(self, key: str, *accepted: Any, default: Any = _MISSING) -> Any:
        """A field that must have one of the given values (or be absent, with a default)."""
        value = self.get(key, default)
        # 1 == True: compare types too.
        if value is not default and not any(value is a or value == a != 1 for a in accepted):
            listing = ", ".join(json.dumps(a) for a in accepted)
            raise InputError(self.name(key), value, listing)
        return value


def read_text(path: str | os.PathLike[str], field: str) -> str:
    """Text of a file.

    Raises
    ------
    InputError
        If it cannot be read.
    """
    try:
        return Path(path).read_text(encoding="utf-8")
    except UnicodeDecodeError:
        raise InputError(field, str(path), "a UTF-8 text file") from None
    except (OSError, ValueError) as error:
        # ValueError: a path with a zero byte.
        reason = getattr(error, "strerror", None) or str(error)
        raise InputError(field, str(path), f"a readable file ({reason.lower()})") from None


def read_json(path: str | os.PathLike[str], field: str) -> Any:
    """Parsed content of a JSON file.

    Raises
    ------
    InputError
        If it cannot be read or is not JSON.
    """
    text = read_text(path, field)
    try:
        return json.loads(text)
    except json.JSONDecodeError as error:
        place = f"line {error.lineno}, column {error.colno}: {error.msg}"
        raise InputError(field, str(path), f"valid JSON ({place})") from None
    except (RecursionError, ValueError):
        # Beyond the parser's depth, or an integer of more digits than Python converts.
        raise InputError(field, str(path), "JSON of reasonable size") from None


def read_toml(path: str | os.PathLike[str], field: str) -> dict[str, Any]:
    """Parsed content of a TOML file, with decimals kept exact.

    Raises
    ------
    InputError
        If it cannot be read or is not TOML.
    """
    text = read_text(path, field)
    try:
        return tomllib.loads(text, parse_float=Decimal)
    except (tomllib.TOMLDecodeError, RecursionError, ValueError, ArithmeticError) as error:
        raise InputError(field, str(path), f"valid TOML ({error})") from None
