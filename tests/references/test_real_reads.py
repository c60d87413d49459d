"""Real reads: people without a vector are never "present"; integrated viruses and planted proviruses are found to the base.

The hepatitis B genome in ``tests/data`` is GenBank LC500247.1. The simulated sample carries 2 kb of it at chr1:65,522,111
(GRCh38),
the tumour of ERR093636 an integration on chr5 (GRCh37).
"""

import json

import numpy as np
import pytest

from aftercar.actions.test_sample import test_sample as run_test
from aftercar.edges.constructs import read_constructs
from aftercar.edges.fasta import FastaFile
from aftercar.testing.simulate import Insertion, Population, Sample, as_bases
from aftercar.testing.simulate_files import write_bam

NEGATIVES = (
    "NA12878.20.21.unmapped.orig.bam",
    "NA12878.chr22.tiny.bam",
    "NA12878_S1.chr20.10_10p1mb.bam",
    "COLO829T.bam",
    "COLO829R.bam",
    "manta_HCC1954.bam",
)
VECTORS = {
    "tisa-cel": "vectors/livingdrugs/Vector_systems/Sequences/lentiviral_vector_tisacel.fasta",
    "ide-cel": "vectors/livingdrugs/Vector_systems/Sequences/lentiviral_vector_idecel.fasta",
    "axi-cel": "vectors/livingdrugs/CAR_constructs/Sequences/Axicel_HM852952.fasta",
}
TET2 = 105_272_458
pytestmark = pytest.mark.data


def verdict(out):
    return json.loads((out / "verdict.json").read_text(encoding="utf-8"))


@pytest.mark.parametrize("vector", VECTORS)
@pytest.mark.parametrize("name", NEGATIVES)
def test_people_without_a_vector_are_not_detected_with_a_limit(test_data, tmp_path, name, vector):
    run_test([test_data / "reads/negatives_wgs" / name], vector=test_data / VECTORS[vector], out=tmp_path / "out")
    found = verdict(tmp_path / "out")
    assert found["call"] == "not_detected"
    assert 0 < found["detection_limit"]["value"] < 0.2
    assert found["sites"] == []


def test_the_simulated_virus_is_found_at_its_junctions(test_data, tmp_path, project):
    reads = test_data / "reads/gridss_hbv_sim/hbv_sim.bam"
    run_test([reads], vector=project / "tests/data/hbv_LC500247.1.fa", out=tmp_path / "out")
    (site,) = verdict(tmp_path / "out")["sites"]
    assert (site["chrom"], site["pos"]) == ("chr1", 65_522_111)
    assert min(site["left_support"], site["right_support"]) > 50
    assert site["vector_break"] == [653, 2653]


def test_the_virus_of_a_real_tumour_is_found(test_data, tmp_path, project):
    reads = test_data / "reads/gridss_ERR093636_hbv/ERR093636_virusbreakend_minimal_example.bam"
    run_test([reads], vector=project / "tests/data/hbv_LC500247.1.fa", out=tmp_path / "out")
    found = verdict(tmp_path / "out")
    assert found["vector_dna"] == "detected"
    assert [(site["chrom"], site["pos"]) for site in found["sites"]] == [("chr5", 159_412_327)]


@pytest.mark.slow
def test_tisa_cel_planted_in_real_sequence_is_found_to_the_base(test_data, tmp_path):
    """One of the proviruses stands at the TET2 site of the published clone."""
    reference = FastaFile(test_data / "reference/hg38_windows/hmftools_hg38_windows.fa.gz")
    contig = next(name for name in reference.lengths if name.startswith("chr4:105000000"))
    at = TET2 - 105_000_000
    bases = as_bases(reference.fetch(contig, at - 100_000, at + 100_000))
    (construct,) = read_constructs(test_data / VECTORS["tisa-cel"])
    provirus = construct.provirus().sequence
    places = {100_000: "+", 40_000: "-", 150_000: "+"}
    host = {"chr4": np.ascontiguousarray(bases)}
    sites = tuple(Insertion("chr4", p, o, 5, provirus) for p, o in places.items())
    write_bam(Sample(host, (Population("tumour", 1.0, sites),), depth=30, seed=7), tmp_path / "t.bam")
    run_test([tmp_path / "t.bam"], vector=test_data / VECTORS["tisa-cel"], out=tmp_path / "out")
    found = verdict(tmp_path / "out")
    assert {(s["pos"] - 1, s["orientation"], s["tsd"]) for s in found["sites"]} == {(p, o, 5) for p, o in places.items()}
    assert all(s["exact"] for s in found["sites"])
