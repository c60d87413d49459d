"""VCF and BCF (specification 4.1 to 4.4), read record by record."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path

from aftercar.biomarkers.variants import Variant, homopolymer_run
from aftercar.edges.variants.annotation import Schema, annotations_of, population, schema_of
from aftercar.edges.variants.dialects import counts, info_homopolymer
from aftercar.edges.variants.text import BGZF_END, BadVariantFile, lines
from aftercar.vocab.genomes import Genome, bare_contig, build_of

_ID = re.compile(r"ID=([^,>]+)")
_LENGTH = re.compile(r"length=(\d+)")
_ALLELE = re.compile(r"[ACGTNacgtnRYSWKMBDHVryswkmbdhv]+")
_FIXED = ("CHROM", "POS", "ID", "REF", "ALT", "QUAL", "FILTER", "INFO")

#: Reference bases of ``chrom`` from 0-based ``start`` to ``end``; "" when not there.
Reference = Callable[[str, int, int], str]


@dataclass(frozen=True)
class VcfHeader:
    """What the header says.

    Attributes:
        samples: sample names in column order.
        tumour, normal: which of them, None when there is none (normal) or not decided (tumour).
        schema: annotation and population fields.
        genome: build by the contig lengths, None when not told.
        caller: name of the caller as far as the header tells, "" otherwise.
        lines: number of header lines.
    """

    samples: tuple[str, ...]
    tumour: str | None
    normal: str | None
    schema: Schema
    genome: Genome | None
    caller: str
    lines: int


@dataclass
class VcfReader:
    """Iterate for the variants of one sample; ``skipped`` counts alleles that are no small variant."""

    path: Path
    header: VcfHeader
    sample: str
    normal: str | None
    _rows: Iterator[tuple[int, str]]
    reference: Reference | None = None
    skipped: Counter[str] = field(default_factory=Counter)
    records: int = 0

    def __iter__(self) -> Iterator[Variant]:
        columns = len(_FIXED) + (1 + len(self.header.samples) if self.header.samples else 0)
        column = 9 + self.header.samples.index(self.sample)
        normal = 9 + self.header.samples.index(self.normal) if self.normal else None
        for number, text in self._rows:
            if not text:
                raise self._wrong(number, "an empty line among the records", "CHROM")
            self.records += 1
            yield from self._record(number, text.split("\t"), columns, column, normal)

    def _wrong(self, number: int, what: str, name: str) -> BadVariantFile:
        return BadVariantFile(what, where=f"{self.path} line {number}, field {name}", fix="check how the file was made")

    def _record(self, number: int, cells: list[str], columns: int, column: int, normal: int | None) -> Iterator[Variant]:
        if len(cells) != columns:
            names = (*_FIXED, "FORMAT", *self.header.samples)
            name = names[len(cells)] if len(cells) < columns else "after the last sample"
            raise self._wrong(number, f"{len(cells)} columns, the header has {columns}", name)
        chrom, pos, _, ref, alt_text, _, filters, info_text = cells[:8]
        if not pos.isdigit() or int(pos) < 1:
            raise self._wrong(number, f"{pos!r} is not a position", "POS")
        if not _ALLELE.fullmatch(ref):
            raise self._wrong(number, f"{ref[:20]!r} is not a sequence", "REF")
        alts = alt_text.split(",")
        info = _info(info_text)
        blocks = _annovar_blocks(info_text) if self.header.schema.annovar and "ALLELE_END" in info_text else None
        cell = self._cell(number, cells[8], cells[column], self.sample)
        normal_cell = None if normal is None else self._cell(number, cells[8], cells[normal], self.normal or "")
        passed = () if filters in (".", "") else tuple(filters.split(";"))
        for which, alt in enumerate(alts):
            kind = _no_small_variant(alt)
            if kind:
                self.skipped[kind] += 1
                continue
            if not _ALLELE.fullmatch(alt):
                raise self._wrong(number, f"{alt[:20]!r} is not an allele", "ALT")
            own = blocks[which] if blocks and which < len(blocks) else info
            try:
                notes = annotations_of(own, self.header.schema, ref, alts, which)
                frequency = population(own, self.header.schema, ref, alts, which)
            except (ValueError, IndexError) as error:
                raise self._wrong(number, f"an annotation cannot be read: {error}", "INFO") from None
            seen = counts(
                cell, ref, alt, which, len(alts), lambda what, name: self._wrong(number, what, f"{name} of {self.sample}")
            )
            there = (
                None
                if normal_cell is None
                else counts(
                    normal_cell,
                    ref,
                    alt,
                    which,
                    len(alts),
                    lambda what, name: self._wrong(number, what, f"{name} of {self.normal}"),
                )
            )
            yield Variant(
                sample=self.sample,
                chrom=bare_contig(chrom),
                pos=int(pos),
                ref=ref.upper(),
                alt=alt.upper(),
                filters=passed,
                depth=seen.depth,
                alt_reads=seen.alt_reads,
                reported_fraction=seen.fraction,
                forward=seen.forward,
                reverse=seen.reverse,
                population=frequency,
                homopolymer=self._homopolymer(chrom, int(pos), ref, alt, info),
                annotations=notes,
                normal_depth=there.depth if there else None,
                normal_alt_reads=there.alt_reads if there else None,
                line=number,
            )

    def _cell(self, number: int, form: str, text: str, sample: str) -> dict[str, str]:
        names, values = form.split(":"), text.split(":")
        if len(values) > len(names):
            raise self._wrong(number, f"{len(values)} values for {len(names)} FORMAT keys", sample)
        return dict(zip(names, values, strict=False))

    def _homopolymer(self, chrom: str, pos: int, ref: str, alt: str, info: dict[str, str]) -> int | None:
        given = info_homopolymer(info, ref, alt)
        if given is not None or self.reference is None:
            return given
        before = self.reference(chrom, max(0, pos - 30), pos)
        after = self.reference(chrom, pos, pos + 60)
        return homopolymer_run(before, after, ref.upper(), alt.upper()) if before and after else None


def _info(text: str) -> dict[str, str]:
    if text in (".", ""):
        return {}
    found: dict[str, str] = {}
    for part in text.split(";"):
        key, _, value = part.partition("=")
        found.setdefault(key, value)
    return found


def _annovar_blocks(text: str) -> list[dict[str, str]]:
    """ANNOVAR repeats its keys for each alternative allele and ends each block with ALLELE_END."""
    return [_info(block.strip(";")) for block in text.split("ALLELE_END") if "ANNOVAR_DATE" in block]


def _no_small_variant(alt: str) -> str:
    if alt == "*":
        return "star allele (deleted by a neighbour)"
    if alt in (".", "", "<NON_REF>", "<*>"):
        return "no alternative allele"
    if alt.startswith("<"):
        return "symbolic allele"
    if "[" in alt or "]" in alt or alt.startswith(".") or alt.endswith("."):
        return "breakend"
    return ""


def open_vcf(
    path: Path, *, sample: str | None = None, normal: str | None = None, reference: Reference | None = None
) -> VcfReader:
    """Open a VCF (plain, gzip, BGZF) or BCF and decide which sample is read.

    Args:
        path: the file.
        sample: name of the sample; needed only when the header leaves it open.
        normal: name of a matched normal in the same file; found by itself where the header tells.
        reference: gives the bases around an indel, for the homopolymer check where the caller says nothing.

    Raises:
        BadVariantFile: for a malformed or cut-off file, or when it is open which sample is meant.
    """
    rows = _bcf_lines(path) if _is_bcf(path) else lines(path)
    header, first = _header(path, rows, sample, normal)
    body = chain([first], rows) if first else rows
    chosen = header.tumour
    if chosen is None:
        raise BadVariantFile(
            f"the file has the samples {', '.join(header.samples)} and does not say which is the tumour or blood sample",
            where=str(path),
            fix=f"name it, for example --sample {header.samples[0]}",
        )
    return VcfReader(path, header, chosen, header.normal, body, reference)


def _header(
    path: Path, rows: Iterator[tuple[int, str]], sample: str | None, normal: str | None
) -> tuple[VcfHeader, tuple[int, str] | None]:
    infos: dict[str, str] = {}
    contigs: dict[str, int] = {}
    meta: dict[str, str] = {}
    pedigree: dict[str, str] = {}
    for number, text in rows:
        if number == 1 and not text.startswith("##fileformat=VCF"):
            raise BadVariantFile(
                "the first line is not ##fileformat=VCF...", where=f"{path} line 1", fix="give a VCF, BCF or MAF file"
            )
        if text.startswith("##"):
            _meta_line(text, infos, contigs, meta, pedigree)
            continue
        if not text.startswith("#CHROM"):
            raise BadVariantFile("a record before the #CHROM line", where=f"{path} line {number}, field CHROM")
        names = text[1:].split("\t")
        if tuple(names[:8]) != _FIXED:
            bad = next((i for i, name in enumerate(_FIXED) if i >= len(names) or names[i] != name), 0)
            raise BadVariantFile(f"column {bad + 1} is not {_FIXED[bad]}", where=f"{path} line {number}, field {_FIXED[bad]}")
        if len(names) < 10 or names[8] != "FORMAT":
            raise BadVariantFile(
                "the file has no sample column", where=f"{path} line {number}, field FORMAT", fix="give a file with genotypes"
            )
        samples = tuple(names[9:])
        if len(set(samples)) != len(samples):
            raise BadVariantFile("two samples have the same name", where=f"{path} line {number}")
        tumour, control = _which(path, samples, meta, pedigree, sample, normal)
        caller = next((meta[key] for key in ("source", "DRAGENCommandLine", "content") if key in meta), "")
        return VcfHeader(samples, tumour, control, schema_of(infos), build_of(contigs), caller[:80], number), None
    raise BadVariantFile("there is no #CHROM line: the file is cut off or empty", where=str(path))


def _meta_line(text: str, infos: dict[str, str], contigs: dict[str, int], meta: dict[str, str], pedigree: dict[str, str]) -> None:
    key, _, value = text[2:].partition("=")
    if key == "INFO":
        found = _ID.search(value)
        if found:
            infos[found.group(1)] = value
    elif key == "contig":
        name, length = _ID.search(value), _LENGTH.search(value)
        if name and length:
            contigs[name.group(1)] = int(length.group(1))
    elif key == "PEDIGREE":
        pedigree.update(dict(part.partition("=")[::2] for part in value.strip("<>").split(",")))
    else:
        meta.setdefault(key, value)


def _which(
    path: Path, samples: tuple[str, ...], meta: dict[str, str], pedigree: dict[str, str], sample: str | None, normal: str | None
) -> tuple[str | None, str | None]:
    """The sample to read and its normal: what the user says, then what the header says, never the order of the columns."""
    for wanted in (sample, normal):
        if wanted is not None and wanted not in samples:
            raise BadVariantFile(f"there is no sample {wanted}", where=str(path), fix=f"the samples are {', '.join(samples)}")
    by_name = {name.upper(): name for name in samples}
    tumour = sample or meta.get("tumor_sample") or pedigree.get("Derived") or by_name.get("TUMOR") or by_name.get("TUMOUR")
    control = normal or meta.get("normal_sample") or pedigree.get("Original") or by_name.get("NORMAL")
    if tumour not in samples:
        tumour = None
    if control not in samples or control == tumour:
        control = None
    if tumour is None and control is not None and len(samples) == 2:
        tumour = next(name for name in samples if name != control)
    if tumour is None and len(samples) == 1:
        tumour = samples[0]
    return tumour, control


def _is_bcf(path: Path) -> bool:
    from aftercar.edges.files import existing_file

    existing_file(path)
    with path.open("rb") as stream:
        head = stream.read(4)
    if head[:3] == b"BCF":
        return True
    if head[:2] != b"\x1f\x8b":
        return False
    from isal import igzip

    try:
        with igzip.open(path, "rb") as unpacked:
            return bool(unpacked.read(3) == b"BCF")
    except (EOFError, OSError):
        return False


def _bcf_lines(path: Path) -> Iterator[tuple[int, str]]:
    """The BCF's header and records as VCF text, numbered alike, so that one parser serves both."""
    import pysam

    with path.open("rb") as stream:
        compressed = stream.read(2) == b"\x1f\x8b"
        stream.seek(-min(28, path.stat().st_size), 2)
        if compressed and stream.read() != BGZF_END:
            raise BadVariantFile("the compressed file is cut off: its end block is missing", where=str(path), fix="copy it again")
    number = 0
    try:
        with pysam.VariantFile(str(path)) as records:
            for number, text in enumerate(str(records.header).splitlines(), 1):
                yield number, text
            for record in records:
                number += 1
                yield number, str(record).rstrip("\n")
    except (OSError, ValueError) as error:
        raise BadVariantFile(f"the BCF cannot be read: {error}", where=f"{path}, after record line {number}") from None
