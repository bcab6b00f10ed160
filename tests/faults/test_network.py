"""The network of the fault run does what its faults say: else a run proves nothing."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator

import pytest

from billing.database import Pool, open_pool
from billing.errors import LedgerUnavailable
from billing.ledger import Ledger
from billing.ledger.schemas import Entry, HoldRequest, HoldStatus, LedgerLimits, Payer, TransactionKind
from tests.faults.network import Network, socket_file_of
from tests.postgres_server import database_of

ALICE = Payer("user_id", "alice")


@pytest.fixture
async def network(database_url: str) -> AsyncIterator[Network]:
    async with Network(socket_file_of(database_url)) as network:
        yield network


@pytest.fixture
async def far_pool(network: Network, database_url: str) -> AsyncIterator[Pool]:
    """Connections through the network."""
    pool = await open_pool(f"postgresql://postgres@127.0.0.1:{network.port}/{database_of(database_url)}")
    yield pool
    await pool.close()


@pytest.fixture
async def far(far_pool: Pool, ledger: Ledger) -> AsyncIterator[Ledger]:
    await ledger.post(Entry(ALICE, TransactionKind.TOPUP, 1000, "topup:1", "Top-up"))
    async with Ledger(far_pool, owner="far", limits=LedgerLimits(wait_s=3)) as far:
        await far.hold(
            HoldRequest("first", ALICE, 1, 0, 60)
        )  # the connection is open, its statement prepared
        yield far


async def test_a_lost_answer_is_that_of_a_commit(network: Network, far: Ledger, ledger: Ledger) -> None:
    network.cut_next(50, "answered")  # more often than a statement is tried
    with pytest.raises(LedgerUnavailable):
        await far.hold(HoldRequest("lost", ALICE, 10, 0, 60))
    assert network.lost_answers > 0
    hold = await ledger.hold_of("lost")  # Postgres had done it
    assert hold.amount_nanos == 10
    network.calm()
    async with asyncio.timeout(15):
        while (await ledger.hold_of("lost")).status is not HoldStatus.RELEASED:  # noqa: ASYNC110 - in Postgres
            await asyncio.sleep(0.01)


async def test_one_lost_answer_is_asked_for_again(network: Network, far: Ledger, ledger: Ledger) -> None:
    for when in ("answered", "sent"):
        network.cut_next(1, when)
        assert (await far.hold(HoldRequest(when, ALICE, 10, 0, 60))).status is HoldStatus.OPEN
    assert (network.lost_answers, network.cut_statements) == (1, 1)
    assert (await ledger.account(ALICE)).held_nanos == 21
    assert await ledger.verify() == []


async def test_a_slow_network_is_slow(network: Network, far: Ledger) -> None:
    network.delay_s = 0.2
    began = time.monotonic()
    await far.hold(HoldRequest("slow", ALICE, 10, 0, 60))
    assert time.monotonic() - began >= 0.4
