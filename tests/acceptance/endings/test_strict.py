"""BILLING_STRICT: whatever races for a balance, no call takes it below zero."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal

from tests.acceptance.customers import Customer
from tests.acceptance.endings.credit import APIS, CUT, chat

STREAMS = 8
CREDIT = Decimal("0.01")
BYTES_A_TOKEN = 8  # of the demo models' words, at most on average


class TestStrict:
    def test_streams_that_race_for_one_balance_never_overdraw_it(
        self, strict_customer: Callable[..., Customer]
    ) -> None:
        customer = strict_customer(credit=str(CREDIT))
        with ThreadPoolExecutor(STREAMS) as threads:
            ended = list(threads.map(lambda _: chat(customer, limit=6_000), range(STREAMS)))
        assert any(one.error is not None and one.pieces for one in ended)
        assert all(one.error is not None or one.finish == "length" for one in ended)
        customer.settled(charges=1)
        balance = customer.balance()["balance"]
        assert 0 <= balance < CREDIT
        assert balance == sum(Decimal(str(entry["amount"])) for entry in customer.transactions())

    def test_each_api_ends_where_its_bytes_could_cost_more(
        self, strict_customer: Callable[..., Customer]
    ) -> None:
        for name, stream in APIS.items():
            customer = strict_customer(credit="0.003")
            ended = stream(customer)
            assert ended.finish == CUT[name]
            assert ended.error is not None
            [charge] = customer.settled(charges=1)
            shown = sum(len(piece.encode()) for piece in ended.pieces)
            assert shown * Decimal("0.0000006") <= Decimal("0.003")
            assert -Decimal(str(charge["amount"])) > Decimal("0.003") / BYTES_A_TOKEN
