"""Tisa-cel proviruses planted in real GRCh38, one at the TET2 site of a published clone, found without giving a reference."""

import json

import numpy as np
import pytest

from aftercar.actions.test_sample import test_sample as run_test
from aftercar.edges.constructs import read_constructs
from aftercar.edges.fasta import FastaFile
from aftercar.testing.simulate import Insertion, Population, Sample, as_bases
from aftercar.testing.simulate_files import write_bam

VECTOR = "vectors/livingdrugs/Vector_systems/Sequences/lentiviral_vector_tisacel.fasta"
TET2 = 105_272_458
pytestmark = pytest.mark.data


@pytest.mark.slow
def test_tisa_cel_planted_in_real_sequence_is_found_to_the_base(test_data, tmp_path):
    reference = FastaFile(test_data / "reference/hg38_windows/hmftools_hg38_windows.fa.gz")
    contig = next(name for name in reference.lengths if name.startswith("chr4:105000000"))
    at = TET2 - 105_000_000
    bases = as_bases(reference.fetch(contig, at - 100_000, at + 100_000))
    (construct,) = read_constructs(test_data / VECTOR)
    provirus = construct.provirus().sequence
    places = {100_000: "+", 40_000: "-", 150_000: "+"}
    host = {"chr4": np.ascontiguousarray(bases)}
    sites = tuple(Insertion("chr4", p, o, 5, provirus) for p, o in places.items())
    write_bam(Sample(host, (Population("tumour", 1.0, sites),), depth=30, seed=7), tmp_path / "t.bam")
    run_test([tmp_path / "t.bam"], vector=test_data / VECTOR, out=tmp_path / "out")
    found = json.loads((tmp_path / "out" / "verdict.json").read_text(encoding="utf-8"))
    assert {(s["pos"] - 1, s["orientation"], s["tsd"]) for s in found["sites"]} == {(p, o, 5) for p, o in places.items()}
    assert all(s["exact"] for s in found["sites"])
