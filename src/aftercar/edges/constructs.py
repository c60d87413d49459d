"""Reads vector constructs: FASTA (with a GTF, GFF or BED of its elements beside it), GenBank and SnapGene's GenBank export.

A plasmid's FASTA does not say that it is circular; a word ``circular`` in its header does, and so does an element
across the origin. Annotation is looked for beside the FASTA under the same name, and in a sibling folder ``Annotations``.
"""

from __future__ import annotations

import gzip
import re
from collections.abc import Iterator, Sequence
from pathlib import Path

from aftercar.edges.files import existing_file
from aftercar.errors import InputError
from aftercar.vocab.vectors import Construct, Element, element_kind

_DNA = frozenset("ACGTUNRYSWKMBDHV")
_TO_KNOWN = str.maketrans("URYSWKMBDHV", "TNNNNNNNNNN")
_ANNOTATIONS = (".gtf", ".gff", ".gff3", ".bed")
_LONGEST = 2_000_000
_SKIPPED_FEATURES = frozenset({"source"})
_NAME_KEYS = ("label", "gene_name", "Name", "gene", "standard_name", "product", "note", "gene_id", "ID", "bound_moiety")


class ConstructError(InputError):
    """A construct's file cannot be read as a vector sequence."""

    code = "construct"


def read_constructs(path: Path, *, annotation: Path | None = None) -> list[Construct]:
    """Every construct in a FASTA or GenBank file (plain or gzip), with its elements.

    Args:
        path: FASTA, GenBank or SnapGene's GenBank export.
        annotation: GTF, GFF or BED of the elements (FASTA only); without it one is looked for beside the file.

    Raises:
        ConstructError: for an empty file, a protein, a chromosome-sized sequence, or a broken record.
    """
    path = Path(path)
    existing_file(path)
    if annotation is not None:
        existing_file(Path(annotation))
    data = path.read_bytes()
    if data[:2] == b"\x1f\x8b":
        try:
            data = gzip.decompress(data)
        except (OSError, EOFError) as error:
            raise ConstructError(f"the gzip file is damaged: {error}", where=str(path)) from error
    if data[:1] == b"\x09" and b"SnapGene" in data[:20]:
        raise ConstructError(
            "a binary SnapGene file", where=str(path), fix="in SnapGene choose File, Export, GenBank, and give that file"
        )
    text = data.decode("utf-8", errors="replace").lstrip("\ufeff")
    if text.lstrip().startswith(">"):
        constructs = _with_elements(list(_fasta(text, path)), annotation or _beside(path))
    elif re.match(r"\s*LOCUS\b", text):
        constructs = list(_genbank(text, path))
    else:
        raise ConstructError(
            "neither FASTA nor GenBank", where=str(path), fix="give a FASTA (first line begins with >) or GenBank"
        )
    _distinct(constructs, path)
    return constructs


def _distinct(constructs: Sequence[Construct], path: Path) -> None:
    if not constructs:
        raise ConstructError("no sequence in the file", where=str(path))
    names = [construct.name for construct in constructs]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise ConstructError(f"two records are called {twice}", where=str(path), fix="give every construct a name of its own")


def _bases(text: str, name: str, path: Path) -> str:
    sequence = re.sub(r"[\s\d*-]", "", text).upper()
    where = f"{path}, record {name}"
    if not sequence:
        raise ConstructError("the record holds no bases", where=where)
    strange = set(sequence) - _DNA
    if strange:
        shown = "".join(sorted(strange))[:10]
        words = "looks like a protein" if strange <= set("EFILPQJZXO") else "holds characters that are not bases"
        raise ConstructError(f"the sequence {words} ({shown})", where=where, fix="give the DNA sequence of the vector")
    if len(set(sequence) - set("ACGTUN")) > 3 and sum(sequence.count(base) for base in "ACGTUN") < 0.5 * len(sequence):
        raise ConstructError("the sequence looks like a protein", where=where, fix="give the DNA sequence of the vector")
    if len(sequence) > _LONGEST:
        raise ConstructError(
            f"{len(sequence):,} bases is no vector", where=where, fix="give the construct here and the genome with --reference"
        )
    return sequence.translate(_TO_KNOWN)


def _fasta(text: str, path: Path) -> Iterator[Construct]:
    for record in re.split(r"^>", text, flags=re.MULTILINE)[1:]:
        header, _, body = record.partition("\n")
        words = header.split()
        name = words[0] if words else path.stem
        circular = bool(re.search(r"\bcircular\b", header, re.IGNORECASE)) and not re.search(r"circular=false", header, re.I)
        yield Construct(name, _bases(body, name, path), circular, (), str(path))


def _beside(path: Path) -> Path | None:
    stem = path.name.removesuffix(".gz")
    stem = stem[: stem.rfind(".")] if "." in stem else stem
    for folder in (path.parent, path.parent.parent / "Annotations", path.parent / "Annotations"):
        for ending in _ANNOTATIONS:
            candidate = folder / (stem + ending)
            if candidate.is_file():
                return candidate
    return None


def _with_elements(constructs: list[Construct], annotation: Path | None) -> list[Construct]:
    if annotation is None:
        return constructs
    rows = list(_annotation_rows(annotation))
    only = constructs[0].name if len(constructs) == 1 else None
    done: list[Construct] = []
    for construct in constructs:
        mine = [row for row in rows if only is not None or row[0] == construct.name]
        done.append(_placed(construct, mine, annotation))
    return done


