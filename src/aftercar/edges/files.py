"""Files are written beside their place and renamed, so that nothing half-written is ever found."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from aftercar.errors import InputError, UsageError


@contextmanager
def written_beside(path: Path) -> Iterator[Path]:
    """Yield a temporary path in the same folder; on success it replaces ``path``, on any error it is removed."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(prefix=f".{path.name}.", suffix=path.suffix, dir=path.parent)
    os.close(handle)
    temporary = Path(name)
    temporary.chmod(0o644)
    try:
        yield temporary
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def write_text(path: Path, text: str) -> None:
    """Write UTF-8 text in one step, lines ended by a line feed on every system."""
    write_bytes(path, text.encode())


def write_bytes(path: Path, data: bytes) -> None:
    """Write bytes in one step."""
    with written_beside(path) as temporary:
        temporary.write_bytes(data)


@contextmanager
def folder_beside(folder: Path, *, replace: bool = False) -> Iterator[Path]:
    """Yield an empty folder that becomes ``folder`` on success and vanishes on any error.

    Raises:
        UsageError: when ``folder`` exists, is not empty and ``replace`` is false.
    """
    if folder.exists() and not replace and (not folder.is_dir() or any(folder.iterdir())):
        raise UsageError(f"{folder} exists and is not empty", fix="name a new folder")
    folder.parent.mkdir(parents=True, exist_ok=True)
    temporary = Path(tempfile.mkdtemp(prefix=f".{folder.name}.", dir=folder.parent))
    temporary.chmod(0o755)
    try:
        yield temporary
        if folder.exists():
            shutil.rmtree(folder)
        temporary.replace(folder)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def drop_empty(folder: Path) -> None:
    """Remove ``folder`` and those directly in it that hold nothing; what holds something stays."""
    for place in (*(folder.iterdir() if folder.is_dir() else ()), folder):
        if place.is_dir() and not any(place.iterdir()):
            place.rmdir()


def sha256(path: Path) -> str:
    """The file's SHA-256 as hex digits."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def read_json(path: Path) -> Any:
    """The content of a JSON file.

    Raises:
        InputError: when it is not JSON, not UTF-8, or nested deeper than anything we write.
    """
    try:
        return json.loads(existing_file(path).read_text(encoding="utf-8-sig"))
    except (ValueError, RecursionError) as error:
        raise InputError(f"not JSON: {error}", where=str(path), fix="is the file complete?") from None


def existing_file(path: Path) -> Path:
    """``path`` if it is a readable file.

    Raises:
        InputError: naming the path and what it is instead.
    """
    if not path.exists():
        raise InputError("no such file", where=str(path), fix="check the name and the folder")
    if path.is_dir():
        raise InputError("a folder where a file is needed", where=str(path))
    if not os.access(path, os.R_OK):
        raise InputError("the file cannot be read", where=str(path), fix="check its permissions")
    return path
