"""Follow-up plans: who must be seen, when, by what, and who says so.

A plan is data (TOML), not code: regulators differ and change their minds. Each rule carries the source of the duty and,
apart from it, the source of its timing, because windows are mostly a site's own choice. A plan looks like this::

    name = "my_site"
    version = "2026-01"
    title = "Our clinic sees people twice in the first year"

    [applies]                      # all that are given must match; leave out what does not matter
    jurisdictions = ["EU"]
    settings = ["commercial", "trial"]
    products = ["axi-cel"]
    trials = ["NCT00000000"]
    vectors = ["lentiviral"]

    [[rules]]
    id = "month_3"
    task = "Visit at 3 and 9 months"
    satisfied_by = ["examination"] # kinds of contact, or assay:METHOD
    months = [3, 9]                # or days = [100], or first_month/every_months/last_month
    before_days = 14
    after_days = 30
    source = "Standard operating procedure 12, version 3"
    mark = "seen"

A site's file may also turn shipped plans on and off (``use``, ``omit``) and set thresholds (``[settings]``).
"""

from __future__ import annotations

import datetime as dt
import tomllib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib import resources
from itertools import pairwise
from typing import Any, Literal, cast

from aftercar.errors import InputError
from aftercar.registry.settings import Settings, read_settings
from aftercar.vocab.dates import add_months
from aftercar.vocab.ids import is_id
from aftercar.vocab.sources import MARKS, Mark
from aftercar.vocab.tables.study import ASSAY_RESULTS, FOLLOW_UP, INFUSIONS

#: A contact whose kind is not recorded.
UNSPECIFIED_KIND = "unspecified"

#: What can fulfil a rule: kinds of contact, and laboratory methods as ``assay:METHOD``.
EVENT_KINDS: tuple[str, ...] = (
    *FOLLOW_UP["kind"].choices,
    UNSPECIFIED_KIND,
    *(f"assay:{method}" for method in ASSAY_RESULTS["method"].choices),
)

#: Nobody is followed for longer than this, in months; it bounds what "for life" computes.
LONGEST_MONTHS = 120 * 12

Clock = Literal["each", "last"]


