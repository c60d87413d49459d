"""Site assays of a study: from an LM-PCR run or a table to the sample's evidence, the case's axes and the recurrence of genes."""

import json

import numpy as np
import polars as pl
import pytest

from aftercar.actions.assess import assess, assess_sample
from aftercar.actions.progress import silent
from aftercar.actions.site_assays import analyse_sites
from aftercar.cases.causality import recurrent_genes, suggest
from aftercar.cases.model import build_case_file
from aftercar.cases.site_assays import of_cases
from aftercar.edges.site_tables import BadSiteTable
from aftercar.edges.study import new_study, read_study
from aftercar.errors import InputError, InvalidTables
from aftercar.evidence.site_abundance import schema
from aftercar.evidence.site_assay import site_assay
from aftercar.testing.simulate_lmpcr import Amplification, TrueSite, simulate_run

#: bin, name, chrom, strand, txStart, txEnd, cdsStart, cdsEnd, exons, starts, ends, score, name2
GENE = "1\tNM_1\tchr1\t+\t59000\t62000\t59100\t61900\t2\t59000,61000,\t59500,62000,\t0\t{gene}\tcmpl\tcmpl\t0,0,\n"


@pytest.fixture(scope="module")
def genome(tmp_path_factory):
    sequence = "".join(np.random.default_rng(7).choice(list("ACGT"), 120_000))
    folder = tmp_path_factory.mktemp("genome")
    (folder / "host.fa").write_text(">chr1\n" + "\n".join(sequence[i : i + 80] for i in range(0, len(sequence), 80)) + "\n")
    return folder / "host.fa", {"chr1": sequence}


def _small(seed, count):
    rng = np.random.default_rng(seed)
    places = rng.choice(np.arange(1000, 50_000, 300), count, replace=False)
    return [TrueSite("chr1", int(p), "+-"[int(rng.integers(2))], int(rng.integers(1, 3))) for p in places]


def _study(folder, sample, *, reference=None, gene="TET2", case="detected"):
    """A study of one case with one tumour sample whose row is ``sample``."""
    new_study(folder)
    head = (folder / "study.toml").read_text().replace("2000-01-01", "2024-06-30").replace('title = ""', 'title = "sites"')
    if reference is not None:
        (folder / "genes.txt").write_text(GENE.format(gene=gene))
        head = head.replace('reference = ""', f'reference = "{reference}"').replace('genes = ""', 'genes = "genes.txt"')
        head = head.replace('genome = "GRCh38"', 'genome = ""')
    (folder / "study.toml").write_text(head)
    (folder / "people.csv").write_text("person_id,sex\nP1,male\n")
    (folder / "infusions.csv").write_text("infusion_id,person_id,infused_on,product\nI1,P1,2023-01-05,tisa-cel\n")
    (folder / "cases.csv").write_text(
        "case_id,person_id,diagnosis,lineage,diagnosed_on,tested,car_result\n"
        f"C1,P1,T-cell lymphoma,T_cell,2023-12-01,yes,{case}\n"
    )
    columns = {"sample_id": "T1", "person_id": "P1", "case_id": "C1", "material": "tumour", **sample}
    (folder / "samples.csv").write_text(",".join(columns) + "\n" + ",".join(columns.values()) + "\n")
    return folder


@pytest.fixture
def lmpcr(tmp_path, genome):
    """A study whose sample is a specimen of a simulated run: one clone of 200 cells in TET2 among small ones."""

    def made(amplifications, case="detected", **how):
        folder = _study(
            tmp_path / "study",
            {"assay": "lm_pcr", "reads": "run_R2.fastq.gz;run_R1.fastq.gz;run_I1.fastq.gz", "site_sheet": "sheet.tsv"},
            reference=genome[0],
            case=case,
        )
        simulate_run(genome[1], amplifications, seed=11, **how).write(folder)
        return read_study(folder)

    return made


BIG = TrueSite("chr1", 60_123, "+", 200)
CONTROL = Amplification("NTC-1", [], "NTC", "", "negative_control")


