"""Trimming, UMIs and placing against slow twins; counts of a real run against its own pipeline's."""

import csv

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aftercar.edges.lmpcr_fastq import batches
from aftercar.edges.lmpcr_samplesheet import read_sheet
from aftercar.reads import lmpcr, trim
from aftercar.reads.lmpcr_place import SEED, place, reach
from aftercar.reads.trim import reverse_complement
from aftercar.reads.umi import merged, usable

_BASES = st.text("ACGT", min_size=1, max_size=30).map(str.encode)


@given(st.lists(_BASES, min_size=1, max_size=8), st.text("ACGTN", min_size=1, max_size=8).map(str.encode), st.integers(0, 5))
def test_mismatches_agree_with_counting(reads, pattern, at):
    rows, _ = trim.as_matrix(reads)
    for read, found in zip(reads, trim.mismatches_at(rows, pattern, at), strict=True):
        want = sum(p != ord("N") and read[at + i : at + i + 1] != bytes([p]) for i, p in enumerate(pattern))
        assert found == want


@given(
    st.lists(_BASES, min_size=1, max_size=8),
    st.text("ACGTN", min_size=4, max_size=12).map(str.encode),
    st.sampled_from([0.0, 0.25]),
)
def test_read_through_agrees_with_trying_every_place(reads, pattern, error):
    rows, lengths = trim.as_matrix(reads)
    for read, found in zip(reads, trim.runs_into(rows, lengths, pattern, overlap=3, error=error), strict=True):
        assert found == _slow_runs_into(read, pattern, 3, error)


def _slow_runs_into(read, pattern, overlap, error):
    for at in range(len(read)):
        part = read[at : at + len(pattern)]
        if len(part) < overlap:
            continue
        differ = sum(p != ord("N") and r != p for r, p in zip(part, pattern, strict=False))
        heads = [p == ord("N") or r == p for r, p in zip(part[:2], pattern[:2], strict=False)]
        if any(heads) and differ <= error * len(part):
            return at
    return len(read)


@given(st.lists(st.lists(st.integers(0, 41), min_size=1, max_size=40), min_size=1, max_size=5))
def test_quality_agrees_with_sliding(qualities):
    rows, lengths = trim.as_matrix([bytes(q + 33 for q in read) for read in qualities])
    found = trim.quality_ends(rows, lengths, threshold=20, window=5, bad=3)
    for read, kept in zip(qualities, found, strict=True):
        starts = [i for i in range(len(read)) if sum(q < 20 for q in read[i : i + 5]) >= 3 and i + 5 <= rows.shape[1]]
        assert kept == (starts[0] if starts else len(read))


@given(st.dictionaries(st.text("AC", min_size=3, max_size=3).map(str.encode), st.integers(1, 50), max_size=8))
def test_merging_umis_keeps_every_read(counts):
    kept = merged(counts)
    assert sum(kept.values()) == sum(counts.values())
    assert set(kept) <= set(counts)


def test_umis():
    assert merged({b"AAAA": 10, b"AAAT": 2, b"AATT": 1}) == {b"AAAA": 13}
    assert usable(b"ACGT")
    assert not usable(b"ACGN")
    assert not usable(b"GGGG")


@settings(max_examples=12)
@given(st.integers(0, 2**32 - 1))
def test_placing_agrees_with_trying_every_place(seed):
    rng = np.random.default_rng(seed)
    genome = rng.choice(np.frombuffer(b"ACGT", np.uint8), 1500)
    genome[1000:1200] = genome[300:500]  # a repeat
    queries = []
    for _ in range(8):
        start, size = int(rng.integers(0, 1380)), int(rng.integers(30, 120))
        bases = genome[start : start + size].copy()
        wrong = rng.random(bases.size) < 0.02
        bases[wrong] = rng.choice(np.frombuffer(b"ACGT", np.uint8), int(wrong.sum()))
        text = bases.tobytes()
        queries.append(text if rng.random() < 0.5 else reverse_complement(text))
    queries = [q for q in queries if len(q) >= 30]
    overlap = reach(queries)
    pieces = [("c", start, genome[start : start + 500 + overlap]) for start in range(0, 1500, 500)]
    found = place(queries, pieces)
    mine = {}
    for row in zip(found.query, found.position, found.forward, found.score, strict=True):
        mine.setdefault(int(row[0]), set()).add((int(row[1]), bool(row[2]), int(row[3])))
    for number, query in enumerate(queries):
        assert mine.get(number, set()) == _slow_places(query, genome.tobytes(), 3, 25, 0.95)


