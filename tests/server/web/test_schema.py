"""The API against its own description: every operation, with what the description allows and what it does not."""

import time
from collections.abc import Iterator

import pytest
import schemathesis
from schemathesis.config import SchemathesisConfig
from schemathesis.engine import Status, from_schema
from schemathesis.engine.events import NonFatalError, ScenarioFinished

from oddflow.server.access.access import access_of
from oddflow.server.access.identity import Role
from oddflow.server.access.limits import RateLimiter

HOST = "127.0.0.1:8470"
ENDLESS = "/api/v1/live"
SAID_IN_WORDS = (
    "/api/v1/flows", "/api/v1/flows/download", "/api/v1/measures", "/api/v1/hosts", "/api/v1/hosts/{address}",
)  # fmt: skip
"""What these take has a grammar, or depends on other parts, as no schema can say: 422 tells."""
TAKEN = ["2xx", "401", "403", "404", "409", "422", "429"]
REFUSED = ["400", "401", "403", "404", "405", "406", "409", "413", "414", "415", "422", "429"]


def faults(schema) -> Iterator[str]:
    for event in from_schema(schema).execute():
        if isinstance(event, NonFatalError):
            yield str(event.info)
        if isinstance(event, ScenarioFinished):
            for case, checks in event.recorder.checks.items():
                for check in checks:
                    if check.status is not Status.SUCCESS:
                        asked = event.recorder.cases[case].value.as_curl_command()
                        yield f"{event.label} {asked}: {check.failure_info}"


@pytest.fixture(scope="module")
def described(client):
    one = client(Role.ADMIN)
    # requests without a token are 401, however many
    access_of(one.app)._outsiders = RateLimiter(1e6, 1e6, clock=time.time)
    headers = {"Host": HOST, "Authorization": one.headers["Authorization"]}
    words = {"checks": {"positive_data_acceptance": {"expected-statuses": TAKEN}}}
    long = {"negative_data_rejection": {"expected-statuses": REFUSED}}
    config = SchemathesisConfig.from_dict(
        {
            "seed": 1,
            "headers": headers,
            "checks": long,
            "generation": {"max-examples": 1, "database": "none"},
            "phases": {"stateful": {"enabled": False}, "coverage": {"enabled": False}},
            "operations": [{"include-path": path} | words for path in SAID_IN_WORDS],
        }
    )
    schema = schemathesis.openapi.from_asgi("/api/v1/openapi.json", one.app, config=config, headers=headers)
    return schema.exclude(path=ENDLESS)


def test_every_answer_is_as_described(described):
    assert list(faults(described)) == []
