"""Before start-up and with real Stripe: what the routes find."""

from __future__ import annotations

import stripe
from fastapi import FastAPI
from starlette.testclient import TestClient

from billing.features import build_router
from billing.settings import Settings
from billing.stripe_api import STRIPE_API_VERSION, connect_stripe


def test_before_start_up_has_finished_it_is_503() -> None:
    app = FastAPI()
    app.include_router(build_router())
    response = TestClient(app).get("/stripe/balance")
    assert (response.status_code, response.json()["error"]["code"]) == (503, "not_configured")


def test_no_endpoint_takes_a_secret_in_its_address() -> None:
    app = FastAPI()
    app.include_router(build_router())
    operations = [operation for path in app.openapi()["paths"].values() for operation in path.values()]
    parameters = {one["name"] for operation in operations for one in operation.get("parameters", ())}
    assert "cursor" in parameters
    assert not {name for name in parameters if "secret" in name or "key" in name}


async def test_a_key_without_a_base_speaks_to_stripe_itself() -> None:
    async with connect_stripe(Settings.model_validate({"stripe_api_key": "sk_test_x"})) as stripe_api:
        options = stripe_api.require()._requestor._options
    assert options.base_addresses["api"] == stripe.DEFAULT_API_BASE
    assert options.base_addresses["meter_events"] == stripe.DEFAULT_METER_EVENTS_API_BASE
    assert options.stripe_version == STRIPE_API_VERSION
    assert options.max_network_retries == 2


async def test_nothing_that_is_meant_for_a_local_stripe_goes_to_the_real_one() -> None:
    local = {"stripe_api_key": "sk_test_x", "stripe_api_base": "http://127.0.0.1:1"}
    async with connect_stripe(Settings.model_validate(local)) as stripe_api:
        options = stripe_api.require()._requestor._options
    assert options.base_addresses["api"] == options.base_addresses["meter_events"] == "http://127.0.0.1:1"
