"""The maximum cost of a response in a realtime session."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import cast

import litellm

from billing.errors import ModelNotPriced, RouteNotBillable
from billing.money import ceil_nanos, nanos_from_cost
from billing.prices.book import CallPrices
from billing.prices.rule import PriceRule
from billing.proxy.max_cost import MaxCost
from billing.proxy.max_cost.deployments import Deployment, Router, servers_of
from billing.proxy.max_cost.output import max_input_tokens, max_output_tokens
from billing.proxy.max_cost.price_map import Table, cost_adjustment, price_entry
from billing.proxy.max_cost.prices import Ceiling, Usage, ceiling
from billing.proxy.max_cost.request import model_of
from billing.proxy.max_cost.rules import rules_of, stored_rules

CALL_TYPE = "_arealtime"
START_TOKENS = 2048  # instructions and tools that a provider adds to a session without any
_PROVIDERS = ("openai", "azure")  # LiteLLM passes their events on unchanged, with their usage
_COUNTED_EVENTS = {"session.created", "response.done"}  # what LiteLLM computes the cost from


@dataclass(frozen=True, slots=True)
class RealtimePrices:
    """The highest prices and largest sizes of all deployments that may serve a session."""

    providers: tuple[str, ...]  # empty: free on all of them
    input_nanos_per_token: Decimal  # the provider's, before a rule
    output_nanos_per_token: Decimal
    fixed_nanos: Decimal
    context_tokens_max: int
    output_tokens_max: int
    rule: PriceRule  # the maximum of each part of the rules that may apply

    def response_nanos(self, context_tokens: int) -> Decimal:
        """Returns the maximum cost of one response with this much context."""
        tokens = min(context_tokens, self.context_tokens_max)
        return self.input_nanos_per_token * tokens + self.output_nanos_per_token * self.output_tokens_max

    def needed_nanos(self, spent_nanos: Decimal, context_tokens: int, responses: Decimal) -> int:
        """Returns the hold for a session that has cost `spent_nanos` plus this many more responses."""
        cost = spent_nanos + self.fixed_nanos + self.response_nanos(context_tokens) * responses
        return max(1, self.rule.max_cost_nanos(cost))

    def of_reported(self, model: str) -> RealtimePrices:
        """Raises the prices if needed: LiteLLM prices a session by the model that the provider reports."""
        prices = self
        for provider in self.providers:
            try:
                entry = price_entry(f"{provider}/{model}", provider, model, {}, {})
                found = _ceiling(entry, model, self.context_tokens_max, self.output_tokens_max)
            except ModelNotPriced:
                continue  # LiteLLM then uses the deployment's own
            prices = replace(
                prices,
                input_nanos_per_token=max(
                    prices.input_nanos_per_token, nanos_from_cost(found.input_per_token)
                ),
                output_nanos_per_token=max(
                    prices.output_nanos_per_token, nanos_from_cost(found.output_per_token)
                ),
            )
        return prices


def max_cost_of_session(
    body: Mapping[str, object], router: object, rule: PriceRule | CallPrices
) -> tuple[MaxCost, RealtimePrices]:
    """Returns the maximum cost of the first response of a new session, and the session's prices.

    Raises BadRequest, ModelNotPriced, and RouteNotBillable if LiteLLM does not report the session's cost.
    """
    model = model_of(body)
    query = body.get("query_params")
    if isinstance(query, Mapping) and query.get("intent") is not None:
        raise RouteNotBillable("Only conversations can be billed: remove `intent`.", param="intent")
    _check_logged_events()
    servers = servers_of(body, model, cast("Router | None", router))
    rules = rules_of(servers.everyone, rule)
    billed = {d: _of_deployment(d, each) for d, each in rules.items() if not d.free and not each.free}
    prices = _highest(list(billed.values()))
    first = _first_response(model, prices, rules[servers.first[0]], stored_rules(rule, rules))
    return replace(first, deployments=servers.everyone), prices


def _first_response(
    model: str, prices: RealtimePrices, rule: PriceRule, rules: Mapping[tuple[str, str], PriceRule]
) -> MaxCost:
    highest = prices.rule
    start = min(START_TOKENS, prices.context_tokens_max)
    return MaxCost(
        model=model,
        free=not prices.providers,
        input_nanos=ceil_nanos(prices.input_nanos_per_token * start * highest.multiplier),
        input_charge_nanos=0,
        output_nanos_per_token=prices.output_nanos_per_token * highest.multiplier,
        fixed_nanos=ceil_nanos(prices.fixed_nanos * highest.multiplier) + highest.fee_nanos,
        floor_nanos=highest.floor_nanos,
        output_tokens=prices.output_tokens_max,
        output_limit_field=None,
        client_set_limit=False,
        rule=rule,
        rules=rules,
    )


def _highest(parts: Sequence[RealtimePrices]) -> RealtimePrices:
    zero = Decimal(0)
    return RealtimePrices(
        providers=tuple(dict.fromkeys(name for p in parts for name in p.providers)),
        input_nanos_per_token=max((p.input_nanos_per_token for p in parts), default=zero),
        output_nanos_per_token=max((p.output_nanos_per_token for p in parts), default=zero),
        fixed_nanos=max((p.fixed_nanos for p in parts), default=zero),
        context_tokens_max=max((p.context_tokens_max for p in parts), default=0),
        output_tokens_max=max((p.output_tokens_max for p in parts), default=0),
        rule=PriceRule(
            multiplier=max((p.rule.multiplier for p in parts), default=zero),
            fee_nanos=max((p.rule.fee_nanos for p in parts), default=0),
            floor_nanos=max((p.rule.floor_nanos for p in parts), default=0),
        ),
    )


def _check_logged_events() -> None:
    """Checks that LiteLLM logs the events it computes costs from; the operator can change the list."""
    logged = litellm.logged_real_time_event_types
    if logged is None or logged == "*" or (isinstance(logged, list) and set(logged) >= _COUNTED_EVENTS):
        return
    raise ModelNotPriced(
        "This gateway's `logged_real_time_event_types` omits events that a session's cost is computed from; "
        f"the operator must add {', '.join(sorted(_COUNTED_EVENTS))}."
    )


def _of_deployment(deployment: Deployment, rule: PriceRule) -> RealtimePrices:
    name = deployment.model
    if deployment.provider not in _PROVIDERS:
        raise ModelNotPriced(
            f"{name}: LiteLLM translates this provider's realtime events and their usage, so the cost of a "
            f"session is uncertain. Billed are sessions of {' and '.join(_PROVIDERS)}."
        )
    context, output = max_input_tokens(deployment.prices), max_output_tokens(deployment.prices)
    if context is None or output is None:
        raise ModelNotPriced(
            f"{name}: the cost of a session has no limit until the operator sets "
            "`model_info: {max_input_tokens: …, max_output_tokens: …}`."
        )
    found = _ceiling(deployment.prices, name, context, output)
    factor, margin = cost_adjustment(deployment.provider)
    factor = max(factor, Decimal(1))  # discounts are not applied to sessions (LiteLLM 1.106.12)
    return RealtimePrices(
        providers=(deployment.provider,),
        input_nanos_per_token=nanos_from_cost(found.input_per_token * factor),
        output_nanos_per_token=nanos_from_cost(found.output_per_token * factor),
        fixed_nanos=nanos_from_cost(found.per_request * factor + margin),
        context_tokens_max=context,
        output_tokens_max=output,
        rule=rule,
    )


def _ceiling(entry: Table, name: str, context: int, output: int) -> Ceiling:
    usage = Usage(
        input_tokens=context,
        output_tokens=output,
        media=1,
        one_hour_cache=False,
        service_tiers=frozenset(),
        fast=False,
    )
    return ceiling(entry, usage, name, makes_output=True)
