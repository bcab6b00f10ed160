"""What stands between a body or an entry of the price map and a hold that would be too small."""

from __future__ import annotations

from typing import Any

import pytest

from billing.errors import BadRequest, ModelNotPriced
from billing.proxy.max_cost.deployments import FALLBACK_GROUPS_MAX
from billing.proxy.max_cost.images import read_images
from billing.proxy.max_cost.prices import Usage, ceiling, service_tiers_of
from billing.proxy.max_cost.request import PARTS_MAX, read_request
from billing.proxy.max_cost.tools import SEARCHES_MAX, tool_use
from tests.unit.proxy.max_cost.conftest import HELLO, Make, row

# LiteLLM imports a provider when it is first used, and pydantic warns of its TypedDicts.
pytestmark = pytest.mark.filterwarnings("ignore:.*`ReadOnly` qualifier:UserWarning")

PRICES: dict[str, object] = {"input_cost_per_token": 1e-06, "output_cost_per_token": 2e-06}
USAGE = Usage(100, 100, 0, one_hour_cache=False, service_tiers=service_tiers_of(None), fast=False)


def highest(**more: object) -> tuple[float, float]:
    """Input and output, dollars a million tokens."""
    found = ceiling({**PRICES, **more}, USAGE, "m", makes_output=True)
    return float(found.input_per_token * 10**6), float(found.output_per_token * 10**6)


class TestAnEntryOfThePriceMap:
    @pytest.mark.parametrize(
        "key",
        [
            "output_cost_per_character",
            "output_cost_per_character_above_128k_tokens",
            "citation_cost_per_token",
        ],
    )
    def test_with_a_price_for_what_nothing_bounds_is_refused(self, key: str) -> None:
        with pytest.raises(ModelNotPriced, match=key):
            highest(**{key: 1e-9})
        assert highest(**{key: 0}) == highest()

    @pytest.mark.parametrize(
        "key",
        [
            "regional_processing_uplift_multiplier_eu",
            "regional_processing_uplift_multiplier_us",
            "regional_endpoint_uplift_multiplier",
        ],
    )
    def test_that_is_dearer_in_a_region_counts_as_there(self, key: str) -> None:
        assert highest(**{key: 1.5}) == (1.5, 3)
        assert highest(**{key: 0.5}) == highest() == (1, 2)

    def test_counts_as_at_its_most_expensive_hour(self) -> None:
        assert highest(off_peak_pricing={"output_cost_per_token": 9e-06}) == (1, 9)
        assert highest(off_peak_pricing={"output_cost_per_token": 1e-07}) == (1, 2)


class TestADeployment:
    @pytest.mark.parametrize("model", ["morph/morph-v3-fast", "v0/v0-1.0-md"])
    def test_that_litellm_hands_no_output_limit_is_refused(
        self, model: str, litellm: Any, router: Make, bounded: Make
    ) -> None:
        assert litellm.get_model_info(model)["output_cost_per_token"] > 0
        body = {"model": "unlimited", "messages": HELLO, "max_tokens": 5}
        with pytest.raises(ModelNotPriced, match="accepts no output limit"):
            bounded(body, router=router(row("unlimited", model)))

    @pytest.mark.parametrize(
        ("model", "fee_nanos"),
        [("perplexity/sonar", 12_000_000), ("openai/gpt-4o-mini-search-preview", 25_000_000)],
    )
    def test_that_always_searches_pays_for_one_search(
        self, model: str, fee_nanos: int, litellm: Any, router: Make, bounded: Make
    ) -> None:
        fees = litellm.get_model_info(model)["search_context_cost_per_query"]
        assert max(fees.values()) * 10**9 == fee_nanos
        models = router(row("searching", model))
        body = {"model": "searching", "messages": HELLO, "max_tokens": 5}
        assert bounded(body, router=models).fixed_nanos == fee_nanos

    def test_may_fall_back_to_so_many_groups_and_no_more(self, router: Make, bounded: Make) -> None:
        names = [f"g{number}" for number in range(FALLBACK_GROUPS_MAX + 1)]
        models = router(*(row(name, "openai/gpt-4o-mini") for name in ("gpt", *names)))
        body: dict[str, object] = {"model": "gpt", "messages": HELLO, "max_tokens": 5}
        few = {**body, "fallbacks": names[: FALLBACK_GROUPS_MAX - 1]}
        assert len(bounded(few, router=models).deployments) == FALLBACK_GROUPS_MAX
        with pytest.raises(ModelNotPriced, match="fallbacks"):
            bounded({**body, "fallbacks": names}, router=models)


class TestABody:
    def test_may_ask_for_so_many_searches_and_no_more(self) -> None:
        def tools(*uses: int) -> dict[str, object]:
            kinds = ("web_search_20250305", "web_fetch_20250910")
            return {"tools": [{"type": k, "max_uses": n} for k, n in zip(kinds, uses, strict=False)]}

        assert tool_use(tools(SEARCHES_MAX - 1, 1)).searches == SEARCHES_MAX
        with pytest.raises(BadRequest, match="searches"):
            tool_use(tools(SEARCHES_MAX, 1))

    def test_may_have_so_many_parts_and_no_more(self) -> None:
        part = {"type": "text", "text": ""}

        def body(parts: int) -> dict[str, object]:
            return {"model": "m", "messages": [{"role": "user", "content": [part] * parts}]}

        assert read_request(body(PARTS_MAX - 1), "acompletion").parts <= PARTS_MAX
        with pytest.raises(BadRequest, match="parts"):
            read_request(body(PARTS_MAX + 1), "acompletion")

    @pytest.mark.parametrize("stream", [True, "true", "True"])
    def test_of_a_transcription_may_not_stream(self, stream: object, router: Make, bounded: Make) -> None:
        models = router(row("ear", "openai/whisper-1"))
        with pytest.raises(BadRequest, match="Streamed transcriptions"):
            bounded({"model": "ear", "stream": stream}, router=models, call_type="transcription")

    @pytest.mark.parametrize("requested", [{"partial_images": 2}, {"stream": "True"}])
    def test_of_an_image_may_not_stream(self, requested: dict[str, object]) -> None:
        assert read_images({"prompt": "x", "partial_images": 0}).count == 1
        with pytest.raises(BadRequest, match="Streamed images"):
            read_images({"prompt": "x", **requested})
