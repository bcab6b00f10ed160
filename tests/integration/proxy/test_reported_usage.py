"""Whether providers report usage is read from their streams, below LiteLLM and its SDKs."""

from __future__ import annotations

import gzip
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace

import httpx
import pytest

from billing.ledger.schemas import Payer
from billing.prices.rule import PriceRule
from billing.proxy.admitted.call import Admission
from billing.proxy.calls.call import Call, current_call
from billing.proxy.litellm.provider_streams import follow_provider_streams

ANSWER = b'data: {"choices": [{"delta": {"content": "hello"}}]}\n\n'
USAGE = b'data: {"choices": [], "usage": {"prompt_tokens": 9, "completion_tokens": 1}}\n\n'
ADMISSION = Admission(Payer("user_id", "u"), PriceRule(), False, 9_000, 50, 0, {})


@pytest.fixture
def following(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(httpx.AsyncClient, "send", httpx.AsyncClient.send)  # put back in the end
    follow_provider_streams()


@pytest.fixture
def call() -> Iterator[Call]:
    call = Call("/v1/chat/completions", admission=ADMISSION)
    token = current_call.set(call)
    yield call
    current_call.reset(token)


async def stream(
    body: bytes, *, status: int = 200, encoding: str | None = None, kind: str = "text/event-stream"
) -> bytes:
    """Reads a provider's stream to its end, as an SDK does."""

    async def pieces() -> AsyncIterator[bytes]:
        sent = gzip.compress(body) if encoding else body
        for start in range(0, len(sent), 10):
            yield sent[start : start + 10]

    headers = {"content-type": kind} | ({"content-encoding": encoding} if encoding else {})
    transport = httpx.MockTransport(lambda _: httpx.Response(status, headers=headers, content=pieces()))
    async with (
        httpx.AsyncClient(transport=transport) as client,
        client.stream("POST", "http://provider/v1/chat/completions", json={}) as response,
    ):
        return b"".join([piece async for piece in response.aiter_bytes(chunk_size=7)])


@pytest.mark.usefixtures("following")
class TestUsageIsGuessed:
    @pytest.mark.parametrize("encoding", [None, "gzip"])
    @pytest.mark.parametrize(("body", "guessed"), [(ANSWER, True), (ANSWER + USAGE, False)])
    async def test_where_no_stream_reports_it(
        self, body: bytes, guessed: bool, encoding: str | None, call: Call
    ) -> None:
        assert await stream(body, encoding=encoding) == body
        assert call.usage_is_guessed is guessed

    async def test_not_where_another_attempt_reports_it(self, call: Call) -> None:
        await stream(ANSWER)
        await stream(ANSWER + USAGE)
        assert not call.usage_is_guessed

    async def test_not_by_an_error_of_a_provider(self, call: Call) -> None:
        await stream(ANSWER, status=500)
        assert not call.usage_is_guessed

    @pytest.mark.parametrize("admission", [None, replace(ADMISSION, free=True)])
    async def test_not_of_a_call_that_is_free_or_not_admitted(
        self, admission: Admission | None, call: Call
    ) -> None:
        call.admission = admission
        await stream(ANSWER)
        assert call.upstream.reported_usages == []

    @pytest.mark.parametrize(
        ("kind", "guessed"),
        [
            ("text/event-stream; charset=utf-8", True),
            ("application/x-ndjson", True),
            ("application/json", True),
            ("", True),
            ("application/vnd.amazon.eventstream", False),
            ("audio/mpeg", False),
        ],
    )
    async def test_by_streams_of_text_alone(self, kind: str, guessed: bool, call: Call) -> None:
        await stream(ANSWER, kind=kind)
        assert call.usage_is_guessed is guessed
