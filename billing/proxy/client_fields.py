"""Fields of a body that steer LiteLLM rather than the model.

LiteLLM lets a body override what the operator set for a deployment (`Router._acompletion` merges the client's
fields last): another provider, no output limit, validation that fails a call after the provider was paid.
What is priced must be what runs, so a field that LiteLLM keeps for itself is refused unless it is known to
leave the price alone. A control field of a later LiteLLM is refused until somebody looks at it.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping

from litellm.types.utils import StandardCallbackDynamicParams, all_litellm_params

from billing.errors import BadRequest
from billing.proxy.bound.deployments import FALLBACK_FIELDS

RETRIES_MAX = 10  # each attempt may cost the operator what a failed call does not charge

# fmt: off
_HARMLESS = frozenset(
    (
        "metadata", "tags", "fallbacks", "max_fallbacks", "guardrails", "request_timeout",
        "stream_timeout", "force_timeout", "num_retries", "max_retries", "cache", "caching", "cache_key",
        "ttl", "no-log", "verbose", "id", "litellm_call_id", "litellm_trace_id", "litellm_session_id",
        "headers", "api_key", "api_version", "keepalive_seconds", "merge_reasoning_content_in_choices",
        "supports_system_message", "allowed_openai_params", "mock_response", "mock_timeout",
    )
)
# LiteLLM strips a client's (`litellm_pre_call_utils._UNTRUSTED_ROOT_CONTROL_FIELDS`) and writes its own.
_LITELLMS_OWN = frozenset(
    (
        "client_side_timeout", "_router_weights", "fallback_depth", "attempted_targets",
        "proxy_server_request", "secret_fields", "enable_prompt_caching", "litellm_logging_obj",
        "litellm_metadata", "max_agentic_loops", "_agentic_loop_depth", "_agentic_loop_fingerprints",
    )
)
# By which LiteLLM puts into a request what its body does not show: turns between the turns, stored prompts,
# what is found in the operator's stores, templates. An operator may set them for a deployment, and then they
# are counted (`bound/added.py`).
_ADDING = frozenset(
    (
        "ensure_alternating_roles", "user_continue_message", "assistant_continue_message", "prompt_id",
        "prompt_variables", "prompt_version", "prompt_label", "prompt_environment", "litellm_system_prompt",
        "vector_store_ids", "vector_stores", "knowledge_bases", "context_window_fallback_dict", "roles",
        "initial_prompt_value", "final_prompt_value", "bos_token", "eos_token",
    )
)
# Control fields that LiteLLM's own list lacks, that choose a region with prices of its own, or that are laid
# over what was priced (`extra_body`: more images, a longer text).
_OTHERS = frozenset(
    (
        "additional_drop_params", "deployment_id", "specific_deployment", "router_settings_override",
        "model_group_retry_policy", "litellm_params", "aws_region_name", "vertex_location", "extra_body",
        "vertex_ai_location",
    )
)
# What LiteLLM keeps of a call among the parameters it was made with (`Logging.model_call_details`), and reads
# the cost or the end of the call from: a client's would stand there first.
_OF_ITS_LOG = frozenset(
    (
        "response_cost", "cache_hit", "standard_logging_object", "combined_usage_object", "hidden_params",
        "_hidden_params", "async_complete_streaming_response", "complete_streaming_response",
        "has_dispatched_final_stream_success", "response_cost_failure_debug_information", "log_event_type",
        "call_type", "start_time", "end_time", "completion_start_time", "optional_params",
        "original_response", "additional_args", "custom_pricing",
    )
)
# fmt: on
_PASSED = _HARMLESS | _LITELLMS_OWN | frozenset(StandardCallbackDynamicParams.__annotations__)
_STEERING = (frozenset(all_litellm_params) - _PASSED) | _ADDING | _OTHERS | _OF_ITS_LOG


def refuse_steering(body: Mapping[str, object], but: Collection[str] = ()) -> None:
    """Raises BadRequest for a field by which the client would change what is priced, `but` for some.

    `body` is LiteLLM's request data, in which LiteLLM keeps the client's own body as a snapshot.
    """
    sent = _sent_by_client(body)
    given = (name for name in sent if sent[name] is not None and name not in but)
    steering = next((name for name in given if name in _STEERING), None)
    if steering is not None:
        raise BadRequest(
            f"`{steering}` is the operator's to set: it can change what a call costs.", param=steering
        )
    answer_format = body.get("response_format")
    if isinstance(answer_format, Mapping) and answer_format.get("enforce_validation"):
        raise BadRequest("`response_format.enforce_validation` fails calls that are paid for; leave it out.")
    for name in ("num_retries", "max_retries"):
        _check_retries(name, body.get(name))


def _sent_by_client(body: Mapping[str, object]) -> Mapping[str, object]:
    request = body.get("proxy_server_request")
    snapshot = request.get("body") if isinstance(request, Mapping) else None
    return snapshot if isinstance(snapshot, Mapping) else body


def _check_retries(name: str, value: object) -> None:
    if value is None or (
        isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= RETRIES_MAX
    ):
        return
    raise BadRequest(f"`{name}` must be a whole number from 0 to {RETRIES_MAX}.")


def with_key_fallbacks(body: Mapping[str, object]) -> Mapping[str, object]:
    """The body as the bound must see it: with all fallbacks that the settings of its key or team name.

    LiteLLM puts those into `router_settings_override` and applies them after the pre-call hooks
    (`proxy/route_llm_request.py`); keys that customers make themselves may have them. Each target counts
    whatever group it is for: one too many makes the hold larger, one too few breaks it.
    """
    override = body.get("router_settings_override")
    if not isinstance(override, Mapping):
        return body
    more = {field: list(_targets(override.get(field))) for field in FALLBACK_FIELDS}
    return {**body, **{field: _joined(body.get(field), names) for field, names in more.items() if names}}


def _joined(asked: object, names: list[str]) -> object:
    if asked is None:
        return names
    return [*asked, *names] if isinstance(asked, list) else asked  # what is no list is refused further on


def _targets(table: object) -> Iterator[str]:
    """Every name in LiteLLM's `[{"group": ["target", {"model": "target"}]}]`."""
    for row in table if isinstance(table, list) else ():
        for chain in row.values() if isinstance(row, Mapping) else ([row],):
            for target in chain if isinstance(chain, list) else ():
                name = target.get("model") if isinstance(target, Mapping) else target
                if isinstance(name, str) and name:
                    yield name
