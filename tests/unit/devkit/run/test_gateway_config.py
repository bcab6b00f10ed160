"""LiteLLM's configuration for `proxyllm run`."""

from __future__ import annotations

import re
from decimal import Decimal
from pathlib import Path

import yaml

from devkit.demo_upstream.models import MODELS
from devkit.run.gateway_config import DEMO_UNIT_PRICES, PROVIDERS, render

DEMO_URL = "http://127.0.0.1:8123/v1"


def _models(environment: dict[str, str]) -> dict[str, dict[str, dict[str, object]]]:
    return {
        model["model_name"]: model for model in yaml.safe_load(render(DEMO_URL, environment))["model_list"]
    }


class TestDemoModels:
    def test_every_model_of_the_demo_provider_is_offered_at_its_address(self) -> None:
        models = _models({})

        served = {str(model["litellm_params"]["model"]).split("/")[1] for model in models.values()}
        assert served == MODELS.keys()
        for model in models.values():
            assert DEMO_URL.startswith(str(model["litellm_params"]["api_base"]))

    def test_the_quickstart_names_each(self) -> None:
        text = (Path(__file__).parents[4] / "docs" / "quickstart.md").read_text("utf-8")
        table = text.partition("| model | what it does |")[2].partition("\n\n")[0]
        tools = yaml.safe_load(render(DEMO_URL, {}))["search_tools"]
        offered = {*_models({}), *(tool["search_tool_name"] for tool in tools)}
        assert set(re.findall(r"`(demo-[a-z-]+)`", table)) == offered

    def test_every_model_but_the_unpriced_one_has_a_price_and_a_limit(self) -> None:
        for name, model in _models({}).items():
            if name == "demo-unpriced":
                assert "model_info" not in model
                continue
            information = model["model_info"]
            if name in DEMO_UNIT_PRICES:
                assert information["mode"]
                continue
            assert Decimal(str(information["input_cost_per_token"])) > 0
            assert isinstance(information["max_input_tokens"], int)
            assert isinstance(information["max_output_tokens"], int)

    def test_prices_are_exact_numbers_of_dollars_a_token(self) -> None:
        information = _models({})["demo-chat"]["model_info"]

        assert Decimal(str(information["input_cost_per_token"])) == Decimal("0.00000015")
        assert Decimal(str(information["output_cost_per_token"])) == Decimal("0.0000006")

    def test_the_large_model_is_dearer_than_the_others(self) -> None:
        models = _models({})
        large = models.pop("demo-large")["model_info"]["output_cost_per_token"]

        assert isinstance(large, float)
        for model in models.values():
            cost = model.get("model_info", {}).get("output_cost_per_token", 0.0)
            assert isinstance(cost, float)
            assert cost < large


class TestRealModels:
    def test_each_provider_key_in_the_environment_adds_that_provider(self) -> None:
        for key, provider in PROVIDERS.items():
            added = _models({key: "secret"}).keys() - _models({}).keys()

            assert added == {f"{provider}/*"}

    def test_an_empty_key_adds_nothing(self) -> None:
        assert _models({"OPENAI_API_KEY": ""}).keys() == _models({}).keys()


class TestSafety:
    def test_no_secret_is_written(self) -> None:
        text = render(DEMO_URL, {"OPENAI_API_KEY": "sk-very-secret", "LITELLM_MASTER_KEY": "sk-also-secret"})

        assert "secret" not in text

    def test_litellm_refuses_to_serve_it_unbilled_and_unpriced(self) -> None:
        settings = yaml.safe_load(render(DEMO_URL, {}))["litellm_settings"]

        assert settings["callbacks"] == ["billing.proxy.config_guard.guard"]
        assert settings["block_requests_for_models_without_pricing"] is True
