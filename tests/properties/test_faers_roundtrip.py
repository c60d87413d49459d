"""Whatever a quarter holds comes back, and the newest version is chosen as by hand."""

import datetime as dt
import tempfile
from pathlib import Path

import polars as pl
from hypothesis import given, settings
from hypothesis import strategies as st

from aftercar.edges.engines import connect
from aftercar.edges.faers import load_quarter, parse
from aftercar.signals import report_counts as rc

# Letters, signs and quotes of many scripts; no delimiter, no line ends, no control characters, nothing that strip() takes.
words = st.text(
    st.characters(blacklist_characters="$\r\n", blacklist_categories=("Cc", "Cs", "Zs", "Zl", "Zp", "Cf")),
    min_size=1,
    max_size=12,
)
dates = st.one_of(
    st.just(""),
    st.dates(min_value=dt.date(1990, 1, 1)).map(lambda day: day.strftime("%Y%m%d")),
    st.tuples(st.integers(1990, 2030), st.integers(1, 12)).map(lambda d: f"{d[0]}{d[1]:02d}"),
    st.integers(1990, 2030).map(str),
)


@given(st.lists(st.lists(words, min_size=3, max_size=3), max_size=20), st.sampled_from(["\n", "\r\n"]), st.booleans())
def test_fields_come_back_as_they_were(rows, end, trailing):
    tail = "$" if trailing else ""
    text = end.join(["a$b$c" + tail, *("$".join(row) + tail for row in rows)]) + end
    found = parse(text.encode(), "DEMO23Q1.txt")
    assert not found.broken
    assert not found.cut
    assert [list(row) for row in found.frame.iter_rows()] == rows


@given(st.lists(words, min_size=1, max_size=8), st.data())
def test_a_line_feed_inside_any_field_is_mended(names, data):
    at = data.draw(st.integers(0, len(names) - 1))
    rows = [f"{i + 1}$9$1$PS${name[:1] + chr(10) + name if i == at else name}$$" for i, name in enumerate(names)]
    found = parse(("\n".join(["primaryid$caseid$drug_seq$role_cod$drugname$prod_ai$lot", *rows]) + "\n").encode(), "DRUG23Q1.txt")
    assert not found.broken
    assert found.mended == 1
    assert len(found.frame) == len(names)


versions = st.lists(
    st.tuples(st.integers(1, 4), st.integers(1, 3), dates), min_size=1, max_size=12, unique_by=lambda row: (row[0], row[1])
)


@settings(max_examples=25)
@given(versions, st.lists(st.integers(1, 4), max_size=2))
def test_newest_version_is_chosen_as_by_hand(rows, deleted):
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name) / "q"
        (folder / "deleted").mkdir(parents=True)
        demo = [f"{case}{version}${case}${version}${date}" for case, version, date in rows]
        (folder / "DEMO23Q1.txt").write_text("\n".join(["primaryid$caseid$caseversion$fda_dt", *demo]) + "\n")
        (folder / "DRUG23Q1.txt").write_text("primaryid$caseid$drug_seq$role_cod$drugname\n")
        (folder / "REAC23Q1.txt").write_text("primaryid$caseid$pt\n")
        (folder / "deleted" / "DELETE23Q1.txt").write_text("".join(f"{case}\n" for case in deleted))
        lake = Path(name) / "lake"
        load_quarter(folder, lake)
        kept = pl.read_parquet(lake / "faers_reports" / "*.parquet")
        assert len(kept) == len(rows)
        with connect() as engine:
            latest = rc.latest_reports(engine.read(lake / "faers_reports"), engine.read(lake / "faers_deleted"))
            found = set(engine.rows(latest.select("report_id"))["report_id"])

    def iso(date):
        return "-".join(part for part in (date[:4], date[4:6], date[6:8]) if part)

    best = {}
    for case, version, date in rows:
        key = (iso(date), version, int(f"{case}{version}"))
        best[case] = max(best.get(case, ("", 0, 0)), key)
    assert found == {key[2] for case, key in best.items() if case not in deleted}
