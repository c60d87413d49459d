"""Pseudonyms by a key that the site keeps, dates made coarser or moved, small counts masked.

A pseudonym is the first 128 bits of HMAC-SHA256 (RFC 2104) of the identifier under the site's key, in base 32: without
the key it can be neither reversed nor recomputed from a list of candidates. Two centres that share a linkage key get
the same token for the same person, and so find that they treat the same one without telling who it is.

    >>> key = Key(bytes(range(32)))
    >>> key.pseudonym("person", "hospital-4711")
    'zhhxrtyjkpgluaqnnhyaufwpja'
    >>> key.token("Müller ", "ANNA", "1960-02-03") == key.token("mueller", "Anna", "1960-02-03")
    True
"""

from __future__ import annotations

import base64
import datetime as dt
import hashlib
import hmac
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import polars as pl

from aftercar.errors import InputError
from aftercar.vocab.columns import Column, Table
from aftercar.vocab.dates import PartialDate
from aftercar.vocab.tables.study import TABLES

DateRule = Literal["keep", "month", "year", "shift"]

#: Dates are moved by 1 to this many days into the past, by person.
MOST_SHIFT_DAYS = 364

#: Identifiers are re-keyed by the table that they are the key of, so that references still meet.
_FREE_TEXT = ("note", "death_cause", "stored_at", "batch", "chain_of_identity")


class BadKey(InputError):
    """A key that is too short or not a key."""

    code = "bad-key"


@dataclass(frozen=True, slots=True, repr=False)
class Key:
    """A secret of at least 32 bytes that never leaves the site."""

    secret: bytes

    def __post_init__(self) -> None:
        if len(self.secret) < 32:
            raise BadKey("the key is shorter than 32 bytes", fix="make one with: aftercar registry key FILE")

    def __repr__(self) -> str:
        return "Key(...)"

    def pseudonym(self, what: str, identifier: str) -> str:
        """The pseudonym of an identifier; ``what`` keeps a person and a case of the same name apart."""
        return base64.b32encode(self._digest(f"{what}\x1f{identifier}")[:16]).decode().rstrip("=").lower()

    def token(self, family: str, given: str, born: str) -> str:
        """A linkage token over names and date of birth, indifferent to case, accents, spaces and German umlauts."""
        born = str(PartialDate.parse(born))
        return self.pseudonym("linkage", "\x1f".join((plain_name(family), plain_name(given), born)))

    def shift_days(self, person_id: str) -> int:
        """Days to move a person's dates into the past: 1 to :data:`MOST_SHIFT_DAYS`, the same for all their dates."""
        number = int.from_bytes(self._digest(f"shift\x1f{person_id}")[:8], "big")
        return 1 + number % MOST_SHIFT_DAYS

    def _digest(self, text: str) -> bytes:
        return hmac.new(self.secret, text.encode(), hashlib.sha256).digest()


@dataclass(frozen=True, slots=True)
class Pseudonyms:
    """How identifiers are replaced: by the site's key."""

    key: Key

    def replace(self, table: str, identifier: str) -> str:
        """The pseudonym of a key of ``table``; starts with a letter so that it is an identifier."""
        return table[0] + self.key.pseudonym(table, identifier)


def plain_name(name: str) -> str:
    """A name in lower case, without accents, spaces, hyphens and apostrophes; ä, ö, ü and ß spelled out."""
    text = name.casefold()
    for sign, spelled in (("ä", "ae"), ("ö", "oe"), ("ü", "ue"), ("ß", "ss"), ("ø", "oe"), ("æ", "ae"), ("å", "aa")):
        text = text.replace(sign, spelled)
    return "".join(sign for sign in unicodedata.normalize("NFKD", text) if sign.isalnum())


