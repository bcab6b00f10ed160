"""Every price that LiteLLM may bill a token by is inside of the bound."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from billing.money import nanos_from_cost
from billing.prices.rule import PriceRule
from tests.unit.proxy.max_cost.conftest import GPT, HELLO, WORDS, Make, input_tokens

# LiteLLM imports a provider when it is first used, and pydantic warns of its TypedDicts.
pytestmark = pytest.mark.filterwarnings("ignore:.*`ReadOnly` qualifier:UserWarning")


class TestPrices:
    def test_a_cache_write_costs_more_than_input(self, models: Any, bounded: Make) -> None:
        body = {"model": "claude", "messages": [{"role": "user", "content": WORDS}], "max_tokens": 1}
        five_minutes = bounded(body, router=models, call_type="anthropic_messages")
        control = {"type": "ephemeral", "ttl": "1h"}
        hour = {**body, "system": [{"type": "text", "text": "x", "cache_control": control}]}
        for_an_hour = bounded(hour, router=models, call_type="anthropic_messages")
        assert five_minutes.input_nanos % 3_750 == 0
        assert for_an_hour.input_nanos % 6_000 == 0

    def test_a_tier_that_the_input_can_reach_counts(self, models: Any, bounded: Make) -> None:
        body = {"model": "instruct", "prompt": [1], "max_tokens": 1}
        long = {**body, "model": "gemini", "prompt": [1] * 200_001}
        short = {**body, "model": "gemini"}
        assert bounded(short, router=models, call_type="atext_completion").output_nanos_per_token == 10_000
        assert bounded(long, router=models, call_type="atext_completion").output_nanos_per_token == 15_000

    def test_service_tiers_count_when_asked_for(self, router: Make, deployment: Make, bounded: Make) -> None:
        models = router(
            deployment("gpt", "openai/gpt-5"),
            deployment("configured", "openai/gpt-5", service_tier="priority"),
        )
        body = {"model": "gpt", "messages": HELLO, "max_tokens": 1}
        prices = {
            tier: bounded({**body, "service_tier": tier}, router=models).output_nanos_per_token
            for tier in (None, "default", "flex", "priority", "fast", "auto", "of_next_year")
        }
        assert prices[None] == prices["default"] == prices["flex"] == 10_000
        assert prices["priority"] == prices["fast"] == prices["auto"] == prices["of_next_year"] == 20_000
        assert bounded({**body, "model": "configured"}, router=models).output_nanos_per_token == 20_000

    def test_our_rule_is_inside(self, models: Any, bounded: Make) -> None:
        body = {"model": "gpt", "messages": HELLO, "max_tokens": 100}
        plain = bounded(body, router=models)
        rule = PriceRule(multiplier=Decimal("1.5"), fee_nanos=77, floor_nanos=0)
        ruled = bounded(body, router=models, rule=rule)
        assert ruled.amount_nanos() == (plain.amount_nanos() * 3 + 1) // 2 + 77
        dear = PriceRule(floor_nanos=10**12)
        assert bounded(body, router=models, rule=dear).amount_nanos() == 10**12

    @pytest.mark.parametrize(
        ("config", "extra"), [(0.5, 0), ({"percentage": 0.5, "fixed_amount": 0.25}, 250_000_000)]
    )
    def test_litellms_own_margin_is_inside(
        self,
        models: Any,
        bounded: Make,
        litellm: Any,
        monkeypatch: pytest.MonkeyPatch,
        config: Any,
        extra: int,
    ) -> None:
        body = {"model": "gpt", "messages": HELLO, "max_tokens": 100}
        plain = bounded(body, router=models)
        monkeypatch.setattr(litellm, "cost_margin_config", {"global": config})
        assert bounded(body, router=models).amount_nanos() == plain.amount_nanos() * 3 // 2 + extra

    def test_litellms_own_discount_is_inside(
        self, models: Any, bounded: Make, litellm: Any, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        body = {"model": "gpt", "messages": HELLO, "max_tokens": 100}
        plain = bounded(body, router=models)
        monkeypatch.setattr(litellm, "cost_discount_config", {"openai": 0.25})
        assert bounded(body, router=models).amount_nanos() == plain.amount_nanos() * 3 // 4


def test_a_price_that_litellm_reports_is_what_the_max_cost_uses(
    models: Any, bounded: Make, litellm: Any
) -> None:
    """The one figure that ties the bound to LiteLLM: its cost of exactly the tokens that are bounded."""
    max_cost = bounded({"model": "gpt", "messages": HELLO, "max_tokens": 10}, router=models)
    tokens = input_tokens(max_cost, "1.5e-7")
    usage = litellm.Usage(prompt_tokens=tokens, completion_tokens=10, total_tokens=tokens + 10)
    response = litellm.ModelResponse(model="gpt-4o-mini", usage=usage)
    cost = litellm.completion_cost(response, model=GPT, custom_llm_provider="openai")
    assert nanos_from_cost(cost) == max_cost.amount_nanos()
