"""Discovers the models of a node through its API, as priced entries for LiteLLM's `model_list`.

https://github.com/ollama/ollama/blob/main/docs/api.md (`GET /api/tags`, `POST /api/show`)
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import TypeVar

import httpx
from pydantic import BaseModel, ValidationError

from billing.errors import NotConfigured

MODELS_MAX = 500
ANSWER_MAX_BYTES = 8_000_000
WITHIN_S = 15.0
MILLION = 1_000_000
PRICE_MAX = Decimal(10_000)

Entry = dict[str, object]
_Answer = TypeVar("_Answer", bound=BaseModel)


class _Tag(BaseModel):
    name: str


class _Tags(BaseModel):
    models: list[_Tag]


class _Show(BaseModel):
    model_info: dict[str, object] = {}
    capabilities: list[str] = []
    remote_host: str | None = None  # the node only forwards it to Ollama's cloud


@dataclass(frozen=True, slots=True)
class Price:
    """US dollars per million tokens, input and output."""

    input: Decimal
    output: Decimal


@dataclass(frozen=True, slots=True)
class Wanted:
    """The operator's choices for the entries: names, prices and limits."""

    node: str
    api_base: str  # as written in the entries; may be `os.environ/…`
    price: Price
    prices: Mapping[str, Price]  # for single models, by Ollama's name
    context_max: int  # limited by the node's memory, whatever the model supports
    output_max: int


@dataclass(frozen=True, slots=True)
class Discovered:
    """The entries, and the reason for each omitted model."""

    entries: list[Entry]
    skipped: list[str]


async def discover(base_url: str, wanted: Wanted) -> Discovered:
    """Queries the node at `base_url`. Raises NotConfigured if it does not answer like Ollama."""
    entries, skipped = [], []
    async with httpx.AsyncClient(base_url=base_url, timeout=WITHIN_S, trust_env=False) as client:
        names = [tag.name for tag in (await _ask(client, _Tags, "GET", "/api/tags")).models]
        if len(names) > MODELS_MAX:
            raise NotConfigured(f"{base_url} lists {len(names)} models; at most {MODELS_MAX} are read.")
        if unknown := sorted(wanted.prices.keys() - set(names)):
            raise NotConfigured(f"{base_url} has no {', '.join(unknown)}, which a price was given for.")
        for name in names:
            shown = await _ask(client, _Show, "POST", "/api/show", {"model": name})
            if shown.remote_host:
                skipped.append(f"{name}: it runs on {shown.remote_host} instead of the node")
            elif "embedding" in shown.capabilities:
                entries.append(_embedding(name, shown, wanted))
            else:
                entries.append(_chat(name, shown, wanted))
    return Discovered(entries, skipped)


async def _ask(
    client: httpx.AsyncClient, shape: type[_Answer], method: str, path: str, body: Entry | None = None
) -> _Answer:
    try:
        async with client.stream(method, path, json=body) as response:
            content = bytearray()
            async for piece in response.aiter_bytes():
                content += piece
                if len(content) > ANSWER_MAX_BYTES:
                    raise NotConfigured(f"{client.base_url}{path} answers without end.")
    except httpx.HTTPError as error:
        raise NotConfigured(
            f"{client.base_url} cannot be reached: {error or type(error).__name__}."
        ) from error
    if response.status_code != httpx.codes.OK:
        raise NotConfigured(f"{client.base_url}{path} answers {response.status_code}: is it Ollama?")
    try:
        return shape.model_validate_json(bytes(content))
    except ValidationError as error:
        raise NotConfigured(f"{client.base_url}{path} does not answer as Ollama does.") from error


def _chat(name: str, shown: _Show, wanted: Wanted) -> Entry:
    context = min(_context(shown, wanted), wanted.context_max)
    price = wanted.prices.get(name, wanted.price)
    info = {
        **_info(name, "chat", context, price, wanted),
        "output_cost_per_token": _per_token(price.output),
        "max_output_tokens": min(wanted.output_max, context),
    }
    if "tools" in shown.capabilities:
        info["supports_function_calling"] = True
    if "vision" in shown.capabilities:
        info["supports_vision"] = True
    parameters = {"model": f"ollama_chat/{name}", "api_base": wanted.api_base, "num_ctx": context}
    return {"model_name": f"{wanted.node}/{name}", "litellm_params": parameters, "model_info": info}


def _embedding(name: str, shown: _Show, wanted: Wanted) -> Entry:
    price = wanted.prices.get(name, wanted.price)
    info = _info(name, "embedding", _context(shown, wanted), price, wanted) | {"output_cost_per_token": 0.0}
    parameters = {"model": f"ollama/{name}", "api_base": wanted.api_base}
    return {"model_name": f"{wanted.node}/{name}", "litellm_params": parameters, "model_info": info}


def _info(name: str, mode: str, context: int, price: Price, wanted: Wanted) -> Entry:
    return {
        "id": f"{wanted.node}-{name}",
        "mode": mode,
        "input_cost_per_token": _per_token(price.input),
        "max_input_tokens": context,
    }


def _context(shown: _Show, wanted: Wanted) -> int:
    """Returns the model's context, `<architecture>.context_length`; the operator's maximum if unknown."""
    lengths = [value for key, value in shown.model_info.items() if key.endswith(".context_length")]
    return lengths[0] if lengths and isinstance(lengths[0], int) and lengths[0] > 0 else wanted.context_max


def _per_token(dollars_a_million: Decimal) -> float:
    """LiteLLM's prices are floats; its own map has 12 decimals."""
    return round(float(dollars_a_million / MILLION), 12)


def read_price(text: str) -> Price:
    """Parses `0.10/0.30`: dollars per million tokens, input and output. Raises NotConfigured."""
    incoming, slash, outgoing = text.partition("/")
    try:
        price = Price(Decimal(incoming), Decimal(outgoing))
    except ArithmeticError as error:
        raise NotConfigured(f"`{text}` is not a price: use IN/OUT, dollars per million tokens.") from error
    amounts = (price.input, price.output)
    if not slash or not all(amount.is_finite() and 0 <= amount <= PRICE_MAX for amount in amounts):
        raise NotConfigured(
            f"`{text}` is not a price: use IN/OUT, from 0 to {PRICE_MAX} dollars per million tokens."
        )
    if price.input == 0:
        raise NotConfigured(f"`{text}` has no input price: calls without a price are refused.")
    return price
