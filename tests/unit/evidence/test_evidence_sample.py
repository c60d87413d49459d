"""One sample from reads to verdict and files, as a user runs it."""

import json
import subprocess

import polars as pl
import pysam
import pytest

from aftercar.actions import test_sample as action
from aftercar.actions.simulate_sample import Recipe, simulate_sample
from aftercar.edges.genes import GeneFileError, read_genes
from aftercar.errors import InputError, UsageError
from aftercar.testing.simulate import random_bases


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    root = tmp_path_factory.mktemp("samples")
    simulate_sample(root / "pos", Recipe(sites=2, purity=0.6, host_length=300_000, seed=3), fastq=True)
    simulate_sample(root / "neg", Recipe(sites=0, purity=0.6, host_length=300_000, seed=3))
    simulate_sample(root / "thin", Recipe(sites=0, host_length=300_000, depth=0.5, seed=3))
    return root


def run(folder, name, out, **changes):
    base = folder / name
    arguments = {"vector": folder / "pos/vector.fa", "reference": folder / "pos/reference.fa", "out": out, **changes}
    reads = arguments.pop("reads", [base / "tumour.bam"])
    return action.test_sample(reads, **arguments)


@pytest.mark.parametrize("kind", ["bam", "fastq"])
def test_positive_sample(folder, tmp_path, kind):
    truth = json.loads((folder / "pos/truth.json").read_text())
    reads = [folder / "pos/tumour.bam"] if kind == "bam" else [folder / f"pos/tumour_{n}.fastq.gz" for n in (1, 2)]
    run(folder, "pos", tmp_path / "out", reads=reads, purity=0.6)
    verdict = json.loads((tmp_path / "out/verdict.json").read_text())
    assert verdict["call"] == "present_clonal"
    wanted = {(s["chrom"], s["pos"], s["orientation"]): s["cell_fraction"] for s in truth["sites"]}
    got = {(s["chrom"], s["pos"], s["orientation"]): s for s in verdict["sites"]}
    assert got.keys() == wanted.keys()
    for key, site in got.items():
        assert site["tsd"] == 5
        assert site["filter"] == "PASS"
        assert site["cell_fraction"]["low"] <= wanted[key] <= site["cell_fraction"]["high"]
    copies = verdict["copies_per_tumour_cell"]
    assert copies["low"] < copies["value"] < copies["high"]
    assert copies["value"] == pytest.approx(2.0, rel=0.2)
    assert verdict["reasons"]


def test_files_can_be_read_by_others(folder, tmp_path):
    out = tmp_path / "out"
    run(folder, "pos", out)
    with pysam.VariantFile(str(out / "sites.vcf")) as vcf:
        records = list(vcf)
    assert len(records) == 8  # two sites, two junctions, both partners
    assert all(record.info["SVTYPE"] == "BND" for record in records)
    assert {record.id for record in records} == {record.info["MATEID"][0] for record in records}
    with pysam.AlignmentFile(out / "evidence.bam") as bam:
        assert any(read.has_tag("XS") for read in bam.fetch(until_eof=True))
    rows = [line.split("\t") for line in (out / "sites.bed").read_text().splitlines() if not line.startswith("#")]
    assert len(rows) == 2
    assert all(int(row[2]) - int(row[1]) == 5 for row in rows)
    assert pl.read_parquet(out / "sites.parquet").height == 2
    assert pl.read_csv(out / "sites.tsv", separator="\t").height == 2
    assert (out / "junctions.svg").read_text().startswith("<svg")


def test_breakends_describe_the_written_out_chromosome(folder, tmp_path):
    """Walking from host into vector along a record gives the bases that the simulator planted."""
    run(folder, "pos", tmp_path / "out")
    truth = json.loads((folder / "pos/truth.json").read_text())["sites"]
    with pysam.VariantFile(str(tmp_path / "out/sites.vcf")) as vcf:
        hosts = [record for record in vcf if record.chrom.startswith("chr")]
    for record in hosts:
        site = next(s for s in truth if s["chrom"] == record.chrom and abs(s["pos"] - record.pos) < 10)
        alt = record.alts[0]
        left = alt[0] in "ACGTN"
        assert record.pos == (site["pos"] if left else site["right_pos"])
        # Joined to the start of the provirus when the bracket opens to the right, to its end otherwise.
        begins = alt[1 if left else 0] == "["
        assert begins == (left == (site["orientation"] == "+"))


