"""Every field that LiteLLM accepts in a body, as LiteLLM itself names them; later versions' too."""

from __future__ import annotations

import inspect
from typing import Any

import litellm
from litellm.constants import DEFAULT_CHAT_COMPLETION_PARAM_VALUES
from litellm.litellm_core_utils.get_litellm_params import OPTIONAL_KWARGS_KEYS, get_litellm_params
from litellm.types.llms.anthropic import AnthropicMessagesRequestOptionalParams
from litellm.types.llms.openai import ResponsesAPIOptionalRequestParams
from litellm.types.llms.vertex_ai import GenerationConfig, RequestBody
from litellm.types.router import GenericLiteLLMParams
from litellm.types.utils import DynamicPromptManagementParamLiteral, all_litellm_params

from tests.integration.proxy.sent.calls import SCHEMA, TEXT, tool

_INPUT = ("model", "messages", "input", "prompt", "contents", "kwargs", "self", "stream")
_SUPPORTED_BY = (
    "openai",
    "anthropic",
    "gemini",
    "ollama",
    "ollama_chat",
    "bedrock",
    "mistral",
    "cohere_chat",
    "openrouter",
)
# By which LiteLLM stays away from the provider, or which only its own code can give it.
_NO_CALL = (
    "mock_response",
    "mock_timeout",
    "mock_tool_calls",
    "request_timeout",
    "timeout",
    "stream_timeout",
    "force_timeout",
)


def accepted_names() -> list[str]:
    """Their names, in order."""
    functions = (
        litellm.completion,
        litellm.responses,
        litellm.anthropic_messages,
        litellm.embedding,
        litellm.text_completion,
        get_litellm_params,
    )
    annotated = (
        AnthropicMessagesRequestOptionalParams,
        ResponsesAPIOptionalRequestParams,
        GenerationConfig,
        RequestBody,
    )
    names = {
        *DEFAULT_CHAT_COMPLETION_PARAM_VALUES,
        *all_litellm_params,
        *OPTIONAL_KWARGS_KEYS,
        *GenericLiteLLMParams.model_fields,
        *DynamicPromptManagementParamLiteral.list_all_params(),
        *(name for function in functions for name in inspect.signature(function).parameters),
        *(name for table in annotated for name in table.__annotations__),
        *(name for provider in _SUPPORTED_BY for name in _supported(provider)),
    }
    return sorted(names - {*_INPUT, *_NO_CALL})


def _supported(provider: str) -> list[str]:
    return litellm.get_supported_openai_params(model="some-model", custom_llm_provider=provider) or []


# What a hostile client may write into any of them, besides what belongs there.
VALUES: list[Any] = [
    True,
    20_000,
    TEXT,
    {"role": "assistant", "content": TEXT},
    {"role": "user", "content": TEXT},
    [{"role": "user", "content": TEXT}],
    {"user": {"pre_message": TEXT, "post_message": TEXT}, "system": {"pre_message": TEXT}},
    {"max_tokens": 20_000, "num_predict": 20_000, "n": 9, "maxOutputTokens": 20_000, "messages": TEXT},
    [TEXT, TEXT],
]
FITTING: dict[str, list[Any]] = {
    "tools": [[tool()]],
    "functions": [[tool()["function"]]],
    "response_format": [
        {"type": "json_object"},
        {"type": "json_schema", "json_schema": {"name": "x", "schema": SCHEMA}},
    ],
    "output_format": [{"type": "json_schema", "schema": SCHEMA}],
    "text": [{"format": {"type": "json_schema", "name": "x", "schema": SCHEMA}}],
    "system": [TEXT, [{"type": "text", "text": TEXT}]],
    "instructions": [TEXT],
    "cache_control_injection_points": [[{"location": "message", "role": "user"}]],
    "reasoning_effort": ["high"],
    "reasoning": [{"effort": "high"}],
    "thinking": [{"type": "enabled", "budget_tokens": 1024}, {"type": "adaptive"}],
    "n": [3],
    "modalities": [["text"]],
    "prediction": [{"type": "content", "content": TEXT}],
    "drop_params": [True],
    "stop": [TEXT, ["a"]],
    "metadata": [{"a": TEXT}],
    "tool_choice": ["auto"],
    "allowed_openai_params": [["tools", "n", "max_completion_tokens"]],
    "supports_system_message": [False],
    "max_completion_tokens": [20_000],
    "max_output_tokens": [20_000],
}


def values_of(name: str) -> list[Any]:
    """All that is tried in a field."""
    return [*FITTING.get(name, []), *VALUES]


def some_values_of(name: str, turn: int, wanted: int) -> list[Any]:
    """What fits a field, and `wanted` others that take turns from field to field."""
    step = len(VALUES) // 3
    return [*FITTING.get(name, []), *(VALUES[(turn + step * place) % len(VALUES)] for place in range(wanted))]
