"""Build a report of any kind in any format."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from aftercar.actions.assess import findings_of, provenance_of, samples_of
from aftercar.actions.progress import Progress, silent
from aftercar.actions.report_samples import clones_of, drawn_of
from aftercar.edges.authored import NAME, read_authored
from aftercar.edges.files import folder_beside, sha256, write_bytes
from aftercar.edges.study import Study, read_study
from aftercar.errors import UsageError
from aftercar.registry.plan import plan_set
from aftercar.reports import excel, html, pdf, word
from aftercar.reports.assessment import assessment
from aftercar.reports.blocks import Document, twin
from aftercar.reports.centre import centre_feedback
from aftercar.reports.dossier import dossier
from aftercar.reports.findings import Findings
from aftercar.reports.laboratory import Clones, Drawn, laboratory_report
from aftercar.reports.masking import masked
from aftercar.reports.periodic import periodic
from aftercar.reports.post_authorisation import post_authorisation
from aftercar.reports.provenance import with_provenance
from aftercar.reports.signal import signal_assessment

KINDS = ("assessment", "signal", "periodic", "dossier", "laboratory", "centre", "study")
RENDER: Mapping[str, Callable[[Document], bytes]] = {
    "html": lambda document: html.render(document).encode(),
    "pdf": pdf.render,
    "docx": word.render,
    "xlsx": excel.render,
    "json": lambda document: (json.dumps(twin(document), indent=1, sort_keys=True, allow_nan=False) + "\n").encode(),
}
FORMATS = tuple(RENDER)


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which report: kind, the case of a dossier, the sample of a laboratory report, first day of the interval, masked or not,
    and who answers for it.
    """

    kind: str = "assessment"
    case: str = ""
    sample: str = ""
    since: dt.date | None = None
    is_masked: bool = False
    author: str = ""

    def as_dict(self) -> dict[str, Any]:
        """As plain values, kept in the report's provenance so that it can be made again."""
        return {
            "kind": self.kind,
            "case": self.case,
            "sample": self.sample,
            "since": self.since.isoformat() if self.since else "",
            "masked": self.is_masked,
            "author": self.author,
        }

    @classmethod
    def of(cls, value: Mapping[str, Any]) -> Wanted:
        """Back from :meth:`as_dict`."""
        since = dt.date.fromisoformat(value["since"]) if value["since"] else None
        return cls(value["kind"], value["case"], value["sample"], since, bool(value["masked"]), value.get("author", ""))

    def filters(self, below: int) -> str:
        """What is left out or singled out, in words; "" when nothing is."""
        parts = (
            self.case and f"case {self.case}",
            self.sample and f"sample {self.sample}",
            self.since and f"interval from {self.since.isoformat()}",
            self.is_masked and f"counts from 1 to {below - 1} masked",
        )
        return ", ".join(str(part) for part in parts if part)


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
    return write_report(out, document, formats, tell)


def write_report(
    out: Path, document: Document, formats: Sequence[str], tell: Progress = silent, *, replace: bool = False
) -> list[Path]:
    """Write a document in several formats, always with its JSON twin, into a folder that appears whole."""
    with folder_beside(out, replace=replace) as inside:
        for name in dict.fromkeys([*formats, "json"]):
            tell(0, None, f"writing {name}")
            write_bytes(inside / f"report.{name}", RENDER[name](document))
    return sorted(out.iterdir())


def document_of(study: Study, wanted: Wanted, out: Path, earlier: Path | None, tell: Progress) -> Document:
    """The report as neutral blocks."""
    _may_be_masked(wanted)
    with samples_of(study, out, tell, earlier=earlier) as made:
        found = findings_of(study, made)
        sample, person = _about(study, found, wanted)
        drawn = drawn_of(made.place / "samples" / sample) if sample else None
        clones = clones_of(study, made.place / "sites", person) if person else None
    provenance = {
        **_provenance(study, wanted),
        "report": wanted.as_dict(),
        "filters": wanted.filters(study.settings.mask_below),
        "author": wanted.author,
    }
    document = with_provenance(_made(study, found, wanted, provenance, drawn, clones))
    return masked(document, study.settings.mask_below) if wanted.is_masked else document


def _provenance(study: Study, wanted: Wanted) -> dict[str, Any]:
    """Of the study, and of what a person wrote where the report holds it."""
    provenance = provenance_of(study)
    written = study.folder / NAME
    if wanted.kind == "signal" and written.is_file():
        provenance["inputs"] = {**provenance["inputs"], NAME: sha256(written)}
    return provenance


def _may_be_masked(wanted: Wanted) -> None:
    if wanted.is_masked and wanted.kind in ("dossier", "laboratory"):
        raise UsageError(f"a {wanted.kind} report is about one person and has no masked variant", fix="leave out --masked")


def _about(study: Study, found: Findings, wanted: Wanted) -> tuple[str, str]:
    """The sample and the person that a dossier or a laboratory report is about, "" where there is none.

    Raises:
        UsageError: when the study has no such case, or no such tested sample.
    """
    samples = study.rows("samples")
    if wanted.kind == "laboratory":
        if wanted.sample not in found.verdicts:
            known = ", ".join(found.verdicts) or "none"
            raise UsageError(f"no tested sample {wanted.sample!r}", fix=f"name one with --sample; tested samples are {known}")
        return wanted.sample, next(row["person_id"] for row in samples if row["sample_id"] == wanted.sample)
    if wanted.kind != "dossier":
        return "", ""
    file = next((item for item in found.cases if item.case_id == wanted.case), None)
    if file is None:
        known = ", ".join(item.case_id for item in found.cases) or "none"
        raise UsageError(f"no case {wanted.case!r}", fix=f"name one with --case; the cases are {known}")
    own = [row["sample_id"] for row in samples if row["case_id"] == wanted.case and row["sample_id"] in found.verdicts]
    speaks = [name for name in own if file.verdict is not None and found.verdicts[name] == dict(file.verdict)]
    return speaks[0] if speaks else "", str(file.person["person_id"])


def _made(
    study: Study, found: Findings, wanted: Wanted, provenance: Mapping[str, Any], drawn: Drawn | None, clones: Clones | None
) -> Document:
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
        line = study.settings.marked_cells_percent
        return dossier(found, wanted.case, provenance, marked_cells_percent=line, drawn=drawn, clones=clones)
    if wanted.kind == "laboratory":
        sample = next(row for row in study.rows("samples") if row["sample_id"] == wanted.sample)
        verdict, rates = found.verdicts[wanted.sample], found.base_rates
        return laboratory_report(sample, verdict, study.data_lock, provenance, base_rates=rates, drawn=drawn, clones=clones)
    raise UsageError(f"unknown kind {wanted.kind!r}", fix=f"one of {', '.join(KINDS)}")
