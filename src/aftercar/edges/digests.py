"""SHA-256 of large files, each read once: the hash is kept with the file's size and times and holds while these stay the same.

In a folder the hashes outlive the process: what one job of a cluster has read, the gathering job need not read again.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

from aftercar.edges.files import existing_file, sha256, write_text
from aftercar.errors import InputError


class Digests:
    """Remembered hashes.

    Args:
        folder: where to keep them, one small file a path; None keeps them in memory.
    """

    def __init__(self, folder: Path | None = None) -> None:
        self._folder = folder
        self._known: dict[str, tuple[list[int], str]] = {}

    def sha256(self, path: Path) -> str:
        """The file's SHA-256 as hex digits, read only when its size or times differ from what is remembered.

        Raises:
            InputError: when the file is missing, or changes while it is read.
        """
        name = str(existing_file(path).resolve())
        state = _state(path)
        known = self._known.get(name) or self._read(name)
        if known is None or known[0] != state:
            known = (state, sha256(path))
            if _state(path) != state:
                raise InputError("the file changed while it was read", where=str(path), fix="run again when it is complete")
            self._write(name, known)
        self._known[name] = known
        return known[1]

    def _place(self, name: str) -> Path | None:
        return self._folder / f"{hashlib.sha256(name.encode()).hexdigest()}.json" if self._folder is not None else None

    def _read(self, name: str) -> tuple[list[int], str] | None:
        place = self._place(name)
        if place is None or not place.is_file():
            return None
        content = json.loads(place.read_text(encoding="utf-8"))
        return content["state"], content["sha256"]

    def _write(self, name: str, known: tuple[list[int], str]) -> None:
        place = self._place(name)
        if place is not None:
            write_text(place, json.dumps({"path": name, "state": known[0], "sha256": known[1]}) + "\n")


def _state(path: Path) -> list[int]:
    """Size, time of change of the content, time of change of the entry; in bytes and nanoseconds."""
    status = path.stat()
    return [status.st_size, status.st_mtime_ns, status.st_ctime_ns]
