"""Decides whether all billed output of a call is visible in its stream, so that its hold may grow.

The default is no: reasoning that is not streamed, audio, several answers and the provider's own tools are
billed without a byte on the wire. LiteLLM's price map sets `supports_reasoning` for some models and omits it
for others (`openrouter/openai/gpt-5`, `azure/eu/o1`), so its absence proves nothing (ADR 0007).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from billing.proxy.max_cost.deployments import Deployment
from billing.proxy.max_cost.request import RequestShape

FRAME_TOKENS = 64  # wrapped around an answer or tool call by the provider, billed but not shown

# Families that write only what they show: OpenAI's before its reasoning models.
_SHOW_ALL = re.compile(r"(gpt-3\.5-|gpt-4(o|\.1|\.5)?($|-)|chatgpt-4o-)")
# These only think when asked to, and otherwise write only what they show.
_THINK_WHEN_ASKED = re.compile(r"claude-(3|(sonnet|opus|haiku)-4)")
_THINKING_FIELDS = ("thinking", "reasoning_effort", "reasoning", "output_config", "include_reasoning")
_NO_THINKING = (None, "none", "disabled", {"type": "disabled"})
# Gemini settings that neither hide output nor produce anything but text.
_PLAIN_SETTINGS = frozenset(
    (
        "maxOutputTokens", "candidateCount", "temperature", "topP", "topK", "seed", "presencePenalty",
        "frequencyPenalty", "stopSequences", "responseMimeType", "responseSchema", "responseJsonSchema",
    )
)  # fmt: skip
_HIDING_FIELDS = ("prediction", "audio", "web_search_options")


@dataclass(frozen=True, slots=True)
class StreamedOutput:
    """How the tokens of an answer are limited while it is streamed."""

    encoding: str | None  # the tokenizer of every model that may answer; None: not public, or several
    hidden_tokens: int  # billed but never shown: frames, and the stop sequence that ended the answer


def streamed_output(
    body: Mapping[str, object], shape: RequestShape, encodings: Mapping[Deployment, str | None]
) -> StreamedOutput | None:
    """Returns how to count this call's stream, or None if some of its output may be invisible."""
    if not shape.streams or not shape.makes_output or shape.answers != 1:
        return None
    if shape.tools.searches or shape.tools.search_options or body.get("modalities") not in (None, ["text"]):
        return None
    if any(body.get(field) is not None for field in _HIDING_FIELDS):
        return None
    config = body.get("generationConfig")
    settings = config if isinstance(config, Mapping) else {}
    if not _PLAIN_SETTINGS.issuperset(settings):
        return None
    if not all(_shows_all(deployment, body) for deployment in encodings):
        return None
    names = set(encodings.values())
    return StreamedOutput(
        encoding=names.pop() if len(names) == 1 else None,
        hidden_tokens=FRAME_TOKENS + max(_longest_stop(body), _longest_stop(settings)),
    )


def _shows_all(deployment: Deployment, body: Mapping[str, object]) -> bool:
    declared = deployment.info.get("supports_reasoning")
    if declared is not None:
        return declared is False
    if deployment.prices.get("supports_native_streaming") is False:
        return False
    name = deployment.bare_model.rpartition("/")[2]
    if _SHOW_ALL.match(name):
        return not deployment.own_server
    return _THINK_WHEN_ASKED.search(name) is not None and not _thinks((body, deployment.params))


def _thinks(sources: Iterable[Mapping[str, object]]) -> bool:
    return any(source.get(field) not in _NO_THINKING for source in sources for field in _THINKING_FIELDS)


def _longest_stop(body: Mapping[str, object]) -> int:
    """Returns the UTF-8 bytes of the longest stop sequence, whose tokens are billed and removed."""
    longest = 0
    for field in ("stop", "stop_sequences", "stopSequences"):
        stops = body.get(field)
        for stop in stops if isinstance(stops, list) else (stops,):
            if isinstance(stop, str):
                longest = max(longest, len(stop.encode("utf-8", "surrogatepass")))
    return longest
