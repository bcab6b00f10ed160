"""Fields of a body: which a billed key may send."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from litellm.litellm_core_utils.model_param_helper import ModelParamHelper

from billing.errors import BadRequest, Forbidden
from billing.proxy.requests.client_fields import (
    ALLOWED,
    RETRIES_MAX,
    drop_asked_version,
    drop_ignored,
    is_refused,
    refuse_steering,
    with_key_fallbacks,
)
from tests.unit.proxy.litellm_source import names_found

MESSAGES = [{"role": "user", "content": "hello"}]
# Every name that LiteLLM takes from a call's parameters and that is left to the client, one a line.
LEFT_TO_CLIENTS = Path(__file__).parent / "fields_left_to_clients.txt"
_READ = re.compile(
    r"\b(?:kwargs|litellm_params|optional_params|non_default_params|passed_params|inference_params"
    r"|request_kwargs|special_params|local_vars|model_call_details)"
    r"""(?:\.(?:get|pop|setdefault)\(|\[)\s*["']([\w-]+)["']"""
)


def sent(**fields: object) -> dict[str, object]:
    return {"model": "demo-chat", "messages": MESSAGES, **fields}


class TestRefuseSteering:
    @pytest.mark.parametrize(
        "fields",
        [
            {"additional_drop_params": ["max_tokens"]},
            {"router_settings_override": {"fallbacks": [{"demo-chat": ["demo-large"]}]}},
            {"enable_json_schema_validation": True},
            {"response_format": {"type": "json_object", "enforce_validation": True}},
            {"custom_llm_provider": "ollama"},
            {"deployment_id": "another"},
            {"model_info": None, "additional_drop_params": ["max_tokens"]},
            {"complete_response": True},
            {"use_litellm_proxy": True},
            {"model_info": {"id": "another"}},
            {"retry_policy": {"TimeoutErrorRetries": 50}},
            {"num_retries": RETRIES_MAX + 1},
            {"max_retries": 1_000},
            {"num_retries": "3"},
            {"response_cost": 1e-9},
            {"combined_usage_object": {"prompt_tokens": 1}, "response_cost": 1e-9},
            {"async_complete_streaming_response": {"id": "over"}},
            {"cache_hit": True},
            {"batch_cost": 0},
            {"extra_body": {"n": 4}},
            {"context_window_fallback_dict": {"demo-chat": "openai/gpt-5-pro"}},
            {"acreate_batch": True},
            {"litellm_session_id": True},
            {"litellm_trace_id": {"set": "x"}},
            {"cache_key": "of another"},
            {"cache": "yes"},
            {"cache": {"cache_key": "of another"}},
            {"ensure_alternating_roles": True},
            {"user_continue_message": {"role": "user", "content": "again"}},
            {"assistant_continue_message": {"role": "assistant", "content": "again"}},
            {"prompt_id": "p", "prompt_variables": {"a": "b"}},
            {"vector_store_ids": ["vs_1"]},
        ],
        ids=str,
    )
    def test_what_would_change_what_was_priced_is_400(self, fields: dict[str, object]) -> None:
        with pytest.raises(BadRequest):
            refuse_steering(sent(**fields))

    @pytest.mark.parametrize(
        "name",
        [
            "headers", "extra_headers", "EXTRA_HEADERS", "extra-headers", "default_headers", "extra_query",
            "Host",
            "organization", "OpenAI-Organization", "openai_project", "OpenAI-Project", "project", "base_url",
            "api_base", "api_type", "region_name", "vertex_project", "vertex_location", "aws_region_name",
            "azure_deployment", "watsonx_project", "s3_bucket_name", "provider_specific_header", "ssl_verify",
            "http_client", "url", "tenant_id", "workspace_id", "OPENAI_API_BASE", "media_source_s3_uri",
        ],
    )  # fmt: skip
    def test_how_the_provider_is_called_is_the_operators(self, name: str) -> None:
        with pytest.raises(BadRequest, match="set by the operator"):
            refuse_steering(sent(**{name: "x"}))

    @pytest.mark.parametrize(
        "name",
        ["api_key", "API-Key", "Authorization", "openai_api_key", "azure_ad_token_credential", "access_token",
         "aws_secret_access_key", "vertex_credentials"],
    )  # fmt: skip
    def test_a_key_of_the_customers_own_is_403(self, name: str) -> None:
        with pytest.raises(Forbidden, match="operator's provider keys"):
            refuse_steering(sent(**{name: "x"}))

    def test_what_clients_send_passes(self) -> None:
        refuse_steering(
            sent(
                metadata={"a": "b"},
                tags=["x"],
                fallbacks=["demo-large"],
                num_retries=2,
                timeout=5,
                cache={"no-cache": True, "namespace": "mine"},
                response_format={"type": "json_schema", "json_schema": {"name": "x", "schema": {}}},
                tools=[],
                model_info=None,
                prompt_cache_key="k",
                safety_identifier="s",
                chat_template_kwargs={"enable_thinking": False},
                max_completion_tokens=5,
                anthropic_beta=["context-1m-2025-08-07"],
            )
        )

    def test_no_parameter_of_a_models_api_is_refused(self) -> None:
        assert [name for name in sorted(ModelParamHelper.get_all_llm_api_params()) if is_refused(name)] == []

    def test_every_parameter_that_litellm_reads_is_refused_or_was_looked_at(self) -> None:
        read = names_found(_READ, "")
        looked_at = set(LEFT_TO_CLIENTS.read_text("utf-8").split())
        known = looked_at | ALLOWED | ModelParamHelper.get_all_llm_api_params()
        assert {"api_base", "extra_headers", "stream"} <= read  # the walk walks
        assert sorted(name for name in read - known if not is_refused(name)) == []


class TestWhatIsDropped:
    def test_is_what_clients_send_by_habit(self) -> None:
        body = sent(
            id="x", litellm_call_id="mine", api_version="2024-01-01", verbose=True,
            anthropic_version="vertex-2023-10-16", cache=None, web_search_options=None,
        )  # fmt: skip
        drop_ignored(body)
        assert body == sent()

    def test_is_the_version_that_a_url_asks_for_and_no_other(self) -> None:
        url = "http://gateway/openai/deployments/m/chat/completions?api-version=2024-10-21"
        asked: dict[str, object] = {"api_version": "2024-10-21", "proxy_server_request": {"url": url}}
        operators: dict[str, object] = {"api_version": "v1", "proxy_server_request": {"url": url}}
        for data in (asked, operators):
            drop_asked_version(data)
        assert "api_version" not in asked
        assert operators["api_version"] == "v1"


class TestWithKeyFallbacks:
    def test_targets_of_the_keys_settings_are_priced_too(self) -> None:
        override = {"fallbacks": [{"demo-chat": ["demo-large", {"model": "demo-slow"}]}, {"*": ["x"]}]}
        seen = with_key_fallbacks({"fallbacks": ["mine"], "router_settings_override": override})
        assert seen["fallbacks"] == ["mine", "demo-large", "demo-slow", "x"]

    def test_without_such_settings_the_body_stays(self) -> None:
        body: dict[str, object] = {"model": "demo-chat"}
        assert with_key_fallbacks(body) is body
