"""LM-PCR runs with known truth on a random genome: exact sites, repeats as groups, hopping, swaps and dirty controls named."""

import gzip

import numpy as np
import polars as pl
import pytest

from aftercar.actions.sites_call import NoReadsKept, RunVetoed, call_sites, refuse_vetoed, write_called
from aftercar.edges.lmpcr_fastq import BadFastq
from aftercar.errors import UsageError
from aftercar.testing.simulate_lmpcr import Amplification, TrueSite, simulate_run

LENGTH = 120_000


@pytest.fixture(scope="module")
def genome(tmp_path_factory):
    rng = np.random.default_rng(7)
    sequence = "".join(rng.choice(list("ACGT"), LENGTH))
    sequence = sequence[:90_000] + sequence[30_000:34_000] + sequence[94_000:]  # a perfect repeat of 4 kb
    path = tmp_path_factory.mktemp("genome") / "host.fa"
    path.write_text(">chr1\n" + "\n".join(sequence[i : i + 80] for i in range(0, len(sequence), 80)) + "\n")
    return path, {"chr1": sequence}


def _sites(seed, count, cells):
    rng = np.random.default_rng(seed)
    places = rng.choice(np.arange(1000, 28_000, 200), count, replace=False)
    return [TrueSite("chr1", int(p), "+-"[int(rng.integers(2))], int(rng.integers(1, cells + 1))) for p in places]


@pytest.fixture(scope="module")
def samples():
    first, second = _sites(1, 40, 4), _sites(2, 40, 4)
    second = [s for s in second if all(abs(s.position - o.position) > 50 for o in first)]
    big = TrueSite("chr1", 60_123, "+", 150)
    return [
        Amplification("A-1", [*first, big], "A", "P1"),
        Amplification("A-2", [*first, big], "A", "P1"),
        Amplification("B-1", second, "B", "P2"),
        Amplification("NTC-1", [], "NTC", "", "negative_control"),
    ]


def _run(tmp_path, genome, samples, **how):
    run = simulate_run(genome[1], samples, seed=11, **how)
    sheet, index, ltr, linker = run.write(tmp_path / "run")
    return call_sites(sheet, ltr, linker, genome[0], index=index, genome="toy"), run, (sheet, index, ltr, linker)


def _reported(called, specimen):
    rows = called.sites.filter((pl.col("sample_id") == specimen) & pl.col("cells").is_not_null())
    return {(row["position"], row["orientation"]): row for row in rows.to_dicts()}


def _truth(samples, specimen):
    return {(s.position, s.orientation) for a in samples for s in a.sites if a.specimen == specimen}


def test_sites_are_exact_and_replicates_pooled(tmp_path, genome, samples):
    called, _, _ = _run(tmp_path, genome, samples)
    assert set(_reported(called, "A")) == _truth(samples, "A")
    assert set(_reported(called, "B")) == _truth(samples, "B")
    big = _reported(called, "A")[(60_123, "+")]
    assert big["fragments"] < 300  # lengths are shared in each replicate
    assert big["cells_low"] <= 300 <= big["cells_high"]
    assert big["umis"] == pytest.approx(300, abs=6)
    assert not called.vetoed


def test_lengths_and_reads_are_those_of_the_molecules(tmp_path, genome, samples):
    called, run, _ = _run(tmp_path, genome, samples, error=0.0)
    mine = called.fragments.filter(pl.col("sample_id") == "B-1")
    want = sorted((m.site.position, m.length, m.reads) for m in run.truth if m.sample == "B-1" and m.length >= 30)
    assert sorted(zip(mine["position"], mine["length"], mine["reads"], strict=True)) == want


def test_a_repeat_is_a_group_that_holds_the_truth(tmp_path, genome):
    inside = TrueSite("chr1", 32_000, "+", 6)  # its copy begins at 90,000, so the twin site is 92,000
    called, _, _ = _run(tmp_path, genome, [Amplification("R-1", [inside], "R", "P3")], shear=(40.0, 3.5, 45.0))
    rows = called.sites.to_dicts()
    assert len(rows) == 1
    assert rows[0]["places"] == 2
    assert rows[0]["group"]
    places = {f"chr1:{rows[0]['position']}({rows[0]['orientation']})", *rows[0]["other_places"].split(";")}
    assert places == {"chr1:32000(+)", "chr1:92000(+)"}


@pytest.mark.parametrize("common_linker", [False, True])
def test_hopping_makes_no_clone(tmp_path, genome, samples, common_linker):
    called, _, _ = _run(tmp_path, genome, samples, hopping=0.01, common_linker=common_linker)
    for specimen in ("A", "B", "NTC"):
        assert set(_reported(called, specimen)) <= _truth(samples, specimen)
    assert not called.vetoed
    if common_linker:
        assert any("explained by index hopping" in words for words in called.problems)
        assert called.sites.filter(pl.col("flags").fill_null("").str.contains("hopped_from")).height > 0
    else:
        assert called.crossed.hop_rate == pytest.approx(0.01, abs=0.006)


