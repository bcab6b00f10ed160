"""What the provider runs itself has its fee and its input in the bound, or is refused."""

from __future__ import annotations

from typing import Any

import pytest

from billing.errors import ModelNotPriced
from tests.unit.proxy.max_cost.conftest import GEMINI, HELLO, Make, input_tokens

# LiteLLM imports a provider when it is first used, and pydantic warns of its TypedDicts.
pytestmark = pytest.mark.filterwarnings("ignore:.*`ReadOnly` qualifier:UserWarning")


class TestSearches:
    def test_fees_and_input_of_each_search_count(self, models: Any, bounded: Make) -> None:
        tool = {"type": "web_search_20250305", "name": "web_search", "max_uses": 3}
        body = {"model": "claude", "messages": HELLO, "max_tokens": 10, "tools": [tool]}
        max_cost = bounded(body, router=models, call_type="anthropic_messages")
        assert max_cost.fixed_nanos == 3 * 10_000_000
        assert input_tokens(max_cost, "3.75e-6") == 4 * 200_000

    @pytest.mark.parametrize(
        "extra",
        [
            {"tools": [{"type": "web_search_20250305", "name": "web_search"}]},
            {"tools": [{"type": "code_execution_20250522", "name": "code_execution"}]},
            {"tools": [{"type": "mcp", "server_url": "https://example.org"}]},
            {"tools": [{"type": "web_search"}]},
            {"tools": [{"codeExecution": {}}]},
            {"mcp_servers": [{"type": "url", "url": "https://example.org"}]},
            {"vector_store_ids": ["vs_1"]},
            {"search_parameters": {"mode": "auto"}},
            {"models": ["openai/o1-pro"]},
            {"route": "fallback"},
            {"provider": {"order": ["the-highest"]}},
        ],
    )
    def test_what_nothing_limits_is_refused(
        self, models: Any, bounded: Make, extra: dict[str, object]
    ) -> None:
        with pytest.raises(ModelNotPriced):
            bounded(
                {"model": "claude", "messages": HELLO, "max_tokens": 10, **extra},
                router=models,
                call_type="anthropic_messages",
            )

    def test_searches_priced_each_are_refused(self, router: Make, deployment: Make, bounded: Make) -> None:
        models = router(deployment("g3", "gemini/gemini-3-flash-preview"), deployment("g2", GEMINI))
        search = {"messages": HELLO, "tools": [{"googleSearch": {}}]}
        with pytest.raises(ModelNotPriced, match="priced individually"):
            bounded({"model": "g3", **search}, router=models)
        assert bounded({"model": "g2", **search}, router=models).fixed_nanos == 35_000_000
