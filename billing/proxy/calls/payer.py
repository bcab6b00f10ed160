"""Finds the payer of a call from the key alone: body `user`, headers and metadata are labels."""

from __future__ import annotations

from typing import Protocol

from billing.errors import NoPayer
from billing.ledger.schemas import Payer
from billing.settings import Settings

ADMIN_ROLES = frozenset({"proxy_admin"})
TRUSTED_BACKEND = "billing_trusted_backend"  # key metadata, which only an admin may set
VIEWER_ROLES = frozenset({"proxy_admin", "proxy_admin_viewer"})


class Key(Protocol):
    """The part of LiteLLM's `UserAPIKeyAuth` that billing reads."""

    token: str | None
    user_id: str | None
    team_id: str | None
    end_user_id: str | None
    user_role: object
    metadata: dict[str, object]


def role_of(key: Key) -> str:
    """Returns LiteLLM's role as a plain word; empty if the key has none."""
    return str(getattr(key.user_role, "value", key.user_role) or "")


def is_exempt(key: Key, settings: Settings) -> bool:
    """Whether calls of this key are neither billed nor restricted: proxy admins, and users named in settings.

    Key metadata is ignored: LiteLLM lets users write the metadata of keys they create themselves.
    """
    if role_of(key) in ADMIN_ROLES:
        return True
    return key.user_id is not None and key.user_id in settings.exempt_users


def payer_of(key: Key, settings: Settings) -> Payer:
    """Returns the customer that the key's calls are billed to, by STRIPE_CHARGE_BY. Raises NoPayer."""
    charge_by = settings.stripe_charge_by
    if charge_by == "end_user_id":
        return Payer("end_user_id", _end_user(key))
    identity = {"user_id": key.user_id, "team_id": key.team_id, "api_key": key.token}[charge_by]
    if not identity:
        raise NoPayer(
            f"This key has no {charge_by.removesuffix('_id')}, so nobody can be billed for its calls. "
            f"Ask the operator for a key with a {charge_by}."
        )
    return Payer(charge_by, identity)


def _end_user(key: Key) -> str:
    if key.metadata.get(TRUSTED_BACKEND) is not True:
        raise NoPayer(
            "STRIPE_CHARGE_BY=end_user_id bills whom the request names, so it requires a key whose metadata "
            f"says {TRUSTED_BACKEND}: true."
        )
    if not key.end_user_id:
        raise NoPayer("Name the customer to bill in the request's `user` field.")
    return key.end_user_id
