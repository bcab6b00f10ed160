"""The maximum cost of images: each at the highest price of its model, or by the most tokens it can use.

LiteLLM looks up a per-image price by quality and size, in the price map or in the deployment's own prices
(`cost_calculator.default_image_cost_calculator`); OpenAI's `gpt-image` models are billed by tokens.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from functools import lru_cache

from billing.errors import BadRequest, ModelNotPriced
from billing.proxy.max_cost.deployments import Deployment
from billing.proxy.max_cost.limits import positive_int
from billing.proxy.max_cost.price_map import Table
from billing.proxy.max_cost.prices import Usage, ceiling, price_of, service_tiers_of
from billing.proxy.max_cost.tokens import TextTokens

IMAGES_MAX = 10  # OpenAI's own maximum of `n`
SIDE_MAX = 4096  # pixels, if the client sets no size
# OpenAI documents 6,240 tokens for the largest image at high quality of gpt-image-1 and its successors; an
# input image uses at most as many at high fidelity.
# https://platform.openai.com/docs/guides/image-generation#cost-and-latency
TOKENS_AN_IMAGE = 6_240
_TOKENS_KNOWN = re.compile(r"gpt-image-1($|[-.](mini|5|2025))")
_PER_IMAGE = re.compile(r"(input|output)_cost_per_image(_[0-9.]+K?)?")
_PER_PIXEL = ("input_cost_per_pixel", "output_cost_per_pixel")
# Providers whose own calculators multiply a price by the images, or use LiteLLM's default one.
_BY_THE_IMAGE = frozenset(
    ("openai", "azure", "recraft", "aiml", "stability", "black_forest_labs", "xai", "cometapi", "nscale")
)
_SIZE = re.compile(r"(\d{2,5})x(\d{2,5})")


@dataclass(frozen=True, slots=True)
class RequestedImages:
    """The images that a request asks for."""

    count: int
    pixels: int  # of one image, at most
    inputs: int  # input images: to be edited, and a mask


def read_images(body: Mapping[str, object]) -> RequestedImages:
    """Reads a generation or an edit. Raises BadRequest if it is malformed or streamed."""
    if str(body.get("stream")).lower() == "true" or body.get("partial_images"):
        raise BadRequest("Streamed images cannot be billed yet; remove `stream` and `partial_images`.")
    given = [body.get(name) for name in ("image", "mask")]
    inputs = sum(len(value) if isinstance(value, list) else value is not None for value in given)
    return RequestedImages(positive_int(body, "n", IMAGES_MAX) or 1, _pixels(body.get("size")), inputs)


def _pixels(size: object) -> int:
    if size is None or size == "auto":
        return SIDE_MAX * SIDE_MAX
    match = _SIZE.fullmatch(size) if isinstance(size, str) else None
    if match is None:
        raise BadRequest("`size` must be a size like `1024x1024`, or `auto`.")
    return int(match[1]) * int(match[2])


def image_cost(deployment: Deployment, requested: RequestedImages, text: TextTokens) -> Decimal:
    """Returns the maximum cost on a deployment, in major units. Raises ModelNotPriced."""
    if "gpt-image" in deployment.bare_model.lower():
        return _by_tokens(deployment, requested, text)
    if deployment.provider not in _BY_THE_IMAGE:
        raise ModelNotPriced(
            f"Images of {deployment.provider} are priced in ways that billing does not support yet."
        )
    each = max(
        (price for table in _tables(deployment) for price in _prices(table, requested, deployment.model)),
        default=Decimal(0),
    )
    if each == 0:
        raise ModelNotPriced(f"{deployment.model} has no price per image, so it cannot be billed.")
    return each * requested.count


def _by_tokens(deployment: Deployment, requested: RequestedImages, text: TextTokens) -> Decimal:
    if deployment.provider not in ("openai", "azure") or not _TOKENS_KNOWN.search(deployment.bare_model):
        raise ModelNotPriced(f"The token count of images of {deployment.model} is not documented.")
    tokens = text.ceiling + TOKENS_AN_IMAGE * requested.inputs
    made = TOKENS_AN_IMAGE * requested.count
    usage = Usage(tokens, made, 1, one_hour_cache=False, service_tiers=service_tiers_of(None), fast=False)
    prices = ceiling(deployment.prices, usage, deployment.model, makes_output=True)
    whole = prices.input_per_token * tokens + prices.output_per_token * made
    flat = max(_prices(deployment.prices, requested, deployment.model), default=Decimal(0)) * requested.count
    return max(whole, flat) + prices.per_request


def _tables(deployment: Deployment) -> Iterator[Table]:
    """Yields the deployment's own entry and those of its model, for every quality and size."""
    import litellm

    yield deployment.prices
    bare = deployment.bare_model.rsplit("/", 1)[-1]
    for name in _listed_under(len(litellm.model_cost)).get(bare, ()):
        first = name.split("/", 1)[0]
        if first == deployment.provider or first not in litellm.provider_list:
            yield litellm.model_cost.get(name, {})


@lru_cache(maxsize=1)
def _listed_under(_entries: int) -> Mapping[str, tuple[str, ...]]:
    """Indexes the price map's names by their last part; rebuilt when the map has grown."""
    import litellm

    names: dict[str, tuple[str, ...]] = {}
    for name in litellm.model_cost:
        if "/" in name:
            last = name.rsplit("/", 1)[-1]
            names[last] = (*names.get(last, ()), name)
    return names


def _prices(table: Table, requested: RequestedImages, model: str) -> Iterator[Decimal]:
    for key, value in table.items():
        if value is not None and _PER_IMAGE.fullmatch(key):
            yield price_of(value, key, model)
    for key in _PER_PIXEL:
        if table.get(key) is not None:
            yield price_of(table[key], key, model) * requested.pixels
