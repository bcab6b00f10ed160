"""Promise 1 and 6 together: for any usage a provider may report within what was bounded, hold ≥ charge.

The charge is LiteLLM's own: `completion_cost` over its price map. Models are a wide sample of that map;
usages are split at random among cached, written, hour-long, reasoning, audio, tiers, regions and speeds.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from billing.errors import ModelNotPriced
from billing.prices.detail import charge_nanos_of
from billing.prices.rule import PriceRule
from billing.proxy.max_cost import MaxCost
from billing.settings import Settings
from tests.unit.proxy.max_cost.drawn_calls import (
    Draw,
    asks,
    input_tokens_max,
    reported_usage,
    served_tier,
    with_system,
    worst_usages,
)

# LiteLLM imports a provider when it is first used, and pydantic warns of its TypedDicts.
pytestmark = pytest.mark.filterwarnings("ignore:.*`ReadOnly` qualifier:UserWarning")

PROVIDERS = (
    "anthropic",
    "azure",
    "azure_ai",
    "bedrock",
    "bedrock_converse",
    "cohere_chat",
    "dashscope",
    "databricks",
    "deepinfra",
    "deepseek",
    "fireworks_ai",
    "gemini",
    "groq",
    "mistral",
    "moonshot",
    "openai",
    "openrouter",
    "perplexity",
    "sambanova",
    "text-completion-openai",
    "together_ai",
    "vertex_ai-anthropic_models",
    "vertex_ai-language-models",
    "watsonx",
    "xai",
    "zai",
)
PER_PROVIDER = 14
FAMOUS = (
    "claude-sonnet-4-20250514",
    "claude-opus-4-5",
    "claude-haiku-4-5",
    "gpt-4o",
    "gpt-4.1",
    "gpt-5",
    "gpt-5.4",
    "o3",
    "gpt-4o-audio-preview",
    "gpt-4o-search-preview",
    "gemini/gemini-2.5-pro",
    "gemini/gemini-2.5-flash",
    "gemini/gemini-2.5-flash-image",
    "deepseek/deepseek-chat",
    "dashscope/qwen3-max",
    "dashscope/qwen-flash",
    "xai/grok-4",
    "mistral/mistral-large-latest",
)
RULES = (
    PriceRule(),
    PriceRule(Decimal("1.37"), fee_nanos=123, floor_nanos=5_000),
    PriceRule(Decimal("0.333333")),
)
EACH = settings(
    deadline=None,
    phases=(Phase.explicit, Phase.reuse, Phase.generate),  # shrinking prompts of 280 KB takes minutes
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
BYTES = Settings(_env_file=None, billing_input_bound="bytes")


@dataclass(frozen=True)
class World:
    """A router over the sample; `names` are the models that can be bounded."""

    litellm: Any
    router: Any
    names: tuple[str, ...]
    embedders: tuple[str, ...]


def sample(litellm: Any, modes: tuple[str, ...]) -> list[str]:
    """Of each provider the odd ones first: entries with the most kinds of prices; then some of the rest."""
    from litellm.litellm_core_utils.get_model_cost_map import GetModelCostMap

    prices = GetModelCostMap.load_local_model_cost_map()  # as it is shipped, without any test's deployments
    chosen = [name for name in FAMOUS if name in prices and prices[name].get("mode") in modes]
    for provider in PROVIDERS:
        entries = [
            (sum("cost" in key or "pricing" in key for key in entry), name)
            for name, entry in prices.items()
            if entry.get("litellm_provider") == provider and entry.get("mode") in modes
        ]
        ordered = sorted(entries, reverse=True)
        chosen += [name for _, name in ordered[: PER_PROVIDER // 2]]
        chosen += [name for _, name in ordered[PER_PROVIDER // 2 :: max(1, len(ordered) // 7)]]
    return [name for name in dict.fromkeys(chosen) if "*" not in name and has_provider(litellm, name)]


def has_provider(litellm: Any, name: str) -> bool:
    """Whether a name of the price map can be called as it stands."""
    try:
        litellm.get_llm_provider(model=name)
    except litellm.exceptions.BadRequestError:
        return False
    return True


@pytest.fixture(scope="module")
def world(litellm: Any) -> World:
    chat = sample(litellm, ("chat", "completion"))
    embedders = sample(litellm, ("embedding",))
    rows = [
        {"model_name": f"group:{name}", "litellm_params": {"model": name, "api_key": "none"}}
        for name in (*chat, *embedders)
    ]
    return World(litellm, litellm.Router(model_list=rows), tuple(chat), tuple(embedders))


def cost_of(draw: Draw, world: World, name: str, body: Mapping[str, Any], usage: Any) -> float:
    litellm = world.litellm
    response = litellm.ModelResponse(model=name.split("/", 1)[-1], usage=usage)
    response.service_tier = served_tier(draw, body.get("service_tier"))
    bare, provider, _, _ = litellm.get_llm_provider(model=name)
    cost: float = litellm.completion_cost(
        response,
        model=bare,
        custom_llm_provider=provider,
        data_residency=draw(st.sampled_from([None, "eu", "us"])),
        vertex_location=draw(st.sampled_from([None, "global", "us-east5"])),
        optional_params={"service_tier": body.get("service_tier")},
    )
    return cost


@settings(EACH, max_examples=250)
@given(data=st.data())
def test_of_chat_and_messages(world: World, bounded: Any, data: st.DataObject) -> None:
    name = data.draw(st.sampled_from(world.names))
    body = {**data.draw(asks()), "model": f"group:{name}"}
    call_type = "anthropic_messages" if "n" not in body and data.draw(st.booleans()) else "acompletion"
    if call_type == "anthropic_messages":
        body = with_system(data.draw, body)
    served = name
    if data.draw(st.booleans()):  # the client's own choice of who stands in
        others = data.draw(st.lists(st.sampled_from(world.names), min_size=1, max_size=3))
        body["fallbacks"] = [f"group:{other}" for other in others]
        served = data.draw(st.sampled_from([name, *others]))
    rule = data.draw(st.sampled_from(RULES))
    try:
        max_cost: MaxCost = bounded(body, router=world.router, call_type=call_type, rule=rule, settings=BYTES)
    except ModelNotPriced:
        return
    input_max = input_tokens_max(world.litellm, served, body)
    output_max = max_cost.output_tokens * body.get("n", 1)
    usage = reported_usage(data.draw, world.litellm, body, input_max, output_max)
    charge = charge_nanos_of(cost_of(data.draw, world, served, body, usage), rule)
    assert charge <= max_cost.amount_nanos(), (name, served, usage)


@settings(EACH, max_examples=150)
@given(data=st.data())
def test_of_completions_and_embeddings(world: World, bounded: Any, data: st.DataObject) -> None:
    embeds = data.draw(st.booleans())
    name = data.draw(st.sampled_from(world.embedders if embeds else world.names))
    prompts = data.draw(st.lists(st.integers(1, 70_000), min_size=1, max_size=4))
    ids = [[1] * size for size in prompts]
    body: dict[str, Any] = {"model": f"group:{name}", "max_tokens": data.draw(st.integers(1, 9_000))}
    body |= {"input": ids} if embeds else {"prompt": ids, "best_of": data.draw(st.integers(1, 3))}
    call_type = "aembedding" if embeds else "atext_completion"
    try:
        max_cost: MaxCost = bounded(body, router=world.router, call_type=call_type)
    except ModelNotPriced:
        return
    output_max = 0 if embeds else max_cost.output_tokens * len(prompts) * body["best_of"]
    usage = reported_usage(data.draw, world.litellm, body, sum(prompts), output_max)
    charge = charge_nanos_of(cost_of(data.draw, world, name, body, usage), PriceRule())
    assert charge <= max_cost.amount_nanos(), (name, usage)


@pytest.mark.parametrize(
    ("size", "tier"),
    [
        (1_000, "flex"),
        (33_000, None),
        (129_000, None),
        (201_000, None),
        (280_000, None),
        (280_000, "priority"),
    ],
)
def test_of_the_worst_usages(world: World, bounded: Any, size: int, tier: str | None) -> None:
    """Every model, everything of one kind: where a mistake in a single price shows undiluted."""
    for name in world.names:
        body = {"model": f"group:{name}", "prompt": [1] * size, "max_tokens": 50, "service_tier": tier}
        try:
            max_cost = bounded(body, router=world.router, call_type="atext_completion")
        except ModelNotPriced:
            continue
        for usage in worst_usages(world.litellm, size, max_cost.output_tokens):
            response = world.litellm.ModelResponse(model=name.split("/", 1)[-1], usage=usage)
            response.service_tier = tier or "default"
            bare, provider, _, _ = world.litellm.get_llm_provider(model=name)
            cost = world.litellm.completion_cost(response, model=bare, custom_llm_provider=provider)
            assert charge_nanos_of(cost, PriceRule()) <= max_cost.amount_nanos(), (name, usage)


def test_most_of_the_sample_can_be_bounded(world: World, bounded: Any) -> None:
    """The properties above would hold for a bound that refuses everything."""
    refused: dict[str, str] = {}
    for name in world.names:
        body = {"model": f"group:{name}", "messages": [{"role": "user", "content": "hello"}]}
        try:
            bounded(body, router=world.router)
        except ModelNotPriced as error:
            refused[name] = error.message
    assert len(world.names) > 150
    assert len(refused) < len(world.names) * 0.15, refused
    assert not set(FAMOUS) & set(refused)
