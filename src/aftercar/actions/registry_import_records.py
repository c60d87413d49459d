"""Read routine records (FHIR, OMOP) for an import: find the treated people, replace identifiers, report the rest."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

from aftercar.actions.registry_import import Incoming, digest_of
from aftercar.edges.files import existing_file
from aftercar.errors import UsageError
from aftercar.registry.codes import code_table
from aftercar.registry.mapping import Defaults, map_records
from aftercar.registry.pseudonyms import Key, Pseudonyms


def record_rows(
    kind: Literal["fhir", "omop"],
    path: Path,
    *,
    key: Key | None,
    commit: bool,
    defaults: Defaults,
    code_files: Sequence[Path] = (),
) -> Incoming:
    """Rows and report of a FHIR file or folder, or of OMOP tables.

    Args:
        kind: what it is.
        path: where it lies.
        key: the site's key for pseudonyms; a rehearsal without one uses a key of the moment.
        commit: whether the rows are to be kept, which needs a key.
        defaults: centre, jurisdiction and setting, which the records do not tell.
        code_files: TOML files with further codes.

    Raises:
        UsageError: when the rows are to be kept and there is no key.
    """
    if key is None and commit:
        raise UsageError(
            "identifiers of a hospital may not enter the registry as they are",
            fix="make a key with: aftercar registry key FILE, and give --key FILE; always use the same one",
        )
    table = code_table([existing_file(file).read_text(encoding="utf-8-sig") for file in code_files])
    if kind == "fhir":
        from aftercar.edges.fhir import fhir_files, read_fhir

        source, files = read_fhir(path), fhir_files(path)
    else:
        from aftercar.edges.omop import omop_files, read_omop

        source, files = read_omop(path), omop_files(path)
    mapped = map_records(source, table, Pseudonyms(key or Key(secrets.token_bytes(32))), defaults)
    return Incoming(kind, path.name, digest_of(files), mapped.rows, mapped.findings)
