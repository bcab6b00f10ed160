"""Keeps this gateway in the tailnet and reports its status. Errors here never end the gateway."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path

from gateway.tailnet.daemon import Daemon
from gateway.tailnet.errors import DaemonFailed, JoinFailed, TailnetError
from gateway.tailnet.localapi import LocalApi
from gateway.tailnet.node import Node
from gateway.tailnet.peers import Status
from gateway.tailnet.plan import Plan
from gateway.tailnet.status import Report, TailnetStatus

LOOK_INTERVAL_S = 3.0
QUESTIONS_MAX = 3
RETRY_AFTER_S = 1.0
RETRY_AFTER_MAX_S = 60.0
TESTED_VERSION = "1.102."
WAITS_FOR_APPROVAL = "NeedsMachineAuth"
STARTS = "Starting"
logger = logging.getLogger(__name__)


class Membership:
    """Runs tailscaled permanently: joins, checks, and restarts with growing pauses after failures.

    A restart loses nothing more: the state is in memory, and the connections have ended with it.
    """

    def __init__(
        self, plan: Plan, directory: Path, api: LocalApi, nodes: Sequence[Node], report: Report
    ) -> None:
        self._plan = plan
        self._directory = directory
        self._api = api
        self._nodes = nodes
        self._report = report
        self._told: TailnetStatus | None = None
        self._retry_after_s = RETRY_AFTER_S

    async def keep(self) -> None:
        """Never returns."""
        while True:
            try:
                async with Daemon(self._plan, self._directory, self._api) as daemon:
                    await self._stay(daemon)
            except TailnetError as error:
                self._tell(str(error))
            except Exception:  # outermost loop of a task: a bug must not end the tailnet for good
                logger.exception("keeping the tailnet failed")
                self._tell("an internal error; see the gateway's log")
            await asyncio.sleep(self._retry_after_s)
            self._retry_after_s = min(2 * self._retry_after_s, RETRY_AFTER_MAX_S)

    async def _stay(self, daemon: Daemon) -> None:
        """Joins once, then checks every few seconds. Raises a TailnetError if this tailscaled is unusable."""
        await self._join(daemon)
        while True:
            status = await self._status(daemon)
            if status.running:
                self._retry_after_s = RETRY_AFTER_S
                self._tell(await self._what_is_wrong(status))
            elif status.backend_state == WAITS_FOR_APPROVAL:
                self._tell("an admin of the tailnet has to approve this device")
            elif status.backend_state != STARTS:
                raise DaemonFailed("this gateway was removed from the tailnet; joining again")
            await daemon.ended(LOOK_INTERVAL_S)

    async def _status(self, daemon: Daemon) -> Status:
        """Retries before giving up: on a busy machine a late answer must not end all connections."""
        for _ in range(QUESTIONS_MAX - 1):
            with suppress(DaemonFailed):
                return await self._api.status()
            await daemon.ended(LOOK_INTERVAL_S)
        return await self._api.status()

    async def _join(self, daemon: Daemon) -> None:
        """Joins. A device that waits for approval is kept: a new one would have to wait, too."""
        self._warn_of_other_version(await self._api.status())
        try:
            await daemon.join()
        except JoinFailed:
            if (await self._api.status()).backend_state != WAITS_FOR_APPROVAL:
                raise

    async def _what_is_wrong(self, status: Status) -> str:
        found = await asyncio.gather(*(node.look(status, LOOK_INTERVAL_S) for node in self._nodes))
        names = [node.forward.name for node in self._nodes]
        wrong = [f"{name}: {what}" for name, what in zip(names, found, strict=True) if what]
        return "; ".join([*wrong, *self._wrong_with_us(status)])

    def _wrong_with_us(self, status: Status) -> Iterator[str]:
        if status.this is None or not status.this.online:
            yield "no contact with the control server"
        elif missing := set(self._plan.tags).difference(status.this.tags or ()):
            yield f"joined without {', '.join(sorted(missing))}, which the key must allow"

    def _tell(self, wrong: str) -> None:
        status = TailnetStatus("degraded" if wrong else "connected", wrong)
        if status == self._told:
            return
        self._told = status
        logger.log(logging.WARNING if wrong else logging.INFO, "tailnet: %s", wrong or "connected")
        self._report(status)

    def _warn_of_other_version(self, status: Status) -> None:
        if not status.version.startswith(TESTED_VERSION):
            logger.warning(
                "tailscaled is %s; %sx was tested. If calls do not reach their nodes, set "
                "TAILNET_SOCKS5_PORT.",
                status.version,
                TESTED_VERSION,
            )
