"""What holds and charges store about their price, and how a charge is recomputed from it.

Charge = max(floor, cost * multiplier + fee), rounded half-even once. Maximum costs use the same formula
rounded up. It is monotone, so a limit of the cost is a limit of the charge.
(docs/explanation/price-and-hold.md)
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Literal, cast

from pydantic import JsonValue

from billing.ledger.schemas import Json
from billing.money import format_nanos, nanos_from_cost
from billing.prices.rule import DEFAULT, PriceRule

Basis = Literal[
    "provider_cost",
    "cached_answer",
    "cache_hit",
    "free_model",
    "spend_log",
    "input",
    "count",
    "hold",
    "by_hand",
]


def charge_nanos_of(cost: object, rule: PriceRule) -> int:
    """Turns LiteLLM's cost in major units into the charge. Raises InvalidAmount if the cost is unknown."""
    return rule.charge_nanos(nanos_from_cost(cost))


def price_detail(basis: Basis, cost: object, rule: PriceRule, amount_nanos: int) -> dict[str, JsonValue]:
    """Describes the arithmetic of a charge: the rule's formula applied to `cost` gives `amount`.

    `basis` says what `cost` is. `cost` is null for an estimate (`input`, `count`, `hold`), which no formula
    made.
    """
    known = None if cost is None else format(Decimal(str(cost)), "f")
    return {
        "basis": basis,
        "cost": known,
        "formula": rule.formula if known is not None else None,
        "amount": format_nanos(amount_nanos),
    }


def rules_detail(rule: PriceRule, rules: Mapping[tuple[str, str], PriceRule]) -> dict[str, JsonValue]:
    """What a hold stores of its rules, to be settled from the spend log; empty for the default rule.

    The keys of `rules` are group and deployment id.
    """
    others: list[JsonValue] = [
        {"group": group, "deployment_id": deployment_id, "rule": other.detail()}
        for (group, deployment_id), other in rules.items()
        if other != rule
    ]
    if others:
        return {"rule": rule.detail(), "rules": others}
    return {} if rule == DEFAULT else {"rule": rule.detail()}


def rule_of_detail(detail: Json, group: str | None, deployment_id: str | None) -> PriceRule:
    """Returns the rule that a hold's detail stores for the deployment that served."""
    others = detail.get("rules")
    for other in others if isinstance(others, list) else ():
        if isinstance(other, dict) and (other["group"], other["deployment_id"]) == (group, deployment_id):
            return PriceRule.of_detail(cast(Json, other["rule"]))
    rule = detail.get("rule")
    return PriceRule.of_detail(rule) if isinstance(rule, dict) else DEFAULT


def without_rules(detail: Json) -> Json:
    """Returns a hold's detail without the rules of the deployments that might have served it."""
    return {name: value for name, value in detail.items() if name != "rules"}
