"""Gene lists of the user: one symbol a line, or a table with a column of symbols; other names come along where given."""

from __future__ import annotations

import csv
import io
import re
from dataclasses import dataclass, field
from pathlib import Path

from aftercar.edges.site_tables import read_text
from aftercar.errors import InputError

_SYMBOL = (
    "symbol",
    "Approved symbol",
    "gene",
    "Gene",
    "Gene names  (primary )",
    "name",
    "GeneName",
    "Hugo_Symbol",
    "hugo_symbol",
)
_OTHER = ("alias_symbol", "prev_symbol", "Alias symbols", "Previous symbols", "Gene names  (synonym )", "aliases")
_ORGANISM = "Organism"
_LOOKS = re.compile(r"[A-Za-z0-9][A-Za-z0-9\-_.@]*")


class BadGeneList(InputError):
    """A gene list in which no symbols are found."""

    code = "bad-gene-list"


@dataclass(frozen=True, slots=True)
class GeneList:
    """A named list: symbols, and other names (upper case) of its genes to their symbols."""

    name: str
    genes: frozenset[str]
    other_names: dict[str, str] = field(default_factory=dict)


def read_gene_list(path: Path, name: str = "") -> GeneList:
    """Read a list of genes.

    Args:
        path: text with one symbol a line, or TSV or CSV with a column ``symbol``, ``gene``, ``name`` (CIViC), UniProt's or HGNC's
            columns; plain or gzipped. Rows of other organisms than human are left out where a column says so.
        name: of the list; default the file's.

    Raises:
        BadGeneList: when nothing in it looks like a gene symbol.
    """
    text = read_text(path)
    lines = [line for line in text.splitlines() if line.strip() and not line.startswith("#")]
    called = name or path.name.split(".")[0]
    if not lines:
        raise BadGeneList("the gene list is empty", where=str(path))
    separator = "\t" if "\t" in lines[0] else ","
    header = [cell.strip() for cell in next(csv.reader([lines[0]], delimiter=separator))]
    column = next((c for c in _SYMBOL if c in header), None)
    if column is None:
        genes = [line.split(separator)[0].strip().strip('"') for line in lines]
        wrong = next((i for i, gene in enumerate(genes) if not _LOOKS.fullmatch(gene)), None)
        if wrong is not None:
            raise BadGeneList(
                f"{genes[wrong]!r} is not a gene symbol",
                where=f"{path} line {wrong + 1}",
                fix="give one symbol a line, or a column named symbol",
            )
        return GeneList(called, frozenset(genes))
    found: set[str] = set()
    others: dict[str, str] = {}
    for record in csv.DictReader(io.StringIO("\n".join(lines)), delimiter=separator):
        if _ORGANISM in record and "sapiens" not in (record[_ORGANISM] or ""):
            continue
        symbols = [s for s in re.split(r"[;\s]+", (record[column] or "").strip()) if s]
        found.update(symbols)
        for other in _OTHER:
            for alias in re.split(r"[;|,\s]+", record.get(other) or ""):
                if alias and symbols and alias.upper() != symbols[0].upper() and alias != "NA":
                    others.setdefault(alias.strip('"').upper(), symbols[0])
    if not found:
        raise BadGeneList(f"column {column} holds no symbol", where=str(path))
    return GeneList(
        called, frozenset(found), {alias: gene for alias, gene in others.items() if alias not in {g.upper() for g in found}}
    )
