"""Each mistake that a deployment was made with is one line of the doctor, before the start."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from gateway.doctor.finding import Finding
from gateway.doctor.service import before_start

GOOD = {
    "LITELLM_MASTER_KEY": "sk-0123456789abcdef0123",
    "LITELLM_SALT_KEY": "salt-0123456789abcdef",
    "DATABASE_URL": "postgresql://u:p@db/x",
    "STRIPE_API_KEY": "sk_test_1",
    "STRIPE_WEBHOOK_SECRET": "whsec_1",
    "BILLING_PUBLIC_URL": "https://gateway.example.com",
    "OPENAI_API_KEY": "k",
}
Section = dict[str, object]
GENERAL: Section = {"master_key": "os.environ/LITELLM_MASTER_KEY", "database_url": "os.environ/DATABASE_URL"}
CONFIGURATION: Section = {
    "model_list": [
        {
            "model_name": "openai/*",
            "litellm_params": {"model": "openai/*", "api_key": "os.environ/OPENAI_API_KEY"},
        }
    ],
    "litellm_settings": {"callbacks": ["billing.proxy.config_guard.guard"]},
    "general_settings": GENERAL,
}


Examine = Callable[..., list[Finding]]


@pytest.fixture
def examine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Examine:
    def examine(
        configuration: Section | None = None, drain_s: int | None = None, **changes: str | None
    ) -> list[Finding]:
        """What stands out with these variables; None takes one away."""
        file = tmp_path / "config.yaml"
        file.write_text(yaml.safe_dump(configuration or CONFIGURATION))
        environment = {name: value for name, value in {**GOOD, **changes}.items() if value is not None}
        for name in {*GOOD, *changes}:
            monkeypatch.delenv(name, raising=False)
        for name, value in environment.items():
            monkeypatch.setenv(name, value)
        return [finding for finding in before_start(file, environment, drain_s) if finding.level != "ok"]

    return examine


def _with_model(**model: object) -> dict[str, object]:
    return {**CONFIGURATION, "model_list": [{"model_name": "m", **model}]}


class TestAll:
    def test_a_good_deployment_has_nothing_to_say(self, examine: Examine) -> None:
        assert examine() == []

    def test_no_line_shows_a_secret(self, examine: Examine) -> None:
        found = examine(LITELLM_MASTER_KEY="hunter2-hunter2-hunter2", STRIPE_WEBHOOK_SECRET=None)

        text = " ".join(f"{finding.check} {finding.message}" for finding in found)
        assert len(found) >= 2
        assert not [value for value in ("hunter2", "sk_test_1", "u:p") if value in text]


class TestEnvironment:
    @pytest.mark.parametrize(
        ("changes", "level", "check"),
        [
            ({"LITELLM_MASTER_KEY": None}, "failed", "general_settings.master_key"),
            ({"LITELLM_MASTER_KEY": "sk-1234"}, "failed", "LITELLM_MASTER_KEY"),
            ({"LITELLM_MASTER_KEY": "0123456789abcdef0123"}, "failed", "LITELLM_MASTER_KEY"),
            ({"LITELLM_SALT_KEY": None}, "warning", "LITELLM_SALT_KEY"),
            ({"LITELLM_SALT_KEY": GOOD["LITELLM_MASTER_KEY"]}, "warning", "LITELLM_SALT_KEY"),
            ({"DATABASE_URL": None}, "failed", "general_settings.database_url"),
            ({"DATABASE_URL": "mysql://u:p@db/x"}, "failed", "DATABASE_URL"),
            ({"DATABASE_URL": "postgresql://u:p@db/x?schema=app"}, "failed", "DATABASE_URL"),
            ({"STRIPE_WEBHOOK_SECRET": None}, "warning", "billing"),
            ({"STRIPE_WEBHOOK_SECRET": None, "STRIPE_API_KEY": "sk_live_1"}, "failed", "billing"),
            ({"BILLING_PUBLIC_URL": None}, "warning", "BILLING_PUBLIC_URL"),
            ({"BILLING_PUBLIC_URL": "gateway.example.com"}, "failed", "BILLING_PUBLIC_URL"),
            ({"BILLING_PUBLIC_URL": "http://gateway.example.com"}, "warning", "BILLING_PUBLIC_URL"),
            ({"HTTPS_PROXY": "http://proxy:3128"}, "warning", "proxies"),
            ({"RAILWAY_DEPLOYMENT_DRAINING_SECONDS": "30"}, "failed", "RAILWAY_DEPLOYMENT_DRAINING_SECONDS"),
            ({"TAILNET_FORWARD": "hugo=11501:hugo:11434"}, "warning", "TAILNET_FORWARD"),
            ({"TAILSCALE_AUTH_KEY": "tskey-auth-1", "TAILNET_FORWARD": "nonsense"}, "failed", "tailnet"),
            ({"PRISMA_QUERY_ENGINE_BINARY": "/nowhere/engine"}, "failed", "PRISMA_QUERY_ENGINE_BINARY"),
            ({"PORT": "0"}, "failed", "PORT"),
            ({"OPENAI_API_KEY": None}, "failed", "model_list"),
        ],
    )
    def test_a_mistake_is_one_line(
        self, examine: Examine, changes: dict[str, str | None], level: str, check: str
    ) -> None:
        found = [finding for finding in examine(**changes) if finding.check == check]

        assert [finding.level for finding in found] == [level]
        assert "\n" not in found[0].message

    def test_a_drain_that_the_platform_allows_is_fine(self, examine: Examine) -> None:
        assert examine(RAILWAY_DEPLOYMENT_DRAINING_SECONDS="35") == []

    def test_the_drain_that_serve_was_told_counts_before_the_setting(self, examine: Examine) -> None:
        [finding] = examine(drain_s=26, RAILWAY_DEPLOYMENT_DRAINING_SECONDS="35")
        assert finding.message.startswith("35 is less than 36")
        assert examine(drain_s=5, RAILWAY_DEPLOYMENT_DRAINING_SECONDS="15") == []


class TestConfiguration:
    def test_without_the_guard_litellm_alone_would_serve_unbilled(self, examine: Examine) -> None:
        """Deployment defect 12: the configuration never turned billing on."""
        [finding] = examine({**CONFIGURATION, "litellm_settings": {}})
        assert finding.check == "litellm_settings.callbacks"

    def test_streams_without_their_event_would_be_unbilled(self, examine: Examine) -> None:
        settings = {"callbacks": ["billing.proxy.config_guard.guard"], "disable_streaming_logging": True}
        [finding] = examine({**CONFIGURATION, "litellm_settings": settings})
        assert (finding.level, finding.check) == ("failed", "litellm_settings.disable_streaming_logging")

    def test_streams_without_their_usage_would_hide_what_was_reasoned(self, examine: Examine) -> None:
        general = {**GENERAL, "always_include_stream_usage": False}
        [finding] = examine({**CONFIGURATION, "general_settings": general})
        assert (finding.level, finding.check) == ("failed", "general_settings.always_include_stream_usage")

    def test_a_model_whose_key_is_not_set_is_named_with_the_variable(self, examine: Examine) -> None:
        more = {"model_name": "x", "litellm_params": {"model": "x/y", "api_key": "os.environ/X_API_KEY"}}
        listed = CONFIGURATION["model_list"]
        assert isinstance(listed, list)

        [finding] = examine({**CONFIGURATION, "model_list": [*listed, more]})
        assert finding == Finding("warning", "model x", "omitted: X_API_KEY not set")

    @pytest.mark.parametrize(
        ("model", "said"),
        [
            ({"litellm_params": {"model": "ollama_chat/llama3.2"}}, "has no price"),
            ({"litellm_params": {"model": "ollama_chat/*"}}, "has no price"),
            ({"litellm_params": {"model": "openai/no-such-model"}}, "has no price"),
            (
                {"litellm_params": {"model": "openai/mine"}, "model_info": {"output_cost_per_image": None}},
                "has no price",
            ),
            (
                {"litellm_params": {"model": "openai/gpt-4o"}, "model_info": {"input_cost_per_token": 0}},
                "has no price",
            ),
            (
                {"litellm_params": {"model": "ollama/llama3"}, "model_info": {"billing": "free"}},
                "use ollama_chat/",
            ),
        ],
    )
    def test_a_model_that_cannot_be_billed_or_has_the_wrong_prefix_is_said(
        self, examine: Examine, model: dict[str, object], said: str
    ) -> None:
        assert [said in finding.message for finding in examine(_with_model(**model))] == [True]

    @pytest.mark.parametrize(
        "model",
        [
            {"litellm_params": {"model": "openai/gpt-4o-mini"}},
            {"litellm_params": {"model": "openai/mine"}, "model_info": {"base_model": "gpt-4o-mini"}},
            {"litellm_params": {"model": "openai/mine", "input_cost_per_token": 0.000001}},
            {"litellm_params": {"model": "openai/mine"}, "model_info": {"output_cost_per_image": 0.04}},
            {"litellm_params": {"model": "mistral/mine"}, "model_info": {"ocr_cost_per_page": 0.001}},
            {"litellm_params": {"model": "openai/mine", "input_cost_per_character": 0.000015}},
            {
                "litellm_params": {"model": "dashscope/mine"},
                "model_info": {"tiered_pricing": [{"input_cost_per_token": 0.000001, "range": [0, 1000]}]},
            },
            {"litellm_params": {"model": "ollama_chat/x"}, "model_info": {"billing": "free"}},
            {"litellm_params": {"model": "ollama_chat/*"}, "model_info": {"output_cost_per_token": 0.000001}},
        ],
    )
    def test_a_model_that_can_is_not(self, examine: Examine, model: dict[str, object]) -> None:
        assert examine(_with_model(**model)) == []

    @pytest.mark.parametrize("host", ["100.101.102.103", "hugo.tail1234.ts.net"])
    def test_an_address_that_only_a_tailnet_reaches_wants_a_forwarder(
        self, examine: Examine, host: str
    ) -> None:
        """Deployment defects 33 and 35."""
        parameters = {"model": "ollama_chat/x", "api_base": "os.environ/BASE"}
        model = {"litellm_params": parameters, "model_info": {"billing": "free"}}

        [finding] = examine(_with_model(**model), BASE=f"http://{host}:11434")
        assert finding.level == "failed"
        assert "TAILNET_FORWARD" in finding.message

    def test_two_models_of_one_id_would_be_billed_by_each_others_price(self, examine: Examine) -> None:
        model = {"model_name": "m", "litellm_params": {"model": "openai/gpt-4o"}, "model_info": {"id": "one"}}

        [finding] = examine({**CONFIGURATION, "model_list": [model, model]})
        assert finding.check == "model_info.id one"

    def test_allowed_ips_behind_railways_edge_would_lock_everybody_out(self, examine: Examine) -> None:
        configuration = {**CONFIGURATION, "general_settings": {**GENERAL, "allowed_ips": ["203.0.113.7"]}}

        assert examine(configuration) == []
        [finding] = examine(configuration, RAILWAY_ENVIRONMENT_ID="e")
        assert finding.check == "general_settings.allowed_ips"

    def test_health_checks_that_call_every_model_are_said(self, examine: Examine) -> None:
        general = {**GENERAL, "background_health_checks": True}

        [finding] = examine({**CONFIGURATION, "general_settings": general})
        assert finding.check == "general_settings.background_health_checks"
