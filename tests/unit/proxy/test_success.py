import pytest

from billing.proxy.success import cost_of


def event(
    cost: object, *, tokens: int = 12, info: dict[str, str] | None = None, **fields: object
) -> dict[str, object]:
    return {
        "response_cost": cost,
        "standard_logging_object": {"response_cost": cost or 0.0, "total_tokens": tokens},
        "litellm_params": {"metadata": {"model_info": info or {}}},
        **fields,
    }


class TestCostOf:
    def test_is_what_litellms_spend_log_has(self) -> None:
        logged = {"response_cost": 0.003, "total_tokens": 12}  # with a guardrail's cost
        assert cost_of(event(0.002, standard_logging_object=logged)) == 0.003

    @pytest.mark.parametrize("cost", [None, 0.0, 0])
    def test_nothing_for_tokens_is_not_known_rather_than_free(self, cost: object) -> None:
        assert cost_of(event(cost)) is None

    def test_a_cache_hit_costs_nothing(self) -> None:
        assert cost_of(event(0.0, cache_hit=True)) == 0

    def test_no_tokens_cost_nothing(self) -> None:
        assert cost_of(event(0.0, tokens=0)) == 0

    @pytest.mark.parametrize("call_type", ["arerank", "aspeech", "aimage_generation", "aresponses"])
    def test_nothing_for_what_always_costs_is_not_known(self, call_type: str) -> None:
        assert cost_of(event(0.0, tokens=0, call_type=call_type)) is None
        assert cost_of(event(0.0, tokens=0, call_type=call_type, cache_hit=True)) == 0

    @pytest.mark.parametrize("bucket", ["metadata", "litellm_metadata"])
    def test_a_deployment_declared_free_costs_nothing_beside_priced_ones(self, bucket: str) -> None:
        params = {bucket: {"model_info": {"billing": "free"}}}
        assert cost_of(event(0.0, litellm_params=params)) == 0
        assert cost_of(event(0.0, litellm_params={bucket: {"model_info": {"billing": "paid"}}})) is None
