"""The maximum cost of a transcription: by the length of the recording, or by the model's context.

LiteLLM bills by tokens if the provider reports them, else by the seconds that it reports (`usage` of type
`duration`), else by the length of the file: the decoded one (`billing/proxy/litellm/recording_seconds.py`).
"""

from __future__ import annotations

import asyncio
import math
from dataclasses import dataclass
from decimal import Decimal
from io import BytesIO

from billing.errors import BadRequest, ModelNotPriced
from billing.proxy.max_cost.deployments import Deployment, unit_price
from billing.proxy.max_cost.output import max_input_tokens
from billing.proxy.max_cost.prices import Usage, ceiling, is_token_price, service_tiers_of
from billing.proxy.max_cost.recording_length import LENGTH_MAX_S, RecordingDecoder

TOKENS_A_SECOND = 50  # OpenAI uses 10, Gemini 32
SECONDS_MARGIN = 1  # providers round up
SECONDS_MIN = 10  # Groq bills shorter recordings as this long; what a provider reports is charged
_MEASURED = "proxyllm_recording"  # the attribute of a file that has been measured
_decoder = RecordingDecoder()


@dataclass(frozen=True, slots=True)
class Recording:
    """An uploaded file, decoded."""

    seconds: float  # of sound in it
    seconds_max: int  # that a provider or LiteLLM may bill


async def read_recording(file: object) -> Recording:
    """Decodes a file, once: a call may be priced several times.

    Raises BadRequest if there is none, or none that can be measured; Unavailable if too many are waiting.
    """
    if not isinstance(file, BytesIO):
        raise BadRequest("`file` must be an uploaded recording.")
    known = measured_recording(file)
    if known is not None:
        return known
    content = file.getvalue()
    length = await _decoder.length_of(content)
    in_header_s = await asyncio.to_thread(_seconds_in_header, content)
    if in_header_s > LENGTH_MAX_S:
        raise BadRequest("The header of this recording overstates its length. Save it again.", param="file")
    longest_s = math.ceil(max(length.longest_s, in_header_s))
    recording = Recording(length.decoded_s, max(longest_s + SECONDS_MARGIN, SECONDS_MIN))
    setattr(file, _MEASURED, recording)
    return recording


def measured_recording(file: object) -> Recording | None:
    """Returns what `read_recording` found of this file or the original of this copy; None if it did not."""
    found = getattr(file, _MEASURED, None)
    return found if isinstance(found, Recording) else None


def _seconds_in_header(content: bytes) -> float:
    """Returns LiteLLM's figure, by which it charges where billing has not measured; 0.0 if it has none."""
    from litellm.litellm_core_utils.audio_utils.utils import calculate_request_duration

    seconds = calculate_request_duration(content)
    return seconds if isinstance(seconds, float) and math.isfinite(seconds) and seconds >= 0 else 0.0


def transcription_cost(deployment: Deployment, recording: Recording, prompt_tokens: int) -> Decimal:
    """Returns the maximum cost on a deployment, in major units. Raises ModelNotPriced."""
    price = max(unit_price(deployment, key) for key in ("input_cost_per_second", "output_cost_per_second"))
    by_time = price * recording.seconds_max
    by_tokens = (
        _by_tokens(deployment, recording, prompt_tokens) if _has_token_prices(deployment) else Decimal(0)
    )
    if by_time == by_tokens == 0:
        raise ModelNotPriced(f"{deployment.model} has no price per second or token, so it cannot be billed.")
    return max(by_time, by_tokens)


def _has_token_prices(deployment: Deployment) -> bool:
    return any(value and is_token_price(key) for key, value in deployment.prices.items())


def _by_tokens(deployment: Deployment, recording: Recording, prompt_tokens: int) -> Decimal:
    context = max_input_tokens(deployment.prices)
    output_tokens = deployment.prices.get("max_output_tokens")
    if context is None or not isinstance(output_tokens, int):
        raise ModelNotPriced(
            f"The output of {deployment.model} has no limit: the operator must set "
            "`model_info: {max_input_tokens: …, max_output_tokens: …}`."
        )
    input_tokens = min(context, TOKENS_A_SECOND * recording.seconds_max + prompt_tokens + TOKENS_A_SECOND)
    usage = Usage(
        input_tokens, output_tokens, 1, one_hour_cache=False, service_tiers=service_tiers_of(None), fast=False
    )
    table = {key: value for key, value in deployment.prices.items() if not key.endswith("_per_second")}
    prices = ceiling(table, usage, deployment.model, makes_output=True)
    return (
        prices.input_per_token * input_tokens + prices.output_per_token * output_tokens + prices.per_request
    )
