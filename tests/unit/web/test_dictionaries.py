"""Dictionaries: versions in use; the site's MedDRA is loaded, codes a case, or is refused. Terms are invented."""

import io
import zipfile


def distribution(version="27.1", *, release=True, pt="90000001$Invented lymphoma$$90000009$$$$$$$\n"):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("MedAscii/pt.asc", pt)
        archive.writestr("MedAscii/llt.asc", "90000002$Invented lymphoma of T cells$90000001$$$$$$$Y$$\n")
        if release:
            archive.writestr("MedAscii/meddra_release.asc", f"{version}$English$$$$\n")
    return buffer.getvalue()


def load(browser, content, **fields):
    data = {"csrf": browser.csrf(), **fields}
    return browser.post("/settings/dictionaries", data=data, files=[("meddra", ("m.zip", content))], follow_redirects=False)


def test_a_licensed_meddra_is_loaded_and_codes_a_case(world):
    root, assessor = world.browser("root@example.org"), world.browser("assessorc01@example.org")
    assert "not loaded" in root.get("/settings/dictionaries").text
    assert "No MedDRA is loaded" in assessor.get("/cases/CASE-1/codes").text
    assert assessor.submit("/cases/CASE-1/codes", code="90000002").status_code == 422
    assert load(root, distribution()).status_code == 303
    assert load(root, distribution("27.0")).status_code == 303
    assert "27.1, 27.0" in root.get("/settings/dictionaries").text
    assert root.get("/settings/dictionaries.json").json()["in_use"]["MedDRA"] == "27.1"
    page = assessor.get("/cases/CASE-1/codes?search=invented t cells").text
    assert "90000002" in page
    assert assessor.submit("/cases/CASE-1/codes", code="90000002").status_code == 303
    (code,) = world.store.list("event_codes", {"case_id": "CASE-1"})
    assert (code["version"], code["code"]) == ("27.1", "90000002")
    assert assessor.submit("/cases/CASE-1/codes", code="1").status_code == 422
    assert "MedDRA 27.1" in world.store.trail(table="imports")[0].why


def test_what_is_no_meddra_is_refused_and_nothing_is_kept(world):
    root = world.browser("root@example.org")
    empty = io.BytesIO()
    with zipfile.ZipFile(empty, "w") as archive:
        archive.writestr("readme.txt", "x")
    up = io.BytesIO()
    with zipfile.ZipFile(up, "w") as archive:
        archive.writestr("../llt.asc", "x")
    for content, words in (
        (b"no zip", "not a zip archive"),
        (empty.getvalue(), "no llt.asc"),
        (up.getvalue(), "leads out"),
        (distribution(release=False), "version is not known"),
        (distribution(pt="x\n"), "fields"),
    ):
        answer = load(root, content)
        assert answer.status_code == 422
        assert words in answer.text
    load(root, distribution())
    assert "there already" in load(root, distribution()).text
    assert sorted(path.name for path in (world.app.state.desk.bench.folder).iterdir()) == ["meddra"]


def test_only_an_administrator_of_all_centres_loads(world):
    for other in ("reader", "administratorc01", "assessor"):
        assert load(world.browser(f"{other}@example.org"), distribution()).status_code == 403
    assert load(world.browser("root@example.org"), distribution(), csrf="guess").status_code == 403
    assert "follow-up plans" in world.browser("reader@example.org").get("/settings/dictionaries").text
