"""The ledger against itself: each row that somebody alters is found, and a dead call's hold is ended."""

from __future__ import annotations

import pytest

from billing.reconcile.schemas import Repair, Source
from tests.integration.reconcile.conftest import World

LEDGER = Source.LEDGER
BALANCES, HOLDS = 'billing."LiteLLM_StripeBalanceTable"', 'billing."LiteLLM_StripeHoldTable"'
TRANSACTIONS = 'billing."LiteLLM_StripeTransactionTable"'
TAMPERING = {
    "balance_is_sum_of_entries": f"UPDATE {BALANCES} SET balance = balance + 1",
    "held_is_sum_of_open_holds": f"UPDATE {BALANCES} SET held = held + 1",
    "total_spent_is_sum_of_charges": f"UPDATE {BALANCES} SET total_spent = total_spent - 5",
    "total_topups_is_sum_of_topups": f"UPDATE {BALANCES} SET total_topups = 1",
    "entries_form_a_chain": f"UPDATE {TRANSACTIONS} SET balance_after = balance_after + 1 WHERE amount < 0",
    "charge_of_a_call_is_in_the_books": f"UPDATE {HOLDS} SET charged = charged + 1 WHERE status = 'settled'",
    "open_holds_are_listed": 'DELETE FROM billing."LiteLLM_StripeOpenHoldTable"',
}


async def test_books_that_nobody_touched_agree(world: World) -> None:
    await world.credit()
    await world.call()
    await world.hold()
    report = await world.run()
    assert report.clean
    assert [book.differences for book in report.books] == [[], [], []]


@pytest.mark.parametrize("rule", list(TAMPERING))
async def test_an_altered_row_is_found(rule: str, world: World) -> None:
    await world.credit()
    await world.call()
    await world.hold()
    await world.alter(TAMPERING[rule].encode())
    found = await world.compare(LEDGER)
    assert rule in {one.rule for one in found.differences}
    assert all(one.repair is None for one in found.differences), "no program may decide what is true here"


async def test_drift_is_the_sum_of_all_errors_whatever_their_sign(world: World) -> None:
    await world.credit()
    await world.alter(f"UPDATE {BALANCES} SET balance = balance + 7, total_topups = 5".encode())
    found = await world.compare(LEDGER)
    assert found.drift_nanos == 12


class TestHoldThatNobodyEnds:
    async def test_is_ended_by_the_rule_for_unconfirmed_calls(self, world: World) -> None:
        await world.credit()
        key = await world.hold(lease_s=1, no_event_charge_nanos=4_000)
        await overdue(world, key)
        found = await world.only(LEDGER)
        assert (found.rule, found.subject, found.repair) == ("every_hold_ends", key, Repair.END)
        assert (await world.only(LEDGER, apply=True)).repaired
        assert (await world.compare(LEDGER)).differences == []
        hold = await world.ledger.hold_of(key)
        assert (hold.status.value, hold.charged_nanos) == ("expired", 4_000)

    async def test_is_charged_its_real_cost_where_the_log_has_it(self, world: World) -> None:
        await world.credit()
        key = await world.hold(lease_s=1)
        await world.log(key, "0.000042")
        await overdue(world, key)
        await world.compare(LEDGER, apply=True)
        hold = await world.ledger.hold_of(key)
        assert (hold.status.value, hold.charged_nanos) == ("settled", 42_000)
        assert (await world.run()).clean

    async def test_is_left_alone_when_its_gateway_is_back(self, world: World) -> None:
        await world.credit()
        key = await world.hold(lease_s=1)
        await overdue(world, key)
        found = await world.compare(LEDGER)
        await world.ledger.renew([key], 60)
        repaired = await world.reconciliation.repair(found.differences[0])
        assert not repaired.repaired
        assert (await world.ledger.hold_of(key)).status.value == "open"


async def overdue(world: World, key: str) -> None:
    """A lease that ended a second ago, as if the time had passed."""
    await world.execute(
        f"UPDATE {HOLDS} SET lease_expires_at = now() - interval '1 second' WHERE key = %s".encode(), key
    )