def _assays(study, tmp_path):
    return analyse_sites(study, tmp_path / "work", tmp_path / "none", silent)


def _case(study, assays):
    tables = {name: study.rows(name) for name in study.frames}
    return build_case_file(
        tables["cases"][0],
        infusions=tables["infusions"],
        samples=tables["samples"],
        site_assays=of_cases(tables["samples"], assays)["C1"],
    )


def test_a_run_reaches_the_sample_the_case_and_its_axes(lmpcr, tmp_path):
    study = lmpcr([Amplification("T1-1", [*_small(1, 20), BIG], "T1", "P1"), CONTROL])
    assay = _assays(study, tmp_path)["T1"]
    assert assay["state"] == "sites"
    assert assay["clones"] == 21
    largest = assay["largest"][0]
    assert (largest["chrom"], largest["position"], largest["orientation"]) == ("chr1", 60_123, "+")
    assert (largest["gene"], largest["distance"], largest["feature"]) == ("TET2", 0, "intron")
    assert largest["low"] < 200 / (200 + sum(site.cells for site in _small(1, 20))) < largest["high"]
    assert assay["trigger"]["judgement"] == "above"
    assert assay["measures"]["sites"] == 21
    case = _case(study, {"T1": assay})
    found = suggest(case)
    assert found.origin.value == "car_derived"
    assert "of the vector-positive cells" in found.origin.because
    assert found.role.value == "plausible_contributor"  # TET2, no effect on it was looked for
    assert "chr1:60,123" in found.role.because
    assert "site_assays" in case.fingerprint()


def test_many_small_clones_are_the_pattern_of_bystanders(lmpcr, tmp_path):
    study = lmpcr([Amplification("T1-1", _small(3, 80), "T1", "P1"), CONTROL])
    assay = _assays(study, tmp_path)["T1"]
    assert assay["trigger"]["judgement"] == "not_above"
    found = suggest(_case(study, {"T1": assay}))
    assert found.origin.value == "indeterminate"
    assert any(reason.speaks == "against" and reason.value == "polyclonal" for reason in found.origin.reasons)
    assert found.role.value == "not_assessable"


def test_one_clone_alone_does_not_say_that_the_tumour_carries_it(lmpcr, tmp_path):
    study = lmpcr([Amplification("T1-1", [*_small(1, 20), BIG], "T1", "P1"), CONTROL], case="unknown")
    found = suggest(_case(study, _assays(study, tmp_path)))
    assert found.origin.value == "indeterminate"
    assert "how many of the tumour's cells" in found.origin.because


def test_one_clone_stands_against_a_negative_without_a_limit(lmpcr, tmp_path):
    study = lmpcr([Amplification("T1-1", [*_small(1, 20), BIG], "T1", "P1"), CONTROL], case="not_detected")
    row = {**study.rows("cases")[0], "car_assays": "qPCR; immunohistochemistry"}
    alone = build_case_file(row, infusions=study.rows("infusions"))
    assert suggest(alone).origin.value == "not_car_derived"
    both = build_case_file(row, infusions=study.rows("infusions"), site_assays=_case(study, _assays(study, tmp_path)).site_assays)
    assert suggest(both).origin.value == "indeterminate"


def test_a_control_with_sites_of_its_own_vetoes_the_sample(lmpcr, tmp_path):
    dirty = Amplification("NTC-1", _small(9, 30), "NTC", "", "negative_control")
    study = lmpcr([Amplification("T1-1", [*_small(1, 20), BIG], "T1", "P1"), dirty])
    assay = _assays(study, tmp_path)["T1"]
    assert assay["state"] == "vetoed"
    assert assay["largest"] == []
    assert assay["trigger"] is None
    found = suggest(_case(study, {"T1": assay}))
    assert found.origin.value == "indeterminate"
    assert any("may not be used" in reason.says for reason in found.origin.reasons)


