"""How long a 1,000-case line listing and a 40-figure report take in each format, and how much memory."""

from __future__ import annotations

import datetime as dt
import resource
import subprocess
import sys
import time

from aftercar.reports import excel, html, pdf, word
from aftercar.reports.blocks import Block, Document, Field, Figure, Heading, TableBlock
from aftercar.reports.charts import chart
from aftercar.reports.periodic import LISTING

RENDERERS = {"html": html, "pdf": pdf, "docx": word, "xlsx": excel}


CASE = {
    "country": "DE",
    "source": "registry",
    "sex": "female",
    "product": "axi-cel",
    "infused_on": "2021-03-04",
    "onset": "2022-05-06",
    "event": "peripheral T-cell lymphoma, not otherwise specified",
    "serious": "life threatening, hospitalisation",
    "outcome": "not recovered",
    "tested": "yes",
    "transgene": "not detected",
    "cell_of_origin": "indeterminate",
    "role_of_insertion": "not assessable",
    "other_contributors": "clonal haematopoiesis, earlier lines of treatment, alkylating agent",
    "assessments": "A. Assessor: possible",
}


def listing(cases: int = 1_000) -> Document:
    rows = [{**CASE, "case_id": f"CASE-{i:04d}", "age": str(40 + i % 40), "batch": f"L{i:06d}"} for i in range(cases)]
    return _document([Heading("Line listing", 1, "listing"), TableBlock("listing-table", "Cases", LISTING, rows)])


def figures(count: int = 40) -> Document:
    fields = (Field("label", "Label"), Field("value", "Value", "number"))
    blocks: list[Block] = []
    for i in range(count):
        rows = [{"label": f"product {j}", "value": j + i / 10, "low": j, "high": j + 5} for j in range(8)]
        blocks.append(Heading(f"Part {i}", 1, f"part-{i}"))
        blocks.append(Figure(f"f{i}", f"Figure {i}", chart("forest", rows, axis="x"), rows, "alt"))
        blocks.append(TableBlock(f"t{i}", f"Table {i}", fields, rows))
    return _document(blocks)


def _document(blocks: list[Block]) -> Document:
    return Document("Benchmark", "", dt.date(2026, 1, 1), blocks, {"inputs": {}, "software": {}, "settings": {}})


def one(what: str, name: str) -> None:
    document = listing() if what == "listing" else figures()
    begun = time.perf_counter()
    size = len(RENDERERS[name].render(document))
    seconds = time.perf_counter() - begun
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"{what:8} {name:5} {seconds:7.2f} s {peak:7.0f} MB peak {size / 1e6:6.2f} MB")


def main() -> None:
    for what in ("listing", "figures"):
        for name in RENDERERS:
            subprocess.run([sys.executable, "-c", f"from benchmarks.reports import one; one({what!r}, {name!r})"], check=True)


if __name__ == "__main__":
    main()
