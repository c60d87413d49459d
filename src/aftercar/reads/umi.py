"""Unique molecular identifiers: errors merged, molecules counted.

Two UMIs at the same place are one molecule when they differ in one base and the rarer has less than about half the reads of
the commoner (the directional rule of Smith, Heger and Sudbery, Genome Res 2017;27:491): errors are rarer than their source.

    >>> merged({b"ACGT": 100, b"ACGA": 7, b"TTTT": 40, b"TTTA": 30})
    {b'ACGT': 107, b'TTTT': 40, b'TTTA': 30}
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

_BASES = (b"A", b"C", b"G", b"T")


def merged(counts: Mapping[bytes, int]) -> dict[bytes, int]:
    """Reads of each molecule after merging UMIs that are sequencing errors of commoner ones.

    Args:
        counts: reads of each UMI at one place (one fragment end, or one site).

    Returns:
        Reads of each kept UMI, the commonest first.
    """
    order = sorted(counts, key=lambda umi: (-counts[umi], umi))
    taken: set[bytes] = set()
    kept: dict[bytes, int] = {}
    for umi in order:
        if umi in taken:
            continue
        taken.add(umi)
        total, frontier = counts[umi], [umi]
        while frontier:
            at = frontier.pop()
            for other in _neighbours(at):
                if other in counts and other not in taken and counts[at] >= 2 * counts[other] - 1:
                    taken.add(other)
                    total += counts[other]
                    frontier.append(other)
        kept[umi] = total
    return dict(sorted(kept.items(), key=lambda item: (-item[1], item[0])))


def usable(umi: bytes) -> bool:
    """Whether a UMI can name a molecule: only ACGT, and not one base throughout (a failed read)."""
    return bool(umi) and not umi.strip(b"ACGT") and len(set(umi)) > 1


def _neighbours(umi: bytes) -> Iterator[bytes]:
    for i in range(len(umi)):
        for base in _BASES:
            if umi[i : i + 1] != base:
                yield umi[:i] + base + umi[i + 1 :]
