"""From a construct as given to the provirus: finds the LTRs (or transposon ends) and joins what integrates.

Retroviral landmarks are sequence facts of the families used for gene therapy. The primer binding site is the
complement of the 3' end of a transfer RNA and so begins with ``TGG``; the base before it, with at most three between,
is the ``CA`` that ends U5. The polypurine tract stands before the ``TG`` that begins U3 of the 3' LTR. Between
them, R and U5 of the two LTRs repeat each other. The join follows reverse transcription: U3 of the 3' LTR, then
from R on the 5' LTR, so a 3' LTR whose U5 was replaced by another poly(A) signal still gives the right ends.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from dataclasses import dataclass

from aftercar.vocab.vectors import Construct, Element, Provirus, ProvirusKind, Segment, reverse_complement

_SEED = 16
_LTR_MAX = 1500
_LTR_MIN = 80
_APART = 300  # two LTRs are further apart than the tandem repeats inside one
_ANY_REPEAT = 40

#: Primer binding sites (complement of the tRNA's 3' end) and the family that uses them.
_PRIMER_SITES: tuple[tuple[str, ProvirusKind], ...] = (
    ("TGGCGCCCGAACAGGGAC", "lenti"),  # tRNA-Lys3: HIV-1, HIV-2, SIV, FIV, EIAV
    ("TGGGGGCTCGTCCGGGAT", "gamma"),  # tRNA-Pro: MoMLV, GALV
    ("TGGAGGTTCCACCGAGAT", "gamma"),  # tRNA-Gln: MSCV, MESV
    ("TGGAGGTCCCACCGAGAT", "gamma"),
)
_U3_STARTS: tuple[tuple[str, ProvirusKind], ...] = (("TGGAAGGGCTAATT", "lenti"), ("TGAAAGACCCCA", "gamma"))
_U5_ENDS: tuple[tuple[str, ProvirusKind], ...] = (
    ("GAAAATCTCTAGCA", "lenti"),
    ("GCGGGGGTCTTTCA", "gamma"),
    ("GGGGTCTTTCA", "gamma"),
)
_R_STARTS = ("GGTCTCTCTGG", "GCGCCAGTC")
#: A purine run with four G, then the TG of U3, with at most one pyrimidine between.
_TRACT = re.compile(r"(?=([AG]*GGGG[AG]{0,3}[CT]?)(TG))")
_TRANSPOSONS: tuple[tuple[str, str, str, str], ...] = (
    ("piggyBac", "CCCTAGAAAGATA", "TATCTTTCTAGGG", "TTAA"),
    ("Sleeping Beauty", "CAGTTGAAGTCGGAAGTTTACATACAC", "GTGTATGTAAACTTCCGACTTCAACTG", "TA"),
)
_DUPLICATION: dict[ProvirusKind, int] = {"lenti": 5, "gamma": 4}


@dataclass(frozen=True, slots=True)
class _Parts:
    """A retroviral layout on one strand: ``[u3, join_3)`` + ``[join_5, u5)`` is the LTR, ``[u5, u3)`` lies between."""

    u3: int
    join_3: int
    join_5: int
    u5: int
    inner: tuple[int, int]
    kind: ProvirusKind
    how: str


def derive(construct: Construct) -> Provirus:
    """The provirus of a construct, see :meth:`aftercar.vocab.vectors.Construct.provirus`."""
    for strand in (1, -1):
        text = construct.sequence if strand == 1 else reverse_complement(construct.sequence)
        transposon = _transposon(text, construct.circular)
        if transposon is not None:
            name, start, end, target = transposon
            return _assemble(
                construct,
                strand,
                [(start, end)],
                "transposon",
                0,
                len(target),
                target,
                f"{name} ends beside {target}",
            )
        parts = _retroviral(text, construct)
        if parts is not None:
            ltr = [(parts.u3, parts.join_3), (parts.join_5, parts.u5)]
            pieces = [piece for piece in (*ltr, parts.inner, *ltr) if piece[1] > piece[0]]
            length = sum(end - start for start, end in ltr)
            return _assemble(construct, strand, pieces, parts.kind, length, _DUPLICATION.get(parts.kind, 0), "", parts.how)
    whole = Segment(0, len(construct.sequence), 0)
    return Provirus(construct.sequence, "none", segments=(whole,), how="no LTR or transposon ends recognised")


def elements_of(construct: Construct, provirus: Provirus) -> tuple[Element, ...]:
    """Elements in provirus coordinates; the LTRs of the provirus come first and last."""
    found: list[Element] = []
    size = len(construct.sequence)
    for element in construct.elements:
        if element.kind == "ltr" and provirus.ltr_length:
            continue
        for segment in provirus.segments:
            span = segment.end - segment.start
            low = segment.given if segment.strand == 1 else segment.given - span + 1
            for turn in (-size, 0, size) if construct.circular else (0,):
                start, end = max(low, element.start + turn), min(low + span, element.end + turn)
                if end <= start:
                    continue
                offset = start - low if segment.strand == 1 else low + span - end
                begin = segment.start + offset
                found.append(Element(element.name, element.kind, begin, begin + end - start, element.strand * segment.strand))
    length = provirus.ltr_length
    if length:
        whole = len(provirus.sequence)
        found += [Element("5' LTR", "ltr", 0, length), Element("3' LTR", "ltr", whole - length, whole)]
    return tuple(sorted(set(found), key=lambda e: (e.start, e.end, e.name)))


def _assemble(
    construct: Construct,
    strand: int,
    pieces: list[tuple[int, int]],
    kind: ProvirusKind,
    ltr_length: int,
    duplication: int,
    target: str,
    how: str,
) -> Provirus:
    size = len(construct.sequence)
    text = construct.sequence if strand == 1 else reverse_complement(construct.sequence)
    text = text * 2
    segments: list[Segment] = []
    parts: list[str] = []
    at = 0
    for start, end in pieces:
        parts.append(text[start:end])
        given = start % size if strand == 1 else (size - 1 - start) % size
        segments.append(Segment(at, at + end - start, given, strand))
        at += end - start
    words = how + (", on the other strand" if strand == -1 else "")
    return Provirus("".join(parts), kind, ltr_length, duplication, target, tuple(segments), words)


def _transposon(text: str, circular: bool) -> tuple[str, int, int, str] | None:
    """Name, start, end and target of a transposon whose two ends point outwards and stand beside the target."""
    doubled = text * 2 if circular else text
    for name, left, right, target in _TRANSPOSONS:
        start = doubled.find(target + left)
        if start < 0 or start >= len(text):
            continue
        start += len(target)
        end = doubled.find(right + target, start + len(left))
        if end >= 0 and end + len(right) - start < len(text):
            return name, start, end + len(right), target
    return None


def _retroviral(text: str, construct: Construct) -> _Parts | None:
    """The layout on this strand: two LTRs if they can be found, else one."""
    doubled = text * 2
    sites = _primer_sites(text, doubled, construct.circular)
    for u5, kind in sites:
        if u5 is not None:
            parts = _two_ltrs(text, doubled, u5, kind, construct.circular)
            if parts is not None:
                return parts
    one = _one_ltr(text, sites)
    return one if one is not None else _plain_repeat(text)


def _primer_sites(text: str, doubled: str, circular: bool) -> list[tuple[int | None, ProvirusKind]]:
    """Ends of U5 (just behind ``CA``) in front of each primer binding site, with the family."""
    found: list[tuple[int | None, ProvirusKind]] = []
    for motif, kind in _PRIMER_SITES:
        for at in _fuzzy(doubled[: len(text) + len(motif) - 1], motif, 2):
            start = at + len(text) if at < 5 and circular else at
            before = doubled[max(0, start - 5) : start]
            ca = before.rfind("CA")
            end = None if ca < 0 else start - len(before) + ca + 2
            if end is not None and end > len(text):
                end -= len(text)
            found.append((end, kind))
    return found


def _fuzzy(text: str, motif: str, allowed: int) -> list[int]:
    """Starts of ``motif`` in ``text`` with at most ``allowed`` mismatches; one of the motif's thirds must be exact."""
    third = len(motif) // (allowed + 1)
    starts: set[int] = set()
    for part in range(allowed + 1):
        seed = motif[part * third : (part + 1) * third]
        at = text.find(seed)
        while at >= 0:
            start = at - part * third
            window = text[start : start + len(motif)] if start >= 0 else ""
            if len(window) == len(motif) and sum(a != b for a, b in zip(window, motif, strict=True)) <= allowed:
                starts.add(start)
            at = text.find(seed, at + 1)
    return sorted(starts)


