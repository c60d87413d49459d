"""What came from another sample of the same run: index hopping, contamination, and controls that are not empty.

Two samples cannot share a sheared fragment (same site, same break, same UMI) by chance unless the clone is huge; on one run such
a fragment is one molecule read under two indexes. Where one sample has far more reads of it than the other, the other's copy
is hopped and is set aside; where both have many, the source cannot be told and both are flagged. A negative control with
fragments of its own vetoes the run; one whose fragments are all explained by hopping is said to be so.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass, field
from typing import Literal

from scipy import stats

from aftercar.reads.lmpcr import Row
from aftercar.reads.lmpcr_sites import Fragment

HOP_LIMIT = 0.03  # a copy with at most this share of the reads of its source may be a hop; patterned flow cells reach 2%

KNOWN_CONTAMINATION = 3  # shared fragments from which two samples count as contaminated at every common site
_NOT_CELLS = ("hopped_from", "negative_control", "in_negative_control", "shared_with", "same_molecule_in")

FEW_READS = 3

Site = tuple[str, int, str]
Key = tuple[str, int, str, int, bytes]
Verdict = Literal["clean", "hopped_only", "vetoed"]


@dataclass(frozen=True, slots=True)
class Control:
    """A negative control: its verdict, fragments of its own, fragments explained by hopping, and the words for it."""

    sample: str
    verdict: Verdict
    own: int
    hopped: int
    words: str


@dataclass(slots=True)
class Crossed:
    """What crossing between samples was found.

    Attributes:
        flags: fragment index to the flags that speak against it (:func:`counted` says which keep it from counting as a cell).
        controls: negative controls with their verdicts.
        swaps: pairs of samples whose linkers stand under each other's index.
        hop_rate: share of reads with a foreign linker, where linkers differ by sample (NaN where they do not).
        notes: sentences for the report.
    """

    flags: dict[int, tuple[str, ...]] = field(default_factory=dict)
    controls: list[Control] = field(default_factory=list)
    swaps: list[tuple[str, str]] = field(default_factory=list)
    hop_rate: float = float("nan")
    notes: list[str] = field(default_factory=list)


def key_of(f: Fragment, *, with_umi: bool) -> Key:
    """What makes two fragments the same molecule; between persons site and break suffice, and UMIs may hold an error."""
    return f.contig, f.site, f.orientation, f.cut, f.umi if with_umi else b""


def find_crossed(
    fragments: Sequence[Fragment],
    rows: Sequence[Row],
    reads: Mapping[str, int],
    linkered: Mapping[str, int],
    foreign: Mapping[tuple[str, str], int],
    *,
    hop_limit: float = HOP_LIMIT,
    veto_fragments: int = 1,
) -> Crossed:
    """Judge every fragment, control and pair of samples of a run.

    Args:
        fragments: standardised fragments of the run.
        rows: the sample sheet.
        reads: index reads of each sample.
        linkered: of those, with the sample's own linker.
        foreign: reads with another sample's linker, ``(index of, linker of) -> reads``.
        hop_limit: largest share of a source's reads that hopping may explain.
        veto_fragments: own fragments from which a negative control vetoes.
    """
    out = Crossed()
    _linker_evidence(out, rows, reads, linkered, foreign)
    hopped: dict[int, set[str]] = defaultdict(set)
    shared: dict[tuple[str, str], int] = Counter()
    weak: set[Site] = set()
    for same_person in (False, True):
        holders: dict[Key, dict[int, list[int]]] = defaultdict(lambda: defaultdict(list))
        for number, f in enumerate(fragments):
            if f.umi or not same_person:
                holders[key_of(f, with_umi=same_person)][f.sample].append(number)
        for molecules in holders.values():
            if len(molecules) > 1:
                _judge(out, hopped, shared, weak, molecules, fragments, rows, hop_limit, same_person=same_person)
    _judge_sites(out, hopped, shared, weak, fragments, rows, hop_limit)
    for (a, b), count in sorted(shared.items()):
        out.notes.append(
            f"{a} and {b} share {count} fragments with similar read counts: contamination before indexing, or one sample twice"
        )
    _judge_controls(out, fragments, rows, hopped, veto_fragments)
    return out


def _judge(
    out: Crossed,
    hopped: dict[int, set[str]],
    shared: dict[tuple[str, str], int],
    weak: set[Site],
    molecules: Mapping[int, Sequence[int]],
    fragments: Sequence[Fragment],
    rows: Sequence[Row],
    limit: float,
    *,
    same_person: bool,
) -> None:
    totals = {sample: sum(fragments[i].reads for i in numbers) for sample, numbers in molecules.items()}
    source = max(totals, key=lambda sample: (totals[sample], -sample))
    a = rows[source]
    for sample, numbers in molecules.items():
        b = rows[sample]
        if sample == source or _same_person(a, b) != same_person:
            continue
        if _may_be_hop(totals[sample], totals[source], limit):
            for i in numbers:
                _flag(out, i, f"hopped_from:{a.sample}")
            hopped[sample].add(a.sample)
        elif same_person:
            for i in numbers:
                _flag(out, i, f"same_molecule_in:{a.sample}")
        elif totals[source] <= FEW_READS:  # too few to tell a hop from a shared molecule: the whole site decides
            f = fragments[numbers[0]]
            weak.add((f.contig, f.site, f.orientation))
        else:
            for i in (*numbers, *molecules[source]):
                _flag(out, i, f"shared_with:{b.sample if fragments[i].sample == source else a.sample}")
            first, second = sorted((a.sample, b.sample))
            shared[(first, second)] += 1


def _judge_sites(
    out: Crossed,
    hopped: dict[int, set[str]],
    shared: Mapping[tuple[str, str], int],
    weak: Set[Site],
    fragments: Sequence[Fragment],
    rows: Sequence[Row],
    limit: float,
) -> None:
    """Sites, to the base, in two persons: hopped single reads, contamination before shearing, or (rarely) chance.

    A molecule read once can hop as a whole, so a site's reads are judged beside its fragments'. A site of which a molecule is
    shared, or that one person holds ten times over, belongs to the person with more, and to neither where both hold about as
    much; otherwise it is only remarked on.
    """
    holders: dict[Site, dict[int, list[int]]] = defaultdict(lambda: defaultdict(list))
    for number, f in enumerate(fragments):
        for contig, site, orientation, _ in ((f.contig, f.site, f.orientation, f.cut), *f.others):
            holders[(contig, site, orientation)][f.sample].append(number)
    for key, samples in holders.items():
        people: dict[str, list[int]] = defaultdict(list)
        for sample in samples:
            people[rows[sample].person or rows[sample].specimen].append(sample)
        if len(people) < 2:
            continue
        held = {
            person: (sum(len(samples[s]) for s in theirs), _reads(fragments, samples, theirs))
            for person, theirs in people.items()
        }
        owner = max(held, key=lambda person: (held[person], person))
        mine, reads = held[owner]
        source = max(people[owner], key=lambda sample: (len(samples[sample]), -sample))
        for sample, numbers in samples.items():
            if sample in people[owner]:
                continue
            theirs = [i for s in people[owner] for i in samples[s]]
            known = sum(_shared(shared, rows[sample], rows[s]) for s in people[owner]) >= KNOWN_CONTAMINATION
            flagged = (flag for i in (*numbers, *theirs) for flag in out.flags.get(i, ()))
            crossed = known or key in weak or any(flag.startswith(("hopped_from", "shared_with")) for flag in flagged)
            name = rows[source].sample
            if _may_be_hop(_reads(fragments, samples, [sample]), reads, limit):
                words = f"hopped_from:{name}"
                hopped[sample].add(name)
            elif crossed or mine >= 10 * len(numbers):
                words = f"shared_with:{name}"
                if mine < 2 * len(numbers):  # the owner cannot be told: the site counts for neither
                    for i in theirs:
                        _flag(out, i, f"shared_with:{rows[sample].sample}")
            else:
                words = f"same_site_in:{name}"
            for i in numbers:
                if not any(flag.startswith("hopped_from") for flag in out.flags.get(i, ())):
                    _flag(out, i, words)


def _reads(fragments: Sequence[Fragment], samples: Mapping[int, Sequence[int]], which: Sequence[int]) -> int:
    return sum(fragments[i].reads for sample in which for i in samples[sample])


def _shared(shared: Mapping[tuple[str, str], int], one: Row, other: Row) -> int:
    return shared.get((min(one.sample, other.sample), max(one.sample, other.sample)), 0)


def _may_be_hop(few: int, many: int, limit: float) -> bool:
    """Whether ``few`` reads can come from ``many`` by hopping at ``limit`` or below (one-sided, 1%)."""
    return bool(few < many and (few == 1 <= many // 10 or stats.binom.sf(few - 1, many + few, limit) > 0.01))


def _same_person(a: Row, b: Row) -> bool:
    return a.specimen == b.specimen or bool(a.person and a.person == b.person)


def _flag(out: Crossed, number: int, words: str) -> None:
    if words not in out.flags.get(number, ()):
        out.flags[number] = (*out.flags.get(number, ()), words)


def _judge_controls(
    out: Crossed, fragments: Sequence[Fragment], rows: Sequence[Row], hopped: Mapping[int, set[str]], veto: int
) -> None:
    bad_sites: dict[tuple[str, int, str], str] = {}
    for sample, row in enumerate(rows):
        if row.control != "negative_control":
            continue
        mine = [i for i, f in enumerate(fragments) if f.sample == sample]
        for i in mine:
            _flag(out, i, "negative_control")
        own = [i for i in mine if not any(flag.startswith("hopped_from") for flag in out.flags.get(i, ()))]
        sources = ", ".join(sorted(hopped.get(sample, set())))
        if len(own) >= veto:
            verdict: Verdict = "vetoed"
            sites = {(fragments[i].contig, fragments[i].site, fragments[i].orientation) for i in own}
            words = (
                f"negative control {row.sample} holds {len(own)} fragments at {len(sites)} sites that hopping does not explain"
            )
            bad_sites.update(dict.fromkeys(sites, row.sample))
        elif mine:
            verdict = "hopped_only"
            words = f"negative control {row.sample} holds {len(mine)} fragments, all explained by index hopping from {sources}"
        else:
            verdict, words = "clean", f"negative control {row.sample} holds no fragment"
        out.controls.append(Control(row.sample, verdict, len(own), len(mine) - len(own), words))
    for i, f in enumerate(fragments):
        control = bad_sites.get((f.contig, f.site, f.orientation))
        if control and rows[f.sample].control != "negative_control":
            _flag(out, i, f"in_negative_control:{control}")


def _linker_evidence(
    out: Crossed,
    rows: Sequence[Row],
    reads: Mapping[str, int],
    linkered: Mapping[str, int],
    foreign: Mapping[tuple[str, str], int],
) -> None:
    if len({row.linker for row in rows}) < 2:
        return
    linker_of = {row.sample: row.linker for row in rows}
    for (index, linker), count in sorted(foreign.items()):
        if count <= linkered.get(index, 0) or count < 10:
            continue
        words = f"{count} of {reads.get(index, 0)} reads under the index of {index} carry the linker of {linker}"
        partner = _swapped_with(index, linker, linker_of, linkered, foreign)
        if not partner:
            out.notes.append(f"{words}: wrong linker or index on the sample sheet")
        elif (partner, index) not in out.swaps:
            out.swaps.append((index, partner))
            out.notes.append(
                f"{words}, and the other way round: the indexes of {index} and {partner} are swapped; correct the sheet"
            )
    exchanged = {sample for pair in out.swaps for sample in pair}
    right = sum(count for sample, count in linkered.items() if sample not in exchanged)
    wrong = sum(count for (sample, _), count in foreign.items() if sample not in exchanged)
    out.hop_rate = wrong / (right + wrong) if right + wrong else float("nan")
    if out.hop_rate > 0.002:
        out.notes.append(
            f"index hopping: {100 * out.hop_rate:.2f}% of reads carry the linker of another sample ({wrong} of {right + wrong})"
        )


def _swapped_with(
    index: str, linker: str, linker_of: Mapping[str, bytes], linkered: Mapping[str, int], foreign: Mapping[tuple[str, str], int]
) -> str:
    """The sample that holds this sample's linker under its own index, when it carries the linker seen here; else empty."""
    for (other, theirs), count in sorted(foreign.items()):
        same = linker_of[other] == linker_of[linker] and linker_of[theirs] == linker_of[index]
        if same and count > linkered.get(other, 0) and count >= 10:
            return other
    return ""


def counted(number: int, crossed: Crossed) -> bool:
    """Whether a fragment may count as a cell: it is not hopped, not shared with another person, not in a negative control."""
    return not any(flag.startswith(_NOT_CELLS) for flag in crossed.flags.get(number, ()))
