"""Upload reads, watch the analysis, read and download the evidence; what is refused; what a restart does."""

import json
import time

import pytest

from aftercar.actions.sample_analyses import KIND, run_next
from aftercar.actions.simulate_sample import Recipe, simulate_sample
from aftercar.store import web_jobs

SAMPLE = "/samples/S-CASE-1"


@pytest.fixture(scope="session")
def simulated(tmp_path_factory):
    """A small tumour with one insertion."""
    folder = tmp_path_factory.mktemp("simulated") / "sample"
    simulate_sample(folder, Recipe(host_length=60_000, depth=30, purity=0.8))
    return folder


@pytest.fixture
def browser(world):
    return world.browser("laboratoryc01@example.org")


def upload(browser, folder, *, reads=("tumour.bam",), vector="vector.fa", **fields):
    files = [("reads", (name, (folder / "tumour.bam").read_bytes())) for name in reads]
    files.append(("vector", (vector, (folder / "vector.fa").read_bytes())))
    data = {"csrf": browser.csrf(), "purity": "0.8", **fields}
    return browser.post(f"{SAMPLE}/analyses", data=data, files=files, follow_redirects=False)


def begin_next(world):
    return web_jobs.begin(world.store, web_jobs.waiting(world.store), world.now)


def newest(world):
    return web_jobs.jobs_of(world.store, KIND)[0]


@pytest.mark.slow
def test_reads_are_analysed_and_the_evidence_is_shown(world, browser, simulated):
    before = world.browser("assessor@example.org").get("/cases/CASE-1").text
    assert upload(browser, simulated).status_code == 303
    assert "queued" in browser.get(SAMPLE).text
    assert run_next(world.store, world.app.state.desk.bench, lambda: world.now)
    job = newest(world)
    assert (job.state, job.progress) == ("done", 1.0), job.words
    text = browser.get(SAMPLE).text
    assert "present" in text
    assert "Fragments on both sides" in text
    assert "Integration sites" in text
    for name in ("verdict.json", "sites.vcf", "sites.bed", "evidence.bam"):
        answer = browser.get(f"{SAMPLE}/analyses/{job.job_id}/{name}")
        assert answer.status_code == 200
        assert len(answer.content) > 50
    verdict = json.loads(browser.get(f"{SAMPLE}/analyses/{job.job_id}/verdict.json").content)
    assert browser.get(f"{SAMPLE}.json").json()["verdict"]["call"] == verdict["call"] == "present_clonal"
    document = world.store.get("result_documents", job.job_id)
    assert (document["statement"], document["sample_id"]) == ("present_clonal", "S-CASE-1")
    assert world.browser("assessor@example.org").get("/cases/CASE-1").text != before
    stranger = world.browser("laboratoryc02@example.org")
    assert stranger.get(f"{SAMPLE}/analyses/{job.job_id}/verdict.json").status_code == 422


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"reads": ("reads.exe",)}, "one BAM, or one or two FASTQ"),
        ({"reads": ("a.bam", "b.bam")}, "one BAM, or one or two FASTQ"),
        ({"vector": "vector.sh"}, "not FASTA or GenBank"),
        ({"purity": "1.4"}, "above 0 and at most 1"),
        ({"purity": "nan"}, "above 0 and at most 1"),
    ],
)
def test_what_does_not_fit_is_said_and_nothing_is_kept(world, browser, simulated, fields, words):
    answer = upload(browser, simulated, **fields)
    assert answer.status_code == 422
    assert words in answer.text
    assert web_jobs.jobs_of(world.store, KIND) == []
    folder = world.app.state.desk.bench.folder
    assert not folder.exists() or list(folder.iterdir()) == []


def test_names_never_become_paths(world, browser, simulated, tmp_path):
    assert upload(browser, simulated, reads=("../../../../escape.bam",), vector="/etc/vector.fa").status_code == 303
    job = newest(world)
    folder = world.app.state.desk.bench.folder / job.job_id
    assert sorted(path.name for path in folder.iterdir()) == ["reads.bam", "vector.fa"]
    assert not list(tmp_path.glob("**/escape*"))
    for name in ("..%2f..%2fregistry.db", "../../registry.db", "reads.bam", "vector.fa", "%2e%2e"):
        assert browser.get(f"{SAMPLE}/analyses/{job.job_id}/{name}").status_code in (404, 422)
    for wrong in ("..", "%2e%2e", "0" * 32):
        assert browser.get(f"{SAMPLE}/analyses/{wrong}/verdict.json").status_code in (404, 422)


def test_an_upload_without_the_token_or_the_right_is_refused(world, browser, simulated):
    assert upload(browser, simulated, csrf="guess").status_code == 403
    for other in ("registrar", "laboratoryc02", "reader"):
        assert upload(world.browser(f"{other}@example.org"), simulated).status_code in (403, 422)
    assert web_jobs.jobs_of(world.store, KIND) == []


def test_the_limit_of_uploads_is_stated_and_held(world, simulated, tmp_path):
    from aftercar.actions.sample_analyses import Bench
    from aftercar.web.app import create_app

    bench = Bench(tmp_path / "files", largest=2_000_000)
    world.app = create_app(world.store, send=lambda *_: None, bench=bench, clock=lambda: world.now)
    browser = world.browser("laboratory@example.org")
    assert "at most 0.002 GB" in browser.get(SAMPLE).text
    big = [("reads", ("a.bam", b"x" * 3_000_000)), ("vector", ("v.fa", b">v\nACGT\n"))]
    answer = browser.post(f"{SAMPLE}/analyses", data={"csrf": browser.csrf()}, files=big)
    assert answer.status_code == 413
    assert "2 MB" in answer.text
    assert not (tmp_path / "files").exists()


def test_damaged_reads_fail_clearly(world, browser, simulated):
    files = [("reads", ("a.bam", b"this is no BAM" * 100)), ("vector", ("v.fa", (simulated / "vector.fa").read_bytes()))]
    browser.post(f"{SAMPLE}/analyses", data={"csrf": browser.csrf()}, files=files)
    assert run_next(world.store, world.app.state.desk.bench, lambda: world.now)
    job = newest(world)
    assert job.state == "failed"
    assert "our fault" not in job.words
    assert job.words in browser.get(SAMPLE).text.replace("&#39;", "'")


def test_jobs_are_cancelled_waiting_or_running(world, browser, simulated):
    upload(browser, simulated)
    job = newest(world)
    assert browser.submit(f"{SAMPLE}/analyses/{job.job_id}/cancel").status_code == 303
    assert newest(world).state == "cancelled"
    assert not run_next(world.store, world.app.state.desk.bench, lambda: world.now)
    assert upload(browser, simulated).status_code == 303
    running = begin_next(world)
    browser.submit(f"{SAMPLE}/analyses/{running.job_id}/cancel")
    assert web_jobs.job(world.store, running.job_id).state == "cancelling"
    assert not web_jobs.tell(world.store, running, 0.5, "reading")


@pytest.mark.slow
def test_what_was_running_when_the_program_died_runs_again(world, browser, simulated):
    upload(browser, simulated)
    job = begin_next(world)
    folder = world.app.state.desk.bench.folder / job.job_id
    (folder / ".result.half").mkdir()
    with browser:  # the app starts: its worker takes up what was running
        deadline = time.monotonic() + 60
        while web_jobs.job(world.store, job.job_id).state not in web_jobs.ENDED and time.monotonic() < deadline:
            time.sleep(0.1)
    assert web_jobs.job(world.store, job.job_id).state == "done"
    assert not (folder / ".result.half").exists()
