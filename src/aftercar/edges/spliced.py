"""Whether a file holds spliced reads: RNA, whose depth tells neither copies nor cells."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import islice
from pathlib import Path

import pysam

from aftercar.errors import InputError

_LOOKED_AT = 20_000
_SHARE = 0.01
_SKIPPED = 3  # CIGAR operation N


class SplicedReads(InputError):
    """Reads of RNA where reads of DNA are wanted."""

    code = "spliced-reads"


def check_not_spliced(paths: Sequence[Path], reference: Path | None = None) -> None:
    """Stop at a BAM or CRAM of which a hundredth or more of the first 20,000 aligned reads skip an intron (CIGAR ``N``).

    Raises:
        SplicedReads: naming the file and the command for RNA.
    """
    for path in paths:
        if path.suffix.lower() in (".bam", ".cram") and _spliced_share(path, reference) >= _SHARE:
            raise SplicedReads(
                "the reads are spliced: this is RNA, which tells neither copies nor cells, and is no negative where it is silent",
                where=str(path),
                fix="aftercar sites rna, which looks for transcripts of the CAR",
            )


def _spliced_share(path: Path, reference: Path | None) -> float:
    """0 for what cannot be read too: the screen says what is wrong with it."""
    verbosity = pysam.set_verbosity(0)
    try:
        with pysam.AlignmentFile(str(path), check_sq=False, reference_filename=str(reference) if reference else None) as handle:
            aligned = (read for read in handle.fetch(until_eof=True) if not read.is_unmapped)
            spliced = [any(kind == _SKIPPED for kind, _ in read.cigartuples or ()) for read in islice(aligned, _LOOKED_AT)]
    except (OSError, ValueError):
        return 0.0
    finally:
        pysam.set_verbosity(verbosity)
    return sum(spliced) / len(spliced) if spliced else 0.0
