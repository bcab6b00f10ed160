"""Waits until a process answers, or reports why it does not."""

from __future__ import annotations

import asyncio

import httpx

from devkit.run.processes import RunningProcess, log_tail
from gateway.failures import ProcessFailed

POLL_S = 0.05
ANSWER_WITHIN_S = 5.0


async def until_answers(process: RunningProcess, url: str, within_s: float) -> None:
    """Returns when `url` answers 200. Raises ProcessFailed if the process exits, or after `within_s`."""
    try:
        async with (
            asyncio.timeout(within_s),
            httpx.AsyncClient(timeout=ANSWER_WITHIN_S, trust_env=False) as client,
        ):
            while not await _answers(client, url):
                if process.process.returncode is not None:
                    raise process.failure()
                await asyncio.sleep(POLL_S)
    except TimeoutError as error:
        message = f"{process.name} was not ready in {within_s:.0f} s; its log is {process.log}"
        raise ProcessFailed(message, log_tail(process.log)) from error
    process.ready = True


async def _answers(client: httpx.AsyncClient, url: str) -> bool:
    try:
        return (await client.get(url)).status_code == httpx.codes.OK
    except httpx.TransportError:
        return False
