"""The output limit of a request: reads it, prices it, and writes it into the body.

OpenAI's chat API has two fields for it. `max_tokens` is honoured by every OpenAI-compatible server;
`max_completion_tokens` is what OpenAI's reasoning models require (LiteLLM renames the former for them).
https://platform.openai.com/docs/api-reference/chat/create
"""

from __future__ import annotations

from collections.abc import Mapping, MutableMapping

from pydantic import JsonValue

from billing.errors import BadRequest

OUTPUT_TOKENS_MAX = 10_000_000  # no model writes more; anything larger is a mistake
CHOICES_MAX = 128  # OpenAI's own maximum of `n`
THINKING_TOKENS_MIN = 1024  # Anthropic's smallest thinking budget

_OLD, _NEW = "max_tokens", "max_completion_tokens"

# Other names of an output limit, and parameter blocks that may contain one. LiteLLM forwards unknown fields,
# where they would override the priced limit.
_OTHER_LIMITS = (
    "max_output_tokens",
    "max_new_tokens",
    "max_tokens_to_sample",
    "max_length",
    "max_gen_len",
    "num_predict",
    "n_predict",
    "num_generations",
    "candidate_count",
    "candidateCount",
    "maxTokens",
    "maxOutputTokens",
    "generationConfig",
    "generation_config",
    "inferenceConfig",
    "additionalModelRequestFields",
    "options",
    "extra_body",
)
_ANY_OTHER_LIMIT = frozenset(_OTHER_LIMITS)
BLOCKS = frozenset(  # parameter blocks that may contain a limit
    (
        "generationConfig", "generation_config", "inferenceConfig", "additionalModelRequestFields", "options",
        "extra_body", "parameters",
    )
)  # fmt: skip
COUNTS = frozenset(("num_generations", "candidate_count", "candidateCount"))  # other names of `n`
LIMITS = (_ANY_OTHER_LIMIT - BLOCKS - COUNTS) | {_OLD, _NEW}


def positive_int(body: Mapping[str, object], field: str, maximum: int) -> int | None:
    """Returns a whole number from 1 to `maximum`; None if the field is absent. Raises BadRequest."""
    value = body.get(field)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int):
        raise BadRequest(f"`{field}` must be a whole number.")
    if not 1 <= value <= maximum:
        raise BadRequest(f"`{field}` must be from 1 to {maximum}.")
    return value


def choices_of(body: Mapping[str, object]) -> int:
    """Returns how many answers are generated for one prompt: the larger of `n` and `best_of`."""
    return max(positive_int(body, "n", CHOICES_MAX) or 1, positive_int(body, "best_of", CHOICES_MAX) or 1)


def refuse_hidden_limits(body: Mapping[str, object]) -> None:
    """Raises BadRequest if another field could override the priced limit."""
    if _ANY_OTHER_LIMIT.isdisjoint(body):
        return
    hidden = next((field for field in _OTHER_LIMITS if body.get(field) is not None), None)
    if hidden is not None:
        raise BadRequest(
            f"`{hidden}` cannot be billed. Set `max_tokens`, and other parameters directly in the body."
        )


def requested_limit(body: Mapping[str, object], *, chat: bool) -> tuple[int | None, str]:
    """Returns the smallest limit set by the client, and the field to write: the one it used."""
    old = positive_int(body, _OLD, OUTPUT_TOKENS_MAX)
    new = positive_int(body, _NEW, OUTPUT_TOKENS_MAX) if chat else None
    if old is None or new is None:
        return old if new is None else new, _NEW if new is not None else _OLD
    return min(old, new), _OLD


def write_limit(body: MutableMapping[str, JsonValue], field: str, output_tokens: int) -> None:
    """Writes the priced limit and removes its twin; keeps a thinking budget below it, as Anthropic requires.

    A dot in `field` addresses a block of settings: `generationConfig.maxOutputTokens`.
    """
    block, _, inner = field.rpartition(".")
    if block:
        settings = body.get(block)
        body[block] = {**(settings if isinstance(settings, dict) else {}), inner: output_tokens}
        return
    body[field] = output_tokens
    if field in (_OLD, _NEW):
        body.pop(_NEW if field == _OLD else _OLD, None)
    thinking = body.get("thinking")
    if not isinstance(thinking, dict):
        return
    budget = thinking.get("budget_tokens")
    if isinstance(budget, int) and budget >= output_tokens:
        fits = output_tokens > THINKING_TOKENS_MIN
        body["thinking"] = {**thinking, "budget_tokens": output_tokens - 1} if fits else {"type": "disabled"}
