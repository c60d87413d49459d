"""When must a case be reported, by region? Rules as data, each with its source and mark; dates are derived, never stored.

Day 0 is the day on which the minimum information for a valid case was received. Where a rule was not read in its
original, its mark says "recalled": check it with your regulator before you rely on it.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import Literal

from aftercar.vocab.sources import Source

Setting = Literal["marketed", "trial", "any"]


@dataclass(frozen=True, slots=True)
class Rule:
    """One reporting rule.

    Attributes:
        region: as in ``infusions.jurisdiction``.
        setting: whether it is about marketed products or trials.
        applies: ``serious``, ``not_serious``, ``fatal_or_life_threatening`` (and unexpected), or ``unexpected``
            (serious and unexpected).
        days: calendar days from day 0.
        to: who receives it.
        source: where the rule stands, with its mark.
    """

    region: str
    setting: Setting
    applies: str
    days: int
    to: str
    source: Source


RULES: tuple[Rule, ...] = (
    Rule("EU", "marketed", "serious", 15, "EudraVigilance", Source("Directive 2001/83/EC Art. 107(3); GVP VI", "recalled")),
    Rule("EU", "marketed", "not_serious", 90, "EudraVigilance", Source("Directive 2001/83/EC Art. 107(3); GVP VI", "recalled")),
    Rule("EU", "trial", "fatal_or_life_threatening", 7, "EudraVigilance", Source("Regulation (EU) 536/2014 Art. 42", "recalled")),
    Rule("EU", "trial", "unexpected", 15, "EudraVigilance", Source("Regulation (EU) 536/2014 Art. 42", "recalled")),
    Rule("US", "marketed", "unexpected", 15, "FDA", Source("21 CFR 600.80(c)(1)", "recalled")),
    Rule(
        "US",
        "marketed",
        "serious",
        15,
        "FDA (labels ask to report any new T-cell malignancy)",
        Source("class labelling 2024", "secondary"),
    ),
    Rule("US", "trial", "fatal_or_life_threatening", 7, "FDA and investigators", Source("21 CFR 312.32(c)", "recalled")),
    Rule("US", "trial", "unexpected", 15, "FDA and investigators", Source("21 CFR 312.32(c)", "recalled")),
    Rule("UK", "marketed", "serious", 15, "MHRA", Source("Human Medicines Regulations 2012, Part 11", "recalled")),
    Rule("UK", "trial", "fatal_or_life_threatening", 7, "MHRA", Source("Clinical Trials Regulations 2004", "recalled")),
    Rule("UK", "trial", "unexpected", 15, "MHRA", Source("Clinical Trials Regulations 2004", "recalled")),
    Rule("CA", "marketed", "serious", 15, "Health Canada", Source("Food and Drug Regulations C.01.017", "recalled")),
    Rule("JP", "marketed", "serious", 15, "PMDA", Source("PMD Act, enforcement regulation Art. 228-20", "recalled")),
    Rule("AU", "marketed", "serious", 15, "TGA", Source("TGA pharmacovigilance responsibilities of sponsors", "recalled")),
    Rule("CH", "marketed", "serious", 15, "Swissmedic", Source("Medicinal Products Ordinance Art. 61", "recalled")),
)


@dataclass(frozen=True, slots=True)
class Deadline:
    """One deadline: the rule, the day it is due, the days left on the day asked about (negative when past)."""

    rule: Rule
    due_on: dt.date
    days_left: int

    @property
    def is_late(self) -> bool:
        """Whether the day has passed."""
        return self.days_left < 0


def deadlines(
    received_on: dt.date,
    today: dt.date,
    *,
    regions: tuple[str, ...],
    setting: Setting = "marketed",
    seriousness: tuple[str, ...] = (),
    expected: bool | None = None,
    rules: tuple[Rule, ...] = RULES,
) -> list[Deadline]:
    """Every deadline that applies, the earliest first.

    Args:
        received_on: day 0.
        today: the day asked about.
        regions: regions whose rules apply.
        setting: marketed product or trial.
        seriousness: criteria met, as :func:`aftercar.cases.intake.seriousness` gives them.
        expected: whether the event is in the product information; unknown counts as unexpected, the stricter reading.
        rules: the rules.
    """
    found = [
        Deadline(rule, due := received_on + dt.timedelta(days=rule.days), (due - today).days)
        for rule in rules
        if rule.region in regions and rule.setting in (setting, "any") and _applies(rule, seriousness, expected)
    ]
    return sorted(found, key=lambda item: (item.due_on, item.rule.region))


def _applies(rule: Rule, seriousness: tuple[str, ...], expected: bool | None) -> bool:
    serious, grave = bool(seriousness), bool({"death", "life_threatening"} & set(seriousness))
    unexpected = serious and expected is not True
    return {
        "serious": serious,
        "not_serious": not serious,
        "unexpected": unexpected,
        "fatal_or_life_threatening": grave and unexpected,
    }[rule.applies]
