"""Rejects Gemini API calls on other providers where LiteLLM would lose their prices.

Found in LiteLLM 1.106.12 (`google_genai/adapters/handler.py`), which turns them into chat calls: these are
made outside the router, so a price in the deployment's `model_info` does not reach them; the event of a
streamed one has neither tokens nor cost, and an interrupted stream has no event at all. Gemini's own models
are not affected.
"""

from __future__ import annotations

from billing.errors import ModelNotPriced
from billing.proxy.max_cost.deployments import GOOGLE, Deployment, prices_without_info
from billing.proxy.max_cost.price_map import Table
from billing.proxy.max_cost.prices import is_token_price


def check_generate(deployment: Deployment, call_type: str) -> None:
    """Raises ModelNotPriced if LiteLLM would not know the cost of a `generateContent` call there."""
    if not call_type.startswith("agenerate_content") or _is_native(deployment) or deployment.free:
        return
    if call_type == "agenerate_content_stream":
        raise ModelNotPriced(
            f"LiteLLM does not count what `streamGenerateContent` uses on {deployment.model}, which is not a "
            "Gemini model. Use `generateContent`, or /v1/chat/completions."
        )
    applied = _token_prices(prices_without_info(deployment))
    if not any(applied.values()) or applied != _token_prices(deployment.prices):
        raise ModelNotPriced(
            f"LiteLLM does not apply the price of {deployment.model} to `generateContent`: the operator must "
            "set it in `litellm_params`. Use /v1/chat/completions."
        )


def _is_native(deployment: Deployment) -> bool:
    return deployment.provider in GOOGLE and deployment.bare_model.startswith("gemini")


def _token_prices(table: Table) -> dict[str, object]:
    return {key: price for key, price in table.items() if is_token_price(key) and price is not None}
