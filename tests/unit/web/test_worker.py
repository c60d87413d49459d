"""Workers on both engines: killed in the middle, stopped, cancelled, several at once; nothing is lost, nothing done twice."""

import json
import shutil
import signal
import subprocess
import sys
import threading
import time

import pytest
import sqlalchemy as sa

from aftercar.actions.sample_analyses import KIND, run_job, run_next
from aftercar.actions.simulate_sample import Recipe, simulate_sample
from aftercar.store import job_queue, web_jobs
from aftercar.web.worker import Worker
from tests.unit.web.conftest import BOTH_ENGINES

pytestmark = BOTH_ENGINES

#: A worker in a process of its own that stops for good in the middle of its first analysis, once it has told that it began.
WORKER = """
import datetime as dt, sys, threading, time
from pathlib import Path
import aftercar.actions.test_sample as action
from aftercar.actions.sample_analyses import Bench
from aftercar.store import open_store
from aftercar.web.worker import Worker
real = action.test_sample
def hang(*arguments, **named):
    named["progress"](1, 4, "in the middle")
    print("in the middle", flush=True)
    threading.Event().wait()
if sys.argv[3] == "hang":
    action.test_sample = hang
store = open_store(sys.argv[1])
Worker(store, Bench(Path(sys.argv[2])), lambda: dt.datetime.now(dt.UTC), heartbeat=0.3, silent=1.5).start()
print("ready", flush=True)
threading.Event().wait()
"""


@pytest.fixture(scope="session")
def simulated(tmp_path_factory):
    """A small tumour with one insertion."""
    folder = tmp_path_factory.mktemp("simulated") / "sample"
    simulate_sample(folder, Recipe(host_length=40_000, depth=20, purity=0.8))
    return folder


@pytest.fixture
def ask(world, simulated):
    """Ask for an analysis: files in their place and a row, as an upload leaves them."""
    asked = {"sample_id": "S-CASE-1", "reads": ["reads.bam"], "vector": "vector.fa", "purity": 0.8}

    def ask(job_id):
        folder = world.bench.folder / job_id
        folder.mkdir(parents=True)
        shutil.copy(simulated / "tumour.bam", folder / "reads.bam")
        shutil.copy(simulated / "vector.fa", folder / "vector.fa")
        web_jobs.add_job(world.store, job_id, KIND, "root", asked, world.now)
        return job_id

    return ask


@pytest.fixture
def start(world):
    """Start worker processes; they are killed at the end."""
    running = []

    def start(mode):
        command = [sys.executable, "-c", WORKER, world.url, str(world.bench.folder), mode]
        running.append(subprocess.Popen(command, stdout=subprocess.PIPE, text=True))
        assert running[-1].stdout.readline().strip() == "ready"
        return running[-1]

    yield start
    for process in running:
        process.kill()
        process.wait()
        process.stdout.close()


def until(condition, seconds=60):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not come about in time"
        time.sleep(0.05)


def state(world, job_id):
    return web_jobs.job(world.store, job_id).state


@pytest.mark.slow
def test_a_killed_workers_analysis_is_taken_over(world, ask, start):
    job_id = ask("a" * 32)
    first = start("hang")
    assert first.stdout.readline().strip() == "in the middle"
    told = web_jobs.job(world.store, job_id)
    assert (told.state, told.progress, told.words, told.attempts) == ("running", 0.0, "started", 1)
    second = start("work")
    time.sleep(2.5)
    assert state(world, job_id) == "running"  # the first lives: nobody takes its work away
    first.send_signal(signal.SIGKILL)
    until(lambda: state(world, job_id) in web_jobs.ENDED)
    ended = web_jobs.job(world.store, job_id)
    assert (ended.state, ended.attempts) == ("done", 2), ended.words
    assert second.poll() is None
    assert world.store.get("result_documents", job_id)["statement"] == "present_clonal"
    assert world.store.verify().holds


def test_what_was_to_be_cancelled_when_its_worker_was_killed_is_cancelled(world, ask):
    job_id = ask("b" * 32)
    web_jobs.begin(world.store, job_id, world.now)
    web_jobs.cancel(world.store, job_id, world.now)
    assert state(world, job_id) == "cancelling"
    worker = Worker(world.store, world.bench, lambda: world.now, heartbeat=0.3, silent=1.5)
    worker.start()
    until(lambda: state(world, job_id) == "cancelled")
    worker.stop()


@pytest.mark.slow
def test_several_workers_do_each_analysis_once(world, ask, start):
    jobs = [ask(f"{number:032x}") for number in range(3)]
    for _ in range(2):
        start("work")
    until(lambda: all(state(world, job_id) in web_jobs.ENDED for job_id in jobs), 120)
    assert {(web_jobs.job(world.store, job_id).state, web_jobs.job(world.store, job_id).attempts) for job_id in jobs} == {
        ("done", 1)
    }
    assert len(world.store.trail(table="result_documents")) == len(jobs)


def test_a_job_that_takes_its_worker_down_is_given_up(world, ask):
    job_id = ask("c" * 32)
    for number in range(web_jobs.MOST_ATTEMPTS):  # begun, and never heard of again
        assert web_jobs.begin(world.store, job_id, world.now).attempts == number + 1
    run_job(world.store, world.bench, job_id, lambda: world.now)
    given_up = web_jobs.job(world.store, job_id)
    assert given_up.state == "failed"
    assert "ended 3 times in the middle" in given_up.words
    assert web_jobs.begin(world.store, job_id, world.now) is None