def test_negative_names_its_limit(folder, tmp_path):
    verdict = run(folder, "neg", tmp_path / "out")
    assert verdict.call == "not_detected"
    content = json.loads((tmp_path / "out/verdict.json").read_text())
    assert 0 < content["detection_limit"]["value"] < 0.1
    assert content["sites"] == []


def test_shallow_negative_is_inconclusive(folder, tmp_path):
    verdict = run(folder, "thin", tmp_path / "out")
    assert verdict.call == "inconclusive"
    assert "too shallow" in verdict.reasons[0]


def test_plasmid_is_contamination(folder, tmp_path):
    simulate_sample(
        tmp_path / "plasmid",
        Recipe(sites=0, host_length=200_000, plasmid_depth=20, seed=9),
        vector=_plasmid(tmp_path, folder),
    )
    verdict = action.test_sample(
        [tmp_path / "plasmid/tumour.bam"],
        vector=tmp_path / "plasmid.fa",
        reference=tmp_path / "plasmid/reference.fa",
        out=tmp_path / "out",
    )
    assert verdict.call == "contamination_suspected"
    assert verdict.located == ()


def _plasmid(tmp_path, folder):
    provirus = "".join((folder / "pos/vector.fa").read_text().split("\n")[1:])
    path = tmp_path / "plasmid.fa"
    path.write_text(f">plasmid circular\n{random_bases(900, seed=71)}{provirus}{random_bases(1_200, seed=72)}\n")
    return path


def test_normal_sample_is_compared(folder, tmp_path):
    verdict = run(folder, "pos", tmp_path / "out", normal=[folder / "neg/tumour.bam"])
    assert verdict.normal["call"] == "not_detected"
    assert {row["status"] for row in verdict.normal["sites"]} == {"private"}
    again = run(folder, "pos", tmp_path / "out2", normal=[folder / "pos/tumour.bam"])
    assert {row["status"] for row in again.normal["sites"]} == {"shared"}
    assert again.normal["ratio"] == pytest.approx(1.0)


def test_genes_are_named(folder, tmp_path):
    site = json.loads((folder / "pos/truth.json").read_text())["sites"][0]
    start, end = site["pos"] - 500, site["pos"] + 500
    cells = (
        "0",
        "NM_1",
        site["chrom"],
        "+",
        start,
        end,
        start,
        end,
        2,
        f"{start},{end - 100},",
        f"{start + 100},{end},",
        "0",
        "GENE1",
    )
    (tmp_path / "genes.txt").write_text("\t".join(str(cell) for cell in (*cells, "cmpl", "cmpl", "0,0,")) + "\n")
    (tmp_path / "onco.txt").write_text("GENE1\n")
    (tmp_path / "black.bed").write_text(f"{site['chrom']}\t{start}\t{end}\tblacklist\n")
    run(
        folder,
        "pos",
        tmp_path / "out",
        genes=tmp_path / "genes.txt",
        gene_lists=[tmp_path / "onco.txt"],
        regions=tmp_path / "black.bed",
    )
    found = json.loads((tmp_path / "out/verdict.json").read_text())["sites"]
    hit = next(s for s in found if s["pos"] == site["pos"])
    assert (hit["gene"], hit["gene_feature"], hit["distance"]) == ("GENE1", "intron", 0)
    assert hit["gene_lists"] == ["onco"]
    assert hit["region_flags"] == ["blacklist"]
    assert len(read_genes(tmp_path / "genes.txt", cache=False)) == 1


def test_bad_input_leaves_nothing_behind(folder, tmp_path):
    with pytest.raises(UsageError, match="purity"):
        run(folder, "pos", tmp_path / "a", purity=1.5)
    broken = tmp_path / "short.bam"
    broken.write_bytes((folder / "pos/tumour.bam").read_bytes()[:50_000])
    with pytest.raises(InputError):
        run(folder, "pos", tmp_path / "b", reads=[broken])
    (tmp_path / "genes.txt").write_text("not a gene table\n")
    with pytest.raises(GeneFileError, match="line 1"):
        run(folder, "pos", tmp_path / "c", genes=tmp_path / "genes.txt")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["genes.txt", "short.bam"]


