"""What is summed under masks: the sums of a joint fit, or people, events and time for exact joint rates."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import ArrayLike

from aftercar.biomarkers.federated import BadShare, Combined, Disclosive, Round, Share, combine, sums
from aftercar.biomarkers.masked_sums import MaskedShare, unmask
from aftercar.vocab.dates import DAYS_PER_YEAR
from aftercar.vocab.estimates import rate

#: The model word of a round that asks for people, events and time.
RATE = "rate"


def numbers_of_fit(
    round_: Round, *, x: ArrayLike, event: ArrayLike, stop: ArrayLike | None = None, start: ArrayLike | None = None
) -> list[float]:
    """A centre's part of a fit as one list: people, events, log likelihood, score, information, its derivative.

    Raises:
        BadShare: when the covariates do not fit the round.
    """
    people, events, value, score, information, third = sums(round_, x=x, event=event, stop=stop, start=start)
    return [people, events, value, *score, *information.ravel(), *third.ravel()]


def combine_masked(round_: Round, shares: Sequence[MaskedShare], *, tolerance: float = 1e-9) -> Combined:
    """One Newton step from masked answers; see :func:`aftercar.biomarkers.federated.combine`.

    Raises:
        BadMask, Conflict: when the answers do not belong together.
        Disclosive: when all centres together have fewer events than the round allows.
    """
    p = len(round_.beta)
    cube = p**3 if round_.model.startswith("firth") else 0
    totals = _opened(round_, shares, 3 + p + p * p + cube)
    _enough(round_, totals[1])
    score, information, third = np.split(np.array(totals[3:]), [p, p + p * p])
    joint = Share(
        round_.fingerprint,
        "all centres",
        f"{totals[0]:.0f}",
        f"{totals[1]:.0f}",
        totals[2],
        tuple(score.tolist()),
        tuple(tuple(row) for row in information.reshape(p, p).tolist()),
        tuple(tuple(tuple(row) for row in plane) for plane in third.reshape((p, p, p) if cube else (0, 0, 0)).tolist()),
    )
    return replace(combine(round_, [joint], tolerance=tolerance), centres=shares[0].centres)


def numbers_of_rates(
    round_: Round, *, x: ArrayLike, event: ArrayLike, stop: ArrayLike, start: ArrayLike | None = None
) -> list[float]:
    """People, events and days of all, and of those with each covariate.

    Raises:
        BadShare: when a covariate is not 0 or 1 for each person.
    """
    happened, until = np.asarray(event, dtype=np.float64), np.asarray(stop, dtype=np.float64)
    days = until - (np.zeros(len(until)) if start is None else np.asarray(start, dtype=np.float64))
    groups = np.asarray(x, dtype=np.float64).reshape(len(happened), -1)
    if not np.isin(groups, (0.0, 1.0)).all():
        raise BadShare("joint rates need covariates that are 0 or 1", fix=f"check {', '.join(round_.covariates)}")
    wanted = [np.ones(len(happened), dtype=bool), *(groups.T == 1)]
    return [number for who in wanted for number in (int(who.sum()), int(happened[who].sum()), float(days[who].sum()))]


def joint_rates(round_: Round, shares: Sequence[MaskedShare], level: float = 0.95) -> list[dict[str, float | str]]:
    """The pooled rate of all, and of those with and without each covariate, each with its exact interval per person-year.

    Raises:
        BadMask, Conflict: when the answers do not belong together.
        Disclosive: when a group would have from 1 to fewer than ``mask_below`` people or events.
    """
    totals = _opened(round_, shares, 3 * (1 + len(round_.covariates)))
    everybody, *groups = (totals[i : i + 3] for i in range(0, len(totals), 3))
    rows = [("all", everybody)]
    for name, group in zip(round_.covariates, groups, strict=True):
        rows += [(f"{name} = 1", group), (f"{name} = 0", [a - b for a, b in zip(everybody, group, strict=True)])]
    found: list[dict[str, float | str]] = []
    for name, (people, events, days) in rows:
        if 0 < people < round_.mask_below:
            raise Disclosive(f"{name}: {people:.0f} people in all centres together", fix="leave that covariate out of the round")
        estimate = rate(round(events), days / DAYS_PER_YEAR, level=level)
        row: dict[str, float | str] = {"group": name, "people": round(people), "events": round(events)}
        row |= {"person_years": estimate.denominator, "rate": estimate.value, "low": estimate.low, "high": estimate.high}
        found.append(row)
    return found


def _opened(round_: Round, shares: Sequence[MaskedShare], size: int) -> list[float]:
    if not shares:
        raise BadShare("no share given")
    totals = unmask(round_.fingerprint, shares)
    if len(totals) != size:
        raise BadShare(f"the answers hold {len(totals)} numbers, the round asks for {size}")
    return totals


def _enough(round_: Round, events: float) -> None:
    if 0 < events < round_.fewest_events:
        raise Disclosive(f"{events:.0f} event(s) in all centres together: a fit would say much about those people")
