"""Versions of product information held against each other, and against the follow-up plans in force."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from aftercar.registry.label_text import sentences
from aftercar.registry.plan import Plan, PlanSet, Rule

Row = Mapping[str, Any]

#: A rule that goes on for longer than this, in years, is for life.
_FOR_LIFE = 100.0


@dataclass(frozen=True, slots=True)
class Change:
    """One difference; an empty side was not there. ``what`` names the fact, or the section that a sentence stands in.

    ``fact`` is ``boxed_warning``, ``monitoring`` or ``text``: another sentence in the box is not yet another statement.
    """

    what: str
    before: str
    after: str
    fact: str = "text"


@dataclass(frozen=True, slots=True)
class Touch:
    """Something that rests on a label: ``kind``, ``what``, ``state`` and ``why`` as in the table ``label_touches``."""

    kind: str
    what: str
    state: str
    why: str


def monitoring_words(label: Row) -> str:
    """For how long a version asks for monitoring, in words."""
    years = label["monitoring_years"]
    return f"{years:g} years" if years is not None else str(label["monitoring"]).replace("_", " ")


def changes(older: Row, old_sections: Sequence[Row], newer: Row, new_sections: Sequence[Row]) -> list[Change]:
    """Every difference between two versions: the two facts, then the sentences that went and came, section by section."""
    found = []
    if older["boxed_warning"] != newer["boxed_warning"]:
        found.append(Change("boxed_warning", older["boxed_warning"], newer["boxed_warning"], "boxed_warning"))
    before, after = monitoring_words(older), monitoring_words(newer)
    if before != after:
        found.append(Change("monitoring", before, after, "monitoring"))
    texts = [{row["section"]: sentences(row["text"]) for row in rows} for rows in (old_sections, new_sections)]
    for section in dict.fromkeys([*texts[0], *texts[1]]):
        was, now = texts[0].get(section, []), texts[1].get(section, [])
        found += [Change(section, sentence, "") for sentence in was if sentence not in now]
        found += [Change(section, "", sentence) for sentence in now if sentence not in was]
    return found


def touched_plans(label: Row, plans: PlanSet) -> list[Touch]:
    """How every plan for the label's product and jurisdiction stands to the duration that the label asks for.

    Plans for trials only are left out: product information rules the marketed product. Plans add up, so a plan that ends early
    says which other one goes on.
    """
    mine = [plan for plan in plans.plans if _concerned(plan, label)]
    reaches = {plan.label: reach for plan in mine if (reach := _reach(plan)) > 0}
    longest = max(reaches, key=lambda name: reaches[name], default="")
    asked = math.inf if label["monitoring"] == "lifelong" else label["monitoring_years"]
    found = [_plan_touch(name, reach, asked, reaches, longest, label) for name, reach in reaches.items()]
    if asked is not None and max(reaches.values(), default=0.0) < asked:
        why = f"the label asks for {_span(asked)}; " + (
            f"the longest plan ends after {_span(reaches[longest])}" if longest else "no plan applies"
        )
        found.append(Touch("plan", "all plans together", "shorter", why))
    return found


def _plan_touch(name: str, reach: float, asked: float | None, reaches: Mapping[str, float], longest: str, label: Row) -> Touch:
    if asked is None:
        state, words = "cannot_tell", f"the label's duration is {monitoring_words(label)}: a person reads the passage"
    elif reach == asked:
        state, words = "agrees", f"both ask for {_span(asked)}"
    elif reach > asked:
        state, words = "longer", f"the plan goes on for {_span(reach)}, the label asks for {_span(asked)}"
    elif reaches[longest] >= asked:
        state, words = "agrees", f"ends after {_span(reach)}; {longest} goes on for {_span(reaches[longest])}"
    else:
        state, words = "shorter", f"ends after {_span(reach)}, the label asks for {_span(asked)}"
    return Touch("plan", name, state, words)


def _concerned(plan: Plan, label: Row) -> bool:
    applies = plan.applies
    return all(
        not allowed or value in allowed
        for allowed, value in (
            (applies.jurisdictions, label["jurisdiction"]),
            (applies.products, label["product"]),
            (applies.settings, "commercial"),
        )
    )


def _reach(plan: Plan) -> float:
    """Years after infusion of the plan's last contact with the person; laboratory tests alone are no monitoring."""
    return max(_ends(plan.rules), default=0.0)


def _ends(rules: Sequence[Rule]) -> Iterator[float]:
    for rule in rules:
        if any(not kind.startswith("assay:") for kind in rule.satisfied_by):
            years = rule.offsets[-1] / (12 if rule.unit == "months" else 365.25)
            yield math.inf if years > _FOR_LIFE else years


def _span(years: float) -> str:
    return "life" if math.isinf(years) else f"{years:.3g} years"
