"""Identifies the caller from the key before the body is read, with LiteLLM's own look-up and cache."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from litellm.proxy import proxy_server
from litellm.proxy._types import ProxyErrorTypes, ProxyException, hash_token
from litellm.proxy.auth import user_api_key_auth as auth_module
from litellm.proxy.auth.auth_checks import get_key_object, get_user_object
from litellm.proxy.auth.auth_utils import get_request_route
from starlette.requests import Request

from billing.errors import LedgerUnavailable, Unauthorized
from billing.proxy.calls.payer import Key, is_exempt
from billing.proxy.litellm.key_check import NOT_CHECKED, was_not_checked
from billing.proxy.litellm.single_flight import SingleFlight
from billing.settings import Settings

if TYPE_CHECKING:
    from litellm.proxy._types import UserAPIKeyAuth

_VIRTUAL_KEY = "sk-"
NO_VALID_KEY = "No valid API key: send `Authorization: Bearer sk-…` with a key that is not blocked."


@dataclass(frozen=True, slots=True)
class Asker:
    """The sender of a request, as far as its headers tell."""

    is_exempt: bool = False  # an admin, or named in settings: neither billed nor restricted
    key: Key | None = None  # a virtual key that LiteLLM knows


NOBODY = Asker()


def path_of(request: Request) -> str:
    """Returns the request's path as LiteLLM reads it: without the root path of the app."""
    return str(get_request_route(request))


def credential_of(request: Request) -> str:
    """Returns the key or token that LiteLLM will read from the headers; empty if there is none."""
    headers = request.headers
    credential, _ = auth_module.get_api_key(
        custom_litellm_key_header=headers.get("x-litellm-api-key"),
        api_key=headers.get("authorization", ""),
        azure_api_key_header=headers.get("api-key"),
        anthropic_api_key_header=headers.get("x-api-key"),
        google_ai_studio_api_key_header=headers.get("x-goog-api-key"),
        azure_apim_header=headers.get("ocp-apim-subscription-key"),
        pass_through_endpoints=None,
        route=path_of(request),
        request=request,
    )
    return credential if isinstance(credential, str) else ""


def has_other_ways() -> bool:
    """Whether the operator configured other ways to authenticate than virtual keys."""
    general = proxy_server.general_settings
    ways = ("enable_jwt_auth", "enable_oauth2_auth", "enable_oauth2_proxy_auth", "litellm_key_header_name")
    return (
        proxy_server.master_key is None
        or proxy_server.user_custom_auth is not None
        or any(general.get(way) for way in ways)
    )


async def identify(credential: str, settings: Settings) -> Asker:
    """Returns whose key this is; nobody for credentials that only LiteLLM can read.

    Raises Unauthorized for a virtual key that is unknown, blocked or expired, and LedgerUnavailable if it
    could not be looked up.
    """
    if not credential:
        return NOBODY
    master_key = proxy_server.master_key
    if isinstance(master_key, str) and secrets.compare_digest(credential.encode(), master_key.encode()):
        return Asker(is_exempt=True)
    if not credential.startswith(_VIRTUAL_KEY):  # a session of LiteLLM's UI, or another kind of credential
        return NOBODY
    key = await _LOOK_UPS.result(credential, lambda: _virtual_key(credential))
    if key is not None:
        return Asker(is_exempt(key, settings), key)
    if has_other_ways():
        return NOBODY
    raise Unauthorized(NO_VALID_KEY)


_LOOK_UPS: SingleFlight[UserAPIKeyAuth | None] = SingleFlight()


async def _virtual_key(credential: str) -> UserAPIKeyAuth | None:
    """Returns LiteLLM's record of the key with its owner's role; None if there is no such key."""
    if proxy_server.prisma_client is None:
        return None  # without a database only the master key exists
    try:
        key = await get_key_object(
            hashed_token=hash_token(credential),
            prisma_client=proxy_server.prisma_client,
            user_api_key_cache=proxy_server.user_api_key_cache,
            proxy_logging_obj=proxy_server.proxy_logging_obj,
        )
    except Exception as error:
        if _is_unknown(error):
            return None
        if was_not_checked(error):
            raise LedgerUnavailable(NOT_CHECKED) from error
        raise
    if key.blocked is True or _has_expired(key.expires):
        raise Unauthorized(NO_VALID_KEY)
    if key.user_role is None and key.user_id is not None:
        key.user_role = await _role_of_user(key.user_id)
    return key


def _is_unknown(error: Exception) -> bool:
    return isinstance(error, ProxyException) and error.type == ProxyErrorTypes.token_not_found_in_db


def _has_expired(expires: object) -> bool:
    when = datetime.fromisoformat(expires) if isinstance(expires, str) else expires
    if not isinstance(when, datetime):
        return False
    return (when if when.tzinfo else when.replace(tzinfo=UTC)) < datetime.now(UTC)


async def _role_of_user(user_id: str) -> str | None:
    """Returns the role of a key's owner; None for a user unknown to LiteLLM, who is not an admin."""
    try:
        user = await get_user_object(
            user_id=user_id,
            prisma_client=proxy_server.prisma_client,
            user_api_key_cache=proxy_server.user_api_key_cache,
            user_id_upsert=False,
            proxy_logging_obj=proxy_server.proxy_logging_obj,
        )
    except Exception as error:
        if was_not_checked(error):
            raise LedgerUnavailable(NOT_CHECKED) from error
        if isinstance(error, ValueError):  # raised by LiteLLM for an unknown user
            return None
        raise
    return user.user_role if user is not None else None