class BadPlan(InputError):
    """A follow-up plan that cannot be used."""

    code = "bad-plan"


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule of a plan: a task at one or many times after an infusion.

    Attributes:
        id: name within the plan.
        task: what is to be done, in words.
        satisfied_by: kinds of contact or ``assay:METHOD`` that fulfil it.
        unit: ``months`` or ``days``, of ``offsets``.
        offsets: increasing times after the infusion.
        before_days, after_days: the window around each due date.
        ends_after_negatives: the rule ends after so many negative results in a row; 0 never.
        source, mark: who asks for it, and how well that was checked.
        timing_source, timing_mark: the same for interval and window.
    """

    id: str
    task: str
    satisfied_by: tuple[str, ...]
    unit: Literal["months", "days"]
    offsets: tuple[int, ...]
    before_days: int
    after_days: int
    source: str
    mark: Mark
    timing_source: str = ""
    timing_mark: Mark = "derived"
    ends_after_negatives: int = 0

    def target(self, infused: dt.date, offset: int) -> dt.date:
        """The due date of one offset."""
        return add_months(infused, offset) if self.unit == "months" else infused + dt.timedelta(days=offset)


@dataclass(frozen=True, slots=True)
class Applies:
    """To whom a plan applies; an empty tuple means anybody."""

    jurisdictions: tuple[str, ...] = ()
    settings: tuple[str, ...] = ()
    products: tuple[str, ...] = ()
    trials: tuple[str, ...] = ()
    vectors: tuple[str, ...] = ()

    def to(self, *, jurisdiction: str, setting: str, product: str, trial: str, vector: str) -> bool:
        """Whether every given condition matches the infusion."""
        pairs = (
            (self.jurisdictions, jurisdiction),
            (self.settings, setting),
            (self.products, product),
            (self.trials, trial),
            (self.vectors, vector),
        )
        return all(not allowed or value in allowed for allowed, value in pairs)


@dataclass(frozen=True, slots=True)
class Plan:
    """A follow-up plan.

    Attributes:
        name, version: together they name what was applied.
        title: in words.
        default: whether it applies without a site turning it on.
        clock: counted from ``each`` infusion, or from the ``last`` one only.
        applies: to whom.
        rules: what is asked.
    """

    name: str
    version: str
    title: str
    default: bool
    clock: Clock
    applies: Applies
    rules: tuple[Rule, ...]

    @property
    def label(self) -> str:
        """Name and version."""
        return f"{self.name}@{self.version}"


@dataclass(frozen=True, slots=True)
class PlanSet:
    """The plans in force at a site, and its settings."""

    plans: tuple[Plan, ...]
    settings: Settings
    omitted: tuple[tuple[str, str], ...] = ()

    def for_infusion(self, *, jurisdiction: str, setting: str, product: str, trial: str, vector: str) -> tuple[Plan, ...]:
        """Every plan that applies to an infusion (their union is asked of the person)."""
        return tuple(
            plan
            for plan in self.plans
            if plan.applies.to(jurisdiction=jurisdiction, setting=setting, product=product, trial=trial, vector=vector)
        )


@cache
def shipped_plans() -> tuple[Plan, ...]:
    """The plans that ship with AfterCAR, by name."""
    folder = resources.files("aftercar.registry.plans")
    files = sorted((item for item in folder.iterdir() if item.name.endswith(".toml")), key=lambda item: item.name)
    return tuple(parse_plan(item.read_text(encoding="utf-8"), where=item.name) for item in files)


def plan_set(site_files: Iterable[str] = (), *, shipped: Sequence[Plan] | None = None) -> PlanSet:
    """The plans in force: those that ship and are on by default, changed by a site's own files.

    Args:
        site_files: texts of the site's TOML files, oldest first.
        shipped: the shipped plans; all when None.

    Raises:
        BadPlan: naming the file's key and what is wrong.
    """
    known = {plan.name: plan for plan in (shipped_plans() if shipped is None else shipped)}
    active = {name for name, plan in known.items() if plan.default}
    omitted: dict[str, str] = {}
    settings = Settings()
    for text in site_files:
        content = _toml(text, "site plan")
        where = f"site plan {content.get('name', '')}".strip()
        settings = read_settings(content.get("settings", {}), settings, where=where)
        if content.get("rules"):
            own = parse_plan(text, where=where)
            known[own.name] = own
            active.add(own.name)
        for name in content.get("use", []):
            _known(name, known, where)
            active.add(name)
            omitted.pop(name, None)
        for item in content.get("omit", []):
            if not isinstance(item, dict) or not str(item.get("reason", "")).strip():
                raise BadPlan("omit needs a reason", where=where, fix='write omit = [{ plan = "NAME", reason = "WHY" }]')
            _known(item.get("plan", ""), known, where)
            active.discard(item["plan"])
            omitted[item["plan"]] = item["reason"]
    return PlanSet(tuple(plan for name, plan in known.items() if name in active), settings, tuple(omitted.items()))


def parse_plan(text: str, *, where: str = "plan") -> Plan:
    """Read a plan from TOML.

    Raises:
        BadPlan: naming the key and what is wrong.
    """
    content = _toml(text, where)
    known = {"name", "version", "title", "default", "clock", "applies", "rules", "use", "omit", "settings"}
    _no_others(content, known, where)
    for key in ("name", "version", "title"):
        if not isinstance(content.get(key), str) or not content[key].strip():
            raise BadPlan(f"{key} may not be empty", where=where)
    if not is_id(content["name"]):
        raise BadPlan("name is not an identifier", where=where, fix="use letters, digits, - and _")
    clock = content.get("clock", "each")
    if clock not in ("each", "last"):
        raise BadPlan(f"clock is {clock!r}", where=where, fix='write clock = "each" or "last"')
    rules = tuple(_rule(item, where) for item in content.get("rules", []))
    if not rules:
        raise BadPlan("a plan needs rules", where=where, fix="add a [[rules]] section")
    if len({rule.id for rule in rules}) != len(rules):
        raise BadPlan("two rules have the same id", where=where)
    return Plan(
        content["name"],
        content["version"],
        content["title"],
        bool(content.get("default", True)),
        cast(Clock, clock),
        _applies(content.get("applies", {}), where),
        rules,
    )


def _applies(given: Mapping[str, Any], where: str) -> Applies:
    _no_others(given, set(Applies.__dataclass_fields__), f"{where} [applies]")
    for key, values in given.items():
        if not isinstance(values, list) or not all(isinstance(value, str) for value in values):
            raise BadPlan(f"{key} is not a list of texts", where=f"{where} [applies]")
    for key in ("jurisdictions", "settings"):
        allowed = INFUSIONS[key.removesuffix("s")].choices
        for value in given.get(key, []):
            if value not in allowed:
                raise BadPlan(f"{key} holds {value!r}", where=f"{where} [applies]", fix=f"use {', '.join(allowed)}")
    return Applies(**{key: tuple(values) for key, values in given.items()})


_RULE_KEYS = {
    "id", "task", "satisfied_by", "months", "days", "first_month", "every_months", "last_month", "before_days", "after_days",
    "ends_after_negatives", "source", "mark", "timing_source", "timing_mark",
}  # fmt: skip


def _rule(item: Mapping[str, Any], where: str) -> Rule:
    place = f"{where} rule {item.get('id', '?')}"
    _no_others(item, _RULE_KEYS, place)
    for key in ("id", "task", "source", "mark"):
        if not isinstance(item.get(key), str) or not item[key].strip():
            raise BadPlan(f"{key} may not be empty", where=place, fix="every rule names its task, its source and its mark")
    for key in ("mark", "timing_mark"):
        if item.get(key, "derived") not in MARKS:
            raise BadPlan(f"{key} is {item[key]!r}", where=place, fix=f"use one of {', '.join(MARKS)}")
    kinds = tuple(item.get("satisfied_by", ()))
    for kind in kinds:
        if kind not in EVENT_KINDS:
            raise BadPlan(f"satisfied_by holds {kind!r}", where=place, fix=f"use {', '.join(EVENT_KINDS)}")
    if not kinds:
        raise BadPlan("satisfied_by may not be empty", where=place)
    unit, offsets = _offsets(item, place)
    before, after = _whole(item, "before_days", place, 0), _whole(item, "after_days", place, 0)
    _check_windows(unit, offsets, before, after, place)
    return Rule(
        item["id"],
        item["task"],
        kinds,
        unit,
        offsets,
        before,
        after,
        item["source"],
        item["mark"],
        item.get("timing_source", ""),
        item.get("timing_mark", "derived"),
        _whole(item, "ends_after_negatives", place, 0),
    )


def _offsets(item: Mapping[str, Any], place: str) -> tuple[Literal["months", "days"], tuple[int, ...]]:
    ways = [key for key in ("months", "days", "first_month") if key in item]
    if len(ways) != 1:
        raise BadPlan("give exactly one of months, days, first_month", where=place)
    if ways[0] == "first_month":
        first = _whole(item, "first_month", place)
        every = _whole(item, "every_months", place)
        last = _whole(item, "last_month", place, LONGEST_MONTHS)
        if every < 1 or last < first:
            raise BadPlan("every_months must be at least 1 and last_month not before first_month", where=place)
        return "months", tuple(range(first, last + 1, every))
    values = item[ways[0]]
    if not isinstance(values, list) or not values or not all(type(value) is int and value >= 0 for value in values):
        raise BadPlan(f"{ways[0]} is not a list of whole numbers from 0", where=place)
    if sorted(set(values)) != values:
        raise BadPlan(f"{ways[0]} must increase", where=place)
    return ("months" if ways[0] == "months" else "days"), tuple(values)


def _check_windows(unit: str, offsets: tuple[int, ...], before: int, after: int, place: str) -> None:
    """Windows of one rule may not overlap, or one contact would count twice (months have at least 28 days)."""
    for first, second in pairwise(offsets):
        months = second - first
        gap = months if unit == "days" else 365 * (months // 12) + 30 * (months % 12) - 2
        if before + after >= gap:
            raise BadPlan(
                f"windows overlap: {before} days before {second} reach into {after} days after {first} ({unit})",
                where=place,
                fix="make the windows narrower",
            )


def _whole(item: Mapping[str, Any], key: str, place: str, otherwise: int | None = None) -> int:
    value = item.get(key, otherwise)
    if type(value) is not int or value < 0:
        raise BadPlan(f"{key} is not a whole number from 0", where=place)
    return value


def _toml(text: str, where: str) -> dict[str, Any]:
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise BadPlan(
            f"not valid TOML: {error}", where=where, fix="compare with: aftercar registry plan --show eu_lifelong"
        ) from None


def _no_others(given: Mapping[str, Any], known: set[str], where: str) -> None:
    for key in given:
        if key not in known:
            raise BadPlan(f"unknown key {key!r}", where=where, fix=f"the keys are {', '.join(sorted(known))}")


def _known(name: object, known: Mapping[str, Plan], where: str) -> None:
    if name not in known:
        raise BadPlan(f"there is no plan {name!r}", where=where, fix=f"the plans are {', '.join(known)}")
