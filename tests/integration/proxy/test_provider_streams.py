"""What a provider streams to a call is closed soon after the call's client has left, and only then."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from typing import NamedTuple

import httpx
import pytest

from billing.proxy.calls.call import Call, current_call
from billing.proxy.litellm.provider_streams import AbandonedStreams, follow_provider_streams
from tests.acceptance.endings.provider import Answer, Provider
from tests.deadline import eventually

SOON_S = 2.0


@pytest.fixture
def provider() -> Iterator[Provider]:
    served = Provider(lambda _path, _body: Answer(b"data: {}\n\n" * 10, stays_open=True))
    yield served
    served.close()


@pytest.fixture
async def client(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[httpx.AsyncClient]:
    """As LiteLLM makes one, in a gateway that has started."""
    monkeypatch.setattr(httpx.AsyncClient, "send", httpx.AsyncClient.send)  # put back in the end
    follow_provider_streams()
    async with httpx.AsyncClient() as client:
        yield client


@pytest.fixture
def call() -> Iterator[Call]:
    call = Call("/v1/responses")
    token = current_call.set(call)
    yield call
    current_call.reset(token)


class Begun(NamedTuple):
    """A stream, and who reads it and has stopped to: as long as that lives, nothing closes the stream."""

    response: httpx.Response
    reader: AsyncIterator[bytes]


async def begun(client: httpx.AsyncClient, provider: Provider) -> Begun:
    request = client.build_request("POST", provider.url, json={})
    response = await client.send(request, stream=True)
    reader = response.aiter_bytes()
    await anext(reader)
    return Begun(response, reader)


async def closed(stream: Begun) -> None:
    async with asyncio.timeout(SOON_S):
        while not stream.response.is_closed:  # noqa: ASYNC110 - httpx tells it by nothing else
            await asyncio.sleep(0.01)


async def test_a_stream_of_a_call_whose_client_left_is_closed(
    provider: Provider, client: httpx.AsyncClient, call: Call
) -> None:
    stream = await begun(client, provider)
    call.delivery.client_gone = True
    AbandonedStreams().close_behind(call)
    await closed(stream)
    await asyncio.to_thread(eventually, lambda: len(provider.left_at) == 1, SOON_S)


async def test_so_is_one_whose_credit_has_ended(
    provider: Provider, client: httpx.AsyncClient, call: Call
) -> None:
    stream = await begun(client, provider)
    call.delivery.in_full = call.delivery.credit_ended = True
    AbandonedStreams().close_behind(call)
    await closed(stream)


async def test_a_failure_to_close_one_keeps_no_other_open(
    provider: Provider, client: httpx.AsyncClient, call: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fails() -> None:
        raise httpx.ReadError("it broke")

    broken, other = await begun(client, provider), await begun(client, provider)
    monkeypatch.setattr(broken.response, "aclose", fails)
    AbandonedStreams().close_behind(call)
    await closed(other)


async def test_one_of_a_call_that_was_answered_in_full_stays_open(
    provider: Provider, client: httpx.AsyncClient, call: Call
) -> None:
    stream = await begun(client, provider)
    call.delivery.in_full = True
    AbandonedStreams().close_behind(call)
    other = Call("/v1/responses")
    current_call.set(other)
    others = await begun(client, provider)
    AbandonedStreams().close_behind(other)
    await closed(others)
    assert not stream.response.is_closed
    await stream.response.aclose()


async def test_what_is_asked_outside_of_any_call_is_nobodys(
    provider: Provider, client: httpx.AsyncClient
) -> None:
    stream = await begun(client, provider)
    assert not stream.response.is_closed
    await stream.response.aclose()
