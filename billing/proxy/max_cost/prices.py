"""Finds the highest price that a token can have, from one entry of LiteLLM's price map.

LiteLLM chooses between a dozen keys when it knows the usage (`litellm_core_utils/llm_cost_calc/utils.py`).
Before the call the usage is unknown, so the highest of all keys that can still apply is used: cache writes,
tiers whose threshold the request can reach, the requested service tier, off-peak tables, audio, image and
reasoning tokens, regional surcharges.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from functools import lru_cache
from typing import NamedTuple

from billing.errors import ModelNotPriced

ONE = Decimal(1)
ZERO = Decimal(0)

_KEY = re.compile(
    r"""(?P<base>
        input_cost_per_token(?:_cache_hit)? | (?:explicit_)?cache_(?:creation|read)_input_token_cost
        | input_cost_per_(?:audio|image|video)_token
        | cache_(?:creation|read)_input_(?:audio|image)_token_cost
        | output_cost_per_(?:token|reasoning_token|audio_token|image_token|video_token)
    )
    (?P<hour>_above_1hr)?
    (?:_(?P<tier_before>flex|balanced|priority|ultrafast))?
    (?:_above_(?P<threshold>\d+)(?P<kilo>k?)_tokens)?
    (?:_(?P<tier_after>flex|balanced|priority|ultrafast))?""",
    re.VERBOSE,
)
_TIERS = {
    "flex": "flex",
    "balanced": "balanced",
    "priority": "priority",
    "fast": "priority",
    "ultrafast": "ultrafast",
}
_BASE_TIERS = (None, "default", "standard", "standard_only")
_UPLIFTS = (
    "regional_processing_uplift_multiplier_eu",
    "regional_processing_uplift_multiplier_us",
    "regional_endpoint_uplift_multiplier",
)
_UNBOUNDED = (  # priced by properties of the answer that we cannot limit
    "output_cost_per_character",
    "output_cost_per_character_above_128k_tokens",
    "citation_cost_per_token",
)
_MEDIA_BY_TIME = ("input_cost_per_audio_per_second", "input_cost_per_video_per_second")


class Usage(NamedTuple):
    """The maximum usage of a request, as far as prices depend on it."""

    input_tokens: int
    output_tokens: int
    media: int  # non-text parts
    one_hour_cache: bool  # a one-hour cache write may be requested
    service_tiers: frozenset[str] | None  # suffixes of price keys that may apply; None: any
    fast: bool  # Anthropic's fast mode


@dataclass(frozen=True, slots=True)
class Ceiling:
    """The highest prices, in major units of the currency per token."""

    input_per_token: Decimal
    output_per_token: Decimal
    input_per_character: Decimal
    input_per_media: Decimal
    input_per_item: Decimal
    per_request: Decimal
    plain_input_per_token: Decimal  # of an uncached text token; for endings that pay only for the input


@dataclass(frozen=True, slots=True)
class _Key:
    is_output: bool
    is_media: bool
    one_hour: bool
    tier: str | None
    threshold: int


@lru_cache(maxsize=4096)
def _parsed(name: str) -> _Key | None:
    match = _KEY.fullmatch(name)
    if match is None:
        return None
    base = match["base"]
    threshold = int(match["threshold"] or 0) * (1000 if match["kilo"] else 1)
    is_output = base.startswith("output")
    is_media = not is_output and any(kind in base for kind in ("audio", "image", "video"))
    return _Key(
        is_output, is_media, bool(match["hour"]), match["tier_before"] or match["tier_after"], threshold
    )


@lru_cache(maxsize=4096)
def is_token_price(name: str) -> bool:
    """Whether a key of the price map sets the price of a token."""
    return name in ("tiered_pricing", "off_peak_pricing") or _parsed(name) is not None


def price_of(value: object, key: str, model: str) -> Decimal:
    """Parses a price of the map or the config. Raises ModelNotPriced if it is negative, NaN or infinite."""
    if isinstance(value, bool) or not isinstance(value, int | float | str | Decimal):
        raise ModelNotPriced(f"{model} has a {key} that is not a number, so it cannot be billed.")
    try:
        price = Decimal(str(value))
    except InvalidOperation as error:
        raise ModelNotPriced(f"{model} has a {key} that is not a number, so it cannot be billed.") from error
    if not price.is_finite() or price < 0:
        raise ModelNotPriced(f"{model} has the {key} {price}, so it cannot be billed.")
    return price


def service_tiers_of(*asked: object) -> frozenset[str] | None:
    """Returns the suffixes of the price keys that the requested service tiers may lead to; None: any."""
    tiers: set[str] = set()
    for tier in asked:
        name = tier.lower() if isinstance(tier, str) else tier
        if name in _BASE_TIERS:
            continue
        if not isinstance(name, str) or name not in _TIERS:
            return None
        tiers.add(_TIERS[name])
    return frozenset(tiers)


def ceiling(entry: Mapping[str, object], usage: Usage, model: str, *, makes_output: bool) -> Ceiling:
    """Returns the highest prices of an entry.

    Raises ModelNotPriced if it has no price, or one that nothing limits.
    """
    _refuse_unbounded(entry, usage, model)
    inputs: list[Decimal] = []
    outputs: list[Decimal] = []
    for is_output, price in _applicable(entry, usage, model):
        (outputs if is_output else inputs).append(price)
    if not inputs or (makes_output and not outputs):
        raise ModelNotPriced(f"{model} has no price per token, so it cannot be billed.")
    if max(inputs) == 0 and (not makes_output or max(outputs) == 0):
        raise ModelNotPriced(
            f"{model} has the price 0, which counts as a missing price. "
            "Declare it free with `model_info: {billing: free}`."
        )
    factor = _surcharge(entry, usage, model)
    return Ceiling(
        input_per_token=max(inputs) * factor,
        output_per_token=max(outputs) * factor if makes_output else ZERO,
        input_per_character=_largest(entry, "input_cost_per_character", model) * factor,
        input_per_media=_largest(entry, "input_cost_per_image", model) * factor if usage.media else ZERO,
        input_per_item=_largest(entry, "input_cost_per_query", model),
        per_request=_largest(entry, "input_cost_per_request", model)
        + _largest(entry, "cost_per_request", model),
        plain_input_per_token=_plain_input(entry, inputs, model),
    )


def thresholds_of(entry: Mapping[str, object]) -> tuple[int, ...] | None:
    """Returns the token counts at which prices change, starting at 0; None if a table of tiers decides.

    Between two of them `ceiling` is the same for every `max(input_tokens, output_tokens)`.
    """
    if entry.get("tiered_pricing") is not None:
        return None
    off_peak = entry.get("off_peak_pricing")
    names = (*entry, *(off_peak if isinstance(off_peak, Mapping) else ()))
    keys = (_parsed(name) for name in names)
    return tuple(sorted({0, *(key.threshold for key in keys if key is not None)}))


def _refuse_unbounded(entry: Mapping[str, object], usage: Usage, model: str) -> None:
    keys = _UNBOUNDED + (_MEDIA_BY_TIME if usage.media else ())
    found = next((key for key in keys if entry.get(key)), None)
    if found is not None:
        raise ModelNotPriced(f"{model} is priced by {found}, which billing cannot limit before the call.")


def _applicable(entry: Mapping[str, object], usage: Usage, model: str) -> Iterator[tuple[bool, Decimal]]:
    yield from _from_keys(entry, usage, model)
    off_peak = entry.get("off_peak_pricing")
    if isinstance(off_peak, Mapping):
        yield from _from_keys(off_peak, usage, model)
    for tier in _reachable_tiers(entry.get("tiered_pricing"), usage, model):
        yield from _from_keys(tier, usage, model)


def _from_keys(table: Mapping[str, object], usage: Usage, model: str) -> Iterator[tuple[bool, Decimal]]:
    for name, value in table.items():
        key = _parsed(name) if value is not None else None
        if key is not None and _can_apply(key, usage):
            yield key.is_output, price_of(value, name, model)


def _can_apply(key: _Key, usage: Usage) -> bool:
    if key.threshold > max(usage.input_tokens, usage.output_tokens):
        return False
    if key.tier is not None and usage.service_tiers is not None and key.tier not in usage.service_tiers:
        return False
    return not (key.is_media and not usage.media) and not (key.one_hour and not usage.one_hour_cache)


def _reachable_tiers(tiers: object, usage: Usage, model: str) -> Iterator[Mapping[str, object]]:
    """Yields the rows of a `tiered_pricing` table that start below the request's maximum input."""
    if tiers is None:
        return
    if not isinstance(tiers, list) or not all(isinstance(tier, Mapping) for tier in tiers):
        raise ModelNotPriced(f"{model} has an invalid tiered_pricing, so it cannot be billed.")
    for tier in tiers:
        limits = tier.get("range")
        start = limits[0] if isinstance(limits, list) and limits else 0
        if price_of(start, "tiered_pricing range", model) <= usage.input_tokens:
            yield tier


