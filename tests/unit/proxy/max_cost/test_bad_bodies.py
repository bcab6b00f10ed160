"""A malformed body is a clear 400 and never a stack trace; other call types are refused."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from billing.errors import BadRequest, ModelNotPriced, RouteNotBillable
from billing.proxy.max_cost.limits import write_limit
from billing.proxy.max_cost.request import read_request

HELLO = [{"role": "user", "content": "hello"}]
CALL_TYPES = ("acompletion", "atext_completion", "aembedding", "anthropic_messages")


def chat(**extra: object) -> dict[str, object]:
    return {"model": "m", "messages": HELLO, **extra}


@pytest.mark.parametrize("limit", [0, -1, 1.5, "10", True, 10**9, [1], float("nan")])
@pytest.mark.parametrize("field", ["max_tokens", "max_completion_tokens", "n", "best_of"])
def test_a_limit_that_is_none_is_refused(field: str, limit: object) -> None:
    with pytest.raises(BadRequest, match=field):
        read_request(chat(**{field: limit}), "acompletion")


@pytest.mark.parametrize("stream", ["true", "false", 1, 0, 1.0, [True], {}])
@pytest.mark.parametrize("call_type", CALL_TYPES)
def test_a_stream_that_is_neither_true_nor_false_is_refused(call_type: str, stream: object) -> None:
    """LiteLLM would have the provider stream, and then fail the call, which nobody pays."""
    with pytest.raises(BadRequest, match="stream"):
        read_request({**chat(stream=stream), "prompt": "hello", "input": "hello"}, call_type)


@pytest.mark.parametrize("stream", ["true", 1])
def test_a_stream_of_responses_that_is_neither_is_refused(stream: object) -> None:
    with pytest.raises(BadRequest, match="stream"):
        read_request({"model": "m", "input": "hello", "stream": stream}, "aresponses")


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"messages": HELLO},
        {"model": 7, "messages": HELLO},
        {"model": "a,b", "messages": HELLO},
        {"model": ["a", "b"], "messages": HELLO},
        {"model": "m"},
        {"model": "m", "messages": []},
        {"model": "m", "messages": "hello"},
        {"model": "m", "messages": ["hello"]},
        {"model": "m", "messages": [{"role": "user", "content": 7}]},
        {"model": "m", "messages": [{"role": "user", "content": [7]}]},
        {"model": "m", "messages": [{"role": "user", "content": [{"type": "text"}]}]},
        {"model": "m", "messages": HELLO, "tools": "t"},
        {"model": "m", "messages": HELLO, "tools": [7]},
        {"model": "m", "messages": HELLO, "tools": [{"type": 7}]},
    ],
)
def test_a_chat_of_wrong_types_is_refused(body: dict[str, object]) -> None:
    with pytest.raises(BadRequest):
        read_request(body, "acompletion")


@pytest.mark.parametrize(
    ("call_type", "body"),
    [
        ("acompletion", {"messages": HELLO}),
        ("anthropic_messages", {"messages": HELLO}),
        ("atext_completion", {"prompt": "hello"}),
        ("aembedding", {"input": "hello"}),
        ("aresponses", {"input": "hello"}),
        ("agenerate_content", {"contents": []}),
    ],
)
def test_tools_of_an_mcp_server_are_refused(call_type: str, body: dict[str, object]) -> None:
    """LiteLLM or the provider calls them, and feeds what they say to the model."""
    tools = [{"type": "mcp", "server_label": "x", "server_url": "litellm_proxy"}]
    with pytest.raises(ModelNotPriced, match="mcp"):
        read_request({"model": "m", "tools": tools, **body}, call_type)


@pytest.mark.parametrize("prompt", [None, 7, [], {}, [[]], [None], [1, "a"], [True], ["a"] * 2_049, [[1.5]]])
@pytest.mark.parametrize(("call_type", "field"), [("atext_completion", "prompt"), ("aembedding", "input")])
def test_a_prompt_of_wrong_types_is_refused(call_type: str, field: str, prompt: object) -> None:
    with pytest.raises(BadRequest, match=field):
        read_request({"model": "m", field: prompt}, call_type)


@pytest.mark.parametrize("call_type", ["acreate_batch", "acreate_interaction", "pass_through_endpoint", ""])
def test_other_call_types_are_refused(call_type: str) -> None:
    with pytest.raises(RouteNotBillable):
        read_request(chat(), call_type)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=9), inner, max_size=4),
    max_leaves=12,
)
fields = st.sampled_from(
    ["model", "messages", "prompt", "input", "system", "tools", "n", "max_tokens", "thinking", "fallbacks"]
)


@given(st.dictionaries(fields, json_values), st.sampled_from(CALL_TYPES))
def test_any_json_is_read_or_refused(body: dict[str, object], call_type: str) -> None:
    with suppress(BadRequest, ModelNotPriced):
        read_request(body, call_type)


@given(json_values, json_values)
def test_any_content_is_read_or_refused(content: object, part: object) -> None:
    message = {"role": "user", "content": content}
    parts = {"role": "user", "content": [part, {"type": "tool_result", "content": content}]}
    for messages in ([message], [parts], [{**message, "tool_calls": part}]):
        with suppress(BadRequest):
            read_request({"model": "m", "messages": messages}, "anthropic_messages")


class TestWrittenLimit:
    def test_keeps_a_thinking_budget_below_it(self) -> None:
        body: dict[str, Any] = {"thinking": {"type": "enabled", "budget_tokens": 9_000}}
        write_limit(body, "max_tokens", 5_000)
        assert body == {"max_tokens": 5_000, "thinking": {"type": "enabled", "budget_tokens": 4_999}}

    def test_stops_thinking_that_does_not_fit(self) -> None:
        body: dict[str, Any] = {"thinking": {"type": "enabled", "budget_tokens": 9_000}}
        write_limit(body, "max_tokens", 1_024)
        assert body["thinking"] == {"type": "disabled"}

    def test_uses_the_field_that_the_client_used(
        self, router: Callable[..., Any], deployment: Callable[..., Any], bounded: Callable[..., Any]
    ) -> None:
        models = router(
            deployment("openai", "openai/gpt-4o-mini"),
            deployment("own", "openai/gpt-4o-mini", api_base="http://127.0.0.1:1/v1"),
        )
        for name, field in (("openai", "max_completion_tokens"), ("own", "max_tokens")):
            body = {"model": name, "messages": HELLO, "max_completion_tokens": 10}
            max_cost = bounded(body, router=models)
            max_cost.write_limit(body, 7)
            assert {key: body.get(key) for key in ("max_tokens", "max_completion_tokens")} == {
                "max_tokens": None,
                "max_completion_tokens": None,
            } | {field: 7}
