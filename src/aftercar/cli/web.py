"""``aftercar web``: serve the web app over a registry.

Example::

    $ aftercar registry init
    $ aftercar web
"""

from __future__ import annotations

from pathlib import Path

import typer


def command(
    database: str = typer.Option("", "--database", help="Registry: a SQLite file or postgresql://HOST/NAME."),
    host: str = typer.Option("127.0.0.1", help="Address to listen on."),
    port: int = typer.Option(8000, help="Port to listen on."),
    outbox: Path = typer.Option(Path("outbox"), help="Folder for messages, unless a mail server is named."),
    mail_host: str = typer.Option("", envvar="AFTERCAR_MAIL_HOST", help="Mail server."),
    mail_port: int = typer.Option(587, envvar="AFTERCAR_MAIL_PORT", help="Its port."),
    mail_from: str = typer.Option("", envvar="AFTERCAR_MAIL_FROM", help="Sender's address."),
    files: Path | None = typer.Option(None, help="Folder for uploaded samples; by default DATABASE.files beside the database."),
    reference: Path | None = typer.Option(None, help="Host reference FASTA, for uploaded samples."),
    genes: Path | None = typer.Option(None, help="GTF or refGene table, for uploaded samples."),
    largest_upload: float = typer.Option(5.0, min=0.001, help="Size limit of one upload, in GB."),
    oidc: Path | None = typer.Option(None, envvar="AFTERCAR_OIDC_FILE", help="Settings of the organisation's sign-in (TOML)."),
    secure: bool = typer.Option(False, "--secure", help="Served over TLS by a proxy: keep cookies to it."),
    processes: int = typer.Option(1, min=1, max=64, help="Processes that serve pages."),
    only: str = typer.Option("", "--only", help="Run one part: pages, or worker (analyses, on PostgreSQL)."),
) -> None:
    """Serve the web app; the first start prints a one-time link for the first administrator.

    Examples:
      aftercar web
      aftercar web --database postgresql://server/registry --processes 4 --only pages --files /srv/aftercar
      aftercar web --database postgresql://server/registry --only worker --files /srv/aftercar --reference GRCh38.fa
    """
    import importlib.util

    from aftercar.errors import MissingEngine, UsageError

    if importlib.util.find_spec("uvicorn") is None or importlib.util.find_spec("fastapi") is None:
        raise MissingEngine("the web app needs FastAPI and uvicorn", fix="pip install 'aftercar[web]'")
    if only not in ("", "pages", "worker"):
        raise UsageError(f"there is no part {only!r} of the web app", where="--only", fix="pages or worker")

    from aftercar.actions.accounts import first_link
    from aftercar.cli.output import say
    from aftercar.store import create_store
    from aftercar.store.database import full_url
    from aftercar.web.app import utc_now
    from aftercar.web.serve import Settings, serve_pages, serve_worker

    settings = Settings(
        database=full_url(database or None),
        outbox=str(outbox),
        mail_host=mail_host,
        mail_port=mail_port,
        mail_from=mail_from,
        files=str(files or ""),
        reference=str(reference or ""),
        genes=str(genes or ""),
        largest_upload=int(largest_upload * 1e9),
        oidc=str(oidc or ""),
        secure=secure,
        works=only != "pages",
    )
    store = create_store(settings.database)
    token = None if only == "worker" else first_link(store, utc_now())
    if token:
        say(f"first administrator (good for one day, once): http://{host}:{port}/first/{token}")
    store.close()
    if only == "worker":
        serve_worker(settings)
    else:
        serve_pages(settings, host, port, processes)
