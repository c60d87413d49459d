"""Sections for MultiQC: files of custom content, found by their ending ``_mqc.json``; those of one section are merged there.

A sample's name is the only identifier in them. What is not known is left out of a sample's row, never written as zero.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from aftercar.edges.files import write_text

_ABOUT = "Research use: a call stands with its detection limit, a negative speaks of one sample, one construct and one depth."

#: Key of the figure, title, what it is, format.
_Column = tuple[str, str, str, str]

_SCREEN: tuple[_Column, ...] = (
    ("evidence_pairs", "Vector pairs", "Templates with vector bases that the host does not share", "{:,.0f}"),
    ("candidate_pairs", "Candidates", "Candidate templates", "{:,.0f}"),
    ("host_depth", "Depth", "Mean depth of the host", "{:,.1f}"),
    ("duplicate_fraction", "Duplicates", "Fraction of reads flagged as duplicates", "{:,.3f}"),
)
_VERDICT: tuple[_Column, ...] = (
    ("call", "Call", "What the sample says of the transgene", ""),
    ("copies", "Copies", "Vector copies per tumour cell (per cell where the purity is not known)", "{:,.2f}"),
    ("copies_low", "Copies from", "Lower limit of the copies", "{:,.2f}"),
    ("copies_high", "Copies to", "Upper limit of the copies", "{:,.2f}"),
    ("sites", "Sites", "Integration sites", "{:,.0f}"),
    (
        "detection_limit",
        "Would have found",
        "Smallest share of tumour cells (of all cells without a purity) that would have been found with 95% probability",
        "{:,.4f}",
    ),
    ("reads", "Reads", "Reads screened", "{:,.0f}"),
    ("host_depth", "Depth", "Mean depth of the host", "{:,.1f}"),
    ("vector_fragments", "Vector fragments", "Fragments with vector bases that the host does not share", "{:,.0f}"),
)
_CLONAL: tuple[_Column, ...] = (
    ("status", "Status", "Positive, or negative in every gene down to a limit, or why neither may be said", ""),
    ("drivers", "Drivers", "Variants that passed every check", "{:,.0f}"),
    ("unconfirmed", "Unconfirmed", "Variants with an open check", "{:,.0f}"),
    ("rejected", "Rejected", "Variants with a failed check", "{:,.0f}"),
    ("other_variants", "Other", "Variants outside the listed genes", "{:,.0f}"),
    ("rules", "Rules", "Rule set, version and fingerprint", ""),
)


def write_screen_section(folder: Path, sample: str, figures: Mapping[str, Any]) -> None:
    """Columns of the general statistics: what a screen found (the figures of ``screen.json``)."""
    _write(
        folder / "aftercar_screen_mqc.json", "screen", "Reads that touch the vector.", _SCREEN, {sample: figures}, "generalstats"
    )


def write_verdict_section(folder: Path, sample: str, verdict: Mapping[str, Any]) -> None:
    """One row of the table of transgene tests (``verdict`` is the content of ``verdict.json``)."""
    copies = verdict["copies_per_tumour_cell"] or verdict["copies_per_cell"] or {}
    row = {
        "call": verdict["call"].replace("_", " "),
        "copies": copies.get("value"),
        "copies_low": copies.get("low"),
        "copies_high": copies.get("high"),
        "sites": len(verdict["sites"]),
        "detection_limit": (verdict["detection_limit"] or {}).get("value"),
        "reads": verdict["facts"]["reads"],
        "host_depth": verdict["facts"]["host_depth"],
        "vector_fragments": verdict["vector"]["fragments"],
    }
    _write(
        folder / "aftercar_sample_mqc.json", "transgene tests", f"The vector in each sample. {_ABOUT}", _VERDICT, {sample: row}
    )


def write_clonal_section(folder: Path, rows: Sequence[Mapping[str, Any]]) -> None:
    """Rows of the table of clonal haematopoiesis (``vocab.tables.biomarkers.CLONAL_SAMPLES``)."""
    words = "Variants of listed genes; without depths by gene nothing is negative."
    shown = {str(row["sample_id"]): {**row, "status": str(row["status"]).replace("_", " ")} for row in rows}
    _write(folder / "aftercar_ch_mqc.json", "clonal haematopoiesis", words, _CLONAL, shown)


def _write(
    path: Path, name: str, about: str, columns: Sequence[_Column], rows: Mapping[str, Mapping[str, Any]], plot: str = "table"
) -> None:
    section = f"aftercar_{name.replace(' ', '_')}"
    headers: dict[str, dict[str, Any]] = {}
    for key, title, words, form in columns:
        headers[key] = {
            "title": title,
            "description": words,
            "namespace": "AfterCAR",
            **({"format": form} if form else {"scale": False}),
        }
    content = {
        "id": section,
        "section_name": f"AfterCAR {name}",
        "description": about,
        "plot_type": plot,
        "headers": headers,
        "data": {sample: {key: row[key] for key in headers if _known(row.get(key))} for sample, row in rows.items()},
    }
    if plot == "table":
        content["pconfig"] = {"id": f"{section}_table", "title": f"AfterCAR {name}"}
    write_text(path, json.dumps(content, indent=1, ensure_ascii=False) + "\n")


def _known(value: Any) -> bool:
    return value is not None and not (isinstance(value, float) and not math.isfinite(value))
