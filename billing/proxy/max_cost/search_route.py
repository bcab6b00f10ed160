"""The cost of a call of the search route, `/v1/search`: the map's price per query of the tool's provider.

LiteLLM prices a search by provider and `max_results` alone (`litellm/search/cost_calculator.py`): a list of
queries counts as one, and options that make a provider do more (Tavily's `search_depth`, Linkup's `depth`,
Exa's `contents`) count as nothing. So a billed search is one query with the fields of Perplexity's API, which
LiteLLM's is, on a tool without such options.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from typing import Protocol, cast

from billing.errors import BadRequest, ModelNotPriced
from billing.money import ceil_nanos, nanos_from_cost, round_nanos
from billing.prices.book import CallPrices
from billing.prices.rule import PriceRule
from billing.proxy.max_cost import MaxCost
from billing.proxy.max_cost.call_rules import provider_name
from billing.proxy.max_cost.deployments import Router, fallback_groups
from billing.proxy.max_cost.limits import positive_int
from billing.proxy.max_cost.price_map import Table, cost_adjustment
from billing.proxy.max_cost.prices import price_of

CALL_TYPE = "asearch"
RESULTS_MAX = 100
RESULTS_DEFAULT = 10  # LiteLLM's default if neither the client nor the tool sets it
OF_A_SEARCH = ("search_tool_name", "custom_llm_provider")  # LiteLLM fields that its route writes
_FIELDS = frozenset(
    (
        "query", "max_results", "search_domain_filter", "max_tokens_per_page", "country", "search_tool_name",
        "model", "custom_llm_provider", "user",
    )
)  # fmt: skip
_SETTINGS = frozenset(
    ("search_provider", "api_key", "api_base", "timeout", "max_retries", "max_results", "country")
)
_COUNTS_ITSELF = "parallel_ai"  # it prices by the uses that it reports


class SearchRouter(Router, Protocol):
    """The part of LiteLLM's `Router` that we use for searches."""

    search_tools: Sequence[Table] | None


def max_cost_of_search(body: Table, router: object, rule: PriceRule | CallPrices) -> MaxCost:
    """Returns the maximum cost of one search: the most expensive tool of its name and of its fallbacks.

    Raises BadRequest if it is malformed, ModelNotPriced if it has no price of its own.
    """
    name = body.get("search_tool_name", body.get("model"))
    if not isinstance(name, str) or not name:
        raise BadRequest("`search_tool_name` must name the tool to search with.", param="search_tool_name")
    _check_fields(body)
    requested = positive_int(body, "max_results", RESULTS_MAX)
    tools = list(_tools(body, name, cast("SearchRouter | None", router)))
    priced = [(_cost(tool, requested), _rule_of(tool, rule)) for tool in tools]
    billed = [(cost, own) for cost, own in priced if not own.free]
    nanos = [nanos_from_cost(cost) * own.multiplier for cost, own in billed]
    return MaxCost(
        model=name,
        free=not billed,
        input_nanos=max(map(ceil_nanos, nanos), default=0),
        input_charge_nanos=max(map(round_nanos, nanos), default=0),
        output_nanos_per_token=Decimal(0),
        fixed_nanos=max((own.fee_nanos for _, own in billed), default=0),
        floor_nanos=max((own.floor_nanos for _, own in billed), default=0),
        output_tokens=0,
        output_limit_field=None,
        client_set_limit=False,
        rule=priced[0][1],
    )


def _check_fields(body: Table) -> None:
    from litellm.utils import filter_out_litellm_params

    unknown = sorted(set(filter_out_litellm_params(kwargs=body)) - _FIELDS)
    if unknown:
        raise BadRequest(f"`{unknown[0]}` cannot be billed in a search; remove it.", param=unknown[0])
    query = body.get("query")
    if not isinstance(query, str) or not query:
        raise BadRequest("`query` must be a single string: searches are billed individually.", param="query")


def _tools(body: Table, name: str, router: SearchRouter | None) -> Iterator[Table]:
    """Yields all tools that may serve the search, starting with those of its own name."""
    known = (router.search_tools or ()) if router is not None else ()
    first = [tool for tool in known if tool.get("search_tool_name") == name]
    if router is None or not first:
        raise ModelNotPriced(f"The search tool {name} is unknown here, so it cannot be billed.")
    yield from first
    for group in fallback_groups(body, name, router):
        yield from (tool for tool in known if tool.get("search_tool_name") == group)


def _cost(tool: Table, requested: int | None) -> Decimal:
    """Returns what LiteLLM will charge for one query, by its own function, in major units."""
    from litellm.search.cost_calculator import search_provider_cost_per_query

    name, params = tool.get("search_tool_name"), _params(tool)
    provider = str(params.get("search_provider"))
    option = next((key for key in sorted(params) if key not in _SETTINGS and params[key] is not None), None)
    if option is not None:
        raise ModelNotPriced(f"LiteLLM does not price the option `{option}` of the search tool {name}.")
    if provider == _COUNTS_ITSELF:
        raise ModelNotPriced(f"{provider} reports the cost of a search afterwards, so nothing limits it.")
    results = requested or positive_int(params, "max_results", RESULTS_MAX) or RESULTS_DEFAULT
    try:
        cost, _ = search_provider_cost_per_query(
            model=f"{provider}/search", custom_llm_provider=provider, optional_params={"max_results": results}
        )
    except Exception as error:  # LiteLLM raises a bare Exception for unknown providers
        raise ModelNotPriced(f"Searches of {provider} have no price in LiteLLM's map.") from error
    price = price_of(cost, "input_cost_per_query", str(name))
    if price == 0:
        raise ModelNotPriced(f"Searches of {provider} have a price of 0, which counts as no price.")
    factor, margin = cost_adjustment(provider)
    return price * max(factor, Decimal(1)) + margin


def _rule_of(tool: Table, rule: PriceRule | CallPrices) -> PriceRule:
    groups = (str(tool.get("search_tool_name")),)
    return rule.rule_for(groups, provider_name(str(_params(tool).get("search_provider"))))


def _params(tool: Table) -> Mapping[str, object]:
    params = tool.get("litellm_params")
    return params if isinstance(params, Mapping) else {}
