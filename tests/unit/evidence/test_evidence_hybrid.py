"""Reads aligned to host and vector together: the vector's own contig is no host, whatever its name."""

import json

import pysam
import pytest

from aftercar.actions import test_sample as action
from aftercar.actions.simulate_sample import Recipe, simulate_sample
from aftercar.edges.constructs import read_constructs
from aftercar.reads.shared import foreign_contigs
from aftercar.reads.vector_index import VectorIndex

LEAST = 40  #: vector bases from which the aligner of these tests prefers the vector


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    root = tmp_path_factory.mktemp("hybrid")
    simulate_sample(root / "pos", Recipe(sites=2, purity=0.6, host_length=400_000, seed=3))
    return root / "pos"


def hybrid(folder, name, out):
    """The sample's BAM as an aligner leaves it that knows the vector: vector ends become primary on its contig."""
    index = VectorIndex.build(read_constructs(folder / "vector.fa"))
    with pysam.AlignmentFile(folder / "tumour.bam") as old:
        header = old.header.to_dict()
        header["SQ"].append({"SN": name, "LN": len(index.targets[0].sequence)})
        with pysam.AlignmentFile(out / "unsorted.bam", "wb", header=header) as new:
            for record in old:
                record.mate_is_unmapped = False
                for moved in onto_vector(record, index, new.header):
                    new.write(moved)
    path = out / "hybrid.bam"
    pysam.sort("-o", str(path), str(out / "unsorted.bam"))
    pysam.index(str(path))
    return path


def onto_vector(record, index, header):
    """The record itself, or its place on the vector before its place on the host (as supplementary)."""
    inner = [match for match in index.matches(record.query_sequence) if match.target == 0 and match.start >= 0]
    if record.is_supplementary or not inner or inner[0].read_end - inner[0].read_start < LEAST:
        return [record]
    best, size = inner[0], record.query_length
    turned = best.strand == -1
    vector = pysam.AlignedSegment.from_dict(record.to_dict(), header)
    if turned:
        qualities = record.query_qualities[::-1]
        vector.query_sequence = reverse(record.query_sequence)
        vector.query_qualities = qualities
    left, right = (size - best.read_end, best.read_start) if turned else (best.read_start, size - best.read_end)
    vector.is_unmapped = False
    vector.is_reverse = record.is_reverse != turned
    vector.reference_id, vector.reference_start, vector.mapping_quality = header.nreferences - 1, best.start, 60
    vector.cigartuples = [part for part in ((4, left), (0, size - left - right), (4, right)) if part[1]]
    if record.is_unmapped:
        return [vector]
    record.is_supplementary = True
    return [vector, record]


def reverse(text):
    return text.translate(str.maketrans("ACGTN", "TGCAN"))[::-1]


def verdict_of(reads, out, **arguments):
    action.test_sample([reads], out=out, purity=0.6, **arguments)
    return json.loads((out / "verdict.json").read_text())


@pytest.mark.parametrize("name", ["CAR_vector", "chrCAR", "HM852952.1", "chrX_CAR"])
def test_a_vector_among_the_contigs_changes_nothing(folder, tmp_path, name):
    vector, host = folder / "vector.fa", folder / "reference.fa"
    both = tmp_path / "both.fa"
    both.write_text(host.read_text() + f">{name}\n" + "".join(vector.read_text().splitlines(True)[1:]))
    plain = verdict_of(folder / "tumour.bam", tmp_path / "plain", vector=vector, reference=host)
    reads = hybrid(folder, name, tmp_path)
    assert plain["call"] == "present_clonal"
    for case, reference in (("host", host), ("both", both), ("none", None)):
        got = verdict_of(reads, tmp_path / case, vector=vector, reference=reference)
        assert got["call"] == "present_clonal", case
        assert [(s["chrom"], s["pos"], s["tsd"]) for s in got["sites"]] == [
            (s["chrom"], s["pos"], s["tsd"]) for s in plain["sites"]
        ], case
        assert got["copies_per_tumour_cell"]["value"] == pytest.approx(plain["copies_per_tumour_cell"]["value"], rel=0.1)


def test_names_of_hosts_are_told_from_others():
    host = ["1", "chr22", "chrM", "chrUn_KI270302v1", "chr1_KI270706v1_random", "chr6_apd_hap1", "chr1_KN196472v1_fix"]
    host += ["GL000207.1", "HLA-A*01:01:01:01", "hs37d5", "chrUn_JTFH01000001v1_decoy", "chr4:105000000-108000000", "1_1_3400000"]
    host += ["NC_000001.11", "NT_187361.1", "chr15_KI270905v1_alt"]
    others = ["CAR", "chrCAR", "HIV-1", "CMV", "chrEBV", "chrX_CAR", "HM852952.1", "phiX", "NC_001422.1", "pVector"]
    assert set(foreign_contigs([*host, *others])) == set(others)
