"""Which reports may tell of one event? A documented probabilistic score; a person decides, reports are linked and never merged.

The score is that of Fellegi and Sunter (JASA 1969;64:1183). Two reports are compared field by field; each field
falls into a level (same, near, different, not comparable) that adds ``log2(m / u)``: m is how often reports of one
event fall into it, u how often reports of different events do. The m are working values set here; the u are
estimated from random pairs of the same data, so that a common value weighs little (with few reports a starting point is
used). A field missing on either side adds nothing. The sum and the prior odds give the probability of a match.

Only pairs that share a block are compared (same identifier, same batch, same product with sex and birth year, same
product with infusion day or diagnosis month, same birth year with diagnosis month), which keeps 100,000 reports within
minutes; a block with too many reports is named, not compared.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from aftercar.cases.model import CaseFile, as_date
from aftercar.vocab.dates import PartialDate
from aftercar.vocab.products import find_product
from aftercar.vocab.terms import find_by_code, find_diagnosis, is_unspecific

Ints = NDArray[np.int64]
Levels = NDArray[np.int8]

#: Below this many reports chance agreement is not estimated from them.
SMALL = 500
MISSING = -1
SAME, NEAR, FAR, DIFFERENT = 0, 1, 2, 3
LEVEL_NAMES = {MISSING: "not comparable", SAME: "same", NEAR: "near", FAR: "far", DIFFERENT: "different"}


@dataclass(frozen=True, slots=True)
class Report:
    """What is compared of one report; None where unknown.

    Attributes:
        report_id: identifier of the case or report.
        identifiers: identifiers given by senders (worldwide, sender's, other).
        sex: ``female`` or ``male``.
        birth_year: year of birth, may be derived from an age and a date.
        country: ISO 3166-1 alpha-2.
        product: suspected product, in one spelling.
        batch: batch number.
        infused: first and last day that the infusion can have been.
        diagnosed: first and last day that the diagnosis can have been.
        died: first and last day that the death can have been.
        diagnosis: key of the entity, or the term in lower case.
    """

    report_id: str
    identifiers: frozenset[str] = frozenset()
    sex: str | None = None
    birth_year: int | None = None
    country: str | None = None
    product: str | None = None
    batch: str | None = None
    infused: tuple[int, int] | None = None
    diagnosed: tuple[int, int] | None = None
    died: tuple[int, int] | None = None
    diagnosis: str | None = None


@dataclass(frozen=True, slots=True)
class DuplicateSettings:
    """Working values of the score.

    Attributes:
        matched: field -> share of the levels same, near, far, different among reports of one event (the m).
        by_chance: field -> the same shares among reports of different events (the u) before any data are seen.
        chance_pairs: how many random pairs that starting point is worth; in a small registry it leads, in a large one the
            data do.
        matches_per_report: expected number of other reports of the same event per report (the prior).
        threshold: probability from which a pair is shown.
        largest_block: reports in a block above which it is not compared.
        random_pairs: pairs drawn to estimate the u.
    """

    matched: Mapping[str, tuple[float, float, float, float]] = field(
        default_factory=lambda: {
            "identifiers": (0.30, 0.0, 0.0, 0.70),
            "sex": (0.98, 0.0, 0.0, 0.02),
            "birth_year": (0.80, 0.15, 0.03, 0.02),
            "country": (0.95, 0.0, 0.0, 0.05),
            "product": (0.96, 0.0, 0.0, 0.04),
            "batch": (0.95, 0.0, 0.0, 0.05),
            "infused": (0.80, 0.12, 0.04, 0.04),
            "diagnosed": (0.55, 0.25, 0.12, 0.08),
            "died": (0.85, 0.10, 0.02, 0.03),
            "diagnosis": (0.70, 0.0, 0.15, 0.15),
        }
    )
    by_chance: Mapping[str, tuple[float, float, float, float]] = field(
        default_factory=lambda: {
            "identifiers": (0.0001, 0.0, 0.0, 0.9999),
            "sex": (0.5, 0.0, 0.0, 0.5),
            "birth_year": (0.03, 0.05, 0.10, 0.82),
            "country": (0.2, 0.0, 0.0, 0.8),
            "product": (0.2, 0.0, 0.0, 0.8),
            "batch": (0.001, 0.0, 0.0, 0.999),
            "infused": (0.0005, 0.01, 0.04, 0.9495),
            "diagnosed": (0.0005, 0.01, 0.04, 0.9495),
            "died": (0.0005, 0.01, 0.04, 0.9495),
            "diagnosis": (0.15, 0.0, 0.25, 0.60),
        }
    )
    chance_pairs: int = 2_000
    matches_per_report: float = 0.05
    threshold: float = 0.5
    largest_block: int = 2000
    random_pairs: int = 200_000


DEFAULTS = DuplicateSettings()


@dataclass(frozen=True, slots=True)
class Candidate:
    """A pair that may be one event.

    Attributes:
        first, second: identifiers of the reports, in order of the input.
        probability: of a match, from prior and score.
        weight: sum of the fields in bits.
        levels: field -> (level in words, its weight in bits).
    """

    first: str
    second: str
    probability: float
    weight: float
    levels: Mapping[str, tuple[str, float]]


@dataclass(frozen=True, slots=True)
class Found:
    """Candidates, best first; how many pairs were compared; blocks that were too large, with their size."""

    candidates: tuple[Candidate, ...]
    compared: int
    skipped: tuple[tuple[str, int], ...]


def report_of(case: CaseFile, identifiers: Sequence[str] = ()) -> Report:
    """What is compared of a case; products are brought to one spelling, others stay as text in lower case."""
    row, person, infusion = case.case, case.person, case.suspected_infusion
    infused, diagnosed = as_date(infusion["infused_on"]) if infusion is not None else None, as_date(row["diagnosed_on"])
    born = person["birth_year"]
    if born is None and infusion is not None and infusion["age_at_infusion"] is not None and infused is not None:
        born = math.floor(infused.middle.year + infused.middle.timetuple().tm_yday / 366 - infusion["age_at_infusion"])
    found = find_by_code(row["icd_o_morphology"]) or find_diagnosis(row["diagnosis"])
    known = find_product(infusion["product"]) if infusion is not None else None
    name = known.key if known is not None else str(infusion["product"]).strip().lower() if infusion is not None else None
    return Report(
        case.case_id,
        frozenset(identifiers),
        person["sex"] if person["sex"] in ("female", "male") else None,
        born,
        person["country"],
        None if name in ("not stated", "unknown") else name,
        infusion["batch"].strip().upper() if infusion is not None and infusion["batch"] else None,
        _window(infused),
        _window(diagnosed),
        _window(as_date(person["death_date"])),
        None if is_unspecific(row["diagnosis"]) else found.key if found is not None else str(row["diagnosis"]).strip().lower(),
    )


def find_duplicates(
    reports: Sequence[Report],
    settings: DuplicateSettings = DEFAULTS,
    *,
    seed: int = 0,
    progress: Callable[[float, str], None] | None = None,
) -> Found:
    """Pairs of reports whose probability of telling of one event reaches the threshold.

    Args:
        reports: the reports, each with its own identifier.
        settings: working values.
        seed: of the random pairs from which chance agreement is estimated.
        progress: told the share done and what is being done.
    """
    tell = progress or (lambda share, words: None)
    if len(reports) < 2:
        return Found((), 0, ())
    columns = _Columns(reports)
    tell(0.1, "estimating chance agreement")
    weights = _weights(columns, settings, seed)
    first, second, skipped = _blocked_pairs(columns, settings)
    prior = math.log2(settings.matches_per_report / (len(reports) - 1 - settings.matches_per_report))
    kept: list[tuple[float, int, int, Levels]] = []
    step = 2_000_000
    for start in range(0, len(first), step):
        tell(0.2 + 0.8 * start / max(1, len(first)), "comparing pairs")
        i, j = first[start : start + step], second[start : start + step]
        levels = columns.compare(i, j)
        total = np.zeros(len(i))
        for column, name in enumerate(FIELDS):
            total += weights[name][levels[:, column]]
        reached = _probability(total + prior) >= settings.threshold
        kept += [(float(total[row]), int(i[row]), int(j[row]), levels[row]) for row in np.flatnonzero(reached)]
    kept.sort(key=lambda item: (-item[0], item[1], item[2]))
    candidates = tuple(
        Candidate(
            reports[i].report_id,
            reports[j].report_id,
            float(_probability(np.array([total + prior]))[0]),
            total,
            {name: (LEVEL_NAMES[int(level)], float(weights[name][level])) for name, level in zip(FIELDS, levels, strict=True)},
        )
        for total, i, j, levels in kept
    )
    return Found(candidates, len(first), tuple(skipped))


def pair_levels(one: Report, other: Report) -> dict[str, int]:
    """The level of each field for one pair, in plain Python."""
    return {
        "identifiers": _set_level(one.identifiers, other.identifiers),
        "sex": _equal_level(one.sex, other.sex),
        "birth_year": _near_level(one.birth_year, other.birth_year),
        "country": _equal_level(one.country, other.country),
        "product": _equal_level(one.product, other.product),
        "batch": _equal_level(one.batch, other.batch),
        "infused": _window_level(one.infused, other.infused),
        "diagnosed": _window_level(one.diagnosed, other.diagnosed),
        "died": _window_level(one.died, other.died),
        "diagnosis": _diagnosis_level(one.diagnosis, other.diagnosis),
    }


FIELDS = ("identifiers", "sex", "birth_year", "country", "product", "batch", "infused", "diagnosed", "died", "diagnosis")


def _window(date: PartialDate | None) -> tuple[int, int] | None:
    return None if date is None else (date.earliest.toordinal(), date.latest.toordinal())


def _set_level(one: frozenset[str], other: frozenset[str]) -> int:
    if not one or not other:
        return MISSING
    return SAME if one & other else DIFFERENT


def _equal_level(one: str | None, other: str | None) -> int:
    if one is None or other is None:
        return MISSING
    return SAME if one == other else DIFFERENT


def _near_level(one: int | None, other: int | None) -> int:
    if one is None or other is None:
        return MISSING
    apart = abs(one - other)
    return SAME if apart == 0 else NEAR if apart == 1 else FAR if apart <= 3 else DIFFERENT


def _window_level(one: tuple[int, int] | None, other: tuple[int, int] | None) -> int:
    if one is None or other is None:
        return MISSING
    gap = max(one[0] - other[1], other[0] - one[1], 0)
    exact = one[0] == one[1] and other[0] == other[1]
    if gap == 0:
        return SAME if exact else NEAR
    return NEAR if gap <= 7 else FAR if gap <= 45 else DIFFERENT


def _diagnosis_level(one: str | None, other: str | None) -> int:
    if one is None or other is None:
        return MISSING
    if one == other:
        return SAME
    return FAR if _kin(one) == _kin(other) != "" else DIFFERENT


def _kin(key: str) -> str:
    """Lineage of an entity; entities of one lineage are often told apart only later."""
    from aftercar.vocab.terms import diagnosis

    try:
        return diagnosis(key).lineage
    except KeyError:
        return ""


def _probability(log_odds: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray(1.0 / (1.0 + np.exp2(-np.clip(log_odds, -500, 500))))


class _Columns:
    """The reports as integer columns, so that many pairs are compared at once."""

    def __init__(self, reports: Sequence[Report]) -> None:
        self.reports = reports
        self.sex = _codes([item.sex for item in reports])
        self.country = _codes([item.country for item in reports])
        self.product = _codes([item.product for item in reports])
        self.batch = _codes([item.batch for item in reports])
        self.diagnosis = _codes([item.diagnosis for item in reports])
        self.kin = _codes([None if item.diagnosis is None else _kin(item.diagnosis) or None for item in reports])
        self.birth_year = np.array([MISSING if item.birth_year is None else item.birth_year for item in reports], dtype=np.int64)
        self.windows = {name: _windows([getattr(item, name) for item in reports]) for name in ("infused", "diagnosed", "died")}
        self.identifiers = [item.identifiers for item in reports]
        self.has_identifier = np.array([bool(item.identifiers) for item in reports])
        self.identifier_code = _codes([min(item.identifiers) if item.identifiers else None for item in reports])
        self.many = np.array([len(item.identifiers) > 1 for item in reports])

    def compare(self, i: Ints, j: Ints) -> Levels:
        """Levels of pairs, shape (pairs, fields)."""
        levels = np.empty((len(i), len(FIELDS)), dtype=np.int8)
        for column, name in enumerate(FIELDS):
            if name == "identifiers":
                levels[:, column] = self._identifier_levels(i, j)
            elif name == "birth_year":
                levels[:, column] = _near_levels(self.birth_year[i], self.birth_year[j])
            elif name in self.windows:
                low, high = self.windows[name]
                levels[:, column] = _window_levels(low[i], high[i], low[j], high[j])
            elif name == "diagnosis":
                levels[:, column] = self._diagnosis_levels(i, j)
            else:
                codes = getattr(self, name)
                levels[:, column] = _equal_levels(codes[i], codes[j])
        return levels

    def _identifier_levels(self, i: Ints, j: Ints) -> Levels:
        levels = np.where(self.identifier_code[i] == self.identifier_code[j], SAME, DIFFERENT).astype(np.int8)
        for row in np.flatnonzero((levels == DIFFERENT) & (self.many[i] | self.many[j])):
            if self.identifiers[i[row]] & self.identifiers[j[row]]:
                levels[row] = SAME
        levels[~(self.has_identifier[i] & self.has_identifier[j])] = MISSING
        return levels

    def _diagnosis_levels(self, i: Ints, j: Ints) -> Levels:
        levels = _equal_levels(self.diagnosis[i], self.diagnosis[j])
        related = (levels == DIFFERENT) & (self.kin[i] == self.kin[j]) & (self.kin[i] != MISSING)
        levels[related] = FAR
        return levels


def _codes(values: Sequence[str | None]) -> Ints:
    numbers: dict[str, int] = {}
    return np.array([MISSING if value is None else numbers.setdefault(value, len(numbers)) for value in values], dtype=np.int64)


def _windows(values: Sequence[tuple[int, int] | None]) -> tuple[Ints, Ints]:
    low = np.array([MISSING if value is None else value[0] for value in values], dtype=np.int64)
    high = np.array([MISSING if value is None else value[1] for value in values], dtype=np.int64)
    return low, high


def _equal_levels(one: Ints, other: Ints) -> Levels:
    levels = np.where(one == other, SAME, DIFFERENT).astype(np.int8)
    levels[(one == MISSING) | (other == MISSING)] = MISSING
    return levels


def _near_levels(one: Ints, other: Ints) -> Levels:
    apart = np.abs(one - other)
    levels = np.select([apart == 0, apart == 1, apart <= 3], [SAME, NEAR, FAR], DIFFERENT).astype(np.int8)
    levels[(one == MISSING) | (other == MISSING)] = MISSING
    return levels


def _window_levels(low: Ints, high: Ints, low2: Ints, high2: Ints) -> Levels:
    gap = np.maximum(np.maximum(low - high2, low2 - high), 0)
    exact = (low == high) & (low2 == high2)
    levels = np.select([(gap == 0) & exact, gap <= 7, gap <= 45], [SAME, NEAR, FAR], DIFFERENT).astype(np.int8)
    levels[(low == MISSING) | (low2 == MISSING)] = MISSING
    return levels


def _weights(columns: _Columns, settings: DuplicateSettings, seed: int) -> dict[str, NDArray[np.float64]]:
    """Bits for each level of each field; the last place (index -1) is "not comparable" and is 0."""
    n = len(columns.reports)
    rng = np.random.default_rng(seed)
    pairs = min(settings.random_pairs, 50 * n)
    i = rng.integers(0, n, pairs)
    j = (i + rng.integers(1, n, pairs)) % n
    levels = columns.compare(i, j)
    found: dict[str, NDArray[np.float64]] = {}
    for column, name in enumerate(FIELDS):
        seen = levels[:, column]
        counts = np.bincount(seen[seen != MISSING], minlength=4)[:4].astype(float)
        # Pairs of a small registry are few and may be the duplicates themselves, so the starting point carries weight.
        if n < SMALL:
            counts[:] = 0.0
        by_chance = (counts + np.array(settings.by_chance[name]) * settings.chance_pairs + 1e-3) / (
            counts.sum() + settings.chance_pairs + 4e-3
        )
        matched = np.array(settings.matched[name])
        bits = np.log2(np.maximum(matched, 1e-4) / by_chance)
        bits[matched == 0.0] = 0.0
        found[name] = np.append(bits, 0.0)
    return found


def _blocked_pairs(columns: _Columns, settings: DuplicateSettings) -> tuple[Ints, Ints, list[tuple[str, int]]]:
    """Pairs that share a block, each once, as (first, second) with first < second; and the blocks left out."""
    n = len(columns.reports)
    infused, diagnosed = columns.windows["infused"][0], columns.windows["diagnosed"][0]
    exact_infusion = np.where(columns.windows["infused"][0] == columns.windows["infused"][1], infused, MISSING)
    month = np.where(diagnosed == MISSING, MISSING, diagnosed // 31)
    blocks: list[tuple[str, Ints]] = [
        ("batch", columns.batch),
        ("product, sex, birth year", _joined(columns.product, columns.sex, columns.birth_year)),
        ("product, infusion day", _joined(columns.product, exact_infusion)),
        ("product, diagnosis month", _joined(columns.product, month)),
        ("product, next diagnosis month", _joined(columns.product, np.where(month == MISSING, MISSING, (diagnosed + 15) // 31))),
        ("birth year, diagnosis month", _joined(columns.birth_year, month)),
    ]
    keys: list[Ints] = [_identifier_pairs(columns.identifiers, n)]
    skipped: list[tuple[str, int]] = []
    for name, key in blocks:
        keys.append(_pairs_of(name, key, n, settings.largest_block, skipped))
    every = np.unique(np.concatenate(keys))
    return every // n, every % n, skipped


def _joined(*parts: Ints) -> Ints:
    """One key from several; missing where any part is."""
    key = np.zeros(len(parts[0]), dtype=np.int64)
    for part in parts:
        key = key * 1_000_003 + part
    _, codes = np.unique(key, return_inverse=True)
    missing = np.any(np.stack([part == MISSING for part in parts]), axis=0)
    return np.where(missing, MISSING, codes)


def _pairs_of(name: str, key: Ints, n: int, largest: int, skipped: list[tuple[str, int]]) -> Ints:
    order = np.argsort(key, kind="stable")
    order = order[key[order] != MISSING]
    if not len(order):
        return np.empty(0, dtype=np.int64)
    starts = np.flatnonzero(np.r_[True, np.diff(key[order]) != 0])
    sizes = np.diff(np.r_[starts, len(order)])
    found: list[Ints] = []
    for start, size in zip(starts[sizes > 1], sizes[sizes > 1], strict=True):
        if size > largest:
            skipped.append((name, int(size)))
            continue
        members = np.sort(order[start : start + size])
        a, b = np.triu_indices(size, 1)
        found.append(members[a] * n + members[b])
    return np.concatenate(found) if found else np.empty(0, dtype=np.int64)


def _identifier_pairs(identifiers: Sequence[frozenset[str]], n: int) -> Ints:
    holders: dict[str, list[int]] = {}
    for i, names in enumerate(identifiers):
        for name in names:
            holders.setdefault(name, []).append(i)
    found = [a * n + b for group in holders.values() for x, a in enumerate(group) for b in group[x + 1 :]]
    return np.array(found, dtype=np.int64)


def same_event_groups(links: Sequence[Mapping[str, Any]]) -> list[tuple[str, ...]]:
    """Groups of cases that people linked as one event; undone links and other decisions do not count.

    Args:
        links: rows of ``duplicate_links``.
    """
    parent: dict[str, str] = {}

    def root(name: str) -> str:
        while parent.setdefault(name, name) != name:
            name = parent[name]
        return name

    for link in links:
        if link["decision"] == "same_event" and not link.get("undone_on"):
            parent[root(str(link["case_b"]))] = root(str(link["case_a"]))
    groups: dict[str, list[str]] = {}
    for name in parent:
        groups.setdefault(root(name), []).append(name)
    return [tuple(sorted(names)) for names in groups.values() if len(names) > 1]


__all__ = ["Candidate", "DuplicateSettings", "Found", "Report", "find_duplicates", "report_of", "same_event_groups"]
