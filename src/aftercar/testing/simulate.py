"""Simulated tumour samples: proviruses planted in a host, reads sampled from them, and the exact truth.

A sample is a mixture of cell populations. Each population has a share of the cells, a ploidy and insertions; each
insertion sits on one chromosome copy. From a host given (or made by :func:`random_host`) the chromosome copies with
insertions are written out, fragments are drawn from all copies in proportion, and both ends are read with errors.

    >>> host = random_host({"chr1": 60_000}, seed=1)
    >>> provirus = provirus_from(ltr=random_bases(200, seed=2), internal=random_bases(2_000, seed=3))
    >>> tumour = Population("tumour", 0.5, plant(host, provirus, sites=2, seed=4))
    >>> sample = Sample(host, (tumour,), depth=30, seed=5)
    >>> [f"{site.contig}:{site.position + 1} {site.orientation} TSD {site.tsd}" for site in sample.insertions]
    ['chr1:30680 - TSD 5', 'chr1:52884 + TSD 5']

Everything follows from the seed. What the simulator leaves out: insertions and deletions made by the sequencer,
chimeric molecules and human diversity between the two copies of a chromosome.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
import numpy.typing as npt

from aftercar.errors import UsageError

Bases = npt.NDArray[np.uint8]
Host = Mapping[str, Bases]
Orientation = Literal["+", "-"]

TSD = {"lentiviral": 5, "gammaretroviral": 4}
_ACGT = np.frombuffer(b"ACGT", np.uint8)
_COMPLEMENT = np.arange(256, dtype=np.uint8)
_COMPLEMENT[np.frombuffer(b"ACGTN", np.uint8)] = np.frombuffer(b"TGCAN", np.uint8)
_CHUNK = 200_000
_PLACE = 500
#: Fragments are drawn so many times denser and thinned to the local density; denser places than that are cut.
_DENSEST = 4.0


def as_bases(text: str) -> Bases:
    """Upper-case ASCII codes of a sequence."""
    return np.frombuffer(text.upper().encode("ascii"), np.uint8)


def as_text(bases: Bases) -> str:
    """The sequence of ASCII codes as text."""
    return bases.tobytes().decode("ascii")


def complement(bases: Bases) -> Bases:
    """Reverse complement along the last axis."""
    return _COMPLEMENT[bases[..., ::-1]]


def random_bases(length: int, *, seed: int, gc: float = 0.41) -> str:
    """``length`` independent bases with the human share of G and C."""
    weights = [(1 - gc) / 2, gc / 2, gc / 2, (1 - gc) / 2]
    return as_text(np.random.default_rng(seed).choice(_ACGT, size=length, p=weights))


def random_host(
    lengths: Mapping[str, int], *, seed: int, repeat_length: int = 300, repeat_every: int = 5_000
) -> dict[str, Bases]:
    """A host of random bases with a dispersed repeat, its copies differing by about 10% (as old Alu copies do)."""
    rng = np.random.default_rng(seed)
    element = rng.choice(_ACGT, size=repeat_length)
    host = {}
    for name, length in lengths.items():
        bases = as_bases(random_bases(length, seed=int(rng.integers(2**31)))).copy()
        for start in range(repeat_every // 2, length - repeat_length, repeat_every):
            copy = np.where(rng.random(repeat_length) < 0.1, rng.choice(_ACGT, size=repeat_length), element)
            bases[start : start + repeat_length] = copy if rng.random() < 0.5 else complement(copy)
        host[name] = bases
    return host


def provirus_from(*, ltr: str, internal: str) -> str:
    """An integrated provirus: reverse transcription leaves the same LTR at both ends."""
    return ltr + internal + ltr


@dataclass(frozen=True, slots=True)
class Insertion:
    """One planted provirus.

    Attributes:
        contig: host sequence.
        position: 0-based coordinate of the last host base before the provirus, in the orientation of the reference.
        orientation: ``+`` when the provirus reads with the reference.
        tsd: target-site duplication in bases; the host resumes at ``position + 1 - tsd``.
        provirus: its bases, in its own orientation, after any truncation.
        copy: which chromosome copy of the population carries it.
    """

    contig: str
    position: int
    orientation: Orientation
    tsd: int
    provirus: str = field(repr=False)
    copy: int = 0

    @property
    def right(self) -> int:
        """0-based coordinate of the first host base after the provirus."""
        return self.position + 1 - self.tsd


def plant(
    host: Host,
    provirus: str,
    *,
    sites: int,
    seed: int,
    tsd: int = TSD["lentiviral"],
    margin: int = 1_500,
    spacing: int = 3_000,
    truncate: float = 0.0,
    places: Sequence[tuple[str, int, int]] = (),
) -> tuple[Insertion, ...]:
    """Draw places for ``sites`` proviruses, uniformly over the host bases that are known.

    Args:
        host: sequences by name.
        provirus: bases of the full provirus.
        sites: number of insertions.
        seed: of the generator.
        tsd: bases of target-site duplication.
        margin: distance kept from contig ends and unknown bases.
        spacing: least distance between two insertions.
        truncate: chance that a provirus has lost 50 to 400 bases of one end (its junction is then not at an LTR end).
        places: intervals ``(contig, start, end)`` to draw from, instead of the whole host.

    Raises:
        UsageError: when the host has no room.
    """
    rng = np.random.default_rng(seed)
    regions = list(places) or [(name, 0, len(bases)) for name, bases in host.items()]
    weights = np.array([max(0, end - start) for _, start, end in regions], float)
    taken: list[Insertion] = []
    for _ in range(sites * 1_000):
        if len(taken) == sites:
            break
        name, start, end = regions[int(rng.choice(len(regions), p=weights / weights.sum()))]
        position = int(rng.integers(start, end))
        bases = host[name]
        if (
            position < margin
            or position >= len(bases) - margin
            or (bases[position - margin : position + margin] == ord("N")).any()
        ):
            continue
        if any(site.contig == name and abs(site.position - position) < spacing for site in taken):
            continue
        sequence = provirus
        if rng.random() < truncate:
            lost = int(rng.integers(50, 400))
            sequence = provirus[lost:] if rng.random() < 0.5 else provirus[:-lost]
        orientation: Orientation = "+" if rng.random() < 0.5 else "-"
        taken.append(Insertion(name, position, orientation, tsd, sequence))
    if len(taken) < sites:
        raise UsageError(
            f"no room for {sites} insertions", where=f"{len(taken)} placed", fix="give a longer host or a smaller spacing"
        )
    return tuple(sorted(taken, key=lambda site: (site.contig, site.position)))


@dataclass(frozen=True, slots=True)
class Population:
    """Cells that are alike: their share of all cells, their insertions and their ploidy."""

    name: str
    fraction: float
    insertions: tuple[Insertion, ...] = ()
    ploidy: int = 2


@dataclass(frozen=True, slots=True)
class Copy:
    """One chromosome copy as written out: its bases and the host blocks in it.

    ``blocks`` has one row a host block: start in the copy, start in the host, length. What lies between is provirus.
    """

    contig: str
    bases: Bases = field(repr=False)
    blocks: npt.NDArray[np.int64] = field(repr=False)
    sites: tuple[Insertion, ...]
    depth: float
    foreign: bool = False


@dataclass(frozen=True, slots=True)
class Fragments:
    """Fragments of one chromosome copy with both ends as sequenced.

    Attributes:
        copy: where they come from.
        start, length: shape (n,), in bases of the copy.
        flipped: shape (n,), whether the first read lies at the right end.
        first, second: shape (n, read length), ASCII bases in the orientation of the sequencer.
        first_quality, second_quality: same shape, Phred scores.
        duplicate: shape (n,), whether the fragment repeats the one before it.
        serial: number of the first fragment within the sample.
    """

    copy: Copy
    start: npt.NDArray[np.int64]
    length: npt.NDArray[np.int64]
    flipped: npt.NDArray[np.bool_]
    first: Bases
    second: Bases
    first_quality: Bases
    second_quality: Bases
    duplicate: npt.NDArray[np.bool_]
    serial: int


@dataclass(frozen=True, slots=True)
class Sample:
    """A sample to be sequenced. Iterating over :meth:`fragments` twice gives the same reads.

    Attributes:
        host: sequences by name.
        populations: cell populations; what is missing to 1 are diploid cells without insertion.
        depth: mean depth of the host in bases sequenced over bases.
        read_length, insert_mean, insert_sd: of the library, in bases.
        error_rate: substitutions per base.
        duplicates: share of fragments that are sequenced twice.
        plasmid, plasmid_depth: circular DNA spiked in at this depth (contamination).
        windows: only fragments from these host intervals are made (a capture panel, or to save time).
        single_end: only the first read is written.
        gc_bias: how steeply the depth falls with the GC content of a fragment: per unit of GC above 0.3, as a power of e.
        spread: squared coefficient of variation of the local density; it holds over 500 bases and is that of the host's
            place on every chromosome copy.
        seed: of everything.
    """

    host: Host
    populations: tuple[Population, ...]
    depth: float
    read_length: int = 150
    insert_mean: float = 400.0
    insert_sd: float = 80.0
    error_rate: float = 0.002
    duplicates: float = 0.0
    plasmid: str = ""
    plasmid_depth: float = 0.0
    windows: tuple[tuple[str, int, int], ...] = ()
    single_end: bool = False
    gc_bias: float = 0.0
    spread: float = 0.0
    seed: int = 0

    def __post_init__(self) -> None:
        if sum(population.fraction for population in self.populations) > 1 + 1e-9:
            raise UsageError("the cell populations add up to more than all cells", fix="lower their fractions")
        if self.depth < 0 or not 0 <= self.error_rate < 1 or not 0 <= self.duplicates <= 1:
            raise UsageError("depth, error rate or duplicate share is out of range")

    @property
    def insertions(self) -> tuple[Insertion, ...]:
        """All insertions of all populations."""
        return tuple(site for population in self.populations for site in population.insertions)

    @property
    def copies_per_cell(self) -> float:
        """Mean number of chromosome copies of a cell (2 when all are diploid)."""
        normal = 1 - sum(population.fraction for population in self.populations)
        return 2 * normal + sum(population.fraction * population.ploidy for population in self.populations)

    def cell_fraction(self, site: Insertion) -> float:
        """Share of all cells that carry the insertion."""
        return sum(p.fraction for p in self.populations for other in p.insertions if other is site)

    def vector_copies(self) -> float:
        """Mean proviruses per cell."""
        return sum(population.fraction * len(population.insertions) for population in self.populations)

    def copies(self) -> Iterator[Copy]:
        """Chromosome copies, contig by contig, each with its share of the depth; then the plasmid."""
        for contig, bases in self.host.items():
            rest = self.copies_per_cell
            for population in self.populations:
                here = [site for site in population.insertions if site.contig == contig]
                for number in sorted({site.copy for site in here}):
                    sites = tuple(site for site in here if site.copy == number)
                    rest -= population.fraction
                    yield _written_out(contig, bases, sites, self.depth * population.fraction / self.copies_per_cell)
            if rest > 1e-12:
                yield _written_out(contig, bases, (), self.depth * rest / self.copies_per_cell)
        if self.plasmid and self.plasmid_depth:
            circle = as_bases(self.plasmid)
            once_more = np.concatenate([circle, circle[: int(self.insert_mean + 4 * self.insert_sd)]])
            yield Copy("plasmid", once_more, np.zeros((0, 3), np.int64), (), self.plasmid_depth, foreign=True)

    def fragments(self) -> Iterator[Fragments]:
        """The reads, in batches of one chromosome copy each."""
        rng = np.random.default_rng(self.seed)
        serial = 0
        for copy in self.copies():
            starts, lengths = self._drawn(copy, rng)
            for at in range(0, len(starts), _CHUNK):
                batch = self._sequenced(copy, starts[at : at + _CHUNK], lengths[at : at + _CHUNK], rng, serial)
                serial += len(batch.start)
                yield batch

    def _drawn(self, copy: Copy, rng: np.random.Generator) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
        """Starts and lengths of fragments that lie wholly on the copy, in random order."""
        ends = 1 if self.single_end else 2
        denser = _DENSEST if self.spread else 1.0
        number = rng.poisson(denser * copy.depth * len(copy.bases) / (ends * self.read_length))
        lengths = np.maximum(self.read_length, np.rint(rng.normal(self.insert_mean, self.insert_sd, number))).astype(np.int64)
        starts = np.floor(rng.random(number) * len(copy.bases)).astype(np.int64)
        keep = starts + lengths <= len(copy.bases)
        if self.gc_bias:
            keep &= rng.random(number) < self._by_gc(copy, starts, lengths)
        if self.spread:
            keep &= rng.random(number) < self._by_place(copy, starts + lengths // 2) / denser
        if self.windows and not copy.foreign:
            keep &= self._enriched(copy, starts, lengths)
        return starts[keep], lengths[keep]

    def _by_gc(self, copy: Copy, starts: npt.NDArray[np.int64], lengths: npt.NDArray[np.int64]) -> npt.NDArray[np.float64]:
        """Chance of each fragment to be kept; fragments that reach beyond the copy are none."""
        strong = np.concatenate([[0], np.cumsum((copy.bases == ord("C")) | (copy.bases == ord("G")))])
        share = (strong[np.minimum(starts + lengths, len(copy.bases))] - strong[starts]) / lengths
        return np.minimum(1.0, np.exp(-self.gc_bias * (share - 0.3)))

    def _by_place(self, copy: Copy, middles: npt.NDArray[np.int64]) -> npt.NDArray[np.float64]:
        """Local density at the middle of each fragment: of the host's place, or of the provirus where it lies there."""
        key = [self.seed, *copy.contig.encode()]
        host = np.random.default_rng(key).gamma(1 / self.spread, self.spread, len(copy.bases) // _PLACE + 2)
        vector = np.random.default_rng([*key, len(copy.sites)]).gamma(1 / self.spread, self.spread, len(host))
        if not len(copy.blocks):
            return host[middles // _PLACE]
        block = np.maximum(0, np.searchsorted(copy.blocks[:, 0], middles, side="right") - 1)
        within = middles - copy.blocks[block, 0]
        placed = (copy.blocks[block, 1] + within) // _PLACE
        return np.where(within < copy.blocks[block, 2], host[np.minimum(placed, len(host) - 1)], vector[middles // _PLACE])

    def _enriched(self, copy: Copy, starts: npt.NDArray[np.int64], lengths: npt.NDArray[np.int64]) -> npt.NDArray[np.bool_]:
        """Whether a fragment touches a window of the host, or the provirus."""
        keep = np.zeros(len(starts), bool)
        for contig, low, high in self.windows:
            if contig != copy.contig:
                continue
            for at, host_at, size in copy.blocks:
                left, right = max(low, host_at), min(high, host_at + size)
                if left < right:
                    keep |= (starts < at + right - host_at) & (starts + lengths > at + left - host_at)
        for before, after in zip(copy.blocks[:-1], copy.blocks[1:], strict=True):
            keep |= (starts < after[0]) & (starts + lengths > before[0] + before[2])
        return keep

    def _sequenced(
        self, copy: Copy, starts: npt.NDArray[np.int64], lengths: npt.NDArray[np.int64], rng: np.random.Generator, serial: int
    ) -> Fragments:
        duplicate = np.zeros(len(starts), bool)
        flipped = rng.random(len(starts)) < 0.5
        if self.duplicates:
            times = 1 + (rng.random(len(starts)) < self.duplicates)
            which = np.repeat(np.arange(len(starts)), times)
            duplicate = np.zeros(len(which), bool)
            duplicate[1:] = which[1:] == which[:-1]
            starts, lengths = np.repeat(starts, times), np.repeat(lengths, times)
            flipped = np.repeat(flipped, times)
        offsets = np.arange(self.read_length)
        left = copy.bases[starts[:, None] + offsets]
        right = complement(copy.bases[(starts + lengths - self.read_length)[:, None] + offsets])
        first = np.where(flipped[:, None], right, left)
        second = np.where(flipped[:, None], left, right)
        reads = [_with_errors(read, self.error_rate, rng) for read in (first, second)]
        return Fragments(copy, starts, lengths, flipped, reads[0][0], reads[1][0], reads[0][1], reads[1][1], duplicate, serial)


def _written_out(contig: str, bases: Bases, sites: tuple[Insertion, ...], depth: float) -> Copy:
    pieces: list[Bases] = []
    blocks: list[tuple[int, int, int]] = []
    at = host_at = 0
    for site in sorted(sites, key=lambda site: site.position):
        flank = bases[host_at : site.position + 1]
        provirus = as_bases(site.provirus)
        pieces += [flank, provirus if site.orientation == "+" else complement(provirus)]
        blocks.append((at, host_at, len(flank)))
        at += len(flank) + len(provirus)
        host_at = site.right
    pieces.append(bases[host_at:])
    blocks.append((at, host_at, len(bases) - host_at))
    whole = np.concatenate(pieces) if len(pieces) > 1 else bases
    return Copy(contig, whole, np.array(blocks, np.int64), sites, depth)


def _with_errors(reads: Bases, rate: float, rng: np.random.Generator) -> tuple[Bases, Bases]:
    """Reads with substitutions; a wrong base has a low quality in two of three cases."""
    reads = np.ascontiguousarray(reads)
    quality = np.full(reads.shape, 37, np.uint8)
    number = rng.binomial(reads.size, rate) if reads.size else 0
    if number:
        where = rng.integers(0, reads.size, number)
        flat, scores = reads.reshape(-1), quality.reshape(-1)
        code = np.searchsorted(_ACGT, flat[where]) % 4
        known = flat[where] != ord("N")
        flat[where[known]] = _ACGT[(code[known] + rng.integers(1, 4, int(known.sum()))) % 4]
        scores[where] = np.where(rng.random(number) < 2 / 3, 12, 37)
    return reads, quality
