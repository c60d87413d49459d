"""Results that are made once: a folder under a key of everything it depends on; an equal key means an equal result.

A folder appears whole or not at all, so that a process killed at any moment leaves only finished ones.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from aftercar import __version__
from aftercar.edges.files import folder_beside, write_text

_KEY = "inputs.json"


def keep_or_make(place: Path, earlier: Path, inputs: Mapping[str, Any], make: Callable[[Path], object]) -> None:
    """Leave a finished result in ``place``: the one that stands there, an earlier one, or a new one.

    Args:
        place: the folder that holds the result afterwards.
        earlier: where a former run may have left one.
        inputs: what the result depends on (hashes, settings), as plain values; the version is added.
        make: called with a folder that does not exist yet, which it must fill.
    """
    key = json.dumps({"version": __version__, **inputs}, indent=1, sort_keys=True)
    if _key_of(place) == key:
        return
    with folder_beside(place, replace=True) as inside:
        if _key_of(earlier) == key:
            shutil.copytree(earlier, inside, dirs_exist_ok=True)
            return
        make(inside / "result")
        for path in sorted((inside / "result").iterdir()):
            path.rename(inside / path.name)
        (inside / "result").rmdir()
        write_text(inside / _KEY, key)


def _key_of(folder: Path) -> str:
    path = folder / _KEY
    return path.read_text(encoding="utf-8") if path.is_file() else ""
