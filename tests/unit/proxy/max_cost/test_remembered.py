"""What is remembered of models between calls: never more than the last answer would still be."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import pytest

from billing.proxy.max_cost import MaxCost
from billing.proxy.max_cost.candidate import ceiling_on
from billing.proxy.max_cost.deployments import servers_of
from billing.proxy.max_cost.prices import Usage, ceiling, service_tiers_of, thresholds_of
from billing.proxy.max_cost.remembered import Remembered
from tests.unit.proxy.max_cost.conftest import CLAUDE, GPT, HELLO, Make, row

GPT_OUTPUT, CLAUDE_OUTPUT = 600, 15_000
DEAR, DEAR_OUTPUT = 1e-3, 1_000_000

# LiteLLM imports a provider when it is first used, and pydantic warns of its TypedDicts.
pytestmark = pytest.mark.filterwarnings("ignore:.*`ReadOnly` qualifier:UserWarning")

Ask = Callable[..., MaxCost]


@pytest.fixture
def ask(bounded: Make) -> Ask:
    """Bounds a short call, once more than is needed: what is remembered of the first serves the second."""

    def run(models: Any, model: str = "gpt", **extra: object) -> MaxCost:
        body = {"model": model, "messages": HELLO, **extra}
        first: MaxCost = bounded(body, router=models)
        assert bounded(body, router=models) == first
        return first

    return run


class TestAnEditInPlaceCountsAtOnce:
    def test_of_a_price_in_litellm_params(self, router: Make, ask: Ask) -> None:
        models = router(row("gpt", GPT))
        assert ask(models).output_nanos_per_token == GPT_OUTPUT
        models.model_list[0]["litellm_params"]["output_cost_per_token"] = DEAR
        assert ask(models).output_nanos_per_token == DEAR_OUTPUT
        del models.model_list[0]["litellm_params"]["output_cost_per_token"]
        assert ask(models).output_nanos_per_token == GPT_OUTPUT

    def test_of_a_model_in_litellm_params(self, router: Make, ask: Ask) -> None:
        models = router(row("gpt", GPT))
        assert ask(models).output_nanos_per_token == GPT_OUTPUT
        models.model_list[0]["litellm_params"]["model"] = CLAUDE
        assert ask(models).output_nanos_per_token == CLAUDE_OUTPUT

    def test_of_a_header_deep_in_litellm_params(self, router: Make, bounded: Make) -> None:
        models = router(row("claude", CLAUDE, extra_body={"cache_control": {"ttl": "5m"}}))
        body = {"model": "claude", "messages": HELLO}
        five_minutes = bounded(body, router=models).input_nanos
        models.model_list[0]["litellm_params"]["extra_body"]["cache_control"]["ttl"] = "1h"
        assert bounded(body, router=models).input_nanos * 375 == five_minutes * 600

    def test_of_model_info(self, router: Make, ask: Ask) -> None:
        models = router(row("gpt", GPT, info={"max_output_tokens": 500}))
        assert ask(models).output_tokens == 500
        info = models.model_list[0]["model_info"]
        info["max_output_tokens"] = 400
        assert ask(models).output_tokens == 400
        info["base_model"] = CLAUDE.removeprefix("anthropic/")
        assert ask(models).output_nanos_per_token == CLAUDE_OUTPUT
        info["billing"] = "free"
        assert ask(models).free

    def test_of_prices_in_model_info_and_as_litellm_registered_them(
        self, router: Make, ask: Ask, litellm: Any
    ) -> None:
        own = {"id": "d-1", "input_cost_per_token": 1e-8, "output_cost_per_token": 3e-8}
        models = router(row("gpt", GPT, info=own))
        assert ask(models).output_nanos_per_token == 30
        litellm.model_cost["d-1"]["output_cost_per_token"] = DEAR
        assert ask(models).output_nanos_per_token == DEAR_OUTPUT
        info = models.model_list[0]["model_info"]
        info["input_cost_per_token"] = info["output_cost_per_token"] = None
        assert ask(models).output_nanos_per_token == GPT_OUTPUT

    def test_of_the_price_map(self, router: Make, ask: Ask, litellm: Any) -> None:
        models = router(row("gpt", GPT))
        assert ask(models).output_nanos_per_token == GPT_OUTPUT
        litellm.model_cost["gpt-4o-mini"]["output_cost_per_token"] = DEAR
        assert ask(models).output_nanos_per_token == DEAR_OUTPUT

    def test_of_what_is_nested_in_the_price_map(
        self, router: Make, ask: Ask, litellm: Any, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        fees = {"search_context_size_low": 0.01}
        off_peak = {"output_cost_per_token": DEAR}
        entry = {
            **litellm.model_cost["gpt-4o-mini"],
            "search_context_cost_per_query": fees,
            "off_peak_pricing": off_peak,
        }
        monkeypatch.setitem(litellm.model_cost, "gpt-4o-mini-search-preview", entry)
        models = router(row("gpt", "openai/gpt-4o-mini-search-preview"))
        before = ask(models)
        fees["search_context_size_low"] = 0.02
        off_peak["output_cost_per_token"] *= 2
        after = ask(models)
        assert after.fixed_nanos == 2 * before.fixed_nanos == 20_000_000
        assert after.output_nanos_per_token == 2 * before.output_nanos_per_token == 2 * DEAR_OUTPUT

    def test_of_a_tier(self, router: Make, ask: Ask, litellm: Any, monkeypatch: pytest.MonkeyPatch) -> None:
        tier = {"range": [0, 1e6], "input_cost_per_token": 1e-6, "output_cost_per_token": DEAR}
        monkeypatch.setitem(litellm.model_cost, "openai/tiered", {"tiered_pricing": [tier]})
        models = router(row("gpt", "openai/tiered"))
        assert ask(models).output_nanos_per_token == DEAR_OUTPUT
        tier["output_cost_per_token"] = 2 * DEAR
        assert ask(models).output_nanos_per_token == 2 * DEAR_OUTPUT

    def test_of_a_price_to_one_that_is_none(self, router: Make, ask: Ask) -> None:
        models = router(row("gpt", GPT))
        ask(models)
        models.model_list[0]["litellm_params"]["output_cost_per_token"] = float("nan")
        with pytest.raises(Exception, match="cannot be billed"):
            ask(models)


class TestAReplacementCountsAtOnce:
    def test_of_the_price_map(
        self, router: Make, ask: Ask, litellm: Any, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        models = router(row("gpt", GPT))
        assert ask(models).output_nanos_per_token == GPT_OUTPUT
        entry = {**litellm.model_cost["gpt-4o-mini"], "output_cost_per_token": DEAR}
        monkeypatch.setattr(litellm, "model_cost", {**litellm.model_cost, "gpt-4o-mini": entry})
        assert ask(models).output_nanos_per_token == DEAR_OUTPUT

    def test_of_a_name_that_the_price_map_did_not_have(self, router: Make, ask: Ask, litellm: Any) -> None:
        models = router(row("gpt", GPT))
        assert ask(models).output_nanos_per_token == GPT_OUTPUT
        litellm.model_cost[GPT] = {"input_cost_per_token": DEAR, "output_cost_per_token": DEAR}
        assert ask(models).output_nanos_per_token == DEAR_OUTPUT

    def test_of_a_deployment(self, router: Make, ask: Ask, litellm: Any) -> None:
        models = router(row("gpt", GPT, info={"id": "d-1"}))
        assert ask(models).output_nanos_per_token == GPT_OUTPUT
        params = litellm.types.router.LiteLLM_Params(model=CLAUDE, api_key="none")
        one = litellm.types.router.Deployment("gpt", params, {"id": "d-1"})
        models.upsert_deployment(one)
        assert ask(models).output_nanos_per_token == CLAUDE_OUTPUT

    def test_of_all_deployments(self, router: Make, ask: Ask) -> None:
        models = router(row("gpt", GPT, info={"id": "d-1"}))
        assert ask(models).output_nanos_per_token == GPT_OUTPUT
        models.set_model_list([row("gpt", CLAUDE, info={"id": "d-1"})])
        assert ask(models).output_nanos_per_token == CLAUDE_OUTPUT


class TestWhoMayServeIsAskedEachTime:
    def test_a_deployment_comes_and_goes(self, router: Make, ask: Ask, litellm: Any) -> None:
        models = router(row("gpt", GPT))
        assert len(ask(models).deployments) == 1
        params = litellm.types.router.LiteLLM_Params(model=CLAUDE, api_key="none")
        models.add_deployment(litellm.types.router.Deployment("gpt", params, {"id": "d-2"}))
        both = ask(models)
        assert len(both.deployments) == 2
        assert both.output_nanos_per_token == CLAUDE_OUTPUT
        models.delete_deployment("d-2")
        assert ask(models).output_nanos_per_token == GPT_OUTPUT

    def test_fallbacks_come_and_go(self, router: Make, ask: Ask) -> None:
        models = router(row("gpt", GPT), row("claude", CLAUDE))
        assert ask(models).output_nanos_per_token == GPT_OUTPUT
        models.fallbacks = [{"gpt": []}]
        assert ask(models).output_nanos_per_token == GPT_OUTPUT
        models.fallbacks[0]["gpt"].append("claude")
        assert ask(models).output_nanos_per_token == CLAUDE_OUTPUT
        assert ask(models, disable_fallbacks=True).output_nanos_per_token == GPT_OUTPUT
        models.fallbacks = []
        assert ask(models).output_nanos_per_token == GPT_OUTPUT

    def test_another_team_has_another_model_of_that_name(self, router: Make, ask: Ask) -> None:
        mine = {"team_id": "t", "team_public_model_name": "chat"}
        models = router(row("chat", GPT), row("chat_t", CLAUDE, info=mine))
        team = {"metadata": {"user_api_key_team_id": "t"}}
        for _ in range(2):
            assert ask(models, "chat").output_nanos_per_token == GPT_OUTPUT
            assert ask(models, "chat", **team).output_nanos_per_token == CLAUDE_OUTPUT

    def test_a_call_keeps_what_it_was_admitted_with(self, router: Make, ask: Ask) -> None:
        models = router(row("gpt", GPT, info={"id": "d-1"}))
        admitted = ask(models).deployments[0]
        models.model_list[0]["model_info"]["id"] = "d-2"
        assert admitted.key == ("gpt", "d-1")
        assert ask(models).deployments[0].key == ("gpt", "d-2")


def test_a_row_that_is_listed_twice_makes_no_fallback_one_of_the_group(router: Make, ask: Ask) -> None:
    models = router(row("gpt", GPT), row("claude", CLAUDE), fallbacks=[{"gpt": ["claude"]}])
    once = ask(models)
    models.model_name_to_deployment_indices["gpt"] *= 2
    twice = ask(models)
    assert len(twice.deployments) == len(once.deployments) + 1
    assert twice.input_charge_nanos == once.input_charge_nanos < once.input_nanos


class TestADeploymentsCeiling:
    def test_is_that_of_its_prices_at_each_number_of_tokens(self, router: Make, litellm: Any) -> None:
        names = [name for name, entry in litellm.model_cost.items() if _has_steps(name, entry)]
        models = router(*(row(name, name) for name in names))
        assert len(names) > 10
        for name in names:
            (one,) = servers_of({}, name, models).first
            steps = thresholds_of(one.prices) or ()
            for tokens in {max(0, step + more) for step in steps for more in (-1, 0, 1)}:
                for usage in _usages(tokens):
                    expected = ceiling(one.prices, usage, one.model, makes_output=True)
                    assert ceiling_on(one, usage, makes_output=True) == expected

    def test_by_tiers_is_not_remembered(
        self, router: Make, litellm: Any, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        tiers = [{"range": [n * 10, 1e6], "input_cost_per_token": 1e-6 * (n + 1)} for n in range(3)]
        monkeypatch.setitem(litellm.model_cost, "openai/tiered", {"tiered_pricing": tiers})
        models = router(row("tiered", "openai/tiered"))
        (one,) = servers_of({}, "tiered", models).first
        usages = [Usage(n, 0, 0, one_hour_cache=False, service_tiers=None, fast=False) for n in (5, 15, 25)]
        found = [ceiling_on(one, usage, makes_output=False).input_per_token * 10**6 for usage in usages]
        assert found == [1, 2, 3]


def _has_steps(name: str, entry: dict[str, Any]) -> bool:
    named = name.startswith(("gemini/", "vertex_ai/", "dashscope/", "azure/"))
    priced = entry.get("input_cost_per_token") and entry.get("output_cost_per_token")
    return bool(named and priced and len(thresholds_of(entry) or ()) > 1)


def _usages(tokens: int) -> list[Usage]:
    return [
        Usage(written, read, media, one_hour_cache=hour, service_tiers=tiers, fast=False)
        for written, read in ((tokens, 0), (0, tokens))
        for media in (0, 2)
        for hour in (False, True)
        for tiers in (None, service_tiers_of(None), service_tiers_of("priority"))
    ]


class TestRemembered:
    def test_is_made_once_of_equal_inputs_and_of_a_copy(self) -> None:
        made: list[dict[str, list[int]]] = []

        def make(seen: dict[str, list[int]]) -> int:
            made.append(seen)
            return len(made)

        values = Remembered(make, 9)
        inputs = {"a": [1]}
        assert values.value("k", inputs) == values.value("k", {"a": [1]}) == 1
        inputs["a"].append(2)
        assert made == [{"a": [1]}]
        assert values.value("k", inputs) == 2
        assert values.value("other", inputs) == 3
        assert values.value("k", {"a": [1]}) == 4

    def test_keeps_so_many_and_no_more(self) -> None:
        values: Remembered[int, int] = Remembered(lambda number: number, 3)
        for number in range(10):
            values.value(number, number)
            assert values.value("changing", number) == number
            assert len(values) <= 3
        assert values.value(9, 9) == 9

    def test_what_cannot_be_copied_is_made_each_time(self) -> None:
        values: Remembered[object, object] = Remembered(lambda lock: lock, 3)
        lock = threading.Lock()
        assert values.value("k", lock) is lock
        assert len(values) == 0
