"""Rejects request fields that steer LiteLLM rather than the model.

LiteLLM lets a body override the operator's settings of a deployment (`Router._acompletion` merges the
client's fields last): another provider, its address and key, headers, no output limit, validation that fails
a call after the provider was paid. But what is priced must be what runs, and how a provider is called is up
to the operator. So fields that LiteLLM reserves for itself, or that name a connection, are rejected unless
they are on the list of harmless ones. New control fields of later LiteLLM versions are rejected until
reviewed.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping, MutableMapping
from urllib.parse import parse_qs, urlsplit

from litellm.types.utils import StandardCallbackDynamicParams, all_litellm_params

from billing.errors import BadRequest, Forbidden
from billing.proxy.max_cost.deployments import FALLBACK_FIELDS
from billing.proxy.requests.client_metadata import names_in

RETRIES_MAX = 10  # each attempt may cost the operator something, and failed calls are not charged

# fmt: off
# LiteLLM's fields that a client may set: they label a call, or make it shorter, rarer or safer.
ALLOWED = frozenset(
    (
        "metadata", "tags", "fallbacks", "max_fallbacks", "guardrails", "timeout", "request_timeout",
        "stream_timeout", "force_timeout", "num_retries", "max_retries", "cache", "caching", "ttl", "no-log",
        "litellm_metadata", "litellm_trace_id", "litellm_session_id", "keepalive_seconds",
        "merge_reasoning_content_in_choices", "allowed_openai_params", "mock_response", "mock_timeout",
    )
)
# Removed silently: clients send them by habit, and LiteLLM writes its own.
_DROPPED = frozenset(("id", "litellm_call_id", "verbose", "api_version", "anthropic_version"))
# LiteLLM fails on null here; elsewhere null means that the field is absent.
_DROPPED_AS_NULL = frozenset(("cache", "web_search_options"))
# LiteLLM strips the client's (`litellm_pre_call_utils._UNTRUSTED_ROOT_CONTROL_FIELDS`) and writes its own.
_LITELLMS_OWN = frozenset(
    (
        "client_side_timeout", "_router_weights", "fallback_depth", "attempted_targets",
        "proxy_server_request", "secret_fields", "enable_prompt_caching", "litellm_logging_obj",
        "max_agentic_loops", "_agentic_loop_depth", "_agentic_loop_fingerprints",
        "_litellm_skip_openai_stream_done", "_litellm_raw_sse_stream",
    )
)
# Fields by which LiteLLM adds content that is not in the body: turns between the turns, stored prompts,
# results from the operator's stores, templates. An operator may set them for a deployment, and then they
# are counted (`max_cost/added.py`).
_ADDING = frozenset(
    (
        "ensure_alternating_roles", "user_continue_message", "assistant_continue_message", "prompt_id",
        "prompt_variables", "prompt_version", "prompt_label", "prompt_environment", "litellm_system_prompt",
        "vector_store_ids", "vector_stores", "knowledge_bases", "context_window_fallback_dict", "roles",
        "initial_prompt_value", "final_prompt_value", "bos_token", "eos_token", "continuation_token",
        "questions",
    )
)
# Control fields missing from LiteLLM's own list, or that override what was priced (`extra_body`: more
# images, a longer text).
_OTHERS = frozenset(
    (
        "additional_drop_params", "deployment_id", "specific_deployment", "router_settings_override",
        "model_group_retry_policy", "extra_body", "model_id", "user_config", "disable_global_guardrails",
        "use_clientside_credentials", "optional_params", "kwargs", "fake_stream",
        "functions_unsupported_model",
        "cache_control_injection_points", "initial_prompt_value", "vector_store_id", "vector_store_ids",
        "fallback_sap_modules", "provider_config", "success_callback", "failure_callback", "deployments",
        "is_async", "is_vertex_request", "custom_validate", "config_file_path", "get_supported_openai_params",
        "use_psc_endpoint_format", "use_ssl", "original_function", "unified_object_id", "qualifier",
        "runtimeSessionId", "runtimeUserId", "standard_callback_dynamic_params", "logging_obj", "router",
        "parent_otel_span", "proxy_logging_obj", "service_logger_obj", "request_data", "request_body",
    )
)
# What LiteLLM keeps of a call among its parameters (`Logging.model_call_details`) and reads the cost or the
# end of the call from: a client's value would take precedence.
_OF_ITS_LOG = frozenset(
    (
        "response_cost", "cache_hit", "standard_logging_object", "combined_usage_object", "hidden_params",
        "_hidden_params", "async_complete_streaming_response", "complete_streaming_response",
        "has_dispatched_final_stream_success", "response_cost_failure_debug_information", "log_event_type",
        "call_type", "start_time", "end_time", "completion_start_time", "original_response",
        "additional_args", "custom_pricing", "api_call_start_time", "llm_api_duration_ms", "exception",
        "applied_guardrails", "guardrail_context", "mcp_tool_call_metadata", "vector_store_request_metadata",
        "realtime_tools", "realtime_tool_calls", "prompt_integration", "response_headers", "response_status",
        "original_batch_request", "passthrough_logging_payload", "zero_cost_diagnostic", "selected_guardrail",
        "additional_response_cost", "has_logged_async_success", "has_logged_async_failure",
        "first_api_call_start_time", "traceback_exception", "raw_request_typed_dict", "httpx_response",
        "prompt_cache_response_complete", "agentic_loop_params", "websearch_interception_converted_stream",
    )
)
# Connection parameters in any spelling: `OpenAI-Project`, `openai_project`, `EXTRA_HEADERS`.
_OF_A_CONNECTION = names_in(
    """
    accesstoken accountid aclient anthropicversion apitype apiversion authorization authmode baseurl
    bearertoken client clientid clientsecret cookie cp4dhost customendpoint customheaders defaultheaders
    defaultquery deploymenturl endpoint endpointurl extraheaders extraquery followredirects headers host
    httpclient httpheaders idtoken incomingbearertoken location nvcffunctionid openaibeta openaiorganization
    openaiproject organization organizationid project projectid providerspecificheader proxies proxy
    proxyauthorization queryparams refreshtoken region regionname requestheaders scope spaceid sslcert
    sslcertificate sslkey sslverify tenantid token uploadurl url useragent username workspace workspaceid
    workspaceurl wxoagentid
    """
)
_FAMILIES = (
    "agent_extra_", "agentcore_", "anthropic_organization", "anthropic_workspace", "aws_", "azure_", "batch_",
    "bedrock_", "chatgpt_", "databricks_", "gcs_", "gemini_", "gigachat_", "litellm_", "milvus_",
    "mock_testing_", "mongodb_", "oci_", "openai_", "original_generic_", "passthrough_on_", "predibase_",
    "routing_", "s3_", "sagemaker_", "snowflake_", "user_api_key", "vertex_", "watsonx_", "wx_", "x_amz_",
    "x_goog_", "x_ms_",
)
# fmt: on
_CREDENTIAL = re.compile(r"api_?key|api_?base|base_?url|credential|secret|password|_s3_|bucket")
# LiteLLM's names of its own functions: `acreate_batch`, `aget_responses`.
_ENTRY_POINT = re.compile(
    r"a(?:_add|cancel|compact|completion|create|delete|embedding|file|generate|get|image|ingest|list|moderation"
    r"|ocr|query|rerank|responses|retrieve|run|search|speech|text_completion|transcription|update)(?:_|$)"
    r"|async_"
)
_OWN_KEY = re.compile(
    r"(api_?key|auth_?token|access_?token|credential|secret|^authorization$)", re.IGNORECASE
)
_PASSED = ALLOWED | _DROPPED | _LITELLMS_OWN | frozenset(StandardCallbackDynamicParams.__annotations__)
_STEERING = (frozenset(all_litellm_params) - _PASSED) | _ADDING | _OTHERS | _OF_ITS_LOG
_INTERNAL = "_"  # no API has fields with this prefix

_TEXTS = ("litellm_trace_id", "litellm_session_id")  # each stored in a text column
_CACHE_CONTROLS = frozenset(
    ("ttl", "s-maxage", "s-max-age", "no-cache", "no-store", "use-cache", "supported_call_types", "namespace")
)


def refuse_steering(sent: Mapping[str, object], but: Collection[str] = ()) -> None:
    """Raises BadRequest for fields that would change the price or how the provider is called, except `but`;
    Forbidden for the client's own provider key.

    `sent` is what the client sent, as an object or as the fields of a form.
    """
    for name, value in sent.items():
        if value is not None and name not in but and is_refused(name):
            raise _refusal(name)
    answer_format = sent.get("response_format")
    if isinstance(answer_format, Mapping) and answer_format.get("enforce_validation"):
        raise BadRequest("`response_format.enforce_validation` fails calls that are already paid; remove it.")
    check_retries(sent)
    for name in _TEXTS:
        if not isinstance(sent.get(name), str | None):
            raise BadRequest(f"`{name}` must be a string.", param=name)
    _check_cache(sent.get("cache"))


def is_refused(name: str) -> bool:
    """Whether requests of billed keys may not contain this field."""
    if name in _STEERING:
        return True
    if name in _PASSED:
        return False
    plain = name.replace("-", "_").lower()
    return (
        name.startswith(_INTERNAL)
        or plain.replace("_", "") in _OF_A_CONNECTION
        or plain.startswith(_FAMILIES)
        or _CREDENTIAL.search(plain) is not None
        or _ENTRY_POINT.match(name) is not None
    )


def drop_ignored(body: MutableMapping[str, object]) -> None:
    """Removes fields that are neither rejected nor passed on."""
    for name in _DROPPED & body.keys():
        del body[name]
    for name in _DROPPED_AS_NULL & body.keys():
        if body[name] is None:
            del body[name]


def drop_asked_version(data: MutableMapping[str, object]) -> None:
    """Removes the provider API version that a client requests in its URL, as Azure's SDK does.

    LiteLLM lets `?api-version=…` override the version that the operator set for a deployment.
    """
    version, request = data.get("api_version"), data.get("proxy_server_request")
    if version is None or not isinstance(request, Mapping):
        return
    if version in parse_qs(urlsplit(str(request.get("url"))).query).get("api-version", ()):
        del data["api_version"]


def _refusal(name: str) -> BadRequest | Forbidden:
    if _OWN_KEY.search(name.replace("-", "_")):
        return Forbidden(
            f"`{name}`: calls use the operator's provider keys and are paid from your balance, so a key of "
            "your own cannot be used here. Remove it."
        )
    return BadRequest(
        f"`{name}` can only be set by the operator: it can change the cost or how the provider is called.",
        param=name,
    )


def _check_cache(controls: object) -> None:
    if controls is None:
        return
    if not isinstance(controls, Mapping):
        raise BadRequest('`cache` must be an object like `{"no-cache": true}`.', param="cache")
    unknown = next((name for name in controls if name not in _CACHE_CONTROLS), None)
    if unknown is not None:
        raise BadRequest(f"`cache.{unknown}` is not supported on billed calls.", param="cache")


def check_retries(sent: Mapping[str, object]) -> None:
    """Raises BadRequest if the fields or headers ask for more retries than allowed."""
    for name in ("num_retries", "max_retries"):
        _check_retries(name, sent.get(name))


def _check_retries(name: str, value: object) -> None:
    if value is None or (
        isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= RETRIES_MAX
    ):
        return
    raise BadRequest(f"`{name}` must be a whole number from 0 to {RETRIES_MAX}.")


def with_key_fallbacks(body: Mapping[str, object]) -> Mapping[str, object]:
    """Returns the body with all fallbacks that the settings of its key or team name, for the maximum cost.

    LiteLLM puts them into `router_settings_override` and applies them after the pre-call hooks
    (`proxy/route_llm_request.py`); customers can set them on keys they create. Each target counts whatever
    group it is for: one too many makes the hold larger, one too few breaks it.
    """
    override = body.get("router_settings_override")
    if not isinstance(override, Mapping):
        return body
    more = {field: list(_targets(override.get(field))) for field in FALLBACK_FIELDS}
    return {**body, **{field: _joined(body.get(field), names) for field, names in more.items() if names}}


def _joined(asked: object, names: list[str]) -> object:
    if asked is None:
        return names
    return [*asked, *names] if isinstance(asked, list) else asked  # anything but a list is rejected later


def _targets(table: object) -> Iterator[str]:
    """Yields every name in LiteLLM's `[{"group": ["target", {"model": "target"}]}]`."""
    for row in table if isinstance(table, list) else ():
        for chain in row.values() if isinstance(row, Mapping) else ([row],):
            for target in chain if isinstance(chain, list) else ():
                name = target.get("model") if isinstance(target, Mapping) else target
                if isinstance(name, str) and name:
                    yield name
