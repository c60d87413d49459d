"""Whether a BAM stands in the order of the reference, which counting at a site needs."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pysam

from aftercar.errors import InputError

_LOOKED_AT = 5_000


class NotSorted(InputError):
    """A BAM whose aligned reads are not in the order of the reference."""

    code = "not-sorted"


def check_sort_order(paths: Sequence[Path]) -> None:
    """Stop at a BAM with aligned reads that is not sorted by coordinate; its first 5,000 records are looked at.

    Raises:
        NotSorted: naming the file and the command that sorts it.
    """
    for path in paths:
        if path.suffix.lower() == ".bam" and not _is_sorted(path):
            fix = f"samtools sort -o sorted.bam '{path.name}'"
            raise NotSorted("the reads are not sorted by coordinate", where=str(path), fix=fix)


def _is_sorted(path: Path) -> bool:
    """True for what cannot be read too: the screen says what is wrong with it."""
    verbosity = pysam.set_verbosity(0)
    try:
        with pysam.AlignmentFile(str(path), check_sq=False) as handle:
            last = (-1, -1)
            for number, read in enumerate(handle.fetch(until_eof=True)):
                if number == _LOOKED_AT:
                    return True
                place = (read.reference_id, read.reference_start)
                if read.reference_id >= 0 and not read.is_unmapped:
                    if place < last:
                        return False
                    last = place
    except (OSError, ValueError):
        return True
    finally:
        pysam.set_verbosity(verbosity)
    return True
