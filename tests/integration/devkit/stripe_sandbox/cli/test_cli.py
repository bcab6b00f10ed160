"""The official Stripe CLI works against the sandbox with `--api-base` alone."""

from __future__ import annotations

import httpx
import stripe

from tests.integration.devkit.stripe_sandbox.checkouts import create_session, pay
from tests.integration.devkit.stripe_sandbox.cli.conftest import StripeCli
from tests.integration.devkit.stripe_sandbox.program import Shop


async def test_customers(cli: StripeCli, sdk: stripe.StripeClient) -> None:
    created = cli.json("customers", "create", "--name", "From the CLI", "-d", "metadata[source]=cli")
    found = await sdk.v1.customers.retrieve_async(str(created["id"]))
    assert found.name == "From the CLI"
    assert found.metadata is not None
    assert found.metadata["source"] == "cli"
    listed = cli.json("customers", "list", "--limit", "1")["data"]
    assert isinstance(listed, list)
    assert listed == [created]


async def test_checkout_sessions_and_events(
    cli: StripeCli, sdk: stripe.StripeClient, http: httpx.AsyncClient, shop: Shop
) -> None:
    session = await create_session(sdk)
    await pay(http, session)
    shown = cli.json("checkout", "sessions", "retrieve", session.id, "-e", "payment_intent")
    assert shown["payment_status"] == "paid"
    assert isinstance(shown["payment_intent"], dict)
    assert shown["payment_intent"]["status"] == "succeeded"
    events = cli.json("events", "list", "--limit", "1", "--type", "checkout.session.completed")["data"]
    assert isinstance(events, list)
    (event,) = events
    assert isinstance(event, dict)
    before = [sent.id for sent in shop.take(4)]
    assert event["id"] in before
    assert cli.json("events", "resend", str(event["id"]))["id"] == event["id"]
    assert [sent.id for sent in shop.take(1)] == [event["id"]]


async def test_raw_calls_account_and_balance(cli: StripeCli, http: httpx.AsyncClient) -> None:
    assert cli.json("get", "/v1/account")["object"] == "account"
    assert cli.json("balance", "retrieve") == (await http.get("/v1/balance")).json()
    assert cli.json("post", "/v1/products", "-d", "name=Raw")["name"] == "Raw"


async def test_errors_are_the_clis_own(cli: StripeCli, http: httpx.AsyncClient) -> None:
    missing = cli.run("customers", "retrieve", "cus_no")
    assert "No such customer: 'cus_no'" in missing.stdout + missing.stderr