def test_a_specimen_without_a_site_is_no_negative(lmpcr, tmp_path):
    study = lmpcr([Amplification("T1-1", [], "T1", "P1"), Amplification("B-1", [BIG], "B", "P2"), CONTROL], case="unknown")
    assay = _assays(study, tmp_path)["T1"]
    assert assay["state"] == "no_sites"
    found = suggest(_case(study, {"T1": assay}))
    assert found.origin.value == "indeterminate"
    assert "what would have been found is not known" in found.origin.because


def test_a_sample_that_the_sheet_does_not_hold_is_named(lmpcr, tmp_path):
    study = lmpcr([Amplification("X-1", [BIG], "X", "P1"), CONTROL])
    with pytest.raises(InputError, match="no specimen T1; it holds X, NTC"):
        _assays(study, tmp_path)


def test_a_finished_assay_is_taken_over_until_its_inputs_change(lmpcr, tmp_path, monkeypatch):
    study = lmpcr([Amplification("T1-1", [BIG], "T1", "P1"), CONTROL])
    first = _assays(study, tmp_path)
    calls = []
    monkeypatch.setattr("aftercar.actions.site_assays.call_sites", lambda *a, **k: calls.append(a))
    assert analyse_sites(study, tmp_path / "again", tmp_path / "work", silent) == first
    assert not calls


def _table(folder, rows, name="sites.csv"):
    frame = pl.DataFrame(rows, schema=schema())
    frame.write_csv(folder / name)


def _row(position, cells=None, **more):
    return {"sample_id": "T1", "chrom": "chr1", "position": position, "orientation": "+", "cells": cells, **more}


def test_a_table_with_a_run_that_was_vetoed_is_not_used(tmp_path):
    folder = _study(tmp_path / "study", {"site_table": "sites.csv"})
    _table(folder, [_row(1000, 90.0), _row(5000, 10.0)])
    assert _assays(read_study(folder), tmp_path)["T1"]["state"] == "sites"
    (folder / "run.json").write_text(json.dumps({"vetoed": True, "problems": ["the control holds 12 sites"], "swaps": []}))
    assay = _assays(read_study(folder), tmp_path)["T1"]
    assert assay["state"] == "vetoed"
    assert assay["problems"] == ["the control holds 12 sites"]


def test_a_table_of_another_sample_build_or_length_is_refused(tmp_path):
    folder = _study(tmp_path / "study", {"site_table": "sites.csv"})
    _table(folder, [{**_row(1000, 5.0), "sample_id": "other"}])
    with pytest.raises(BadSiteTable, match="no rows of sample T1; it holds other"):
        _assays(read_study(folder), tmp_path)
    _table(folder, [_row(1000, 5.0, genome="hg19")])
    with pytest.raises(BadSiteTable, match="on hg19, the study is on GRCh38"):
        _assays(read_study(folder), tmp_path)
    _table(folder, [_row(400_000_000, 5.0)])
    with pytest.raises(BadSiteTable, match="beyond the end of the chromosome"):
        _assays(read_study(folder), tmp_path)


def test_a_bed_without_sample_or_abundance_says_that_sizes_are_unknown(tmp_path):
    folder = _study(tmp_path / "study", {"site_table": "sites.bed"})
    (folder / "sites.bed").write_text("chr1\t999\t1000\t.\t0\t+\nchr1\t4999\t5000\t.\t0\t-\n")
    assay = _assays(read_study(folder), tmp_path)["T1"]
    assert (assay["state"], assay["clones"], assay["trigger"], assay["measures"]) == ("sites", 2, None, None)
    assert "how large each clone is cannot be said" in assay["problems"][0]


