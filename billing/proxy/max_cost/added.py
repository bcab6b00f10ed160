"""Counts what LiteLLM adds to a request on its way to a provider: its own words, and repeated content.

The maximum cost is computed from the body that a client sent. Some of LiteLLM's translations add to it, and
some repeat content for each message (`litellm_core_utils/prompt_templates/factory.py` of LiteLLM 1.106.12).
All known additions are counted here, as often as they can occur; fields by which clients can request more are
rejected (`client_fields.py`). `tests/integration/proxy/sent/` compares with what providers really receive.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import NamedTuple

from billing.proxy.max_cost.deployments import GOOGLE, REMEMBERED_MAX, Deployment
from billing.proxy.max_cost.request import RequestShape

_PLACEHOLDER_TOKENS = 16  # "[System: Empty message content sanitised to satisfy protocol]"
_RESULT_TOKENS = 48  # "[System: Tool execution skipped/interrupted by user. No result provided for …]"
_NOTE_TOKENS = 32  # "Operator note (not from the user): the following was originally a mid-conversation …"
_CONTINUE_BYTES = len("Please continue.")
_TURN_TOKENS = 8  # added to a message by a chat template
_FUNCTIONS_PROMPT_BYTES = 320  # 'To call a function, reply with JSON ONLY in this format …'
_REASONING_TOKENS = 512  # Magistral's system prompt
# Chat calls on these become calls of a text API: one prompt, and so one answer, per message.
_A_PROMPT_A_MESSAGE = ("text-completion-openai", "text-completion-inception", "azure_text")
# Where a system message between the turns becomes a user message with a note (`mid_conversation_system.py`).
_NOTED = ("anthropic", "bedrock", "bedrock_converse", "vertex_ai", "azure_ai", "databricks", "snowflake")
_NAMED_RESULTS = (*GOOGLE, "cohere", "cohere_chat", "oci", "gigachat")  # results repeat the tool's name


def answers_on(deployment: Deployment, shape: RequestShape) -> int:
    """Returns how many answers the call generates there."""
    if deployment.provider not in _A_PROMPT_A_MESSAGE:
        return shape.answers
    return shape.answers * max(shape.turns.messages, 1)


def added_tokens(deployment: Deployment, shape: RequestShape, text_tokens: int) -> int:
    """Returns the input tokens that LiteLLM adds there at most; 0 for most calls.

    The body has `text_tokens`.
    """
    turns = shape.turns
    tokens = turns.empty * _PLACEHOLDER_TOKENS
    if deployment.provider in _NOTED:
        tokens += turns.instructions * _NOTE_TOKENS
    if deployment.provider in _NAMED_RESULTS:
        tokens += turns.results * turns.longest_name
    if shape.functions and _puts_functions_into_prompts(deployment):
        tokens += _repeated_functions(shape)
    if deployment.provider == "mistral" and "magistral" in deployment.model:
        tokens += _REASONING_TOKENS
    if _modifies():
        tokens += _repaired_tokens(shape, text_tokens)
    settings = _configured(deployment)
    return tokens + settings.once + settings.a_message * (turns.messages + 2)


def _repeated_functions(shape: RequestShape) -> int:
    """Tokens of tools, written into every system message as Python (`factory.function_call_prompt`)."""
    shown = sum(len(repr(one).encode("utf-8", "surrogatepass")) + 2 for one in shape.functions)
    return (shown + _FUNCTIONS_PROMPT_BYTES) * max(shape.turns.instructions, 1)


def _repaired_tokens(shape: RequestShape, text_tokens: int) -> int:
    """With `modify_params`, calls without a result get one, and a result may be repeated
    (`factory.sanitize_messages_for_tool_calling`).
    """
    turns = shape.turns
    each = 0 if not turns.longest_name else _RESULT_TOKENS + turns.longest_name
    return each * turns.messages + (text_tokens if turns.results else 0)


def _modifies() -> bool:
    import litellm

    return bool(litellm.modify_params)


@lru_cache(REMEMBERED_MAX)
def _puts_functions_into_prompts(deployment: Deployment) -> bool:
    """Whether LiteLLM describes tools to the model in text. For providers other than Ollama it does so only
    with `add_function_to_prompt`, which it enables itself at the first such call to an Ollama.
    """
    import litellm

    if deployment.provider == "ollama":
        return True
    fields = litellm.get_supported_openai_params(
        model=deployment.bare_model, custom_llm_provider=deployment.provider
    )
    return fields is not None and "tools" not in fields


class _Configured(NamedTuple):
    """What the operator's own settings of a deployment add, in UTF-8 bytes, which no tokenizer exceeds."""

    once: int
    a_message: int


_ONCE = ("litellm_system_prompt", "initial_prompt_value", "final_prompt_value", "bos_token", "eos_token")
_TURNS = ("user_continue_message", "assistant_continue_message")


@lru_cache(REMEMBERED_MAX)
def _configured_by(deployment: Deployment, alternates: bool) -> _Configured:
    params = deployment.params
    once = sum(_bytes(params.get(name)) for name in _ONCE)
    a_message = (
        _bytes(params.get("roles")) + _bytes(params.get("bos_token")) + _bytes(params.get("eos_token"))
    )
    if alternates:
        longest = max(_CONTINUE_BYTES, *(_bytes(params.get(name)) for name in _TURNS))
        a_message += longest + _TURN_TOKENS
    return _Configured(once, a_message)


def _configured(deployment: Deployment) -> _Configured:
    asked = any(deployment.params.get(name) for name in ("ensure_alternating_roles", *_TURNS))
    return _configured_by(deployment, asked or (_modifies() and "bedrock" in deployment.provider))


def _bytes(value: object) -> int:
    if value is None:
        return 0
    shown = (
        value if isinstance(value, str) else str(dict(value)) if isinstance(value, Mapping) else str(value)
    )
    return len(shown.encode("utf-8", "surrogatepass"))
