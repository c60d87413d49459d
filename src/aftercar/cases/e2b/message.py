"""A safety report as values: elements by their number, repeating groups as tuples. No XML here.

>>> drug = Group({"G.k.1": "1", "G.k.2.2": "axi-cel"}, {"G.k.4.r": (Group({"G.k.4.r.7": Null("UNK")}),)})
>>> report = Group({"C.1.1": "DE-X-1"}, {"G.k": (drug,)})
>>> report.first("G.k").first("G.k.4.r").get("G.k.4.r.7")
Null(flavour='UNK')
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from aftercar.cases.e2b.elements import ELEMENTS, GROUPS, NULL_FLAVOURS, inside
from aftercar.errors import UsageError


@dataclass(frozen=True, slots=True)
class Null:
    """A value that is not there, with the reason (HL7 null flavour)."""

    flavour: str

    def __post_init__(self) -> None:
        if self.flavour not in NULL_FLAVOURS:
            raise UsageError(f"{self.flavour!r} is not a null flavour", fix=f"use one of {', '.join(NULL_FLAVOURS)}")

    def __str__(self) -> str:
        return f"null {self.flavour}"


Value = str | Null


@dataclass(frozen=True)
class Group:
    """The values of the message or of one repetition of a group.

    Attributes:
        values: element number -> value.
        groups: group name -> repetitions in order.
    """

    values: Mapping[str, Value] = field(default_factory=dict)
    groups: Mapping[str, tuple[Group, ...]] = field(default_factory=dict)

    def get(self, code: str) -> Value | None:
        """The value of an element, None when it is not there."""
        return self.values.get(code)

    def text(self, code: str) -> str | None:
        """The value of an element as text; None when it is absent or null."""
        value = self.values.get(code)
        return value if isinstance(value, str) else None

    def all(self, group: str) -> tuple[Group, ...]:
        """The repetitions of a group."""
        return self.groups.get(group, ())

    def first(self, group: str) -> Group:
        """The first repetition of a group, or an empty one."""
        return next(iter(self.all(group)), Group())

    def walk(self, place: str = "") -> Iterator[tuple[str, str, Value]]:
        """Every value as (place such as ``G.k[1]/G.k.4.r[2]``, element, value)."""
        for code, value in self.values.items():
            yield place, code, value
        for name, repetitions in self.groups.items():
            for i, group in enumerate(repetitions, 1):
                yield from group.walk(f"{place}/{name}[{i}]".lstrip("/"))


@dataclass(frozen=True)
class Batch:
    """A transmission: the N.1 values and its reports."""

    values: Mapping[str, Value]
    reports: tuple[Group, ...]


def made(values: Mapping[str, Value | None], groups: Mapping[str, list[Group]] | None = None) -> Group:
    """A group without its None values and empty groups; element and group names are checked.

    Raises:
        UsageError: for a name that is not an element or group.
    """
    for code in values:
        if code not in ELEMENTS:
            raise UsageError(f"{code} is not an element that we know")
    for name in groups or {}:
        if name not in GROUPS:
            raise UsageError(f"{name} is not a repeating group")
    kept = {code: value for code, value in values.items() if value is not None and value != ""}
    filled = {name: tuple(items) for name, items in (groups or {}).items() if items}
    return Group(kept, filled)


def misplaced(group: Group, name: str = "") -> list[str]:
    """Elements and groups that stand where they do not belong."""
    wrong = [code for code in group.values if ELEMENTS[code].group != name]
    for inner, repetitions in group.groups.items():
        if inside(inner) != name:
            wrong.append(inner)
        for repetition in repetitions:
            wrong += misplaced(repetition, inner)
    return wrong