@pytest.mark.parametrize(
    ("sample", "words"),
    [
        ({"assay": "lm_pcr", "reads": "a.fq;b.fq"}, "LM-PCR reads cannot be told apart"),
        ({"site_sheet": "a.fq", "site_table": "b.fq"}, "stands beside a site_table"),
        ({"assay": "wgs", "reads": "a.fq;b.fq", "site_sheet": "a.fq"}, "the assay is wgs"),
        ({"assay": "lm_pcr", "reads": "a.fq", "site_sheet": "b.fq"}, "names 1 file"),
    ],
)
def test_what_cannot_be_called_is_a_problem_of_the_study(tmp_path, sample, words):
    folder = _study(tmp_path / "study", sample)
    for name in ("a.fq", "b.fq"):
        (folder / name).write_text("")
    with pytest.raises(InvalidTables, match=words):
        read_study(folder)


def test_a_run_needs_the_host_genome(tmp_path):
    folder = _study(tmp_path / "study", {"assay": "lm_pcr", "reads": "a.fq;b.fq", "site_sheet": "a.fq"})
    for name in ("a.fq", "b.fq"):
        (folder / name).write_text("")
    with pytest.raises(InputError, match="needs the host genome"):
        _assays(read_study(folder), tmp_path)


def test_rows_a_few_bases_apart_are_one_clone_and_flagged_ones_none():
    rows = [_row(1000, 60.0), _row(1003, 20.0), _row(9000, 20.0), _row(20_000, None, reads=900, flags="hopped_from:B")]
    found = site_assay(pl.DataFrame(rows, schema=schema()), source="x")
    assert (found.clones, found.set_aside, found.cells) == (2, 1, 100.0)
    assert found.largest[0].cells == 80.0


def test_a_site_with_several_places_has_no_gene():
    found = site_assay(pl.DataFrame([_row(1000, 60.0, places=3, gene="TET2")], schema=schema()), source="x")
    assert found.largest[0].gene is None


def test_reads_give_no_share():
    found = site_assay(pl.DataFrame([_row(1000, reads=900), _row(5000, reads=10)], schema=schema()), source="x")
    assert found.trigger is None
    assert found.largest[0].share is None
    assert found.cells is None


def test_a_clone_with_several_insertions_counts_them_all():
    rows = [_row(1000 * i, 50.0 + i) for i in (1, 2, 3)] + [_row(90_000, 4.0)]
    assay = {"sample_id": "T1", **site_assay(pl.DataFrame(rows, schema=schema()), source="x").as_dict()}
    case = {"case_id": "C1", "person_id": "P1", "diagnosis": "T-cell lymphoma", "tested": "yes", "car_result": "detected"}
    file = build_case_file({**case, "copies_per_cell": 2.4, "tumour_purity": 0.8}, site_assays=[assay])
    found = suggest(file)
    assert any("3 insertion(s): the level of a clone" in reason.says for reason in found.origin.reasons)
    few = suggest(build_case_file({**case, "copies_per_cell": 0.2, "tumour_purity": 0.8}, site_assays=[assay]))
    assert few.origin.value == "indeterminate"  # one clone among the few vector-positive cells is not the tumour


def test_recurrence_counts_genes_of_site_assays():
    assay = {
        "sample_id": "T1",
        **site_assay(pl.DataFrame([_row(1000, 90.0, gene="PBX2")], schema=schema()), source="x").as_dict(),
    }
    base = {"diagnosis": "T-cell lymphoma", "tested": "yes", "car_result": "detected"}
    one = build_case_file({**base, "case_id": "C1", "person_id": "P1"}, site_assays=[assay])
    other = build_case_file({**base, "case_id": "C2", "person_id": "P2"}, site_assays=[assay])
    assert recurrent_genes([one, other]) == {"C1": {"PBX2": 1}, "C2": {"PBX2": 1}}


