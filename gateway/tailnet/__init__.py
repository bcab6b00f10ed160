"""The tailnet: makes each of its nodes available on a port of the gateway's loopback.

    gateway ── http://127.0.0.1:11501 ── forwarder ── tailscaled ══ tailnet ══ hugo:11434
       └────── Stripe, providers, database: direct

Runs in the supervisor (`gateway/start/`), so that several gateway processes share one tailscaled.
"""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial
from pathlib import Path

from billing.errors import NotConfigured
from billing.settings import Settings
from gateway.tailnet import socks5
from gateway.tailnet.daemon import missing_programs
from gateway.tailnet.forwarder import Forwarder
from gateway.tailnet.localapi import LocalApi
from gateway.tailnet.membership import Membership
from gateway.tailnet.node import Node
from gateway.tailnet.plan import Forward, Plan, read_plan
from gateway.tailnet.status import Report

__all__ = ["open_tailnet"]


@asynccontextmanager
async def open_tailnet(settings: Settings, report: Report) -> AsyncIterator[None]:
    """Checks the settings and opens the forwarders within two seconds; joins in the background.

    On exit, stops tailscaled and closes everything within two seconds. Problems of the tailnet in between are
    reported and retried, never raised. The key comes from `settings`, which the supervisor has read before
    removing the key from every environment.

    Raises NotConfigured if the settings cannot work.
    """
    plan = read_plan(settings)
    if missing := missing_programs():
        raise NotConfigured(f"TAILSCALE_AUTH_KEY is set, but {' and '.join(missing)} are not installed.")
    async with AsyncExitStack() as stack:
        directory = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="tailnet-")))
        api = LocalApi(directory / "tailscaled.sock")
        nodes = [_node(plan, forward, api) for forward in plan.forwards]
        for node in nodes:
            await stack.enter_async_context(_forwarder(plan, node))
        keeping = asyncio.create_task(Membership(plan, directory, api, nodes, report).keep())
        stack.push_async_callback(_end, keeping)
        yield


def _node(plan: Plan, forward: Forward, api: LocalApi) -> Node:
    dial = api.dial if plan.socks5_port is None else partial(socks5.dial, plan.socks5_port)
    return Node(forward, api, dial, timeout_s=plan.dial_timeout_s)


def _forwarder(plan: Plan, node: Node) -> Forwarder:
    until_gone = partial(node.until_gone, interval_s=plan.ping_interval_s, gone_after_s=plan.gone_after_s)
    return Forwarder(node.forward, node.connect, until_gone, connections_max=plan.connections_max)


async def _end(task: asyncio.Task[None]) -> None:
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
