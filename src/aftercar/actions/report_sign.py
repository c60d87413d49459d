"""Sign a report electronically: who, when and what it means, over the report's whole content.

A signature belongs to one content. It stands at the foot of every page, in a table of signatures and in the machine-readable
twin; when anything of the content changes afterwards, ``aftercar report verify`` says so.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from aftercar.actions.progress import Progress, silent
from aftercar.actions.report import RENDER, Wanted, document_of, write_report
from aftercar.actions.report_check import ReportStale, checked, read_twin
from aftercar.edges.signing import SigningKey
from aftercar.edges.study import read_study
from aftercar.errors import UsageError
from aftercar.reports.blocks import Document, Signature, content_digest, twin

#: What a signature may mean.
MEANINGS = ("author", "reviewed", "approved", "responsible")

_TWIN = "report.json"


def sign(
    folder: Path,
    study: Path,
    key: SigningKey,
    *,
    role: str,
    meaning: str,
    signed_at: dt.datetime,
    earlier: Path | None = None,
    tell: Progress = silent,
) -> Document:
    """Sign the report in a folder made by ``build``; every file in it is written again with the signature on each page.

    Args:
        folder: the report; holds ``report.json`` and the formats that it was built in.
        study: the study that it was made from.
        key: of the person who signs; opening it took the file and its passphrase.
        role: in which role the person signs.
        meaning: one of :data:`MEANINGS`.
        signed_at: day and time with an offset.
        earlier: as for ``build``.
        tell: progress.

    Raises:
        UsageError: for an unknown meaning, an empty role, or a folder that holds something else.
        ReportStale: when what stands in the folder is not what the data give now.
        SignatureBroken: when an earlier signature is not of this content.
    """
    if meaning not in MEANINGS:
        raise UsageError(f"{meaning!r} is no meaning of a signature", fix=f"one of {', '.join(MEANINGS)}")
    if not role.strip():
        raise UsageError("a signature needs the role of the person", fix="--role, for example 'medical assessor'")
    formats = _formats(folder)
    old = read_twin(folder / _TWIN)
    earlier_ones = checked(old)
    document = document_of(read_study(study), Wanted.of(old["provenance"]["report"]), folder, earlier, tell)
    content = content_digest(twin(document))
    if content != content_digest(old):
        raise ReportStale(
            "the report is not what the data give now",
            where=str(folder),
            fix="see what differs with: aftercar report verify; build it again, and read it before signing",
        )
    unsigned = Signature(key.name, role.strip(), meaning, signed_at.isoformat(timespec="seconds"), content, key.public)
    signed = replace(document, signatures=(*earlier_ones, replace(unsigned, value=key.sign(unsigned.statement()))))
    write_report(folder, signed, formats, tell, replace=True)
    return signed


def _formats(folder: Path) -> Sequence[str]:
    names = sorted(path.name for path in folder.iterdir()) if folder.is_dir() else []
    formats = [name.removeprefix("report.") for name in names]
    if _TWIN not in names or any(name not in RENDER for name in formats):
        raise UsageError(f"{folder} is not a folder made by: aftercar report build", fix="give the folder with report.json")
    return formats