def test_assess_takes_a_run_to_the_report_and_takes_it_over_the_next_time(lmpcr, tmp_path, monkeypatch):
    study = lmpcr([Amplification("T1-1", [*_small(1, 20), BIG], "T1", "P1"), CONTROL])
    found = assess(study.folder, tmp_path / "out")
    assert found.row("causality", "case_id", "C1")["origin"] == "car_derived"
    assay = pl.read_csv(tmp_path / "out" / "tables" / "site_assays.csv").row(0, named=True)
    assert (assay["sample_id"], assay["clones"], assay["above_setting"]) == ("T1", 21, "above")
    clone = pl.read_csv(tmp_path / "out" / "tables" / "site_clones.csv").row(0, named=True)
    assert (clone["gene"], clone["position"], clone["rank"]) == ("TET2", 60_123, 1)
    assert pl.read_csv(tmp_path / "out" / "sites" / "T1" / "sites.csv").height == 21
    page = (tmp_path / "out" / "report.html").read_text(encoding="utf-8")
    assert "Which clones carry the vector?" in page
    provenance = json.loads((tmp_path / "out" / "provenance.json").read_text())
    assert {"sheet.tsv", "run_R2.fastq.gz"} <= set(provenance["inputs"])
    monkeypatch.setattr("aftercar.actions.site_assays.call_sites", lambda *a, **k: pytest.fail("called again"))
    again = assess(study.folder, tmp_path / "out")
    assert again.tables["site_clones"] == found.tables["site_clones"]


def test_one_sample_can_be_made_alone_and_gathered_later(lmpcr, tmp_path, monkeypatch):
    study = lmpcr([Amplification("T1-1", [BIG], "T1", "P1"), CONTROL])
    assess_sample(study.folder, "T1", tmp_path / "work")
    monkeypatch.setattr("aftercar.actions.site_assays.call_sites", lambda *a, **k: pytest.fail("called again"))
    assert assess(study.folder, tmp_path / "out", work=tmp_path / "work").tables["site_assays"][0]["clones"] == 1


def test_a_base_rate_stands_beside_the_gene(tmp_path):
    folder = _study(tmp_path / "study", {"site_table": "sites.csv"})
    _table(folder, [_row(1000, 90.0, gene="ZGPAT"), _row(5000, 10.0, gene="NOTAGENE")])
    clones = assess(folder, tmp_path / "out").tables["site_clones"]
    assert (clones[0]["products_with_site"], clones[0]["products"]) == (43, 58)
    assert (clones[1]["products_with_site"], clones[1]["products"]) == (None, None)


def test_a_published_blood_sample_is_measured_as_its_table_is(tmp_path, test_data):
    """Patient samples of a CD19 trial: the assay of one specimen agrees with the station's own diversity and shares."""
    from aftercar.actions.sites_tables import load_sites, measure

    source = test_data / "intsites" / "cart19_nobles" / "gt34_intSitesCART_2pts_longitudinal_D0-Y10.tsv.gz"
    table = load_sites(source)
    sample = table.group_by("sample_id").len().sort("len", "sample_id", descending=True)["sample_id"][0]
    mine = table.filter(pl.col("sample_id") == sample)
    want = measure(mine, by=["sample_id"])[0][1]
    folder = _study(tmp_path / "study", {"sample_id": sample, "site_table": source.name, "material": "blood"})
    (folder / source.name).write_bytes(source.read_bytes())
    found = assess(folder, tmp_path / "out")
    row = found.tables["site_assays"][0]
    assert row["clones"] == pytest.approx(want.sites, rel=0.01)  # rows a few bases apart are joined
    assert row["shannon"] == pytest.approx(want.shannon, abs=0.02)
    assert row["cells"] == want.total
    assert row["above_setting"] in ("above", "not_above", "cannot_say")
    assert found.row("causality", "case_id", "C1")["origin"] == "indeterminate"  # blood says nothing of the tumour


def test_the_run_report_of_another_program_beside_a_table_says_nothing(tmp_path):
    folder = _study(tmp_path / "study", {"site_table": "sites.csv"})
    _table(folder, [_row(1000, 90.0)])
    (folder / "run.json").write_text('["snakemake"]')
    assert _assays(read_study(folder), tmp_path)["T1"]["state"] == "sites"
    (folder / "run.json").write_text("{")
    with pytest.raises(InputError, match="not JSON"):
        _assays(read_study(folder), tmp_path)
