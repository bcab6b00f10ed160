"""One sandbox for all of these tests, the official SDK and a shop in front of it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator

import httpx
import pytest
import stripe

from tests.integration.devkit.stripe_sandbox.program import API_KEY, Program, Shop, open_shop, running


@pytest.fixture(scope="session")
def shop_server() -> Iterator[Shop]:
    with open_shop() as shop:
        yield shop


@pytest.fixture(scope="session")
def program(tmp_path_factory: pytest.TempPathFactory, shop_server: Shop) -> Iterator[Program]:
    with running(tmp_path_factory.mktemp("sandbox"), "--webhook-url", shop_server.url) as program:
        yield program


@pytest.fixture
async def http(program: Program) -> AsyncIterator[httpx.AsyncClient]:
    """Raw requests, with the key; switches are back at their defaults afterwards."""
    async with httpx.AsyncClient(base_url=program.url, auth=(API_KEY, ""), timeout=20) as client:
        yield client
        (await client.delete("/sandbox/settings")).raise_for_status()


@pytest.fixture
async def shop(shop_server: Shop, http: httpx.AsyncClient) -> Shop:
    """The shop, with nothing left over from the test before."""
    (await http.post("/sandbox/drain", json={})).raise_for_status()
    shop_server.forget()
    shop_server.refuse = 0
    return shop_server


@pytest.fixture
async def sdk(program: Program) -> AsyncIterator[stripe.StripeClient]:
    """The official SDK, unmodified, which does not retry by itself."""
    transport = stripe.HTTPXClient(timeout=20)
    yield stripe.StripeClient(
        API_KEY, base_addresses={"api": program.url}, http_client=transport, max_network_retries=0
    )
    await transport.close_async()  # type: ignore[no-untyped-call]  # the SDK's own gap
