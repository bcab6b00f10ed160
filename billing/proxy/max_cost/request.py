"""Reads what a request body asks of a model: text, media, prompts, choices.

Everything that can reach the prompt counts as text: instead of listing the fields that count, this lists
those that do not, so that an unexpected field makes the maximum cost larger rather than wrong.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from billing.errors import BadRequest, RouteNotBillable
from billing.proxy.max_cost.chat_forms import chat_form
from billing.proxy.max_cost.context_edits import refuse_compaction
from billing.proxy.max_cost.limits import choices_of, refuse_hidden_limits, requested_limit
from billing.proxy.max_cost.tools import ToolUse, tool_use

CHAT = frozenset({"acompletion", "completion"})
TEXT = frozenset({"atext_completion", "text_completion"})
EMBEDDING = frozenset({"aembedding", "embedding"})
MESSAGES = frozenset({"anthropic_messages"})
_WITH_MESSAGES = CHAT | MESSAGES
_READ_AS_THEY_ARE = CHAT | TEXT | EMBEDDING | MESSAGES

PROMPTS_MAX = 2048  # OpenAI's own maximum for an embeddings call
PARTS_MAX = 100_000
PART_TOKENS = 8  # added by the chat template to a message or part, at most

# fmt: off
_NOT_PROMPT = frozenset(
    (
        "model", "stream", "stream_options", "max_tokens", "max_completion_tokens", "n", "best_of",
        "temperature", "top_p", "top_k", "seed", "stop", "stop_sequences", "user", "metadata",
        "litellm_metadata", "service_tier", "fallbacks", "context_window_fallbacks",
        "content_policy_fallbacks", "messages", "prompt", "input", "logprobs", "top_logprobs",
        "logit_bias", "presence_penalty", "frequency_penalty", "parallel_tool_calls", "store", "timeout",
        "stream_timeout", "num_retries", "cache", "ttl", "api_key", "api_version", "proxy_server_request",
        "litellm_logging_obj", "litellm_call_id", "litellm_trace_id", "litellm_session_id",
        "secret_fields", "user_api_key_dict", "headers", "extra_headers", "provider_specific_header",
        "tags", "guardrails", "policies", "organization", "success_callback", "failure_callback",
        "litellm_disabled_callbacks", "allowed_model_region", "encoding_format", "dimensions",
        "drop_params", "keepalive_seconds", "reasoning_effort", "thinking", "modalities",
    )
)
# fmt: on
# Those that are numbers, switches or words: anything longer may be text for a prompt.
# fmt: off
_SCALARS = frozenset(
    (
        "temperature", "top_p", "top_k", "seed", "logprobs", "top_logprobs", "presence_penalty",
        "frequency_penalty", "parallel_tool_calls", "store", "encoding_format", "dimensions",
        "reasoning_effort", "drop_params", "keepalive_seconds", "service_tier",
    )
)
# fmt: on
_WORD_CHARS_MAX = 64
_TEXT_PARTS = {"text": "text", "input_text": "text", "output_text": "text", "refusal": "refusal"}
# fmt: off
_OTHER_TEXT_PARTS = frozenset(
    (
        "thinking", "redacted_thinking", "tool_use", "tool_result", "server_tool_use",
        "web_search_tool_result", "web_fetch_tool_result", "search_result", "tool_reference",
        "mid_conv_system", "compaction",
    )
)
# fmt: on
_MEDIA_FIELDS = ("audio", "images", "videos", "files")  # of a message: an earlier answer's, or Ollama's
_TABLES = (dict, Mapping)  # checking an abstract class takes ten times as long
_RESULT_ROLES = ("tool", "function")
_SPOKEN = ("user", "assistant", *_RESULT_ROLES)
_PLAIN_MESSAGE = frozenset(("role", "content"))
_MEDIA_STARTS = ("data:", "gs://", "s3://")  # of an embeddings input that some models take for an image


@dataclass(slots=True)
class Turns:
    """A conversation, as far as LiteLLM adds to its turns or repeats them (`added.py`)."""

    messages: int = 0
    instructions: int = 0  # messages of any role that LiteLLM may treat as the system's
    empty: int = 0  # empty or blank texts
    results: int = 0  # tool results
    longest_name: int = 0  # bytes of the longest tool name in a call


@dataclass(slots=True)
class _Reading:
    """The intermediate state of reading a body."""

    texts: list[str] = field(default_factory=list)
    tokens: int = 0  # of prompts that are token ids
    parts: int = 0
    media: int = 0
    turns: Turns = field(default_factory=Turns)

    def add_json(self, value: object) -> None:
        self.texts.append(json.dumps(value, ensure_ascii=False, default=str))


class RequestShape(NamedTuple):
    """The properties of a body that its cost depends on.

    (A tuple, made on every call: dataclasses take 2 µs.)
    """

    model: str
    text: str
    id_tokens: int  # prompts given as token ids
    parts: int  # messages and their parts, or prompts
    media: int
    prompts: int
    answers: int  # choices of all prompts
    makes_output: bool
    is_completion: bool  # the old /v1/completions
    requested_tokens: int | None
    limit_field: str | None
    tools: ToolUse
    streams: bool
    one_hour_cache: bool
    fast: bool
    service_tier: object
    turns: Turns
    functions: tuple[object, ...]  # tools and functions, unchanged


def model_of(body: Mapping[str, object]) -> str:
    """Returns the requested model.

    Raises BadRequest for none, or several: LiteLLM would call each of them.
    """
    model = body.get("model")
    if not isinstance(model, str) or not model.strip() or "," in model:
        raise BadRequest("`model` must name one model.", param="model")
    return model


def read_request(body: Mapping[str, object], call_type: str) -> RequestShape:
    """Reads a body. Raises BadRequest if it is malformed, RouteNotBillable for other call types, and
    ModelNotPriced if a provider would read the input more than once.
    """
    stream = body.get("stream")
    if stream is not None and not isinstance(stream, bool):  # LiteLLM streams for some, then fails
        raise BadRequest("`stream` must be true or false.", param="stream")
    refuse_compaction(body)
    form = chat_form(body, call_type)
    if form is not None:
        return read_request(form.body, "acompletion")._replace(limit_field=form.limit_field)
    if call_type not in _READ_AS_THEY_ARE:
        raise RouteNotBillable(f"Calls of type {call_type} cannot be billed yet.")
    model = model_of(body)
    reading = _Reading()
    makes_output = call_type not in EMBEDDING
    prompts = _read_input(body, call_type, reading)
    _read_rest(body, reading, read=("system",) if call_type in MESSAGES else ())
    requested, limit_field = _limit(body, call_type) if makes_output else (None, None)
    text = "\n".join(reading.texts)
    return RequestShape(
        model=model,
        text=text,
        id_tokens=reading.tokens,
        parts=reading.parts,
        media=reading.media,
        prompts=prompts,
        answers=(choices_of(body) if makes_output else 1) * prompts,
        makes_output=makes_output,
        is_completion=call_type in TEXT,
        requested_tokens=requested,
        limit_field=limit_field,
        tools=tool_use(body),
        streams=stream is True,
        one_hour_cache='"1h"' in text,
        fast=body.get("speed") not in (None, "standard"),
        service_tier=body.get("service_tier"),
        turns=reading.turns,
        functions=(*_list_or_none(body.get("tools")), *_list_or_none(body.get("functions"))),
    )


def _list_or_none(value: object) -> list[object]:
    return value if isinstance(value, list) else []


def _limit(body: Mapping[str, object], call_type: str) -> tuple[int | None, str]:
    refuse_hidden_limits(body)
    return requested_limit(body, chat=call_type in CHAT)


def _read_input(body: Mapping[str, object], call_type: str, reading: _Reading) -> int:
    """Reads messages, prompt or input; returns the number of prompts."""
    if call_type in _WITH_MESSAGES:
        _read_messages(body.get("messages"), reading)
        if call_type in MESSAGES and body.get("system") is not None:
            _read_content(body["system"], "system", reading)
        return 1
    name = "prompt" if call_type in TEXT else "input"
    return _read_prompts(body.get(name), name, reading, media=call_type in EMBEDDING)


def _read_messages(messages: object, reading: _Reading) -> None:
    if not isinstance(messages, list) or not messages:
        raise BadRequest("`messages` must be a list with at least one message.")
    for message in messages:
        if not isinstance(message, _TABLES):
            raise BadRequest("Each of `messages` must be an object.")
        reading.parts += 1
        if message.get("content") is not None:
            _read_content(message["content"], "content", reading)
        _read_role(message, reading.turns)
        if message.keys() <= _PLAIN_MESSAGE:
            continue
        reading.media += sum(bool(message.get(name)) for name in _MEDIA_FIELDS)
        rest = {name: value for name, value in message.items() if name not in ("content", *_MEDIA_FIELDS)}
        if rest.keys() - {"role"}:
            reading.add_json(rest)


def _read_role(message: Mapping[str, object], turns: Turns) -> None:
    role = message.get("role")
    turns.messages += 1
    turns.instructions += role not in _SPOKEN
    turns.results += role in _RESULT_ROLES
    calls = message.get("tool_calls")
    for call in (*_list_or_none(calls), {"function": message.get("function_call") or message}):
        function = call.get("function") if isinstance(call, Mapping) else None
        name = function.get("name") if isinstance(function, Mapping) else None
        if isinstance(name, str):
            turns.longest_name = max(turns.longest_name, len(name.encode("utf-8", "surrogatepass")))


def _read_content(content: object, name: str, reading: _Reading) -> None:
    """Reads text, or a list of parts; a part of an unknown type counts as media."""
    if isinstance(content, str):
        reading.texts.append(content)
        reading.turns.empty += not content.strip()
        return
    if not isinstance(content, list):
        raise BadRequest(f"`{name}` must be a string or a list of parts.")
    for part in content:
        if isinstance(part, str):
            reading.texts.append(part)
        elif isinstance(part, Mapping):
            _read_part(part, reading)
        else:
            raise BadRequest(f"Each part of `{name}` must be an object.")
    reading.parts += len(content)
    if reading.parts > PARTS_MAX:
        raise BadRequest(f"A call may have at most {PARTS_MAX} message parts.")


def _read_part(part: Mapping[str, object], reading: _Reading) -> None:
    kind = part.get("type")
    text = part.get("text")
    reading.turns.empty += kind == "text" and (not isinstance(text, str) or not text.strip())
    if kind == "text" and "cache_control" not in part and isinstance(part.get("text"), str):
        reading.texts.append(str(part["text"]))
    elif isinstance(kind, str) and kind in _TEXT_PARTS:
        if not isinstance(part.get(_TEXT_PARTS[kind]), str):
            raise BadRequest(f"A part of type `{kind}` must have `{_TEXT_PARTS[kind]}` as a string.")
        reading.add_json(part)
    elif isinstance(kind, str) and kind in _OTHER_TEXT_PARTS:
        _read_nested(part, reading)
    elif kind == "document" and _is_text_source(part.get("source")):
        reading.add_json(part)
    else:
        reading.media += 1


def _read_nested(part: Mapping[str, object], reading: _Reading) -> None:
    """Reads the nested parts of a tool's result, which may include images."""
    content = part.get("content")
    if isinstance(content, list) and part.get("type") == "tool_result":
        _read_content(content, "content", reading)
        reading.add_json({name: value for name, value in part.items() if name != "content"})
    else:
        reading.add_json(part)


