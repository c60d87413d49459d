"""axe-core over every page: no serious or critical violation. Name axe.min.js (npm package axe-core) in AFTERCAR_AXE."""

import os
from pathlib import Path

import pytest

from tests.journeys.test_first_day import PASSWORD

pytestmark = pytest.mark.slow

OPEN = ("/sign-in", "/reset", "/reset/x", "/invitation/x", "/first/x")
PAGES = (
    "/",
    "/people",
    "/people/C01-0003",
    "/people/new",
    "/people/C01-0003/follow_up/new",
    "/people/C01-0003/assay_results/new",
    "/people/C01-0003/cases/new",
    "/cases",
    "/cases/CASE-1",
    "/samples/S-CASE-1",
    "/signals",
    "/reports",
    "/reports/assessment/preview",
    "/imports",
    "/settings",
    "/settings/plans",
    "/settings/products",
    "/settings/dictionaries",
    "/cases/CASE-1/codes",
    "/audit?prove=true",
    "/users",
    "/account",
    "/cases/none",
)
RUN = "async () => (await axe.run(document, {resultTypes: ['violations']})).violations"


@pytest.fixture
def axe():
    named = os.environ.get("AFTERCAR_AXE")
    if not named or not Path(named).is_file():
        pytest.skip("name axe.min.js of the npm package axe-core in AFTERCAR_AXE")
    return Path(named).read_text(encoding="utf-8")


@pytest.fixture
def filled(server):
    """The server over a simulated centre, with an administrator who also assesses."""
    from aftercar.actions import accounts
    from aftercar.actions.permissions import local_actor
    from aftercar.store import create_store
    from aftercar.testing.centre import centre_frames
    from aftercar.vocab.tables.study import TABLES
    from aftercar.web.app import utc_now

    store, frames = create_store(f"sqlite:///{server.database}"), centre_frames(people=40)
    with store.transaction("setup", "test registry") as change:
        for table in TABLES:
            change.save_many(table.name, frames[table.name].to_dicts())
    details = {"name": "Root", "email": "root@example.org", "organisation": "O", "organisation_type": "registry", "country": "DE"}
    row = {**details, "roles": "administrator;assessor"}
    _, token = accounts.invite(store, local_actor("setup"), row, utc_now())
    accounts.accept(store, token, PASSWORD, utc_now())
    store.close()
    return server.start()


def _look(page, place):
    """Pictures of a page for a person to look at: wide, on a tablet, on paper."""
    page.set_viewport_size({"width": 1280, "height": 900})
    page.screenshot(path=f"{place}.png", full_page=True)
    page.set_viewport_size({"width": 820, "height": 1180})
    page.screenshot(path=f"{place}.tablet.png", full_page=True)
    page.set_viewport_size({"width": 1280, "height": 900})
    page.emulate_media(media="print")
    page.screenshot(path=f"{place}.print.png", full_page=True)
    page.emulate_media(media="screen")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_no_page_has_a_serious_violation(filled, chromium, axe, scheme, tmp_path):
    page = chromium.new_context(color_scheme=scheme, viewport={"width": 1280, "height": 900}).new_page()
    found, looked = [], Path(os.environ["AFTERCAR_SCREENSHOTS"]) if "AFTERCAR_SCREENSHOTS" in os.environ else None

    def check(path):
        page.goto(filled.base + path)
        page.evaluate(axe)
        for item in page.evaluate(RUN):
            if item["impact"] in ("serious", "critical"):
                found.extend((path, item["id"], node["html"][:160], node["failureSummary"][:200]) for node in item["nodes"][:3])
        if looked is not None:
            looked.mkdir(exist_ok=True)
            _look(page, looked / f"{scheme}{path.split('?')[0].replace('/', '_')}")
        for width in (1280, 820):
            page.set_viewport_size({"width": width, "height": 900})
            assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth"), f"{path} is wider than {width}"

    for path in OPEN:
        check(path)
    page.goto(f"{filled.base}/sign-in")
    page.fill("[name=email]", "root@example.org")
    page.fill("[name=password]", PASSWORD)
    page.click("main button")
    for path in PAGES:
        check(path)
    assert not found, "\n".join(map(str, found))
