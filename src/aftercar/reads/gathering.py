"""Puts the records of candidate templates together into pairs."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from aftercar.reads.batch import PAIRED, SECOND, SECONDARY, SUPPLEMENTARY, UNMAPPED, Pair, Read


@dataclass(slots=True)
class _Template:
    first: Read | None = None
    second: Read | None = None
    supplementary: dict[tuple[int, str | None, int, str], Read] = field(default_factory=dict)


def pairs_of(records: Iterable[Read]) -> tuple[list[Pair], int]:
    """Pairs by template, ordered by place and name, and how many of them lack their mate.

    Secondary records are left out (their bases stand in the primary one). A template with only supplementary records
    gives its first one as the end that is known.
    """
    templates: dict[str, _Template] = {}
    for read in records:
        if read.flag & SECONDARY:
            continue
        template = templates.setdefault(read.name, _Template())
        if read.flag & SUPPLEMENTARY:
            key = (read.flag, read.contig, read.position, read.cigar)
            template.supplementary[key] = _fuller(template.supplementary.get(key), read)
        elif read.flag & PAIRED and read.flag & SECOND:
            template.second = _fuller(template.second, read)
        else:
            template.first = _fuller(template.first, read)
    pairs: list[Pair] = []
    lonely = 0
    for template in templates.values():
        first, second = template.first, template.second
        others = tuple(sorted(template.supplementary.values(), key=_order))
        if first is None:
            first, second = second, None
        if first is None:
            first, others = others[0], others[1:]
        lonely += bool(first.flag & PAIRED) and second is None
        pairs.append(Pair(first, second, others))
    pairs.sort(key=lambda p: (p.first.contig or "~", p.first.position, p.first.name))
    return pairs, lonely


def _fuller(one: Read | None, two: Read) -> Read:
    """Of two records of one end (a file should have one), that with more bases; ties fall in a fixed order.

    Records come in the order in which they were found, which must not matter.
    """
    if one is None:
        return two
    return min(one, two, key=lambda read: (-len(read.sequence), _order(read)))


def _order(read: Read) -> tuple[object, ...]:
    tags = sorted(read.tags.items())
    return read.contig or "~", read.position, read.flag, read.cigar, read.sequence, read.qualities, read.mapping_quality, tags


def from_fastq(name: str, first: tuple[str, bytes], second: tuple[str, bytes] | None) -> Pair:
    """A pair as a sequencer gives it: unmapped, in the orientation of the sequencer."""
    if second is None:
        return Pair(Read(name, first[0].upper(), first[1], UNMAPPED))
    flag = PAIRED | UNMAPPED | 0x8
    return Pair(Read(name, first[0].upper(), first[1], flag | 0x40), Read(name, second[0].upper(), second[1], flag | 0x80))
