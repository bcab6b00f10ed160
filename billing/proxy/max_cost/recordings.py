"""The maximum cost of a transcription: by the length of the recording, or by the model's context.

LiteLLM bills by tokens if the provider reports them, else by the seconds that it reports (`usage` of type
`duration`), else by the length of the file (`calculate_request_duration`).
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
from billing.proxy.max_cost.recording_length import seconds_of_data

BYTES_A_SECOND_MIN = 500  # 4 kbit/s: no codec in use is intelligible below that
TOKENS_A_SECOND = 50  # OpenAI uses 10, Gemini 32
SECONDS_MARGIN = 1  # providers round up
SECONDS_MIN = 10  # Groq bills shorter recordings as this long; what a provider reports is charged
_HEADER_SLACK = 1.05  # frames at both ends that some players skip


@dataclass(frozen=True, slots=True)
class Recording:
    """An uploaded file. `seconds_max`: its length if LiteLLM can measure it, else what its size allows."""

    seconds_max: int


async def read_recording(file: object) -> Recording:
    """Measures a file in a thread. Raises BadRequest if there is none, or if its header understates the
    length, since LiteLLM would charge by the header.
    """
    if not isinstance(file, BytesIO):
        raise BadRequest("`file` must be an uploaded recording.")
    size_bytes = file.getbuffer().nbytes
    seconds = await asyncio.to_thread(_measured, file)
    if seconds is None:
        return Recording(max(size_bytes // BYTES_A_SECOND_MIN + SECONDS_MARGIN, SECONDS_MIN))
    if await asyncio.to_thread(seconds_of_data, file.getvalue()) > seconds * _HEADER_SLACK + SECONDS_MARGIN:
        raise BadRequest(
            "The header of this recording understates its length. Save it again, for example as WAV.",
            param="file",
        )
    return Recording(max(math.ceil(seconds) + SECONDS_MARGIN, SECONDS_MIN))


def _measured(file: BytesIO) -> float | None:
    from litellm.litellm_core_utils.audio_utils.utils import calculate_request_duration

    seconds = calculate_request_duration(file)
    return seconds if isinstance(seconds, float) and math.isfinite(seconds) and seconds >= 0 else None


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
