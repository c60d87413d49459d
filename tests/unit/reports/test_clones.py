"""A person's clones over time, from the site tables of the samples to the dossier and the laboratory report."""

import csv
import shutil

import pytest

from aftercar.actions.progress import silent
from aftercar.actions.report import Wanted, document_of
from aftercar.edges.study import read_study
from aftercar.reports.blocks import Figure, TableBlock

SITES = (
    ("S-BLOOD", ((1_000, 20), (5_000, 30), (9_000, 50))),
    ("S-CASE-1", ((1_000, 180), (5_000, 15), (9_000, 5))),
)


@pytest.fixture(scope="module")
def study(centre, tmp_path_factory):
    """The centre with an earlier blood sample of the first case; both samples name their integration sites."""
    folder = tmp_path_factory.mktemp("clones") / "study"
    shutil.copytree(centre[0], folder)
    with (folder / "samples.csv").open(encoding="utf-8", newline="") as stream:
        rows = list(csv.DictReader(stream))
    for row in rows:
        row["site_table"] = "sites.csv" if row["sample_id"] == "S-CASE-1" else ""
    person = next(row["person_id"] for row in rows if row["sample_id"] == "S-CASE-1")
    blood = dict.fromkeys(rows[0], "") | {
        "sample_id": "S-BLOOD",
        "person_id": person,
        "material": "blood",
        "site_table": "sites.csv",
    }
    with (folder / "samples.csv").open("w", encoding="utf-8", newline="") as stream:
        writer = csv.DictWriter(stream, rows[0].keys())
        writer.writeheader()
        writer.writerows([*rows, {**blood, "collected_on": "2022-03-14", "site_table": "sites.csv"}])
    lines = ["sample_id,chrom,position,orientation,cells,gene"]
    lines += [f"{sample},sim1,{place},+,{cells}," for sample, sites in SITES for place, cells in sites]
    (folder / "sites.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    return folder


@pytest.mark.parametrize("wanted", [Wanted("dossier", case="CASE-1"), Wanted("laboratory", sample="S-CASE-1")])
def test_the_clones_of_the_person_are_drawn_and_listed(study, centre, tmp_path, wanted):
    document = document_of(read_study(study), wanted, tmp_path / "out", centre[1], silent)
    figure, table = document.find("clone-stream"), document.find("clone-samples")
    assert isinstance(figure, Figure)
    assert isinstance(table, TableBlock)
    last = max(row["day"] for row in figure.rows)
    shares = {row["clone"]: row["share"] for row in figure.rows if row["day"] == last}
    assert shares["sim1:1000+"] == pytest.approx(0.9)
    assert [row["sample"] for row in table.rows] == ["S-BLOOD", "S-CASE-1"]
    assert [row["day"] for row in table.rows] == sorted(row["day"] for row in table.rows)
    assert table.rows[1]["shown"].startswith("90.0% (")


def test_one_sample_is_no_stream(centre, tmp_path):
    document = document_of(read_study(centre[0]), Wanted("dossier", case="CASE-1"), tmp_path / "out", centre[1], silent)
    with pytest.raises(KeyError):
        document.find("clone-stream")
