"""Follows the streams that providers send for a call: what they report, and that they end with the call.

Whether a provider reports usage is read from its bytes, before LiteLLM fills in a guess (`billing/rating/`).

When the client of a call has disconnected, LiteLLM stops reading and usually closes only the outermost of its
generators: the provider's response, in the innermost, stays open until Python collects it, seconds or minutes
later. Until then the provider is kept waiting, or continues to write and bill, and a connection is missing in
LiteLLM's pool. So we close it.
"""

from __future__ import annotations

import asyncio
import functools
import logging
from collections.abc import AsyncIterator
from contextlib import aclosing

import httpx

from billing.proxy.calls.call import Call, current_call
from billing.proxy.litellm.patches import SEND_TO_PROVIDER, check_known
from billing.rating.reported import ReportedUsage

logger = logging.getLogger(__name__)

_LITELLM_CLOSES_WITHIN_S = 0.25
_TEXT_STREAMS = ("", "text/event-stream", "text/plain")


def follow_provider_streams() -> None:
    """Records in each call the streams that providers open for it.

    Raises RuntimeError if the HTTP client of LiteLLM and its SDKs is not the one we know.
    """
    send = httpx.AsyncClient.send
    check_known(SEND_TO_PROVIDER, send)

    @functools.wraps(send)
    async def followed(
        self: httpx.AsyncClient, request: httpx.Request, *, stream: bool = False, **options: object
    ) -> httpx.Response:
        response = await send(self, request, stream=stream, **options)  # type: ignore[arg-type]  # passed on
        call = current_call.get()
        if stream and call is not None:
            call.upstream.provider_streams.append(response)
            if _is_billed(call) and response.is_success and _is_text(response):
                call.upstream.reported_usages.append(_reported_by(response))
        return response

    httpx.AsyncClient.send = followed  # type: ignore[method-assign]


def _is_billed(call: Call) -> bool:
    return call.admission is not None and not call.admission.free


def _is_text(response: httpx.Response) -> bool:
    """Whether the stream is of events or lines of JSON, and not AWS's binary frames, for instance."""
    kind = response.headers.get("content-type", "").partition(";")[0].strip().lower()
    return kind in _TEXT_STREAMS or kind.endswith(("json", "jsonl"))


def _reported_by(response: httpx.Response) -> ReportedUsage:
    """Reads along with whoever reads the response: all ways to read one decompressed use `aiter_bytes`."""
    reported = ReportedUsage()
    read = response.aiter_bytes

    async def read_along(chunk_size: int | None = None) -> AsyncIterator[bytes]:
        async with aclosing(read(chunk_size)) as pieces:  # type: ignore[type-var]  # an async generator
            async for piece in pieces:
                reported.feed(piece)
                yield piece

    response.aiter_bytes = read_along  # type: ignore[method-assign]
    return reported


class AbandonedStreams:
    """Closes streams that outlive their calls."""

    def __init__(self) -> None:
        self._closing: set[asyncio.Task[None]] = set()  # the event loop only keeps weak references

    def close_behind(self, call: Call) -> None:
        """After a call's response has ended, closes its open streams unless LiteLLM does so shortly.

        A call that was answered in full keeps its streams: LiteLLM may still read them in the background.
        """
        if call.delivery.in_full and not call.delivery.credit_ended:
            return
        if any(not response.is_closed for response in call.upstream.provider_streams):
            task = asyncio.get_running_loop().create_task(_close(call))
            self._closing.add(task)
            task.add_done_callback(self._closing.discard)


async def _close(call: Call) -> None:
    await asyncio.sleep(_LITELLM_CLOSES_WITHIN_S)
    for response in call.upstream.provider_streams:
        if response.is_closed:
            continue
        try:
            await response.aclose()
        except Exception as error:  # noqa: BLE001 - the call's other streams are closed nevertheless
            logger.warning("call %s: a provider's stream was not closed: %s", call.id, error)