def _two_ltrs(text: str, doubled: str, u5: int, kind: ProvirusKind, circular: bool) -> _Parts | None:
    """Both LTRs, when bases before the U5 end come again further on."""
    size = len(text)
    window = range(max(0, u5 - _LTR_MAX), u5 - _SEED + 1)
    places: dict[str, list[int]] = defaultdict(list)
    for at in range(size + (_SEED if circular else -_SEED + 1)):
        places[doubled[at : at + _SEED]].append(at)
    votes: Counter[int] = Counter()
    for at in window:
        for other in places.get(doubled[at : at + _SEED], ()):
            if abs(other - at) >= _APART:
                votes[(other - at) % size] += 1
    for shift, count in votes.most_common(3):
        if count < _ANY_REPEAT:
            break
        matched = [at for at in window if doubled[at : at + _SEED] == doubled[(at + shift) % size : (at + shift) % size + _SEED]]
        join = _join(doubled, matched)
        join_3 = join + shift
        u3 = _u3_start(doubled, join_3, max(u5, join_3 - _LTR_MAX))
        if u3 is None:
            u3 = _left_edge(doubled, matched[0], shift)
        if u3 is None or u3 <= u5 or join_3 > 2 * size:
            continue
        how = f"two LTRs {shift} bases apart, polypurine tract and primer binding site"
        return _Parts(u3, join_3, join, u5, (u5, u3), _family(doubled[u3 : u3 + 14], kind), how)
    return None


