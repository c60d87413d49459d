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
) -> None:
    """Serve the web app; the first start prints a one-time link for the first administrator."""
    import importlib.util

    from aftercar.errors import MissingEngine

    if importlib.util.find_spec("uvicorn") is None or importlib.util.find_spec("fastapi") is None:
        raise MissingEngine("the web app needs FastAPI and uvicorn", fix="pip install 'aftercar[web]'")
    import os

    import uvicorn

    from aftercar.actions.accounts import first_link
    from aftercar.actions.sample_analyses import Bench
    from aftercar.cli.output import say
    from aftercar.edges.oidc import Provider, read_oidc_settings
    from aftercar.edges.outbox import file_outbox, mail_server
    from aftercar.store import create_store
    from aftercar.web.app import beside, create_app, utc_now

    organisation = read_oidc_settings(oidc, os.environ)
    provider = Provider(organisation) if organisation is not None else None
    store = create_store(database or None)
    token = first_link(store, utc_now())
    if token:
        say(f"first administrator (good for one day, once): http://{host}:{port}/first/{token}")
    if mail_host:
        user, password = os.environ.get("AFTERCAR_MAIL_USER", ""), os.environ.get("AFTERCAR_MAIL_PASSWORD", "")
        send = mail_server(mail_host, mail_port, mail_from, user, password)
    else:
        send = file_outbox(outbox)
    bench = Bench(files or beside(store), reference, genes, int(largest_upload * 1e9))
    app = create_app(store, send=send, bench=bench, provider=provider, secure=secure)
    uvicorn.run(app, host=host, port=port, log_level="warning", server_header=False)
