"""Whether a provider reports usage in a stream, in the forms of all APIs that LiteLLM calls."""

from __future__ import annotations

import json

import pytest

from billing.rating.reported import ReportedUsage, reports_usage

CHUNK = {"id": "c", "object": "chat.completion.chunk", "choices": [{"delta": {"content": "usage"}}]}
USED = {"prompt_tokens": 4641, "completion_tokens": 500, "total_tokens": 5141}
REPORTS = {
    "openai": {**CHUNK, "choices": [], "usage": USED},
    "anthropic start": {
        "type": "message_start",
        "message": {"role": "assistant", "usage": {"input_tokens": 9, "output_tokens": 0}},
    },
    "anthropic end": {"type": "message_delta", "delta": {}, "usage": {"output_tokens": 12}},
    "responses": {"type": "response.completed", "response": {"usage": {"input_tokens": 3}}},
    "gemini": {"candidates": [{}], "usageMetadata": {"promptTokenCount": 5}},
    "cohere": {"type": "message-end", "delta": {"usage": {"billed_units": {"input_tokens": 5.0}}}},
    "cohere v1": {"event_type": "stream-end", "response": {"meta": {"billed_units": {"output_tokens": 7}}}},
    "ollama": {"model": "m", "done": True, "prompt_eval_count": 11, "eval_count": 8},
}


def sse(event: object) -> bytes:
    return b"data: " + json.dumps(event).encode() + b"\n\n"


def followed(*pieces: bytes) -> ReportedUsage:
    reported = ReportedUsage()
    for piece in pieces:
        reported.feed(piece)
    return reported


@pytest.mark.parametrize("api", REPORTS)
def test_each_apis_report_is_seen(api: str) -> None:
    assert reports_usage(sse(REPORTS[api]))
    assert reports_usage(json.dumps(REPORTS[api]).encode())


@pytest.mark.parametrize("step", [1, 7, 64])
@pytest.mark.parametrize("api", REPORTS)
def test_a_report_is_seen_however_it_is_cut(api: str, step: int) -> None:
    body = sse(CHUNK) + sse(REPORTS[api]) + b"data: [DONE]\n\n"
    reported = followed(*(body[start : start + step] for start in range(0, len(body), step)))
    assert (reported.is_answer, reported.is_reported) == (True, True)


def test_the_last_line_needs_no_end() -> None:
    assert followed(sse(CHUNK), sse(REPORTS["openai"]).rstrip()).is_reported


@pytest.mark.parametrize(
    "event",
    [
        {**CHUNK, "usage": None},
        {**CHUNK, "usage": {}},
        {**CHUNK, "usage": {"prompt_tokens": 0, "completion_tokens": 0, "total_tokens": 0}},
        {**CHUNK, "usage": {"prompt_tokens": True}},
        {**CHUNK, "usage": "4641"},
        {**CHUNK, "x_groq": {"id": "r", "usage": USED}},  # LiteLLM reads neither this
        {"choices": [{"delta": {}, "usage": USED}]},  # nor this
        {"choices": [{"delta": {"content": '{"usage": {"prompt_tokens": 5}}'}}]},
        ["usage", 5],
    ],
    ids=str,
)
def test_what_names_no_amount_is_no_report(event: object) -> None:
    reported = followed(sse(CHUNK), sse(event))
    assert (reported.is_answer, reported.is_reported) == (True, False)


@pytest.mark.parametrize(
    "body", [b"", b"\x00\x01binary\n\x02", b'{"error": {"message": "no"}}', b"data: x\n\n"]
)
def test_of_what_is_no_answer_nothing_is_known(body: bytes) -> None:
    reported = followed(body)
    assert (reported.is_answer, reported.is_reported) == (False, False)


def test_a_nested_event_is_looked_into_a_few_levels_deep() -> None:
    event: dict[str, object] = {"usage": {"prompt_tokens": 5}}
    for _ in range(900):
        event = {"usage": event}
    assert not reports_usage(sse(event))


def test_a_stream_with_an_event_too_long_to_read_is_unknown() -> None:
    """OpenAI's last event repeats the client's instructions, and has the only usage."""
    last = {"type": "response.completed", "response": {"instructions": "A" * 2_000_000, "usage": USED}}
    reported = followed(sse({"type": "response.created"}), sse(last))
    assert (reported.is_answer, reported.is_reported) == (False, False)
    assert len(reported._line) == 0


@pytest.mark.parametrize(
    "body",
    [
        b'{"choices": [\n',
        b'data: {"choices": [}\n\n',
        b'\x00\x0b:event-type{"contentBlockDelta": "\\"response.data\\" \\"choices\\""}\x7f\n',
    ],
)
def test_what_cannot_be_parsed_is_no_answer(body: bytes) -> None:
    assert not followed(body).is_answer


STARTS = {
    "openai": CHUNK,
    "completions": {"choices": [{"text": "a"}]},
    "anthropic": REPORTS["anthropic start"],
    "anthropic delta": {"type": "content_block_delta", "delta": {"text": "a"}},
    "responses": {"type": "response.output_text.delta", "delta": "a"},
    "gemini": {"candidates": [{"content": {}}]},
    "cohere": {"type": "content-delta", "delta": {"message": {}}},
    "cohere v1": {"event_type": "text-generation", "text": "a"},
    "ollama": {"model": "m", "message": {"content": "a"}, "done": False},
}


@pytest.mark.parametrize("api", STARTS)
def test_an_answer_is_known_by_its_first_event(api: str) -> None:
    assert followed(sse(STARTS[api])).is_answer
    assert followed(json.dumps(STARTS[api]).encode()).is_answer
    text = {"type": "error", "error": {"message": json.dumps(STARTS[api])}}
    assert not followed(sse(text)).is_answer


def test_half_an_emoji_makes_no_event_unreadable() -> None:
    half = b'data: {"choices": [{"delta": {"content": "usage \\ud83d"}}]}\n\n'
    assert followed(half).is_answer
    assert followed(half, sse(REPORTS["openai"])).is_reported


def test_usage_in_saps_wrapper_is_seen() -> None:
    assert reports_usage(sse({"final_result": {"choices": [], "usage": USED}}))
