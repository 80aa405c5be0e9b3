"""Writes files whole or not at all."""

from __future__ import annotations

import contextlib
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

from roofsym.errors import InputError


@contextlib.contextmanager
def whole_file(path: str | os.PathLike[str], field: str = "output") -> Iterator[Path]:
    """Give a temporary path beside `path`; it takes the name of `path` when the block succeeds.

    Raises
    ------
    InputError
        If `path` is a folder or cannot be written.
    """
    target = Path(path)
    temporary: Path | None = None
    try:
        if target.is_dir():
            raise InputError(field, str(path), "a path of a file, not of a folder")
        handle, name = tempfile.mkstemp(dir=target.parent, prefix=".", suffix=target.suffix)
        os.close(handle)
        temporary = Path(name)
        yield temporary
        # mkstemp makes private files; a report is as readable as any other new file.
        mask = os.umask(0)
        os.umask(mask)
        temporary.chmod(0o666 & ~mask)
        temporary.replace(target)
    except InputError:
        raise
    except (OSError, ValueError) as error:
        # ValueError: a path with a zero byte.
        reason = (getattr(error, "strerror", None) or str(error)).lower()
        raise InputError(field, str(path), f"a path that can be written ({reason})") from None
    finally:
        if temporary is not None:
            temporary.unlink(missing_ok=True)


def write_text(path: str | os.PathLike[str], text: str, field: str = "output") -> None:
    """Write a text file whole or not at all.

    Raises
    ------
    InputError
        If it cannot be written.
    """
    with whole_file(path, field) as temporary:
        temporary.write_text(text, encoding="utf-8")
