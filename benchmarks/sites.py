"""Integration sites on real data: diversity of published populations, base rates of products, counts of a real run, chance.

Run ``python -m benchmarks.sites [part ...]``; the parts are the functions named in ``PARTS``. Real data are found by
``AFTERCAR_TEST_DATA``; a part that lacks them says so.
"""

import csv
import os
import time
from pathlib import Path

import numpy as np

from aftercar.actions.sites_tables import load_sites, measure
from aftercar.edges.gene_lists import read_gene_list
from aftercar.edges.genes import read_genes
from aftercar.edges.lmpcr_fastq import batches
from aftercar.edges.lmpcr_samplesheet import read_sheet
from aftercar.evidence import base_rates, common_sites, context
from aftercar.reads import lmpcr
from aftercar.vocab.genes import built_in
from aftercar.vocab.genomes import GRCH38
from benchmarks._parts import run_parts

SEED = 20241122


def data(*parts):
    folder = os.environ.get("AFTERCAR_TEST_DATA")
    path = Path(folder, *parts) if folder else None
    if path is None or not path.exists():
        raise FileNotFoundError("real test data are not here; set AFTERCAR_TEST_DATA")
    return path


def populations():
    table = load_sites(data("intsites/cart19_nobles/gt34_intSitesCART_2pts_longitudinal_D0-Y10.tsv.gz"))
    print("person\tday\ttime point\tcell type\tsites\tcells\tShannon\tGini\tChao1\tUC50 ascending\tUC50 fewest\ttop share")
    for name, m in measure(table, column="cells", pool=False):
        place = f"{name['person_id']}\t{name['day']:.0f}\t{name['timepoint']}\t{name['cell_type']}"
        values = f"{m.shannon:.4f}\t{m.gini:.4f}\t{m.chao1:.1f}\t{m.uc50_ascending}\t{m.uc50_fewest}\t{m.top_share:.4f}"
        print(f"{place}\t{m.sites}\t{m.total:.0f}\t{values}")
    print("computed from estAbund (cells), rows as listed; pooled by site only Y5 PBMC of p04409-01 differs:")
    for name, m in measure(table, column="cells", pool=True):
        if name["person_id"] == "p04409-01" and name["timepoint"] == "Y5":
            print(
                f"  sites {m.sites}, Shannon {m.shannon:.4f}, Gini {m.gini:.4f}, Chao1 {m.chao1:.1f}, "
                f"UC50 {m.uc50_ascending}/{m.uc50_fewest}"
            )


def background():
    sites = load_sites(data("intsites/cart19_nobles/cart19_tdn_sites.tsv.gz"))
    spans = context.GeneSpans.of(read_genes(data("reference/annotation/hg38.refSeq.curated.txt.gz")))
    start = time.process_time()
    found = base_rates.build_background(sites, spans, sum(GRCH38.lengths.values()))
    print(
        f"{found.sites} distinct sites, {found.products} products, {found.table.height} genes, "
        f"{time.process_time() - start:.2f} CPU s"
    )
    print("rank\tgene\tproducts in\tproducts within 50 kb\tsites in\tshare of sites\tfold over length")
    for i, row in enumerate(found.table.head(50).iter_rows(named=True), start=1):
        print(
            f"{i}\t{row['gene']}\t{row['products_in']}\t{row['products_near']}\t{row['sites_in']}\t{row['share_in']:.5f}\t{row['fold_over_random']:.1f}"
        )
    for gene in ("ZGPAT", "SSU72", "PLAAT4", "PBX2", "KPNA4", "TET2"):
        rate = base_rates.rate_of(found, gene)
        print(rate.words if rate else f"{gene}: not in the gene model")
    mixed = np.random.default_rng(SEED).permutation(sites.height)
    print("common sites, null (sites of ordinary products split at random): genes called / windows of 2 in 30 kb seen, expected")
    for size in (1000, 10_000, 40_000):
        mine, rest = sites[mixed[:size]], sites[mixed[size:]]
        called = common_sites.against_products(mine, rest, spans)["common"].sum()
        windows = common_sites.runs(mine, 2, 30_000, sum(GRCH38.lengths.values()))
        print(
            f"  {size} sites: {called} / {windows.observed}, {windows.expected:.1f}; "
            f"Grubbs {common_sites.grubbs(mine, spans)['common'].sum()}"
        )


