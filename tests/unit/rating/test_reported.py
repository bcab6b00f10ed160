"""Whether a provider reports usage in a stream, in the forms of all APIs that LiteLLM calls."""

from __future__ import annotations

import json

import pytest

from billing.rating.reported import ReportedUsage, reports_usage

CHUNK = {"id": "c", "object": "chat.completion.chunk", "choices": [{"delta": {"content": "usage"}}]}
USED = {"prompt_tokens": 4641, "completion_tokens": 500, "total_tokens": 5141}
REPORTS = {
    "openai": {**CHUNK, "choices": [], "usage": USED},
    "groq": {**CHUNK, "x_groq": {"id": "r", "usage": USED}},
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


def test_a_line_of_an_image_is_not_kept() -> None:
    image = b'data: {"choices": [], "image": "' + b"A" * 3_000_000
    reported = followed(sse(CHUNK), image, b'", "usage": {"prompt_tokens": 5}}\n\n')
    assert not reported.is_reported
    assert len(reported._line) == 0
    reported.feed(sse(REPORTS["openai"]))
    assert reported.is_reported
