"""The sending side of a lane, in the test's hand."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from billing.ledger.lanes import Lane


@dataclass(frozen=True)
class Request:
    key: str


class Post:
    """Takes batches and answers when the test says so."""

    def __init__(self) -> None:
        self.batches: list[list[str]] = []
        self.arrived: asyncio.Queue[asyncio.Future[None]] = asyncio.Queue()
        self.errors: dict[str, Exception] = {}
        self.orphans: list[tuple[str, str | None]] = []
        self.lone: dict[str, Callable[[str | Exception | None], None]] = {}

    async def send(self, requests: Sequence[Request]) -> list[str | Exception]:
        self.batches.append([request.key for request in requests])
        gate: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.arrived.put_nowait(gate)
        await gate
        return [self.errors.get(request.key, request.key.upper()) for request in requests]

    async def let_go(self) -> None:
        (await self.arrived.get()).set_result(None)

    def orphaned(self, request: Request, answer: str | None) -> None:
        self.orphans.append((request.key, answer))

    def express(self, request: Request, landed: Callable[[str | Exception | None], None]) -> bool:
        self.lone[request.key] = landed
        return True

    def lane(
        self,
        *,
        queue_max: int = 10,
        batch_max: int = 10,
        wait_s: float = 30.0,
        drop_unsent: bool = False,
        express: bool = False,
    ) -> Lane[Request, str]:
        return Lane(
            self.send,
            express=self.express if express else lambda request, landed: False,
            queue_max=queue_max,
            batch_max=batch_max,
            wait_s=wait_s,
            may_drop=lambda request: drop_unsent,
            orphaned=self.orphaned,
        )


def submit(lane: Lane[Request, str], *keys: str) -> list[asyncio.Task[str]]:
    return [asyncio.ensure_future(lane.submit(Request(key))) for key in keys]
