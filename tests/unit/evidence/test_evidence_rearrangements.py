"""Changes of the vector itself, planted and found by name and coordinates."""

import pytest

from aftercar.actions.test_sample import examine
from aftercar.edges.host import FastaHost
from aftercar.evidence.verdict import verdict_json
from aftercar.testing.simulate import Insertion, Population, Sample, as_text, plant, random_bases, random_host
from aftercar.testing.simulate_files import write_bam
from aftercar.vocab.vectors import Construct, reverse_complement

LTR = "TGGAAGGGCTAATTCACTCCC" + random_bases(180, seed=11) + "AGTGTGGAAAATCTCTAGCA"
PROVIRUS = LTR + "GTGGCGCCCGAACAGGGAC" + random_bases(3_000, seed=12) + "AAAAGAAAAGGGGGGAC" + LTR
HOST = random_host({"chr1": 60_000}, seed=8)


def verdict_of(folder, *proviruses, fraction=0.6):
    (folder / "host.fa").write_text(f">chr1\n{as_text(HOST['chr1'])}\n")
    planted = [
        Insertion("chr1", 10_000 + 9_000 * number, "+-"[number % 2], 5, provirus) for number, provirus in enumerate(proviruses)
    ]
    write_bam(Sample(HOST, (Population("t", fraction, tuple(planted)),), depth=40, seed=5), folder / "t.bam")
    with FastaHost(folder / "host.fa") as host:
        return examine([folder / "t.bam"], [Construct("v", PROVIRUS)], host=host)[2]


def confirmed(verdict):
    return [change for change in verdict.rearrangements if change.confirmed]


def test_whole_provirus_has_no_rearrangement(tmp_path):
    verdict = verdict_of(tmp_path, PROVIRUS, PROVIRUS)
    assert confirmed(verdict) == []
    assert not any(row["confirmed"] for row in verdict_json(verdict)["rearrangements"])


@pytest.mark.parametrize(("start", "end"), [(800, 1_400), (1_500, 1_560), (400, 3_100)])
def test_internal_deletion_is_named_with_its_bases(tmp_path, start, end):
    verdict = verdict_of(tmp_path, PROVIRUS[:start] + PROVIRUS[end:])
    (change,) = confirmed(verdict)
    assert change.kind == "deletion"
    assert (change.start, change.end) == (pytest.approx(start + 1, abs=4), pytest.approx(end, abs=4))
    assert change.bases == end - start
    assert change.fragments >= 4


def test_tandem_copy_of_a_stretch(tmp_path):
    verdict = verdict_of(tmp_path, PROVIRUS[:2_000] + PROVIRUS[1_200:])
    (change,) = confirmed(verdict)
    assert (change.kind, change.bases) == ("tandem_copy", 800)
    assert change.start == pytest.approx(1_201, abs=4)


def test_two_proviruses_in_a_row_are_joined_end_to_end(tmp_path):
    (change,) = confirmed(verdict_of(tmp_path, PROVIRUS + PROVIRUS))
    assert change.kind == "end_to_end"


def test_inverted_stretch_is_an_inversion_with_its_bases(tmp_path):
    changed = PROVIRUS[:1_000] + reverse_complement(PROVIRUS[1_000:2_000]) + PROVIRUS[2_000:]
    (change,) = confirmed(verdict_of(tmp_path, changed))
    assert change.kind == "inversion"
    assert change.start == pytest.approx(1_001, abs=6)
    assert change.end == pytest.approx(2_000, abs=6)


def test_inverted_copy_at_the_end_of_a_stretch_has_one_join(tmp_path):
    changed = PROVIRUS[:2_500] + reverse_complement(PROVIRUS[1_000:2_000]) + PROVIRUS[-800:]
    found = confirmed(verdict_of(tmp_path, changed))
    assert "inverted_copy" in {change.kind for change in found}


@pytest.mark.parametrize(("provirus", "kind", "lost"), [
    (PROVIRUS[500:], "truncated_left", (1, 500)), (PROVIRUS[:-600], "truncated_right", (len(PROVIRUS) - 599, len(PROVIRUS))),
])  # fmt: skip
@pytest.mark.parametrize("second", [False, True])
def test_truncated_provirus_is_named_at_its_site(tmp_path, provirus, kind, lost, second):
    verdict = verdict_of(tmp_path, *([PROVIRUS, provirus] if second else [provirus]))
    (change,) = [change for change in confirmed(verdict) if change.kind.startswith("truncated")]
    assert change.kind == kind
    assert (change.start, change.end) == (pytest.approx(lost[0], abs=8), pytest.approx(lost[1], abs=8))
    assert change.site[0] == "chr1"
    assert change.site[1] == pytest.approx(19_001 if second else 10_001, abs=8)


def test_planted_sites_of_whole_proviruses_are_not_truncations(tmp_path):
    sites = plant(HOST, PROVIRUS, sites=4, seed=2)
    assert len(sites) == 4
    verdict = verdict_of(tmp_path, *[PROVIRUS] * 4)
    assert not [change for change in verdict.rearrangements if change.kind.startswith("truncated")]