#: seqname, feature type, name, start (1-based), end, strand
_Row = tuple[str, str, str, int, int, int]


def _annotation_rows(path: Path) -> Iterator[_Row]:
    bed = path.suffix == ".bed"
    for number, line in enumerate(path.read_text(encoding="utf-8", errors="replace").splitlines(), 1):
        if not line.strip() or line.startswith(("#", "track", "browser")):
            continue
        cells = line.split("\t")
        try:
            if bed:
                name = cells[3] if len(cells) > 3 else "element"
                strand = -1 if len(cells) > 5 and cells[5] == "-" else 1
                yield cells[0], "", name, int(cells[1]) + 1, int(cells[2]), strand
            else:
                keys = dict(re.findall(r'([\w.]+)[ =]"?([^";]*)"?', cells[8]))
                exon = keys.get("exon_id") if cells[2] == "exon" else None
                name = exon or next((keys[key] for key in _NAME_KEYS if keys.get(key)), cells[2])
                yield cells[0], cells[2], name, int(cells[3]), int(cells[4]), -1 if cells[6] == "-" else 1
        except (IndexError, ValueError) as error:
            raise ConstructError("the line is not GTF, GFF or BED", where=f"{path} line {number}") from error


def _placed(construct: Construct, rows: Sequence[_Row], path: Path) -> Construct:
    """The construct with its elements; an element across the origin shows that it is circular."""
    size = len(construct.sequence)
    elements: set[Element] = set()
    circular = construct.circular
    for _, kind, name, start, end, strand in rows:
        first, last = start - 1, end
        if start > end:
            # On the minus strand some tools write the 3' end first; the longer way round is across the origin.
            if strand == -1 and start - end < size / 2:
                first, last = end - 1, start
            else:
                last, circular = end + size, True
        if not (0 <= first < size and last - first <= size and (circular or last <= size)):
            raise ConstructError(
                f"element {name} runs from {start} to {end}, the sequence has {size} bases", where=str(path), fix="check the file"
            )
        elements.add(Element(name, element_kind(name, kind), first, last, strand))
    ordered = tuple(sorted(elements, key=lambda e: (e.start, e.end, e.name)))
    return Construct(construct.name, construct.sequence, circular, ordered, construct.source)


def _genbank(text: str, path: Path) -> Iterator[Construct]:
    for record in re.split(r"^//\s*$", text, flags=re.MULTILINE):
        if not record.strip():
            continue
        locus = re.match(r"\s*LOCUS\s+(\S+)(.*)", record)
        if locus is None:
            raise ConstructError("a record without a LOCUS line", where=str(path))
        name, rest = locus.group(1), locus.group(2)
        if re.search(r"\d+\s+aa\b", rest):
            raise ConstructError("a protein record", where=f"{path}, record {name}", fix="give the DNA sequence of the vector")
        origin = re.search(r"^ORIGIN[^\n]*\n(.*)", record, re.MULTILINE | re.DOTALL)
        if origin is None:
            raise ConstructError("no ORIGIN section, so no sequence", where=f"{path}, record {name}", fix="export with sequence")
        sequence = _bases(origin.group(1), name, path)
        stated = re.search(r"(\d+)\s+bp", rest)
        if stated and int(stated.group(1)) != len(sequence):
            raise ConstructError(
                f"LOCUS says {stated.group(1)} bases, the sequence has {len(sequence)}: the file is cut short or edited",
                where=f"{path}, record {name}",
                fix="export it again",
            )
        circular = bool(re.search(r"\bcircular\b", rest, re.IGNORECASE))
        bare = Construct(name, sequence, circular, (), str(path))
        yield _placed(bare, list(_features(record, len(sequence))), path)


def _features(record: str, size: int) -> Iterator[_Row]:
    table = re.search(r"^FEATURES[^\n]*\n(.*?)^(?:ORIGIN|CONTIG|BASE COUNT)", record, re.MULTILINE | re.DOTALL)
    if table is None:
        return
    for block in re.split(r"^ {5}(?=\S)", table.group(1), flags=re.MULTILINE)[1:]:
        key, _, body = block.partition(" ")
        location, *qualifiers = re.split(r"\n\s+/", body)
        if key in _SKIPPED_FEATURES:
            continue
        values: dict[str, str] = {}
        for qualifier in qualifiers:
            word, _, value = qualifier.partition("=")
            values.setdefault(word.strip(), " ".join(value.replace('"', "").split()))
        name = next((values[k] for k in _NAME_KEYS if values.get(k)), key)[:60]
        text = re.sub(r"\s", "", location)
        strand = -1 if "complement" in text else 1
        numbers = [(int(a), int(b or a)) for a, b in re.findall(r"(\d+)(?:(?:\.\.|\^)[<>]?(\d+))?", text)]
        if not numbers:
            continue
        ends = [part for part in numbers if part[1] == size]
        starts = [part for part in numbers if part[0] == 1]
        if len(numbers) > 1 and ends and starts and ends[0] != starts[0]:
            yield "", key, name, ends[0][0], starts[0][1], 1 if strand == 1 else -1
            continue
        yield "", key, name, min(a for a, _ in numbers), max(b for _, b in numbers), strand
