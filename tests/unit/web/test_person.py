"""One person's page: events in time, persistence with its line, and insertions linked across the tested samples."""

import json


def verdict(*sites, limit=0.01):
    return json.dumps({"call": "present_clonal", "sites": list(sites), "detection_limit": {"value": limit}})


def site(pos, share, gene=None):
    fraction = {"value": share, "low": share / 2, "high": min(1.0, 2 * share)}
    return {"chrom": "chr3", "pos": pos, "orientation": "+", "gene": gene, "cell_fraction": fraction}


def test_an_insertion_is_followed_across_samples(world):
    store, person = world.store, "C01-0003"
    start = store.list("infusions", {"person_id": person})[0]["infused_on"]
    year = int(start[:4])
    with store.transaction("lab", "samples") as change:
        for number, day in enumerate((f"{year + 1}-01", f"{year + 2}-01"), 1):
            row = {"sample_id": f"S{number}", "person_id": person, "material": "blood", "collected_on": day, "assay": "wgs"}
            change.save("samples", row)
        documents = (verdict(site(1_000, 0.02, "SSU72")), verdict(site(1_003, 0.4, "SSU72"), site(90_000, 0.1), limit=0.003))
        for number, text in enumerate(documents, 1):
            row = {"document_id": f"D{number}", "person_id": person, "sample_id": f"S{number}", "kind": "transgene_verdict"}
            change.save("result_documents", {**row, "document": text})
        row = {"document_id": "D3", "person_id": person, "sample_id": "S1", "kind": "transgene_verdict"}
        change.save("result_documents", {**row, "document": "a letter of another program"})
    browser = world.browser("readerc01@example.org")
    rows = browser.get(f"/people/{person}.json").json()["insertions"]
    assert [(row["clone"], row["sample_id"], row["seen"]) for row in rows] == [
        ("SSU72 chr3:1,000", "S1", True),
        ("SSU72 chr3:1,000", "S2", True),
        ("chr3:90,000", "S1", False),
        ("chr3:90,000", "S2", True),
    ]
    assert rows[2]["limit"] == 0.01
    assert "26 of" in rows[0]["base_rate"]
    assert 11 < rows[1]["months"] - rows[0]["months"] < 13
    page = browser.get(f"/people/{person}").text
    assert "below 1% of cells" in page
    assert page.count("<figure>") >= 2
    assert "Insertions over time" in page
    assert browser.get(f"/people/{person}").text.count("Events in time") == 1


def test_without_a_tested_sample_nothing_is_claimed(world):
    browser = world.browser("reader@example.org")
    assert browser.get("/people/C02-0001.json").json()["insertions"] == []
    page = browser.get("/people/C02-0001").text
    assert "Insertions over time" not in page
    assert "<figure>" not in page


def test_the_line_of_persistence_is_the_setting(world):
    person = next(r["person_id"] for r in world.store.list("assay_results") if r["unit"] == "percent_cells")
    root = world.browser("root@example.org")
    assert "Dashed: 1% of cells" in root.get(f"/people/{person}").text
    root.submit("/settings", persistence_fraction="0.02", why="test")
    assert "Dashed: 2% of cells" in root.get(f"/people/{person}").text
