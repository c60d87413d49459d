"""Real reads: human samples without a vector, and liver cancer with hepatitis B virus; real sequence: TET2 and a CAR vector."""

import gzip
import json
from pathlib import Path

import pytest

from aftercar.actions import test_sample as action
from aftercar.edges.constructs import read_constructs
from aftercar.edges.host import FastaHost
from aftercar.testing.simulate import Insertion, Population, Sample, as_bases, as_text
from aftercar.testing.simulate_files import write_bam

HBV = Path(__file__).with_name("hbv_NC_003977.2.fa")  # GenBank NC_003977.2, public domain
VECTORS = {
    "tisa": "vectors/livingdrugs/Vector_systems/Sequences/lentiviral_vector_tisacel.fasta",
    "ide": "vectors/livingdrugs/Vector_systems/Sequences/lentiviral_vector_idecel.fasta",
    "axi": "vectors/livingdrugs/CAR_constructs/Sequences/Axicel_HM852952.fasta",
}
DEEP = (
    "COLO829R.bam", "COLO829T.bam", "NA12878.20.21.unmapped.orig.bam", "NA12878_S1.chr20.10_10p1mb.bam", "manta_HCC1954.bam",
    "NA12878.chr22.tiny.bam", "gridss_chr12.1527326.DEL1024.bam", "delly_sr.bam",
)  # fmt: skip
THIN = ("HG002_chr11_119076212_119102218_CBL.bam", "delly_lr.bam", "hg00096_hg38.bam")


@pytest.mark.data
@pytest.mark.parametrize("name", DEEP)
@pytest.mark.parametrize("vector", VECTORS)
def test_human_reads_are_negative_with_a_limit(test_data, name, vector):
    constructs = read_constructs(test_data / VECTORS[vector])
    verdict = action.examine([test_data / "reads/negatives_wgs" / name], constructs)[2]
    assert verdict.call == "not_detected", verdict.reasons
    assert verdict.sites == ()
    assert 0 < verdict.limit.presence <= 0.2


@pytest.mark.data
@pytest.mark.parametrize("name", THIN)
def test_few_or_long_human_reads_are_never_present(test_data, name):
    verdict = action.examine([test_data / "reads/negatives_wgs" / name], read_constructs(test_data / VECTORS["tisa"]))[2]
    assert verdict.call in ("not_detected", "inconclusive")
    assert verdict.sites == ()


@pytest.mark.data
def test_simulated_hbv_insertion_to_the_base(test_data):
    verdict = action.examine([test_data / "reads/gridss_hbv_sim/hbv_sim.bam"], read_constructs(HBV))[2]
    (call,) = verdict.located
    site = call.site
    # The clips of 48 and 39 reads stand here; nine host bases are lost between the two ends.
    assert (site.contig, site.position + 1, site.right.adjacent + 1, site.tsd) == ("chr1", 65_522_111, 65_522_121, -9)
    assert verdict.call == "present_clonal"


@pytest.mark.data
@pytest.mark.parametrize("path", [
    "gridss_hbv_sim/hbv_sim.bam", "gridss_ERR093636_hbv/ERR093636_virusbreakend_minimal_example.bam",
])  # fmt: skip
def test_hepatitis_b_virus_is_not_taken_for_a_vector_with_wpre(test_data, path):
    verdict = action.examine([test_data / "reads" / path], read_constructs(test_data / VECTORS["tisa"]))[2]
    assert verdict.call == "contamination_suspected"
    assert "hepatitis B virus" in verdict.reasons[0]
    assert verdict.located == ()


@pytest.mark.data
def test_real_liver_cancer_junction(test_data):
    path = test_data / "reads/gridss_ERR093636_hbv/ERR093636_virusbreakend_minimal_example.bam"
    verdict = action.examine([path], read_constructs(HBV))[2]
    assert [(c.site.contig, c.site.position + 1) for c in verdict.located] == [("chr5", 159_412_327)]
    assert verdict.limit is None  # a file of selected reads says nothing of depth


@pytest.mark.data
def test_tisagenlecleucel_provirus_in_tet2_to_the_base(test_data, tmp_path):
    wanted, bases = "chr4:105000000-108000000", []
    with gzip.open(test_data / "reference/hg38_windows/hmftools_hg38_windows.fa.gz", "rt") as stream:
        inside = False
        for line in stream:
            if line.startswith(">"):
                inside = line[1:].split()[0] == wanted
            elif inside:
                bases.append(line.strip())
    host = {wanted: as_bases("".join(bases))}
    provirus = read_constructs(test_data / VECTORS["tisa"])[0].provirus().sequence
    site = Insertion(wanted, 105_272_458 - 105_000_000, "-", 5, provirus)
    window = ((wanted, site.position - 2_000, site.position + 2_000),)
    write_bam(Sample(host, (Population("tumour", 0.6, (site,)),), depth=30, windows=window, seed=2), tmp_path / "t.bam")
    text = as_text(host[wanted])
    (tmp_path / "ref.fa").write_text(f">{wanted} GRCh38\n" + "\n".join(text[i : i + 80] for i in range(0, len(text), 80)) + "\n")
    out = tmp_path / "out"
    action.test_sample(
        [tmp_path / "t.bam"],
        vector=test_data / VECTORS["tisa"],
        reference=tmp_path / "ref.fa",
        genes=test_data / "reference/annotation/hg38.refSeq.curated.txt.gz",
        purity=0.6,
        out=out,
        host_depth=30.0,
    )
    verdict = json.loads((out / "verdict.json").read_text())
    (found,) = verdict["sites"]
    assert verdict["call"] == "present_clonal"
    assert (found["chrom"], found["pos"], found["orientation"], found["tsd"]) == ("chr4", 105_272_458, "-", 5)
    assert (found["gene"], found["gene_feature"], found["gene_sense"]) == ("TET2", "intron", "opposite")


@pytest.mark.data
def test_gene_file_is_read_from_the_cache_alike(test_data, tmp_path, monkeypatch):
    from aftercar.edges.genes import read_genes

    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    path = test_data / "reference/annotation/hg38.refSeq.curated.txt.gz"
    assert read_genes(path) == read_genes(path)
    assert list(tmp_path.rglob("genes-*.parquet"))


@pytest.mark.data
def test_host_file_gives_genome_coordinates(test_data):
    with FastaHost(test_data / "reference/b37_chr1_1_3400000/somalier_b37_chr1_1-3400000.fa") as host:
        assert host.covers("chr1")
        assert (host.fetch("1", 10_000, 10_020) == host.fetch("chr1", 10_000, 10_020)).all()
