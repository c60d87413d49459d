"""Genes at a site: which, where in the gene, which way round, how far, and what that may do to the gene.

>>> gene = Transcript("TET2", "NM_1", "chr4", "+", 100, 900, 150, 800, ((100, 200), (400, 500), (700, 900)))
>>> annotate("chr4", 450, "-", [gene]).words()
'TET2, exon 2 of 3 (coding), against the gene: interrupts the coding sequence'
>>> annotate("chr4", 1500, "+", [gene]).words()
'TET2, 601 bases downstream, with the gene: outside the gene'
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from aftercar.vocab.genomes import bare_contig


@dataclass(frozen=True, slots=True)
class Transcript:
    """One transcript: 0-based half-open coordinates; ``coding_start == coding_end`` for a non-coding one."""

    gene: str
    name: str
    contig: str
    strand: str
    start: int
    end: int
    coding_start: int
    coding_end: int
    exons: tuple[tuple[int, int], ...]

    @property
    def coding(self) -> bool:
        """Whether it has a coding sequence."""
        return self.coding_end > self.coding_start


@dataclass(frozen=True, slots=True)
class Annotation:
    """What lies at a site.

    Attributes:
        gene: symbol of the gene hit, or of the nearest one; empty when there is none on the contig.
        transcript: its transcript.
        feature: ``exon``, ``intron``, ``utr5``, ``utr3``, ``upstream``, ``downstream`` or ``intergenic``.
        number, of: exon or intron number in the direction of the gene, and how many there are.
        distance: 0 inside the gene, else bases to its nearest end.
        sense: ``same`` when provirus and gene run the same way, ``opposite``, or empty.
        tss_distance: signed bases from the transcription start to the site, in the direction of the gene.
        consequence: predicted, in words; never observed.
        others: further genes hit.
        lists: names of the user's gene lists that hold the gene.
        flags: ``blacklist`` and the like.
    """

    gene: str
    transcript: str = ""
    feature: str = "intergenic"
    number: int = 0
    of: int = 0
    distance: int | None = None
    sense: str = ""
    tss_distance: int | None = None
    consequence: str = ""
    coding: bool = False
    others: tuple[str, ...] = ()
    lists: tuple[str, ...] = ()
    flags: tuple[str, ...] = ()

    def words(self) -> str:
        """The annotation in one line."""
        if not self.gene:
            return "no gene on this contig"
        if self.distance:
            where = f"{self.distance:,} bases {self.feature}"
        else:
            where = f"{self.feature} {self.number} of {self.of}" if self.number else self.feature
            where += " (coding)" if self.coding else ""
        sense = {"same": ", with the gene", "opposite": ", against the gene"}.get(self.sense, "")
        return f"{self.gene}, {where}{sense}: {self.consequence}"


class GeneIndex:
    """Transcripts by contig, for look-ups by position."""

    def __init__(self, transcripts: Iterable[Transcript]) -> None:
        by_contig: dict[str, list[Transcript]] = {}
        for transcript in transcripts:
            by_contig.setdefault(bare_contig(transcript.contig), []).append(transcript)
        self._by_contig = {name: sorted(group, key=lambda t: (t.start, t.end, t.name)) for name, group in by_contig.items()}
        self._starts = {name: [t.start for t in group] for name, group in self._by_contig.items()}
        self._longest = {name: max(t.end - t.start for t in group) for name, group in self._by_contig.items()}

    def near(self, contig: str, position: int, reach: int = 0) -> list[Transcript]:
        """Transcripts within ``reach`` bases; when there are none, the nearest on either side."""
        name = bare_contig(contig)
        group = self._by_contig.get(name, [])
        if not group:
            return []
        starts, longest = self._starts[name], self._longest[name]
        low = bisect_left(starts, position - longest - reach)
        high = bisect_left(starts, position + reach + 1)
        hits = [t for t in group[low:high] if t.start - reach <= position < t.end + reach]
        if hits:
            return hits
        before = max(group[: bisect_left(starts, position + 1)], key=lambda t: t.end, default=None)
        return [t for t in (before, *group[high : high + 1]) if t is not None]


def annotate(
    contig: str,
    position: int,
    orientation: str,
    transcripts: Sequence[Transcript],
    *,
    lists: Mapping[str, frozenset[str]] | None = None,
    flags: Sequence[str] = (),
) -> Annotation:
    """The gene at or nearest to a site.

    Args:
        contig: of the site.
        position: 0-based last host base before the provirus.
        orientation: of the provirus.
        transcripts: candidates (:meth:`GeneIndex.near`).
        lists: user gene lists by name.
        flags: region flags to carry along.
    """
    if not transcripts:
        return Annotation("", flags=tuple(flags))
    ranked = sorted(
        transcripts, key=lambda t: (_distance(t, position), not t.coding, -_exonic(t, position), t.start - t.end, t.name)
    )
    best = ranked[0]
    distance = _distance(best, position)
    others = tuple(sorted({t.gene for t in ranked if _distance(t, position) == 0} - {best.gene})) if distance == 0 else ()
    same = (orientation == best.strand) if orientation in "+-" and orientation else None
    tss = position - best.start if best.strand == "+" else best.end - 1 - position
    feature, number, of, coding = _feature(best, position) if distance == 0 else ("", 0, 0, False)
    if distance:
        feature = "upstream" if tss < 0 else "downstream"
    return Annotation(
        best.gene,
        best.name,
        feature,
        number,
        of,
        distance,
        "" if same is None else "same" if same else "opposite",
        tss,
        _consequence(feature, same, coding),
        coding,
        others,
        tuple(sorted(name for name, genes in (lists or {}).items() if best.gene in genes or genes & set(others))),
        tuple(flags),
    )


def _distance(transcript: Transcript, position: int) -> int:
    return max(transcript.start - position, position - (transcript.end - 1), 0)


def _exonic(transcript: Transcript, position: int) -> bool:
    return any(start <= position < end for start, end in transcript.exons)


def _feature(transcript: Transcript, position: int) -> tuple[str, int, int, bool]:
    exons = transcript.exons
    forward = transcript.strand == "+"
    for i, (start, end) in enumerate(exons):
        if start <= position < end:
            number = i + 1 if forward else len(exons) - i
            if not transcript.coding:
                return "exon", number, len(exons), False
            if transcript.coding_start <= position < transcript.coding_end:
                return "exon", number, len(exons), True
            before = position < transcript.coding_start
            return ("utr5" if before == forward else "utr3"), number, len(exons), False
    passed = sum(end <= position for _, end in exons)
    return "intron", passed if forward else len(exons) - passed, len(exons) - 1, False


def _consequence(feature: str, same: bool | None, coding: bool) -> str:
    if feature == "exon":
        return "interrupts the coding sequence" if coding else "interrupts a non-coding exon"
    if feature == "intron":
        if same:
            return "may end or fuse the transcript within the intron, and drive it onwards from there"
        return "may hinder splicing; ends the transcript rarely when turned against the gene"
    if feature == "utr5":
        return "may separate the promoter from the coding sequence, or drive it"
    if feature == "utr3":
        return "may change the 3' end and the stability of the transcript"
    return "outside the gene"
