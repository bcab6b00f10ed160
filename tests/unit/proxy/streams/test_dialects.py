"""What each API's events carry, and how our endings read. (`tests/acceptance/endings/` reads them by SDK.)"""

from __future__ import annotations

import httpx
import openai
import pytest

from billing.proxy.streams.dialects import (
    ChatDialect,
    GenerateDialect,
    MessagesDialect,
    Output,
    ResponsesDialect,
    dialect_named,
)
from billing.proxy.streams.events import EventSplitter, data_of, event_of

ERROR = {"message": "Top up to go on.", "type": "insufficient_quota", "param": None,
         "code": "insufficient_credits", "top_up_url": "https://pay.example/billing"}  # fmt: skip
EMPTY_TEXT = {"type": "text", "text": ""}
DELTA = "content_block_delta"
START = "content_block_start"


def events_of(stream: bytes) -> list[dict[str, object]]:
    data = [data_of(event) for event in EventSplitter().feed(stream)]
    return [dict(one) for one in data if isinstance(one, dict)]


def chunk(delta: dict[str, object], **choice: object) -> dict[str, object]:
    outer = {"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1, "model": "m"}
    return {**outer, "choices": [{"index": 0, "delta": delta, "finish_reason": None, **choice}]}


class TestChat:
    @pytest.mark.parametrize(
        ("delta", "output"),
        [
            ({"role": "assistant", "content": ""}, Output()),
            ({"content": "héllo"}, Output(text="héllo")),
            ({"reasoning_content": "hm", "content": None}, Output(text="hm")),
            ({"refusal": "no"}, Output(text="no")),
            ({"a_field_of_next_year": {"deep": ["abc"]}}, Output(other_bytes=3)),
            (
                {"tool_calls": [{"index": 0, "id": "x", "function": {"name": "f", "arguments": ""}}]},
                Output(other_bytes=1, frames=1),
            ),
            ({"tool_calls": [{"index": 0, "function": {"arguments": '{"a"'}}]}, Output(other_bytes=4)),
        ],
        ids=str,
    )
    def test_counts_all_that_a_delta_says(self, delta: dict[str, object], output: Output) -> None:
        assert ChatDialect(chat=True).read(chunk(delta)) == output

    def test_a_chunk_without_choices_carries_nothing(self) -> None:
        assert ChatDialect(chat=True).read({"choices": [], "usage": {"total_tokens": 3}}).is_empty

    def test_completions_carry_text(self) -> None:
        data = {"choices": [{"index": 0, "text": "abc"}]}
        assert ChatDialect(chat=False).read(data) == Output(text="abc")

    def test_ends_with_a_finish_reason_the_error_and_done(self) -> None:
        dialect = ChatDialect(chat=True)
        dialect.read(chunk({"content": "hello"}))
        stream = dialect.ending(dict(ERROR), 1)
        finish, error = events_of(stream)
        assert finish == chunk({}, finish_reason="length", logprobs=None)
        assert error == {"error": ERROR}
        assert stream.endswith(b"data: [DONE]\n\n")


class TestMessages:
    def test_counts_blocks(self) -> None:
        dialect = MessagesDialect()
        tool = {"type": "tool_use", "id": "t", "name": "look", "input": {}}
        json_delta = {"type": "input_json_delta", "partial_json": '{"a":1'}
        events: list[tuple[dict[str, object], Output]] = [
            ({"type": "message_start", "message": {"id": "m"}}, Output()),
            ({"type": START, "index": 0, "content_block": EMPTY_TEXT}, Output()),
            ({"type": DELTA, "delta": {"type": "text_delta", "text": "é"}}, Output(text="é")),
            ({"type": START, "index": 1, "content_block": tool}, Output(other_bytes=4, frames=1)),
            ({"type": DELTA, "delta": json_delta}, Output(other_bytes=6)),
            ({"type": "ping"}, Output()),
        ]
        for event, output in events:
            assert dialect.read(event) == output

    def test_ends_with_a_stop_reason_the_error_and_the_end(self) -> None:
        dialect = MessagesDialect()
        dialect.read({"type": START, "index": 2, "content_block": EMPTY_TEXT})
        stop, delta, error, end = events_of(dialect.ending({"type": "billing_error"}, 7))
        assert stop == {"type": "content_block_stop", "index": 2}
        assert delta["delta"] == {"stop_reason": "max_tokens", "stop_sequence": None}
        assert delta["usage"] == {"output_tokens": 7}
        assert error == {"type": "error", "error": {"type": "billing_error"}}
        assert end == {"type": "message_stop"}

    def test_closes_no_block_that_is_closed(self) -> None:
        dialect = MessagesDialect()
        dialect.read({"type": START, "index": 0, "content_block": EMPTY_TEXT})
        dialect.read({"type": "content_block_stop", "index": 0})
        assert events_of(dialect.ending({}, 1))[0]["type"] == "message_delta"


class TestResponses:
    def test_counts_deltas(self) -> None:
        dialect = ResponsesDialect()
        call = {"type": "function_call", "id": "i", "name": "look", "arguments": "", "call_id": "c"}
        added = {"type": "response.output_item.added", "item": call}
        assert dialect.read(added) == Output(other_bytes=len("look") + len("c"), frames=1)
        delta = {"type": "response.function_call_arguments.delta", "delta": '{"a'}
        assert dialect.read(delta) == Output(other_bytes=3)
        assert dialect.read({"type": "response.output_text.delta", "delta": "é"}) == Output(text="é")
        assert dialect.read({"type": "response.reasoning_text.delta", "delta": "hm"}) == Output(text="hm")
        assert dialect.read({"type": "response.output_text.done", "text": "é"}) == Output()

    def test_the_sdk_reads_the_error_and_an_incomplete_response(self) -> None:
        dialect = ResponsesDialect()
        response = {"id": "resp_1", "object": "response", "created_at": 1, "model": "m", "output": [],
                    "status": "in_progress", "error": None, "parallel_tool_calls": True, "tools": [],
                    "tool_choice": "auto"}  # fmt: skip
        created = {"type": "response.created", "sequence_number": 0, "response": response}
        dialect.read(created)
        stream = event_of(created, "response.created") + dialect.ending(dict(ERROR), 1)
        headers = {"content-type": "text/event-stream"}
        answer = httpx.Response(200, content=stream, headers=headers)
        transport = httpx.MockTransport(lambda _: answer)
        with openai.OpenAI(api_key="k", http_client=httpx.Client(transport=transport)) as client:
            events = list(client.responses.create(model="m", input="hello", stream=True))
        assert [event.type for event in events] == ["response.created", "error", "response.incomplete"]
        assert events[1].type == "error"
        assert events[1].code == "insufficient_credits"
        assert events[2].type == "response.incomplete"
        assert events[2].response.status == "incomplete"
        assert events[2].response.id == "resp_1"
        assert events[2].response.incomplete_details is not None
        assert events[2].response.incomplete_details.reason == "max_output_tokens"


def generated(*parts: dict[str, object], **outer: object) -> dict[str, object]:
    """A chunk of Gemini's."""
    candidate = {"content": {"role": "model", "parts": list(parts)}, "index": 0}
    return {"candidates": [candidate], "modelVersion": "gemini-x", **outer}


class TestGenerate:
    @pytest.mark.parametrize(
        ("chunk", "output"),
        [
            ({}, Output()),
            ({"candidates": [{"finishReason": "STOP", "index": 0}]}, Output()),
            (generated({"text": "héllo"}, {"text": " you"}), Output(text="héllo you")),
            (generated({"text": "hm", "thought": True, "thoughtSignature": "AAAA"}), Output(text="hm")),
            (
                generated({"functionCall": {"name": "f", "args": {"a": 1}}}),
                Output(other_bytes=len('{"functionCall": {"name": "f", "args": {"a": 1}}}'), frames=1),
            ),
            (
                generated({"a_part_of_next_year": "abc"}),
                Output(other_bytes=len('{"a_part_of_next_year": "abc"}')),
            ),
            (
                generated({"text": "a"}, usageMetadata={"candidatesTokenCount": 3, "thoughtsTokenCount": 40}),
                Output(text="a", reported_tokens=43),
            ),
            (generated(usageMetadata={"promptTokenCount": 9, "thoughtsTokenCount": None}), Output()),
        ],
        ids=str,
    )
    def test_counts_what_parts_say_and_what_the_provider_counted(
        self, chunk: dict[str, object], output: Output
    ) -> None:
        assert GenerateDialect().read(chunk) == output

    @pytest.mark.parametrize("chunk", [{"candidates": "x"}, {"candidates": [1, {"content": {"parts": [2]}}]}])
    def test_nonsense_carries_nothing(self, chunk: dict[str, object]) -> None:
        assert GenerateDialect().read(chunk).is_empty

    def test_ends_with_a_finish_reason_and_the_error(self) -> None:
        dialect = GenerateDialect()
        dialect.read(generated({"text": "hello"}))
        finish, error = events_of(dialect.ending(dict(ERROR), 1))
        candidate = {"content": {"role": "model", "parts": [{"text": ""}]}, "finishReason": "MAX_TOKENS"}
        assert finish == {"modelVersion": "gemini-x", "candidates": [{**candidate, "index": 0}]}
        assert error == {"error": ERROR}


@pytest.mark.parametrize(
    ("call_type", "data"),
    [
        ("acompletion", {"error": {"message": "broken"}}),
        ("atext_completion", {"error": {"message": "broken"}}),
        ("anthropic_messages", {"type": "error", "error": {}}),
        ("aresponses", {"type": "response.failed", "response": {}}),
        ("agenerate_content_stream", {"error": {"message": "broken"}}),
    ],
)
def test_a_stream_says_that_it_broke(call_type: str, data: dict[str, object]) -> None:
    dialect = dialect_named(call_type)
    assert dialect is not None
    dialect.read({"type": "ping", "error": None})
    assert not dialect.failed
    dialect.read(data)
    dialect.read({"type": "message_stop"})
    assert dialect.failed


def test_other_streams_are_not_understood() -> None:
    assert dialect_named("agenerate_content") is None


def test_reasoning_that_comes_under_several_names_counts_once() -> None:
    """As LiteLLM passes on what OpenRouter reasons."""
    words, dialect = "so many words", dialect_named("acompletion")
    assert dialect is not None
    several = {"reasoning_content": words, "reasoning": words, "reasoning_details": [{"text": words}]}
    output = dialect.read({"choices": [{"delta": several}]})
    assert (output.text, output.other_bytes) == (words, 0)
    alone = dialect.read({"choices": [{"delta": {"reasoning_content": None, "reasoning": words}}]})
    assert alone.text == words
