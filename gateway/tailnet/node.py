"""One node: connects to it, checks whether it is alive, and reports its problems."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress

from gateway.tailnet.errors import DaemonFailed, PeerSilent, TailnetError, Unreachable
from gateway.tailnet.localapi import LocalApi, StreamPair
from gateway.tailnet.peers import Status, find_peer
from gateway.tailnet.plan import Forward
from gateway.tailnet.watch import until_gone

Dial = Callable[[str, int], Awaitable[StreamPair]]


class Node:
    """The remote end of a forward. `trouble` is the last error, until an attempt or a ping succeeds."""

    def __init__(self, forward: Forward, api: LocalApi, dial: Dial, *, timeout_s: float) -> None:
        self.forward = forward
        self.trouble = ""
        self._api = api
        self._dial = dial
        self._timeout_s = timeout_s

    async def connect(self) -> StreamPair:
        """Opens a connection to the node; the caller closes it. Raises a TailnetError within `timeout_s`."""
        try:
            async with asyncio.timeout(self._timeout_s):
                link = await self._connect()
        except TimeoutError as error:  # tailscaled itself did not answer
            raise DaemonFailed("tailscaled does not answer") from error
        except PeerSilent as error:
            self.trouble = str(error)
            raise
        self.trouble = ""
        return link

    async def _connect(self) -> StreamPair:
        """Dials, and pings when half of the time is over.

        A port blocked by policy and a sleeping device look the same: no answer, ever. The ping tells them
        apart. The last tenth of the time is for reporting it.
        """
        _, address = find_peer(await self._api.status(), self.forward.host)
        answers = asyncio.ensure_future(self._answers(address, after_s=self._timeout_s * 0.5))
        try:
            async with asyncio.timeout(self._timeout_s * 0.9):
                return await self._dial(address, self.forward.port)
        except TimeoutError:
            raise self._silence(answers=answers.done() and answers.result()) from None
        finally:
            answers.cancel()

    async def _answers(self, address: str, *, after_s: float) -> bool:
        await asyncio.sleep(after_s)
        with suppress(TailnetError):
            await self._api.ping(address)
            return True
        return False

    def _silence(self, *, answers: bool) -> Unreachable:
        if answers:
            return Unreachable(
                f"the device is up, but there is no answer from its port {self.forward.port}: does the "
                "tailnet's policy allow it?"
            )
        return PeerSilent("no answer: asleep, switched off, or cut off")

    async def until_gone(self, *, interval_s: float, gone_after_s: float) -> str:
        """Returns the reason once open connections are dead."""
        why = await until_gone(self._session, interval_s=interval_s, gone_after_s=gone_after_s)
        self.trouble = why
        return why

    async def _session(self) -> str:
        """Pings and returns the device's session id. Raises a TailnetError if it is gone."""
        _, address = find_peer(await self._api.status(), self.forward.host)
        await self._api.ping(address)
        return await self._api.session(address)

    async def look(self, status: Status, timeout_s: float) -> str:
        """Returns the node's problem, or an empty text. Only pings nodes in trouble: others may sleep."""
        try:
            peer, address = find_peer(status, self.forward.host)
        except Unreachable as error:
            return str(error)
        if not peer.online:
            return "offline"
        if self.trouble:
            with suppress(TimeoutError, TailnetError):
                async with asyncio.timeout(timeout_s):
                    await self._api.ping(address)
                    self.trouble = ""
        return self.trouble
