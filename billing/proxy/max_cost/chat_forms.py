"""Converts requests of other APIs into chat calls: OpenAI's responses and Gemini's `generateContent`.

Each becomes a chat call with the same text, media, tools and limits, so that one function can price them all.
Only fields that affect the maximum cost are translated; the rest of the body stays and counts as text.

Sources: https://platform.openai.com/docs/api-reference/responses/create,
https://ai.google.dev/api/generate-content
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from billing.errors import BadRequest, ModelNotPriced, RouteNotBillable
from billing.proxy.max_cost.limits import CHOICES_MAX, OUTPUT_TOKENS_MAX, positive_int

Body = Mapping[str, object]

RESPONSES = frozenset({"aresponses", "responses", "acompact_responses"})
GENERATE = frozenset({"agenerate_content", "agenerate_content_stream"})

_MEDIA: Body = {"role": "user", "files": True}  # counts as the model's whole context
_CALLS = ("function_call", "custom_tool_call", "reasoning")
_RESULTS = ("function_call_output", "custom_tool_call_output")
# Other names of a limit, and blocks that may contain one: only the priced limit may be set.
_RESPONSES_HIDDEN = ("messages", "max_tokens", "max_completion_tokens", "extra_body")
_GENERATE_HIDDEN = (
    "messages",
    "n",
    "config",
    "generation_config",
    "max_tokens",
    "max_output_tokens",
    "extra_body",
)
_CONFIG_HIDDEN = ("maxOutputTokens", "max_output_tokens", "candidateCount", "candidate_count")


@dataclass(frozen=True, slots=True)
class ChatForm:
    """A request as a chat call."""

    body: Body
    limit_field: str | None  # where the output limit is written, with dots between names; None: nowhere


def chat_form(body: Body, call_type: str) -> ChatForm | None:
    """Returns the equivalent chat call, or None for calls that need no conversion.

    Raises BadRequest for malformed requests, RouteNotBillable for background work, and ModelNotPriced if the
    cost has no limit.
    """
    if call_type in RESPONSES:
        limit_field = None if call_type == "acompact_responses" else "max_output_tokens"
        return ChatForm(_from_responses(body), limit_field)
    if call_type in GENERATE:
        return ChatForm(_from_generate(body), "generationConfig.maxOutputTokens")
    return None


def _from_responses(body: Body) -> Body:
    _refuse_background(body)
    _refuse_hidden(body, _RESPONSES_HIDDEN, "Set `max_output_tokens`.")
    for name in ("prompt", "context_management"):
        if body.get(name):
            raise ModelNotPriced(
                f"`{name}` adds costs that billing cannot limit, so prepaid keys may not use it."
            )
    messages = [*_earlier(body, "previous_response_id", "conversation"), *_response_items(body.get("input"))]
    return _chat(body, ("input", "max_output_tokens"), messages, _limit(body, "max_output_tokens"))


def _response_items(items: object) -> Iterator[Body]:
    """Yields the input as messages: text stays text, tool calls are text, everything else is media."""
    if items is None:
        return
    for item in [items] if isinstance(items, str) else _objects(items, "input"):
        if isinstance(item, str):
            yield {"role": "user", "content": item}
        elif item.get("type", "message") == "message":
            yield {"role": item.get("role", "user"), "content": item.get("content")}
        elif item["type"] in _CALLS:
            yield {"role": "assistant", "call": dict(item)}
        elif item["type"] in _RESULTS:
            yield {"role": "tool", "content": item.get("output"), "call": item.get("call_id")}
        else:
            yield _MEDIA


def _from_generate(body: Body) -> Body:
    _refuse_hidden(body, _GENERATE_HIDDEN, "Set `generationConfig.maxOutputTokens`.")
    config = _config(body, "generationConfig", "maxOutputTokens", "candidateCount")
    messages = [*_earlier(body, "cachedContent", "cached_content")]
    for content in _objects(body.get("contents"), "contents"):
        messages += _google_parts(content)
    for name in ("systemInstruction", "system_instruction"):
        if body.get(name):
            messages += _google_parts(_object(body[name], name))
    chat = _chat(
        {**body, "tools": _google_tools(body.get("tools"))},
        ("contents", "generationConfig", "systemInstruction", "system_instruction"),
        messages,
        _limit(config, "maxOutputTokens"),
    )
    rest = {name: value for name, value in config.items() if name not in _CONFIG_HIDDEN}
    return {**chat, "n": positive_int(config, "candidateCount", CHOICES_MAX), "generation": rest or None}


def _google_parts(content: str | Body) -> Iterator[Body]:
    """Yields a Gemini content as messages: text, function calls and their results; the rest is media."""
    if isinstance(content, str):
        yield {"role": "user", "content": content}
        return
    parts = content.get("parts")
    for part in [parts] if isinstance(parts, str | Mapping) else _objects(parts, "parts"):
        known = isinstance(part, str) or not part.keys() - {
            "text", "thought", "thoughtSignature", "thought_signature", "functionCall", "functionResponse",
            "function_call", "function_response",
        }  # fmt: skip
        nested = not isinstance(part, str) and _has_media(part)
        yield {"role": "user", "call": part} if known and not nested else _MEDIA


def _has_media(part: Body) -> bool:
    """Whether a function's result contains parts of its own, which may be images."""
    results = (part.get("functionResponse"), part.get("function_response"))
    return any(isinstance(result, Mapping) and result.get("parts") for result in results)


