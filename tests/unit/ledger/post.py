"""The sending side of a committer, in the test's hand."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from billing.ledger.group_commit import GroupCommitter


@dataclass(frozen=True)
class Request:
    key: str


class Post:
    """Takes batches and answers when the test says so."""

    def __init__(self) -> None:
        self.batches: list[list[str]] = []
        self.arrived: asyncio.Queue[asyncio.Future[None]] = asyncio.Queue()
        self.errors: dict[str, Exception] = {}
        self.abandoned_holds: list[tuple[str, str | None]] = []
        self.single: dict[str, Callable[[str | Exception | None], None]] = {}

    async def send(self, requests: Sequence[Request]) -> list[str | Exception]:
        self.batches.append([request.key for request in requests])
        gate: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.arrived.put_nowait(gate)
        await gate
        return [self.errors.get(request.key, request.key.upper()) for request in requests]

    async def let_go(self) -> None:
        (await self.arrived.get()).set_result(None)

    def abandoned(self, request: Request, answer: str | None) -> None:
        self.abandoned_holds.append((request.key, answer))

    def send_single(self, request: Request, landed: Callable[[str | Exception | None], None]) -> bool:
        self.single[request.key] = landed
        return True

    def committer(
        self,
        *,
        queue_max: int = 10,
        batch_max: int = 10,
        wait_s: float = 30.0,
        drop_unsent: bool = False,
        send_single: bool = False,
    ) -> GroupCommitter[Request, str]:
        return GroupCommitter(
            self.send,
            send_single=self.send_single if send_single else lambda request, landed: False,
            queue_max=queue_max,
            batch_max=batch_max,
            wait_s=wait_s,
            may_drop=lambda request: drop_unsent,
            abandoned=self.abandoned,
        )


def submit(committer: GroupCommitter[Request, str], *keys: str) -> list[asyncio.Task[str]]:
    return [asyncio.ensure_future(committer.submit(Request(key))) for key in keys]
