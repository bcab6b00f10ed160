"""What a charge stores of LiteLLM's event."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal

from billing.ledger.endings import Ending
from billing.ledger.schemas import Json, Payer
from billing.prices.rule import PriceRule, Scope
from billing.prices.settlement import ChargedCall, priced_settlement
from billing.proxy.litellm.success_events import success_event

RULE = PriceRule(
    Decimal("1.2"), 3, 4, scope=Scope(Payer("user_id", "alice"), model="chat"), id="price_9", source="api"
)


def charge_detail(kwargs: Mapping[str, object], rule: PriceRule) -> Json:
    """What the charge of an event stores besides its ending and price."""
    call = ChargedCall("call_1", Payer("user_id", "alice"), {}, "m")
    facts = success_event(kwargs, None).facts
    charge = priced_settlement(call, Ending.FINISHED, basis="provider_cost", cost=0, rule=rule, facts=facts)
    return {name: value for name, value in charge.detail.items() if name not in ("ending", "price")}


class TestDetail:
    EVENT = {  # noqa: RUF012 - read only
        "litellm_params": {"input_cost_per_token": 2e-6, "metadata": {"model_info": {"id": "d1"}}},
        "standard_logging_object": {
            "id": "resp_1",
            "model": "gpt-4o-mini",
            "model_group": "chat",
            "custom_llm_provider": "openai",
            "model_id": "d1",
            "prompt_tokens": 100,
            "completion_tokens": 20,
            "total_tokens": 120,
            "response_cost": 1.2345e-05,
            "cost_breakdown": {"service_tier": "priority"},
            "model_map_information": {
                "model_map_value": {"input_cost_per_token": 1.5e-07, "output_cost_per_token": 6e-07}
            },
            "metadata": {
                "usage_object": {
                    "prompt_tokens_details": {"cached_tokens": 40, "cache_creation_tokens": 7},
                    "completion_tokens_details": {"reasoning_tokens": 5},
                }
            },
        },
    }

    def test_has_model_tokens_prices_cost_and_rule(self) -> None:
        assert charge_detail(self.EVENT, RULE) == {
            "provider_model": "gpt-4o-mini",
            "provider": "openai",
            "deployment_id": "d1",
            "tokens": {
                "prompt": 100,
                "completion": 20,
                "total": 120,
                "cached": 40,
                "cache_write": 7,
                "reasoning": 5,
            },
            "unit_prices": {"input_cost_per_token": "0.000002", "output_cost_per_token": "0.0000006"},
            "provider_cost": "1.2345e-05",
            "cache_hit": False,
            "service_tier": "priority",
            "response_id": "resp_1",
            "rule": {
                "id": "price_9",
                "source": "api",
                "applies_to": {"customer_type": "user_id", "customer_id": "alice", "model": "chat"},
                "free": False,
                "multiplier": "1.2",
                "fee": "0.000000003",
                "floor": "0.000000004",
                "fee_nanos": 3,
                "floor_nanos": 4,
            },
        }

    def test_leaves_out_a_price_that_is_no_number(self) -> None:
        event = {"litellm_params": {"input_cost_per_token": "much", "output_cost_per_token": 1e-6}}
        assert charge_detail(event, PriceRule())["unit_prices"] == {"output_cost_per_token": "0.000001"}

    def test_of_an_event_without_facts_has_nulls(self) -> None:
        detail = charge_detail({}, PriceRule())
        assert detail["provider_model"] is None
        assert detail["provider_cost"] is None
        assert detail["unit_prices"] == {}

    def test_reads_anthropics_names_of_cache_tokens(self) -> None:
        usage = {"cache_read_input_tokens": 9, "cache_creation_input_tokens": 8}
        event = {"standard_logging_object": {"metadata": {"usage_object": usage}}}
        tokens = charge_detail(event, PriceRule())["tokens"]
        assert isinstance(tokens, dict)
        assert (tokens["cached"], tokens["cache_write"]) == (9, 8)
