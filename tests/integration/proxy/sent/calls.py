"""Conversations, tools and schemas that LiteLLM may make longer on their way to a provider."""

from __future__ import annotations

import json
from typing import Any

Body = dict[str, Any]

# 2,090 bytes, more than any allowance of a bound. No tokenizer has a word for this letter: a token a byte.
TEXT = ("\ua8a0" * 6 + " ") * 110


def tool(number: int = 0, text: str = TEXT) -> Body:
    """A function that a client declares, with a long description."""
    schema = {"type": "object", "properties": {"place": {"type": "string", "description": text}}}
    return {
        "type": "function",
        "function": {"name": f"look_{number}", "description": text, "parameters": schema},
    }


SCHEMA = {"type": "object", "properties": {"answer": {"type": "string", "description": TEXT}}}


def said(role: str, text: str = "a", times: int = 1) -> list[Body]:
    """The same message so many times."""
    return [{"role": role, "content": text} for _ in range(times)]


def called(times: int, *, answered: bool) -> list[Body]:
    """Calls of a tool with a long name and long arguments, with results or without."""
    turns: list[Body] = []
    for number in range(times):
        function = {"name": "look_" + "o" * 300, "arguments": json.dumps({"place": TEXT})}
        turns += [
            {
                "role": "assistant",
                "content": None,
                "tool_calls": [{"id": f"call_{number}", "type": "function", "function": function}],
            }
        ]
        if answered:
            turns += [*said("user"), {"role": "tool", "tool_call_id": f"call_{number}", "content": TEXT}]
    return turns


CONVERSATIONS: dict[str, list[Body]] = {
    "users": said("user", times=60),
    "assistants": [*said("assistant", times=60)],
    "systems": [*said("system", times=40), *said("user")],
    "systems_between": [turn for _ in range(30) for turn in (*said("system"), *said("user"))],
    "developers": [*said("developer", times=30), *said("user")],
    "empty": [turn for _ in range(30) for turn in (*said("user", ""), *said("assistant", ""))],
    "tools": [*said("user"), *called(4, answered=True), *said("user")],
    "tools_unanswered": [*said("user"), *called(4, answered=False), *said("user")],
    "parts": [
        {"role": role, "content": [{"type": "text", "text": TEXT}, {"type": "text", "text": "b"}]}
        for role in ("system", "user", "assistant", "user")
    ],
    "long": [*said("system", TEXT), *said("user", TEXT), *said("assistant", TEXT), *said("user", TEXT)],
}


def without_system(messages: list[Body]) -> list[Body]:
    """As Anthropic's API has them."""
    return [
        m if m["role"] in ("user", "assistant") else {**m, "role": "user"}
        for m in messages
        if "tool_calls" not in m and m["role"] != "tool"
    ]
