"""LiteLLM's keys, seen from billing: who asks on our routes, and which of LiteLLM's a billed key may call."""

from __future__ import annotations

import functools
import inspect
from typing import TYPE_CHECKING

from fastapi import FastAPI, HTTPException
from litellm.proxy._types import ProxyException
from litellm.proxy.auth.auth_utils import get_request_route
from litellm.proxy.auth.user_api_key_auth import user_api_key_auth, user_api_key_auth_builder
from litellm.proxy.common_utils.http_parsing_utils import _read_request_body
from starlette.requests import Request

from billing.caller import Authenticate, Caller
from billing.errors import BillingError, Forbidden, NoPayer, Unauthorized, Unavailable
from billing.ledger.schemas import Payer
from billing.proxy.call import current_call
from billing.proxy.hooks import refused
from billing.proxy.payer import ADMIN_ROLES, TRUSTED_BACKEND, VIEWER_ROLES, is_exempt, payer_of, role_of
from billing.proxy.routes import check_route
from billing.settings import Settings

if TYPE_CHECKING:
    from litellm.proxy._types import UserAPIKeyAuth


def authenticator(settings: Settings) -> Authenticate:
    """Authenticates requests to our routes with ordinary LiteLLM virtual keys.

    Uses LiteLLM's authentication without its list of allowed routes, which would keep ordinary keys away from
    routes that it does not know. A key over its LiteLLM budget may still look at its balance.
    """

    async def authenticate(request: Request) -> Caller:
        key = await _known_key(request)
        return Caller(
            payer=_payer_or_none(key, settings),
            is_admin=role_of(key) in ADMIN_ROLES,
            is_admin_viewer=role_of(key) in VIEWER_ROLES,
            key_hash=key.token,
            user_id=key.user_id,
        )

    return authenticate


async def _known_key(request: Request) -> UserAPIKeyAuth:
    headers = request.headers
    try:
        return await user_api_key_auth_builder(
            request=request,
            api_key=headers.get("authorization", ""),
            azure_api_key_header=headers.get("api-key", ""),
            anthropic_api_key_header=headers.get("x-api-key"),
            google_ai_studio_api_key_header=None,
            azure_apim_header=None,
            request_data={},
            custom_litellm_key_header=headers.get("x-litellm-api-key"),
        )
    except ProxyException as error:
        raise _refusal(error.code, error.message) from error
    except HTTPException as error:
        raise _refusal(str(error.status_code), str(error.detail)) from error


def _refusal(status: str, message: str) -> BillingError:
    if status.startswith("5"):
        return Unavailable("The key could not be checked; try again later.")
    if status == "403":
        return Forbidden(message)
    return Unauthorized("No valid API key: send `Authorization: Bearer sk-…` with a key that is not blocked.")


def _payer_or_none(key: UserAPIKeyAuth, settings: Settings) -> Payer | None:
    try:
        return payer_of(key, settings)
    except NoPayer:
        return None


def guard_routes(app: FastAPI, settings: Settings) -> None:
    """Refuses billed keys on every route of `app` that billing cannot price.

    LiteLLM's routes all depend on `user_api_key_auth`, the lazily loaded ones too, so overriding that one
    dependency covers them. WebSockets call it directly: their pre-call hook refuses them instead.
    """

    @functools.wraps(user_api_key_auth)
    async def guarded(**arguments: object) -> UserAPIKeyAuth:
        key = await user_api_key_auth(**arguments)
        request = arguments["request"]
        assert isinstance(request, Request)
        if not is_exempt(key, settings):
            await _check(request)
        return key

    guarded.__signature__ = inspect.signature(user_api_key_auth)  # type: ignore[attr-defined]  # FastAPI reads it
    app.dependency_overrides[user_api_key_auth] = guarded


async def _check(request: Request) -> None:
    call = current_call.get()
    path = get_request_route(request)
    if call is not None:
        call.path = path
    try:
        check_route(request.method, path)
        if path.startswith("/key/"):
            check_key_metadata(await _read_request_body(request))
    except BillingError as refusal:
        raise refused(call, refusal) from refusal


def check_key_metadata(body: object) -> None:
    """Raises Forbidden where anybody but an admin would make a key that names its own payer."""
    match body:
        case dict():
            if TRUSTED_BACKEND in body:
                raise Forbidden(f"Only a proxy admin may set {TRUSTED_BACKEND}: such a key chooses who pays.")
            nested: list[object] = list(body.values())
        case list():
            nested = body
        case str() if TRUSTED_BACKEND in body:
            raise Forbidden(f"Only a proxy admin may set {TRUSTED_BACKEND}: such a key chooses who pays.")
        case _:
            return
    for value in nested:
        check_key_metadata(value)
