"""Prices calls by units known in advance: images, speech, audio, documents, pages.

For each kind, the request's body gives the maximum number of units, and the entry that LiteLLM will bill the
deployment by gives the highest price of a unit (`litellm.cost_calculator.completion_cost`).
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal

from billing.errors import BadRequest, ModelNotPriced
from billing.proxy.max_cost.candidate import Candidate
from billing.proxy.max_cost.deployments import Deployment, listed_prices, unit_price
from billing.proxy.max_cost.images import image_cost, read_images
from billing.proxy.max_cost.price_map import cost_adjustment
from billing.proxy.max_cost.prices import Usage, ceiling, price_of, service_tiers_of
from billing.proxy.max_cost.recordings import read_recording, transcription_cost
from billing.proxy.max_cost.request import model_of
from billing.proxy.max_cost.spoken import read_spoken, spoken_cost
from billing.proxy.max_cost.tokens import TextTokens, count_texts
from billing.settings import Settings

DOCUMENTS_MAX = 10_000  # per rerank call
PAGES_MAX = 1_000  # per document: Mistral's documented limit
_UNIT_DOCUMENTS = 100  # Cohere bills one search per hundred documents, and splits long ones
_CHUNK_TOKENS = 100  # …into chunks of 500 tokens minus the query; assumed shorter, to be safe

Body = Mapping[str, object]
Cost = Callable[[Deployment], Decimal]


def _nothing(_deployment: Deployment) -> Decimal:
    return Decimal(0)


@dataclass(frozen=True, slots=True)
class UnitCall:
    """A call's units; `cost` gives their maximum cost on a deployment, in major units."""

    model: str
    cost: Cost
    is_input: bool  # its cost is an input cost: endings that pay only for the input pay all of it
    output_cost: Cost = _nothing  # likewise, of what comes back, if it has a price of its own
    recording_seconds: float | None = None  # decoded


async def read_unit_call(body: Body, call_type: str, settings: Settings) -> UnitCall | None:
    """Returns the units of a call; None for calls that are priced by tokens. Raises BadRequest."""
    reader = _READERS.get(call_type)
    if reader is None:
        return None
    return await reader(body, model_of(body), settings)


def unit_candidate(call: UnitCall, deployment: Deployment) -> Candidate:
    """Returns the maximum cost of the call on one deployment. Raises ModelNotPriced if there is none.

    LiteLLM's discounts and margins do not apply to all of these kinds, so discounts are ignored.
    """
    factor, margin = cost_adjustment(deployment.provider)
    cost = call.cost(deployment) * max(factor, Decimal(1))
    return Candidate(
        input_cost=cost,
        input_estimate=cost if call.is_input else Decimal(0),
        output_cost_per_token=Decimal(0),
        fixed_cost=margin + call.output_cost(deployment) * max(factor, Decimal(1)),
    )


async def _new_images(body: Body, model: str, settings: Settings) -> UnitCall:
    """Without a prompt LiteLLM creates one from `messages`, after we have looked."""
    _text(body, "prompt", required=True)
    return await _images(body, model, settings)


async def _images(body: Body, model: str, settings: Settings) -> UnitCall:
    text = await _counted(_text(body, "prompt", required=False), settings)
    requested = read_images(body)
    return UnitCall(
        model,
        lambda deployment: image_cost(deployment, requested, text),
        is_input=False,
    )


async def _speech(body: Body, model: str, settings: Settings) -> UnitCall:
    spoken = _text(body, "input", required=True)
    text = await _counted(spoken, settings)
    audio = read_spoken(body, spoken)

    def cost(deployment: Deployment) -> Decimal:
        prices = listed_prices(deployment)
        if prices.get("input_cost_per_character"):
            return price_of(prices["input_cost_per_character"], "price a character", model) * len(spoken)
        if deployment.provider not in ("openai", "azure") or not prices:
            raise ModelNotPriced(
                f"LiteLLM prices speech by its own map alone, which has no price for {deployment.model}."
            )
        return _input_cost(deployment, prices, text.ceiling)

    return UnitCall(model, cost, is_input=True, output_cost=lambda deployment: spoken_cost(deployment, audio))


