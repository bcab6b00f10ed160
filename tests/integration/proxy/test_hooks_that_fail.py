"""A bug in one of our hooks, under LiteLLM's own code: nothing is served unheld, no hold stays open."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import litellm
import pytest
from litellm.caching.caching import DualCache
from litellm.proxy._types import UserAPIKeyAuth
from litellm.proxy.utils import ProxyLogging

from billing.database import Pool
from billing.ledger import Ledger
from billing.ledger.schemas import TransactionKind
from billing.proxy.calls.call import Call, current_call
from billing.proxy.calls.request_end import RequestEnds
from billing.proxy.calls.sweeper import Sweeper
from billing.proxy.litellm.hooks import _PROXY_BillingLogger
from billing.proxy.litellm.mount import mount_hooks, unmount_hooks
from billing.settings import Settings
from tests.integration.proxy.test_late_events import (
    CALL,
    INPUT,
    SPEND_LOGS,
    Process,
    admit,
    books,
)

QUESTION = {"model": "gpt-4o-mini", "messages": [{"role": "user", "content": "hello"}]}


class Buggy:
    """Stands for a decision of ours that ends in an exception nobody thought of."""

    def __init__(self) -> None:
        self.asked = asyncio.Event()

    async def admit(self, *_: object) -> None:
        self.asked.set()
        raise ZeroDivisionError

    def charge(self, *_: object) -> None:
        self.asked.set()
        raise ZeroDivisionError


@pytest.fixture
def bug() -> Buggy:
    return Buggy()


@pytest.fixture(autouse=True)
def mounted(bug: Buggy) -> Iterator[None]:
    """LiteLLM with our hooks, whose decisions fail."""
    hook = _PROXY_BillingLogger(bug, bug, Settings(_env_file=None))  # type: ignore[arg-type]  # see Buggy
    mount_hooks(hook)
    yield
    unmount_hooks(hook)


async def test_before_the_call_stops_it(bug: Buggy) -> None:
    current_call.set(Call("/v1/chat/completions"))
    logging = ProxyLogging(user_api_key_cache=DualCache())
    with pytest.raises(ZeroDivisionError):
        await logging.pre_call_hook(UserAPIKeyAuth(user_id="u"), {**QUESTION}, "acompletion")
    assert bug.asked.is_set()


async def test_at_its_success_leaves_it_to_the_watchdog_and_the_sweeper(
    bug: Buggy, ledger: Ledger, pool: Pool
) -> None:
    await admit(ledger, no_event_charge_nanos=INPUT)
    settings = Settings(_env_file=None, billing_watchdog_s=0.01)
    process = Process(ledger, settings)
    current_call.set(process.call)
    await litellm.acompletion(**QUESTION, mock_response="hello")
    async with asyncio.timeout(30):
        await bug.asked.wait()
    process.call.upstream.dispatched, process.call.delivery.status, process.call.delivery.body_bytes = (
        True,
        200,
        10,
    )
    RequestEnds(process.open_calls, settings).request_ended(process.call)
    process.call.delivery.ended_at = -1e9
    await process.open_calls.renew_leases()
    assert len(process.open_calls) == 0
    async with pool.connection() as connection:
        await connection.execute(SPEND_LOGS)
        await connection.execute('UPDATE "LiteLLM_StripeHoldTable" SET lease_expires_at = now()')
    await Sweeper(ledger, pool).sweep()
    assert await books(ledger) == [(TransactionKind.CHARGE, -INPUT, "no_event")]
    assert [listed.hold.key for listed in await ledger.for_review()] == [CALL]
