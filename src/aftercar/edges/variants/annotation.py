"""Annotations of VEP, SnpEff, ANNOVAR and Funcotator, each in its own dialect of the INFO column.

VEP writes ``CSQ`` and SnpEff ``ANN`` with the order of the parts in the header; ANNOVAR writes one key for each part and
repeats the block for each allele; Funcotator writes ``FUNCOTATION`` in brackets with its own escapes.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from urllib.parse import unquote

from aftercar.biomarkers.variants import Annotation, consequence_class, short_protein

_QUOTED = re.compile(r'Description="([^"]*)"')


@dataclass(frozen=True)
class Schema:
    """What the header says of the annotation: the parts of each block and the keys with population frequencies.

    Attributes:
        csq, ann, funcotation: names of the parts in order; empty when the file has none.
        annovar: suffix of ANNOVAR's gene keys ("refGene"); empty when the file has none.
        csq_population, funcotation_population: positions of gnomAD frequencies in the parts.
        population_keys: INFO keys with gnomAD frequencies.
        popaf: whether Mutect2's POPAF (minus log10) is there.
    """

    csq: tuple[str, ...] = ()
    ann: tuple[str, ...] = ()
    funcotation: tuple[str, ...] = ()
    annovar: str = ""
    csq_population: tuple[int, ...] = ()
    funcotation_population: tuple[int, ...] = ()
    population_keys: tuple[str, ...] = ()
    popaf: bool = False
    index: Mapping[str, Mapping[str, int]] = field(default_factory=dict)

    @cached_property
    def vep_places(self) -> tuple[int, ...]:
        """Positions of the VEP columns that are read; one past the end for a column that is not there."""
        names = ("SYMBOL", "Gene", "Consequence", "HGVSp", "Protein_position", "Amino_acids", "Feature", "EXON")
        return tuple(self.csq.index(name) if name in self.csq else len(self.csq) for name in names)

    @cached_property
    def vep_marks(self) -> tuple[int, ...]:
        """Positions of VEP's columns that mark the transcript to report."""
        return tuple(self.csq.index(name) for name in ("PICK", "MANE_SELECT", "MANE", "CANONICAL") if name in self.csq)

    @property
    def is_annotated(self) -> bool:
        """Whether the header describes the annotation of a tool that is known here."""
        return bool(self.csq or self.ann or self.funcotation or self.annovar)

    @property
    def has_population(self) -> bool:
        """Whether any population frequency was looked up for this file."""
        return bool(self.csq_population or self.funcotation_population or self.population_keys or self.popaf)


def schema_of(info_lines: Mapping[str, str]) -> Schema:
    """The schema from the header's INFO lines, by key."""
    csq = _parts(info_lines.get("CSQ", ""), "Format:")
    ann = _parts(info_lines.get("ANN", ""), "annotations:")
    funcotation = _parts(info_lines.get("FUNCOTATION", ""), "fields are:")
    annovar = next((key.partition(".")[2] for key in info_lines if key.startswith("AAChange.")), "")
    gnomad = [key for key in info_lines if "gnomad" in key.lower() and _is_frequency(key)]
    if annovar and "AF" in info_lines and "AF_popmax" in info_lines:
        gnomad += ["AF", "AF_popmax"]  # ANNOVAR's gnomad211 tables carry no prefix
    return Schema(
        csq=csq,
        ann=ann,
        funcotation=funcotation,
        annovar=annovar,
        csq_population=tuple(i for i, name in enumerate(csq) if "gnomad" in name.lower() and _is_frequency(name)),
        funcotation_population=tuple(i for i, name in enumerate(funcotation) if "gnomad" in name.lower() and _is_frequency(name)),
        population_keys=tuple(gnomad),
        popaf="POPAF" in info_lines,
        index={
            "csq": {name: i for i, name in enumerate(csq)},
            "ann": {name: i for i, name in enumerate(ann)},
            "funcotation": {re.sub(r"^Gencode_\d+_", "", name): i for i, name in enumerate(funcotation)},
        },
    )


