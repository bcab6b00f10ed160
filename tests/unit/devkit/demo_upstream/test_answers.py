"""What the demo models say, without the server around them."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from devkit.demo_upstream import answers, tokens
from devkit.demo_upstream.schemas import ChatRequest

TOOL = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "parameters": {
            "type": "object",
            "properties": {
                "city": {"type": "string"},
                "days": {"type": "integer"},
                "note": {"type": "string"},
            },
            "required": ["city", "days"],
        },
    },
}


def _request(text: str = "hello", **fields: object) -> ChatRequest:
    return ChatRequest.model_validate(
        {"model": "demo-chat", "messages": [{"role": "user", "content": text}], **fields}
    )


class TestTokens:
    @given(st.text(max_size=200))
    @settings(max_examples=200, deadline=None)
    def test_pieces_joined_are_the_text(self, text: str) -> None:
        assert "".join(tokens.split(text)) == text

    def test_they_are_openais(self) -> None:
        assert tokens.count("hello world") == 2  # cl100k_base, by OpenAI's tokenizer page


class TestWriting:
    def test_the_same_question_has_the_same_answer(self) -> None:
        assert answers.write("hello", None) == answers.write("hello", None)

    def test_another_question_has_another_answer(self) -> None:
        assert answers.write("hello", None).text != answers.write("good bye", None).text

    def test_another_choice_of_the_same_question_is_another_answer(self) -> None:
        assert answers.write("hello", None, 0).text != answers.write("hello", None, 1).text

    @pytest.mark.parametrize("limit", [1, 2, 16])
    def test_no_answer_is_longer_than_its_limit(self, limit: int) -> None:
        answer = answers.write("hello", limit)

        assert len(answer.pieces) == limit
        assert answer.finish_reason == "length"

    def test_an_answer_within_its_limit_is_finished(self) -> None:
        assert answers.write("hello", 1000).finish_reason == "stop"

    def test_a_length_may_be_asked_for(self) -> None:
        words = answers.write("a story in 500 words", None).text.split()

        assert 500 <= len(words) <= 530


class TestTools:
    def test_a_required_tool_is_called_with_its_required_arguments(self) -> None:
        answer = answers.answer_chat(_request(tools=[TOOL], tool_choice="required"), 0)

        assert answer.tool_name == "get_weather"
        assert answer.text == '{"city": "demo", "days": 1}'
        assert answer.finish_reason == "tool_calls"

    def test_a_named_tool_is_called(self) -> None:
        choice = {"type": "function", "function": {"name": "get_weather"}}

        assert answers.answer_chat(_request(tools=[TOOL], tool_choice=choice), 0).tool_name == "get_weather"

    def test_a_tool_that_the_user_mentions_is_called(self) -> None:
        assert (
            answers.answer_chat(_request("call get_weather please", tools=[TOOL]), 0).tool_name
            == "get_weather"
        )

    @pytest.mark.parametrize(
        "request_", [_request(tools=[TOOL]), _request("get_weather", tools=[TOOL], tool_choice="none")]
    )
    def test_else_it_writes(self, request_: ChatRequest) -> None:
        assert answers.answer_chat(request_, 0).tool_name is None

    def test_tools_cost_input(self) -> None:
        assert answers.prompt_tokens(_request(tools=[TOOL])) > answers.prompt_tokens(_request())
