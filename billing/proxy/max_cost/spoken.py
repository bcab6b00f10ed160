"""The maximum cost of speech: how long a text can take to say, at the price of a second or of its tokens.

No provider documents how long its answer may get: it says the text, so the text limits it.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal

from billing.errors import BadRequest
from billing.proxy.max_cost.deployments import Deployment, listed_prices
from billing.proxy.max_cost.price_map import Table
from billing.proxy.max_cost.prices import price_of

# People say about 15 letters a second, models too. Four times slower is assumed; and digits, signs, capitals
# and other scripts, of which one may be a word, take up to a second each (emoji and ideographs more).
_PLAIN = b"abcdefghijklmnopqrstuvwxyz "
_PLAIN_S = Decimal("0.25")
_OTHER_ASCII_S = Decimal(1)
_OTHER_BYTE_S = Decimal("0.5")  # of UTF-8, two to four a character
_AROUND_S = 5  # silence before and after
_ASCII = bytes(range(128))
# `instructions` may ask for a slow voice: as slow as the lowest `speed` that OpenAI documents.
# https://platform.openai.com/docs/api-reference/audio/createSpeech
_INSTRUCTED = Decimal("0.25")
TOKENS_A_SECOND = 50  # OpenAI's prices of a second and a token imply 21


@dataclass(frozen=True, slots=True)
class Spoken:
    """What is said, and how the client wants it said."""

    seconds: Decimal  # at ordinary speed, at most
    speed: Decimal | None  # None: the client sets none
    instructed: bool


def read_spoken(body: Mapping[str, object], text: str) -> Spoken:
    """Reads a speech call. Raises BadRequest for a speed that is none."""
    content = text.encode("utf-8", "surrogatepass")
    others = content.translate(None, _PLAIN)
    beyond_ascii = len(others.translate(None, _ASCII))
    seconds = (
        (len(content) - len(others)) * _PLAIN_S
        + (len(others) - beyond_ascii) * _OTHER_ASCII_S
        + beyond_ascii * _OTHER_BYTE_S
        + _AROUND_S
    )
    speed = body.get("speed")
    return Spoken(seconds, None if speed is None else _speed(speed), bool(body.get("instructions")))


def spoken_cost(deployment: Deployment, spoken: Spoken) -> Decimal:
    """Returns the maximum cost of the audio, in major units; 0 for a model that bills the text alone.

    The price is LiteLLM's or the deployment's own, whichever is higher.
    """
    params = deployment.params
    speed = _speed(params["speed"]) if params.get("speed") is not None else Decimal(1)
    pace = min(spoken.speed if spoken.speed is not None else speed, Decimal(1))
    if spoken.instructed or params.get("instructions"):
        pace *= _INSTRUCTED
    seconds = math.ceil(spoken.seconds / pace)
    prices = (
        _second_price(table, deployment.model) for table in (listed_prices(deployment), deployment.prices)
    )
    return seconds * max(prices)


def _second_price(table: Table, model: str) -> Decimal:
    second = table.get("output_cost_per_second")
    if second:
        return price_of(second, "output_cost_per_second", model)
    for name in ("output_cost_per_audio_token", "output_cost_per_token"):
        if table.get(name):
            return price_of(table[name], name, model) * TOKENS_A_SECOND
    return Decimal(0)


def _speed(value: object) -> Decimal:
    known = isinstance(value, int | float) and not isinstance(value, bool)
    speed = Decimal(str(value)) if known else Decimal(0)
    if not speed.is_finite() or speed <= 0:
        raise BadRequest("`speed` must be a number above 0, like 1.0.", param="speed")
    return speed
