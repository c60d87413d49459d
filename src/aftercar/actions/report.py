"""Build a report of any kind in any format; verify that its figures still follow from the data; compare two reports."""

from __future__ import annotations

import datetime as dt
import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from aftercar.actions.assess import findings_of, provenance_of, samples_of
from aftercar.actions.progress import Progress, silent
from aftercar.edges.authored import read_authored
from aftercar.edges.files import existing_file, folder_beside, write_bytes, write_text
from aftercar.edges.study import Study, read_study
from aftercar.errors import InputError, UsageError
from aftercar.registry.plan import plan_set
from aftercar.reports import difference, excel, html, pdf, word
from aftercar.reports.assessment import assessment
from aftercar.reports.blocks import Document, twin
from aftercar.reports.centre import centre_feedback
from aftercar.reports.dossier import dossier
from aftercar.reports.findings import Findings
from aftercar.reports.laboratory import laboratory_report
from aftercar.reports.masking import masked
from aftercar.reports.periodic import periodic
from aftercar.reports.post_authorisation import post_authorisation
from aftercar.reports.signal import signal_assessment

KINDS = ("assessment", "signal", "periodic", "dossier", "laboratory", "centre", "study")
RENDER: Mapping[str, Callable[[Document], bytes]] = {
    "html": lambda document: html.render(document).encode(),
    "pdf": pdf.render,
    "docx": word.render,
    "xlsx": excel.render,
    "json": lambda document: (json.dumps(twin(document), indent=1, sort_keys=True, default=str) + "\n").encode(),
}
FORMATS = tuple(RENDER)


class ReportStale(InputError):
    """The figures of a report do not follow from the data given."""

    code = "report-stale"


class NotAReport(InputError):
    """The file holds no machine-readable twin."""

    code = "not-a-report"


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which report: kind, the case of a dossier, the sample of a laboratory report, first day of the interval, masked or not."""

    kind: str = "assessment"
    case: str = ""
    sample: str = ""
    since: dt.date | None = None
    is_masked: bool = False

    def as_dict(self) -> dict[str, Any]:
        """As plain values, kept in the report's provenance so that it can be made again."""
        since = self.since.isoformat() if self.since else ""
        return {"kind": self.kind, "case": self.case, "sample": self.sample, "since": since, "masked": self.is_masked}

    @classmethod
    def of(cls, value: Mapping[str, Any]) -> Wanted:
        """Back from :meth:`as_dict`."""
        since = dt.date.fromisoformat(value["since"]) if value["since"] else None
        return cls(value["kind"], value["case"], value["sample"], since, bool(value["masked"]))


def build(
    folder: Path, out: Path, wanted: Wanted, formats: Sequence[str], *, earlier: Path | None = None, tell: Progress = silent
) -> list[Path]:
    """Build one report of a study in the formats asked for.

    Args:
        folder: the study.
        out: folder to write; must be new or empty.
        wanted: which report.
        formats: of :data:`FORMATS`; the JSON twin is always written.
        earlier: result folder of ``aftercar assess`` whose samples are taken over where nothing changed.
        tell: progress.

    Raises:
        UsageError: for an unknown kind or format, or when the study has no such case or sample.
    """
    for name in formats:
        if name not in RENDER:
            raise UsageError(f"unknown format {name!r}", fix=f"one of {', '.join(FORMATS)}")
    document = document_of(read_study(folder), wanted, out, earlier, tell)
    with folder_beside(out) as inside:
        for name in dict.fromkeys([*formats, "json"]):
            tell(0, None, f"writing {name}")
            write_bytes(inside / f"report.{name}", RENDER[name](document))
    return sorted(out.iterdir())


def document_of(study: Study, wanted: Wanted, out: Path, earlier: Path | None, tell: Progress) -> Document:
    """The report as neutral blocks."""
    with samples_of(study, out, tell, earlier=earlier) as made:
        drawn = made.place / "samples" / wanted.sample / "junctions.svg"
        pile_up = drawn.read_text(encoding="utf-8") if wanted.sample and drawn.is_file() else ""
    found = findings_of(study, made)
    provenance = {**provenance_of(study), "report": wanted.as_dict(), "filters": "small cells masked" if wanted.is_masked else ""}
    document = _made(study, found, wanted, provenance, pile_up)
    return masked(document, study.settings.mask_below) if wanted.is_masked else document


def verify(file: Path, folder: Path, *, earlier: Path | None = None, tell: Progress = silent) -> list[dict[str, Any]]:
    """Recompute a report from a study; returns what the two rest on that differs (empty when nothing does).

    Raises:
        NotAReport: when the file holds no twin (give the HTML or the JSON).
        ReportStale: when a computed figure differs, naming the first ones.
    """
    old = read_twin(file)
    wanted = Wanted.of(old["provenance"]["report"]) if "report" in old["provenance"] else Wanted()
    document = document_of(read_study(folder), wanted, file.with_name(file.stem + ".verify"), earlier, tell)
    new = json.loads(json.dumps(twin(document), default=str))
    found = [row for row in difference.changes(old, new) if row["part"] not in ("settings-table", "inputs-table")]
    if found:
        shown = "; ".join(
            f"{row['part']} {row['row']} {row['column']}: {row['before']} became {row['after']}" for row in found[:5]
        )
        raise ReportStale(
            f"{len(found)} figure(s) do not follow from the data: {shown}",
            where=str(file),
            fix="build the report again, or compare with: aftercar report diff",
        )
    return difference.reasons(old, new)


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


def _made(study: Study, found: Findings, wanted: Wanted, provenance: Mapping[str, Any], pile_up: str) -> Document:
    if wanted.kind == "assessment":
        return assessment(found, provenance)
    if wanted.kind == "signal":
        return signal_assessment(found, provenance, read_authored(study.folder))
    if wanted.kind == "periodic":
        return periodic(found, provenance, wanted.since)
    if wanted.kind == "study":
        return post_authorisation(found, provenance)
    if wanted.kind == "centre":
        return centre_feedback(study.title, study.data_lock, study.frames, plan_set(), provenance)
    if wanted.kind == "dossier":
        try:
            return dossier(found, wanted.case, provenance, marked_cells_percent=study.settings.marked_cells_percent)
        except KeyError:
            known = ", ".join(file.case_id for file in found.cases) or "none"
            raise UsageError(f"no case {wanted.case!r}", fix=f"name one with --case; the cases are {known}") from None
    if wanted.kind == "laboratory":
        if wanted.sample not in found.verdicts:
            known = ", ".join(found.verdicts) or "none"
            raise UsageError(f"no tested sample {wanted.sample!r}", fix=f"name one with --sample; tested samples are {known}")
        verdict = found.verdicts[wanted.sample]
        return laboratory_report(wanted.sample, verdict, study.data_lock, provenance, pile_up=pile_up)
    raise UsageError(f"unknown kind {wanted.kind!r}", fix=f"one of {', '.join(KINDS)}")
