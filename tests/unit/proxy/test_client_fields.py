import pytest

from billing.errors import BadRequest
from billing.proxy.client_fields import RETRIES_MAX, refuse_steering, with_key_fallbacks

MESSAGES = [{"role": "user", "content": "hello"}]


def received(**sent: object) -> dict[str, object]:
    """LiteLLM's request data for a body, with fields of LiteLLM's own beside what the client sent."""
    body = {"model": "demo-chat", "messages": MESSAGES, **sent}
    body |= {"client_side_timeout": True} if "timeout" in sent else {}  # LiteLLM's, before its snapshot
    own = {"litellm_logging_obj": object(), "secret_fields": {}, "acompletion": True}
    return {**body, **own, "proxy_server_request": {"body": body}}


class TestRefuseSteering:
    @pytest.mark.parametrize(
        "sent",
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
            {"extra_body": {"n": 4}},
            {"ensure_alternating_roles": True},
            {"user_continue_message": {"role": "user", "content": "again"}},
            {"assistant_continue_message": {"role": "assistant", "content": "again"}},
            {"prompt_id": "p", "prompt_variables": {"a": "b"}},
            {"vector_store_ids": ["vs_1"]},
        ],
        ids=str,
    )
    def test_what_would_change_what_was_priced_is_400(self, sent: dict[str, object]) -> None:
        with pytest.raises(BadRequest):
            refuse_steering(received(**sent))

    def test_what_clients_send_and_what_litellm_adds_passes(self) -> None:
        refuse_steering(
            received(
                metadata={"a": "b"},
                tags=["x"],
                fallbacks=["demo-large"],
                num_retries=2,
                timeout=5,
                cache={"no-cache": True},
                response_format={"type": "json_schema", "json_schema": {"name": "x", "schema": {}}},
                tools=[],
                model_info=None,
            )
        )


class TestWithKeyFallbacks:
    def test_targets_of_the_keys_settings_are_priced_too(self) -> None:
        override = {"fallbacks": [{"demo-chat": ["demo-large", {"model": "demo-slow"}]}, {"*": ["x"]}]}
        seen = with_key_fallbacks({"fallbacks": ["mine"], "router_settings_override": override})
        assert seen["fallbacks"] == ["mine", "demo-large", "demo-slow", "x"]

    def test_without_such_settings_the_body_stays(self) -> None:
        body: dict[str, object] = {"model": "demo-chat"}
        assert with_key_fallbacks(body) is body
