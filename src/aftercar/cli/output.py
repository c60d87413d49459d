"""How commands print: data on stdout, words and progress on stderr."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from aftercar.actions.progress import Progress, silent


@contextmanager
def progress() -> Iterator[Progress]:
    """A bar on stderr when it is a terminal, otherwise silence."""
    if not sys.stderr.isatty():
        yield silent
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeElapsedColumn
    from rich.progress import Progress as Bar

    with Bar(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        console=Console(stderr=True),
        transient=True,
    ) as bar:
        task = bar.add_task("", total=None)

        def show(done: float, total: float | None, words: str) -> None:
            bar.update(task, completed=done, total=total, description=words)

        yield show


def say(words: str) -> None:
    """A line of words on stderr."""
    print(words, file=sys.stderr)


def print_json(value: Any) -> None:
    """A value as JSON on stdout (NaN and infinity become null)."""
    print(json.dumps(_plain(value), indent=2, ensure_ascii=False, default=str, allow_nan=False))


def print_table(rows: Sequence[Mapping[str, Any]], *, as_json: bool = False, columns: Iterable[str] | None = None) -> None:
    """Rows as an aligned table, or as JSON with ``as_json``. Plain tab-separated text when stdout is not a terminal."""
    if as_json:
        print_json([dict(row) for row in rows])
        return
    names = list(columns) if columns is not None else list(rows[0]) if rows else []
    cells = [names, *([_cell(row.get(name)) for name in names] for row in rows)]
    if not sys.stdout.isatty():
        for line in cells:
            print("\t".join(line))
        return
    widths = [max(len(line[i]) for line in cells) for i in range(len(names))]
    for line in cells:
        print("  ".join(text.ljust(width) for text, width in zip(line, widths, strict=True)).rstrip())


def _cell(value: Any) -> str:
    if value is None or value != value:
        return ""
    if isinstance(value, float):
        return f"{value:.6g}"
    return str(value)


def _plain(value: Any) -> Any:
    if isinstance(value, float):
        return value if value == value and abs(value) != float("inf") else None
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple, set, frozenset)):
        return [_plain(item) for item in value]
    if hasattr(value, "tolist"):
        return _plain(value.tolist())
    return value
