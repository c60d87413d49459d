"""By vector class, target, co-stimulation and indication: rates by property, and which properties cannot be told apart.

With six products, properties go together: all gamma-retroviral products on the market carry CD28, so no data on them
can say which of the two it is. :func:`not_identifiable` finds such pairs in the data at hand and says so in words.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from aftercar.errors import InputError
from aftercar.signals.homogeneity import Homogeneity, Ordering, exact_test
from aftercar.signals.rates import RatioTest, rate_ratio
from aftercar.vocab.estimates import Estimate, rate
from aftercar.vocab.products import product

#: Properties of a product, as named in ``vocab.products``.
PROPERTIES = ("vector", "target", "costimulation")


@dataclass(frozen=True, slots=True)
class Exposed:
    """Events and exposure of one product (or of one product in one indication)."""

    name: str
    events: int
    exposure: float
    properties: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Level:
    """One value of a property: rate of all products that have it."""

    value: str
    estimate: Estimate
    products: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Contrast:
    """A property: rates by value, the test that all are equal, ratios against the value with most exposure.

    Attributes:
        name: property.
        levels: its values.
        test: exact homogeneity of the levels; None with one level.
        ratios: value -> ratio to ``reference``.
        reference: value with the largest exposure.
        tangled_with: properties that this one cannot be told apart from, in these data.
    """

    name: str
    levels: tuple[Level, ...]
    test: Homogeneity | None
    ratios: Mapping[str, RatioTest]
    reference: str
    tangled_with: tuple[str, ...]


def with_properties(name: str, events: int, exposure: float, **more: str) -> Exposed:
    """A product's data with its properties from the vocabulary; a product that is not known has none ("unknown")."""
    try:
        found = product(name)
    except KeyError:
        return Exposed(name, events, exposure, {**dict.fromkeys(PROPERTIES, "unknown"), **more})
    return Exposed(name, events, exposure, {**{key: str(getattr(found, key)) for key in PROPERTIES}, **more})


def contrast(rows: Sequence[Exposed], name: str, *, ordering: Ordering = "probability", level: float = 0.95) -> Contrast:
    """Rates by the values of one property.

    Raises:
        InputError: when a row lacks the property.
    """
    missing = [row.name for row in rows if name not in row.properties]
    if missing or not rows:
        raise InputError(f"the property {name} is not given", where=", ".join(missing) or "no product")
    values = sorted({row.properties[name] for row in rows})
    members = {value: [row for row in rows if row.properties[name] == value] for value in values}
    sums = {value: (sum(r.events for r in part), sum(r.exposure for r in part)) for value, part in members.items()}
    reference = max(values, key=lambda value: sums[value][1])
    levels = tuple(
        Level(value, rate(*sums[value], level=level, unit="exposure"), tuple(r.name for r in members[value])) for value in values
    )
    test = None
    if len(values) > 1:
        test = exact_test([sums[v][0] for v in values], [sums[v][1] for v in values], ordering=ordering, names=values)
    ratios = {value: rate_ratio(*sums[value], *sums[reference], level=level) for value in values if value != reference}
    return Contrast(name, levels, test, ratios, reference, tangled(rows, name))


def contrasts(rows: Sequence[Exposed], *, ordering: Ordering = "probability", level: float = 0.95) -> tuple[Contrast, ...]:
    """One contrast for each property that every row has, the product's own name left out."""
    shared = [name for name in rows[0].properties if all(name in row.properties for row in rows)] if rows else []
    return tuple(contrast(rows, name, ordering=ordering, level=level) for name in shared)


def tangled(rows: Sequence[Exposed], name: str) -> tuple[str, ...]:
    """Properties whose values follow from those of ``name``, or the other way round, in these rows."""
    others = [other for other in rows[0].properties if other != name and all(other in row.properties for row in rows)]
    return tuple(other for other in others if _follows(rows, name, other) or _follows(rows, other, name))


def not_identifiable(rows: Sequence[Exposed]) -> tuple[str, ...]:
    """In words: pairs of properties these data cannot separate, and whether all of them together can be estimated."""
    if not rows:
        return ()
    names = [name for name in rows[0].properties if all(name in row.properties for row in rows)]
    words = []
    for first, second in itertools.combinations(names, 2):
        if len(_values(rows, first)) < 2 or len(_values(rows, second)) < 2:
            continue
        for a, b in ((first, second), (second, first)):
            if _follows(rows, a, b):
                pairs = sorted({(row.properties[a], row.properties[b]) for row in rows})
                shown = ", ".join(f"{x} goes with {y}" for x, y in pairs)
                words.append(f"{a} and {b} cannot be told apart: every {a} has one {b} here ({shown}).")
                break
    constant = [name for name in names if len(_values(rows, name)) == 1]
    words += [
        f"{name} is the same everywhere ({next(iter(_values(rows, name)))}): nothing can be said about it." for name in constant
    ]
    parameters, rank = _rank(rows, [name for name in names if name not in constant])
    if rank < parameters:
        words.append(f"All properties together ask for {parameters} parameters; these {len(rows)} rows determine {rank}.")
    return tuple(words)


def _values(rows: Sequence[Exposed], name: str) -> set[str]:
    return {row.properties[name] for row in rows}


def _follows(rows: Sequence[Exposed], given: str, other: str) -> bool:
    """Whether each value of ``given`` occurs with a single value of ``other``, and both vary."""
    pairs = {(row.properties[given], row.properties[other]) for row in rows}
    return len(pairs) == len(_values(rows, given)) > 1 and len(_values(rows, other)) > 1


def _rank(rows: Sequence[Exposed], names: Sequence[str]) -> tuple[int, int]:
    """Parameters of a model with all main effects, and the rank of its design."""
    columns = [np.ones(len(rows))]
    for name in names:
        columns += [np.array([float(row.properties[name] == value) for row in rows]) for value in sorted(_values(rows, name))[1:]]
    design = np.column_stack(columns)
    return design.shape[1], int(np.linalg.matrix_rank(design))
