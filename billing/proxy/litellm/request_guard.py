"""Checks what a client sent before LiteLLM adds its own data, for every type of call.

LiteLLM assembles all requests (JSON, form and WebSocket) in one function, `add_litellm_data_to_request`. Near
its beginning, when the client's fields are parsed and nothing of LiteLLM's is among them, it calls the
function that is wrapped here. Fields that steer LiteLLM are rejected there, and LiteLLM's own names are
removed from the metadata.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping
from typing import TYPE_CHECKING

from litellm.proxy.litellm_pre_call_utils import LiteLLMProxyRequestSetup

from billing.errors import BillingError
from billing.proxy.calls.call import Call, current_call
from billing.proxy.calls.payer import is_exempt
from billing.proxy.litellm.answer_cache import own_namespace
from billing.proxy.litellm.hooks import refused
from billing.proxy.litellm.patches import FORWARD_HEADERS, PREPARE_REQUEST, check_known
from billing.proxy.litellm.route_guard import NoteRefusal
from billing.proxy.max_cost.search_route import CALL_TYPE as SEARCH
from billing.proxy.max_cost.search_route import OF_A_SEARCH
from billing.proxy.requests.client_fields import drop_ignored, refuse_steering
from billing.proxy.requests.client_headers import forwarded_headers, refuse_own_credentials
from billing.proxy.requests.client_metadata import strip_litellm_metadata
from billing.settings import Settings

if TYPE_CHECKING:
    from litellm.proxy._types import UserAPIKeyAuth


def guard_requests(settings: Settings, note: NoteRefusal | None = None) -> None:
    """Restricts the requests of billed keys to what a client may send.

    In shadow mode `note` is called with the refusal instead. Raises RuntimeError if LiteLLM's functions are
    not the ones we know.
    """
    prepare = LiteLLMProxyRequestSetup.add_litellm_data_for_backend_llm_call
    forwardable = LiteLLMProxyRequestSetup._get_forwardable_headers
    check_known(PREPARE_REQUEST, prepare)
    check_known(FORWARD_HEADERS, forwardable)

    @functools.wraps(prepare)
    def prepared(
        *,
        headers: dict[str, str],
        request_data: dict[str, object],
        user_api_key_dict: UserAPIKeyAuth,
        general_settings: dict[str, object] | None = None,
    ) -> object:
        call = current_call.get()
        is_billed = not is_exempt(user_api_key_dict, settings)
        if call is not None:
            call.entry.filters_headers = is_billed
            call.entry.cache_namespace = own_namespace(user_api_key_dict, settings) if is_billed else None
        if is_billed:
            try:
                check_request(call, request_data, headers)
            except BillingError as refusal:
                if note is None or call is None:
                    raise refused(call, refusal) from refusal
                note(call, user_api_key_dict, request_data, refusal)
        found = prepare(
            headers=headers,
            request_data=request_data,
            user_api_key_dict=user_api_key_dict,
            general_settings=general_settings,
        )
        if is_billed:
            found.pop("organization", None)
        return found

    @functools.wraps(forwardable)
    def forwarded(headers: Mapping[str, str]) -> dict[str, str]:
        call = current_call.get()
        kept: dict[str, str] = forwardable(headers)
        return kept if call is None or not call.entry.filters_headers else forwarded_headers(kept)

    LiteLLMProxyRequestSetup.add_litellm_data_for_backend_llm_call = staticmethod(prepared)
    LiteLLMProxyRequestSetup._get_forwardable_headers = staticmethod(forwarded)


def check_request(call: Call | None, sent: dict[str, object], headers: Mapping[str, str]) -> None:
    """Removes from a request's fields what clients may not set. Raises BadRequest or Forbidden.

    `headers` are those that LiteLLM keeps, without the one that authenticated the request.
    """
    strip_litellm_metadata(sent)
    refuse_own_credentials(headers)
    if call is not None and call.is_websocket:
        return  # only LiteLLM's own fields: a session's requests come in its frames
    is_search = call is not None and call.route is not None and SEARCH in call.route.call_types
    drop_ignored(sent)
    refuse_steering(_without_litellms(sent), but=OF_A_SEARCH if is_search else ())


def _without_litellms(sent: dict[str, object]) -> dict[str, object]:
    """Removes `proxy_server_request`: LiteLLM has already replaced the client's by its own."""
    return {name: value for name, value in sent.items() if name != "proxy_server_request"}
