"""What LiteLLM's success events cost: from its cache, without a price, or with one that is none."""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal
from typing import cast

import pytest

from billing.ledger.schemas import Payer, Settlement
from billing.prices.rule import PriceRule
from billing.proxy.admitted.call import Admission
from billing.proxy.calls.call import Call
from billing.proxy.calls.open_calls import OpenCalls
from billing.proxy.max_cost.call_rules import CallRules
from billing.settings import CacheHitCharge
from tests.unit.proxy.deployments import deployment
from tests.unit.proxy.litellm_events import HookedSuccesses as Successes

RULE = PriceRule(Decimal(2), fee_nanos=500, floor_nanos=700)
HELD = 9_000


@dataclass
class Registry:
    """Keeps what it is told to settle and to charge beside."""

    settled: list[Settlement] = field(default_factory=list)
    more: list[Settlement] = field(default_factory=list)

    def settle(self, call: Call, settlement: Settlement) -> None:
        self.settled.append(settlement)

    def charge_more(self, call: Call, admission: Admission, settlement: Settlement, event_id: str) -> None:
        self.more.append(settlement)


def settled(event: dict[str, object], cache_hits: CacheHitCharge = "nothing") -> Settlement:
    registry = Registry()
    admission = Admission(Payer("user_id", "u"), RULE, False, HELD, 5, 0, {"model": "m"})
    call = Call("/v1/chat/completions", admission=admission)
    Successes(cast(OpenCalls, registry), cache_hits).charge(call, {"litellm_call_id": "one", **event})
    return registry.settled[0]


def cached(saved: object) -> dict[str, object]:
    logged = {"response_cost": 0.0, "total_tokens": 12, "cache_hit": True, "saved_cache_cost": saved}
    return {"response_cost": 0.0, "cache_hit": True, "standard_logging_object": logged}


def finished(cost: object, **logged: object) -> dict[str, object]:
    return {
        "response_cost": cost,
        "standard_logging_object": {"response_cost": cost, "total_tokens": 12, **logged},
    }


class TestACacheHit:
    @pytest.mark.parametrize(
        ("setting", "amount_nanos", "basis"),
        [("nothing", 0, "cache_hit"), ("rule", 700, "cache_hit"), ("full", 4_500, "cached_answer")],
    )
    def test_costs_what_the_setting_says(
        self, setting: CacheHitCharge, amount_nanos: int, basis: str
    ) -> None:
        settlement = settled(cached(0.000002), setting)
        assert (settlement.amount_nanos, settlement.estimate) == (amount_nanos, False)
        price = settlement.detail["price"]
        assert isinstance(price, dict)
        assert price["basis"] == basis

    @pytest.mark.parametrize("saved", [0.0, None, float("nan"), -1e-6])
    def test_whose_full_price_is_not_known_is_charged_at_its_hold(self, saved: object) -> None:
        settlement = settled(cached(saved), "full")
        assert (settlement.amount_nanos, settlement.estimate) == (HELD, True)


class TestACostThatIsNone:
    @pytest.mark.parametrize("cost", [None, float("nan"), float("inf"), -1e-6, "a lot", True, 0.0])
    def test_is_charged_at_the_hold_and_never_credited(self, cost: object) -> None:
        settlement = settled(finished(cost))
        assert (settlement.amount_nanos, settlement.estimate) == (HELD, True)
        assert settlement.ending == "finished_unpriced"
        assert settlement.detail["price"] == {
            "basis": "hold",
            "cost": None,
            "formula": None,
            "amount": "0.000009",
        }

    @pytest.mark.parametrize("cost", [None, 0.0, 0.5])
    def test_does_not_matter_where_a_rule_makes_the_deployment_free(self, cost: object) -> None:
        registry = Registry()
        free = PriceRule(free=True, id="price_1", source="api")
        admission = Admission(Payer("user_id", "u"), free, False, HELD, 5, 0, {"model": "m"})
        call = Call("/v1/chat/completions", admission=admission)
        event = {"litellm_call_id": "one", **finished(cost)}
        Successes(cast(OpenCalls, registry)).charge(call, event)
        [settlement] = registry.settled
        assert (settlement.amount_nanos, settlement.estimate) == (0, False)
        assert settlement.ending == "finished_free"

    def test_is_not_that_of_a_deployment_declared_free(self) -> None:
        registry = Registry()
        servers = (deployment("paid", "d1"), deployment("gift", "d2", billing="free"))
        rules = CallRules(RULE, {}, servers)
        admission = Admission(Payer("user_id", "u"), RULE, False, HELD, 5, 0, {"model": "m"}, rules)
        call = Call("/v1/chat/completions", admission=admission)
        served = finished(0.0, model_group="gift", model_id="d2")
        Successes(cast(OpenCalls, registry)).charge(call, {"litellm_call_id": "one", **served})
        [settlement] = registry.settled
        assert (settlement.amount_nanos, settlement.ending) == (0, "finished_free")

    def test_is_not_free_because_an_event_says_so(self) -> None:
        event = finished(0.0) | {"litellm_params": {"metadata": {"model_info": {"billing": "free"}}}}
        settlement = settled(event)
        assert (settlement.amount_nanos, settlement.ending) == (HELD, "finished_unpriced")


class TestAFurtherEvent:
    def test_of_a_call_pays_no_second_fee(self) -> None:
        registry = Registry()
        admission = Admission(Payer("user_id", "u"), RULE, False, HELD, 5, 0, {"model": "m"})
        call = Call("/v1/chat/completions", admission=admission)
        successes = Successes(cast(OpenCalls, registry))
        for litellm_id in ("one", "two"):
            successes.charge(call, {"litellm_call_id": litellm_id, **finished(0.000001)})
        assert registry.settled[0].amount_nanos == 2_500
        assert [more.amount_nanos for more in registry.more] == [2_000]
