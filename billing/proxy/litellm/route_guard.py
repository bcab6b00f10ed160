"""Decides which routes a billed key may call, and which fields of keys and models only an admin may set."""

from __future__ import annotations

import functools
import json
from collections.abc import Callable
from typing import TYPE_CHECKING

from litellm.proxy.auth import user_api_key_auth as auth_module
from litellm.proxy.auth.auth_utils import get_request_route_template
from starlette.requests import Request

from billing.errors import BillingError, Forbidden, RouteNotBillable, Unavailable
from billing.proxy.calls.call import Call, current_call
from billing.proxy.calls.payer import TRUSTED_BACKEND, VIEWER_ROLES, Key, is_exempt, role_of
from billing.proxy.litellm.hooks import refused
from billing.proxy.litellm.model_guard import check_models
from billing.proxy.litellm.patches import AUTHORIZE, check_known
from billing.proxy.requests.key_fields import check_key_fields
from billing.proxy.routes import Handling, Route, check_route, route_of
from billing.settings import Settings

if TYPE_CHECKING:
    from litellm.proxy._types import UserAPIKeyAuth

# Metadata of keys and teams, and what it lets their calls choose. With the second, LiteLLM keeps prices and
# `model_info` in a body, from which it may compute the cost (`litellm_pre_call_utils`).
_ADMINS_TO_SET = {TRUSTED_BACKEND: "who pays", "allow_client_pricing_override": "its own prices"}

# Records a call that would have been refused: call, key, body, refusal.
NoteRefusal = Callable[[Call, Key, object, BillingError], None]


def guard_routes(settings: Settings, note: NoteRefusal | None = None) -> None:
    """Refuses billed keys on routes that billing cannot price before LiteLLM authorizes the request, and
    models whose price would be lost after it.

    All requests to LiteLLM, WebSockets and MCP included, are authorized by one function, which is wrapped
    here. (Overriding the FastAPI dependency instead makes FastAPI analyse all dependencies again for each
    request: 5 % of a call's CPU, ADR 0006.) In shadow mode `note` is called instead. Raises RuntimeError if
    LiteLLM's function is not the one we know.
    """
    authorize = auth_module._authorize_authenticated_request
    check_known(AUTHORIZE, authorize)

    @functools.wraps(authorize)
    async def guarded(
        user_api_key_auth_obj: UserAPIKeyAuth,
        request: Request,
        request_data: dict[str, object],
        route: str,
        api_key: str,
        **options: object,
    ) -> UserAPIKeyAuth | None:
        if not is_exempt(user_api_key_auth_obj, settings):
            call = current_call.get()
            if call is not None and call.entry.exempt:
                raise refused(call, Unavailable("The rights of your key are changing; try again shortly."))
            try:
                reads_all = role_of(user_api_key_auth_obj) in VIEWER_ROLES
                declared = _check(request, route, request_data, reads_all=reads_all)
                if note is None:
                    check_key_fields(declared, request_data)
                    _check_door(call)
            except RouteNotBillable as refusal:
                call = current_call.get()
                if note is None or call is None:
                    raise refused(call, refusal) from refusal
                note(call, user_api_key_auth_obj, request_data, refusal)
            except BillingError as refusal:
                raise refused(current_call.get(), refusal) from refusal
        authorized = await authorize(
            user_api_key_auth_obj=user_api_key_auth_obj,
            request=request,
            request_data=request_data,
            route=route,
            api_key=api_key,
            **options,
        )
        try:
            check_models(request, request_data)
        except BillingError as refusal:
            raise refused(current_call.get(), refusal) from refusal
        return authorized

    auth_module._authorize_authenticated_request = guarded


def _check(request: Request, path: str, body: object, *, reads_all: bool) -> Route:
    call = current_call.get()
    if call is not None:
        call.path = path
    method = "WS" if call is not None and call.is_websocket else request.method
    template = get_request_route_template(request) or path
    declared = route_of(method, template)
    if request.method != "GET" and (declared is None or declared.handling is not Handling.BILLED):
        check_key_metadata(body)  # first: shadow mode lets a refused route pass
    route = check_route(method, template, path, reads_all=reads_all)
    if call is not None:
        call.route = route
    return route


def _check_door(call: Call | None) -> None:
    """Raises Unavailable for a billed call whose fields were not checked because it bypassed the door."""
    if call is None or call.route is None or call.is_websocket:
        return
    if call.route.handling is Handling.BILLED and not call.entry.fields_checked:
        raise Unavailable("This request bypassed billing's checks, so it cannot be billed.")


def _inside(text: str) -> list[object]:
    """Parses a string that LiteLLM may read as JSON, in which names can be written with escapes."""
    if not text.lstrip().startswith(("{", "[", '"')):
        return []
    try:
        return [json.loads(text)]
    except (ValueError, RecursionError):
        return []


def check_key_metadata(body: object) -> None:
    """Raises Forbidden if a non-admin creates a key or team that chooses payer or price."""
    match body:
        case dict():
            named = next((field for field in _ADMINS_TO_SET if field in body), None)
            nested: list[object] = list(body.values())
        case list():
            named, nested = None, body
        case str():
            named, nested = next((field for field in _ADMINS_TO_SET if field in body), None), _inside(body)
        case _:
            return
    if named is not None:
        raise Forbidden(f"Only a proxy admin may set {named}: such a key can choose {_ADMINS_TO_SET[named]}.")
    for value in nested:
        check_key_metadata(value)
