"""What Stripe says a session is decides what is credited: sessions that no test card can make."""

from __future__ import annotations

import asyncio
from decimal import Decimal

import pytest

from billing.errors import StripeUnavailable
from billing.settings import Settings
from billing.topups.schemas import CheckoutSession, Outcome, Verdict
from tests.integration.conftest import People
from tests.integration.plain_gateway import Gateway, Json, Sandbox, odd_stripe, run_gateway


async def apply(gateway: Gateway, session: CheckoutSession, **changes: object) -> Verdict:
    async with gateway.pool.connection() as connection, connection.transaction():
        return await gateway.billing.fulfilment.apply_in(connection, session.model_copy(update=changes))


@pytest.fixture
async def paid(gateway: Gateway, people: People, sandbox: Sandbox) -> CheckoutSession:
    """A paid session that nothing was done about yet."""
    session_id = await gateway.topup(people.alice)
    await sandbox.pay(session_id)
    session = await gateway.billing.fulfilment.retrieve(session_id)
    assert session is not None
    return session


class TestNeverCredited:
    @pytest.mark.parametrize(
        ("changes", "reason"),
        [
            ({"mode": "subscription"}, "mode subscription"),
            ({"livemode": True}, "livemode=True"),
            ({"currency": "eur"}, "in eur"),
            ({"currency": None}, "in None"),
            ({"amount_total": -1}, "no payment"),
            ({"amount_total": 10**12}, "no payment"),  # more than a ledger row can hold
            ({"id": "cs_test_other"}, "belongs to session"),
            ({"id": "cs_test_other", "client_reference_id": "ord_other"}, "no order"),
            ({"id": "cs_test_other", "client_reference_id": None}, "no order"),
        ],
    )
    async def test_a_paid_session_that_does_not_fit(
        self, gateway: Gateway, people: People, paid: CheckoutSession, changes: dict[str, object], reason: str
    ) -> None:
        verdict = await apply(gateway, paid, **changes)
        assert verdict.outcome is Outcome.PARKED
        assert reason in str(verdict.reason)
        assert await gateway.balance(people.alice) == 0
        assert (await apply(gateway, paid)).outcome is Outcome.CREDITED  # the right one still is

    async def test_an_order_of_the_other_mode(
        self, settings: Settings, gateway: Gateway, people: People, paid: CheckoutSession
    ) -> None:
        live = Settings.model_validate({**settings.model_dump(), "stripe_api_key": "sk_live_x"})
        async with run_gateway(live) as other:
            assert (await apply(other, paid, livemode=True)).outcome is Outcome.PARKED
        assert await gateway.balance(people.alice) == 0


class TestTwoAtOnce:
    async def test_the_second_waits_and_finds_it_paid(
        self, gateway: Gateway, people: People, paid: CheckoutSession
    ) -> None:
        async with gateway.pool.connection() as connection, connection.transaction():
            first = await gateway.billing.fulfilment.apply_in(connection, paid)
            second = asyncio.create_task(apply(gateway, paid))
            await self._is_waiting(gateway, connection.info.backend_pid)
        assert first.outcome is Outcome.CREDITED
        assert (await second).outcome is Outcome.ALREADY_PAID
        assert await gateway.balance(people.alice) == Decimal("10.00")

    async def _is_waiting(self, gateway: Gateway, pid: int) -> None:
        """Until some connection waits for a lock of the connection `pid`."""
        query = b"SELECT 1 FROM pg_stat_activity WHERE %(pid)s = ANY(pg_blocking_pids(pid))"
        async with asyncio.timeout(10):
            while not await gateway.rows(query, pid=pid):
                continue  # the question itself lets the other task run


class TestWhatIsCredited:
    async def test_what_was_paid_not_what_was_ordered(
        self, gateway: Gateway, people: People, paid: CheckoutSession
    ) -> None:
        assert (await apply(gateway, paid, amount_total=700)).outcome is Outcome.CREDITED
        assert await gateway.balance(people.alice) == Decimal("7.00")

    async def test_nothing_where_nothing_was_due(
        self, gateway: Gateway, people: People, paid: CheckoutSession
    ) -> None:
        free = await apply(gateway, paid, amount_total=0, payment_status="no_payment_required")
        assert free.outcome is Outcome.CREDITED
        assert free.order is not None
        assert free.order.paid_nanos == 0
        assert await gateway.balance(people.alice) == 0
        assert (await apply(gateway, paid)).outcome is Outcome.ALREADY_PAID


async def test_a_refusal_of_stripe_that_is_no_404_decides_nothing(
    settings: Settings, gateway: Gateway, people: People, paid: CheckoutSession
) -> None:
    refusal: Json = {
        "type": "invalid_request_error",
        "message": "No.",
        "code": "api_key_expired",
    }
    async with (
        odd_stripe({"error": refusal}, 400) as url,
        run_gateway(settings.model_copy(update={"stripe_api_base": url})) as odd,
    ):
        with pytest.raises(StripeUnavailable):
            await odd.billing.fulfilment.fulfil(paid.id)
    assert await gateway.balance(people.alice) == 0
