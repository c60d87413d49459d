"""Every route times every role times own and other centre: let through or refused as the table below says; none is missing."""

import re

import pytest
from fastapi.routing import APIRoute

from aftercar.actions.permissions import ROLES
from aftercar.store import web as kept
from tests.unit.web.conftest import NOW

ANYBODY, SIGNED_IN = "anybody", "signed in"

#: (method, address) to the right that it needs, and whether it is about one centre's records ("centre"), about whatever is
#: within reach ("reach"), or about all centres at once ("all").
TABLE = {
    **{("GET", f"/{name}"): (ANYBODY, "reach") for name in ("sign-in", "reset", "reset/{token}", "static/app.css")},
    **{("GET", f"/{name}/{{token}}"): (ANYBODY, "reach") for name in ("first", "invitation")},
    **{("POST", f"/{name}"): (ANYBODY, "reach") for name in ("sign-in", "reset", "reset/{token}")},
    **{("GET", f"/sign-in/organisation{end}"): (ANYBODY, "reach") for end in ("", "/back")},
    ("POST", "/sign-in/organisation/code"): (ANYBODY, "reach"),
    **{("POST", f"/{name}/{{token}}"): (ANYBODY, "reach") for name in ("first", "invitation")},
    **{("POST", f"/{name}"): (SIGNED_IN, "reach") for name in ("sign-out", "account/password", "account/code", "account/token")},
    ("GET", "/account"): (SIGNED_IN, "reach"),
    **{("GET", f"/{name}"): ("read", "reach") for name in ("people", "cases")},
    **{("GET", f"/{name}.json"): ("read", "reach") for name in ("people", "cases")},
    **{("GET", f"/{name}"): ("aggregate", "reach") for name in ("", "today.json", "signals", "signals.json")},
    ("POST", "/signals/reviews"): ("review", "reach"),
    **{("GET", f"/people/{{person_id}}{end}"): ("read", "centre") for end in ("", ".json")},
    **{("GET", f"/cases/{{case_id}}{end}"): ("read", "centre") for end in ("", ".json")},
    ("GET", "/people/new"): ("edit", "reach"),
    ("POST", "/drafts/{draft_id}/discard"): (SIGNED_IN, "reach"),
    ("POST", "/people/new"): ("edit", "centre"),
    ("GET", "/people/{person_id}/{table}/new"): ("edit", "centre"),
    ("POST", "/people/{person_id}/{table}/new"): ("edit", "centre"),
    ("GET", "/cases/{case_id}/codes"): ("read", "centre"),
    ("POST", "/cases/{case_id}/codes"): ("assess", "centre"),
    ("POST", "/cases/{case_id}/assessments"): ("assess", "centre"),
    ("POST", "/cases/{case_id}/assessments/{assessment_id}/sign"): ("sign", "centre"),
    ("POST", "/cases/{case_id}/assessments/{assessment_id}/withdraw"): ("assess", "centre"),
    **{("GET", f"/samples/{{sample_id}}{end}"): ("read", "centre") for end in ("", ".json")},
    ("POST", "/samples/{sample_id}/analyses"): ("test", "centre"),
    ("POST", "/samples/{sample_id}/analyses/{job_id}/cancel"): ("test", "centre"),
    ("GET", "/samples/{sample_id}/analyses/{job_id}/{name}"): ("read", "centre"),
    ("POST", "/samples/{sample_id}/variants"): ("test", "centre"),
    ("POST", "/samples/{sample_id}/variants/{job_id}/cancel"): ("test", "centre"),
    ("GET", "/samples/{sample_id}/variants/{job_id}/{name}"): ("read", "centre"),
    **{
        ("GET", f"/imports{sub}"): ("import", "reach")
        for sub in ("", ".json", "/templates/{name}.csv", "/{job_id}", "/{job_id}.json")
    },
    **{("POST", f"/imports{sub}"): ("import", "reach") for sub in ("", "/{job_id}/keep", "/{job_id}/discard")},
    **{("GET", f"/reports{end}"): ("aggregate", "reach") for end in ("", ".json")},
    ("GET", "/reports/{kind}/preview"): ("export", "reach"),
    ("GET", "/reports/{kind}.{ending}"): ("export", "reach"),
    **{("GET", f"/audit{end}"): ("audit", "all") for end in ("", ".json")},
    **{
        ("GET", f"/settings{sub}{end}"): ("read", "reach")
        for sub in ("", "/plans", "/products", "/dictionaries")
        for end in ("", ".json")
    },
    **{
        ("POST", f"/settings{sub}"): ("configure", "all")
        for sub in ("", "/dictionaries", "/plans", "/plans/shipped/{name}", "/plans/own/{key}")
    },
    ("GET", "/users"): ("configure", "all"),
    ("POST", "/users"): ("configure", "all"),
    ("POST", "/users/{account_id}/close"): ("configure", "all"),
}
#: The form about a person asks for the right of its table.
RIGHT_OF = {"follow_up": "edit", "assay_results": "test", "samples": "test", "cases": "assess"}
VALUES = {
    "person_id": "C01-0003",
    "case_id": "CASE-1",
    "token": "x",
    "kind": "centre",
    "ending": "json",
    "account_id": "nobody",
    "assessment_id": "none",
    "job_id": "0" * 32,
    "name": "verdict.json",
    "key": "none",
    "draft_id": "none",
    "sample_id": "S-CASE-1",
}
REFUSED = re.compile(r"Code: not-permitted|\"code\":\"not-permitted\"|within your reach|within the reach of")