def protect(frames: Mapping[str, pl.DataFrame], pseudonyms: Pseudonyms | None, dates: DateRule) -> dict[str, pl.DataFrame]:
    """Study frames with identifiers replaced, free text removed, and dates made coarser or moved.

    Args:
        frames: the study tables by name.
        pseudonyms: replaces identifiers and empties free text, batch and chain-of-identity numbers; None keeps them.
        dates: see :data:`DateRule`; ``shift`` needs ``pseudonyms``, and only ``shift`` keeps intervals in days.

    Raises:
        InputError: for ``shift`` without a key.
    """
    if dates == "shift" and pseudonyms is None:
        raise InputError("moving dates needs the site's key", fix="give --key FILE")
    cases = dict(frames["cases"].select("case_id", "person_id").iter_rows())
    return {table.name: _protect(frames[table.name], table, cases, pseudonyms, dates) for table in TABLES}


def coarser(text: str | None, rule: Literal["month", "year"]) -> str | None:
    """A partial date with no more than its month or its year."""
    return None if text is None else text[: 7 if rule == "month" else 4]


def shifted(text: str | None, days: int) -> str | None:
    """A date moved into the past; one known only to the month or the year moves by its middle and keeps its precision."""
    if text is None:
        return None
    date = PartialDate.parse(text)
    moved = (date.earliest if date.is_exact else date.middle) - dt.timedelta(days=days)
    return moved.isoformat()[: len(text)]


def mask_columns(frame: pl.DataFrame, columns: list[str], below: int) -> pl.DataFrame:
    """Counts from 1 to below ``below`` emptied in the named columns; ``masked`` names what was emptied in each row.

    Only what a row holds is looked at: do not put totals beside the rows of one table, or a masked count can be had back
    by subtraction.
    """
    small = {name: pl.col(name).is_between(1, below - 1).fill_null(False) for name in columns}
    names = pl.concat_list([pl.when(small[name]).then(pl.lit(name)) for name in columns]).list.drop_nulls().list.join(", ")
    return frame.with_columns(masked=names if columns else pl.lit("")).with_columns(
        pl.when(small[name]).then(None).otherwise(pl.col(name)).alias(name) for name in columns
    )


def _protect(
    frame: pl.DataFrame, table: Table, cases: Mapping[str, str], pseudonyms: Pseudonyms | None, dates: DateRule
) -> pl.DataFrame:
    if frame.is_empty():
        return frame
    persons = _persons(frame, cases)
    return frame.with_columns(_protected(frame, table, column, persons, pseudonyms, dates) for column in table.columns)


def _protected(
    frame: pl.DataFrame, table: Table, column: Column, persons: list[str | None], pseudonyms: Pseudonyms | None, dates: DateRule
) -> pl.Series:
    values = frame[column.name]
    if pseudonyms is not None:
        if column.name in _FREE_TEXT:
            return pl.Series(column.name, [None] * frame.height, dtype=values.dtype)
        of_table = column.refers_to.split(".")[0] or (table.name if column.name in table.key else "")
        if column.name == "centre":
            of_table = "centre"
        if of_table and column.kind == "id" and table.name != "exposure":
            return pl.Series(
                column.name, [None if v is None else pseudonyms.replace(of_table, v) for v in values], dtype=values.dtype
            )
    if column.kind == "date" and column.personal and dates != "keep":
        if dates == "shift" and pseudonyms is not None:
            key = pseudonyms.key
            moved = [shifted(v, key.shift_days(p)) if p else None for v, p in zip(values, persons, strict=True)]
            return pl.Series(column.name, moved, dtype=values.dtype)
        rule: Literal["month", "year"] = "year" if dates == "year" else "month"
        return pl.Series(column.name, [coarser(v, rule) for v in values], dtype=values.dtype)
    return values


def _persons(frame: pl.DataFrame, cases: Mapping[str, str]) -> list[str | None]:
    if "person_id" in frame.columns:
        return frame["person_id"].to_list()
    if "case_id" in frame.columns:
        return [cases.get(case) for case in frame["case_id"]]
    return [None] * frame.height
