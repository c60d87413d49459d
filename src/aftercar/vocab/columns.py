"""What a column is. Every column of every table is defined once, in ``vocab/tables``.

Validation of the study folder, the database schema, the exports, the masking of small counts and the
reference page of the documentation all come from these definitions.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

Kind = Literal["id", "text", "integer", "number", "date", "choice", "boolean", "file", "list"]

UNKNOWN = "unknown"
YES_NO_UNKNOWN = ("yes", "no", UNKNOWN)


@dataclass(frozen=True, slots=True)
class Column:
    """One column: name, kind, what it means and what it may hold.

    Attributes:
        name: snake_case name in every file, table and export.
        kind: ``date`` is a partial ISO date; ``list`` is text with ``;`` between items; ``file`` is a path
            relative to the study folder; ``choice`` takes one of ``choices``.
        about: one sentence for people.
        required: whether it may not be empty.
        unit: unit of a number, in words.
        choices: allowed values of a ``choice``.
        low, high: limits of a number, both allowed.
        refers_to: ``table.column`` that must hold the value.
        mask: whether a small count in this column must be masked on export.
        personal: whether it is about one person (never on an aggregate export).
    """

    name: str
    kind: Kind
    about: str
    required: bool = False
    unit: str = ""
    choices: tuple[str, ...] = ()
    low: float | None = None
    high: float | None = None
    refers_to: str = ""
    mask: bool = False
    personal: bool = False


@dataclass(frozen=True, slots=True)
class Table:
    """One table: name, key columns, columns and one sentence.

    ``level`` says how it travels: ``person`` tables never leave on aggregate exports, ``aggregate`` tables do
    after masking, ``result`` tables are computed.
    """

    name: str
    about: str
    columns: tuple[Column, ...]
    key: tuple[str, ...] = ()
    level: Literal["person", "aggregate", "result"] = "person"
    required: bool = False
    _index: dict[str, Column] = field(default_factory=dict, repr=False, compare=False)

    def __post_init__(self) -> None:
        self._index.update({column.name: column for column in self.columns})
        if len(self._index) != len(self.columns):
            raise ValueError(f"table {self.name} defines a column twice")
        for name in self.key:
            if name not in self._index:
                raise ValueError(f"table {self.name} has no key column {name}")

    def __getitem__(self, name: str) -> Column:
        return self._index[name]

    def __contains__(self, name: str) -> bool:
        return name in self._index

    @property
    def names(self) -> tuple[str, ...]:
        """The column names in their order."""
        return tuple(column.name for column in self.columns)
