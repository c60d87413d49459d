"""Thresholds of a sample's verdict. All are settings; none is a regulator's or a published cut-off."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Settings:
    """What the verdict of a sample rests on.

    Attributes:
        level: of all intervals.
        power: probability with which the detection limit would have been found.
        fragments: unique vector fragments that make vector DNA "seen".
        site_fragments: fragments that make a site "located", at least one of them with a read across the junction.
        anchor: least bases on each side of a junction for a fragment to be counted for the cell fraction.
        valid_limit: a negative is valid when a clone in this share of the tumour cells would have been seen.
        clonal_from: share of tumour cells from which a clone is called the tumour's.
        bystander_to: share of tumour cells up to which a clone is called a bystander.
        unsupported_copies: copies per cell below which vector DNA without a located site is left open.
        hopping_rate: share of reads that may come from another sample of the same run.
        neighbour_copies: copies per cell of the most positive sample of the run, as far as known.
        free_fragments: fragments needed where the vector has no known ends and breaks anywhere.
        overdispersion: squared coefficient of variation of the local fragment density, widens the cell-fraction interval; None:
            measured on the sample, where that cannot be done taken as :data:`aftercar.evidence.dispersion.ASSUMED`.
    """

    level: float = 0.95
    power: float = 0.95
    fragments: int = 3
    site_fragments: int = 2
    anchor: int = 24
    valid_limit: float = 0.20
    clonal_from: float = 0.70
    bystander_to: float = 0.10
    unsupported_copies: float = 0.10
    hopping_rate: float = 0.001
    neighbour_copies: float = 10.0
    free_fragments: int = 2
    overdispersion: float | None = None

    @property
    def hopping_floor(self) -> float:
        """Copies per cell that index hopping alone could give."""
        return self.hopping_rate * self.neighbour_copies
