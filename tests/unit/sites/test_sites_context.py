"""Context and base rates against slow twins; nearness by chance against simulation; common sites that do not explode."""

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from aftercar.actions.sites_tables import BadBackground, build_background, draw_controls, put_in_context, read_background
from aftercar.edges.gene_lists import BadGeneList, read_gene_list
from aftercar.edges.genes import read_genes
from aftercar.edges.site_tables import read_sites
from aftercar.errors import UsageError
from aftercar.evidence import base_rates, common_sites, context
from aftercar.evidence.annotation import Transcript
from aftercar.evidence.site_abundance import schema
from aftercar.vocab.genes import FACTS, among, built_in, canonical, names_of, same_gene
from aftercar.vocab.genomes import GRCH38


def _gene(name, start, end, contig="chr1", strand="+"):
    return Transcript(name, f"{name}.1", contig, strand, start, end, start, end, ((start, end),))


_SPANS = st.lists(st.tuples(st.sampled_from("AB"), st.integers(0, 300), st.integers(1, 80)), min_size=1, max_size=8)


@given(_SPANS, st.lists(st.integers(0, 400), min_size=1, max_size=20), st.integers(0, 40))
def test_hits_agree_with_comparing_all(genes, positions, reach):
    spans = context.GeneSpans.of([_gene(name, start, start + size) for name, start, size in genes])
    where = np.array(positions)
    found = {tuple(row) for row in spans.hits(np.array(["1"] * where.size), where, reach).tolist()}
    want = set()
    for i, position in enumerate(positions):
        for j in range(len(spans.genes)):
            far = max(int(spans.starts[j]) - position, position - int(spans.ends[j]) + 1, 0)
            if far <= reach:
                want.add((i, j, far))
    assert found == want


@given(_SPANS, st.integers(0, 40))
def test_covered_bases_agree_with_marking_them(genes, reach):
    spans = context.GeneSpans.of([_gene(name, start, start + size) for name, start, size in genes])
    marked = np.zeros(350, dtype=bool)
    for start, end in zip(spans.starts, spans.ends, strict=True):
        marked[max(0, start - reach) : min(350, end + reach)] = True
    assert spans.covered({"chr1": 350}, reach) == (int(marked.sum()), 350)


def test_near_by_chance_is_what_simulation_gives():
    genes = [_gene(f"G{i}", 100_000 * i, 100_000 * i + 5_000 + 700 * i) for i in range(1, 9)]
    spans = context.GeneSpans.of(genes)
    inside, total = spans.covered({"chr1": 1_000_000}, 20_000)
    contigs, places = context.random_places({"chr1": 1_000_000}, 60_000, seed=5)
    hit = np.zeros(places.size, dtype=bool)
    hit[spans.hits(contigs, places, 20_000)[:, 0]] = True
    assert hit.mean() == pytest.approx(inside / total, abs=0.006)
    three = hit.reshape(-1, 3).any(axis=1).mean()
    assert three == pytest.approx(context.chance_of_any(inside / total, 3), abs=0.01)


def test_random_places_keep_out_of_blocked_regions():
    contigs, places = context.random_places(
        {"chr1": 1000, "chr2": 500}, 3000, seed=1, blocked={"1": [(0, 900)], "chr2": [(100, 200)]}
    )
    assert (places[contigs == "1"] >= 900).all()
    second = places[contigs == "2"]
    assert ((second < 100) | (second >= 200)).all()
    assert (contigs == "1").mean() == pytest.approx(100 / 500, abs=0.03)
    with pytest.raises(ValueError, match="blocked"):
        context.random_places({"chr1": 100}, 10, 1, {"1": [(0, 100)]})


def test_matching_makes_distances_alike():
    rng = np.random.default_rng(2)
    wanted, pool = rng.exponential(80, 300), rng.exponential(400, 20_000)
    chosen = context.matched(wanted, pool, 3, seed=1)
    assert chosen.shape == (300, 3)
    assert len(set(chosen.ravel().tolist())) == 900
    assert np.abs(np.sort(pool[chosen].mean(axis=1)) - np.sort(wanted)).mean() < 5
    with pytest.raises(ValueError, match="candidates"):
        context.matched([1.0, 2.0], [1.0], 1, 1)


def test_restriction_sites():
    codes = np.frombuffer(b"ATTAACCCCTTAANNNNNN", np.uint8)
    cuts = context.motif_places(codes, "TTAA")
    assert cuts.tolist() == [1, 9]
    found = context.restriction_distance(cuts, np.array([0, 5, 12]), np.array([True, False, True]))
    assert found.tolist() == [1, 4, -1]
    assert context.gaps(codes, shortest=5) == [(13, 19)]


