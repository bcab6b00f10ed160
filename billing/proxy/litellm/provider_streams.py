"""Closes what providers still stream to a call whose client has left.

LiteLLM then stops to read, and of most APIs closes the outermost of the generators that do: the provider's
response, in the innermost, stays open until Python collects it, seconds or minutes later. Until then the
provider is kept waiting, or writes and bills on, and a connection is missing in LiteLLM's pool.
"""

from __future__ import annotations

import asyncio
import functools
import logging

import httpx

from billing.proxy.calls.call import Call, current_call
from billing.proxy.litellm.patches import SEND_TO_PROVIDER, check_known

logger = logging.getLogger(__name__)

_LITELLM_CLOSES_WITHIN_S = 0.25


def follow_provider_streams() -> None:
    """Notes in each call the streams that providers open to it.

    Raises RuntimeError where the HTTP client of LiteLLM and of its SDKs is not the one we know.
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
        return response

    httpx.AsyncClient.send = followed  # type: ignore[method-assign]


class AbandonedStreams:
    """Closes streams behind calls that ended before them."""

    def __init__(self) -> None:
        self._closing: set[asyncio.Task[None]] = set()  # the event loop alone would forget them

    def close_behind(self, call: Call) -> None:
        """After the end of a call's response: closes what is open of it, unless LiteLLM does so at once.

        A call that was answered in full keeps what it has: LiteLLM may go on reading in the background.
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
        except Exception as error:  # noqa: BLE001 - the call's other streams are closed all the same
            logger.warning("call %s: a provider's stream was not closed: %s", call.id, error)
