"""What web searches inside a call can cost: those of a provider's own tool or of its search models.

A call of LiteLLM's search route is priced in `search_route.py`.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from functools import lru_cache

from billing.errors import ModelNotPriced
from billing.proxy.max_cost.deployments import GOOGLE, REMEMBERED_MAX, Deployment
from billing.proxy.max_cost.prices import price_of
from billing.proxy.max_cost.request import RequestShape

# LiteLLM turns `web_search_options` into at most this many searches on Anthropic's models; OpenAI's search
# models are charged for one (`tool_call_cost_tracking._count_web_search_calls`).
_OPTIONS_SEARCHES = 10
_OPENAI = ("openai", "azure")
_SEARCH_DEFAULT = Decimal("0.035")  # LiteLLM's own default per search if the map has no price (Google)
_ANSWERS_WITH_SEARCH = ("perplexity",)


def searches_of(deployment: Deployment, shape: RequestShape) -> int:
    """Returns how many searches the provider may run. Raises ModelNotPriced if nothing limits them."""
    searches = shape.tools.searches
    if shape.tools.search_options:
        searches += 1 if deployment.provider in _OPENAI else _OPTIONS_SEARCHES
    by_query = deployment.prices.get("web_search_billing_unit") == "per_query"
    if searches and by_query and "claude" not in deployment.model:
        raise ModelNotPriced(
            f"Searches of {deployment.model} are priced individually, and nothing limits their number."
        )
    return searches


@lru_cache(REMEMBERED_MAX)
def search_fee(deployment: Deployment, searches: int) -> Decimal:
    """Returns the highest fee of all searches; models that always search pay one."""
    always = deployment.provider in _ANSWERS_WITH_SEARCH or "search" in deployment.model
    fees = deployment.prices.get("search_context_cost_per_query")
    table = fees if isinstance(fees, Mapping) else {}
    highest = max(
        (price_of(fee, "search_context_cost_per_query", deployment.model) for fee in table.values()),
        default=_SEARCH_DEFAULT if deployment.provider in GOOGLE or searches else Decimal(0),
    )
    return highest * max(searches, 1 if always else 0)
