"""Checks the configuration file: its environment variables, and whether its models can be billed."""

from __future__ import annotations

import ipaddress
import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from urllib.parse import SplitResult, urlsplit

from billing.errors import NotConfigured
from gateway.configuration.reading import (
    REFERENCE,
    Model,
    Reference,
    Section,
    missing,
    models,
    read_configuration,
    section,
)
from gateway.configuration.serving import servable
from gateway.doctor.finding import Finding, failed, ok, warning
from gateway.litellm_database.client import package_directory
from gateway.tailnet.plan import Forward

GUARD = "billing.proxy.config_guard.guard"
MODELS = "model_list"
PRICE_FILE = "model_prices_and_context_window_backup.json"
TAILNET_ADDRESSES = ipaddress.ip_network("100.64.0.0/10")
Environment = Mapping[str, str]
PriceMap = Mapping[str, Section]


def check_configuration(
    path: Path, environment: Environment, forwards: tuple[Forward, ...]
) -> Iterator[Finding]:
    """Returns all findings of the file. Reads LiteLLM's prices from its file, without importing it."""
    try:
        configuration = read_configuration(path)
        yield from _sections(configuration, environment)
        yield from _models(configuration, environment, forwards)
    except NotConfigured as error:
        yield failed("configuration", error.message)


def _sections(configuration: Section, environment: Environment) -> Iterator[Finding]:
    general, litellm = section(configuration, "general_settings"), section(configuration, "litellm_settings")
    yield from _callbacks(litellm)
    if general.get("always_include_stream_usage") is False:
        yield failed(
            "general_settings.always_include_stream_usage",
            "remove `false`: hidden reasoning in a stream would be free",
        )
    if not general.get("key_management_system"):
        for name, value in configuration.items():
            if name != MODELS:
                yield from _references(missing(value, name, environment))
    for name in ("master_key", "database_url"):
        if not general.get(name):
            yield failed(f"general_settings.{name}", f"not set: use {REFERENCE}{name.upper()}")
    if general.get("disable_spend_logs") is True:
        yield warning("general_settings.disable_spend_logs", "calls of a gateway that died will be estimated")
    if general.get("background_health_checks") is True:
        yield warning("general_settings.background_health_checks", "calls every model periodically, unpaid")
    if general.get("allowed_ips") and environment.get("RAILWAY_ENVIRONMENT_ID"):
        yield warning(
            "general_settings.allowed_ips",
            "sees Railway's edge instead of your clients, so it locks everyone out",
        )


def _callbacks(litellm: Section) -> Iterator[Finding]:
    callbacks = litellm.get("callbacks") or []
    if GUARD not in (callbacks if isinstance(callbacks, list) else [callbacks]):
        yield warning("litellm_settings.callbacks", f"lacks {GUARD}: `litellm` alone would serve unbilled")
    if litellm.get("disable_streaming_logging"):
        yield failed(
            "litellm_settings.disable_streaming_logging",
            "streams would have no cost: the gateway does not start",
        )


def _references(found: Sequence[Reference]) -> Iterator[Finding]:
    for reference in found:
        yield failed(reference.where, f"{reference.variable} is not set")


def _models(
    configuration: Section, environment: Environment, forwards: tuple[Forward, ...]
) -> Iterator[Finding]:
    served = servable(configuration, environment)
    for one in served.left_out:
        yield warning(f"model {one.model}", f"omitted: {', '.join(one.variables)} not set")
    listed = models(served.configuration)
    if not listed and not configuration.get("include"):
        yield failed(MODELS, "no model can be served: set the key of a provider, or a node's address")
        return
    ids = Counter(str(model.info["id"]) for model in listed if model.info.get("id") is not None)
    for name, count in ids.items():
        if count > 1:
            yield failed(
                f"model_info.id {name}", f"appears {count} times: one would be billed at the other's prices"
            )
    prices = price_map()
    for model in listed:
        yield from _model(model, prices, environment)
    yield from _forwards(listed, forwards, environment)
    yield ok(MODELS, f"{len(listed)} entries can be served: {', '.join(model.name for model in listed)}")


def _model(model: Model, prices: PriceMap, environment: Environment) -> Iterator[Finding]:
    check, name = f"model {model.name}", str(model.parameters.get("model", ""))
    if name.startswith("ollama/"):
        yield warning(check, "ollama/ adds prompts of its own for tools: use ollama_chat/")
    if model.info.get("billing") != "free" and not is_priced(model, name, prices):
        yield warning(check, "has no price above zero: billed keys cannot call it (model_info)")
    host = _address(model, environment).hostname
    if host is not None and _is_in_tailnet(host):
        yield failed(check, f"{host} is a tailnet address: declare it in TAILNET_FORWARD and use its port")


def is_priced(model: Model, name: str, prices: PriceMap) -> bool:
    """Whether the model, `name` for LiteLLM, has a price above zero of its own or in the map."""
    own = {**model.parameters, **model.info}
    if _prices_of(own):
        return _costs(own)
    if "*" in name:  # each model by its own entry; Ollama's are all zero
        return not name.startswith("ollama")
    base = own.get("base_model")
    names = (base, name, name.partition("/")[2]) if isinstance(base, str) else (name, name.partition("/")[2])
    return any(_costs(prices[one]) for one in names if one in prices)


def _costs(entry: Section) -> bool:
    return any(not isinstance(price, int | float) or price > 0 for price in _prices_of(entry))


def _prices_of(entry: Section) -> list[object]:
    """Returns all prices of an entry: per token, image, page, second, or tiers of them."""
    return [value for name, value in entry.items() if is_price(name) and value is not None]


def is_price(name: str) -> bool:
    """Whether a field of a model is a price."""
    return "cost_per" in name or "token_cost" in name or name == "tiered_pricing"


def price_map() -> PriceMap:
    """Returns LiteLLM's own prices, from the file that it ships."""
    prices: PriceMap = json.loads((package_directory("litellm") / PRICE_FILE).read_text("utf-8"))
    return prices


def _address(model: Model, environment: Environment) -> SplitResult:
    base = str(model.parameters.get("api_base") or "")
    if base.startswith(REFERENCE):
        base = environment.get(base.removeprefix(REFERENCE), "")
    return urlsplit(base)


def _is_in_tailnet(host: str) -> bool:
    try:
        return ipaddress.ip_address(host) in TAILNET_ADDRESSES
    except ValueError:
        return host.endswith(".ts.net")


def _forwards(
    listed: list[Model], forwards: tuple[Forward, ...], environment: Environment
) -> Iterator[Finding]:
    used = {_address(model, environment).port for model in listed}
    for forward in forwards:
        if forward.local_port not in used:
            address = f"http://127.0.0.1:{forward.local_port}"
            yield warning("TAILNET_FORWARD", f"no model has the api_base {address} of {forward.name}")
