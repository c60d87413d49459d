"""Which codes mean a CAR-T infusion, a history of one, or a second malignancy; each a fact with its source.

A user's own TOML file of the same form is read after the shipped one and wins where both name a code. It may also hold
``[[observations]]`` that say which laboratory codes are persistence tests::

    [[observations]]
    system = "http://loinc.org"
    codes = ["00000-0"]
    method = "ddpcr"
    target = "CAR"
    source = "Our laboratory's list"
    mark = "seen"
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from importlib import resources
from typing import Any

from aftercar.errors import InputError
from aftercar.vocab.products import UNSPECIFIED, find_product, is_cart, product
from aftercar.vocab.sources import MARKS, Source
from aftercar.vocab.tables.study import ASSAY_RESULTS

#: AfterCAR's own code system for laboratory tests in FHIR, as LOINC has none for vector copies.
OWN_SYSTEM = "urn:aftercar:assay"

_SYSTEMS = (
    ("icd-10-pcs", "ICD-10-PCS"),
    ("icd10pcs", "ICD-10-PCS"),
    ("2.16.840.1.113883.6.4", "ICD-10-PCS"),
    ("medicare/coding/icd10", "ICD-10-PCS"),
    ("hcpcs", "HCPCS"),
    ("2.16.840.1.113883.6.285", "HCPCS"),
    ("icd-10-cm", "ICD-10-CM"),
    ("icd10cm", "ICD-10-CM"),
    ("2.16.840.1.113883.6.90", "ICD-10-CM"),
    ("icd-10", "ICD-10"),
    ("icd10", "ICD-10"),
    ("2.16.840.1.113883.6.3", "ICD-10"),
)


class BadCodes(InputError):
    """A code table that cannot be used."""

    code = "bad-codes"


@dataclass(frozen=True, slots=True)
class Coded:
    """What a code or a text was found to mean: a product (or the class), and how that is known."""

    product: str
    how: str
    source: Source


@dataclass
class CodeTable:
    """The codes in force; look-ups ignore case and dots."""

    infusions: dict[tuple[str, str], Coded] = field(default_factory=dict)
    history: dict[str, Source] = field(default_factory=dict)
    malignancies: dict[str, tuple[str, Source]] = field(default_factory=dict)
    observations: dict[tuple[str, str], tuple[str, str]] = field(default_factory=dict)

    def infusion(self, codes: Sequence[tuple[str, str]], texts: Sequence[str]) -> Coded | None:
        """The CAR-T product that codes (system, code) or texts name; codes first. None when it is no CAR-T."""
        for system, code in codes:
            found = self.infusions.get((system_name(system), plain(code)))
            if found is not None:
                return found
        for text in texts:
            named = find_product(text)
            if named is not None:
                return Coded(named.key, f"product name in {text[:60]!r}", Source("AfterCAR's product table", "derived"))
        for text in texts:
            if is_cart(text):
                return Coded(UNSPECIFIED, f"CAR-T named in {text[:60]!r}", Source("AfterCAR's product table", "derived"))
        return None

    def is_history(self, codes: Sequence[tuple[str, str]]) -> bool:
        """Whether a code says that there was a CAR-T infusion at some time."""
        return any(plain(code) in self.history for _, code in codes)

    def malignancy(self, codes: Sequence[tuple[str, str]]) -> tuple[str, str, Source] | None:
        """Lineage, code and source when an ICD-10 code names a T-cell or myeloid neoplasm that is not in remission."""
        for system, code in codes:
            if not system_name(system).startswith("ICD-10") or system_name(system) == "ICD-10-PCS":
                continue
            for prefix, (lineage, source) in self.malignancies.items():
                if plain(code).startswith(prefix):
                    return lineage, code, source
        return None

    def test(self, codes: Sequence[tuple[str, str]]) -> tuple[str, str] | None:
        """Method and target when a code names a test that the registry keeps."""
        for system, code in codes:
            if system == OWN_SYSTEM and code in ASSAY_RESULTS["method"].choices:
                return code, ""
            found = self.observations.get((system.casefold(), plain(code)))
            if found is not None:
                return found
        return None


def code_table(user_files: Sequence[str] = ()) -> CodeTable:
    """The shipped codes, then the user's.

    Raises:
        BadCodes: naming the section and what is wrong.
    """
    shipped = resources.files("aftercar.registry").joinpath("codes.toml").read_text(encoding="utf-8")
    table = CodeTable()
    for where, text in (("codes.toml", shipped), *((f"code file {i}", text) for i, text in enumerate(user_files, 1))):
        try:
            content = tomllib.loads(text)
        except tomllib.TOMLDecodeError as error:
            raise BadCodes(f"not valid TOML: {error}", where=where) from None
        for section, items in content.items():
            if section not in _READERS:
                raise BadCodes(f"unknown section {section!r}", where=where, fix=f"the sections are {', '.join(_READERS)}")
            for item in items:
                _READERS[section](table, item, f"{where} [[{section}]]")
    return table


def system_name(system: str) -> str:
    """A short name for a code system's address; the address itself when it is not known."""
    text = system.casefold()
    return next((name for part, name in _SYSTEMS if part in text), system)


def plain(code: str) -> str:
    """A code without dots, in capitals."""
    return code.replace(".", "").strip().upper()


def _codes(item: Mapping[str, Any], where: str) -> list[str]:
    codes = item.get("codes")
    if not isinstance(codes, list) or not codes or not all(isinstance(code, str) for code in codes):
        raise BadCodes("codes is not a list of texts", where=where)
    return [plain(code) for code in codes]


def _source(item: Mapping[str, Any], where: str) -> Source:
    if not item.get("source") or item.get("mark") not in MARKS:
        raise BadCodes(
            "source or mark is missing", where=where, fix=f"every code needs a source and a mark of {', '.join(MARKS)}"
        )
    return Source(item["source"], item["mark"])


def _read_infusions(table: CodeTable, item: Mapping[str, Any], where: str) -> None:
    source = _source(item, where)
    name = item.get("product", "")
    if name:
        try:
            product(name)
        except KeyError as error:
            raise BadCodes(str(error.args[0]), where=where) from None
    for code in _codes(item, where):
        system = system_name(item.get("system", ""))
        table.infusions[system, code] = Coded(name or UNSPECIFIED, f"{system} {code}", source)


def _read_history(table: CodeTable, item: Mapping[str, Any], where: str) -> None:
    for code in _codes(item, where):
        table.history[code] = _source(item, where)


def _read_malignancies(table: CodeTable, item: Mapping[str, Any], where: str) -> None:
    for code in _codes(item, where):
        table.malignancies[code] = (item.get("lineage", "unknown"), _source(item, where))


def _read_observations(table: CodeTable, item: Mapping[str, Any], where: str) -> None:
    _source(item, where)
    if item.get("method") not in ASSAY_RESULTS["method"].choices:
        raise BadCodes(f"method is {item.get('method')!r}", where=where, fix=f"use {', '.join(ASSAY_RESULTS['method'].choices)}")
    for code in _codes(item, where):
        table.observations[str(item.get("system", "")).casefold(), code] = (item["method"], item.get("target", ""))


_READERS = {
    "infusions": _read_infusions,
    "history": _read_history,
    "malignancies": _read_malignancies,
    "observations": _read_observations,
}