def test_swapped_indexes_are_named(tmp_path, genome, samples):
    called, _, _ = _run(tmp_path, genome, samples, swapped=(0, 2))
    assert called.crossed.swaps == [("A-1", "B-1")]
    assert any("the indexes of A-1 and B-1 are swapped" in words for words in called.problems)
    with pytest.raises(RunVetoed, match="swapped"):
        refuse_vetoed(called)


def test_a_dirty_negative_control_vetoes(tmp_path, genome, samples):
    called, _, _ = _run(tmp_path, genome, samples, contaminated=(0, 3, 0.15))
    assert called.vetoed
    assert called.crossed.controls[0].verdict == "vetoed"
    assert not _reported(called, "NTC")
    dirty = called.fragments.filter(pl.col("sample_id") == "NTC-1")["position"].unique().to_list()
    own = called.sites.filter((pl.col("sample_id") == "A") & pl.col("position").is_in(dirty))
    assert own["flags"].drop_nulls().len() > 0
    with pytest.raises(RunVetoed, match="NTC-1"):
        refuse_vetoed(called)


def test_contaminated_sites_are_flagged_not_reported(tmp_path, genome, samples):
    called, _, _ = _run(tmp_path, genome, samples, contaminated=(0, 2, 0.3))
    assert set(_reported(called, "B")) <= _truth(samples, "B")
    flagged = called.sites.filter((pl.col("sample_id") == "B") & pl.col("cells").is_null())
    assert flagged.height > 3
    assert flagged["flags"].str.contains("shared_with|hopped_from").all()


def test_restriction_libraries_count_umis_only(tmp_path, genome, samples):
    run = simulate_run(genome[1], samples, seed=11)
    sheet, index, ltr, linker = run.write(tmp_path / "run")
    called = call_sites(sheet, ltr, linker, genome[0], index=index, sheared=False)
    big = _reported(called, "A")[(60_123, "+")]
    assert big["cells"] == pytest.approx(300, abs=6)
    assert big["fragments"] is None
    assert big["share_low"] < big["cells"] / sum(r["cells"] for r in _reported(called, "A").values()) < big["share_high"]


def test_results_are_written_whole(tmp_path, genome, samples):
    called, _, _ = _run(tmp_path, genome, samples)
    paths = write_called(tmp_path / "out", called)
    assert all(path.exists() for path in paths)
    with pytest.raises(UsageError, match="not empty"):
        write_called(tmp_path / "out", called)


def test_a_cut_short_fastq_is_an_error(tmp_path, genome, samples):
    _, _, (sheet, index, ltr, linker) = _run(tmp_path, genome, samples)
    whole = ltr.read_bytes()
    ltr.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(BadFastq, match="cut short"):
        call_sites(sheet, ltr, linker, genome[0], index=index)
    ltr.write_bytes(gzip.compress(gzip.decompress(whole)[: -len(b"\n") * 1 - 160 * 4]))
    with pytest.raises(BadFastq):
        call_sites(sheet, ltr, linker, genome[0], index=index)


def test_wrong_primer_says_where_reads_were_lost(tmp_path, genome, samples):
    _, _, (sheet, index, ltr, linker) = _run(tmp_path, genome, samples)
    sheet.write_text(sheet.read_text().replace("GAAAATC", "CCCCCCC"))
    with pytest.raises(NoReadsKept, match="0 primed"):
        call_sites(sheet, ltr, linker, genome[0], index=index)


def test_several_samples_need_index_reads(tmp_path, genome, samples):
    _, _, (sheet, _, ltr, linker) = _run(tmp_path, genome, samples)
    with pytest.raises(UsageError, match="index"):
        call_sites(sheet, ltr, linker, genome[0])


def test_u3_reads_give_the_same_site(tmp_path, genome):
    """A U3 primer reads out of the other end: the same provirus must come out at the same place."""
    site = TrueSite("chr1", 50_000, "+", 5)
    flipped = TrueSite("chr1", 50_000, "-", 5)  # host bases as seen from the other end of a + provirus
    run = simulate_run(genome[1], [Amplification("U-1", [flipped], "U", "P")], seed=3)
    sheet, index, ltr, linker = run.write(tmp_path / "u3")
    lines = sheet.read_text().splitlines()
    sheet.write_text("\n".join([lines[0] + "\tltr_side", lines[1] + "\tU3"]) + "\n")
    called = call_sites(sheet, ltr, linker, genome[0], index=index)
    assert {(r["position"], r["orientation"]) for r in called.sites.to_dicts()} == {(site.position, site.orientation)}
