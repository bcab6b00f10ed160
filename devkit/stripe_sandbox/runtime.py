"""The running sandbox: its state, how operations run, and its two background tasks."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TypeVar

from devkit.stripe_sandbox.errors import StripeFault
from devkit.stripe_sandbox.ids import new_id
from devkit.stripe_sandbox.objects.events import WebhookEndpoint
from devkit.stripe_sandbox.operation import API_VERSION, Operation
from devkit.stripe_sandbox.store import Store
from devkit.stripe_sandbox.switches import Switches

MAIN_ENDPOINT_ID = "we_sandbox_main"
V = TypeVar("V")


@dataclass(frozen=True, slots=True)
class _Kept:
    """A fault whose work is committed."""

    fault: StripeFault


def _attempt(run: Callable[[Operation], V], operation: Operation) -> V | _Kept:
    try:
        return run(operation)
    except StripeFault as fault:
        if not fault.keeps_work:
            raise
        return _Kept(fault)


@dataclass(slots=True)
class Sandbox:
    """Created once at start-up; `wake` tells the background tasks that there may be work."""

    store: Store
    api_keys: tuple[str, ...]
    public_url: str
    wake_deliverer: asyncio.Event = field(default_factory=asyncio.Event)
    wake_timers: asyncio.Event = field(default_factory=asyncio.Event)
    idle: asyncio.Event = field(default_factory=asyncio.Event)
    in_flight: set[str] = field(default_factory=set)  # idempotency keys of calls that are still running

    @property
    def switches(self) -> Switches:
        """The current switches."""
        return self.store.get(Switches, "switches") or Switches()

    def operate(
        self,
        run: Callable[[Operation], V],
        *,
        request_id: str | None = None,
        idempotency_key: str | None = None,
    ) -> V:
        """Runs an operation in one transaction. A StripeFault rolls it back, unless it keeps its work."""
        operation = Operation(
            store=self.store,
            switches=self.switches,
            public_url=self.public_url,
            request_id=request_id,
            idempotency_key=idempotency_key,
        )
        try:
            with self.store.transaction():
                outcome = _attempt(run, operation)
        finally:
            self.wake()
        if isinstance(outcome, _Kept):
            raise outcome.fault
        return outcome

    def wake(self) -> None:
        """Wakes the background tasks."""
        self.idle.clear()
        self.wake_deliverer.set()
        self.wake_timers.set()

    def install_endpoint(self, url: str, secrets: list[str]) -> None:
        """The endpoint from the command line: gets every event, signed with each secret."""
        endpoint = WebhookEndpoint(
            id=MAIN_ENDPOINT_ID,
            created=int(time.time()),
            api_version=API_VERSION,
            description="From the command line",
            enabled_events=["*"],
            secrets=secrets,
            url=url,
        )
        with self.store.transaction():
            self.store.put(endpoint)


def new_request_id() -> str:
    """`req_…`"""
    return new_id("req_", 14)
