"""Federated fitting: open a round, answer it at a centre, combine the answers."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from aftercar.actions.biomarkers_cohort import ModelInput
from aftercar.biomarkers.features import Late, assemble
from aftercar.biomarkers.federated import Combined, Model, Round, Share, combine, first_round, make_share, next_round
from aftercar.edges.federated_files import read_key, read_round, read_share, write_round, write_share
from aftercar.errors import UsageError


def open_round(
    path: Path, *, study: str, model: Model, covariates: Sequence[str], outcome: str, mask_below: int = 5, fewest_events: int = 3
) -> Round:
    """Write the first round."""
    round_ = first_round(study, model, covariates, outcome, mask_below=mask_below, fewest_events=fewest_events)
    write_round(path, round_)
    return round_


def answer(
    round_file: Path, data: ModelInput, *, centre: str, key_file: Path, out: Path, late: Late = "exclude", allow_few: bool = False
) -> Share:
    """A centre's signed answer; no row of a person leaves.

    Raises:
        Disclosive: when the centre has few events and did not allow it.
    """
    round_ = read_round(round_file)
    key = read_key(key_file)
    table = assemble(data.people, data.known, round_.covariates, late=late)
    start = table.start if (table.start > 0).any() else None
    share = make_share(
        round_,
        centre,
        x=table.x,
        event=(table.cause == 1).astype(np.float64),
        stop=table.stop,
        start=start,
        allow_few=allow_few,
    )
    return write_share(out, share, key)


def join(round_file: Path, share_files: Sequence[Path], *, keys_folder: Path, out: Path | None) -> tuple[Round, Combined]:
    """Check and combine the answers; the next round is written unless the fit has converged.

    Raises:
        BadSignature, BadShare, Conflict: naming the file or centre.
    """
    round_ = read_round(round_file)
    keys = {path.stem: read_key(path) for path in sorted(keys_folder.glob("*.key"))}
    if not keys:
        raise UsageError(f"there is no key in {keys_folder}", fix="put one CENTRE.key for each centre there")
    found = combine(round_, [read_share(path, keys) for path in share_files])
    if out is not None and not found.converged:
        write_round(out, next_round(round_, found))
    return round_, found