def _parts(line: str, after: str) -> tuple[str, ...]:
    found = _QUOTED.search(line)
    if found is None:
        return ()
    text = found.group(1)
    place = text.lower().find(after.lower())
    if place < 0:
        return ()
    return tuple(part.strip().strip("'") for part in text[place + len(after) :].split("|"))


def _is_frequency(name: str) -> bool:
    upper = name.upper()
    return upper.endswith(("_AF", "_ALL", "AF_POPMAX", ".AF")) or "_AF_" in upper


def annotations_of(info: Mapping[str, str], schema: Schema, ref: str, alts: Sequence[str], which: int) -> tuple[Annotation, ...]:
    """Annotations of allele ``which`` (0-based among the alternatives), one for each transcript."""
    if schema.csq and info.get("CSQ"):
        return _vep(info["CSQ"], schema, ref, alts, which)
    if schema.ann and info.get("ANN"):
        return _snpeff(info["ANN"], alts[which])
    if schema.funcotation and info.get("FUNCOTATION"):
        return _funcotator(info["FUNCOTATION"], schema, which)
    if schema.annovar:
        return _annovar(info, schema.annovar)
    return ()


def population(info: Mapping[str, str], schema: Schema, ref: str, alts: Sequence[str], which: int) -> float | None:
    """Highest population frequency of an allele; 0 when looked up and not listed, None when nothing was looked up."""
    if not schema.has_population:
        return None
    texts: list[str] = []
    if schema.csq_population and info.get("CSQ"):
        for entry in _vep_entries(info["CSQ"], schema, ref, alts, which):
            texts += [entry[i] for i in schema.csq_population if i < len(entry)]
    if schema.funcotation_population and info.get("FUNCOTATION"):
        chosen = _funcotator_entries(info["FUNCOTATION"])[which : which + 1]
        texts += [
            parts[i] for transcripts in chosen for parts in transcripts for i in schema.funcotation_population if i < len(parts)
        ]
    for key in schema.population_keys:
        values = info.get(key, "").split(",")
        texts.append(values[which] if len(values) == len(alts) else values[0])
    # VEP joins frequencies of several records by &; a dot or nothing means not listed.
    found = [float(part) for text in texts for part in text.split("&") if part not in ("", ".")]
    if not found and schema.popaf and info.get("POPAF"):
        value = info["POPAF"].split(",")[which]
        found = [] if value == "." else [10 ** -float(value)]
    return max(found, default=0.0)


def _vep_entries(text: str, schema: Schema, ref: str, alts: Sequence[str], which: int) -> list[list[str]]:
    place = schema.index["csq"]
    number, allele = place.get("ALLELE_NUM"), place.get("Allele", 0)
    entries = [entry.split("|") for entry in text.split(",")]
    if number is not None:
        return [entry for entry in entries if number < len(entry) and entry[number] == str(which + 1)]
    if len(alts) == 1:
        return entries
    wanted = {alts[which], vep_allele(ref, alts, which)}
    return [entry for entry in entries if allele < len(entry) and entry[allele] in wanted]


def vep_allele(ref: str, alts: Sequence[str], which: int) -> str:
    """How VEP names an allele: when any allele of the record is an indel with a shared first base, that base is cut off all."""
    small = [allele for allele in (ref, *alts) if allele != "*" and not allele.startswith("<")]
    if any(len(allele) != len(ref) for allele in small) and len({allele[0] for allele in small}) == 1:
        return alts[which][1:] or "-"
    return alts[which]


