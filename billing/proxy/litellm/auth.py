"""Authenticates billing's own routes with LiteLLM's virtual keys."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fastapi import HTTPException
from litellm.proxy._types import ProxyException
from litellm.proxy.auth import user_api_key_auth as auth_module
from starlette.requests import Request

from billing.api.caller import Authenticate, Caller
from billing.errors import BillingError, Forbidden, NoPayer, Unauthorized, Unavailable
from billing.ledger.schemas import Payer
from billing.proxy.calls.payer import ADMIN_ROLES, VIEWER_ROLES, payer_of, role_of
from billing.settings import Settings

if TYPE_CHECKING:
    from litellm.proxy._types import UserAPIKeyAuth


def authenticator(settings: Settings) -> Authenticate:
    """Returns a function that authenticates requests to billing's routes with LiteLLM virtual keys.

    Uses LiteLLM's authentication without its list of allowed routes, which would keep ordinary keys away from
    unknown routes. A key over its LiteLLM budget may still read its balance.
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
        return await auth_module.user_api_key_auth_builder(
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