def test_enrichment():
    found = context.enrichment(30, 100, 100, 1000, against="random places")
    assert found.low < found.odds_ratio < found.high
    assert found.odds_ratio == pytest.approx((30 / 70) / (100 / 900), rel=0.02)
    assert np.isnan(context.enrichment(0, 10, 0, 10, against="x").odds_ratio)
    with pytest.raises(ValueError, match="not possible"):
        context.enrichment(11, 10, 0, 10, against="x")


def _sites(rows):
    return pl.DataFrame(
        [{"sample_id": p, "person_id": p, "chrom": c, "position": at, "orientation": "+", "genome": "hg38"} for p, c, at in rows],
        schema=schema(),
    )


def test_background_counts_products_and_sites():
    spans = context.GeneSpans.of([_gene("A", 100, 200), _gene("RARRES3", 5000, 6000, "chr11")])
    table = _sites([("p1", "chr1", 150), ("p1", "1", 151), ("p2", "chr1", 160), ("p2", "chr11", 5500), ("p3", "chr1", 230)])
    found = base_rates.build_background(table, spans, 10_000, near=50)
    rate = base_rates.rate_of(found, "A")
    assert (rate.products_in.numerator, rate.products_near.numerator, rate.share.numerator, found.sites) == (2, 3, 3, 5)
    assert rate.fold == pytest.approx(3 / (5 * 100 / 10_000))
    assert rate.chance_in(2) == pytest.approx(1 - 0.4**2)
    other = base_rates.rate_of(found, "PLAAT4")
    assert other.gene == "RARRES3"
    assert "asked as PLAAT4" in other.words
    assert base_rates.rate_of(found, "TP53") is None


def test_background_is_read_back(tmp_path):
    genes = tmp_path / "g.txt"
    genes.write_text("0\tN1\tchr1\t+\t99\t200\t99\t200\t1\t99,\t200,\t0\tA\tn\tn\t0,\n")
    sites = tmp_path / "s.tsv"
    sites.write_text("sample_id\tchrom\tposition\torientation\tgenome\nS\tchr1\t150\t+\thg38\n")
    build_background([sites], genes, tmp_path / "b.csv")
    assert read_background(tmp_path / "b.csv").sites == 1
    (tmp_path / "x.csv").write_text("a,b\n1,2\n")
    with pytest.raises(BadBackground, match="not a background"):
        read_background(tmp_path / "x.csv")
    found = put_in_context(sites, genes, background=tmp_path / "b.csv", controls=500)
    row = found.table.to_dicts()[0]
    assert (row["in_gene"], row["products_in_gene"], row["products"]) == ("A", 1, 1)
    assert found.unknown_genes["t_cell_genes"]
    bare = tmp_path / "bare.tsv"
    bare.write_text("sample_id\tchrom\tposition\torientation\nS\tchr1\t150\t+\n")
    with pytest.raises(UsageError, match="build"):
        put_in_context(bare, genes)
    with pytest.raises(UsageError, match="--reference"):
        put_in_context(sites, genes, cut_site="TTAA")


def test_controls_are_matched_to_the_assay(tmp_path):
    """Random places keep out of gaps, and as far from the next cut site as the sites are."""
    rng = np.random.default_rng(4)
    sequence = "".join(rng.choice(list("ACGT"), 60_000))
    sequence = sequence[:20_000] + "N" * 10_000 + sequence[30_000:]
    fasta = tmp_path / "chr21.fa"
    fasta.write_text(f">chr21\n{sequence}\n")
    cuts = context.motif_places(np.frombuffer(sequence.encode(), np.uint8), "TTAA")
    places = [int(c) - 20 for c in cuts[20:140] if not 19_000 < c < 31_000]
    sites = _sites([("p", "chr21", at + 1) for at in places])
    free = draw_controls(sites, GRCH38, 400, 1, {}, fasta, "")
    assert not ((free[1] >= 20_000) & (free[1] < 30_000)).any()
    matched = draw_controls(sites, GRCH38, 400, 1, {}, fasta, "TTAA")
    far = context.restriction_distance(cuts, matched[1], np.ones(matched[1].size, dtype=bool))
    away = context.restriction_distance(cuts, matched[1], np.zeros(matched[1].size, dtype=bool))
    near = np.minimum(np.abs(far - 20), np.abs(away - 20))
    assert np.quantile(near, 0.9) <= 15
    fasta.write_text(">other\nACGT\n")
    with pytest.raises(UsageError, match="no whole chromosome"):
        draw_controls(sites, GRCH38, 10, 1, {}, fasta, "")


