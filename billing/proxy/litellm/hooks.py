"""Billing's LiteLLM hooks. Each finds its call in the ContextVar and delegates; none of them decides.

Facts about LiteLLM 1.106.12 that this relies on: a hook must be defined in the class itself, inherited ones
are never called (proxy/utils.py); a class named `_PROXY_…` cannot be silenced by a client's `no-log`
(litellm_core_utils/litellm_logging.py); a failure event may be followed by a success, so it ends nothing.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from decimal import Decimal
from typing import TYPE_CHECKING

import httpx
import litellm
from fastapi import HTTPException
from litellm.exceptions import BlockedPiiEntityError, GuardrailRaisedException, JSONSchemaValidationError
from litellm.integrations.custom_logger import CustomLogger
from litellm.proxy._types import ProxyException

from billing.errors import BillingError, LedgerUnavailable
from billing.proxy.calls.admission import Admissions
from billing.proxy.calls.call import Call, current_call
from billing.proxy.calls.payer import is_exempt
from billing.proxy.calls.shadow import Shadow
from billing.proxy.calls.success import Successes
from billing.proxy.calls.success_event import Served
from billing.proxy.litellm.success_events import success_event
from billing.proxy.requests.client_fields import drop_asked_version
from billing.settings import Settings

if TYPE_CHECKING:
    from datetime import datetime

    from litellm.proxy._types import UserAPIKeyAuth

logger = logging.getLogger(__name__)

# Raised by the gateway's guardrails and limits; provider errors are litellm's own exceptions.
_REJECTIONS = (HTTPException, ProxyException, GuardrailRaisedException, BlockedPiiEntityError)
# How a client limits the provider's time, in its body or in a header that LiteLLM reads.
_TIMEOUT_FIELDS = ("timeout", "request_timeout", "stream_timeout", "force_timeout")
# Calls whose log LiteLLM writes from `litellm_metadata`, which its router creates if it is absent
# (`Router._ageneric_api_call_with_fallbacks`, `get_litellm_metadata_from_kwargs`).
_LOGGED_APART = frozenset({"_arealtime", "aocr"})
# Calls that get LiteLLM's id before its pre-call hooks, and whose own event carries it.
_KNOWN_BEFORE = frozenset(
    {"acompletion", "atext_completion", "aembedding", "anthropic_messages", "aresponses"}
)
_BRIDGED = frozenset({"agenerate_content", "agenerate_content_stream"})
CALL_ID_LABEL = "billing_call_id"  # in the spend log's metadata.spend_logs_metadata
FREE_LABEL = "billing_free"  # in addition, if the call has no hold


class _PROXY_BillingLogger(CustomLogger):  # type: ignore[misc]  # LiteLLM ships no types
    """Admits calls before they run, and settles them when LiteLLM reports their cost."""

    def __init__(
        self,
        admissions: Admissions,
        successes: Successes,
        settings: Settings,
        shadow: Shadow | None = None,
    ) -> None:
        super().__init__()
        self._shadow = shadow
        self._admissions = admissions
        self._successes = successes
        self._settings = settings

    async def async_pre_call_hook(
        self, user_api_key_dict: UserAPIKeyAuth, cache: object, data: dict[str, object], call_type: str
    ) -> None:
        """Creates a hold for a billed key's call, or refuses it."""
        if is_exempt(user_api_key_dict, self._settings):
            return
        call = current_call.get()
        if self._shadow is not None:
            if call is not None:
                await self._shadow.look(call, user_api_key_dict, data, call_type)
                self._follow(call, data, call_type)
            return
        try:
            if call is None:
                raise LedgerUnavailable("This call did not come through billing's middleware.")
            drop_asked_version(data)
            await self._admissions.admit(call, user_api_key_dict, data, call_type)
        except BillingError as refusal:
            raise refused(call, refusal) from refusal
        self._follow(call, data, call_type)
        ask_for_usage(data, call_type)

    def _follow(self, call: Call, data: dict[str, object], call_type: str) -> None:
        """Prepares what the call's events and LiteLLM's spend log will need."""
        call.upstream.logging_obj = data.get("litellm_logging_obj")
        call.upstream.may_be_bridged = call_type in _BRIDGED
        if call.upstream.may_be_bridged or call_type in _KNOWN_BEFORE:
            call.upstream.main_id = getattr(call.upstream.logging_obj, "litellm_call_id", None)
        call.upstream.client_set_timeout = any(data.get(field) is not None for field in _TIMEOUT_FIELDS)
        if call_type in _LOGGED_APART:
            data.setdefault("litellm_metadata", {})
        label_spend_log(data, call)

    async def async_pre_call_deployment_hook(
        self, kwargs: dict[str, object], call_type: object
    ) -> dict[str, object] | None:
        """A provider is about to be called: from here on the call may cost something."""
        call = current_call.get()
        if call is not None:
            call.upstream.dispatched = True
            if call.upstream.logging_obj is None:  # images, audio, rerank: made only now
                call.upstream.logging_obj = kwargs.get("litellm_logging_obj")
        return None

    async def async_log_success_event(
        self, kwargs: dict[str, object], response_obj: object, start_time: datetime, end_time: datetime
    ) -> None:
        """Charges the cost of the call."""
        call, params = current_call.get(), kwargs.get("litellm_params")
        is_customers = self._successes.charge(call, success_event(kwargs, call))
        if call is None or call.admission is None or not isinstance(params, dict):
            return
        if is_customers:
            label_spend_log(params, call)  # again: some calls, like Gemini's, create their metadata anew
        else:
            unlabel_spend_log(params)

    async def async_post_call_failure_hook(
        self,
        request_data: dict[str, object],
        original_exception: Exception,
        user_api_key_dict: UserAPIKeyAuth,
        traceback_str: str | None = None,
    ) -> None:
        """Records what a failed call used according to LiteLLM: chunks of a broken stream, or the input of
        each attempt that timed out. The end of the request decides what it means.

        An answer that fails LiteLLM's validation of the requested schema brings no success event; its text is
        in the error that the client receives (`utils.post_call_processing`).
        """
        call = current_call.get()
        if call is None:
            return
        call.upstream.answer_rejected = call.upstream.answer_rejected or isinstance(
            original_exception, JSONSchemaValidationError
        )
        call.upstream.timed_out = is_timeout(original_exception)
        call.upstream.rejected = isinstance(original_exception, _REJECTIONS)
        cost = recovered_cost(request_data)
        if cost > 0:
            call.upstream.recovered_cost = cost
            call.upstream.recovered_from = served_in(request_data)


