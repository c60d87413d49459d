"""Federated fitting: open a round, answer it at a centre, combine the answers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from aftercar.actions.biomarkers_cohort import ModelInput
from aftercar.biomarkers.features import Late, assemble
from aftercar.biomarkers.federated import Combined, Model, Round, Share, combine, first_round, make_share, next_round
from aftercar.biomarkers.federated_sums import RATE, combine_masked, joint_rates, numbers_of_fit, numbers_of_rates
from aftercar.biomarkers.masked_sums import MaskedShare, mask
from aftercar.edges.federated_files import read_key, read_keys, read_round, read_share, sealed, write_round
from aftercar.edges.files import write_text
from aftercar.errors import UsageError


@dataclass(frozen=True, slots=True)
class Answer:
    """A centre's signed answer, the text of its file, and in words what the file tells."""

    share: Share | MaskedShare
    text: str
    words: str


@dataclass(frozen=True, slots=True)
class Joint:
    """What the answers of a round give together: a step of a fit, or rates."""

    round: Round
    fit: Combined | None = None
    rates: tuple[dict[str, float | str], ...] = ()


def open_round(
    path: Path, *, study: str, model: Model, covariates: Sequence[str], outcome: str, mask_below: int = 5, fewest_events: int = 3
) -> Round:
    """Write the first round."""
    round_ = first_round(study, model, covariates, outcome, mask_below=mask_below, fewest_events=fewest_events)
    write_round(path, round_)
    return round_


def answer(
    round_file: Path,
    data: ModelInput,
    *,
    centre: str,
    key_file: Path,
    pair_keys: Path | None = None,
    late: Late = "exclude",
    allow_few: bool = False,
) -> Answer:
    """A centre's signed answer, not yet written; no row of a person leaves.

    Args:
        round_file: the coordinator's round.
        data: this centre's people.
        centre, key_file: its name and the key that it signs with.
        pair_keys: folder with a key for each other centre; the answer is then masked, and only the sum over all means anything.
        late: see :func:`aftercar.biomarkers.features.assemble`.
        allow_few: answer in the clear although there are few events.

    Raises:
        Disclosive: in the clear, when the centre has few events and did not allow it.
        UsageError: for rates in the clear.
    """
    round_ = read_round(round_file)
    key = read_key(key_file)
    table = assemble(data.people, data.known, round_.covariates, late=late)
    start = table.start if (table.start > 0).any() else None
    event = (table.cause == 1).astype(np.float64)
    if pair_keys is not None:
        numbers = numbers_of_rates if round_.model == RATE else numbers_of_fit
        hidden = mask(
            round_.fingerprint,
            centre,
            numbers(round_, x=table.x, event=event, stop=table.stop, start=start),
            read_keys(pair_keys),
        )
        words = f"{len(hidden.numbers)} masked numbers; they mean nothing until all of {', '.join(hidden.centres)} have answered"
        return Answer(*sealed(hidden, key), words)
    if round_.model == RATE:
        raise UsageError(
            "rates are combined under pair keys only", fix="give --pair-keys, a folder with a key for each other centre"
        )
    plain = make_share(round_, centre, x=table.x, event=event, stop=table.stop, start=start, allow_few=allow_few)
    return Answer(
        *sealed(plain, key), f"sums over {plain.people} people with {plain.events} events, readable by whoever has the file"
    )


def send(found: Answer, out: Path) -> None:
    """Write an answer, as it was shown."""
    write_text(out, found.text)


def join(round_file: Path, share_files: Sequence[Path], *, keys_folder: Path, out: Path | None) -> Joint:
    """Check and combine the answers; the next round is written unless the fit has converged, or rates were asked for.

    Raises:
        BadSignature, BadShare, BadMask, Conflict: naming the file or centre.
    """
    round_ = read_round(round_file)
    keys = read_keys(keys_folder)
    shares = [read_share(path, keys) for path in share_files]
    masked = [share for share in shares if isinstance(share, MaskedShare)]
    plain = [share for share in shares if isinstance(share, Share)]
    if masked and plain:
        raise UsageError("some answers are masked and some are not", fix="every centre must answer in the same way")
    if round_.model == RATE:
        return Joint(round_, rates=tuple(joint_rates(round_, masked)))
    found = combine_masked(round_, masked) if masked else combine(round_, plain)
    if out is not None and not found.converged:
        write_round(out, next_round(round_, found))
    return Joint(round_, found)
