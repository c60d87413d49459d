"""``aftercar web`` as it is started: parts of their own, several processes, refusals in words."""

import os
import re
import signal
import socket
import subprocess
import sys
import time

import httpx
import pytest

from aftercar.actions.sample_analyses import KIND
from aftercar.store import web_jobs
from tests.unit.web.conftest import BOTH_ENGINES, PASSWORD


def aftercar(*arguments, **more):
    return subprocess.Popen(
        [sys.executable, "-m", "aftercar", "web", *map(str, arguments)],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        **more,
    )


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [(("--only", "worker"), "one worker, inside 'aftercar web'"), (("--only", "nothing"), "pages or worker")],
)
def test_what_cannot_be_started_is_said(tmp_path, arguments, words):
    process = aftercar("--database", tmp_path / "r.db", *arguments, cwd=tmp_path)
    output, _ = process.communicate(timeout=120)
    assert process.returncode == 2
    assert words in " ".join(output.split())


@pytest.mark.slow
@BOTH_ENGINES
def test_several_processes_serve_one_registry(url, tmp_path):
    port = free_port()
    environment = {**os.environ, "AFTERCAR_DATABASE": url}
    process = aftercar("--port", port, "--processes", 2, "--files", tmp_path / "files", cwd=tmp_path, env=environment)
    try:
        base, deadline = f"http://127.0.0.1:{port}", time.monotonic() + 120
        while True:
            try:
                httpx.get(f"{base}/sign-in", timeout=5)
                break
            except httpx.TransportError:
                assert time.monotonic() < deadline
                time.sleep(0.2)
        with httpx.Client(base_url=base) as first:
            form = {"email": "root@example.org", "password": PASSWORD, "code": ""}
            assert first.post("/sign-in", data=form).status_code == 303
            session = first.cookies["aftercar_session"]
        for _ in range(12):  # a connection of its own each time: whichever process answers, it knows the session
            answer = httpx.get(f"{base}/people", cookies={"aftercar_session": session}, timeout=60)
            assert answer.status_code == 200
            assert re.search(r"41\s+people", answer.text)
    finally:
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=60)


@pytest.mark.slow
@pytest.mark.parametrize("url", ["postgresql"], indirect=True)
def test_a_worker_of_its_own_ends_what_the_pages_queue(world, tmp_path):
    job_id = "9" * 32  # its files are missing: the worker says so, which shows that it took the job
    asked = {"sample_id": "S-CASE-1", "reads": ["reads.bam"], "vector": "vector.fa", "purity": None}
    web_jobs.add_job(world.store, job_id, KIND, "root", asked, world.now)
    process = aftercar("--database", world.url, "--only", "worker", "--files", tmp_path / "elsewhere", cwd=tmp_path)
    try:
        deadline = time.monotonic() + 120
        while web_jobs.job(world.store, job_id).state not in web_jobs.ENDED and time.monotonic() < deadline:
            time.sleep(0.2)
        assert "--files" in web_jobs.job(world.store, job_id).words
    finally:
        process.send_signal(signal.SIGTERM)
        output, _ = process.communicate(timeout=60)
    assert process.returncode == 0
    assert "first administrator" not in output
