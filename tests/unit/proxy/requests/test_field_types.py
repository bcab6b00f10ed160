"""Field types are those of the APIs: what their clients send passes, and a wrong one is found at once."""

import time
from typing import Any

import pytest

from billing.errors import BadRequest
from billing.proxy.requests.field_types import BY_CALL_TYPE, check_types
from billing.proxy.requests.request_fields import prepare_types

HELLO = [{"role": "user", "content": "hello"}]
MANY = 490_000  # as many elements and containers as the limits let through
NODES = 49_000
TOOL = {"type": "function", "function": {"name": "f", "parameters": {"type": "object"}}}
SENT_BY_CLIENTS: list[tuple[str, dict[str, Any]]] = [
    (
        "acompletion",
        {"messages": HELLO, "stop": None, "tools": None, "temperature": 1, "reasoning_effort": None},
    ),
    (
        "acompletion",
        {"messages": HELLO, "tools": [TOOL], "tool_choice": "auto", "stop": ["a"], "some_new_field": {}},
    ),
    (
        "acompletion",
        {
            "messages": [
                {"role": "assistant", "content": None, "tool_calls": [{"id": "1"}]},
                {"role": "tool", "tool_call_id": "1", "content": [{"type": "text", "text": "x"}]},
            ]
        },
    ),
    (
        "acompletion",
        {
            "messages": [
                {
                    "role": "user",
                    "content": [
                        {"type": "image_url", "image_url": {"url": "data:"}},
                        {"type": "input_audio", "input_audio": {}},
                    ],
                }
            ]
        },
    ),
    ("acompletion", {"messages": HELLO, "modalities": ["text", "audio"], "audio": {"voice": "x"}}),
    (
        "anthropic_messages",
        {
            "messages": HELLO,
            "system": [{"type": "text", "text": "x", "cache_control": {}}],
            "metadata": {"user_id": "u"},
            "tool_choice": {"type": "auto"},
            "max_tokens": 5,
            "thinking": {"type": "adaptive"},
            "context_management": {"edits": []},
        },
    ),
    (
        "anthropic_messages",
        {
            "messages": [
                {
                    "role": "user",
                    "content": [
                        {"type": "search_result", "source": "https://x", "title": "t", "content": []},
                        {
                            "type": "tool_result",
                            "tool_use_id": "1",
                            "content": [{"type": "text", "text": "x"}],
                        },
                        {"type": "image", "source": {"type": "base64"}},
                    ],
                }
            ]
        },
    ),
    (
        "aresponses",
        {"input": [{"role": "user", "content": "x"}, {"type": "function_call_output"}], "store": False},
    ),
    ("aembedding", {"input": [1, 2, 3]}),
    ("aembedding", {"input": [[1, 2], [3]]}),
    ("aembedding", {"input": ["a", "b"], "dimensions": 5}),
    ("atext_completion", {"prompt": [1, 2]}),
    ("atext_completion", {}),
    ("agenerate_content", {"contents": [{"parts": []}], "tools": {"functionDeclarations": []}}),
    ("rerank", {"query": "q", "documents": [{"text": "x"}, "y"]}),
    ("asearch", {"query": ["a", "b"]}),
]
WRONG: list[tuple[str, dict[str, Any]]] = [
    ("aembedding", {"input": [None] * MANY}),
    ("aembedding", {"input": [[1]] * NODES + [None]}),
    ("atext_completion", {"prompt": [1] * MANY + [None]}),
    ("atext_completion", {"prompt": [[1]] * NODES + ["x"]}),
    ("acompletion", {"messages": [{"role": "user", "content": [None] * MANY}]}),
    ("acompletion", {"messages": [None] * MANY}),
    ("acompletion", {"messages": HELLO, "stop": [5] * MANY}),
    ("acompletion", {"messages": HELLO, "tools": [5] * MANY}),
    ("acompletion", {"messages": HELLO, "tags": ["a"] * MANY}),
    ("acompletion", {"messages": HELLO, "fallbacks": ["a"] * MANY}),
    ("acompletion", {"messages": HELLO, "metadata": {str(n): n for n in range(48_000)}}),
    ("aresponses", {"input": [None] * MANY}),
    ("anthropic_messages", {"messages": [], "system": [5] * MANY}),
    ("rerank", {"query": "q", "documents": [5] * MANY}),
    ("agenerate_content", {"contents": [5] * MANY}),
    ("anthropic_messages", {"messages": HELLO, "metadata": {"user_id": 5}}),
    ("acompletion", {"messages": HELLO, "timeout": [1]}),
]


@pytest.mark.parametrize(("call_type", "body"), SENT_BY_CLIENTS)
def test_what_clients_send_passes(call_type: str, body: dict[str, Any]) -> None:
    check_types(BY_CALL_TYPE[call_type], body)


@pytest.mark.parametrize(
    ("call_type", "body"), WRONG, ids=[f"{kind}-{list(body)[-1]}" for kind, body in WRONG]
)
def test_a_wrong_type_is_found_without_looking_at_the_rest(call_type: str, body: dict[str, Any]) -> None:
    prepare_types()
    began = time.thread_time()
    with pytest.raises(BadRequest):
        check_types(BY_CALL_TYPE[call_type], body)
    assert time.thread_time() - began < 2  # it took 5 to 24 s
