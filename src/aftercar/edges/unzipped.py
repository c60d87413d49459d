"""Unpack an archive that a stranger sent: no path leads out of the folder, nothing is a link, and nothing grows without limit.

The limits hold for what is declared and again for what really comes out, so that a header that lies is caught too.
"""

from __future__ import annotations

import stat
import zipfile
from collections.abc import Sequence
from pathlib import Path, PurePosixPath

from aftercar.errors import InputError

#: An archive may hold this many files, and unpack to this many times its own size once that is above :data:`_FREE` bytes.
MOST_FILES, MOST_RATIO = 2_000, 100
_FREE, _PIECE = 20_000_000, 1 << 20
_METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)


class BadArchive(InputError):
    """An archive that is damaged, or that no honest program writes."""

    code = "bad-archive"


def inspected(path: Path, largest: int) -> Sequence[zipfile.ZipInfo]:
    """The files of an archive, when all of them may be unpacked.

    Args:
        path: a zip file (an Excel workbook is one).
        largest: bytes that it may unpack to.

    Raises:
        BadArchive: naming the member and what is wrong with it.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            members = [item for item in archive.infolist() if not item.is_dir()]
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError) as error:
        raise BadArchive(f"not a zip archive: {error}", fix="pack it again") from None
    if len(members) > MOST_FILES:
        raise BadArchive(f"holds {len(members):,} files, more than {MOST_FILES:,}", fix="pack the study folder only")
    total, packed = sum(item.file_size for item in members), path.stat().st_size
    if total > largest or total > max(_FREE, MOST_RATIO * packed):
        raise BadArchive(
            f"would unpack from {packed:,} to {total:,} bytes, more than is taken", fix="leave large files out of the archive"
        )
    seen: set[str] = set()
    for item in members:
        _check(item)
        if item.filename.lower() in seen:
            raise BadArchive("comes twice in the archive", where=item.filename[:100])
        seen.add(item.filename.lower())
    return members


def unpack(path: Path, folder: Path, largest: int) -> None:
    """Unpack an archive into a folder, which is made.

    Raises:
        BadArchive: as :func:`inspected`, or when a member is damaged or larger than it says.
    """
    members = inspected(path, largest)
    left = largest
    with zipfile.ZipFile(path) as archive:
        for item in members:
            place = folder / item.filename
            place.parent.mkdir(parents=True, exist_ok=True)
            try:
                with archive.open(item) as source, place.open("xb") as target:
                    while piece := source.read(_PIECE):
                        left -= len(piece)
                        if left < 0:
                            raise BadArchive("unpacks to more than is taken", where=item.filename[:100])
                        target.write(piece)
            except (zipfile.BadZipFile, EOFError, OSError, RuntimeError, ValueError) as error:
                if isinstance(error, BadArchive):
                    raise
                raise BadArchive(f"is damaged: {error}", where=item.filename[:100], fix="pack it again") from None


def _check(item: zipfile.ZipInfo) -> None:
    name = item.filename
    parts = PurePosixPath(name).parts
    if name.startswith("/") or ".." in parts or "\\" in name or ":" in name or not name.isprintable():
        raise BadArchive("a name in the archive leads out of its folder", where=repr(name)[:100], fix="pack it with plain names")
    mode = item.external_attr >> 16
    if stat.S_IFMT(mode) not in (0, stat.S_IFREG):
        raise BadArchive("the archive holds a link or a device", where=name[:100], fix="pack plain files only")
    if item.flag_bits & 1:
        raise BadArchive("the archive is encrypted", where=name[:100], fix="pack it without a password")
    if item.compress_type not in _METHODS:
        raise BadArchive("packed by a method that is not taken", where=name[:100], fix="pack it as an ordinary zip")
