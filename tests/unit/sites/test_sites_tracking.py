"""Clones over time: linking, the chance of missing, growth held to a slow twin, false growth on data without any."""

import math

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from aftercar.actions.sites_track import NothingToTrack, track, write_tracked
from aftercar.errors import UsageError
from aftercar.evidence import tracking
from aftercar.evidence.site_abundance import schema
from aftercar.evidence.stream import REST, stream_rows, stream_spec


def test_linking():
    clones = tracking.link(["1", "1", "1", "1", "2"], [100, 104, 110, 104, 100], ["+", "+", "+", "-", "+"], window=5)
    assert clones[0] == clones[1]
    assert len({int(clones[i]) for i in (0, 2, 3, 4)}) == 4


@given(st.integers(0, 30), st.integers(0, 40), st.integers(1, 60))
def test_chance_missed_again_is_the_mean_over_the_posterior(seen, more, cells):
    among = seen + more
    grid = (np.arange(20_000) + 0.5) / 20_000
    weight = grid ** (seen - 0.5) * (1 - grid) ** (among - seen - 0.5)
    want = float((weight * (1 - grid) ** cells).sum() / weight.sum())
    assert tracking.chance_missed_again(seen, among, cells) == pytest.approx(want, abs=0.01)


def test_the_detection_limit_is_missed_as_often_as_said():
    limit = tracking.largest_missed(300, 0.95)
    assert tracking.chance_missed(limit, 300) == pytest.approx(0.05)
    assert tracking.largest_missed(0) == 1.0


@given(st.lists(st.tuples(st.integers(0, 12), st.integers(0, 12)), min_size=1, max_size=12))
def test_growth_p_is_the_hypergeometric_tail(pairs):
    x, y = zip(*pairs, strict=True)
    n, m = sum(x) + 20, sum(y) + 20
    found = tracking.expansion(x, y, n, m)
    for i, (a, b) in enumerate(pairs):
        total = a + b
        ways = sum(math.comb(m, k) * math.comb(n, total - k) for k in range(b, min(total, m) + 1))
        assert found.p[i] == pytest.approx(min(1.0, ways / math.comb(n + m, total)), rel=1e-6)


def test_growth_interval_covers():
    rng = np.random.default_rng(3)
    inside = []
    for _ in range(2000):
        x, y = rng.binomial(2000, 0.01), rng.binomial(1500, 0.03)
        found = tracking.expansion([x], [y], 2000, 1500)
        inside.append(found.low[0] <= 3.0 <= found.high[0])
    assert 0.94 <= np.mean(inside) <= 0.995


def test_false_growth_is_held_on_polyclonal_data_without_growth():
    """Runs in which every clone keeps its share: at most the nominal share of runs calls any clone grown."""
    rng = np.random.default_rng(20)
    calls = 0
    for _ in range(200):
        shares = rng.pareto(1.2, 600) + 0.1
        shares /= shares.sum()
        found = tracking.expansion(rng.multinomial(1500, shares), rng.multinomial(1000, shares), rate=0.05)
        calls += bool((found.call == "expanded").any())
    assert calls / 200 <= 0.05 + 2 * math.sqrt(0.05 * 0.95 / 200)


def test_true_growth_is_found():
    rng = np.random.default_rng(5)
    shares = np.full(2000, 1 / 2000)
    after = shares.copy()
    after[:5] *= 40
    found = tracking.expansion(rng.multinomial(3000, shares), rng.multinomial(2000, after / after.sum()))
    assert (found.call[:5] == "expanded").all()


def test_a_sample_without_cells_cannot_be_judged():
    with pytest.raises(ValueError, match="no cells"):
        tracking.expansion([0, 0], [1, 2])


@pytest.mark.parametrize(("low", "high", "want"), [(0.21, 0.4, "above"), (0.05, 0.19, "not_above"), (0.15, 0.3, "cannot_say")])
def test_the_trigger_goes_by_the_interval(low, high, want):
    found = tracking.clonality_trigger((low + high) / 2, low, high)
    assert found.judgement == want
    assert "not a regulator's threshold" in found.words