async def _transcription(body: Body, model: str, settings: Settings) -> UnitCall:
    if str(body.get("stream")).lower() == "true":
        raise BadRequest("Streamed transcriptions cannot be billed yet; remove `stream`.")
    recording = await read_recording(body.get("file"))
    text = await _counted(_text(body, "prompt", required=False), settings)
    return UnitCall(
        model,
        lambda deployment: transcription_cost(deployment, recording, text.ceiling),
        is_input=True,
        recording_seconds=recording.seconds,
    )


async def _rerank(body: Body, model: str, settings: Settings) -> UnitCall:
    documents = body.get("documents")
    if not isinstance(documents, list) or not 1 <= len(documents) <= DOCUMENTS_MAX:
        raise BadRequest(f"`documents` must be a list of 1 to {DOCUMENTS_MAX} strings.")
    query = await _counted(_text(body, "query", required=True), settings)
    texts = [one if isinstance(one, str) else str(one) for one in documents]
    text = await _counted("\n".join(texts), settings)
    chunks = len(texts) + text.ceiling // _CHUNK_TOKENS
    searches = 1 + chunks // _UNIT_DOCUMENTS
    tokens = text.ceiling + len(texts) * (query.ceiling + 8)

    def cost(deployment: Deployment) -> Decimal:
        searched = unit_price(deployment, "input_cost_per_query") * searches
        read = unit_price(deployment, "input_cost_per_token") * tokens
        if searched == read == 0:
            raise ModelNotPriced(f"{deployment.model} has no price per search or token.")
        return max(searched, read)

    return UnitCall(model, cost, is_input=True)


async def _pages(body: Body, model: str, settings: Settings) -> UnitCall:
    chosen = _chosen_pages(body)
    document = body.get("document")
    is_image = isinstance(document, Mapping) and document.get("type") == "image_url"

    def cost(deployment: Deployment) -> Decimal:
        pages = _page_count(deployment, chosen, is_image=is_image)
        prices = deployment.prices
        if prices.get("ocr_cost_per_credit") or not prices.get("ocr_cost_per_page"):
            raise ModelNotPriced(f"{deployment.model} has no price per page, so it cannot be billed.")
        read = unit_price(deployment, "ocr_cost_per_page")
        noted = unit_price(deployment, "annotation_cost_per_page") or read
        annotates = any(str(name).endswith("annotation_format") for name in body if body[name] is not None)
        return pages * (read + (noted if annotates else 0))

    return UnitCall(model, cost, is_input=True)


def _page_count(deployment: Deployment, chosen: int | None, *, is_image: bool) -> int:
    """Returns the maximum number of pages: those that the client chooses, of an image too, where the
    provider is known to heed that; one for an image; else the provider's limit.
    """
    if chosen is None:
        return 1 if is_image else PAGES_MAX
    is_heeded = deployment.provider == "mistral" or (is_image and chosen == 1)
    return chosen if is_heeded else PAGES_MAX


def _chosen_pages(body: Body) -> int | None:
    """Returns how many pages the client chooses; None: all of them."""
    pages = body.get("pages")
    if pages is None:
        return None
    if not isinstance(pages, list) or not 1 <= len(pages) <= PAGES_MAX:
        raise BadRequest(f"`pages` must be a list of 1 to {PAGES_MAX} page numbers.")
    if not all(type(page) is int and page >= 0 for page in pages):  # "0-999" would be a thousand pages
        raise BadRequest("`pages` must be whole numbers from 0.")
    return len(pages)


_READERS: dict[str, Callable[[Body, str, Settings], Awaitable[UnitCall]]] = {
    "image_generation": _new_images,
    "aimage_edit": _images,
    "aspeech": _speech,
    "transcription": _transcription,
    "rerank": _rerank,
    "aocr": _pages,
}


def _text(body: Body, name: str, *, required: bool) -> str:
    value = body.get(name)
    if value is None and not required:
        return ""
    if not isinstance(value, str) or (required and not value):
        raise BadRequest(f"`{name}` must be a string.")
    return value


async def _counted(text: str, settings: Settings) -> TextTokens:
    counted = (await count_texts(text, (None,)))[None]
    if not settings.bounds_by_bytes:
        return counted
    return TextTokens(counted.estimate, counted.utf8_bytes, counted.utf8_bytes)


def _input_cost(deployment: Deployment, table: Body, tokens: int) -> Decimal:
    usage = Usage(tokens, 0, 0, one_hour_cache=False, service_tiers=service_tiers_of(None), fast=False)
    prices = ceiling(table, usage, deployment.model, makes_output=False)
    return prices.input_per_token * tokens + prices.per_request
