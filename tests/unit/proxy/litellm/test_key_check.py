"""Which refusals of LiteLLM's mean that a key is bad, and which that nobody could look."""

from __future__ import annotations

import httpx
import litellm
import pytest
from fastapi import HTTPException
from litellm.proxy._types import ProxyErrorTypes, ProxyException
from litellm.proxy.db.db_lookup_gate import DBLookupDeadlineExceeded
from prisma.engine.utils import handle_response_errors

from billing.proxy.litellm.key_check import was_not_checked

REFUSAL = ProxyException("not found in db", ProxyErrorTypes.token_not_found_in_db, "key", 401)
NO_DATABASE = ProxyException("Service Unavailable", ProxyErrorTypes.no_db_connection, None, 503)


def from_engine(error_code: str, text: str, /, **meta: str) -> Exception:
    """What prisma-client-py raises for an error of its query engine."""
    facing = {"error_code": error_code, "message": text, "meta": meta, "is_panic": False}
    try:
        handle_response_errors(None, [{"error": text, "user_facing_error": facing}])  # type: ignore[arg-type]  # read by nobody
    except Exception as error:  # noqa: BLE001 - that is what is wanted
        return error


def raised_for(cause: Exception) -> Exception:
    """As LiteLLM wraps what it did not expect."""
    error = ValueError("User doesn't exist in db.")
    error.__context__ = cause
    return error


AWAY = {
    "starting up": from_engine("P2010", "Raw query failed", code="57P03", message="FATAL: not yet accepting"),
    "shutting down": from_engine("P2010", "Raw query failed", code="57P01", message="FATAL: terminating"),
    "closed": from_engine("P1017", "Server has closed the connection: the database system is starting up"),
    "out of reach": from_engine("P1001", "Can't reach database server at localhost:5432"),
    "full": from_engine("P2037", "Too many database connections opened: sorry, too many clients already"),
    "no connection free": from_engine("P2024", "Timed out fetching a new connection"),
    "silent": DBLookupDeadlineExceeded("key", 10),
    "no engine": httpx.ConnectError("All connection attempts failed"),
    "said so": NO_DATABASE,
}


@pytest.mark.parametrize("error", AWAY.values(), ids=AWAY)
def test_a_database_that_does_not_answer_says_nothing_of_a_key(error: Exception) -> None:
    assert was_not_checked(error)


@pytest.mark.parametrize("name", [name for name in AWAY if name != "said so"])
def test_neither_where_litellm_makes_another_error_of_it(name: str) -> None:
    assert was_not_checked(raised_for(AWAY[name]))


@pytest.mark.parametrize(
    "error",
    [
        REFUSAL,
        HTTPException(401, "expected to start with 'sk-'"),
        HTTPException(403, "blocked"),
        litellm.BudgetExceededError(current_cost=2, max_budget=1),
        Exception("Invalid proxy server token passed"),
        from_engine("P2010", "Raw query failed", code="22021", message="invalid byte sequence"),
        from_engine("P2002", "Unique constraint failed"),
        raised_for(KeyError("user")),
    ],
    ids=repr,
)
def test_whatever_else_is_a_refusal(error: Exception) -> None:
    assert not was_not_checked(error)