def _slow_places(query, genome, within, shortest, identity):
    """Every place of the genome on both strands that shares a seed of the query, scored base by base."""
    hits = {}
    for forward in (True, False):
        text = query if forward else reverse_complement(query)
        for left in range(1 - len(query), len(genome)):
            if not _seeded(text, genome, left, forward):
                continue
            score = best = best_at = wrong = best_wrong = 0
            for i in range(len(query)):
                where = left + i if forward else left + len(query) - 1 - i
                if not 0 <= where < len(genome):
                    break
                base = query[i] if forward else text[len(query) - 1 - i]
                if base == genome[where]:
                    score += 1
                    if score > best:
                        best, best_at, best_wrong = score, i + 1, wrong
                else:
                    score, wrong = score - 3, wrong + 1
                    if score < best - 20:
                        break
            if best_at >= shortest and best_wrong <= (1 - identity) * best_at:
                hits[(left if forward else left + len(query) - 1, forward)] = best
    top = max(hits.values(), default=0)
    return {(*place_, score) for place_, score in hits.items() if score >= top - within}


def _seeded(text, genome, left, forward):
    from aftercar.reads.lmpcr_place import _offsets

    for offset in _offsets(len(text), from_end=not forward):
        start = left + offset
        if start >= 0 and genome[start : start + SEED] == text[offset : offset + SEED]:
            return True
    return False


def test_too_short_queries_are_refused():
    with pytest.raises(ValueError, match="shorter"):
        place([b"ACGT"], [])


@pytest.fixture(scope="module")
def real_run(test_data):
    folder = test_data / "reads/inspiired_lmpcr_validation"
    rows = read_sheet(folder / "sampleInfo.full.tsv")
    out = lmpcr.Trimmed()
    for index, linker, ltr in batches(tuple(folder / f"Undetermined_S0_L001_{name}_001.fastq.gz" for name in ("I1", "R1", "R2"))):
        lmpcr.take(out, rows, index[0], ltr, linker, lmpcr.Settings())
    return folder, rows, out


def test_counts_of_a_real_run(real_run):
    """Reads of each sample and stage against the run's own pipeline (which trims by quality first, so it keeps fewer)."""
    folder, _, out = real_run
    with (folder / "intSiteValidation.attr").open() as stream:
        theirs = {r["sample"]: r for r in csv.DictReader(stream, delimiter="\t") if r["primed"] != "NA"}
    assert out.total == 10_000
    assert len(theirs) == 36
    for sample, row in theirs.items():
        mine = out.counts[sample]
        assert abs(mine["reads"] - int(row["Reads.l.beforeTrim"])) <= 2
        assert int(row["primed"]) <= mine["primed"] <= mine["reads"]
        assert int(row["LTRed"]) <= mine["ltr_complete"] <= mine["primed"]
        assert int(row["linkered"]) <= mine["linkered"] <= mine["reads"]
        assert int(row["curated"]) <= mine["kept"] <= mine["paired"]
    assert sum(out.counts[s]["reads"] for s in theirs) == 4480
    assert sum(int(r["Reads.l.beforeTrim"]) for r in theirs.values()) == 4482
    assert all(len(umi) == 12 for _, umi, _, _ in out.molecules)


def test_host_ends_of_a_real_run_are_those_of_its_clones(real_run):
    """Replicates of one clone begin with one host end, other clones with others, and the pools hold all five."""
    _, rows, out = real_run
    ends = {}
    for (sample, _, host, _), reads in out.molecules.items():
        counts = ends.setdefault(rows[sample].sample, {})
        counts[host[:12]] = counts.get(host[:12], 0) + reads
    clone = {}
    for name in ("clone1", "clone2", "clone3", "clone4"):
        tops = [max(ends[f"{name}-{i}"].items(), key=lambda item: item[1]) for i in (1, 2, 3, 4)]
        assert len({end for end, _ in tops}) == 1
        assert all(reads / sum(ends[f"{name}-{i}"].values()) > 0.85 for i, (_, reads) in enumerate(tops, start=1))
        clone[name] = tops[0][0]
    fifth = max(ends["pool3-2"].items(), key=lambda item: item[1])[0]
    assert len({*clone.values(), fifth}) == 5
    for pool in ("pool1-3", "pool2-1"):
        assert {*clone.values(), fifth} <= set(ends[pool])
