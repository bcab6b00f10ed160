"""Free is what the operator declared free, and nothing that merely has no price."""

from __future__ import annotations

import pytest

from billing.errors import ModelNotPriced
from tests.unit.proxy.max_cost.conftest import GPT, HELLO, Make

# LiteLLM imports a provider when it is first used, and pydantic warns of its TypedDicts.
pytestmark = pytest.mark.filterwarnings("ignore:.*`ReadOnly` qualifier:UserWarning")


class TestDeclaredFree:
    def test_is_free_only_if_all_that_may_serve_it_are(
        self, router: Make, deployment: Make, bounded: Make
    ) -> None:
        free = {"billing": "free"}
        models = router(
            deployment("llama", "ollama/llama3", info=free),
            deployment("half", "ollama/llama3", info=free),
            deployment("half", GPT),
            deployment("falls", "ollama/llama3", info=free),
            fallbacks=[{"falls": ["half"]}],
        )
        body = {"messages": HELLO}
        assert bounded({**body, "model": "llama"}, router=models).amount_nanos() == 0
        assert not bounded({**body, "model": "half"}, router=models).free
        assert bounded({**body, "model": "falls"}, router=models).amount_nanos() > 0

    @pytest.mark.parametrize("price", [0, 0.0, -1e-6, float("nan"), float("inf")])
    def test_a_price_that_is_none_is_refused(
        self, router: Make, deployment: Make, bounded: Make, price: float
    ) -> None:
        models = router(deployment("m", "openai/m", input_cost_per_token=price, output_cost_per_token=price))
        with pytest.raises(ModelNotPriced):
            bounded({"model": "m", "messages": HELLO}, router=models)

    def test_an_unpriced_or_unknown_model_is_refused(
        self, router: Make, deployment: Make, bounded: Make
    ) -> None:
        models = router(deployment("m", "openai/m"), deployment("openai/*", "openai/*"))
        for name in ("m", "openai/m", "nobody"):
            with pytest.raises(ModelNotPriced):
                bounded({"model": name, "messages": HELLO}, router=models)
        with pytest.raises(ModelNotPriced, match="no models"):
            bounded({"model": "m", "messages": HELLO}, router=None)
