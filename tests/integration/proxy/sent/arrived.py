"""What a provider would charge, at most, for requests that it really got: counted from their bodies alone.

Made without our code: every text that a model may read is counted, and the largest output limit wherever it
stands. Units are the prices a token of the test's models.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

Count = Callable[[str], int]

INPUT_NANOS, OUTPUT_NANOS = 1_000, 4_000  # a token: 1e-6 and 4e-6
OUTPUT_MAX = 20_000  # that the models can write
CONTEXT = 60_000
_MEDIA_TOKENS = 2_000  # of an image or a file

# fmt: off
_NOT_READ = frozenset(  # by a model: names of things, switches, and numbers
    (
        "model", "model_id", "stream", "stream_options", "user", "metadata", "service_tier", "temperature",
        "top_p", "top_k", "seed", "stop", "stop_sequences", "logit_bias", "logprobs", "top_logprobs", "n",
        "best_of", "store", "encoding_format", "dimensions", "modalities", "reasoning_effort", "verbosity",
        "parallel_tool_calls", "safety_identifier", "prompt_cache_key", "prompt_cache_retention", "user_id",
        "presence_penalty", "frequency_penalty", "thinking", "anthropic_version", "safetySettings", "raw",
        "keep_alive", "truncate", "include", "max_retries", "tool_choice", "function_call", "toolConfig",
        "cache_control", "timeout", "drop_params", "topP", "topK", "presencePenalty", "frequencyPenalty",
        "stopSequences", "responseMimeType", "thinkingConfig", "responseModalities", "candidateCount",
        "response_mime_type", "response_modalities", "p", "k", "max_retries", "random_seed", "repeat_penalty",
    )
)
_LIMITS = frozenset(
    (
        "max_tokens", "max_completion_tokens", "max_output_tokens", "maxOutputTokens", "max_tokens_to_sample",
        "num_predict", "maxTokens", "max_new_tokens", "max_length", "maxTokenCount", "max_gen_len",
    )
)
_BLOCKS = frozenset(  # of settings, in which a limit or a number of answers may stand
    (
        "options", "generationConfig", "generation_config", "inferenceConfig", "parameters", "params",
        "textGenerationConfig",
    )
)
_ANSWERS = frozenset(
    ("n", "best_of", "candidateCount", "candidate_count", "num_generations", "num_return_sequences")
)
_WORDLESS = frozenset(("role", "type", "cache_control", "cachePoint"))  # fields of a part or a message
# fmt: on


def price_nanos(bodies: Sequence[Mapping[str, Any]], count: Count, *, writes: bool) -> int:
    """What all of them cost together; `writes`: the model answers with text."""
    return sum(_price(body, count, writes=writes) for body in bodies)


def _price(body: Mapping[str, Any], count: Count, *, writes: bool) -> int:
    read = {name: value for name, value in body.items() if name not in _NOT_READ and name not in _LIMITS}
    texts = [text for name, value in read.items() for text in _texts(value, name)]
    media = sum(text is None for text in texts)
    tokens = count("\n".join(text for text in texts if text)) + media * _MEDIA_TOKENS
    output = output_limit(body) * answers(body) if writes else 0
    return tokens * INPUT_NANOS + output * OUTPUT_NANOS


def output_limit(body: Mapping[str, Any]) -> int:
    """The largest limit in a request; as much as the model can write where there is none."""
    return max(
        (int(value) for name, value in _settings(body) if name in _LIMITS and value), default=OUTPUT_MAX
    )


def answers(body: Mapping[str, Any]) -> int:
    """How many answers a request asks for, those of several prompts included."""
    found = [value for name, value in _settings(body) if name in _ANSWERS and type(value) is int]
    prompts = body.get("prompt")
    several = len(prompts) if isinstance(prompts, list) and prompts and not isinstance(prompts[0], int) else 1
    return max(found, default=1) * several


def _settings(body: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    for name, value in body.items():
        yield name, value
        if name in _BLOCKS and isinstance(value, Mapping):
            yield from value.items()


def _texts(value: Any, name: str) -> Iterator[str | None]:
    """All that may be read, with the names in tables; None for what is no text."""
    if (
        name in ("image_url", "inlineData", "inline_data", "source", "images", "file", "input_audio")
        and value
    ):
        yield None
    elif isinstance(value, Mapping):
        for key, inner in value.items():
            if (key in _WORDLESS and isinstance(inner, str)) or (name in _BLOCKS and key in _NOT_READ):
                continue
            if key not in ("content", "text", "parts"):
                yield key
            yield from _texts(inner, key)
    elif isinstance(value, list):
        for inner in value:
            yield from _texts(inner, "")
    elif isinstance(value, str):
        yield value
    elif value is not None:
        yield json.dumps(value)
