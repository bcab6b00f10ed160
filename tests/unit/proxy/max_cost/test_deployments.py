"""Every way in which LiteLLM finds a deployment for a name leads to a price."""

from __future__ import annotations

from typing import Any

import pytest

from billing.errors import BadRequest, ModelNotPriced
from tests.unit.proxy.max_cost.conftest import CLAUDE, GPT, HELLO, Make

GPT_OUTPUT, CLAUDE_OUTPUT = 600, 15_000


def output_price(bounded: Make, router: Any, model: str, **extra: object) -> Any:
    return bounded({"model": model, "messages": HELLO, **extra}, router=router).output_nanos_per_token


class TestNames:
    def test_alias(self, router: Make, deployment: Make, bounded: Make) -> None:
        models = router(deployment("gpt", GPT), model_group_alias={"fast": "gpt"})
        assert output_price(bounded, models, "fast") == GPT_OUTPUT

    def test_wildcard(self, router: Make, deployment: Make, bounded: Make) -> None:
        models = router(deployment("anthropic/*", "anthropic/*"), deployment("openai/*", "openai/*"))
        assert output_price(bounded, models, CLAUDE) == CLAUDE_OUTPUT
        with pytest.raises(ModelNotPriced):
            output_price(bounded, models, "anthropic/claude-of-next-year")

    def test_deployment_id_and_provider_name(self, router: Make, deployment: Make, bounded: Make) -> None:
        models = router(deployment("gpt", GPT, info={"id": "d-1"}))
        assert output_price(bounded, models, "d-1") == GPT_OUTPUT
        assert output_price(bounded, models, GPT) == GPT_OUTPUT

    def test_default_deployment(self, router: Make, deployment: Make, bounded: Make) -> None:
        models = router(deployment("gpt", GPT), deployment("*", "openai/*"))
        assert output_price(bounded, models, "gpt-4o-mini") == GPT_OUTPUT

    def test_a_teams_own(self, router: Make, deployment: Make, bounded: Make) -> None:
        mine = {"team_id": "t", "team_public_model_name": "chat"}
        models = router(deployment("chat", GPT), deployment("chat_t", CLAUDE, info=mine))
        assert output_price(bounded, models, "chat") == GPT_OUTPUT
        team = {"metadata": {"user_api_key_team_id": "t"}}
        assert output_price(bounded, models, "chat", **team) == CLAUDE_OUTPUT


