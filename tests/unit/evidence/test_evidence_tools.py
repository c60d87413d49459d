"""The files of a result in the tools that people open them with: bcftools, bedtools, samtools, tabix."""

import json
import shutil
import subprocess

import pytest

from aftercar.actions import test_sample as action
from aftercar.actions.simulate_sample import Recipe, simulate_sample


@pytest.fixture(scope="module")
def result(tmp_path_factory):
    root = tmp_path_factory.mktemp("tools")
    simulate_sample(root, Recipe(sites=3, purity=0.6, host_length=300_000, seed=3))
    action.test_sample([root / "tumour.bam"], vector=root / "vector.fa", reference=root / "reference.fa", out=root / "result")
    both = root / "host_and_vector.fa"
    both.write_text((root / "reference.fa").read_text() + (root / "result/vector.fa").read_text())
    return root / "result"


def run(tool, *arguments, stdin=None):
    if shutil.which(tool) is None:
        pytest.skip(f"{tool} is not installed")
    done = subprocess.run([tool, *map(str, arguments)], input=stdin, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert not [line for line in done.stderr.splitlines() if line.startswith("[W::") or "rror" in line], done.stderr
    return done.stdout


def sites(result):
    return json.loads((result / "verdict.json").read_text())["sites"]


def test_bcftools_views_counts_and_checks_every_reference_base(result):
    rows = [line.split("\t") for line in run("bcftools", "view", "-H", result / "sites.vcf").splitlines()]
    assert len(rows) == 4 * len(sites(result)) == 12
    stats = run("bcftools", "stats", result / "sites.vcf")
    assert "number of records:\t12" in stats
    normal = run("bcftools", "norm", "-c", "e", "-f", result.parent / "host_and_vector.fa", result / "sites.vcf")
    kept = [line.split("\t")[:5] for line in normal.splitlines() if not line.startswith("#")]
    assert sorted(kept) == sorted(row[:5] for row in rows)


def test_both_ends_of_the_provirus_are_its_outermost_bases(result):
    length = sum(len(line) for line in (result / "vector.fa").read_text().splitlines()[1:])
    rows = [line.split("\t") for line in (result / "sites.vcf").read_text().splitlines() if not line.startswith("#")]
    ends = {
        info.split("PROVIRUS_END=")[1].split(";")[0]: int(position) for _, position, name, *_, info, _, _ in rows if "_v" in name
    }
    assert ends == {"left": 1, "right": length}
    assert {tuple(sorted(site["vector_break"])) for site in sites(result)} == {(0, length)}


def test_tabix_indexes_the_vcf_and_finds_a_site(result, tmp_path):
    if shutil.which("bgzip") is None:
        pytest.skip("bgzip is not installed")
    packed = tmp_path / "sites.vcf.gz"
    packed.write_bytes(subprocess.run(["bgzip", "-c", result / "sites.vcf"], capture_output=True, check=True).stdout)
    run("tabix", "-p", "vcf", packed)
    site = sites(result)[0]
    found = run("tabix", packed, f"{site['chrom']}:{site['pos']}-{site['pos']}")
    assert found.count("SVTYPE=BND") == 1


def test_bedtools_sorts_and_intersects(result):
    assert run("bedtools", "sort", "-header", "-i", result / "sites.bed") == (result / "sites.bed").read_text()
    site = sites(result)[0]
    window = f"{site['chrom']}\t{site['pos'] - 50}\t{site['pos'] + 50}\n"
    hit = run("bedtools", "intersect", "-a", result / "sites.bed", "-b", "stdin", stdin=window)
    assert [line.split("\t")[3] for line in hit.splitlines()] == [f"{site['chrom']}:{site['pos']}{site['orientation']}"]


def test_samtools_checks_indexes_and_counts(result, tmp_path):
    bam = result / "evidence.bam"
    run("samtools", "quickcheck", bam)
    run("samtools", "index", bam, tmp_path / "again.bai")
    per_contig = {line.split("\t")[0]: line.split("\t")[2:] for line in run("samtools", "idxstats", bam).splitlines()}
    assert all(int(per_contig[site["chrom"]][0]) > 0 for site in sites(result))
    total = sum(int(cell) for cells in per_contig.values() for cell in cells)
    assert total == int(run("samtools", "view", "-c", bam))
    tagged = int(run("samtools", "view", "-c", "-d", f"XS:{sites(result)[0]['chrom']}:{sites(result)[0]['pos']}", bam))
    assert tagged > 0