def test_gene_names():
    assert canonical("evi1") == "MECOM"
    assert same_gene("MLL", "KMT2A")
    assert names_of("PLAAT4")[:2] == ("PLAAT4", "RARRES3")
    assert among("PLAAT4", {"RARRES3"}) == "RARRES3"
    assert among("NEW", {"OLD"}, {"NEW": "OLD"}) == "OLD"
    assert "PLAAT4" in built_in(("car_t_case",))
    assert all(fact.source.cite and fact.about for fact in FACTS)
    assert len({fact.gene for fact in FACTS}) == len(FACTS)


def test_gene_lists(tmp_path, test_data):
    plain = tmp_path / "mine.txt"
    plain.write_text("# mine\nTP53\nTET2\n")
    assert read_gene_list(plain).genes == {"TP53", "TET2"}
    plain.write_text("TP53\nnot a gene!\n")
    with pytest.raises(BadGeneList, match="line 2"):
        read_gene_list(plain)
    onco = read_gene_list(test_data / "gene_lists/isanalytics_proto_oncogenes.tsv.gz")
    assert "LMO2" in onco.genes
    assert "Pttg1" not in onco.genes
    civic = read_gene_list(test_data / "gene_lists/civic_nightly-GeneSummaries.tsv")
    assert "ALK" in civic.genes


def test_expected_windows_are_those_of_simulation():
    rng = np.random.default_rng(8)
    counts = []
    for _ in range(300):
        where = np.sort(rng.integers(0, 10_000_000, 400))
        counts.append((where[2:] - where[:-2] <= 20_000).sum())
    assert np.mean(counts) == pytest.approx(common_sites.expected_runs(400, 3, 20_000, 10_000_000), rel=0.05)


def test_common_sites_on_halves_of_one_product_do_not_explode():
    """Both halves come from one strongly preferring vector: windows explode, the test against products does not."""
    rng = np.random.default_rng(9)
    genes = [_gene(f"G{i}", 10_000 * i, 10_000 * i + 4_000) for i in range(1, 1500)]
    spans = context.GeneSpans.of(genes)
    weight = rng.pareto(0.9, len(genes)) + 0.02
    weight /= weight.sum()
    for size in (500, 5000):
        picked = rng.choice(len(genes), 3 * size, p=weight)
        where = 10_000 * (picked + 1) + rng.integers(0, 4_000, picked.size) + 1
        table = _sites([("p", "chr1", int(w)) for w in where])
        mine, ordinary = table[:size], table[size:]
        found = common_sites.against_products(mine, ordinary, spans)
        assert found["common"].sum() <= 1
    runs = common_sites.runs(mine, 2, 3_000, 16_000_000)
    assert runs.p < 1e-50


def test_a_selected_gene_is_found_against_products():
    rng = np.random.default_rng(10)
    spans = context.GeneSpans.of([_gene(f"G{i}", 10_000 * i, 10_000 * i + 4_000) for i in range(1, 200)])
    ordinary = _sites([("p", "chr1", int(w)) for w in rng.integers(10_000, 2_000_000, 5000)])
    mine = _sites([("p", "chr1", int(w)) for w in [*rng.integers(10_000, 2_000_000, 300), *rng.integers(500_001, 504_000, 25)]])
    found = common_sites.against_products(mine, ordinary, spans)
    assert found.filter(pl.col("common"))["gene"].to_list() == ["G50"]
    grubbs = common_sites.grubbs(mine, spans)
    assert grubbs.filter(pl.col("common"))["gene"].to_list() == ["G50"]
    assert (grubbs.filter(pl.col("z") <= 0)["p"] == 1).all()


def test_base_rates_of_the_public_products(test_data):
    sites = read_sites(test_data / "intsites/cart19_nobles/cart19_tdn_sites.tsv.gz")
    spans = context.GeneSpans.of(read_genes(test_data / "reference/annotation/hg38.refSeq.curated.txt.gz", cache=False))
    found = base_rates.build_background(sites, spans, sum(GRCH38.lengths.values()))
    assert (found.products, found.sites) == (40, 94_385)
    assert base_rates.rate_of(found, "ZGPAT").products_in.numerator == 26
    assert base_rates.rate_of(found, "PLAAT4").gene == "RARRES3"
    top = found.table.row(0, named=True)
    assert (top["gene"], top["products_in"], top["sites_in"]) == ("NPLOC4", 36, 496)
