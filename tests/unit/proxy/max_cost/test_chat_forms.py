"""Other APIs' requests: bounded as the chat call that costs as much, their limit in the right field."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from billing.errors import BadRequest, ModelNotPriced, RouteNotBillable
from billing.proxy.max_cost import MaxCost
from tests.unit.proxy.max_cost.conftest import MaxCostOf

Body = dict[str, Any]
INFO = {
    "mode": "chat",
    "input_cost_per_token": 1e-06,
    "output_cost_per_token": 2e-06,
    "max_input_tokens": 50_000,
    "max_output_tokens": 4_000,
}
CONTEXT_NANOS = 50_000 * 1_000


@pytest.fixture
def max_cost(
    router: Callable[..., Any], deployment: Callable[..., Any], bounded: MaxCostOf
) -> Callable[[Body, str], MaxCost]:
    models = router(
        deployment("gpt", "openai/gpt-x", info=INFO),
        deployment("gemini", "gemini/gemini-x", info=INFO),
        deployment("priced-in-params", "openai/y", input_cost_per_token=1e-06, output_cost_per_token=2e-06),
    )

    def run(body: Body, call_type: str) -> MaxCost:
        return bounded(body, router=models, call_type=call_type)

    return run


MaxCostFor = Callable[[Body, str], MaxCost]


class TestResponses:
    def test_the_limit_is_the_clients_or_the_models_and_goes_into_max_output_tokens(
        self, max_cost: MaxCostFor
    ) -> None:
        body: Body = {"model": "gpt", "input": "hello", "max_output_tokens": 30}
        requested = max_cost(body, "aresponses")
        assert (requested.output_tokens, requested.client_set_limit) == (30, True)
        unlimited: Body = {"model": "gpt", "input": "hello"}
        most = max_cost(unlimited, "aresponses")
        assert (most.output_tokens, most.client_set_limit) == (4_000, False)
        most.write_limit(unlimited, 700)
        assert unlimited == {"model": "gpt", "input": "hello", "max_output_tokens": 700}

    def test_costs_what_the_same_words_cost_in_a_chat(self, max_cost: MaxCostFor) -> None:
        messages = [{"role": "user", "content": "hello " * 200}]
        chat = max_cost({"model": "gpt", "messages": messages, "max_tokens": 30}, "acompletion")
        response = max_cost({"model": "gpt", "input": messages, "max_output_tokens": 30}, "aresponses")
        assert response.amount_nanos() == chat.amount_nanos()

    @pytest.mark.parametrize(
        "more",
        [
            {"previous_response_id": "resp_1"},
            {"conversation": "conv_1"},
            {"input": [{"type": "item_reference", "id": "msg_1"}]},
            {"input": [{"role": "user", "content": [{"type": "input_image", "image_url": "https://x/y"}]}]},
            {"input": [{"type": "function_call_output", "output": [{"type": "input_file", "file_id": "f"}]}]},
            {"input": [{"type": "compaction", "encrypted_content": "x"}]},
        ],
    )
    def test_what_may_be_any_length_counts_as_the_whole_context(
        self, more: Body, max_cost: MaxCostFor
    ) -> None:
        short = max_cost({"model": "gpt", "input": "hello", "max_output_tokens": 1}, "aresponses")
        long = max_cost({"model": "gpt", "input": "hello", "max_output_tokens": 1, **more}, "aresponses")
        assert short.amount_nanos() < CONTEXT_NANOS / 10
        assert long.amount_nanos() >= CONTEXT_NANOS

    def test_calls_of_tools_and_their_results_are_text(self, max_cost: MaxCostFor) -> None:
        items = [
            {"type": "function_call", "call_id": "c", "name": "look_up", "arguments": "x" * 4_000},
            {"type": "function_call_output", "call_id": "c", "output": "y" * 4_000},
        ]
        amount_nanos = max_cost(
            {"model": "gpt", "input": items, "max_output_tokens": 1}, "aresponses"
        ).amount_nanos()
        assert 500_000 < amount_nanos < CONTEXT_NANOS

    def test_work_in_the_background_is_refused(self, max_cost: MaxCostFor) -> None:
        with pytest.raises(RouteNotBillable, match="background"):
            max_cost({"model": "gpt", "input": "hello", "background": True}, "aresponses")

    @pytest.mark.parametrize("field", ["prompt", "context_management", "container"])
    def test_what_makes_the_provider_add_input_is_refused(self, field: str, max_cost: MaxCostFor) -> None:
        with pytest.raises(ModelNotPriced, match=field):
            max_cost({"model": "gpt", "input": "hello", field: {"id": "x"}}, "aresponses")

    @pytest.mark.parametrize("field", ["max_tokens", "max_completion_tokens", "messages", "extra_body"])
    def test_a_field_that_could_override_what_is_priced_is_400(
        self, field: str, max_cost: MaxCostFor
    ) -> None:
        with pytest.raises(BadRequest, match=field):
            max_cost({"model": "gpt", "input": "hello", field: 5}, "aresponses")

    @pytest.mark.parametrize("items", [7, [7], [["x"]], {"role": "user", "content": 7}])
    def test_a_malformed_input_is_400(self, items: object, max_cost: MaxCostFor) -> None:
        with pytest.raises(BadRequest):
            max_cost({"model": "gpt", "input": items}, "aresponses")

    def test_compacting_has_no_limit_so_all_that_can_be_written_is_held_for(
        self, max_cost: MaxCostFor
    ) -> None:
        body: Body = {"model": "gpt", "input": "hello"}
        compacted = max_cost(body, "acompact_responses")
        assert compacted.output_limit_field is None
        assert compacted.amount_nanos() >= 4_000 * 2_000
        with pytest.raises(ModelNotPriced, match="max_output_tokens"):
            max_cost({"model": "priced-in-params", "input": "hello"}, "acompact_responses")


def contents(text: str = "hello") -> list[Body]:
    return [{"role": "user", "parts": [{"text": text}]}]


class TestGenerateContent:
    def test_the_limit_goes_into_the_block_of_settings_and_keeps_the_rest(self, max_cost: MaxCostFor) -> None:
        body: Body = {
            "model": "gemini",
            "contents": contents(),
            "generationConfig": {"temperature": 1, "maxOutputTokens": 99_999},
        }
        found = max_cost(body, "agenerate_content")
        assert (found.output_tokens, found.client_set_limit) == (4_000, True)
        found.write_limit(body, 500)
        assert body["generationConfig"] == {"temperature": 1, "maxOutputTokens": 500}

    def test_candidates_multiply_the_output(self, max_cost: MaxCostFor) -> None:
        one = max_cost({"model": "gemini", "contents": contents()}, "agenerate_content")
        config = {"candidateCount": 3}
        three = max_cost(
            {"model": "gemini", "contents": contents(), "generationConfig": config}, "agenerate_content"
        )
        assert three.output_nanos_per_token == 3 * one.output_nanos_per_token

    @pytest.mark.parametrize(
        "more",
        [
            {"cachedContent": "cachedContents/1"},
            {"contents": [{"parts": [{"inlineData": {"mimeType": "image/png", "data": "x"}}]}]},
            {"contents": [{"parts": [{"fileData": {"fileUri": "https://x/y"}}]}]},
            {"contents": [{"parts": [{"functionResponse": {"name": "f", "parts": [{"inlineData": {}}]}}]}]},
            {"systemInstruction": {"parts": [{"fileData": {"fileUri": "https://x/y"}}]}},
        ],
    )
    def test_what_may_be_any_length_counts_as_the_whole_context(
        self, more: Body, max_cost: MaxCostFor
    ) -> None:
        found = max_cost({"model": "gemini", "contents": contents(), **more}, "agenerate_content_stream")
        assert found.amount_nanos() >= CONTEXT_NANOS

    def test_system_and_tools_are_text_of_the_prompt(self, max_cost: MaxCostFor) -> None:
        plain = max_cost({"model": "gemini", "contents": contents()}, "agenerate_content")
        tools = [{"functionDeclarations": [{"name": "f", "description": "x " * 3_000}]}]
        for more in ({"tools": tools}, {"systemInstruction": {"parts": [{"text": "x " * 3_000}]}}):
            found = max_cost({"model": "gemini", "contents": contents(), **more}, "agenerate_content")
            assert found.input_nanos > plain.input_nanos + 3_000 * 1_000

    @pytest.mark.parametrize("tool", ["codeExecution", "urlContext", "googleMaps"])
    def test_the_providers_own_tools_are_refused(self, tool: str, max_cost: MaxCostFor) -> None:
        with pytest.raises(ModelNotPriced, match=tool):
            max_cost({"model": "gemini", "contents": contents(), "tools": [{tool: {}}]}, "agenerate_content")

    @pytest.mark.parametrize("field", ["config", "generation_config", "max_tokens", "n", "messages"])
    def test_another_place_for_a_limit_is_400(self, field: str, max_cost: MaxCostFor) -> None:
        with pytest.raises(BadRequest, match=field):
            max_cost(
                {"model": "gemini", "contents": contents(), field: {"maxOutputTokens": 1}},
                "agenerate_content",
            )

    @pytest.mark.parametrize("field", ["max_output_tokens", "candidate_count"])
    def test_another_spelling_of_a_limit_is_400(self, field: str, max_cost: MaxCostFor) -> None:
        body = {"model": "gemini", "contents": contents(), "generationConfig": {field: 5}}
        with pytest.raises(BadRequest, match=field):
            max_cost(body, "agenerate_content")


class TestGenerateContentOnOtherProviders:
    """LiteLLM loses the price on the way (`billing/proxy/max_cost/bridges.py`)."""

    def test_a_stream_is_refused(self, max_cost: MaxCostFor) -> None:
        for model in ("gpt", "priced-in-params"):
            with pytest.raises(ModelNotPriced, match="does not count"):
                max_cost({"model": model, "contents": contents()}, "agenerate_content_stream")

    def test_a_price_in_model_info_is_refused_and_one_in_litellm_params_is_not(
        self, max_cost: MaxCostFor
    ) -> None:
        with pytest.raises(ModelNotPriced, match="litellm_params"):
            max_cost({"model": "gpt", "contents": contents()}, "agenerate_content")
        assert (
            max_cost(
                {"model": "priced-in-params", "contents": contents()}, "agenerate_content"
            ).amount_nanos()
            > 0
        )
