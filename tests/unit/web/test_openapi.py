"""Schemathesis over the OpenAPI document: whatever is sent, no address fails, and each answers only as the document says."""

import pytest

pytest.importorskip("schemathesis", reason="the search through the OpenAPI document needs schemathesis")

import schemathesis
from hypothesis import HealthCheck, Phase, given, seed, settings

from aftercar.store import web as kept
from tests.unit.web.conftest import NOW

pytestmark = pytest.mark.slow
TRIES = 8


def wrong(operation, headers):
    """What the answers of one address break; a known token that is not taken counts too."""
    found = []

    @seed(20240701)
    @settings(
        max_examples=TRIES,
        database=None,
        deadline=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(case=operation.as_strategy())
    def ask(case):
        answer = case.call(headers=headers)
        documented = {str(status) for status in operation.definition.raw["responses"]}
        if answer.status_code >= 500 or str(answer.status_code) not in documented or (headers and answer.status_code == 401):
            found.append((operation.label, answer.status_code, answer.text[:200]))

    ask()
    return found


@pytest.mark.parametrize("role", ["administrator", "readerc02", None])
def test_no_address_fails_or_answers_what_it_does_not_document(world, role):
    headers, found, asked = {}, [], 0
    if role is not None:
        account = next(record.key for record in world.store.list("accounts") if record["email"] == f"{role}@example.org")
        headers = {"Authorization": f"Bearer {kept.make_token(world.store, account, 'api', NOW.replace(year=2025))}"}
    schema = schemathesis.openapi.from_asgi("/openapi.json", world.app)
    for result in schema.get_all_operations():
        found += wrong(result.ok(), headers)
        asked += 1
    assert asked > 60
    assert not found, "\n".join(map(str, found[:20]))
