"""Read product information from files: openFDA's drug label records (JSON), or one text file with what it is.

openFDA gives ``{"results": [record, ...]}``; a record holds ``set_id``, ``id``, ``version``, ``effective_time`` (YYYYMMDD), the
names under ``openfda``, and each section as a list of texts. Records of cellular therapies often have an empty ``openfda``; the
name then comes from ``spl_product_data_elements``.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from aftercar.edges.files import existing_file
from aftercar.errors import InputError
from aftercar.registry.label_text import SECTIONS
from aftercar.vocab.dates import PartialDate
from aftercar.vocab.ids import is_id
from aftercar.vocab.products import find_product

#: Letters of ``spl_product_data_elements`` that are looked through for a product's name.
_NAME_LETTERS = 200


class BadLabel(InputError):
    """A file of product information that cannot be read, or lacks what tells one version from another."""

    code = "bad-label"


@dataclass(frozen=True, slots=True)
class Document:
    """One version of product information: identity, and sections by field name."""

    product: str
    jurisdiction: str
    version: str
    effective_on: str
    source: str
    set_id: str
    document_id: str
    brand: str
    sections: Mapping[str, str]

    @property
    def label_id(self) -> str:
        """Product, jurisdiction and version."""
        return f"{self.product}.{self.jurisdiction}.{self.version}"


def read_openfda(path: Path) -> tuple[list[Document], list[str]]:
    """The CAR-T product labels of a file, and the names of records that are of other products.

    Raises:
        BadLabel: when the file is no such JSON, or a record lacks version or date.
    """
    try:
        content = json.loads(existing_file(path).read_text(encoding="utf-8-sig"))
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise BadLabel(
            f"not a JSON file: {error}", where=str(path), fix="save the answer of the label endpoint as it is"
        ) from None
    records = content.get("results") if isinstance(content, dict) else content
    if not isinstance(records, list) or not all(isinstance(record, dict) for record in records):
        raise BadLabel("the file holds no label records", where=str(path), fix='it should hold {"results": [...]}')
    documents, others = [], []
    for number, record in enumerate(records, 1):
        name = _name(record)
        found = find_product(name)
        if found is None:
            others.append(name[:60] or f"record {number} without a name")
        else:
            documents.append(_document(record, found.key, f"{path.name}, record {number}"))
    return documents, others


def read_text(path: Path, *, product: str, jurisdiction: str, version: str, effective_on: str, source: str) -> Document:
    """A section on second malignancies as a text file, for product information that openFDA does not hold.

    Raises:
        BadLabel: when the product is not known, or the text is empty or not UTF-8.
    """
    found = find_product(product)
    if found is None:
        raise BadLabel(f"{product!r} is no CAR-T product this program knows", fix="give its key or name, for example axi-cel")
    try:
        text = existing_file(path).read_text(encoding="utf-8-sig")
    except UnicodeDecodeError:
        raise BadLabel("not a text file in UTF-8", where=str(path), fix="save it as plain text") from None
    if not text.strip():
        raise BadLabel("the file is empty", where=str(path))
    sections = {"warnings_and_cautions": text}
    return Document(
        found.key, jurisdiction, _version(version, path.name), _day(effective_on, path.name), source, "", "", "", sections
    )


def _name(record: Mapping[str, Any]) -> str:
    names = record.get("openfda") if isinstance(record.get("openfda"), dict) else {}
    told = " ".join(_text(names.get(key)) for key in ("brand_name", "generic_name"))  # type: ignore[union-attr]
    return told.strip() or _text(record.get("spl_product_data_elements"))[:_NAME_LETTERS]


def _document(record: Mapping[str, Any], product: str, where: str) -> Document:
    names = record.get("openfda") if isinstance(record.get("openfda"), dict) else {}
    version = _version(str(record.get("version", "")), where)
    set_id = _text(record.get("set_id"))
    return Document(
        product,
        "US",
        version,
        _day(_text(record.get("effective_time")), where),
        f"openFDA drug label, set {set_id or 'not stated'}, version {version}",
        set_id,
        _text(record.get("id")),
        _text(names.get("brand_name")),  # type: ignore[union-attr]
        {name: _text(record[name]) for name in SECTIONS if record.get(name)},
    )


def _version(text: str, where: str) -> str:
    if not is_id(text) or len(text) > 20:
        raise BadLabel(f"version {text!r} is missing or no identifier", where=where, fix="letters, digits, - _ and ., at most 20")
    return text


def _day(text: str, where: str) -> str:
    dashed = f"{text[:4]}-{text[4:6]}-{text[6:]}" if len(text) == 8 and text.isdigit() else text
    try:
        return str(PartialDate.parse(dashed))
    except ValueError:
        raise BadLabel(f"the effective date {text!r} is no date", where=where, fix="write it as YYYYMMDD or YYYY-MM-DD") from None


def _text(value: object) -> str:
    """Texts of a field, which openFDA gives as a list of strings or as one string."""
    parts = value if isinstance(value, list) else [] if value is None else [value]
    return " ".join(str(part) for part in parts).strip()
