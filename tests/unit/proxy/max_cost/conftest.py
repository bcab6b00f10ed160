"""LiteLLM's real router and price map, without its proxy; imported once, offline."""

from __future__ import annotations

import asyncio
import os
import warnings
from collections.abc import Callable, Iterator, Mapping
from decimal import Decimal
from typing import Any, Protocol

import pytest

from billing.prices.book import CallPrices
from billing.prices.rule import PriceRule
from billing.proxy.max_cost import MaxCost, load_encodings, max_cost_of
from billing.settings import Settings

os.environ["LITELLM_LOCAL_MODEL_COST_MAP"] = "True"

DEFAULTS = Settings(_env_file=None)

HELLO = [{"role": "user", "content": "hello"}]
WORDS = "Seven hundred wise owls. " * 400  # about 2,400 tokens
CLAUDE, GPT, GEMINI = "anthropic/claude-sonnet-4-5-20250929", "openai/gpt-4o-mini", "gemini/gemini-2.5-pro"

Body = dict[str, object]
Row = Mapping[str, object]
Make = Callable[..., Any]


class MaxCostOf(Protocol):
    """Bounds one body; the defaults are a chat call, our default settings and no rule of ours."""

    def __call__(
        self,
        body: Body,
        *,
        router: object,
        call_type: str = ...,
        rule: PriceRule | CallPrices = ...,
        settings: Settings | None = ...,
    ) -> MaxCost: ...


@pytest.fixture(scope="session")
def litellm() -> Any:  # LiteLLM's module is not typed
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # what LiteLLM's dependencies warn of at import is not ours to fix
        import litellm

        litellm.Router(model_list=[])  # LiteLLM imports most of itself at first use
        litellm.suppress_debug_info = True
        litellm.completion_cost(litellm.ModelResponse(), model="gpt-4o-mini")
    load_encodings()
    return litellm


@pytest.fixture
def router(litellm: Any) -> Iterator[Callable[..., Any]]:
    """Makes routers; the entries they add to LiteLLM's price map are taken back."""
    before = {name: dict(entry) for name, entry in litellm.model_cost.items()}  # entries change in place

    def make(*rows: Row, **options: object) -> Any:
        return litellm.Router(model_list=[dict(row) for row in rows], **options)

    yield make
    litellm.model_cost.clear()
    litellm.model_cost.update(before)
    litellm.utils._invalidate_model_cost_lowercase_map()


@pytest.fixture(scope="session")
def bounded() -> MaxCostOf:
    def run(
        body: Body,
        *,
        router: object,
        call_type: str = "acompletion",
        rule: PriceRule | CallPrices = PriceRule(),
        settings: Settings | None = None,
    ) -> MaxCost:
        wanted = settings or DEFAULTS
        return asyncio.run(
            max_cost_of(body, call_type=call_type, route="", router=router, rule=rule, settings=wanted)
        )

    return run


def row(name: str, model: str, *, info: Row | None = None, **params: object) -> Row:
    """One deployment of a model list."""
    return {
        "model_name": name,
        "litellm_params": {"model": model, "api_key": "none", **params},
        "model_info": dict(info or {}),
    }


@pytest.fixture(scope="session")
def deployment() -> Callable[..., Row]:
    return row


@pytest.fixture
def models(router: Make, deployment: Make) -> Any:
    """A router with a model of each provider that is priced in a way of its own."""
    return router(
        deployment("claude", CLAUDE),
        deployment("gpt", GPT),
        deployment("gemini", GEMINI),
        deployment("embed", "openai/text-embedding-3-small"),
        deployment("instruct", "openai/gpt-3.5-turbo-instruct"),
    )


def input_tokens(bound: MaxCost, price: str) -> int:
    """How many tokens the input side of a bound pays for at a price in dollars a token."""
    return int(bound.input_nanos / (Decimal(price) * 10**9))
