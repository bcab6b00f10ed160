"""Removes LiteLLM's own names from the `metadata` and `litellm_metadata` that clients send.

LiteLLM stores what it knows of a call in these two objects: the deployment, its group and prices, the key,
the usage, the cache namespace. Which of the two it uses differs by the type of call, and where it has
written nothing the client's value counts. So every name that LiteLLM writes or reads there is removed from a
client's metadata, except a few labels; the customer's own names stay. `NAMES` is kept complete by a walk
through LiteLLM's source (`tests/unit/proxy/requests/test_client_metadata.py`): a new name fails a test.
"""

from __future__ import annotations

import json
from collections.abc import MutableMapping

from litellm.types.utils import StandardCallbackDynamicParams, StandardLoggingMetadata


def names_in(text: str) -> frozenset[str]:
    """Splits a long list of names."""
    return frozenset(text.split())


BUCKETS = ("metadata", "litellm_metadata")
# Families of names, some of them generated at run time.
PREFIXES = (
    "_", "allow_", "applied_", "arize_", "autorouter_", "batch_", "dd_", "disable_", "guardrail_",
    "internal_", "langfuse_", "langsmith_", "litellm_", "literalai_", "mcp_", "newrelic_", "otel_", "pillar_",
    "prompt_management_", "requester_", "routing_", "scim_", "semantic-", "sensitive_data_routing_",
    "standard_logging_", "user_api_",
)  # fmt: skip
NAMES = names_in(
    """
    actor_agent_id adaptive_router_chosen_model adaptive_router_decision additional_usage_values
    agent_execution_mode agent_id alerting_metadata allowed_passthrough_routes allowed_tools
    allowed_vector_store_indexes app_user attempted_fallbacks attempted_retries auto_registered
    azure_spillover billed_retry_attempt billing_agent_id cache caching_groups callback_settings caller_tags
    classifier_cost client_disconnected client_transaction_id code_interpreter_calls cold_storage_object_key
    compression_savings cost cost_breakdown counter_key created_from current_limit current_span_data
    db_operation debug_langfuse denied_passthrough_routes deployment deployment_model_name descriptor_key
    descriptor_value dotted_order enable_prompt_caching encrypted_content_affinity_enabled endpoint
    enforced_batch_output_expires_after enforced_file_expires_after enforced_params entitlements
    error_information eval_information existing_trace_id families file_checksum file_name file_size_in_mb
    function_args function_kwargs function_name gauge_labels gauge_value gcs_bucket_name gcs_log_id
    global_max_parallel_requests headers hidden_params id include_guardrail_response increment inherited_tags
    is_response is_session_scoped is_silent_experiment jwks_uri key_alias lar1 llm llm_api_timing_windows
    llm_shield_session_id logging mask_input mask_output max_budget_alert_emails max_iterations max_retries
    metadata min_quality_tier model_config model_group model_group_size model_info model_map_information
    model_rpm_limit model_tpm_limit namespaced_tool_name opik opted_out_global_guardrails original_model_group
    parent_id parent_observation_id parent_run_id password_reset_required per_server_list_outcomes
    per_server_tool_counts pii_tokens pl_tags policies policy_sources pre_tokens previous_models priority
    profile_id profile_name progress_token project_id project_name prompt_id prompt_integration prompts
    proxy_server_request quality_router_decision queue_time_seconds rate_limit_type raw_request
    redis_namespace request_retry_count requested_mcp_servers require_trace_id response_cost
    response_cost_failure_debug_info roles root_span_id routed_model router_metadata router_model_name
    rpm_limit_type run_id sandbox_key secret_fields secret_manager_settings service_account_id
    soft_budget_alerting_emails span_id span_name span_parents status step_id table_name tag_routing
    tag_rpm_limit target_agent_id team_alias team_id team_member_budget_id team_metadata temp_budget_expiry
    temp_budget_increase throttle_on_budget_exceeded tpm_limit_type ttl turn_off_message_logging
    update_trace_keys usage usage_object used_client_oauth_token user_agent user_email user_ip
    vector_store_request_metadata verified_human_user_id violations websearch_native_blocks window_key
    window_size zguard_policy_id
    """
)
# Labels that LiteLLM passes to the operator's logs. Values stored in text columns must be strings.
TEXTS = names_in(
    """
    app_name generation_id generation_name run_name session_id thread_id trace_id trace_name trace_release
    trace_user_id trace_version user version
    """
)
_OBJECTS = frozenset({"spend_logs_metadata", "trace_metadata"})
_FROM_ITS_TYPES = frozenset(StandardLoggingMetadata.__annotations__) | frozenset(
    StandardCallbackDynamicParams.__annotations__
)


def strip_litellm_metadata(body: MutableMapping[str, object]) -> bool:
    """Removes LiteLLM's own names from a billed request's metadata; returns whether it removed any.

    `body` is what the client sent, as an object or as the fields of a form, where metadata is a JSON string.
    Metadata of another type is left for LiteLLM to reject. `user_id`, part of Anthropic's API, stays.
    """
    changed = False
    for bucket in BUCKETS:
        value = body.get(bucket)
        metadata = _parsed(value) if isinstance(value, str) else value
        if not isinstance(metadata, dict):
            continue
        kept = {name: each for name, each in metadata.items() if _is_label(name, each)}
        if len(kept) < len(metadata):
            body[bucket] = json.dumps(kept) if isinstance(value, str) else kept
            changed = True
    return changed


def _is_label(name: object, value: object) -> bool:
    if not isinstance(name, str):
        return False
    if name in TEXTS:
        return isinstance(value, str)
    if name in _OBJECTS:
        return isinstance(value, dict)
    if name == "tags":
        return isinstance(value, list) and all(isinstance(tag, str) for tag in value)
    return not is_litellms(name)


def is_litellms(name: str) -> bool:
    """Whether LiteLLM itself writes or reads this name in a call's metadata."""
    return name in NAMES or name in _FROM_ITS_TYPES or name.startswith(PREFIXES)


def _parsed(text: str) -> object:
    try:
        return json.loads(text)
    except ValueError:
        return None
