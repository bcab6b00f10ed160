"""Which events of a request are the call's own, which are charged beside it, and which nobody pays for."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from types import SimpleNamespace

import pytest

from billing.ledger.schemas import Payer, Settlement
from billing.prices.book import PriceBook
from billing.prices.rule import PriceRule, Scope
from billing.proxy.admitted.call import Admission
from billing.proxy.calls.call import Call, Upstream
from billing.proxy.max_cost.call_rules import CallRules
from tests.unit.proxy.deployments import deployment
from tests.unit.proxy.litellm_events import HookedSuccesses as Successes

PAYER = Payer("user_id", "u")
HOLD_NANOS = 9_000
Charged = tuple[str, int]


SERVERS = (deployment("main", "m1"), deployment("spare", "s1"))
PLAIN = Admission(
    PAYER, PriceRule(), False, HOLD_NANOS, 50, 0, {"model": "main"}, CallRules(PriceRule(), {}, SERVERS)
)


def event(
    litellm_id: str,
    cost: float | None = 2e-06,
    served: tuple[str, str] = ("main", "m1"),
    call_type: str = "acompletion",
    **logged: object,
) -> dict[str, object]:
    group, deployment_id = served
    payload = {
        "response_cost": cost or 0.0,
        "total_tokens": 12,
        "model_group": group,
        "model_id": deployment_id,
        "custom_llm_provider": "openai",
    }
    return {
        "litellm_call_id": litellm_id,
        "response_cost": cost,
        "call_type": call_type,
        "standard_logging_object": {**payload, **logged},
    }


class Registry:
    """Notes what would be charged, and knows as little of the call as the real one."""

    def __init__(self) -> None:
        self.charged: list[Charged] = []

    def settle(self, call: Call, settlement: Settlement) -> None:
        self.charged.append(("settled", settlement.amount_nanos))

    def charge_more(self, call: Call, admission: Admission, settlement: Settlement, event_id: str) -> None:
        self.charged.append((event_id, settlement.amount_nanos))


@pytest.fixture
def registry() -> Registry:
    return Registry()


@pytest.fixture
def successes(registry: Registry) -> Successes:
    return Successes(registry)  # type: ignore[arg-type]  # notes what the real one would submit


@pytest.fixture
def call() -> Call:
    return Call("/v1/chat/completions", admission=PLAIN, upstream=Upstream(main_id="own"))


class TestBackgroundWork:
    """What the gateway does for its operator in a customer's call: mirrors it, asks a cache or a judge."""

    @pytest.mark.parametrize("served", [("shadow", "x1"), ("main", "x1"), ("shadow", ""), ("", "")])
    def test_neither_ends_the_call_nor_costs_anything(
        self, served: tuple[str, str], call: Call, successes: Successes, registry: Registry
    ) -> None:
        assert not successes.charge(call, event("mirror", 6e-05, served))
        assert (registry.charged, call.charges.success_received, successes.without_call) == ([], False, 1)
        assert successes.charge(call, event("own"))
        assert not successes.charge(call, event("late", 6e-05, served))
        assert registry.charged == [("settled", 2_000)]

    def test_does_not_count_as_an_answer_that_is_on_its_way(self, call: Call, successes: Successes) -> None:
        call.upstream.logging_obj = type("Logging", (), {"async_success_log_enqueued": True})()
        successes.charge(call, event("mirror", served=("shadow", "x1")))
        assert call.success_pending
        successes.charge(call, event("own"))
        assert not call.success_pending

    def test_is_not_whatever_a_client_says_is(
        self, call: Call, successes: Successes, registry: Registry
    ) -> None:
        says: dict[str, object] = {"metadata": {"is_silent_experiment": True}}
        assert successes.charge(call, {**event("own"), "litellm_params": says})
        assert registry.charged == [("settled", 2_000)]