def _vep(text: str, schema: Schema, ref: str, alts: Sequence[str], which: int) -> tuple[Annotation, ...]:
    gene_at, id_at, kind_at, protein_at, place_at, acids_at, feature_at, exon_at = schema.vep_places
    marks = schema.vep_marks
    found: list[Annotation] = []
    for entry in _vep_entries(text, schema, ref, alts, which):
        parts = [*entry, *[""] * (len(schema.csq) + 1 - len(entry))]  # the last one stands for columns that are not there
        gene = parts[gene_at] or parts[id_at]
        if not gene:
            continue
        protein = parts[protein_at]
        short = short_protein(unquote(protein)) if protein else _from_amino_acids(parts[place_at], parts[acids_at])
        preferred = any(parts[mark] not in ("", "0") for mark in marks)
        kind = consequence_class(parts[kind_at])
        found.append(Annotation(gene, kind, short, parts[feature_at], _exon(parts[exon_at]), preferred))
    return tuple(found)


def _from_amino_acids(position: str, acids: str) -> str:
    """R882H from VEP's own columns when HGVS was not asked for."""
    first, number = acids.split("/"), position.partition("/")[0].partition("-")[0]
    if len(first) == 2 and number.isdigit() and len(first[0]) == 1:
        return f"{first[0]}{number}{first[1]}"
    return ""


def _snpeff(text: str, alt: str) -> tuple[Annotation, ...]:
    found: list[Annotation] = []
    for entry in text.split(","):
        parts = entry.split("|")
        if len(parts) >= 11 and parts[0].partition("-")[0] == alt and parts[3]:
            found.append(
                Annotation(parts[3], consequence_class(parts[1]), short_protein(parts[10]), parts[6], _exon(parts[8]), not found)
            )
    return tuple(found)


def _annovar(info: Mapping[str, str], suffix: str) -> tuple[Annotation, ...]:
    def value(key: str) -> str:
        text = info.get(f"{key}.{suffix}", "").replace("\\x3b", ";").replace("\\x3d", "=")
        return "" if text == "." else text

    function, exonic = value("Func"), value("ExonicFunc")
    kind = consequence_class(exonic if exonic else "splicing" if "splicing" in function else function)
    found: list[Annotation] = []
    for entry in value("AAChange").split(","):
        parts = entry.split(":")
        if len(parts) >= 3:
            exon = next((int(p[4:]) for p in parts if p.startswith("exon") and p[4:].isdigit()), 0)
            protein = next((p for p in parts if p.startswith("p.")), "")
            found.append(Annotation(parts[0], kind, short_protein(protein), parts[1], exon, not found))
    if not found:
        found = [Annotation(gene, kind, "", "", 0, True) for gene in re.split(r"[;,]", value("Gene")) if gene not in ("", "NONE")]
    return tuple(found)


def _funcotator_entries(text: str) -> list[list[list[str]]]:
    """By allele, by transcript, the parts: alleles stand in brackets between commas, transcripts between ``#``."""
    alleles = re.split(r"\],\[|\]\s*,\s*\[", text)
    return [[transcript.strip("[]").split("|") for transcript in allele.split("#")] for allele in alleles]


def _funcotator(text: str, schema: Schema, which: int) -> tuple[Annotation, ...]:
    entries = _funcotator_entries(text)
    if which >= len(entries):
        return ()
    place = schema.index["funcotation"]

    def part(parts: list[str], name: str) -> str:
        position = place.get(name, -1)
        return _plain(parts[position]) if 0 <= position < len(parts) else ""

    found: list[Annotation] = []
    for parts in entries[which]:
        gene, exon = part(parts, "hugoSymbol"), part(parts, "transcriptExon")
        if not gene or gene == "Unknown":
            continue
        kind, protein = consequence_class(part(parts, "variantClassification")), short_protein(part(parts, "proteinChange"))
        number = int(exon) if exon.isdigit() else 0
        found.append(Annotation(gene, kind, protein, part(parts, "annotationTranscript"), number, not found))
    return tuple(found)


def _plain(text: str) -> str:
    """Funcotator's escapes ``_%7C_`` undone."""
    return re.sub(r"_%([0-9A-Fa-f]{2})_", lambda found: chr(int(found.group(1), 16)), text)


@lru_cache(maxsize=1024)
def _exon(text: str) -> int:
    number = text.partition("/")[0].partition("-")[0]
    return int(number) if number.isdigit() else 0
