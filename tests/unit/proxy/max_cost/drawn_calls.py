"""Calls as clients make them, and usages that a provider may report: strategies for property tests."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

from hypothesis import strategies as st

# As Anthropic and OpenAI write them; the last is no kind that anybody knows.
MEDIA_PARTS = (
    {"type": "image_url", "image_url": {"url": "https://example.com/cat.png", "detail": "high"}},
    {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "aGVsbG8="}},
    {"type": "input_audio", "input_audio": {"data": "aGVsbG8=", "format": "wav"}},
    {"type": "document", "source": {"type": "url", "url": "https://example.com/a.pdf"}},
    {"type": "hologram", "hologram": "1"},
)
TOOLS_PROMPT_TOKENS = 530  # Anthropic's own, at most
Draw = Callable[[st.SearchStrategy[Any]], Any]


@st.composite
def asks(draw: st.DrawFn) -> dict[str, Any]:
    """A body with a prompt of chosen size; sizes cross the thresholds of price tiers."""
    size = draw(st.sampled_from([1, 900, 33_000, 129_000, 201_000, 280_000]))
    body: dict[str, Any] = {
        "messages": [{"role": "user", "content": "é1 " * (size // 4) + "x" * (size % 4)}],
        "max_tokens": draw(st.integers(1, 200_000)),
    }
    tier = draw(st.sampled_from([None, "default", "auto", "flex", "priority"]))
    if tier:
        body["service_tier"] = tier
    if draw(st.booleans()):
        body["n"] = draw(st.integers(1, 4))
    if draw(st.booleans()):
        body["speed"] = "fast"
    if draw(st.booleans()):
        body["cache_control"] = {"type": "ephemeral", "ttl": "1h"}
    if draw(st.booleans()):
        body["tools"] = draw(st.lists(tools, min_size=1, max_size=5))
    if draw(st.integers(0, 3)) == 0:
        parts = draw(st.lists(st.sampled_from(MEDIA_PARTS), min_size=1, max_size=3))
        text = {"type": "text", "text": body["messages"][0]["content"]}
        body["messages"][0]["content"] = [text, *parts]
    return body


tools = st.builds(
    lambda number, words: {
        "type": "function",
        "function": {
            "name": f"tool_{number}",
            "description": "é tool " * words,
            "parameters": {"type": "object", "properties": {"where": {"type": "string"}}},
        },
    },
    st.integers(0, 9),
    st.integers(0, 2_000),
)


def with_system(draw: Draw, body: dict[str, Any]) -> dict[str, Any]:
    """The same as a call of /v1/messages, which may have its instructions beside its messages."""
    text = "Be brief. " * draw(st.integers(1, 4_000))
    system = draw(st.sampled_from([None, text, [{"type": "text", "text": text}]]))
    return body if system is None else {**body, "system": system}


def has_media(body: Mapping[str, Any]) -> bool:
    return isinstance(body["messages"][0]["content"], list)


def texts_of(content: str | list[dict[str, Any]]) -> list[str]:
    """What a model reads of it: the JSON around its parts is not in the prompt."""
    return [content] if isinstance(content, str) else [part["text"] for part in content if "text" in part]


def input_tokens_max(litellm: Any, name: str, body: Mapping[str, Any]) -> int:
    """What a provider may count as input: a token a byte, its own prompt for tools, or all that it takes."""
    defined = json.dumps(body["tools"], ensure_ascii=False) if "tools" in body else ""
    texts = (*texts_of(body["messages"][0]["content"]), *texts_of(body.get("system", "")), defined)
    tokens = sum(len(text.encode()) for text in texts) + (TOOLS_PROMPT_TOKENS if "tools" in body else 0)
    context = litellm.model_cost[name].get("max_input_tokens") or litellm.model_cost[name].get("max_tokens")
    return max(tokens, context or 0) if has_media(body) else tokens


def split(draw: Draw, total: int, ways: int) -> list[int]:
    cuts = sorted(draw(st.lists(st.integers(0, total), min_size=ways - 1, max_size=ways - 1)))
    return [b - a for a, b in zip([0, *cuts], [*cuts, total], strict=True)]


def reported_usage(draw: Draw, litellm: Any, body: Mapping[str, Any], input_max: int, output_max: int) -> Any:
    """A usage block as providers report it, within the bounded tokens."""
    prompt = input_max if draw(st.booleans()) else draw(st.integers(0, input_max))
    completion = output_max if draw(st.booleans()) else draw(st.integers(0, output_max))
    text, cached, written, for_an_hour, image, audio = split(draw, prompt, 6)
    if "cache_control" not in body:
        written, for_an_hour = written + for_an_hour, 0
    if "messages" not in body or not has_media(body):
        text, image, audio = text + image + audio, 0, 0
    types = litellm.types.utils
    details = types.PromptTokensDetailsWrapper(
        text_tokens=text,
        image_tokens=image,
        audio_tokens=audio,
        cached_tokens=cached,
        cache_creation_tokens=written + for_an_hour,
        cache_creation_token_details=types.CacheCreationTokenDetails(
            ephemeral_5m_input_tokens=written, ephemeral_1h_input_tokens=for_an_hour
        ),
    )
    plain, reasoning, audio = split(draw, completion, 3)
    usage = litellm.Usage(
        prompt_tokens=prompt,
        completion_tokens=completion,
        total_tokens=prompt + completion,
        prompt_tokens_details=details,
        completion_tokens_details=types.CompletionTokensDetailsWrapper(
            text_tokens=plain, reasoning_tokens=reasoning, audio_tokens=audio
        ),
    )
    usage.inference_geo = draw(st.sampled_from(["global", "us"]))
    usage.speed = body.get("speed", "standard")
    return usage


def served_tier(draw: Draw, asked: str | None) -> str:
    """The tiers a provider may serve: the requested one or the standard tier; any for `auto`."""
    options = {None: ["default"], "default": ["default"], "auto": ["default", "flex", "priority"]}
    tier: str = draw(st.sampled_from(options.get(asked, ["default", asked])))
    return tier


def worst_usages(litellm: Any, prompt: int, completion: int) -> list[Any]:
    types = litellm.types.utils
    inputs = [{"text_tokens": prompt}, {"cached_tokens": prompt}, {"cache_creation_tokens": prompt}]
    outputs = [{"text_tokens": completion}, {"reasoning_tokens": completion}, {"audio_tokens": completion}]
    return [
        litellm.Usage(
            prompt_tokens=prompt,
            completion_tokens=completion,
            total_tokens=prompt + completion,
            prompt_tokens_details=types.PromptTokensDetailsWrapper(**given),
            completion_tokens_details=types.CompletionTokensDetailsWrapper(**made),
        )
        for given, made in zip(inputs, outputs, strict=True)
    ]
