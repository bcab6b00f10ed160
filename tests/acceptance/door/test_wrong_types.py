"""Wrong types are a 400 in the shape of the API, which names the field."""

from __future__ import annotations

import pytest

from tests.acceptance.customers import HELLO, Customer, NewCustomer
from tests.acceptance.door.door_routes import JSON_ROUTES
from tests.acceptance.routes.requests_of import BILLED, BY_CALL_TYPE, path_of, request_for

Body = dict[str, object]
WRONG: tuple[object, ...] = (
    True, 5, 1.5, "text", [], {}, [5], [[]], [None], {"a": 5}, {"type": 5}, {"type": "unknown"},
    [{"type": "unknown"}], [{"role": "user"}], [{"role": "user", "content": [{"type": "tool_result"}]}],
)  # fmt: skip
MESSAGES: Body = {"model": "demo-chat", "messages": HELLO, "max_tokens": 5}
CHAT: Body = MESSAGES
OF_MESSAGES = (
    "model", "messages", "system", "max_tokens", "tools", "tool_choice", "stop_sequences", "thinking",
    "container", "context_management", "mcp_servers", "output_format", "output_config", "metadata", "stream",
    "temperature", "top_p", "top_k", "service_tier", "user", "cache_control", "speed", "inference_geo",
    "fallbacks", "tags",
)  # fmt: skip
OF_CHAT = (
    "model", "messages", "tools", "functions", "tool_choice", "function_call", "parallel_tool_calls",
    "response_format", "stream_options", "max_tokens", "max_completion_tokens", "stop", "logit_bias",
    "logprobs", "top_logprobs", "n", "frequency_penalty", "presence_penalty", "reasoning_effort",
    "modalities", "audio", "prediction", "seed", "user", "web_search_options", "thinking", "store",
    "verbosity", "service_tier", "metadata", "stream", "temperature",
)  # fmt: skip
# What LiteLLM looks for in every call, whatever the API, and has failed at.
OF_ALL = ("tools", "web_search_options", "keepalive_seconds", "stream_timeout", "tags", "cache", "guardrails")
OF_TOOL_CALLS = ("server_id", "name", "arguments")


@pytest.fixture(scope="module")
def customer(door_customers: NewCustomer) -> Customer:
    return door_customers(credit="5")


@pytest.mark.parametrize(
    ("path", "body", "fields"),
    [
        ("/v1/messages", MESSAGES, OF_MESSAGES),
        ("/v1/chat/completions", CHAT, OF_CHAT),
        ("/mcp-rest/tools/call", {"server_id": "s", "name": "n", "arguments": {}}, OF_TOOL_CALLS),
    ],
    ids=["messages", "chat", "tools"],
)
def test_no_type_of_any_field_is_a_5xx(
    path: str, body: Body, fields: tuple[str, ...], customer: Customer
) -> None:
    failures = []
    for field in fields:
        for value in WRONG:
            answer = customer.http.post(path, json={**body, field: value})
            if answer.status_code >= 500 or (answer.is_error and not answer.json()["error"]["message"]):
                failures.append((field, value, answer.text))
    assert failures == []


@pytest.mark.parametrize("call_type", [kind for kind, request in BY_CALL_TYPE.items() if request.json])
def test_no_type_of_what_litellm_reads_in_every_call_is_a_5xx(call_type: str, customer: Customer) -> None:
    route = next(route for route in BILLED if route.call_types == {call_type})
    request = request_for(route)
    assert request.json is not None
    failures = []
    for field in OF_ALL:
        for value in (5, [["x"]], None):
            body = {"model": request.model, **request.json, field: value}
            answer = customer.http.post(path_of(route), json=body)
            if answer.status_code >= 500:
                failures.append((field, value, answer.text))
    assert failures == []


@pytest.mark.parametrize("path", JSON_ROUTES)
def test_a_wrong_type_names_its_field(path: str, customer: Customer) -> None:
    request = next(request_for(route) for route in BILLED if path_of(route) == path)
    assert request.json is not None
    field = next(iter(request.json))
    answer = customer.http.post(path, json={"model": request.model, **request.json, field: 5.5})
    assert answer.status_code == 400, answer.text
    assert field in answer.json()["error"]["message"]
