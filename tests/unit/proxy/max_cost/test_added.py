"""What LiteLLM and an operator's settings add to a request is in its bound."""

from __future__ import annotations

from typing import Any

import pytest

from tests.unit.proxy.max_cost.conftest import GPT, HELLO, Body, Make, input_tokens, row

_PRICES = {"input_cost_per_token": 1e-6, "output_cost_per_token": 1e-6}
_INFO = {**_PRICES, "mode": "chat", "max_input_tokens": 50_000, "max_output_tokens": 10_000}
_TEXT = "Seven wise owls. " * 60
_TOOL = {"type": "function", "function": {"name": "look", "description": _TEXT, "parameters": {}}}
_TURNS = [{"role": "user", "content": "a"}] * 40


def chat(messages: list[dict[str, Any]] | None = None, **fields: object) -> Body:
    return {"model": "m", "messages": messages or _TURNS, "max_tokens": 10, **fields}


@pytest.fixture
def tokens(router: Make, bounded: Make) -> Make:
    """The input side of a bound, in tokens, on a model with some settings."""

    def count(body: Body, model: str = "hosted_vllm/x", **params: object) -> int:
        models = router(row("m", model, info=_INFO, **_PRICES, **params))
        return input_tokens(bounded(body, router=models), "1e-6")

    return count


class TestTurnsBetweenTurns:
    def test_an_operators_continue_message_counts_once_a_turn(self, tokens: Make) -> None:
        message = {"role": "assistant", "content": _TEXT}
        plain = tokens(chat())
        assert tokens(chat(), ensure_alternating_roles=True) > plain + 40 * 3
        longer = tokens(chat(), ensure_alternating_roles=True, assistant_continue_message=message)
        assert longer > plain + 40 * len(_TEXT)


class TestToolsInWords:
    def test_they_count_for_each_system_message(self, tokens: Make) -> None:
        systems = [{"role": "system", "content": "a"}] * 30 + HELLO
        once = tokens(chat(systems, tools=[_TOOL]))
        assert tokens(chat(systems, tools=[_TOOL]), model="ollama/x") > once + 30 * len(_TEXT)

    def test_names_count_in_each_result(self, tokens: Make) -> None:
        function = {"name": "n" * 500, "arguments": "{}"}
        call = {"role": "assistant", "content": None, "tool_calls": [{"id": "1", "function": function}]}
        results = [{"role": "tool", "tool_call_id": "1", "content": "a"}] * 20
        body = chat([*HELLO, call, *results])
        assert tokens(body, model="gemini/gemini-x") >= tokens(body) + 20 * 500


class TestAPromptAMessage:
    def test_each_message_is_answered(self, router: Make, bounded: Make) -> None:
        models = router(row("m", "text-completion-openai/x", info=_INFO, **_PRICES))
        max_cost = bounded(chat(), router=models)
        assert max_cost.answers == 40
        assert max_cost.amount_nanos() >= 40 * 10 * 1_000


class TestOperatorsSettings:
    @pytest.mark.parametrize(
        "params",
        [{"tools": [_TOOL]}, {"extra_body": {"guided_json": _TOOL}}, {"litellm_system_prompt": _TEXT}],
        ids=str,
    )
    def test_text_of_theirs_counts(self, params: dict[str, object], tokens: Make) -> None:
        assert tokens(chat(), **params) > tokens(chat()) + len(_TEXT) // 10

    @pytest.mark.parametrize(
        "params",
        [{"extra_body": {"max_tokens": 5_000}}, {"max_completion_tokens": 5_000}],
        ids=str,
    )
    def test_a_limit_that_ours_does_not_replace_is_held_for(
        self, params: dict[str, object], router: Make, bounded: Make
    ) -> None:
        max_cost = bounded(chat(), router=router(row("m", "hosted_vllm/x", info=_INFO, **_PRICES, **params)))
        assert (max_cost.output_tokens, max_cost.output_limit_field) == (5_000, None)

    def test_a_limit_that_is_dropped_is_the_models(self, router: Make, bounded: Make) -> None:
        params = {"additional_drop_params": ["max_tokens"], **_PRICES}
        max_cost = bounded(chat(), router=router(row("m", "hosted_vllm/x", info=_INFO, **params)))
        assert max_cost.output_tokens == _INFO["max_output_tokens"]

    @pytest.mark.parametrize("params", [{"n": 4}, {"extra_body": {"n": 4}}], ids=str)
    def test_answers_of_theirs_count(self, params: dict[str, object], router: Make, bounded: Make) -> None:
        assert bounded(chat(), router=router(row("m", GPT, info=_INFO, **params))).answers == 4

    def test_a_clients_own_number_replaces_theirs_as_it_does_for_litellm(
        self, router: Make, bounded: Make
    ) -> None:
        assert bounded(chat(n=2), router=router(row("m", GPT, info=_INFO, n=4))).answers == 2
