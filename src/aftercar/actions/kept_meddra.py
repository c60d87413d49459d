"""The MedDRA of the site's licence: uploaded by an administrator, kept beside the uploads, codes cases. None is shipped."""

from __future__ import annotations

import datetime as dt
import hashlib
import tempfile
from functools import lru_cache
from pathlib import Path
from typing import BinaryIO

from aftercar.actions.permissions import Actor
from aftercar.actions.sample_analyses import Bench, keep_files
from aftercar.edges.files import folder_beside
from aftercar.edges.meddra import BadMeddra, Meddra, read_meddra
from aftercar.edges.unzipped import unpack
from aftercar.errors import InputError
from aftercar.store import Store

_LARGEST = 1_000_000_000
_FILES = ("llt.asc", "pt.asc", "mdhier.asc", "meddra_release.asc")


def keep_meddra(store: Store, actor: Actor, bench: Bench, archive: BinaryIO, now: dt.datetime) -> str:
    """Keep the distribution in a zip; the newest version codes from then on. Returns the version.

    Raises:
        NotPermitted: when the actor may not configure.
        BadArchive, BadMeddra: naming what is wrong; nothing is kept then.
        InputError: when this version is there already.
    """
    actor.check_everywhere("configure")
    bench.folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=bench.folder, prefix=".meddra.") as name:
        work = Path(name)
        keep_files(work / "upload", [("meddra.zip", archive)])
        unpack(work / "upload" / "meddra.zip", work / "inside", min(_LARGEST, bench.largest))
        found = next((path.parent for path in sorted((work / "inside").rglob("llt.asc"))), None)
        if found is None:
            raise BadMeddra("there is no llt.asc in the archive", fix="pack the *.asc files of your licence")
        version = read_meddra(found).version
        place = _folder(bench) / version
        if place.exists():
            raise InputError(f"MedDRA {version} is there already")
        with folder_beside(place) as kept:
            for file in _FILES:
                if (found / file).is_file():
                    (found / file).rename(kept / file)
        digest = hashlib.sha256((work / "upload" / "meddra.zip").read_bytes()).hexdigest()
    row = {
        "import_id": f"meddra-{version.replace('.', '-')}-{now.astimezone(dt.UTC):%Y%m%dT%H%M%S}",
        "format": "meddra",
        "name": f"MedDRA {version}",
        "digest": digest,
    }
    store.save("imports", row, who=actor.name, why=f"MedDRA {version} from the site's licence")
    return version


def meddra_versions(bench: Bench) -> list[str]:
    """The versions that are kept, newest first."""
    folder = _folder(bench)
    names = [path.name for path in folder.iterdir() if not path.name.startswith(".")] if folder.is_dir() else []
    return sorted(names, key=lambda name: tuple(map(int, name.split("."))), reverse=True)


def meddra_in_force(bench: Bench) -> Meddra | None:
    """The newest version; None when the site has loaded none."""
    versions = meddra_versions(bench)
    return _read(_folder(bench) / versions[0]) if versions else None


@lru_cache(maxsize=2)
def _read(folder: Path) -> Meddra:
    return read_meddra(folder, folder.name)


def _folder(bench: Bench) -> Path:
    return bench.folder / "meddra"
