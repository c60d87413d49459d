"""Bring a database to this program's schema, in one transaction."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import sqlalchemy as sa

from aftercar.store import job_queue
from aftercar.store.database import hidden, reading, writing
from aftercar.store.errors import NoStore, StoreVersion

if TYPE_CHECKING:
    from alembic.config import Config

FOLDER = Path(__file__).parent / "migrations"

#: The newest revision in ``migrations/versions``; a test holds it to the folder.
HEAD = "0008"

#: Any number, the same in every process: two migrations never run at once on PostgreSQL.
_LOCK = 46_017_001


def config() -> Config:
    """Alembic's configuration, made in code so that the package needs no file outside itself."""
    from alembic.config import Config

    made = Config()
    made.set_main_option("script_location", str(FOLDER))
    made.set_main_option("file_template", "%%(rev)s_%%(slug)s")
    return made


def revision(engine: sa.Engine) -> str | None:
    """The schema revision of a database; None when it holds no registry."""
    with reading(engine) as connection:
        if not sa.inspect(connection).has_table("alembic_version"):
            return None
        return connection.execute(sa.text("SELECT version_num FROM alembic_version")).scalar_one_or_none()


def check_revision(engine: sa.Engine, url: str) -> None:
    """Whether the database has this program's schema.

    Raises:
        NoStore: when it holds no registry.
        StoreVersion: when it is older or newer.
    """
    found = revision(engine)
    if found is None:
        raise NoStore("the database holds no registry", where=hidden(url), fix="make one with: aftercar registry init")
    if found != HEAD:
        known = (FOLDER / "versions").glob(f"{found}_*.py")
        older = any(known)
        fix = "bring it up to date with: aftercar registry init" if older else "use the newer program that wrote it"
        raise StoreVersion(f"the database has schema {found}, this program schema {HEAD}", where=hidden(url), fix=fix)


def upgrade(engine: sa.Engine, url: str) -> str | None:
    """Bring the database to :data:`HEAD`; all of it, or nothing when it is interrupted.

    Returns:
        The revision it had before, None for a new one.

    Raises:
        StoreVersion: when the database is newer than this program.
    """
    found = revision(engine)
    if found != HEAD:
        _migrate(engine, url, found)
    if engine.dialect.name == "postgresql":
        job_queue.prepare(engine)
    return found


def _migrate(engine: sa.Engine, url: str, found: str | None) -> None:
    if found is not None and not any((FOLDER / "versions").glob(f"{found}_*.py")):
        raise StoreVersion(
            f"the database has schema {found}, this program only {HEAD}",
            where=hidden(url),
            fix="use the newer program that wrote it",
        )
    from alembic import command

    made = config()
    with writing(engine) as connection:
        if engine.dialect.name == "postgresql":
            connection.execute(sa.text(f"SELECT pg_advisory_xact_lock({_LOCK})"))
        made.attributes["connection"] = connection
        command.upgrade(made, "head")