class TestPrices:
    def test_own_prices_replace_those_of_the_map(self, router: Make, deployment: Make, bounded: Make) -> None:
        models = router(
            deployment("params", "openai/gpt-5", input_cost_per_token=1e-8, output_cost_per_token="2e-8"),
            deployment(
                "info", "openai/x", info={"input_cost_per_token": 1e-8, "output_cost_per_token": 3e-8}
            ),
        )
        assert output_price(bounded, models, "params") == 20
        assert output_price(bounded, models, "info") == 30

    def test_base_model_names_the_price(self, router: Make, deployment: Make, bounded: Make) -> None:
        models = router(
            deployment(
                "a", "azure/mine", api_base="https://x.invalid", info={"base_model": "azure/gpt-4o-mini"}
            ),
            deployment("b", "azure/mine", api_base="https://x.invalid"),
        )
        assert output_price(bounded, models, "a") == GPT_OUTPUT
        with pytest.raises(ModelNotPriced):
            output_price(bounded, models, "b")

    def test_prices_changed_at_run_time_count_at_once(
        self, router: Make, deployment: Make, bounded: Make, litellm: Any, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        models = router(deployment("gpt", GPT))
        dearer = {**litellm.model_cost["gpt-4o-mini"], "output_cost_per_token": 1e-3}
        monkeypatch.setitem(litellm.model_cost, "gpt-4o-mini", dearer)
        monkeypatch.setitem(litellm.model_cost, "openai/gpt-4o-mini", dearer)
        assert output_price(bounded, models, "gpt") == 10**6

    def test_a_model_that_chooses_models_is_refused(
        self, router: Make, deployment: Make, bounded: Make
    ) -> None:
        models = router(deployment("auto", "azure_ai/model-router", api_base="https://x.invalid"))
        with pytest.raises(ModelNotPriced, match="by itself"):
            output_price(bounded, models, "auto")

    def test_operators_limits_replace_those_of_the_map(
        self, router: Make, deployment: Make, bounded: Make
    ) -> None:
        models = router(deployment("gpt", GPT, info={"max_output_tokens": 500}))
        max_cost = bounded({"model": "gpt", "messages": HELLO}, router=models)
        requested = bounded({"model": "gpt", "messages": HELLO, "max_tokens": 9_000}, router=models)
        assert max_cost.output_tokens == requested.output_tokens == 500


class TestDefaultLimit:
    def test_leaves_room_for_the_input(self, router: Make, deployment: Make, bounded: Make) -> None:
        models = router(deployment("old", "openai/gpt-4"))
        long = [{"role": "user", "content": "word " * 5_000}]
        max_cost = bounded({"model": "old", "messages": long}, router=models)
        assert 256 <= max_cost.output_tokens <= 8_192 - 5_000

    def test_of_completions_is_openais(self, router: Make, deployment: Make, bounded: Make) -> None:
        models = router(deployment("instruct", "openai/gpt-3.5-turbo-instruct"))
        max_cost = bounded({"model": "instruct", "prompt": "x"}, router=models, call_type="atext_completion")
        assert max_cost.output_tokens == 16


def test_a_call_of_claude_codes_size_is_held_for_what_it_can_cost(
    router: Make, deployment: Make, bounded: Make, litellm: Any
) -> None:
    """100 KB of cached system blocks and twenty tools, all of it written to the cache for an hour."""
    schema = {
        "type": "object",
        "properties": {f"p{i}": {"type": "string", "description": "x " * 20} for i in range(9)},
    }
    control = {"type": "ephemeral", "ttl": "1h"}
    system = [
        {"type": "text", "text": "You are an agent. Use tools well.\n" * 1_400, "cache_control": control}
    ] * 2
    tools = [
        {"name": f"tool_{i}", "description": "Does it. " * 80, "input_schema": schema} for i in range(20)
    ]
    body = {
        "model": "claude",
        "max_tokens": 32_000,
        "system": system,
        "tools": tools,
        "thinking": {"type": "enabled", "budget_tokens": 31_999},
        "messages": [
            {"role": "user", "content": [{"type": "text", "text": "Fix it.", "cache_control": control}]}
        ],
    }
    models = router(deployment("claude", CLAUDE))
    max_cost = bounded(body, router=models, call_type="anthropic_messages")
    counted = litellm.token_counter(model=CLAUDE, text=str(body))
    types = litellm.types.utils
    hour = types.CacheCreationTokenDetails(ephemeral_1h_input_tokens=counted)
    details = types.PromptTokensDetailsWrapper(
        cache_creation_tokens=counted, cache_creation_token_details=hour
    )
    usage = litellm.Usage(prompt_tokens=counted, completion_tokens=32_000, prompt_tokens_details=details)
    cost = litellm.completion_cost(litellm.ModelResponse(model="m", usage=usage), model=CLAUDE)
    assert cost * 10**9 <= max_cost.amount_nanos() < 3 * cost * 10**9
    assert counted > 25_000


class TestFallbacks:
    @pytest.mark.parametrize("field", ["fallbacks", "context_window_fallbacks", "content_policy_fallbacks"])
    def test_the_highest_counts_and_so_do_its_own(
        self, router: Make, deployment: Make, bounded: Make, field: str
    ) -> None:
        chain = {field: [{"gpt": ["claude"]}, {"claude": ["opus"]}]}
        models = router(
            deployment("gpt", GPT),
            deployment("claude", CLAUDE),
            deployment("opus", "openai/opus", input_cost_per_token=1e-3, output_cost_per_token=2e-3),
            **chain,
        )
        body = {"model": "gpt", "messages": HELLO, "max_tokens": 10}
        assert bounded(body, router=models).output_nanos_per_token == 2_000_000
        alone = bounded({**body, "disable_fallbacks": True}, router=models)
        assert alone.output_nanos_per_token == 600

    def test_default_fallbacks_count(self, router: Make, deployment: Make, bounded: Make) -> None:
        models = router(deployment("gpt", GPT), deployment("claude", CLAUDE), default_fallbacks=["claude"])
        max_cost = bounded({"model": "gpt", "messages": HELLO}, router=models)
        assert max_cost.output_nanos_per_token == 15_000

    def test_a_clients_own_count(self, models: Any, bounded: Make) -> None:
        body = {"model": "gpt", "messages": HELLO}
        for asked in (["claude"], [{"model": "claude"}]):
            assert bounded({**body, "fallbacks": asked}, router=models).output_nanos_per_token == 15_000
        with pytest.raises(BadRequest, match="parameters"):
            bounded({**body, "fallbacks": [{"model": "claude", "max_tokens": 10**6}]}, router=models)

    def test_an_unpriced_one_is_refused(self, router: Make, deployment: Make, bounded: Make) -> None:
        models = router(deployment("gpt", GPT), deployment("odd", "openai/odd"), fallbacks=[{"gpt": ["odd"]}])
        with pytest.raises(ModelNotPriced, match="odd"):
            bounded({"model": "gpt", "messages": HELLO}, router=models)

    def test_a_stream_may_pay_its_input_once_a_hop(
        self, router: Make, deployment: Make, bounded: Make
    ) -> None:
        models = router(deployment("a", GPT), deployment("b", GPT), fallbacks=[{"a": ["b"]}])
        body = {"model": "a", "messages": HELLO, "max_tokens": 10}
        whole = bounded(body, router=models)
        stream = bounded({**body, "stream": True}, router=models)
        assert stream.input_nanos == 2 * whole.input_nanos

    def test_the_highest_deployment_of_a_group_counts(
        self, router: Make, deployment: Make, bounded: Make
    ) -> None:
        models = router(deployment("m", GPT), deployment("m", CLAUDE))
        max_cost = bounded({"model": "m", "messages": HELLO}, router=models)
        assert max_cost.output_nanos_per_token == 15_000
