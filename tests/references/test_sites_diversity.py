"""Diversity of the 46 published populations of two patients over ten years, against the figures published with them."""

import csv
from pathlib import Path

import numpy as np
import pytest

from aftercar.actions.sites_tables import load_sites, measure
from aftercar.evidence.diversity import diversity

REFERENCE = Path(__file__).with_name("sites_gt34_metrics.tsv")
TABLE = "intsites/cart19_nobles/gt34_intSitesCART_2pts_longitudinal_D0-Y10.tsv.gz"


@pytest.fixture(scope="module")
def published():
    lines = [line for line in REFERENCE.read_text().splitlines() if not line.startswith("#")]
    rows = list(csv.DictReader(lines, delimiter="\t"))
    return {(row["person_id"], float(row["day"]), row["cell_type"], int(row["sites"])): row for row in rows}


def test_every_published_population_is_reproduced(test_data, published):
    found = measure(load_sites(test_data / TABLE), column="cells", pool=False)
    assert len(found) == len(published) == 46
    for name, measures in found:
        row = published[(name["person_id"], name["day"], name["cell_type"], measures.sites)]
        assert measures.total == float(row["cells"])
        assert measures.shannon == pytest.approx(float(row["shannon"]), abs=1e-9)
        assert measures.gini == pytest.approx(float(row["gini"]), abs=1e-9)
        assert np.rint(measures.chao1) == float(row["chao1_rounded"])
        assert measures.uc50_ascending == int(row["uc50"])


def test_pooling_merges_only_the_site_listed_in_two_specimens(test_data):
    table = load_sites(test_data / TABLE)
    rows = {tuple(name.values()): m for name, m in measure(table, column="cells", pool=False)}
    pooled = {tuple(name.values()): m for name, m in measure(table, column="cells", pool=True)}
    differ = [key for key in rows if rows[key].sites != pooled[key].sites]
    assert [(key[0], key[1], rows[key].sites, pooled[key].sites) for key in differ] == [("p04409-01", 1825.0, 310, 299)]
    assert all(rows[key].total == pooled[key].total for key in rows)


def test_textbook_values():
    equal = diversity([5] * 4)
    assert equal.shannon == pytest.approx(np.log(4))
    assert equal.gini == 0
    assert equal.simpson == 0.75
    one = diversity([7])
    assert (one.shannon, one.gini, one.uc50_ascending, one.uc50_fewest, one.top_share) == (0, 0, 1, 1, 1)
    # Two singletons and one doubleton: 3 + 2 * 1 / (2 * (1 + 1)).
    assert diversity([1, 1, 2]).chao1 == 3.5
    with pytest.raises(ValueError, match="negative"):
        diversity([1, -1])


def test_an_empty_population_has_no_measures():
    empty = diversity([0, 0])
    assert empty.sites == 0
    assert np.isnan([empty.shannon, empty.gini, empty.chao1, empty.top_share]).all()
