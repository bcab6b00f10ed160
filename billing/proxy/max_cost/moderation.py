"""Allows moderation where the provider charges nothing, as OpenAI does; Mistral charges for its tokens."""

from __future__ import annotations

from collections.abc import Mapping
from typing import cast

from billing.errors import ModelNotPriced
from billing.proxy.max_cost.deployments import Router, servers_of
from billing.proxy.max_cost.prices import is_token_price


def check_moderation(body: Mapping[str, object], router: object) -> None:
    """Raises ModelNotPriced if the moderation has a price, since nothing is held or charged for it."""
    model = body.get("model")
    if not isinstance(model, str):
        return  # OpenAI's own default
    servers = servers_of(body, model, cast("Router | None", router))
    for deployment in servers.everyone:
        priced = any(value for key, value in deployment.prices.items() if is_token_price(key))
        if priced and not deployment.free:
            raise ModelNotPriced(f"Moderation by {deployment.model} has a price, and cannot be billed yet.")
