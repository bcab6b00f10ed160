"""The configuration is read without LiteLLM, and what cannot be served is left out of it."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from billing.errors import NotConfigured
from gateway.configuration.reading import Reference, missing, models, read_configuration, references
from gateway.configuration.serving import LeftOut, servable

PRODUCTION = Path(__file__).parents[3] / "proxy_server_config.yaml"


def _model(name: str, **parameters: object) -> dict[str, object]:
    return {"model_name": name, "litellm_params": {"model": name, **parameters}}


class TestReading:
    @pytest.mark.parametrize(
        ("text", "said"),
        [
            ("a: [1", "is not YAML"),
            ("- one\n- two", "holds no sections"),
            ("", "holds no sections"),
            ("1: x", "holds no sections"),
        ],
    )
    def test_what_is_no_configuration_is_said_in_one_line(self, tmp_path: Path, text: str, said: str) -> None:
        file = tmp_path / "config.yaml"
        file.write_text(text)

        with pytest.raises(NotConfigured) as refused:
            read_configuration(file)
        assert said in refused.value.message
        assert "\n" not in refused.value.message

    def test_a_missing_file_and_bytes_that_are_no_text_are_said(self, tmp_path: Path) -> None:
        with pytest.raises(NotConfigured, match="cannot be read"):
            read_configuration(tmp_path / "none.yaml")
        (tmp_path / "config.yaml").write_bytes(b"a: \xff\xfe")
        with pytest.raises(NotConfigured, match="not UTF-8"):
            read_configuration(tmp_path / "config.yaml")

    def test_a_model_without_a_name_is_named_by_its_place(self) -> None:
        with pytest.raises(NotConfigured, match=r"model_list\[1\]"):
            models({"model_list": [_model("a"), {"litellm_params": {}}]})

    def test_references_are_found_at_any_depth_with_their_place(self) -> None:
        settings = {"a": "os.environ/ONE", "b": [{"c": "os.environ/TWO"}, "os.environ"], "d": 3}

        assert list(references(settings, "s")) == [Reference("s.a", "ONE"), Reference("s.b[0].c", "TWO")]
        assert missing(settings, "s", {"ONE": "x", "TWO": ""}) == [Reference("s.b[0].c", "TWO")]


class TestServable:
    def test_with_all_variables_set_the_configuration_is_untouched(self) -> None:
        configuration = {"model_list": [_model("a", api_key="os.environ/KEY")], "router_settings": {"x": 1}}

        assert servable(configuration, {"KEY": "k"}).configuration is configuration

    def test_a_model_without_its_variables_is_left_out_and_so_are_fallbacks_to_it(self) -> None:
        configuration = {
            "model_list": [
                _model("local"),
                _model("openai/*", api_key="os.environ/KEY"),
                _model("far", api_base="os.environ/BASE", api_key="os.environ/KEY"),
            ],
            "router_settings": {
                "num_retries": 2,
                "fallbacks": [{"local": ["openai/gpt-4o"]}, {"far": ["local", "openai/o3"]}],
            },
        }

        served = servable(configuration, {})

        assert served.left_out == (LeftOut("openai/*", ("KEY",)), LeftOut("far", ("BASE", "KEY")))
        assert [model.name for model in models(served.configuration)] == ["local"]
        assert served.configuration["router_settings"] == {
            "num_retries": 2,
            "fallbacks": [{"far": ["local"]}],
        }

    def test_a_fallback_is_kept_where_a_wildcard_serves_it(self) -> None:
        configuration = {
            "model_list": [_model("openai/*"), _model("gone", api_key="os.environ/KEY")],
            "litellm_settings": {"fallbacks": [{"x": ["openai/gpt-4o", "gone"]}]},
        }

        served = servable(configuration, {})

        assert served.configuration["litellm_settings"] == {"fallbacks": [{"x": ["openai/gpt-4o"]}]}

    @pytest.mark.parametrize(
        "more", [{"include": ["more.yaml"]}, {"general_settings": {"key_management_system": "aws"}}]
    )
    def test_what_only_litellm_can_know_is_served_as_it_is(self, more: dict[str, object]) -> None:
        configuration = {"model_list": [_model("a", api_key="os.environ/KEY")], **more}

        assert servable(configuration, {}).configuration is configuration


class TestProductionConfiguration:
    def test_every_ollama_model_has_a_price_and_limits_and_the_chat_prefix(self) -> None:
        """Deployment defect 36: `ollama/` injects tool prompts."""
        listed = models(read_configuration(PRODUCTION))
        nodes = [model for model in listed if "ollama" in str(model.parameters["model"])]

        assert len(nodes) >= 2
        for model in nodes:
            assert str(model.parameters["model"]).startswith("ollama_chat/")
            for name in (
                "input_cost_per_token",
                "output_cost_per_token",
                "max_input_tokens",
                "max_output_tokens",
            ):
                assert float(str(model.info[name])) > 0
            assert model.parameters["num_ctx"] == model.info["max_input_tokens"]

    def test_ids_are_unique_and_no_secret_is_written_down(self) -> None:
        listed = models(read_configuration(PRODUCTION))
        ids = [model.info["id"] for model in listed if "id" in model.info]

        assert len(ids) == len(set(ids))
        for model in listed:
            assert str(model.parameters.get("api_key", "os.environ/")).startswith("os.environ/")

    def test_calls_end_before_railways_edge_cuts_what_sends_nothing(self) -> None:
        configuration = yaml.safe_load(PRODUCTION.read_text("utf-8"))

        assert configuration["litellm_settings"]["request_timeout"] < 300
        assert configuration["router_settings"]["timeout"] < 300