def _is_text_source(source: object) -> bool:
    return isinstance(source, Mapping) and source.get("type") == "text"


def _read_prompts(prompts: object, name: str, reading: _Reading, *, media: bool) -> int:
    """Reads a string, strings, token ids, or lists of token ids; returns the number of prompts."""
    if isinstance(prompts, str) or (isinstance(prompts, list) and prompts and _is_ids(prompts)):
        prompts = [prompts]
    if not isinstance(prompts, list) or not 1 <= len(prompts) <= PROMPTS_MAX:
        raise BadRequest(
            f"`{name}` must be a string, or a list of 1 to {PROMPTS_MAX} strings or token lists."
        )
    for prompt in prompts:
        if isinstance(prompt, str):
            reading.texts.append(prompt)
            reading.media += media and prompt.lstrip().startswith(_MEDIA_STARTS)
        elif isinstance(prompt, list) and prompt and _is_ids(prompt):
            reading.tokens += len(prompt)
        else:
            raise BadRequest(f"Each of `{name}` must be a string or a list of token ids.")
    reading.parts += len(prompts)
    return len(prompts)


def _is_ids(value: list[object]) -> bool:
    return isinstance(value[0], int) and set(map(type, value)) == {int}


def _read_rest(body: Mapping[str, object], reading: _Reading, *, read: tuple[str, ...]) -> None:
    """Reads everything else that may reach the prompt: tools, schemas, and unknown fields."""
    for name, value in body.items():
        if value is None or name in read or (name in _NOT_PROMPT and not _is_more(name, value)):
            continue
        if name == "cached_content":
            reading.media += 1  # a cache at the provider, as long as the model's context
        elif isinstance(value, str | list | Mapping):
            reading.add_json(value)


def _is_more(name: str, value: object) -> bool:
    """Whether a field contains more than the number, switch or word that belongs there."""
    if name not in _SCALARS:
        return False
    return isinstance(value, list | Mapping) or (isinstance(value, str) and len(value) > _WORD_CHARS_MAX)