def _google_tools(tools: object) -> list[Body] | None:
    """Converts Gemini's tools to chat tools: one per declared function, and the provider's own unchanged."""
    if tools is None:
        return None
    flat: list[Body] = []
    for tool in _objects(tools, "tools"):
        table = _object(tool, "tools")
        declared = table.get("functionDeclarations", table.get("function_declarations"))
        flat += [{"type": "function", **_object(one, "tools")} for one in _objects(declared or [], "tools")]
        rest = {k: v for k, v in table.items() if k not in ("functionDeclarations", "function_declarations")}
        flat += [rest] if rest else []
    return flat


def _chat(body: Body, skipped: tuple[str, ...], messages: list[Body], limit: object) -> Body:
    rest = {name: value for name, value in body.items() if name not in skipped}
    return {**rest, "messages": messages or [{"role": "user"}], "max_tokens": limit}


def _earlier(body: Body, *names: str) -> list[Body]:
    """Yields a media message per reference to content stored at the provider, at most the model's context."""
    return [_MEDIA] if any(body.get(name) for name in names) else []


def _limit(config: Body, name: str) -> int | None:
    return positive_int(config, name, OUTPUT_TOKENS_MAX)


def _refuse_background(body: Body) -> None:
    if body.get("background"):
        raise RouteNotBillable(
            "Background responses (`background: true`) cannot be billed, since LiteLLM only learns their "
            "cost when somebody requests them. Remove it."
        )


def _refuse_hidden(body: Body, names: tuple[str, ...], instead: str) -> None:
    hidden = next((name for name in names if body.get(name) is not None), None)
    if hidden is not None:
        raise BadRequest(f"`{hidden}` cannot be billed. {instead}")


def _config(body: Body, name: str, *known: str) -> Body:
    """Returns the block of generation settings, in which a limit must have the one name that we write."""
    value = body.get(name)
    config: Body = {} if value is None else _object(value, name)
    for other in _CONFIG_HIDDEN:
        if other not in known and config.get(other) is not None:
            raise BadRequest(f"`{name}.{other}` cannot be billed. Set `{name}.{known[0]}`.")
    return config


def _object(value: object, name: str) -> Body:
    if not isinstance(value, Mapping):
        raise BadRequest(f"`{name}` must be an object.")
    return value


def _objects(value: object, name: str) -> list[str | Body]:
    values = [value] if isinstance(value, Mapping) else value
    if not isinstance(values, list) or not all(isinstance(item, str | Mapping) for item in values):
        raise BadRequest(f"`{name}` must be a list of objects.")
    return values
