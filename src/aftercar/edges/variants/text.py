"""Lines of a text file, plain or compressed, with their numbers; a file cut off in the middle is an error."""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from aftercar.edges.files import existing_file
from aftercar.errors import InputError

#: The empty block that ends every complete BGZF file (SAM specification, section 4.1.2).
BGZF_END = bytes.fromhex("1f8b08040000000000ff0600424302001b0003000000000000000000")


class BadVariantFile(InputError):
    """A VCF, BCF or MAF file that is malformed, cut off, or leaves open which sample is meant."""

    code = "variant-file"


def lines(path: Path) -> Iterator[tuple[int, str]]:
    """Number (from 1) and text of each line, without its end.

    Raises:
        BadVariantFile: for a broken or cut-off compressed file, text that is not UTF-8, or a last line without its end.
    """
    existing_file(path)
    with path.open("rb") as probe:
        head = probe.read(18)
        if head[:2] == b"\x1f\x8b" and head[12:14] == b"BC":
            probe.seek(-min(28, path.stat().st_size), 2)
            if probe.read() != BGZF_END:
                raise BadVariantFile(
                    "the compressed file is cut off: its end block is missing", where=str(path), fix="copy it again"
                )
    number, text = 0, ""
    try:
        with _opened(path, compressed=head[:2] == b"\x1f\x8b") as stream:
            for number, text in enumerate(stream, 1):
                yield number, text.rstrip("\r\n")
    except (EOFError, zlib.error, OSError) as error:
        raise BadVariantFile(
            f"the compressed file is broken or cut off: {error}", where=f"{path}, after line {number}", fix="copy it again"
        ) from None
    except UnicodeDecodeError as error:
        raise BadVariantFile(f"not UTF-8 text: {error.reason}", where=f"{path}, after line {number}") from None
    if text and not text.endswith("\n"):
        raise BadVariantFile(
            "the last line has no end: the file may be cut off",
            where=f"{path} line {number}",
            fix="compare it with the original; if it is complete, add a line end",
        )


def _opened(path: Path, *, compressed: bool) -> Any:
    if not compressed:
        return path.open(encoding="utf-8", newline="\n")
    from isal import igzip

    return igzip.open(path, "rt", encoding="utf-8", newline="\n")
