"""The first day of a registry in a real browser with scripts off: from the one-time link to the audit trail.

The server is killed in the middle, while it analyses a tumour: the work is taken up again at the next start.
"""

import re

import pytest

pytestmark = pytest.mark.slow

PASSWORD = "a long and calm phrase"
PERSON = "C01-7001"


def field(page, name, value):
    """Fill or choose the field of that name."""
    place = page.locator(f"form.entry [name={name}]")
    if place.evaluate("e => e.tagName") == "SELECT":
        place.select_option(value)
    else:
        place.fill(value)


def fill(page, **values):
    for name, value in values.items():
        field(page, name, value)


def sign_in(page, base, email, code=""):
    page.goto(f"{base}/sign-in")
    fill(page, email=email, password=PASSWORD, **({"code": code} if code else {}))
    page.click("main button")


@pytest.fixture(scope="session")
def tumour(tmp_path_factory):
    """A simulated tumour with one insertion."""
    from aftercar.actions.simulate_sample import Recipe, simulate_sample

    folder = tmp_path_factory.mktemp("tumour") / "sample"
    simulate_sample(folder, Recipe(host_length=60_000, depth=30, purity=0.8))
    return folder


@pytest.mark.parametrize("server", ["sqlite", "postgresql"], indirect=True)
def test_from_the_first_link_to_the_audit_trail(server, chromium, tumour, tmp_path):
    pyotp = pytest.importorskip("pyotp")
    server.start()
    administrator = chromium.new_context(java_script_enabled=False, viewport={"width": 1280, "height": 900}).new_page()

    administrator.goto(server.base + server.first_link())
    who = {"name": "A. Administrator", "email": "admin@example.org", "organisation": "Registry", "country": "DE"}
    fill(administrator, **who, organisation_type="registry", password=PASSWORD)
    administrator.click("main button")
    assert administrator.url.endswith("/sign-in")
    sign_in(administrator, server.base, "admin@example.org")
    assert administrator.locator("h2", has_text="Open tasks").count() == 1

    administrator.click("nav >> text=Users")
    invited = {"name": "R. Registrar", "email": "centre@example.org", "organisation": "Centre 1", "country": "FR"}
    fill(administrator, **invited, organisation_type="treatment_centre", centres="C01")
    for role in ("registrar", "laboratory", "assessor"):
        administrator.check(f"[name=roles][value={role}]")
    administrator.click("text=Send the invitation")
    assert "on its way" in administrator.inner_text("main")

    page = chromium.new_context(java_script_enabled=False, accept_downloads=True).new_page()
    page.goto(re.search(r"http://\S+/invitation/\S+", server.letters()[-1])[0])
    fill(page, password=PASSWORD)
    page.click("main button")
    sign_in(page, server.base, "centre@example.org")
    page.goto(f"{server.base}/account")
    secret = page.inner_text("form[action='/account/code'] code")
    page.fill("form[action='/account/code'] [name=code]", pyotp.TOTP(secret).now())
    page.click("text=Set the second factor")
    assert "A second factor is set" in page.inner_text("main")
    page.click("header >> text=Sign out")
    sign_in(page, server.base, "centre@example.org")
    assert "do not fit" in page.inner_text("[role=alert]")
    sign_in(page, server.base, "centre@example.org", pyotp.TOTP(secret).now())
    assert page.url == f"{server.base}/"

    page.click("nav >> text=People")
    page.click("text=Enrol a person")
    fill(page, person_id=PERSON, centre="C01", infused_on="2024-01-15", product="axicabtagene ciloleucel", jurisdiction="EU")
    page.click("main button")
    assert page.inner_text("h1") == PERSON

    page.click("text=Record a contact")
    fill(page, contact_on="15.06.2024", kind="telephone")
    page.click("main button")
    assert "Nothing was saved" in page.inner_text("[role=alert]")
    fill(page, contact_on="2024-06-15", new_malignancy="yes")
    page.click("main button")
    assert "2024-06-15" in page.inner_text("main")

    page.click("text=Open a case")
    fill(page, diagnosis="peripheral T-cell lymphoma", diagnosed_on="2024-06-10", tested="no")
    page.click("main button")
    page.click(f"main li >> text={PERSON}")
    assert "peripheral T-cell lymphoma" in page.inner_text("h1")

    case = page.url.rsplit("/", 1)[1]

    page.goto(f"{server.base}/people/{PERSON}")
    page.click("text=Record a specimen")
    fill(page, case_id=case, material="tumour", collected_on="2024-06-11", assay="wgs", purity="0.8")
    page.click("main button")
    page.goto(f"{server.base}/cases/{case}")
    page.click("h2:has-text('Specimens') + ul a")
    page.set_input_files("[name=reads]", tumour / "tumour.bam")
    page.set_input_files("[name=vector]", tumour / "vector.fa")
    page.click("text=Upload and analyse")
    assert "An analysis is under way" in page.inner_text("main")
    server.stop(hard=True)
    server.start()
    for _ in range(240):  # on PostgreSQL the killed worker is missed after half a minute
        page.reload()
        if page.locator("h2", has_text="Evidence").count():
            break
        page.wait_for_timeout(500)
    evidence = page.inner_text("main")
    assert "Integration sites" in evidence
    assert page.locator("figure img").count() == 4
    with page.expect_download() as waiting:
        page.click("main >> text=sites.vcf")
    waiting.value.save_as(tmp_path / "sites.vcf")
    assert (tmp_path / "sites.vcf").read_text().startswith("##fileformat=VCF")

    page.goto(f"{server.base}/cases/{case}")
    fill(page, grade="probable", reasons="The clone of the tumour carries the transgene.")
    page.click("text=Assess and sign")
    assert "password: password or code do not fit" in page.inner_text("[role=alert]")
    fill(page, password=PASSWORD, code=pyotp.TOTP(secret).now())
    page.click("text=Assess and sign")
    assert "The signature fits the content" in page.inner_text("section.item")

    page.click("nav >> text=Reports")
    with page.expect_download() as waiting:
        page.click("[aria-label='assessment masked as html']")
    waiting.value.save_as(tmp_path / "report.html")
    assert "T-cell" in (tmp_path / "report.html").read_text()

    administrator.goto(f"{server.base}/audit?prove=true")
    trail = administrator.inner_text("main")
    assert "The trail is whole" in trail
    for words in (
        "first administrator",
        "invitation accepted",
        "second factor set",
        "enrolment",
        "entered in the web app",
        "analysis of an uploaded",
        "assessment: probable",
    ):
        assert words in trail
