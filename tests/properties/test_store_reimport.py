"""Whatever goes in comes out, goes in again without a trace, and is proved by the trail."""

import tempfile
from pathlib import Path

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from aftercar.store import create_store
from aftercar.store.rows import checked
from aftercar.vocab.tables.study import FOLLOW_UP, PEOPLE

TEXT = st.text(st.characters(exclude_characters="\x00", exclude_categories=["Cs"]), min_size=1, max_size=12)
DATES = st.dates().map(str) | st.sampled_from(["2020", "2020-02", "1999-12-31"])


def values(column):
    kinds = {
        "date": DATES,
        "integer": st.integers(int(column.low or 0), int(column.high or 10**6)),
        "number": st.floats(column.low or 0, column.high or 1e6, allow_nan=False),
        "choice": st.sampled_from(column.choices or ("x",)),
        "text": TEXT,
    }
    return st.none() | kinds.get(column.kind, st.just("X1"))


def rows(table, key, count):
    free = [column for column in table.columns if not column.required and column.kind != "id"]
    one = st.fixed_dictionaries({column.name: values(column) for column in free})
    return st.lists(one, min_size=count, max_size=count).map(lambda found: [{key: f"K{i}", **row} for i, row in enumerate(found)])


@settings(max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(rows(PEOPLE, "person_id", 4), rows(FOLLOW_UP, "contact_id", 6), st.data())
def test_a_second_import_of_anything_changes_nothing(people, contacts, data):
    for contact in contacts:
        contact["person_id"] = data.draw(st.sampled_from(["K0", "K1", "K2", "K3"]))
        contact["contact_on"] = contact.get("contact_on") or "2020"
    with tempfile.TemporaryDirectory() as folder:
        store = create_store(f"sqlite:///{Path(folder) / 'r.db'}")
        heads = []
        for _ in range(2):
            with store.transaction("me", "test") as change:
                done = [change.save_many("people", people), change.save_many("follow_up", contacts)]
            heads.append(store.head().hash)
        assert heads[0] == heads[1]
        assert [changes.unchanged for changes in done] == [4, 6]
        for table, given_rows in ((PEOPLE, people), (FOLLOW_UP, contacts)):
            found = {record.key: dict(record.row) for record in store.list(table.name)}
            assert found == {row[table.key[0]]: checked(table, row)[0] for row in given_rows}
            assert store.frame(table.name).to_dicts() == [found[key] for key in sorted(found)]
        assert store.verify().holds
        store.close()
