"""A process of its own for the tests that kill or race writers: ``python writer.py MODE URL ...``."""

import sys
import time

from aftercar.store import StaleVersion, create_store, open_store

WHY = "test"


def rows(count):
    people = [{"person_id": f"P{i:05d}", "centre": "A"} for i in range(count)]
    infusions = [
        {"infusion_id": f"I{i:05d}", "person_id": f"P{i:05d}", "infused_on": "2020-01-01", "product": "x"} for i in range(count)
    ]
    contacts = [{"contact_id": f"C{i:05d}", "person_id": f"P{i:05d}", "contact_on": "2021-01-01"} for i in range(count)]
    return {"people": people, "infusions": infusions, "follow_up": contacts}


def load(url, count):
    store = open_store(url)
    with store.transaction("importer", WHY) as change:
        for name, values in rows(count).items():
            change.save_many(name, values)


def save_forever(url):
    store = open_store(url)
    while True:
        record = store.get("people", "counter")
        store.save(
            "people",
            {**record.row, "birth_year": record["birth_year"] + 1},
            who="saver",
            why=WHY,
            expected_version=record.version,
        )
        print(record["birth_year"] + 1, flush=True)


def count_up(url, seconds, name):
    """Add to one shared number for some seconds, beginning again at a conflict; print how often it was added."""
    store = open_store(url)
    end, added, conflicts = time.monotonic() + seconds, 0, 0
    while time.monotonic() < end or added == 0:
        record = store.get("people", "counter")
        values = {**record.row, "birth_year": 1900 + (record["birth_year"] - 1900 + 1) % 200}
        try:
            store.save("people", values, who=name, why=WHY, expected_version=record.version)
            added += 1
        except StaleVersion:
            conflicts += 1
    print(added, conflicts, flush=True)


def read_on(url, seconds):
    """Read for some seconds; each snapshot must agree with itself. Print how many were read."""
    store = open_store(url)
    end, reads = time.monotonic() + seconds, 0
    while time.monotonic() < end or reads == 0:
        record = store.get("people", "counter")
        assert record.version == store.history("people", "counter")[record.version - 1].version
        assert store.count("people") == 1
        reads += 1
    print(reads, flush=True)


if __name__ == "__main__":
    mode, url, *rest = sys.argv[1:]
    print("ready", flush=True)
    if mode == "init":
        create_store(url)
    elif mode == "load":
        load(url, int(rest[0]))
    elif mode == "save":
        save_forever(url)
    elif mode == "count":
        count_up(url, float(rest[0]), rest[1])
    elif mode == "read":
        read_on(url, float(rest[0]))
    print("finished", flush=True)
