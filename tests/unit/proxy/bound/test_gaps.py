"""What LiteLLM's own estimate misses, each mended: one test a gap, which fails without the mending."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest

from billing.errors import BadRequest, ModelNotPriced
from billing.money import nanos_from_cost
from billing.prices.rule import PriceRule
from billing.proxy.bound import CallBound

# LiteLLM imports a provider when it is first used, and pydantic warns of its TypedDicts.
pytestmark = pytest.mark.filterwarnings("ignore:.*`ReadOnly` qualifier:UserWarning")

HELLO = [{"role": "user", "content": "hello"}]
WORDS = "Seven hundred wise owls. " * 400  # about 2,400 tokens
CLAUDE, GPT, GEMINI = "anthropic/claude-sonnet-4-5-20250929", "openai/gpt-4o-mini", "gemini/gemini-2.5-pro"

Make = Callable[..., Any]


def input_tokens(bound: CallBound, price: str) -> int:
    """How many tokens the input side of a bound pays for at a price in dollars a token."""
    return int(bound.input_nanos / (Decimal(price) * 10**9))


@pytest.fixture
def models(router: Make, deployment: Make) -> Any:
    return router(
        deployment("claude", CLAUDE),
        deployment("gpt", GPT),
        deployment("gemini", GEMINI),
        deployment("embed", "openai/text-embedding-3-small"),
        deployment("instruct", "openai/gpt-3.5-turbo-instruct"),
    )


class TestWhatReachesThePrompt:
    @pytest.mark.parametrize(
        "extra",
        [
            {"system": WORDS},
            {"system": [{"type": "text", "text": WORDS, "cache_control": {"type": "ephemeral"}}]},
            {"tools": [{"name": "t", "description": WORDS, "input_schema": {"type": "object"}}]},
            {"output_format": {"type": "json_schema", "schema": {"description": WORDS}}},
            {"a_field_of_next_year": {"nested": [WORDS]}},
        ],
    )
    def test_is_counted_on_messages(self, models: Any, bounded: Make, extra: dict[str, object]) -> None:
        body = {"model": "claude", "messages": HELLO, "max_tokens": 10}
        plain = bounded(body, router=models, call_type="anthropic_messages")
        more = bounded({**body, **extra}, router=models, call_type="anthropic_messages")
        assert input_tokens(more, "3.75e-6") - input_tokens(plain, "3.75e-6") >= 2_400

    @pytest.mark.parametrize(
        "extra",
        [
            {"response_format": {"type": "json_schema", "json_schema": {"description": WORDS}}},
            {"tools": [{"type": "function", "function": {"name": "t", "description": WORDS}}]},
            {"functions": [{"name": "t", "description": WORDS}]},
            {"tool_choice": {"type": "function", "function": {"name": WORDS}}},
            {"prediction": {"type": "content", "content": WORDS}},
        ],
    )
    def test_is_counted_on_chat(self, models: Any, bounded: Make, extra: dict[str, object]) -> None:
        body = {"model": "gpt", "messages": HELLO}
        plain = bounded(body, router=models)
        more = bounded({**body, **extra}, router=models)
        assert input_tokens(more, "1.5e-7") - input_tokens(plain, "1.5e-7") >= 2_400

    def test_tool_calls_and_results_are_counted(self, models: Any, bounded: Make) -> None:
        call = {"id": "c", "type": "function", "function": {"name": "f", "arguments": WORDS}}
        history = [{"role": "assistant", "tool_calls": [call]}, {"role": "tool", "content": WORDS}]
        bound = bounded({"model": "gpt", "messages": [*HELLO, *history]}, router=models)
        assert input_tokens(bound, "1.5e-7") >= 4_800

    def test_what_litellm_adds_to_the_body_is_not(self, models: Any, bounded: Make) -> None:
        body = {"model": "gpt", "messages": HELLO}
        added = {"proxy_server_request": {"body": body, "headers": {"x": WORDS}}, "metadata": {"a": WORDS}}
        assert bounded({**body, **added}, router=models) == bounded(body, router=models)


class TestMedia:
    @pytest.mark.parametrize(
        "part",
        [
            {"type": "image_url", "image_url": {"url": "https://example.org/i.png"}},
            {"type": "input_audio", "input_audio": {"data": "AA==", "format": "wav"}},
            {"type": "file", "file": {"file_id": "file-1"}},
            {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "AA=="}},
            {"type": "document", "source": {"type": "url", "url": "https://example.org/d.pdf"}},
            {"type": "tool_result", "content": [{"type": "image", "source": {"type": "url", "url": "u"}}]},
            {"type": "of_next_year"},
            {"no": "type"},
        ],
    )
    def test_counts_as_the_models_context(self, models: Any, bounded: Make, part: object) -> None:
        bound = bounded({"model": "gpt", "messages": [{"role": "user", "content": [part]}]}, router=models)
        assert input_tokens(bound, "1.5e-7") == 128_000

    def test_is_refused_where_the_context_is_not_known(
        self, router: Make, deployment: Make, bounded: Make
    ) -> None:
        models = router(deployment("m", "openai/m", input_cost_per_token=1e-6, output_cost_per_token=1e-6))
        image = {"type": "image_url", "image_url": {"url": "https://example.org/i.png"}}
        with pytest.raises(ModelNotPriced, match="max_input_tokens"):
            bounded({"model": "m", "messages": [{"role": "user", "content": [image]}]}, router=models)


class TestListsOfPrompts:
    def test_each_prompt_has_answers_of_its_own(self, models: Any, bounded: Make) -> None:
        body = {"model": "instruct", "max_tokens": 100, "n": 2, "best_of": 3}
        one = bounded({**body, "prompt": "a"}, router=models, call_type="atext_completion")
        four = bounded({**body, "prompt": ["a", "b", "c", "d"]}, router=models, call_type="atext_completion")
        assert one.output_nanos_per_token == 3 * 2_000
        assert four.output_nanos_per_token == 4 * one.output_nanos_per_token

    def test_token_ids_are_counted_exactly(self, models: Any, bounded: Make) -> None:
        body = {"model": "embed", "input": [[1] * 1_000, [2] * 500]}
        bound = bounded(body, router=models, call_type="aembedding")
        assert 1_500 <= input_tokens(bound, "2e-8") <= 1_600
        flat = bounded({**body, "input": [7] * 1_500}, router=models, call_type="aembedding")
        assert 1_500 <= input_tokens(flat, "2e-8") <= 1_600

    def test_every_text_is_counted(self, models: Any, bounded: Make) -> None:
        bound = bounded({"model": "embed", "input": [WORDS] * 5}, router=models, call_type="aembedding")
        assert input_tokens(bound, "2e-8") >= 12_000
        assert bound.output_limit_field is None
        assert bound.output_tokens == 0


class TestOutputLimit:
    def test_the_smaller_of_two_fields_is_priced_and_the_only_one_sent(
        self, models: Any, bounded: Make
    ) -> None:
        body: dict[str, Any] = {"model": "gpt", "messages": HELLO, "max_tokens": 9_000}
        body["max_completion_tokens"] = 10
        bound = bounded(body, router=models)
        bound.write_limit(body, bound.output_tokens)
        assert bound.output_tokens == 10
        assert body["max_tokens"] == 10
        assert "max_completion_tokens" not in body

    def test_is_written_where_the_client_set_none(self, models: Any, bounded: Make) -> None:
        body: dict[str, Any] = {"model": "gpt", "messages": HELLO}
        bound = bounded(body, router=models)
        bound.write_limit(body, bound.output_tokens)
        assert body["max_tokens"] == bound.output_tokens == 16_384
        assert not bound.client_set_limit

    def test_cannot_be_overridden_by_another_field(self, models: Any, bounded: Make) -> None:
        for field in ("extra_body", "num_predict", "max_output_tokens", "generationConfig"):
            with pytest.raises(BadRequest, match=field):
                bounded({"model": "gpt", "messages": HELLO, field: {"max_tokens": 9}}, router=models)


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


class TestFallbacks:
    @pytest.mark.parametrize("field", ["fallbacks", "context_window_fallbacks", "content_policy_fallbacks"])
    def test_the_dearest_counts_and_so_do_its_own(
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
        bound = bounded({"model": "gpt", "messages": HELLO}, router=models)
        assert bound.output_nanos_per_token == 15_000

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

    def test_the_dearest_deployment_of_a_group_counts(
        self, router: Make, deployment: Make, bounded: Make
    ) -> None:
        models = router(deployment("m", GPT), deployment("m", CLAUDE))
        bound = bounded({"model": "m", "messages": HELLO}, router=models)
        assert bound.output_nanos_per_token == 15_000


class TestSearches:
    def test_fees_and_input_of_each_search_count(self, models: Any, bounded: Make) -> None:
        tool = {"type": "web_search_20250305", "name": "web_search", "max_uses": 3}
        body = {"model": "claude", "messages": HELLO, "max_tokens": 10, "tools": [tool]}
        bound = bounded(body, router=models, call_type="anthropic_messages")
        assert bound.fixed_nanos == 3 * 10_000_000
        assert input_tokens(bound, "3.75e-6") == 4 * 200_000

    @pytest.mark.parametrize(
        "extra",
        [
            {"tools": [{"type": "web_search_20250305", "name": "web_search"}]},
            {"tools": [{"type": "code_execution_20250522", "name": "code_execution"}]},
            {"tools": [{"type": "mcp", "server_url": "https://example.org"}]},
            {"tools": [{"type": "web_search"}]},
            {"tools": [{"codeExecution": {}}]},
            {"mcp_servers": [{"type": "url", "url": "https://example.org"}]},
            {"vector_store_ids": ["vs_1"]},
            {"search_parameters": {"mode": "auto"}},
            {"models": ["openai/o1-pro"]},
            {"route": "fallback"},
            {"provider": {"order": ["the-dearest"]}},
        ],
    )
    def test_what_nothing_limits_is_refused(
        self, models: Any, bounded: Make, extra: dict[str, object]
    ) -> None:
        with pytest.raises(ModelNotPriced):
            bounded(
                {"model": "claude", "messages": HELLO, "max_tokens": 10, **extra},
                router=models,
                call_type="anthropic_messages",
            )

    def test_searches_priced_each_are_refused(self, router: Make, deployment: Make, bounded: Make) -> None:
        models = router(deployment("g3", "gemini/gemini-3-flash-preview"), deployment("g2", GEMINI))
        search = {"messages": HELLO, "tools": [{"googleSearch": {}}]}
        with pytest.raises(ModelNotPriced, match="priced each"):
            bounded({"model": "g3", **search}, router=models)
        assert bounded({"model": "g2", **search}, router=models).fixed_nanos == 35_000_000


class TestDeclaredFree:
    def test_is_free_only_if_all_that_may_serve_it_are(
        self, router: Make, deployment: Make, bounded: Make
    ) -> None:
        free = {"billing": "free"}
        models = router(
            deployment("llama", "ollama/llama3", info=free),
            deployment("half", "ollama/llama3", info=free),
            deployment("half", GPT),
            deployment("falls", "ollama/llama3", info=free),
            fallbacks=[{"falls": ["half"]}],
        )
        body = {"messages": HELLO}
        assert bounded({**body, "model": "llama"}, router=models).amount_nanos() == 0
        assert not bounded({**body, "model": "half"}, router=models).free
        assert bounded({**body, "model": "falls"}, router=models).amount_nanos() > 0

    @pytest.mark.parametrize("price", [0, 0.0, -1e-6, float("nan"), float("inf")])
    def test_a_price_that_is_none_is_refused(
        self, router: Make, deployment: Make, bounded: Make, price: float
    ) -> None:
        models = router(deployment("m", "openai/m", input_cost_per_token=price, output_cost_per_token=price))
        with pytest.raises(ModelNotPriced):
            bounded({"model": "m", "messages": HELLO}, router=models)

    def test_an_unpriced_or_unknown_model_is_refused(
        self, router: Make, deployment: Make, bounded: Make
    ) -> None:
        models = router(deployment("m", "openai/m"), deployment("openai/*", "openai/*"))
        for name in ("m", "openai/m", "nobody"):
            with pytest.raises(ModelNotPriced):
                bounded({"model": name, "messages": HELLO}, router=models)
        with pytest.raises(ModelNotPriced, match="no models"):
            bounded({"model": "m", "messages": HELLO}, router=None)


def test_a_price_that_litellm_reports_is_what_the_bound_uses(
    models: Any, bounded: Make, litellm: Any
) -> None:
    """The one figure that ties the bound to LiteLLM: its cost of exactly the tokens that are bounded."""
    bound = bounded({"model": "gpt", "messages": HELLO, "max_tokens": 10}, router=models)
    tokens = input_tokens(bound, "1.5e-7")
    usage = litellm.Usage(prompt_tokens=tokens, completion_tokens=10, total_tokens=tokens + 10)
    response = litellm.ModelResponse(model="gpt-4o-mini", usage=usage)
    cost = litellm.completion_cost(response, model=GPT, custom_llm_provider="openai")
    assert nanos_from_cost(cost) == bound.amount_nanos()
