"""What LiteLLM's success events do to a call's hold: once each, whatever comes how often."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import cast

import pytest

from billing.ledger.schemas import Payer, Settlement
from billing.ledger.service import Ledger
from billing.prices.rule import PriceRule
from billing.proxy.admitted.call import Admission
from billing.proxy.calls.call import Call, Charges, Delivery
from billing.proxy.calls.open_calls import OpenCalls
from billing.proxy.calls.settlement_queue import SettlementQueue
from billing.settings import Settings
from tests.unit.proxy.litellm_events import HookedSuccesses as Successes

ADMISSION = Admission(Payer("user_id", "u"), PriceRule(), False, 1000, 5, 0, {"model": "demo"})


@dataclass
class Registry:
    """Notes what it is told to settle and to charge beside."""

    settled: list[int] = field(default_factory=list)
    charged_more: list[tuple[str, int]] = field(default_factory=list)

    def settle(self, call: Call, settlement: Settlement) -> None:
        self.settled.append(settlement.amount_nanos)

    def charge_more(self, call: Call, admission: Admission, settlement: Settlement, event_id: str) -> None:
        self.charged_more.append((event_id, settlement.amount_nanos))


def event(litellm_id: str, cost: float = 0.000002) -> dict[str, object]:
    logged = {"response_cost": cost, "total_tokens": 12}
    return {"litellm_call_id": litellm_id, "response_cost": cost, "standard_logging_object": logged}


@pytest.fixture
def registry() -> Registry:
    return Registry()


@pytest.fixture
def successes(registry: Registry) -> Successes:
    return Successes(cast(OpenCalls, registry))


class TestSuccessEvents:
    def test_of_one_provider_call_charge_once(self, successes: Successes, registry: Registry) -> None:
        call = Call("/v1/chat/completions", admission=ADMISSION)
        for cost in (0.000002, 0.000002, 0.000009):
            successes.charge(call, event("one", cost))
        assert (registry.settled, registry.charged_more) == ([2000], [])

    def test_of_a_second_provider_call_are_one_more_charge(
        self, successes: Successes, registry: Registry
    ) -> None:
        call = Call("/v1/chat/completions", admission=ADMISSION)
        for litellm_id in ("one", "two", "two", "one"):
            successes.charge(call, event(litellm_id))
        assert (registry.settled, registry.charged_more) == ([2000], [("two", 2000)])

    def test_of_unknown_cost_charge_the_hold(self, successes: Successes, registry: Registry) -> None:
        """LiteLLM's log says 0 for what it cannot price, also where there are no tokens to wonder about."""
        logged = {"response_cost": 0.0, "total_tokens": 0}
        unknown = {**event("one"), "response_cost": None, "standard_logging_object": logged}
        successes.charge(Call("/v1/images/generations", admission=ADMISSION), unknown)
        assert registry.settled == [ADMISSION.hold_nanos]

    def test_of_a_call_of_nobody_are_counted_and_not_charged(
        self, successes: Successes, registry: Registry
    ) -> None:
        successes.charge(None, event("one"))
        successes.charge(Call("/v1/chat/completions"), event("two"))
        assert (successes.without_call, registry.settled) == (2, [])


class TestLeases:
    @pytest.fixture
    def open_calls(self) -> OpenCalls:
        settings = Settings(billing_watchdog_s=5)
        return OpenCalls(cast(Ledger, None), SettlementQueue(), settings)

    def test_of_running_calls_are_renewed(self, open_calls: OpenCalls) -> None:
        call = Call("/v1/chat/completions", admission=ADMISSION)
        open_calls.add(call)
        assert open_calls.running() == [call.id]

    @pytest.mark.parametrize("resolving", [False, True])
    def test_of_a_call_that_ended_long_ago_are_not_unless_its_ending_is_under_way(
        self, open_calls: OpenCalls, resolving: bool
    ) -> None:
        call = Call(
            "/v1/chat/completions",
            admission=ADMISSION,
            delivery=Delivery(ended_at=-1e9),
            charges=Charges(resolving=resolving),
        )
        open_calls.add(call)
        assert open_calls.running() == ([call.id] if resolving else [])
