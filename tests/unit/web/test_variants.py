"""Upload variants of a specimen, call clonal haematopoiesis, read and download the outcome; what is refused."""

import pytest

from aftercar.actions.sample_analyses import run_next
from aftercar.actions.sample_variants import KIND
from aftercar.store import web_jobs

SAMPLE = "/samples/S-CASE-1"
CSQ = (
    '##INFO=<ID=CSQ,Number=.,Type=String,Description="Consequence annotations from Ensembl VEP. '
    'Format: Allele|Consequence|SYMBOL|Feature|EXON|HGVSp|gnomADe_AF|PICK">'
)


def vcf(protein="ENSP00000324375.5:p.Arg882His", samples=("blood",)):
    head = "\t".join(["#CHROM", "POS", "ID", "REF", "ALT", "QUAL", "FILTER", "INFO", "FORMAT", *samples])
    info = f"CSQ=T|missense_variant|DNMT3A|ENST00000321117|23/23|{protein}||1"
    cell = "0/1:470,30:0.06:500:240,15:228,14:230,240,14,16"
    row = "\t".join(["chr2", "25234373", ".", "C", "T", ".", "PASS", info, "GT:AD:AF:DP:F1R2:F2R1:SB", *[cell] * len(samples)])
    return "\n".join(["##fileformat=VCFv4.2", "##source=Mutect2", CSQ, head, row]) + "\n"


@pytest.fixture
def browser(world):
    return world.browser("laboratoryc01@example.org")


def upload(browser, name="blood.vcf", content=None, **fields):
    data = {"csrf": browser.csrf(), **fields}
    files = [("variants", (name, vcf() if content is None else content))]
    return browser.post(f"{SAMPLE}/variants", data=data, files=files, follow_redirects=False)


def work(world):
    job_id = web_jobs.waiting(world.store)
    assert run_next(world.store, world.app.state.desk.bench, lambda: world.now)
    return web_jobs.job(world.store, job_id)


def test_variants_are_called_shown_kept_and_downloaded(world, browser):
    assert upload(browser).status_code == 303
    assert "An analysis is under way" in browser.get(SAMPLE).text
    job = work(world)
    assert job.state == "done", job.words
    page = browser.get(SAMPLE).text
    assert "DNMT3A" in page
    assert "R882H" in page
    assert "1 driver(s)" in page
    found = browser.get(f"{SAMPLE}.json").json()["clonal"]
    assert found["variants"][0]["verdict"] == "driver"
    for name in ("variants.csv", "genes.csv", "samples.csv"):
        assert browser.get(f"{SAMPLE}/variants/{job.job_id}/{name}").status_code == 200
    kept = world.store.get("result_documents", job.job_id)
    assert (kept["kind"], kept["sample_id"]) == ("clonal_haematopoiesis", "S-CASE-1")
    assert world.store.history("result_documents", job.job_id)[0].who.startswith("laboratoryc01")


def test_several_samples_need_the_column(world, browser):
    upload(browser, content=vcf(samples=("a", "b")))
    assert work(world).state == "failed"
    upload(browser, content=vcf(samples=("a", "b")), column="b")
    assert work(world).state == "done"


def test_no_cell_of_a_download_is_a_formula(world, browser):
    upload(browser, content=vcf(protein="ENSP1:=cmd()").replace("chr2", "=HYPERLINK(0)"))
    job = work(world)
    assert job.state in ("done", "failed")
    if job.state == "done":
        text = browser.get(f"{SAMPLE}/variants/{job.job_id}/variants.csv").text
        assert "=HYPERLINK" in text
        assert all(not cell.startswith("=") for line in text.splitlines() for cell in line.split(","))


def test_damaged_and_foreign_files_fail_clearly(world, browser):
    assert upload(browser, "blood.exe").status_code == 422
    assert upload(browser, "../../blood.vcf.sh").status_code == 422
    assert web_jobs.jobs_of(world.store, KIND) == []
    for name, content in (("a.vcf", "no variants"), ("a.vcf.gz", b"no gzip"), ("a.maf", "Hugo"), ("a.bcf", b"BCF")):
        assert upload(browser, name, content).status_code == 303
        job = work(world)
        assert job.state == "failed"
        assert "our fault" not in job.words, job.words


def test_only_the_laboratory_of_the_centre_uploads(world, browser):
    assert upload(browser, csrf="guess").status_code == 403
    for other in ("registrar", "laboratoryc02", "reader"):
        assert upload(world.browser(f"{other}@example.org")).status_code in (403, 422)
    assert web_jobs.jobs_of(world.store, KIND) == []
    upload(browser)
    job = work(world)
    stranger = world.browser("laboratoryc02@example.org")
    assert stranger.get(f"{SAMPLE}/variants/{job.job_id}/variants.csv").status_code == 422
    assert stranger.submit(f"{SAMPLE}/variants/{job.job_id}/cancel").status_code == 422
    for wrong in ("variants.vcf", "../../registry.db", "..%2fvariants.vcf"):
        assert browser.get(f"{SAMPLE}/variants/{job.job_id}/{wrong}").status_code in (404, 422)


def test_text_of_a_variant_file_is_shown_as_text(world, browser):
    upload(browser, content=vcf(protein="ENSP1:p.<script>alert(1)</script>"))
    work(world)
    assert "<script>" not in browser.get(SAMPLE).text