def test_bam_of_another_reference_is_refused(folder, tmp_path):
    other = tmp_path / "other.fa"
    other.write_text(f">chr1\n{random_bases(5_000, seed=1)}\n")
    with pytest.raises(action.WrongReference, match="chr1"):
        run(folder, "pos", tmp_path / "out", reference=other)


def test_bcftools_reads_the_vcf(folder, tmp_path):
    run(folder, "pos", tmp_path / "out")
    try:
        shown = subprocess.run(
            ["bcftools", "view", "-H", tmp_path / "out/sites.vcf"], capture_output=True, text=True, check=False
        )
    except FileNotFoundError:
        pytest.skip("bcftools is not installed")
    assert shown.returncode == 0, shown.stderr
    assert len(shown.stdout.splitlines()) == 8


def test_a_file_without_its_unmapped_reads_cannot_be_negative(folder, tmp_path):
    """Reads inside the vector are unmapped: where a filter took them out, neither copies nor a limit can be told."""
    for name in ("pos", "neg"):
        path = tmp_path / f"{name}.bam"
        with pysam.AlignmentFile(folder / name / "tumour.bam") as old, pysam.AlignmentFile(path, "wb", template=old) as new:
            for number, record in enumerate(old):
                record.mate_is_unmapped |= name == "neg" and number == 1_000
                if not record.is_unmapped:
                    new.write(record)
        pysam.index(str(path))
        run(folder, name, tmp_path / name, reads=[path])
    positive = json.loads((tmp_path / "pos/verdict.json").read_text())
    negative = json.loads((tmp_path / "neg/verdict.json").read_text())
    assert (positive["call"][:7], positive["copies_per_cell"], len(positive["sites"])) == ("present", None, 2)
    assert {one["finding"] for one in positive["alternatives"]} == {"not assessable"}
    assert (negative["call"], negative["detection_limit"]) == ("inconclusive", None)
    assert any("taken out" in note for note in negative["notes"])


def test_an_insertion_without_the_car_is_named(folder, tmp_path):
    """A vector of the same kind with another cargo: the insertion is there, most of the construct asked for is not."""
    lines = (folder / "pos/vector.fa").read_text().split("\n", 1)
    sequence = lines[1].replace("\n", "")
    cargo = random_bases(2_000, seed=77)
    middle = len(sequence) // 2
    (tmp_path / "other.fa").write_text(f"{lines[0]}\n{sequence[:middle]}{cargo}{sequence[middle:]}\n")
    verdict = run(folder, "pos", tmp_path / "out", vector=tmp_path / "other.fa", purity=0.6)
    assert len(verdict.located) == 2
    assert any("another construct" in reason for reason in verdict.reasons)
    whole = run(folder, "pos", tmp_path / "whole", purity=0.6)
    assert not any("another construct" in reason for reason in whole.reasons)


def test_spliced_reads_are_refused(folder, tmp_path):
    path = tmp_path / "rna.bam"
    with pysam.AlignmentFile(folder / "neg/tumour.bam") as old, pysam.AlignmentFile(path, "wb", template=old) as new:
        for number, record in enumerate(old):
            if number % 20 == 0 and record.cigarstring == f"{record.query_length}M":
                record.cigarstring = f"50M900N{record.query_length - 50}M"
            new.write(record)
    with pytest.raises(InputError, match="spliced"):
        run(folder, "neg", tmp_path / "out", reads=[path])
    assert not (tmp_path / "out").exists()


def test_a_captured_sample_has_sites_but_no_copies_and_no_limit(folder, tmp_path):
    found = run(folder, "pos", tmp_path / "pos", host_depth=float("nan"), purity=0.6)
    nothing = run(folder, "neg", tmp_path / "neg", host_depth=float("nan"))
    assert (found.call[:7], len(found.located), found.copies) == ("present", 2, None)
    assert {one.finding for one in found.alternatives} == {"not assessable"}
    assert (nothing.call, nothing.limit) == ("inconclusive", None)
    assert "enriched" in str(nothing.facts["host_depth_how"])
