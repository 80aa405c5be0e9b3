"""Models and machines by name: TOML files in which each value has its source."""

from __future__ import annotations

import functools
import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from roofsym.catalog import huggingface
from roofsym.catalog.fields import Fields, read_toml
from roofsym.errors import InputError, nearest
from roofsym.hardware import Machine
from roofsym.transformer import Transformer

_HERE = Path(__file__).parent


@dataclass(frozen=True)
class Record:
    """An entry of the catalogue as it stands in its file.

    Attributes
    ----------
    id : str
        Its name on the command line.
    aliases : tuple of str
        Other names.
    title : str
        Its printed name.
    table : mapping
        The entry.
    sources : mapping
        Sources that the file defines, by key.
    """

    id: str
    aliases: tuple[str, ...]
    title: str
    table: Mapping[str, Any]
    sources: Mapping[str, Any]


PATH_VARIABLE = "ROOFSYM_CATALOG"
"""Environment variable with TOML files and folders of the user's, separated as in PATH."""

_added: list[Path] = []


def use(*paths: str | os.PathLike[str]) -> None:
    """Add TOML files, or folders of them, to the catalogue of this process.

    Entries of the user's go before the package's of the same name.

    Parameters
    ----------
    *paths : path
        Each a file or a folder; a file may hold models, machines or both.

    Raises
    ------
    InputError
        If a path does not exist or a file is malformed.
    """
    for path in map(Path, paths):
        if not path.exists():
            raise InputError("catalog", str(path), "an existing TOML file or folder")
        if path not in _added:
            _added.append(path)
            records.cache_clear()
            try:
                for kind in ("models", "machines"):
                    records(kind)
            except InputError:
                # Refused, it must not stand in the way of what is asked for next.
                _added.remove(path)
                records.cache_clear()
                raise


def _files(kind: str) -> Iterator[Path]:
    yield from sorted((_HERE / kind).glob("*.toml"))
    named = [Path(p) for p in os.environ.get(PATH_VARIABLE, "").split(os.pathsep) if p]
    for path in [*named, *_added]:
        if not path.exists():
            raise InputError(PATH_VARIABLE, str(path), "an existing TOML file or folder")
        yield from sorted(path.glob("*.toml")) if path.is_dir() else [path]


@functools.cache
def records(kind: str) -> Mapping[str, Record]:
    """All entries of the catalogue, by id; the user's own replace the package's.

    Parameters
    ----------
    kind : str
        ``models`` or ``machines``.
    """
    return {r.id: r for path in _files(kind) for r in _read(path, kind)}


def _read(path: Path, kind: str, field: str = "catalog") -> Iterator[Record]:
    content = Fields(read_toml(path, field))
    entries = content.get(kind, {})
    if not isinstance(entries, Mapping):
        raise InputError(f"{path.name}: {kind}", entries, f"tables [{kind}.NAME]")
    sources = content.get("sources", {})
    for key, table in entries.items():
        fields = Fields(table, f"{key}.")
        yield Record(key, fields.strings("aliases"), fields.string("name", key), table, sources)


def _find(kind: str, name: str) -> Record:
    found = records(kind)
    for record in found.values():
        if name == record.id or name in record.aliases:
            return record
    raise InputError(kind.removesuffix("s"), name, _nearest(name, found))


def _nearest(name: str, ids: Iterable[str]) -> str:
    listing = list(ids)
    hint = f"for example {', '.join(nearest(name, listing) or listing[:3])}"
    return f"a name that the catalogue lists ({hint}) or a file"


def model(name: str) -> Transformer:
    """Model of the catalogue.

    Parameters
    ----------
    name : str
        Name or alias, as ``roofsym list models`` prints them.

    Raises
    ------
    InputError
        If the catalogue has no model of that name.

    Examples
    --------
    >>> model("llama-3.1-8b").parameters
    8030261248
    """
    record = _find("models", name)
    table = Fields(record.table, f"{record.id}.")
    # TOML has no null; `null` lists the keys that the original file sets to it.
    nulls = dict.fromkeys(table.get("null", ()))
    return huggingface.read({**nulls, **table.get("config"), "_name_or_path": record.title})


def machine(name: str, dtype: str | None = None) -> Machine:
    """Machine of the catalogue, or of a TOML file of the user's.

    Parameters
    ----------
    name : str
        Name or alias, as ``roofsym list machines`` prints them; or the path of a TOML file that
        describes one machine in the catalogue's format.
    dtype : str, optional
        Which dense peak to take; bf16 (fp16 where there is no bf16) if not given.

    Raises
    ------
    InputError
        If there is no such machine, it has no peak for the dtype, or the file is malformed.

    Examples
    --------
    >>> machine("h100-sxm", dtype="fp8").peak
    1979000000000000
    """
    found = _machine(_from_file(name) if name.endswith(".toml") else _find("machines", name))
    if dtype is None:
        dtype = next((d for d in ("bf16", "fp16", *found.peaks) if d in found.peaks), None)
    if dtype is None:
        raise InputError(f"peak of {found.name}", "nothing", "a dense peak for some dtype")
    return found.with_dtype(dtype)


def _from_file(path: str) -> Record:
    entries = list(_read(Path(path), "machines", "machine"))
    if len(entries) != 1:
        listing = ", ".join(r.id for r in entries) or "none"
        raise InputError(
            "machine", path, f"a file with one [machines.NAME] table; it has {listing}"
        )
    return entries[0]


def _machine(record: Record) -> Machine:
    fields = Fields(record.table, f"{record.id}.")
    peaks = fields.fields("peak")
    optional = {key: _value(fields, key) for key in ("link_bandwidth",) if key in fields}
    return Machine(
        name=record.title,
        bandwidth=_value(fields, "bandwidth"),
        capacity=_value(fields, "capacity"),
        peaks={dtype: _value(peaks, dtype) for dtype in peaks.table},
        **optional,
    )


def _value(fields: Fields, key: str) -> Any:
    """A number, bare or with its source beside it."""
    if isinstance(fields.get(key, accepted="a number > 0"), Mapping):
        return fields.fields(key).positive("value")
    return fields.positive(key)
