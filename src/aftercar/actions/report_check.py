"""Check a report: are its signatures of this content, do its figures still follow from the data; and compare two reports."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from aftercar.actions.progress import Progress, silent
from aftercar.actions.report import RENDER, Wanted, document_of
from aftercar.edges.files import existing_file, folder_beside, write_bytes, write_text
from aftercar.edges.signing import is_signed, read_signers
from aftercar.edges.study import read_study
from aftercar.errors import InputError
from aftercar.reports import difference, html
from aftercar.reports.blocks import Document, Signature, content_digest, twin
from aftercar.reports.provenance import INPUTS, SETTINGS

#: Formats that hold no twin themselves: the twin stands beside them, and the file must be what the data give to the byte.
_WITHOUT_TWIN = ("pdf", "docx", "xlsx")


class ReportStale(InputError):
    """The figures of a report do not follow from the data given."""

    code = "report-stale"


class NotAReport(InputError):
    """The file holds no machine-readable twin."""

    code = "not-a-report"


class SignatureBroken(InputError):
    """A signature that does not belong to the content of the report, or to the key that it names."""

    code = "signature-broken"


@dataclass(frozen=True, slots=True)
class Verified:
    """A report that follows from the data.

    Attributes:
        reasons: what the report and the data rest on that differs without changing a figure (versions, inputs).
        signatures: intact signatures; their keys were compared with trusted ones only when a file of signers was given.
    """

    reasons: list[dict[str, Any]]
    signatures: tuple[Signature, ...]


def verify(
    file: Path, folder: Path, *, earlier: Path | None = None, signers: Path | None = None, tell: Progress = silent
) -> Verified:
    """Recompute a report from a study.

    Args:
        file: the report in any format; beside PDF, Word and Excel ``report.json`` must stand.
        folder: the study.
        earlier: as for ``build``.
        signers: file of public keys and names that are trusted.
        tell: progress.

    Raises:
        NotAReport: when there is no twin.
        SignatureBroken: when a signature is not of this content, or not by a trusted key.
        ReportStale: when a computed figure differs, naming the first ones.
    """
    ending = file.suffix.removeprefix(".")
    old = read_twin(existing_file(file).with_name("report.json") if ending in _WITHOUT_TWIN else file)
    signatures = checked(old, signers)
    wanted = Wanted.of(old["provenance"]["report"]) if "report" in old["provenance"] else Wanted()
    document = document_of(read_study(folder), wanted, file.with_name(file.stem + ".verify"), earlier, tell)
    new = twin(document)
    _follows(file, old, new)
    if ending in _WITHOUT_TWIN:
        _equals(file, ending, document, old, signatures)
    return Verified(difference.reasons(old, new), signatures)


def _follows(file: Path, old: Mapping[str, Any], new: Mapping[str, Any]) -> None:
    found = [row for row in difference.changes(old, new) if row["part"] not in (SETTINGS, INPUTS)]
    if found:
        shown = "; ".join(
            f"{row['part']} {row['row']} {row['column']}: {row['before']} became {row['after']}" for row in found[:5]
        )
        raise ReportStale(
            f"{len(found)} figure(s) do not follow from the data: {shown}",
            where=str(file),
            fix="build the report again, or compare with: aftercar report diff",
        )


def _equals(file: Path, ending: str, document: Document, old: Mapping[str, Any], signatures: tuple[Signature, ...]) -> None:
    """A file without a twin must be, to the byte, what its twin's data give."""
    from dataclasses import replace

    if content_digest(twin(document)) != content_digest(old):
        raise ReportStale(
            "inputs, settings or versions changed, so that a file without a twin cannot be compared",
            where=str(file),
            fix="verify report.json or report.html beside it",
        )
    if RENDER[ending](replace(document, signatures=signatures)) != file.read_bytes():
        raise ReportStale("the file is not what its data give", where=str(file), fix="build the report again")


def checked(content: Mapping[str, Any], signers: Path | None = None) -> tuple[Signature, ...]:
    """The signatures of a twin, each one of this content and by the key that it names.

    Args:
        content: machine-readable twin.
        signers: file of public keys and names that are trusted; without one no name is checked.

    Raises:
        SignatureBroken: naming the signature and what is wrong with it.
    """
    found: list[Signature] = []
    known = dict(read_signers(signers)) if signers is not None else None
    digest = content_digest(content)
    for row in content.get("signatures", ()):
        try:
            signature = Signature(**row)
        except TypeError:
            raise SignatureBroken("a signature with missing or unknown parts", fix="do not rely on it") from None
        who = f"{signature.name}, {signature.signed_at}"
        if signature.content != digest:
            raise SignatureBroken("the content changed after it was signed", where=who, fix="ask for the report as it was signed")
        if not is_signed(signature.public_key, signature.value, signature.statement()):
            raise SignatureBroken("the signature does not belong to this key and statement", where=who, fix="do not rely on it")
        if known is not None and known.get(signature.public_key) != signature.name:
            raise SignatureBroken("not a signer whom you trust", where=who, fix=f"compare the key with those in {signers}")
        found.append(signature)
    return tuple(found)


def compare(old: Path, new: Path, out: Path) -> list[dict[str, Any]]:
    """Compare two reports; writes the comparison as HTML and JSON into ``out`` and returns the differences."""
    before, after = read_twin(old), read_twin(new)
    document = difference.difference(before, after)
    with folder_beside(out) as inside:
        write_text(inside / "difference.html", html.render(document))
        write_bytes(inside / "difference.json", RENDER["json"](document))
    return difference.changes(before, after)


def read_twin(file: Path) -> dict[str, Any]:
    """The machine-readable twin inside a report (HTML or JSON).

    Raises:
        NotAReport: when there is none.
    """
    existing_file(file)
    try:
        text = file.read_text(encoding="utf-8")
        inner = re.search(r'<script type="application/json" id="twin">(.*?)</script>', text, re.DOTALL)
        content = json.loads(inner[1] if inner else text)
        if not {"parts", "provenance", "data_lock"} <= set(content):
            raise ValueError
    except (UnicodeDecodeError, ValueError, TypeError):
        raise NotAReport(
            "no machine-readable twin in this file", where=str(file), fix="give report.html or report.json"
        ) from None
    return dict(content)
