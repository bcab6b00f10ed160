"""Where rules name models or providers, the hold covers the charge on whichever deployment serves."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from billing.errors import ModelNotPriced
from billing.ledger.schemas import Payer
from billing.money import nanos_from_cost
from billing.prices.book import CallPrices, PriceBook
from billing.prices.rule import PriceRule, Scope
from billing.proxy.max_cost.call_rules import CallRules
from tests.unit.proxy.max_cost.conftest import MaxCostOf, row

NOW = datetime(2026, 1, 1, tzinfo=UTC)
OUTPUT = 50
BODY = {"model": "chat", "messages": [{"role": "user", "content": "hello"}], "max_tokens": OUTPUT}
# (group, id, provider, price a token)
DEPLOYMENTS = (
    ("chat", "mini", "openai", Decimal("0.000001")),
    ("chat", "claude", "anthropic", Decimal("0.000003")),
    ("spare", "large", "openai", Decimal("0.00001")),
)

PRICES = ("input_cost_per_token", "output_cost_per_token")


@pytest.fixture(scope="module")
def models(litellm: Any) -> Any:
    rows = [
        row(
            group,
            f"{provider}/some-{name}",
            info={
                "id": name,
                "max_input_tokens": 1000,
                "max_output_tokens": 1000,
                **dict.fromkeys(PRICES, float(price)),
            },
        )
        for group, name, provider, price in DEPLOYMENTS
    ]
    return litellm.Router(model_list=[dict(one) for one in rows], fallbacks=[{"chat": ["spare"]}])


def prices_of(*rules: PriceRule) -> PriceRule | CallPrices:
    return PriceBook(rules).prices_for(Payer("user_id", "alice"), None, NOW)


terms = st.builds(
    lambda scope, multiplier, fee, floor, free, number: PriceRule(
        multiplier, fee, floor, free=free, scope=scope, ordinal=number, id=f"r{number}"
    ),
    st.builds(
        Scope,
        customer=st.sampled_from([None, Payer("user_id", "alice")]),
        model=st.sampled_from([None, "chat", "spare", "s*"]),
        provider=st.sampled_from([None, "openai", "anthropic"]),
    ),
    st.decimals(0, 20, places=3),
    st.integers(0, 10**7),
    st.integers(0, 10**8),
    st.booleans(),
    st.integers(0, 10**6),
)


class TestTheHold:
    @settings(max_examples=100)
    @given(
        rules=st.lists(terms, max_size=6, unique_by=lambda rule: rule.ordinal), used=st.integers(0, OUTPUT)
    )
    def test_covers_the_charge_of_every_deployment_by_its_own_rule(
        self, models: Any, bounded: MaxCostOf, rules: list[PriceRule], used: int
    ) -> None:
        prices = prices_of(*rules)
        max_cost = bounded(BODY, router=models, rule=prices)
        served = CallRules(prices, max_cost.rules)
        for group, name, provider, price in DEPLOYMENTS:
            cost = price * (6 + used)
            charge_nanos = served.rule_of(group, name, provider).charge_nanos(nanos_from_cost(cost))
            assert charge_nanos <= max_cost.amount_nanos(), (group, name)

    def test_is_made_by_the_highest_rule_of_a_fallback_too(self, models: Any, bounded: MaxCostOf) -> None:
        plain = bounded(BODY, router=models)
        dear = prices_of(PriceRule(Decimal(10), scope=Scope(model="spare")))
        ruled = bounded(BODY, router=models, rule=dear)
        assert ruled.amount_nanos() > 9 * plain.amount_nanos()
        assert ruled.rule == PriceRule()

    def test_of_a_free_model_with_a_paid_fallback_is_that_of_the_fallback(
        self, models: Any, bounded: MaxCostOf
    ) -> None:
        free = prices_of(PriceRule(free=True, scope=Scope(model="chat")))
        max_cost = bounded(BODY, router=models, rule=free)
        assert not max_cost.free
        assert max_cost.amount_nanos() > 0
        assert not CallRules(free, max_cost.rules).rule_of("spare", "large", "openai").free

    def test_of_a_customer_for_whom_all_is_free_is_nothing(self, models: Any, bounded: MaxCostOf) -> None:
        free = prices_of(PriceRule(free=True))
        max_cost = bounded(BODY, router=models, rule=free)
        assert max_cost.free
        assert max_cost.amount_nanos() == 0

    def test_of_a_model_without_price_is_refused_unless_a_rule_makes_it_free(
        self, bounded: MaxCostOf, router: Callable[..., Any]
    ) -> None:
        unpriced = router(row("mine", "openai/mine", api_base="http://127.0.0.1:9/v1"))
        body = {**BODY, "model": "mine"}
        with pytest.raises(ModelNotPriced):
            bounded(body, router=unpriced, rule=prices_of(PriceRule(Decimal(2))))
        free = prices_of(PriceRule(free=True, scope=Scope(model="mine")))
        assert bounded(body, router=unpriced, rule=free).free