class TestTheCallsOwnEvent:
    @pytest.mark.parametrize("served", [("main", "m1"), ("spare", "s1"), ("renamed", "new"), ("", "")])
    def test_is_the_one_under_its_id_whoever_served(
        self, served: tuple[str, str], call: Call, successes: Successes, registry: Registry
    ) -> None:
        successes.charge(call, event("own", served=served))
        assert registry.charged == [("settled", 2_000)]

    def test_is_the_first_where_the_id_is_not_known_before(
        self, call: Call, successes: Successes, registry: Registry
    ) -> None:
        call.upstream.main_id = None
        successes.charge(call, event("one", served=("", "")))
        successes.charge(call, event("two", served=("elsewhere", "e1")))
        assert registry.charged == [("settled", 2_000), ("two", 2_000)]

    @pytest.mark.parametrize("served", [("", ""), ("main", "m1")])
    def test_is_the_chat_call_that_a_bridge_makes_of_it(
        self, served: tuple[str, str], call: Call, successes: Successes, registry: Registry
    ) -> None:
        call.upstream.may_be_bridged = True
        assert not successes.charge(call, event("cache", 6e-05, ("", ""), "aembedding"))
        assert not successes.charge(call, event("judge", 6e-05, ("judge", "j1")))
        assert successes.charge(call, event("bridge", served=served))
        assert successes.charge(call, event("another round", 1e-06, served=("", "")))
        assert registry.charged == [("settled", 2_000), ("another round", 1_000)]

    def test_of_a_bridge_is_not_what_a_clients_metadata_says(
        self, call: Call, successes: Successes, registry: Registry
    ) -> None:
        """LiteLLM gives the bridge's call the client's `metadata`; no router writes over it."""
        rule = PriceRule(Decimal(3), scope=Scope(model="main"))
        gift = PriceRule(free=True, scope=Scope(model="gift"), ordinal=1)
        prices = PriceBook([rule, gift]).prices_for(PAYER, None, datetime(2026, 1, 1, tzinfo=UTC))
        call.admission = replace(PLAIN, rule=rule, rules=CallRules(prices, {}, SERVERS))
        call.upstream.may_be_bridged = True
        metadata = {"model_group": "gift", "model_info": {"billing": "free"}}
        forged = {**event("bridge", 2e-06, ("gift", "")), "litellm_params": {"metadata": metadata}}
        assert successes.charge(call, forged)
        assert registry.charged == [("settled", 6_000)]

    def test_of_no_name_is_background_where_nothing_is_bridged(
        self, call: Call, successes: Successes, registry: Registry
    ) -> None:
        assert not successes.charge(call, event("other", served=("", "")))
        assert registry.charged == []


class TestAnotherRoundOnTheCallsOwnDeployments:
    @pytest.mark.parametrize("served", [("main", "m1"), ("spare", "s1"), ("spare", "")])
    def test_waits_for_the_call_and_is_charged_in_addition_without_fee_or_floor(
        self, served: tuple[str, str], call: Call, successes: Successes, registry: Registry
    ) -> None:
        rule = PriceRule(fee_nanos=100, floor_nanos=5_000)
        call.admission = replace(PLAIN, rule=rule, rules=CallRules(rule, {}, SERVERS))
        for _ in range(2):
            assert successes.charge(call, event("round", 3e-06, served))
        assert registry.charged == []
        successes.charge(call, event("own", 6e-06))
        assert registry.charged == [("settled", 6_100), ("round", 3_000)]
        successes.charge(call, event("round", 3e-06, served))
        successes.charge(call, event("later", 1e-06, served))
        assert registry.charged == [("settled", 6_100), ("round", 3_000), ("later", 1_000)]

    def test_without_a_price_is_due_once_with_the_call(
        self, call: Call, successes: Successes, registry: Registry
    ) -> None:
        successes.charge(call, event("round", None))
        successes.charge(call, event("own", 2e-06))
        assert registry.charged == [("settled", 2_000), ("round", HOLD_NANOS - 2_000)]

    def test_costs_what_it_cost_where_the_call_was_left_before_anything_came(
        self, call: Call, successes: Successes, registry: Registry
    ) -> None:
        call.stream = SimpleNamespace(likely_nanos=None, shown_tokens=0)  # type: ignore[assignment]  # as far as asked
        call.delivery.client_gone = True
        successes.charge(call, {**event("own"), "stream": True})
        successes.charge(call, {**event("two", 3e-06), "stream": True})
        assert registry.charged == [("settled", 50), ("two", 3_000)]


class TestTheRuleOfAnEventThatNamesNobody:
    @pytest.mark.parametrize(("provider", "times"), [("together_ai", 3), ("openai", 2), ("groq", 3)])
    def test_is_the_highest_that_may_have_served(self, provider: str, times: int) -> None:
        rules = [PriceRule(Decimal(n), scope=Scope(model=f"x{n}")) for n in (2, 3)]
        prices = PriceBook(rules).prices_for(PAYER, None, datetime(2026, 1, 1, tzinfo=UTC))
        servers = (deployment("x3", "a", "together_ai"), deployment("x2", "b"), deployment("x0", "c"))
        assert CallRules(prices, {}, servers).rule_of("", "", provider).multiplier == times

    def test_is_that_of_the_model_which_a_bridge_called(
        self, call: Call, successes: Successes, registry: Registry
    ) -> None:
        rule = PriceRule(Decimal(3), scope=Scope(model="main"))
        prices = PriceBook([rule]).prices_for(PAYER, None, datetime(2026, 1, 1, tzinfo=UTC))
        call.admission = replace(PLAIN, rule=rule, rules=CallRules(prices, {("main", "m1"): rule}, SERVERS))
        call.upstream.may_be_bridged = True
        successes.charge(call, event("bridge", 2e-06, ("", "")))
        assert registry.charged == [("settled", 6_000)]

    def test_is_never_a_free_one_next_to_a_paid_one(self) -> None:
        rules = [PriceRule(Decimal(9), free=True, scope=Scope(model="x")), PriceRule(Decimal(2), ordinal=-1)]
        prices = PriceBook(rules).prices_for(PAYER, None, datetime(2026, 1, 1, tzinfo=UTC))
        servers = (deployment("x", "a"), deployment("y", "b"))
        assert not CallRules(prices, {}, servers).rule_of(None, None, "openai").free
