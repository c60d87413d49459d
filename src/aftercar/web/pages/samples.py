"""One specimen: upload its reads, watch the analysis, read the evidence, download it."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from fastapi import APIRouter, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import FileResponse, RedirectResponse, Response
from starlette.datastructures import UploadFile

from aftercar.actions import sample_analyses as act
from aftercar.actions import sample_variants
from aftercar.actions.report_samples import drawn_of
from aftercar.errors import AfterCarError, InputError
from aftercar.reports.blocks import Block, Field, TableBlock
from aftercar.reports.laboratory import result_blocks
from aftercar.store import web_jobs
from aftercar.web.access import Form, Here, Plain, Who, check_token
from aftercar.web.pages.signals import plain_block
from aftercar.web.rendering import page
from aftercar.web.sheets import without_formulas

router = APIRouter()
FIELDS = {
    "csrf": "Token of the form; programs leave it out.",
    "purity": "Share of tumour cells, above 0 up to 1.",
    "reads": "File: one BAM, or one or two FASTQ (the field twice).",
    "vector": "File: the construct as FASTA or GenBank.",
}
VARIANT_FIELDS = {
    "csrf": "Token of the form; programs leave it out.",
    "variants": "File: VCF, BCF or MAF.",
    "column": "Sample column to read, where the file holds several.",
}


@dataclass(frozen=True)
class Sample:
    """One specimen.

    Attributes:
        sample: its row.
        jobs: analyses of reads, newest first.
        variant_jobs: callings of clonal haematopoiesis, newest first.
        clonal: outcome of the newest finished calling (``sample``, ``genes``, ``variants``, ``job_id``), {} without one.
        shown: the finished analysis whose evidence is on the page, or "".
        verdict: its verdict, as in verdict.json.
        parts: call, copies, detection limit, reasons, elements, sites, for the template.
        pileup: the reads at each junction as a picture.
        downloads: names of its files.
        may_test: whether the visitor may upload.
        largest: size limit of an upload, in words.
        message: what did not fit.
        waiting: whether an analysis waits or runs, so that the page loads itself again.
    """

    sample: Mapping[str, Any]
    jobs: Sequence[web_jobs.Job]
    variant_jobs: Sequence[web_jobs.Job]
    clonal: Plain
    shown: str
    verdict: Mapping[str, Any]
    parts: Sequence[Plain]
    pileup: str
    downloads: Sequence[str]
    may_test: bool
    largest: str
    message: str
    waiting: bool


@router.get("/samples/{sample_id}")
@router.get("/samples/{sample_id}.json")
def sample(request: Request, sample_id: str, here: Here, who: Who, analysis: str = "") -> Response:
    """One specimen with the evidence of its newest finished analysis, or of the one asked for."""
    return _sample_page(request, sample_id, here, who, analysis, "", 200)


@router.post("/samples/{sample_id}/analyses")
async def upload(request: Request, sample_id: str, here: Here, who: Who) -> Response:
    """Upload reads and construct (to disk as they come) and queue their analysis; rights are checked before a byte is read."""
    await run_in_threadpool(act.sample_within_reach, here.store, who.actor, sample_id, "test")
    async with request.form(max_files=3, max_fields=20) as data:
        check_token(who, str(data.get("csrf", "")))
        reads = [item for item in data.getlist("reads") if isinstance(item, UploadFile) and item.filename]
        vector = data.get("vector")
        try:
            if not isinstance(vector, UploadFile) or not vector.filename:
                raise InputError("there is no construct", where="vector", fix="choose its FASTA or GenBank file")
            named = [(item.filename or "", item.file) for item in reads]
            await run_in_threadpool(
                act.submit,
                here.store,
                who.actor,
                here.bench,
                sample_id,
                named,
                (vector.filename, vector.file),
                str(data.get("purity", "")),
                here.clock(),
            )
        except AfterCarError as error:
            return await run_in_threadpool(_sample_page, request, sample_id, here, who, "", str(error), 422)
    here.wake()
    return RedirectResponse(f"/samples/{sample_id}", status_code=303)


@router.post("/samples/{sample_id}/variants")
async def upload_variants(request: Request, sample_id: str, here: Here, who: Who) -> Response:
    """Upload a variant file and queue the calling of clonal haematopoiesis in it."""
    await run_in_threadpool(act.sample_within_reach, here.store, who.actor, sample_id, "test")
    async with request.form(max_files=1, max_fields=20) as data:
        check_token(who, str(data.get("csrf", "")))
        given = data.get("variants")
        try:
            if not isinstance(given, UploadFile) or not given.filename:
                raise InputError("there is no variant file", where="variants", fix="choose a VCF, BCF or MAF")
            named = (given.filename, given.file)
            column = str(data.get("column", "")).strip()[:200]
            await run_in_threadpool(
                sample_variants.submit, here.store, who.actor, here.bench, sample_id, named, column, here.clock()
            )
        except AfterCarError as error:
            return await run_in_threadpool(_sample_page, request, sample_id, here, who, "", str(error), 422)
    here.wake()
    return RedirectResponse(f"/samples/{sample_id}", status_code=303)


@router.post("/samples/{sample_id}/variants/{job_id}/cancel")
def cancel_variants(sample_id: str, job_id: str, here: Here, who: Who, fields: Form) -> Response:
    """Stop a calling."""
    found = sample_variants.variants_job(here.store, who.actor, sample_id, job_id, "test")
    web_jobs.cancel(here.store, found.job_id, here.clock())
    return RedirectResponse(f"/samples/{sample_id}", status_code=303)


@router.get("/samples/{sample_id}/variants/{job_id}/{name}")
def download_variants(sample_id: str, job_id: str, name: str, here: Here, who: Who) -> Response:
    """One table of a finished calling."""
    return _file(sample_variants.variants_file(here.store, who.actor, here.bench, sample_id, job_id, name), job_id)


@router.post("/samples/{sample_id}/analyses/{job_id}/cancel")
def cancel(sample_id: str, job_id: str, here: Here, who: Who, fields: Form) -> Response:
    """Stop an analysis."""
    found = act.job_of(here.store, who.actor, sample_id, job_id, "test")
    web_jobs.cancel(here.store, found.job_id, here.clock())
    return RedirectResponse(f"/samples/{sample_id}", status_code=303)


@router.get("/samples/{sample_id}/analyses/{job_id}/{name}")
def download(sample_id: str, job_id: str, name: str, here: Here, who: Who) -> Response:
    """One file of a finished analysis."""
    return _file(act.result_file(here.store, who.actor, here.bench, sample_id, job_id, name), job_id)


def _with_distance(block: Block) -> Block:
    """The table of sites with the distance to its gene beside the gene."""
    if not isinstance(block, TableBlock) or block.key != "result-sites":
        return block
    place = next(number for number, field in enumerate(block.fields) if field.name == "gene") + 1
    distance = Field("distance", "Bases to it", "count", about="Distance to the gene; 0 inside it.")
    return replace(block, fields=(*block.fields[:place], distance, *block.fields[place:]))


def _file(path: Path, job_id: str) -> Response:
    """A file to be kept; tables without anything that a spreadsheet program would compute."""
    name = f"{job_id[:8]}-{path.name}"
    if path.suffix in (".csv", ".tsv"):
        headers = {"Content-Disposition": f'attachment; filename="{name}"'}
        return Response(without_formulas(path), media_type="text/plain; charset=utf-8", headers=headers)
    return FileResponse(path, filename=name, media_type="application/octet-stream")


def _sample_page(request: Request, sample_id: str, here: Here, who: Who, wanted: str, message: str, status: int) -> Response:
    record = act.sample_within_reach(here.store, who.actor, sample_id, "read")
    jobs = web_jobs.jobs_of(here.store, act.KIND, sample_id=sample_id)
    done = [job.job_id for job in jobs if job.state == "done"]
    if wanted and wanted not in done:
        raise InputError("there is no such finished analysis of this specimen")
    shown = wanted or (done[0] if done else "")
    verdict = act.verdict_of(here.bench, shown) if shown else {}
    folder = here.bench.folder / shown / "result"
    pileup = (folder / "junctions.svg").read_bytes() if shown and (folder / "junctions.svg").is_file() else b""
    callings = web_jobs.jobs_of(here.store, sample_variants.KIND, sample_id=sample_id)
    called = next((job.job_id for job in callings if job.state == "done"), "")
    context = Sample(
        sample=record.row,
        jobs=jobs,
        variant_jobs=callings,
        clonal={**sample_variants.outcome_of(here.bench, called), "job_id": called} if called else {},
        shown=shown,
        verdict=verdict,
        parts=[plain_block(_with_distance(block)) for block in result_blocks(verdict, drawn=drawn_of(folder))] if shown else [],
        pileup="data:image/svg+xml;base64," + base64.b64encode(pileup).decode() if pileup else "",
        downloads=[name for name in act.DOWNLOADS if shown and (folder / name).is_file()],
        may_test=who.actor.may("test"),
        largest=f"{here.bench.largest / 1e9:g} GB",
        message=message,
        waiting=any(job.state not in web_jobs.ENDED for job in (*jobs, *callings)),
    )
    return page(request, "sample.html", context, who, status=status)
