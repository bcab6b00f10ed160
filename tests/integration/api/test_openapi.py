"""Our OpenAPI is true: schemathesis calls everything in it, with what fits and what does not."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator

import pytest
import schemathesis
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis.strategies import booleans
from pydantic import SecretStr
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from billing.settings import Settings
from tests.integration.conftest import People, seat
from tests.integration.plain_gateway import run_gateway

CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
]
OPERATIONS = [
    ("/stripe/balance", "GET"),
    ("/stripe/balances/all", "GET"),
    ("/stripe/credits", "POST"),
    ("/stripe/prices", "GET"),
    ("/stripe/prices", "POST"),
    ("/stripe/prices/effective", "GET"),
    ("/stripe/prices/{rule_id}", "DELETE"),
    ("/stripe/review", "GET"),
    ("/stripe/review/{call_id}", "POST"),
    ("/stripe/topup", "POST"),
    ("/stripe/transactions", "GET"),
    ("/stripe/webhook", "POST"),
]


class Served:
    """A gateway on a thread of its own: schemathesis waits for its answers on the test's."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._ready = threading.Event()
        self._loop = asyncio.new_event_loop()
        self._done = asyncio.Event()
        self._thread = threading.Thread(target=self._loop.run_until_complete, args=(self._serve(),))
        self.url = ""
        self.people: People

    async def _serve(self) -> None:
        async with run_gateway(self._settings) as gateway:
            self.url, self.people = gateway.url, seat(gateway)
            self._ready.set()
            await self._done.wait()

    def start(self) -> None:
        self._thread.start()
        assert self._ready.wait(30)

    def stop(self) -> None:
        self._loop.call_soon_threadsafe(self._done.set)
        self._thread.join(30)
        self._loop.close()


@pytest.fixture(scope="module")
def served(settings: Settings, module_database_url: str) -> Iterator[Served]:
    """On a database of its own: among what it makes are price rules for everybody."""
    database = SecretStr(module_database_url)
    own = {"database_url": database, "billing_prices_stale_max_s": 3600.0}  # nothing refreshes them here
    served = Served(settings.model_copy(update=own))
    served.start()
    yield served
    served.stop()


@pytest.fixture(scope="module")
def api(served: Served) -> schemathesis.BaseSchema:
    return schemathesis.openapi.from_url(f"{served.url}/openapi.json")


@pytest.mark.parametrize("mode", [GenerationMode.POSITIVE, GenerationMode.NEGATIVE])
@pytest.mark.parametrize(("path", "method"), OPERATIONS)
def test_every_answer_is_one_that_we_declare(
    api: schemathesis.BaseSchema, served: Served, path: str, method: str, mode: GenerationMode
) -> None:
    @given(case=api[path][method].as_strategy(generation_mode=mode), is_admin=booleans())
    @hypothesis_settings(
        max_examples=40, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck)
    )
    def call(case: schemathesis.Case, is_admin: bool) -> None:
        key = served.people.admin if is_admin else served.people.alice
        case.call_and_validate(headers={"Authorization": f"Bearer {key}"}, checks=CHECKS)

    call()


def test_all_our_endpoints_are_in_it(api: schemathesis.BaseSchema) -> None:
    assert set(api.raw_schema["paths"]) == {path for path, _ in OPERATIONS}


def test_every_refusal_is_declared_in_openais_shape(api: schemathesis.BaseSchema) -> None:
    for path, methods in api.raw_schema["paths"].items():
        for operation in methods.values():
            assert "422" not in operation["responses"], path
            for status, response in operation["responses"].items():
                if status.startswith(("4", "5")):
                    body = response["content"]["application/json"]["schema"]
                    assert body == {"$ref": "#/components/schemas/ErrorBody"}
