"""Waits until a part answers, or says why it does not."""

from __future__ import annotations

import asyncio

import httpx

from devkit.run.parts import Part, log_tail
from gateway.start.failures import PartFailed

POLL_S = 0.05
ANSWER_WITHIN_S = 5.0


async def until_answers(part: Part, url: str, within_s: float) -> None:
    """Returns when `url` answers 200. Raises PartFailed when the part ends, or after `within_s` seconds."""
    try:
        async with (
            asyncio.timeout(within_s),
            httpx.AsyncClient(timeout=ANSWER_WITHIN_S, trust_env=False) as client,
        ):
            while not await _answers(client, url):
                if part.process.returncode is not None:
                    raise part.failure()
                await asyncio.sleep(POLL_S)
    except TimeoutError as error:
        message = f"{part.name} was not ready in {within_s:.0f} s; its log is {part.log}"
        raise PartFailed(message, log_tail(part.log)) from error
    part.ready = True


async def _answers(client: httpx.AsyncClient, url: str) -> bool:
    try:
        return (await client.get(url)).status_code == httpx.codes.OK
    except httpx.TransportError:
        return False
