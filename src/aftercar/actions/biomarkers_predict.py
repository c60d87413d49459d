"""Make a prediction model with its honest performance, or refuse and say how many events would be needed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from aftercar.actions.biomarkers_cohort import ModelInput
from aftercar.biomarkers.features import assemble
from aftercar.biomarkers.prediction import Form, Performance, Prediction, predict


def make(data: ModelInput, covariates: Sequence[str], *, horizon_days: float, form: Form = "ridge", seed: int = 1) -> Prediction:
    """Predict the outcome by the horizon from covariates known before infusion.

    Raises:
        TooFewEvents: with the number that would be needed.
    """
    # People under late observation are no help to a prediction that starts at infusion; they are left out here.
    people = [p for p in data.people if p.start <= 0]
    return predict(assemble(people, data.known, covariates), horizon_days=horizon_days, form=form, seed=seed)


def lines(found: Prediction) -> list[dict[str, Any]]:
    """Coefficients and performance as rows."""
    rows: list[dict[str, Any]] = [{"part": "intercept", "value": found.intercept}]
    rows += [{"part": f"coefficient {name}", "value": float(b)} for name, b in zip(found.names, found.coefficients, strict=True)]
    rows.append({"part": "ridge penalty", "value": found.penalty})
    sets: dict[str, Performance] = {"apparent": found.apparent, "nested resampling": found.resampled}
    sets |= {f"without {name}, in {name}": p for name, p in found.by_centre.items()}
    for label, performance in sets.items():
        rows += [{"part": f"{label}: {name}", "value": value} for name, value in asdict(performance).items()]
    return rows
