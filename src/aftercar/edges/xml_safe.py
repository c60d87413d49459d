"""Parsing XML from strangers: no entities, no network, bounded size, one clear error.

A document type declaration is refused unless the caller allows one (E2B R2 names its DTD); it is never loaded and
no entity is ever expanded, so the message costs no more memory than its own size allows.
"""

from __future__ import annotations

import io
from pathlib import Path

from lxml import etree

from aftercar.edges.files import existing_file
from aftercar.errors import InputError

MAX_BYTES = 50_000_000
#: libxml2 refuses a single text node above this without its "huge" option, which stays off.
MAX_TEXT = 10_000_000


class BadXml(InputError):
    """A file is not the XML message that it should be."""

    code = "bad-xml"


def read_bytes(path: Path, max_bytes: int = MAX_BYTES) -> bytes:
    """The content of a file of at most ``max_bytes``.

    Raises:
        BadXml: when it is larger; nothing of it is read then.
    """
    size = existing_file(path).stat().st_size
    if size > max_bytes:
        raise BadXml(
            f"the file has {size / 1e6:,.0f} MB, more than the {max_bytes / 1e6:,.0f} MB a message may have",
            where=str(path),
            fix="take attached documents out of the message",
        )
    return path.read_bytes()


def parse(data: bytes, *, where: str = "message", max_bytes: int = MAX_BYTES, allow_doctype: bool = False) -> etree._Element:
    """Parse bytes to the root element.

    Raises:
        BadXml: for anything that is not well-formed XML within the limits, with line and column.
    """
    if len(data) > max_bytes:
        raise BadXml(f"the message has {len(data) / 1e6:,.0f} MB, more than {max_bytes / 1e6:,.0f} MB", where=where)
    if not data.strip():
        raise BadXml("the file is empty", where=where)
    if not allow_doctype and b"<!DOCTYPE" in data[:10_000].upper():
        raise BadXml("a document type declaration is not accepted in a message", where=where, fix="remove the DOCTYPE line")
    parser = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False, dtd_validation=False, huge_tree=False)
    try:
        root = etree.parse(io.BytesIO(data), parser).getroot()
    except etree.XMLSyntaxError as error:
        line, column = error.position
        raise BadXml(
            f"not well-formed XML: {error.msg}",
            where=f"{where} line {line}, column {column}",
            fix="ask the sender for the message again; it may have been cut or re-encoded",
        ) from None
    except (ValueError, LookupError) as error:
        raise BadXml(f"not readable as XML: {error}", where=where) from None
    if any(isinstance(node, etree._Entity) for node in root.iter(etree.Entity)):
        raise BadXml("the message uses an entity of its own", where=where, fix="ask the sender for a message without entities")
    return root


def local(node: etree._Element) -> str:
    """The name of an element without its namespace ("" for comments)."""
    return etree.QName(node).localname if isinstance(node.tag, str) else ""


def validate(root: etree._Element, schema_file: Path) -> list[str]:
    """Every violation of an XML schema as ``line: message``; an empty list is valid.

    Raises:
        InputError: when the schema cannot be read.
    """
    existing_file(schema_file)
    try:
        schema = etree.XMLSchema(etree.parse(str(schema_file), etree.XMLParser(no_network=True, resolve_entities=False)))
    except (etree.XMLSyntaxError, etree.XMLSchemaParseError) as error:
        raise InputError(
            f"not a readable schema: {error}", where=str(schema_file), fix="keep the folder of schemas whole"
        ) from None
    schema.validate(root)
    return [f"line {entry.line}: {entry.message}" for entry in schema.error_log]  # type: ignore[attr-defined]
