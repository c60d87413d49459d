"""A user's licensed MedDRA, read from the ``*.asc`` files of its distribution. Nothing of it is shipped or written.

The files are ``$``-delimited. Version and language stay with every code, because a code means nothing without them.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from aftercar.edges.files import existing_file
from aftercar.errors import InputError


class BadMeddra(InputError):
    """The folder is not a MedDRA distribution, or a file of it is damaged."""

    code = "bad-meddra"


@dataclass(frozen=True, slots=True)
class Term:
    """One term: code, name, level (``llt``, ``pt``, ``hlt``, ``hlgt``, ``soc``), its preferred term's code, and the version."""

    code: str
    name: str
    level: str
    pt_code: str
    version: str
    current: bool = True


@dataclass(frozen=True)
class Meddra:
    """One version of MedDRA.

    Attributes:
        version: for example ``27.1``.
        terms: code -> lowest level and preferred terms (a preferred term is also a lowest level term of its own code).
        soc_of: preferred term code -> name of its primary system organ class.
    """

    version: str
    terms: dict[str, Term]
    soc_of: dict[str, str]

    def find(self, text: str) -> tuple[Term, ...]:
        """Current terms whose name is the text in any case, preferred terms first; then names that hold every word of it."""
        wanted = text.strip().lower()
        exact = [term for term in self.terms.values() if term.name.lower() == wanted and term.current]
        if exact:
            return tuple(sorted(exact, key=lambda term: (term.level != "pt", term.name)))
        words = re.findall(r"\w+", wanted)
        near = [
            term for term in self.terms.values() if term.current and words and all(word in term.name.lower() for word in words)
        ]
        return tuple(sorted(near, key=lambda term: (len(term.name), term.name)))[:20]

    def preferred(self, code: str) -> Term | None:
        """The preferred term of a lowest level term."""
        term = self.terms.get(code)
        return None if term is None else self.terms.get(term.pt_code)


def read_meddra(folder: Path, version: str | None = None) -> Meddra:
    """Read ``llt.asc``, ``pt.asc`` and ``mdhier.asc`` of a distribution (in ``folder`` or its ``MedAscii``).

    Args:
        folder: the unpacked distribution.
        version: its version; None takes it from ``meddra_release.asc``.

    Raises:
        BadMeddra: when a file is missing or a line has too few fields, with file and line.
    """
    inside = next((place for place in (folder, folder / "MedAscii", folder / "ascii") if (place / "llt.asc").is_file()), None)
    if inside is None:
        raise BadMeddra(
            "there is no llt.asc", where=str(folder), fix="name the folder that holds the *.asc files of your licence"
        )
    release = version or _version(inside)
    terms: dict[str, Term] = {}
    for pt_code, name, *_ in _lines(inside / "pt.asc", 2):
        terms[pt_code] = Term(pt_code, name, "pt", pt_code, release)
    if not terms:
        raise BadMeddra("holds no term", where=str(inside / "pt.asc"))
    for line, fields in enumerate(_lines(inside / "llt.asc", 3), 1):
        code, name, pt_code = fields[:3]
        if pt_code not in terms:
            raise BadMeddra(
                f"term {code} names preferred term {pt_code}, which pt.asc does not hold", where=f"llt.asc line {line}"
            )
        if code not in terms:
            current = len(fields) < 10 or fields[9] != "N"
            terms[code] = Term(code, name, "llt", pt_code, release, current)
    return Meddra(release, terms, _organ_classes(inside / "mdhier.asc"))


def _organ_classes(path: Path) -> dict[str, str]:
    if not path.is_file():
        return {}
    return {fields[0]: fields[7] for fields in _lines(path, 12) if fields[11] == "Y"}


def _version(folder: Path) -> str:
    path = folder / "meddra_release.asc"
    if not path.is_file():
        raise BadMeddra("the version is not known", where=str(folder), fix="name it, for example --meddra-version 27.1")
    fields = next(iter(_lines(path, 1)))
    found = next((field for field in fields if re.fullmatch(r"\d+\.\d+", field)), None)
    if found is None:
        raise BadMeddra("holds no version number", where=str(path), fix="name it, for example --meddra-version 27.1")
    return found


def _lines(path: Path, least: int) -> Iterator[list[str]]:
    existing_file(path)
    data = path.read_bytes()
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError:
        text = data.decode("cp1252", errors="strict") if b"\x81" not in data else data.decode("latin-1")
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip():
            continue
        fields = [field.strip() for field in line.split("$")]
        if len(fields) < least:
            raise BadMeddra(f"the line has {len(fields)} fields, at least {least} are needed", where=f"{path} line {number}")
        yield fields
