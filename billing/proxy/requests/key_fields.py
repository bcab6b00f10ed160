"""Limits what customers may set on keys they create for themselves: names, limits, models, nothing else.

LiteLLM keys can carry far more: routes, permissions, fallbacks, model aliases, tool servers, budget ids, log
destinations (with credentials from the gateway's environment), and metadata that LiteLLM reads by name. Any
of these may reach data of the operator or of another customer.
"""

from __future__ import annotations

from billing.errors import Forbidden
from billing.proxy.routes import Route

# The routes that write keys and that a billed key may call.
_NEW_KEYS = frozenset({"/key/generate", "/key/service-account/generate"})
KEY_WRITING = _NEW_KEYS | {"/key/update", "/key/regenerate", "/key/{key:path}/regenerate"}
# Which key, and whose.
_NAMES = {"key", "key_alias", "user_id", "team_id", "new_key", "grace_period"}
# The key's purpose and limits. LiteLLM checks them against those of the user and the team.
_LIMITS = {
    "key_type",
    "models",
    "duration",
    "max_budget",
    "budget_duration",
    "max_parallel_requests",
    "tpm_limit",
    "rpm_limit",
    "tpd_limit",
}
CUSTOMERS_TO_SET = frozenset(_NAMES | _LIMITS)


def check_key_fields(route: Route, body: object) -> None:
    """Raises Forbidden if a request sets a key field that is reserved for admins.

    Forms also send empty fields. Those have no effect on a new key, but would remove values of an existing
    one.
    """
    if route.path not in KEY_WRITING or not isinstance(body, dict):
        return
    says_nothing = _is_empty if route.path in _NEW_KEYS else _is_null
    named = next(
        (name for name, value in body.items() if name not in CUSTOMERS_TO_SET and not says_nothing(value)),
        None,
    )
    if named is not None:
        yours = ", ".join(sorted(CUSTOMERS_TO_SET))
        raise Forbidden(f"Only a proxy admin may set {named} of a key; you can set {yours}.")


def _is_empty(value: object) -> bool:
    match value:
        case dict():
            return all(_is_empty(each) for each in value.values())
        case list():
            return all(_is_empty(each) for each in value)
        case _:
            return value is None or value is False or value == ""


def _is_null(value: object) -> bool:
    return value is None