def test_a_worker_that_was_thought_dead_may_not_write(world, ask):
    job_id = ask("d" * 32)
    first = web_jobs.begin(world.store, job_id, world.now)
    second = web_jobs.begin(world.store, job_id, world.now)
    assert not web_jobs.tell(world.store, first, 0.9, "late")
    web_jobs.finish(world.store, first, "failed", "late", world.now)
    web_jobs.put_back(world.store, first)
    assert state(world, job_id) == "running"
    assert web_jobs.tell(world.store, second, 0.5, "reading")
    web_jobs.finish(world.store, second, "done", "present", world.now)
    web_jobs.finish(world.store, second, "failed", "twice", world.now)
    assert web_jobs.job(world.store, job_id).words == "present"


def test_a_stopped_worker_puts_its_analysis_back(world, ask, monkeypatch):
    import aftercar.actions.test_sample as action

    job_id, inside = ask("e" * 32), threading.Event()

    def slow(*_, progress, **__):
        inside.set()
        while True:
            progress(1, 4, "reading")
            time.sleep(0.02)

    with monkeypatch.context() as patch:
        patch.setattr(action, "test_sample", slow)
        worker = Worker(world.store, world.bench, lambda: world.now, heartbeat=0.3, silent=1.5)
        worker.start()
        assert inside.wait(20)
        worker.stop()
    job = web_jobs.job(world.store, job_id)
    assert (job.state, job.attempts) == ("queued", 0)
    worker = Worker(world.store, world.bench, lambda: world.now, heartbeat=0.3, silent=1.5)
    worker.start()
    until(lambda: state(world, job_id) in web_jobs.ENDED)
    worker.stop()
    assert web_jobs.job(world.store, job_id).attempts == 1
    assert state(world, job_id) == "done"


def test_a_running_analysis_is_cancelled_and_its_progress_is_seen(world, ask, monkeypatch):
    import aftercar.actions.test_sample as action

    job_id = ask("f" * 32)

    def slow(*_, progress, **__):
        for step in range(1_000):
            progress(step, 1_000, "reading")
            time.sleep(0.02)

    monkeypatch.setattr(action, "test_sample", slow)
    worker = Worker(world.store, world.bench, lambda: world.now, heartbeat=0.3, silent=1.5)
    worker.start()
    until(lambda: web_jobs.job(world.store, job_id).progress > 0)
    browser = world.browser("laboratoryc01@example.org")
    assert "reading" in browser.get("/samples/S-CASE-1").text
    assert browser.submit(f"/samples/S-CASE-1/analyses/{job_id}/cancel").status_code == 303
    until(lambda: state(world, job_id) == "cancelled", 20)
    worker.stop()
    assert not (world.bench.folder / job_id / "result").exists()


def test_files_that_are_elsewhere_are_said(world, ask):
    job_id = ask("1" * 32)
    shutil.rmtree(world.bench.folder / job_id)
    run_next(world.store, world.bench, lambda: world.now)
    job = web_jobs.job(world.store, job_id)
    assert job.state == "failed"
    assert "--files" in job.words


def test_the_queues_tables_follow_the_library(world, tmp_path, monkeypatch):
    if world.store.engine.dialect.name == "sqlite":
        assert web_jobs.waiting(world.store) is None  # no library there: the row alone says what waits
        return
    engine = world.store.engine
    job_queue.prepare(engine)  # again: nothing happens
    with world.store.snapshot() as connection:
        before = job_queue._version(connection)
    sql = tmp_path / "sql"
    (sql / "migrations").mkdir(parents=True)
    (sql / "migrations" / before).write_text("SELECT 1/0; -- it is there already")
    (sql / "migrations" / "99.00.00_01_pre_more.sql").write_text("CREATE TABLE procrastinate_more (n int); SELECT '%';")
    monkeypatch.setattr(job_queue, "_migrations", lambda: sql / "migrations")
    job_queue.prepare(engine)
    with world.store.snapshot() as connection:
        assert job_queue._version(connection) == "99.00.00_01_pre_more.sql"
        assert sa.inspect(connection).has_table("procrastinate_more")


def test_what_waited_before_the_queue_was_there_is_in_it(world, ask):
    job_id = ask("2" * 32)
    if world.store.engine.dialect.name == "sqlite":
        assert web_jobs.waiting(world.store) == job_id
        return
    with world.store.engine.begin() as connection:
        for (statement,) in connection.execute(sa.text(_DROPS)).all():
            connection.execute(sa.text(statement))
    job_queue.prepare(world.store.engine)
    with world.store.snapshot() as connection:
        asked = connection.execute(sa.text("SELECT args::text FROM procrastinate_jobs")).scalars().all()
    assert [json.loads(text) for text in asked] == [{"job_id": job_id}]


#: Statements that take away everything of the library's.
_DROPS = """
SELECT format('DROP TABLE %I CASCADE', relname) FROM pg_class WHERE relkind = 'r' AND relname LIKE 'procrastinate%'
UNION ALL SELECT format('DROP FUNCTION IF EXISTS %s CASCADE', oid::regprocedure) FROM pg_proc WHERE proname LIKE 'procrastinate%'
UNION ALL SELECT format('DROP TYPE IF EXISTS %I CASCADE', typname) FROM pg_type
  WHERE typname LIKE 'procrastinate%' AND (typtype = 'e' OR typrelid IN (SELECT oid FROM pg_class WHERE relkind = 'c'))
"""
