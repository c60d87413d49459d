"""From the settings of one start to running processes: pages, a worker, or both; one process or several on one database."""

from __future__ import annotations

import json
import os
import signal
import sys
import threading
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from aftercar.actions.sample_analyses import Bench
from aftercar.edges.oidc import Provider, read_oidc_settings
from aftercar.edges.outbox import file_outbox, mail_server
from aftercar.errors import UsageError
from aftercar.store import Store, open_store
from aftercar.web.app import beside, create_app, utc_now
from aftercar.web.worker import Worker

if TYPE_CHECKING:
    from fastapi import FastAPI

_VARIABLE = "AFTERCAR_WEB_SETTINGS"


@dataclass(frozen=True)
class Settings:
    """What a start was asked for; plain values, so that further processes get them too.

    Attributes:
        database: address of the registry.
        outbox, mail_host, mail_port, mail_from: where messages go.
        files, reference, genes, largest_upload: see :class:`aftercar.actions.sample_analyses.Bench`; "" for none, bytes.
        oidc: file with the settings of the organisation's sign-in; "" for none.
        secure: served over TLS.
        works: whether the processes that serve pages run analyses too.
    """

    database: str
    outbox: str
    mail_host: str
    mail_port: int
    mail_from: str
    files: str
    reference: str
    genes: str
    largest_upload: int
    oidc: str
    secure: bool
    works: bool


def serve_pages(settings: Settings, host: str, port: int, processes: int) -> None:
    """Serve until stopped; a process that ends by accident is started again when there are several."""
    import uvicorn

    quiet = {"host": host, "port": port, "log_level": "warning", "server_header": False}
    if processes == 1:
        uvicorn.run(_app(settings), **quiet)  # type: ignore[arg-type]
        return
    _provider(settings)  # what is wrong with the settings is said here, not by every process
    os.environ[_VARIABLE] = json.dumps(asdict(settings))  # read by the processes that are started from this one
    uvicorn.run("aftercar.web.serve:app_of_this_process", factory=True, workers=processes, **quiet)  # type: ignore[arg-type]


def serve_worker(settings: Settings) -> None:
    """Work through analyses until a signal to stop comes; the one that runs is put back for another worker.

    Raises:
        UsageError: on SQLite, whose one worker is beside the pages.
    """
    store = open_store(settings.database)
    if store.engine.dialect.name == "sqlite":
        raise UsageError("a SQLite registry has one worker, inside 'aftercar web'", fix="use PostgreSQL for workers of their own")
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    worker = Worker(store, _bench(settings, store), utc_now)
    worker.start()
    stop.wait()
    worker.stop()
    store.close()


def app_of_this_process() -> FastAPI:
    """The app in one of several processes."""
    return _app(Settings(**json.loads(os.environ[_VARIABLE])))


def _app(settings: Settings) -> FastAPI:
    sys.setswitchinterval(0.0005)  # pages are many short turns of many threads: by default each may wait 5 ms for every other
    store = open_store(settings.database)
    if settings.mail_host:
        user, password = os.environ.get("AFTERCAR_MAIL_USER", ""), os.environ.get("AFTERCAR_MAIL_PASSWORD", "")
        send = mail_server(settings.mail_host, settings.mail_port, settings.mail_from, user, password)
    else:
        send = file_outbox(Path(settings.outbox))
    return create_app(
        store,
        send=send,
        bench=_bench(settings, store),
        provider=_provider(settings),
        secure=settings.secure,
        works=settings.works,
    )


def _provider(settings: Settings) -> Provider | None:
    organisation = read_oidc_settings(Path(settings.oidc) if settings.oidc else None, os.environ)
    return Provider(organisation) if organisation is not None else None


def _bench(settings: Settings, store: Store) -> Bench:
    named = [Path(text) if text else None for text in (settings.files, settings.reference, settings.genes)]
    return Bench(named[0] or beside(store), named[1], named[2], settings.largest_upload)