def refused(call: Call | None, refusal: BillingError) -> ProxyException:
    """Returns the exception to raise in LiteLLM; the middleware finally renders `call.refusal`."""
    if call is not None:
        call.refusal = refusal
    logger.info("refused %s: %s", call.id if call else "a call", refusal)
    return ProxyException(
        message=refusal.message,
        type=refusal.type,
        param=None,
        code=refusal.status,
        openai_code=refusal.code,
    )


def served_in(data: Mapping[str, object]) -> Served:
    """Returns the group and deployment that LiteLLM last chose, from its request data."""
    for bucket in ("metadata", "litellm_metadata"):
        metadata = data.get(bucket)
        if isinstance(metadata, dict) and isinstance(metadata.get("model_info"), dict):
            group, deployment_id = metadata.get("model_group"), metadata["model_info"].get("id")
            return (
                group if isinstance(group, str) else None,
                deployment_id if isinstance(deployment_id, str) else None,
                None,
            )
    return None, None, None


def ask_for_usage(data: dict[str, object], call_type: str) -> None:
    """Makes streams report their usage: those of /v1/completions, and of chats whose client wants none.

    Otherwise LiteLLM takes the zeros of its own chunks as the usage of a completion, whose cost is then 0,
    and for a chat counts what is visible, without the reasoning. It asks for usage in chats itself, but
    respects the client's choice under `always_include_stream_usage` (`_stream_usage_tracking_updates`). As
    there, usage that the client did not request is removed from what it receives.
    """
    if data.get("stream") is not True or call_type not in ("acompletion", "atext_completion"):
        return
    if call_type == "acompletion" and "stream_options" not in data:
        return  # LiteLLM found that some provider does not support it
    options = data.get("stream_options")
    asked = options if isinstance(options, dict) else {}
    if call_type == "acompletion" and asked.get("include_usage") is not True:
        data["_litellm_strip_stream_usage"] = True
    data["stream_options"] = {**asked, "include_usage": True}


def is_timeout(error: BaseException) -> bool:
    """Whether a provider did not answer in time; LiteLLM wraps the reason, and names it inconsistently."""
    seen: set[int] = set()
    chain: BaseException | None = error
    while chain is not None and id(chain) not in seen:
        if isinstance(chain, TimeoutError | litellm.Timeout | httpx.ReadTimeout):
            return True
        seen.add(id(chain))
        chain = chain.__cause__ or chain.__context__
    return False


def recovered_cost(request_data: Mapping[str, object]) -> Decimal:
    """Returns what a failed call used according to LiteLLM, with earlier attempts (`proxy/utils.py`)."""
    attempts = request_data.get("billed_failed_attempts")
    costs: list[object] = []
    if isinstance(attempts, tuple):
        costs += [getattr(attempt, "response_cost", None) for attempt in attempts]
    if request_data.get("combined_usage_object") is not None:
        costs.append(request_data.get("response_cost"))
    known = [Decimal(str(cost)) for cost in costs if isinstance(cost, int | float)]
    return sum((cost for cost in known if cost.is_finite() and cost > 0), Decimal(0))


def label_spend_log(data: dict[str, object], call: Call) -> None:
    """Writes our call id where LiteLLM copies it into its spend log, replacing the client's.

    A failure's row also takes its labels from `metadata` where that belongs to the provider, and so to the
    client (/v1/messages): nothing is written there, but the client's values for our labels are removed.
    """
    is_free = call.admission is not None and call.admission.free
    ours = {CALL_ID_LABEL: call.id, **({FREE_LABEL: "true"} if is_free else {})}
    for bucket in ("metadata", "litellm_metadata"):
        metadata = data.get(bucket)
        if not isinstance(metadata, dict):
            continue
        labels = metadata.get("spend_logs_metadata")
        theirs = labels if isinstance(labels, dict) else {}
        kept = {name: value for name, value in theirs.items() if name not in (CALL_ID_LABEL, FREE_LABEL)}
        if bucket == "litellm_metadata" or "user_api_key_hash" in metadata:
            metadata["spend_logs_metadata"] = {**kept, **ours}
        elif len(kept) < len(theirs):
            metadata["spend_logs_metadata"] = kept


def unlabel_spend_log(params: Mapping[str, object]) -> None:
    """Removes our labels from background work, to which LiteLLM gives the metadata of the original call."""
    for bucket in ("metadata", "litellm_metadata"):
        metadata = params.get(bucket)
        labels = metadata.get("spend_logs_metadata") if isinstance(metadata, dict) else None
        if isinstance(metadata, dict) and isinstance(labels, dict):
            kept = {name: value for name, value in labels.items() if name not in (CALL_ID_LABEL, FREE_LABEL)}
            metadata["spend_logs_metadata"] = kept