def _join(text: str, matched: list[int]) -> int:
    """Where to pass from the 3' to the 5' copy: the start of R if known, else the middle of what is repeated."""
    low, high = matched[0], matched[-1] + _SEED
    exact = set(matched)
    for motif in _R_STARTS:
        at = text.find(motif, max(0, low - 3), high)
        if at >= 0:
            nearest = min(exact, key=lambda m: abs(m - at))
            if abs(nearest - at) <= 3:
                return nearest
    return matched[len(matched) // 2]


def _u3_start(text: str, before: int, after: int) -> int | None:
    """The ``TG`` behind the last polypurine tract between ``after`` and ``before``; a known U3 start goes first."""
    for motif, _ in _U3_STARTS:
        at = text.rfind(motif, after, before)
        if at >= 0:
            return at
    tracts = [m.start(2) for m in _TRACT.finditer(text, max(0, after - 20), before) if len(m.group(1)) >= 10]
    inside = [at for at in tracts if after <= at < before]
    return inside[-1] if inside else None


def _left_edge(text: str, first: int, shift: int) -> int | None:
    """Start of the 3' copy where two full LTRs begin to agree, if that is at a ``TG``."""
    at = text.find("TG", first, first + 12)
    return None if at < 0 else at + shift


def _one_ltr(text: str, sites: list[tuple[int | None, ProvirusKind]]) -> _Parts | None:
    """A single LTR with its U3 start and U5 end: it stands at both ends of the provirus."""
    for motif, kind in _U3_STARTS:
        u3 = text.find(motif)
        if u3 < 0:
            continue
        u5 = _u5_end(text, u3, kind, sites)
        if u5 is None:
            continue
        inner = _inner_of_one(text, u3, u5, sites)
        if inner is None:
            continue
        return _Parts(u3, u5, u5, u5, inner, kind, "one LTR, put at both ends")
    return None


def _u5_end(text: str, u3: int, kind: ProvirusKind, sites: list[tuple[int | None, ProvirusKind]]) -> int | None:
    near = [u5 for u5, _ in sites if u5 is not None and _LTR_MIN < u5 - u3 < _LTR_MAX]
    if near:
        return min(near)
    for motif, family in _U5_ENDS:
        at = text.find(motif, u3, u3 + _LTR_MAX)
        if family == kind and at >= 0:
            return at + len(motif)
    return None


def _inner_of_one(text: str, u3: int, u5: int, sites: list[tuple[int | None, ProvirusKind]]) -> tuple[int, int] | None:
    """What lies between the LTRs when only one is given: behind a 5' LTR or before a 3' LTR."""
    behind_site = any(end == u5 for end, _ in sites)
    if behind_site:
        end = len(text)
        tracts = [m.start(2) for m in _TRACT.finditer(text, u5) if len(m.group(1)) >= 10 and m.start(2) > len(text) - _LTR_MAX]
        masked = re.search(r"N{50,}\s*$", text[u5:])
        if masked is not None:
            end = u5 + masked.start()
        elif tracts and len(text) - tracts[-1] < 40:
            end = tracts[-1]
        run = re.search(r"N{50,}", text[u5:end])
        if run is not None:
            end = u5 + run.start()
        return u5, end
    start = _after_primer(text, u3)
    if start is None:
        runs = list(re.finditer(r"N{50,}", text[:u3]))
        start = runs[-1].end() if runs else 0
    return (start, u3) if u3 - start > _LTR_MIN else None


def _after_primer(text: str, before: int) -> int | None:
    """Where the inner part begins when the 5' LTR is missing: the bases between ``CA`` and the primer binding site."""
    for motif, kind in _PRIMER_SITES:
        for at in _fuzzy(text[:before], motif, 2):
            gap = 1 if kind == "lenti" else 2
            return max(0, at - gap) if "N" not in text[max(0, at - gap) : at] else at
    return None


def _plain_repeat(text: str) -> _Parts | None:
    """Two equal ends of a linear provirus (``TG...CA`` both times) whose family is not known."""
    if not text.startswith("TG") or not text.endswith("CA"):
        return None
    for length in range(min(_LTR_MAX, len(text) // 2 - 1), _LTR_MIN - 1, -1):
        if text[:length] == text[-length:] and text[length - 2 : length] == "CA":
            u3 = len(text) - length
            return _Parts(u3, len(text), length, length, (length, u3), "retro", "equal ends from TG to CA")
    return None


def _family(start: str, primer_kind: ProvirusKind) -> ProvirusKind:
    return next((kind for motif, kind in _U3_STARTS if start.startswith(motif[:8])), primer_kind)
