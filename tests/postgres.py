"""A PostgreSQL server for the tests, started on loopback in a temporary folder; asked for as the fixture ``postgres``."""

import os
import shutil
import socket
import subprocess
import tempfile
from contextlib import contextmanager
from pathlib import Path

import pytest


def postgres_bin():
    named = os.environ.get("AFTERCAR_POSTGRES_BIN")
    candidates = [Path(named)] if named else sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
    return next((path for path in candidates if (path / "initdb").exists()), None)


class Server:
    """A PostgreSQL of the test session; root may not run it, so it runs as ``postgres`` then."""

    def __init__(self, binaries: Path, folder: Path) -> None:
        self.binaries, self.folder, self.copies = binaries, folder, 0
        self.as_other = ["setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups"] if os.getuid() == 0 else []
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]

    def run(self, program, *arguments):
        command = [*self.as_other, str(self.binaries / program), *arguments]
        return subprocess.run(command, check=True, capture_output=True, text=True, cwd="/")

    def start(self):
        if self.as_other:
            shutil.chown(self.folder, "postgres", "postgres")
        data = self.folder / "data"
        self.run("initdb", "-D", str(data), "-U", "aftercar", "-A", "trust", "-E", "UTF8", "--locale=C.UTF-8", "--no-sync")
        options = f"-p {self.port} -c listen_addresses=127.0.0.1 -c unix_socket_directories={self.folder}"
        options += " -c max_connections=60 -c fsync=off"
        self.run("pg_ctl", "-D", str(data), "-l", str(self.folder / "log"), "-w", "-o", options, "start")

    def new_database(self):
        """The address of an empty database: one database serves every test, emptied before each."""
        import psycopg

        address = self.address("postgres")
        with psycopg.connect(address, autocommit=True) as connection:
            others = (
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = 'postgres' AND pid <> pg_backend_pid()"
            )
            connection.execute(others)
            connection.execute("DROP SCHEMA public CASCADE")
            connection.execute("CREATE SCHEMA public")
        return address

    def copy_of(self, name):
        """The address of a new database that is a copy of another; nobody may be connected to that one."""
        import psycopg

        self.copies += 1
        with psycopg.connect(self.address("postgres"), autocommit=True) as connection:
            connection.execute(f'CREATE DATABASE "{name}_{self.copies}" TEMPLATE "{name}"')
        return self.address(f"{name}_{self.copies}")

    def address(self, name):
        """The address of a database of that name."""
        return f"postgresql://aftercar@127.0.0.1:{self.port}/{name}"

    def stop(self):
        self.run("pg_ctl", "-D", str(self.folder / "data"), "-m", "immediate", "stop")


@pytest.fixture(scope="session")
def postgres():
    binaries = postgres_bin()
    if binaries is None:
        pytest.skip("PostgreSQL's initdb was not found; install Debian's postgresql package or set AFTERCAR_POSTGRES_BIN")
    with running_server(binaries) as server:
        yield server


@contextmanager
def running_server(binaries):
    """A server in a folder of its own: pytest's folders may be cleaned up by another session."""
    folder = Path(tempfile.mkdtemp(prefix="aftercar-postgres-"))
    server = Server(binaries, folder)
    try:
        server.start()
        yield server
        server.stop()
    finally:
        shutil.rmtree(folder, ignore_errors=True)
