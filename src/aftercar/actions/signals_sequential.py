"""Plan repeated looks at a product's events, and judge the looks taken so far."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from aftercar.edges.files import existing_file
from aftercar.errors import InputError
from aftercar.signals import sequential as sq
from aftercar.signals.sequential_bayes import SENSITIVITY, calibrated_threshold, update


class LooksFileError(InputError):
    """A file of looks that cannot be read."""

    code = "looks-file"


@dataclass(frozen=True, slots=True)
class Plan:
    """How it is looked.

    Attributes:
        end: end of surveillance in expected events.
        alpha: chance of any false signal.
        minimum: fewest events that may signal.
        looks: cumulative expected events of planned looks; empty for continuous looking.
        critical: critical value of the log likelihood ratio.
        attained: the attained chance of a false signal.
        power: rate ratio, power, time to signal.
    """

    end: float
    alpha: float
    minimum: int
    looks: tuple[float, ...]
    critical: float
    attained: float
    power: list[dict[str, Any]]


def plan(
    end: float | None = None,
    *,
    alpha: float = 0.05,
    minimum: int = 4,
    looks: Sequence[float] = (),
    rate_ratios: Sequence[float] = (1.5, 2.0, 3.0, 5.0),
) -> Plan:
    """Critical value and operating characteristics, continuous or at planned looks.

    Raises:
        SequentialDesignError: when no critical value exists or the plan is put together wrongly.
    """
    if looks:
        times = tuple(float(value) for value in looks)
        critical = sq.group_critical_value(times, alpha, minimum=minimum)
        every = [sq.group_performance(critical, times, ratio, minimum=minimum) for ratio in (1.0, *rate_ratios)]
        end = times[-1]
    elif end is None:
        raise sq.SequentialDesignError(
            "neither an end nor looks are given", fix="give the end of surveillance in expected events"
        )
    else:
        times = ()
        critical = sq.critical_value(end, alpha, minimum=minimum)
        every = [sq.performance(critical, end, ratio, minimum=minimum) for ratio in (1.0, *rate_ratios)]
    power = [
        {"rate_ratio": p.rate_ratio, "power": p.power, "time_to_signal": p.time_to_signal, "time_under_watch": p.time_under_watch}
        for p in every[1:]
    ]
    return Plan(end, alpha, minimum, times, critical, every[0].power, power)


def judge(chosen: Plan, seen: Sequence[tuple[str, int, float]], *, above: float = 1.0) -> list[dict[str, Any]]:
    """Each look taken: statistic, decision, and the posterior of the rate ratio under three priors.

    A signal once given stands. A look beyond the planned end gets no decision.

    Args:
        chosen: the plan.
        seen: name of the look, cumulative events, cumulative expected events.
        above: rate ratio that matters to the Bayesian figures.
    """
    rows = []
    signalled = False
    # Continuous looking is held to a grid of 200 looks: the error of the Bayesian rule hardly grows beyond it.
    looks = chosen.looks or tuple(chosen.end * (i + 1) / 200 for i in range(200))
    threshold = (
        calibrated_threshold(SENSITIVITY["weak"], looks, chosen.alpha, above=above, minimum=chosen.minimum) if seen else 1.0
    )
    for name, events, expected_events in seen:
        found = sq.look(events, expected_events, chosen.critical, minimum=chosen.minimum)
        within = expected_events <= chosen.end * (1 + 1e-12)
        signalled = signalled or (found.signal and within)
        row: dict[str, Any] = {
            "look": name,
            "events": events,
            "expected": expected_events,
            "rate_ratio": found.rate_ratio,
            "llr": found.llr,
            "critical": found.critical,
            "decision": "signal" if signalled else "no signal" if within else "beyond the planned end",
        }
        for label, prior in SENSITIVITY.items():
            now = update(prior, events, expected_events, above=above)
            row |= {
                f"{label}_median": now.median,
                f"{label}_low": now.low,
                f"{label}_high": now.high,
                f"{label}_probability": now.probability,
            }
        row["weak_threshold"] = threshold
        rows.append(row)
    return rows


def read_looks(path: Path) -> list[tuple[str, int, float]]:
    """A CSV with the columns ``look``, ``events`` and ``expected``, both cumulative.

    Raises:
        LooksFileError: naming line and column.
    """
    with existing_file(path).open(newline="", encoding="utf-8-sig") as stream:
        reader = csv.DictReader(stream)
        missing = {"look", "events", "expected"} - set(reader.fieldnames or ())
        if missing:
            raise LooksFileError(
                f"no column {', '.join(sorted(missing))}", where=str(path), fix="columns are look, events, expected"
            )
        rows: list[tuple[str, int, float]] = []
        for line, row in enumerate(reader, 2):
            try:
                rows.append((row["look"], int(row["events"]), float(row["expected"])))
            except (TypeError, ValueError) as error:
                raise LooksFileError(
                    "events must be a whole number and expected a number", where=f"{path} line {line}"
                ) from error
            if len(rows) > 1 and (rows[-1][1] < rows[-2][1] or rows[-1][2] <= rows[-2][2]):
                raise LooksFileError("counts fall from look to look", where=f"{path} line {line}", fix="give cumulative counts")
    if not rows:
        raise LooksFileError("no look in it", where=str(path))
    return rows
