"""What of a body reaches the prompt: LiteLLM's own estimate misses most of it."""

from __future__ import annotations

from typing import Any

import pytest

from billing.errors import ModelNotPriced
from tests.unit.proxy.max_cost.conftest import HELLO, WORDS, Make, input_tokens

# LiteLLM imports a provider when it is first used, and pydantic warns of its TypedDicts.
pytestmark = pytest.mark.filterwarnings("ignore:.*`ReadOnly` qualifier:UserWarning")


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
        max_cost = bounded({"model": "gpt", "messages": [*HELLO, *history]}, router=models)
        assert input_tokens(max_cost, "1.5e-7") >= 4_800

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
        max_cost = bounded({"model": "gpt", "messages": [{"role": "user", "content": [part]}]}, router=models)
        assert input_tokens(max_cost, "1.5e-7") == 128_000

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
        max_cost = bounded(body, router=models, call_type="aembedding")
        assert 1_500 <= input_tokens(max_cost, "2e-8") <= 1_600
        flat = bounded({**body, "input": [7] * 1_500}, router=models, call_type="aembedding")
        assert 1_500 <= input_tokens(flat, "2e-8") <= 1_600

    def test_every_text_is_counted(self, models: Any, bounded: Make) -> None:
        max_cost = bounded({"model": "embed", "input": [WORDS] * 5}, router=models, call_type="aembedding")
        assert input_tokens(max_cost, "2e-8") >= 12_000
        assert max_cost.output_limit_field is None
        assert max_cost.output_tokens == 0
