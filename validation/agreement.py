"""Our figures beside frozen reference figures, one row a figure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

Row = tuple[str, float, float, float, bool]
Figure = tuple[str, Sequence[float], float]


def reference(path: Path) -> dict[str, list[float]]:
    """The frozen figures by name."""
    found: dict[str, list[float]] = {}
    for line in path.read_text().splitlines()[1:]:
        name, value = line.split("\t")
        found.setdefault(name[: name.index("[")], []).append(float(value))
    return found


def compare(figures: Iterable[Figure], truth: Mapping[str, Sequence[float]]) -> list[Row]:
    """Rows of (name, ours, reference, tolerance, agrees); tolerance is absolute, or relative for numbers above 1.

    Raises:
        ValueError: when a figure has more or fewer numbers than its reference.
    """
    rows: list[Row] = []
    for name, ours, tolerance in figures:
        if len(ours) != len(truth[name]):
            raise ValueError(f"{name}: {len(ours)} figures of ours, {len(truth[name])} of R's")
        for index, (mine, theirs) in enumerate(zip(ours, truth[name], strict=True), 1):
            agrees = bool(abs(mine - theirs) <= tolerance * max(1.0, abs(theirs)))
            rows.append((f"{name}[{index}]", float(mine), theirs, tolerance, agrees))
    return rows


def show(rows: Sequence[Row]) -> None:
    """Print the table."""
    for name, ours, theirs, tolerance, agrees in rows:
        print(f"{name}\t{ours:.12g}\t{theirs:.12g}\t{abs(ours - theirs):.1e}\t{tolerance:g}\t{'yes' if agrees else 'NO'}")
    print(f"# {sum(row[4] for row in rows)} of {len(rows)} agree")