def _surcharge(entry: Mapping[str, object], usage: Usage, model: str) -> Decimal:
    """Returns the regional and speed multipliers, the highest of each: the provider may choose the region."""
    regional = [ONE, *(price_of(entry[key], key, model) for key in _UPLIFTS if entry.get(key) is not None)]
    specific = entry.get("provider_specific_entry")
    if not isinstance(specific, Mapping):
        return max(regional)
    numbers = {k: price_of(v, k, model) for k, v in specific.items() if isinstance(v, int | float)}
    speed = max(ONE, numbers.get("fast", ONE)) if usage.fast else ONE
    geo = max((ONE, *(value for name, value in numbers.items() if len(name) == 2)))
    return max(regional) * speed * geo


def _largest(entry: Mapping[str, object], key: str, model: str) -> Decimal:
    """Returns the higher price of a key and its form for long prompts; 0 if there is neither."""
    values = ((name, entry.get(name)) for name in (key, f"{key}_above_128k_tokens"))
    return max((price_of(value, name, model) for name, value in values if value is not None), default=ZERO)


def _plain_input(entry: Mapping[str, object], inputs: list[Decimal], model: str) -> Decimal:
    tiers = entry.get("tiered_pricing")
    tables = [entry, *(tiers if isinstance(tiers, list) else ())]
    value = next(
        (t["input_cost_per_token"] for t in tables if t.get("input_cost_per_token") is not None), None
    )
    return min(inputs) if value is None else price_of(value, "input_cost_per_token", model)
