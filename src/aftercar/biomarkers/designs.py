"""Drawing a sample that saves assays: who is taken from the biobank, and why.

The draw depends on the seed and the people alone, not on the order of the rows: the same registry and seed give the
same pick list anywhere. Cases are always taken; the rest follow the design (Prentice 1986; Borgan et al. 2000; Thomas 1977).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from aftercar.errors import InputError, UsageError


class CannotDraw(InputError):
    """A design that these people cannot fill."""

    code = "cannot-draw"


@dataclass(frozen=True)
class Member:
    """A person of the cohort as the draw sees them.

    Attributes:
        person_id: pseudonym.
        entry, exit: days under observation since infusion, ``entry < exit``.
        case: whether ``exit`` is the event.
        stratum: sampling stratum (product, prior transplant ...), or the matching label.
        available: whether a sample from before infusion is in the biobank.
    """

    person_id: str
    entry: float
    exit: float
    case: bool
    stratum: str = "all"
    available: bool = True


@dataclass(frozen=True)
class Pick:
    """One line of the pick list: take this person's sample, for this reason.

    Attributes:
        person_id: pseudonym.
        reason: ``case``, ``subcohort``, ``case and subcohort`` or ``control``.
        stratum: stratum the person was drawn in.
        matched_set: label of the set, for controls and their case; empty otherwise.
        at_day: day at which a control was drawn.
        probability: chance of being in the sample by the draw (1 for a case).
        available: whether the sample exists; a missing one is listed, not replaced.
    """

    person_id: str
    reason: str
    stratum: str
    matched_set: str
    at_day: float | None
    probability: float
    available: bool


@dataclass(frozen=True)
class Draw:
    """A drawn sample with what its analysis needs.

    Attributes:
        picks: the pick list, sorted by set and person.
        cohort_sizes: people in the whole cohort by stratum.
        sampled_sizes: people drawn into the subcohort by stratum.
        seed: seed of the draw.
        notes: what a reader must know, in words.
    """

    picks: tuple[Pick, ...]
    cohort_sizes: Mapping[str, int]
    sampled_sizes: Mapping[str, int]
    seed: int
    notes: tuple[str, ...]


def draw_subcohort(members: Sequence[Member], size: int | Mapping[str, int], *, seed: int) -> Draw:
    """A random subcohort (stratified when ``size`` is by stratum) and all cases.

    Args:
        members: the whole cohort.
        size: people to draw, or people by stratum.
        seed: seed of the generator.

    Raises:
        CannotDraw: when a stratum has fewer people than wanted, a stratum is not named, or an id stands twice.
    """
    people = _ordered(members)
    strata: list[str | None] = [None]
    if isinstance(size, Mapping):
        strata = [*sorted({m.stratum for m in people})]
    if isinstance(size, Mapping):
        unnamed = [s for s in strata if s not in size]
        unknown = [s for s in size if s not in strata]
        if unnamed or unknown:
            raise CannotDraw(
                "the sizes do not name the strata of the cohort",
                where=f"strata {', '.join(map(str, [*unnamed, *unknown]))}",
                fix=f"give a size for each of {', '.join(map(str, strata))}",
            )
    generator = np.random.default_rng(seed)
    chosen: dict[str, float] = {}
    sampled: dict[str, int] = {}
    for stratum in strata:
        pool = [m for m in people if stratum is None or m.stratum == stratum]
        wanted = size[stratum] if isinstance(size, Mapping) and stratum is not None else size
        assert isinstance(wanted, int)
        if not 0 < wanted <= len(pool):
            raise CannotDraw(
                f"{wanted} people wanted from {len(pool)}", where=f"stratum {stratum or 'all'}", fix="choose a smaller size"
            )
        for index in generator.choice(len(pool), size=wanted, replace=False):
            chosen[pool[int(index)].person_id] = wanted / len(pool)
        sampled[stratum or "all"] = wanted
    picks = []
    for m in people:
        drawn = m.person_id in chosen
        if drawn or m.case:
            reason = "case and subcohort" if drawn and m.case else "case" if m.case else "subcohort"
            picks.append(Pick(m.person_id, reason, m.stratum, "", None, 1.0 if m.case else chosen[m.person_id], m.available))
    sizes = {s or "all": sum(s is None or m.stratum == s for m in people) for s in strata}
    return Draw(tuple(picks), sizes, sampled, seed, _notes(picks))


def draw_controls(members: Sequence[Member], controls: int, *, seed: int) -> Draw:
    """Controls for each case from the people of its stratum under observation at the case's event day.

    A control may be drawn for several cases and may become a case later; both are right for the analysis. Two cases of
    the same day are not each other's controls only if they are the same person.

    Args:
        members: the whole cohort; ``stratum`` is the matching label.
        controls: controls wanted for each case; fewer where the risk set is smaller.
        seed: seed of the generator.

    Raises:
        CannotDraw: for no case, fewer than one control, or an id that stands twice.
    """
    if controls < 1:
        raise UsageError("at least one control is needed for each case")
    people = _ordered(members)
    cases = sorted((m for m in people if m.case), key=lambda m: (m.exit, m.person_id))
    if not cases:
        raise CannotDraw("the cohort has no case", fix="report exact bounds instead")
    generator = np.random.default_rng(seed)
    entry, leave = np.array([m.entry for m in people]), np.array([m.exit for m in people])
    label = np.array([m.stratum for m in people])
    picks: list[Pick] = []
    short = 0
    for number, case in enumerate(cases, 1):
        name = f"set{number:04d}"
        eligible = (entry < case.exit) & (leave >= case.exit) & (label == case.stratum)
        pool = [int(i) for i in np.flatnonzero(eligible) if people[int(i)].person_id != case.person_id]
        take = min(controls, len(pool))
        short += take < controls
        picks.append(Pick(case.person_id, "case", case.stratum, name, case.exit, 1.0, case.available))
        for index in sorted(generator.choice(pool, size=take, replace=False).tolist()) if take else []:
            m = people[int(index)]
            picks.append(Pick(m.person_id, "control", m.stratum, name, case.exit, take / len(pool), m.available))
    notes = _notes(picks)
    if short:
        notes = (*notes, f"{short} of {len(cases)} sets have fewer than {controls} controls: the risk set was smaller")
    sizes = {s: int((label == s).sum()) for s in sorted(set(label.tolist()))}
    return Draw(tuple(picks), sizes, {}, seed, notes)


def _ordered(members: Sequence[Member]) -> list[Member]:
    people = sorted(members, key=lambda m: m.person_id)
    for before, after in pairwise(people):
        if before.person_id == after.person_id:
            raise CannotDraw("a person stands twice in the cohort", where=after.person_id, fix="give one row for each person")
    for m in people:
        if not m.entry < m.exit:
            raise CannotDraw("a person leaves before entering", where=m.person_id, fix="check the dates")
    return people


def _notes(picks: Sequence[Pick]) -> tuple[str, ...]:
    missing = {p.person_id for p in picks if not p.available}
    if not missing:
        return ()
    return (
        f"{len(missing)} of {len({p.person_id for p in picks})} people picked have no sample in the biobank; "
        "they are listed, not replaced: replacing them would bias the sample",
    )
