"""Take a copy of the registry, and bring one back."""

from __future__ import annotations

import shutil
from pathlib import Path

from aftercar.actions.permissions import Actor
from aftercar.edges.files import existing_file, written_beside
from aftercar.errors import UsageError
from aftercar.store import Store
from aftercar.store.backup import copy_store, free_place, prove
from aftercar.store.database import full_url
from aftercar.store.verify import Verification


def backup(store: Store, actor: Actor, path: Path) -> Verification:
    """Write a proven copy, readable by its owner only; others may work meanwhile.

    Raises:
        UsageError: when the file exists, or the registry is on PostgreSQL.
    """
    actor.check_everywhere("configure")
    if path.exists():
        raise UsageError(f"{path} exists", fix="backups are never overwritten; name a new file, for example with the day in it")
    with written_beside(path) as temporary:
        temporary.chmod(0o600)
        return copy_store(store, temporary)


def restore(path: Path, database: str | None) -> Verification:
    """Bring a backup to a place where nothing stands, at this program's schema, after proof; the backup itself is not touched.

    Raises:
        BadBackup: when it is damaged or its trail does not hold.
        UsageError: when something stands at the place.
    """
    target = free_place(full_url(database))
    existing_file(path)
    with written_beside(target) as temporary:
        shutil.copyfile(path, temporary)
        temporary.chmod(0o600)
        return prove(temporary)