def flat(found):
    """Routes of a list, and those of the routers inside it."""
    for route in found:
        if isinstance(route, APIRoute):
            yield route
        elif hasattr(route, "original_router"):
            yield from flat(route.original_router.routes)


def routes(app):
    found = list(flat(app.routes))
    assert len(found) > 30
    return sorted((method, route.path) for route in found for method in route.methods - {"HEAD"})


def calls(app):
    """Each route with its addresses; the form about a person once for each table."""
    for method, path in routes(app):
        for table in RIGHT_OF if "{table}" in path else (None,):
            right = RIGHT_OF.get(table) or TABLE[method, path][0]
            address = path.replace("{table}", table or "")
            for name, value in VALUES.items():
                address = address.replace(f"{{{name}}}", value)
            yield method, address, right, TABLE[method, path][1]


def may(role, centre, right, scope):
    if role is None:
        return right == ANYBODY
    if right in (ANYBODY, SIGNED_IN):
        return True
    inside = {"reach": True, "centre": centre in ("", "C01"), "all": centre == ""}[scope]
    return right in ROLES[role] and inside


def test_the_table_names_every_route(world):
    assert set(routes(world.app)) == set(TABLE)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("url", "roles"), [("sqlite", (None, *ROLES)), ("postgresql", (None, "registrar", "administrator"))], indirect=["url"]
)
def test_every_route_for_every_role_and_centre(world, roles):
    owners = {record["email"].split("@")[0]: record.key for record in world.store.list("accounts")}
    wrong, tried = [], 0
    for role in roles:
        for centre in ("", "C01", "C02") if role else ("",):
            for method, address, right, scope in calls(world.app):
                browser = world.browser()
                fields = {"centre": "C01"}
                if role:
                    token = kept.open_session(world.store, owners[role + centre.lower()], NOW)
                    browser.cookies.set("aftercar_session", token)
                    fields["csrf"] = kept.session_of(world.store, token, NOW).csrf
                answer = browser.request(method, address, data=fields if method == "POST" else None, follow_redirects=False)
                to_sign_in = answer.status_code == 401 or answer.headers.get("location") == "/sign-in"
                to_sign_in = to_sign_in and not (role and address == "/sign-out")
                through = not to_sign_in and not (answer.status_code in (403, 422) and REFUSED.search(answer.text))
                tried += 1
                if answer.status_code >= 500 or through != may(role, centre, right, scope):
                    wrong.append((role, centre, method, address, answer.status_code, through))
    assert not wrong, "\n".join(map(str, wrong))
    assert tried == len(list(calls(world.app))) * (3 * len(roles) - 2)