def _table():
    rows = []
    for sample, day, big in (("T0", 0.0, 2), ("T1", 200.0, 60)):
        rows.append(
            {
                "sample_id": sample,
                "person_id": "P1",
                "timepoint": sample,
                "day": day,
                "chrom": "chr1",
                "position": 500,
                "orientation": "+",
                "cells": float(big),
                "gene": "TET2",
            }
        )
        rows += [
            {
                "sample_id": sample,
                "person_id": "P1",
                "timepoint": sample,
                "day": day,
                "chrom": "chr2",
                "position": 1000 * i + int(day > 0),
                "orientation": "-",
                "cells": 1.0,
            }
            for i in range(1, 101)
        ]
    return pl.DataFrame(rows, schema=schema())


def test_a_person_is_tracked(tmp_path):
    found = track(_table())
    assert [s["above_setting"] for s in found.samples] == ["not_above", "above"]
    grown = found.growth.filter(pl.col("call") == "expanded").to_dicts()
    assert [g["label"] for g in grown] == ["TET2 chr1:500+"]
    assert grown[0]["fold"] == pytest.approx((60 / 160) / (2 / 102))
    assert found.tracks["clone"].n_unique() == 101  # sites one base apart are one clone
    paths = write_tracked(tmp_path, found)
    assert (tmp_path / "stream.svg").read_text().startswith("<svg")
    assert all(p.exists() for p in paths)


def test_missing_clones_have_a_chance(tmp_path):
    table = _table().filter(~((pl.col("day") > 0) & (pl.col("position") == 500)))
    gone = track(table).tracks.filter(~pl.col("seen"))
    assert gone["label"].to_list() == ["TET2 chr1:500+"]
    assert gone["chance_missed"].to_list()[0] == pytest.approx(tracking.chance_missed_again(2, 102, 100))


def test_what_cannot_be_tracked():
    with pytest.raises(UsageError, match="no person P9"):
        track(_table(), person="P9")
    with pytest.raises(NothingToTrack, match="1 sample"):
        track(_table().filter(pl.col("day") == 0))
    two = pl.concat([_table(), _table().with_columns(person_id=pl.lit("P2"))])
    with pytest.raises(UsageError, match="2 persons"):
        track(two)


def test_flagged_sites_are_not_tracked():
    table = _table().with_columns(
        flags=pl.when(pl.col("position") == 500).then(pl.lit("shared_with:X")).otherwise(None),
        cells=pl.when(pl.col("position") == 500).then(None).otherwise("cells"),
    )
    assert "TET2 chr1:500+" not in track(table).tracks["label"].to_list()


def test_stream_rows_add_up():
    rows = [{"sample": "a", "day": 1.0, "label": f"c{i}", "share": 0.1} for i in range(10)]
    shown = stream_rows(rows, largest=3)
    assert sum(row["share"] for row in shown) == pytest.approx(1.0)
    assert [row["clone"] for row in shown][-1] == REST


def test_samples_of_one_day_are_not_stacked():
    rows = [{"sample": s, "day": 14.0, "label": "c", "share": 1.0} for s in ("D14 CD4", "D14 CD8")]
    shown = stream_rows(rows, {"D14 CD4": "CD4", "D14 CD8": "CD8"})
    sums = {}
    for row in shown:
        sums[row["panel"], row["day"]] = sums.get((row["panel"], row["day"]), 0) + row["share"]
    assert sums == {("CD4", 14.0): 1.0, ("CD8", 14.0): 1.0}
    assert len(stream_spec(shown, "t")["vconcat"]) == 2


def test_a_sample_with_less_than_a_cell_is_named():
    rows = [
        {"sample_id": sample, "person_id": "P", "day": day, "chrom": "chr1", "position": 5, "orientation": "+", "cells": cells}
        for sample, day, cells in (("S", 0.0, 0.2), ("T", 9.0, 30.0))
    ]
    with pytest.raises(NothingToTrack, match=r"sample S holds 0.2 cells"):
        track(pl.DataFrame(rows, schema=schema()))