def demultiplex():
    folder = data("reads/inspiired_lmpcr_validation")
    rows = read_sheet(folder / "sampleInfo.full.tsv")
    with (folder / "intSiteValidation.attr").open() as stream:
        theirs = {r["sample"]: r for r in csv.DictReader(stream, delimiter="\t")}
    out = lmpcr.Trimmed()
    start = time.process_time()
    for index, linker, ltr in batches(tuple(folder / f"Undetermined_S0_L001_{n}_001.fastq.gz" for n in ("I1", "R1", "R2"))):
        lmpcr.take(out, rows, index[0], ltr, linker, lmpcr.Settings())
    print(
        f"{out.total} pairs, {sum(out.unassigned.values())} without a sample of the sheet, {out.ambiguous} tied, "
        f"{time.process_time() - start:.2f} CPU s"
    )
    names = ("Reads.l.beforeTrim", "primed", "LTRed", "linkered", "curated")
    print(
        "sample\treads (theirs)\tprimed (theirs)\tLTR to its end (theirs)\tlinkered (theirs)\tvector\ttoo short\t"
        "kept (theirs: curated)\tUMIs"
    )
    sums = np.zeros(12, dtype=int)
    for number, row in enumerate(rows):
        mine, other = out.counts[row.sample], theirs.get(row.sample, {})
        umis = len({umi for sample, umi, _, _ in out.molecules if sample == number})
        shown = [other.get(n, "NA") for n in names]
        stages = [mine[s] for s in ("reads", "primed", "ltr_complete", "linkered", "kept")]
        pairs = [f"{a} ({b})" for a, b in zip(stages, shown, strict=True)]
        print("\t".join([row.sample, *pairs[:4], str(mine["vector"]), str(mine["too_short"]), pairs[4], str(umis)]))
        if "NA" not in shown:
            sums += [*stages, *map(int, shown), mine["vector"], mine["too_short"]]
    print(f"36 samples with figures: reads {sums[0]} ({sums[5]}), primed {sums[1]} ({sums[6]}), LTR {sums[2]} ({sums[7]}), "
          f"linkered {sums[3]} ({sums[8]}), kept {sums[4]} ({sums[9]} curated), "
          f"vector {sums[10]}, too short {sums[11]}")  # fmt: skip
    print(f"reads under one sample's index with another's linker: {sum(lmpcr.crossed_linkers(out, rows).values())}")


def chance():
    spans = context.GeneSpans.of(read_genes(data("reference/annotation/hg38.refSeq.curated.txt.gz")))
    onco = read_gene_list(data("gene_lists/isanalytics_proto_oncogenes.tsv.gz"))
    suppressors = read_gene_list(data("gene_lists/isanalytics_tumor_suppressors.tsv.gz"))
    lists = {
        "built-in": built_in(),
        "proto-oncogenes": onco.genes,
        "tumour suppressors": suppressors.genes,
        "both": onco.genes | suppressors.genes,
    }
    sites = load_sites(data("intsites/cart19_nobles/cart19_tdn_sites.tsv.gz")).unique(["chrom", "position", "orientation"])
    mine = context.place_arrays(sites)
    random = context.random_places(GRCH38.lengths, 300_000, SEED)
    print(
        "list\tgenes\tby length\tsimulated\tordinary products\t"
        "one of three: by length, simulated, products, simulated from products"
    )
    rng = np.random.default_rng(SEED)
    for name, genes in lists.items():
        listed = spans.subset(genes)
        inside, total = listed.covered(GRCH38.lengths, context.NEAR)
        at_random, ordinary = _hit(listed, random), _hit(listed, mine)
        three = at_random.reshape(-1, 3).any(axis=1).mean()
        drawn = rng.choice(ordinary, (100_000, 3)).any(axis=1).mean()
        f, p = inside / total, ordinary.mean()
        print(f"{name}\t{len(set(listed.genes))}\t{f:.4f}\t{at_random.mean():.4f}\t{p:.4f}\t"
              f"{context.chance_of_any(f, 3):.4f}\t{three:.4f}\t{context.chance_of_any(p, 3):.4f}\t{drawn:.4f}")  # fmt: skip


def _hit(spans, places):
    out = np.zeros(places[1].size, dtype=bool)
    out[spans.hits(places[0], places[1], context.NEAR)[:, 0]] = True
    return out


PARTS = (populations, background, demultiplex, chance)


def main():
    run_parts(PARTS)


if __name__ == "__main__":
    main()
