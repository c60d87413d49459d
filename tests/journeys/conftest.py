"""A real server in a process of its own and a real browser; both are skipped with a reason where they are missing."""

import os
import re
import shutil
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request

import pytest

FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


class Server:
    """``aftercar web`` as a person starts it."""

    def __init__(self, folder, *options, database=None):
        self.folder, self.options = folder, options
        self.database, self.outbox = database or folder / "registry.db", folder / "outbox"
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self.base = f"http://127.0.0.1:{self.port}"
        self.process = None

    def start(self):
        command = [sys.executable, "-m", "aftercar", "web", "--database", str(self.database), "--port", str(self.port)]
        self.log = self.folder / f"log-{time.monotonic_ns()}"
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                [*command, "--outbox", str(self.outbox), *self.options], stdout=log, stderr=log, cwd=self.folder
            )
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            try:
                urllib.request.urlopen(f"{self.base}/sign-in", timeout=5).close()
                return self
            except (urllib.error.URLError, OSError):
                if self.process.poll() is not None:
                    break
                time.sleep(0.2)
        raise AssertionError(f"the server did not start:\n{self.log.read_text()}")

    def stop(self, *, hard=False):
        if self.process is not None and self.process.poll() is None:
            self.process.kill() if hard else self.process.terminate()
            self.process.wait(timeout=30)

    def first_link(self):
        """The path of the link that the first start prints; the terminal may have wrapped it."""
        return re.search(r"/first/[\w-]+", "".join(self.log.read_text().split()))[0]

    def letters(self):
        """Texts of the messages in the outbox, oldest first."""
        return [path.read_text() for path in sorted(self.outbox.glob("*.eml"))]


@pytest.fixture
def server(request, tmp_path):
    """A server on an empty registry; on SQLite unless the test asks for PostgreSQL."""
    pytest.importorskip("uvicorn", reason="the web app is an extra: pip install 'aftercar[web]'")
    on_postgres = getattr(request, "param", "sqlite") == "postgresql"
    running = Server(tmp_path, database=request.getfixturevalue("postgres").new_database() if on_postgres else None)
    yield running
    running.stop()


@pytest.fixture(scope="session")
def chromium():
    """A headless browser."""
    playwright = pytest.importorskip("playwright.sync_api", reason="journeys need playwright")
    found = os.environ.get("AFTERCAR_CHROMIUM") or shutil.which("chromium") or shutil.which("chromium-browser")
    if found is None:
        pytest.skip("journeys need Chromium on the path, or AFTERCAR_CHROMIUM")
    with playwright.sync_playwright() as running:
        browser = running.chromium.launch(executable_path=found, args=list(FLAGS))
        yield browser
        browser.close()
