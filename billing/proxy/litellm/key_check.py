"""Answers 503 instead of 401 if LiteLLM could not check a key because Postgres did not answer.

LiteLLM 1.106.12 means to do so itself, but mistakes some answers of a Postgres that goes away or comes back
for invalid keys (`proxy/db/exception_handler.py`): raw queries that fail with 57P01 or 57P03, and Prisma's
"Server has closed the connection". A client that is told that its key is invalid does not retry.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator
from typing import NoReturn

import litellm
from fastapi import HTTPException
from litellm.proxy._types import ProxyErrorTypes, ProxyException
from litellm.proxy.auth.auth_exception_handler import UserAPIKeyAuthExceptionHandler
from litellm.proxy.db.exception_handler import PrismaDBExceptionHandler
from prisma.errors import DataError

from billing.errors import LedgerUnavailable
from billing.proxy.calls.call import current_call
from billing.proxy.litellm.hooks import refused
from billing.proxy.litellm.patches import ANSWER_REFUSED_KEY, check_known

# SQLSTATEs (https://www.postgresql.org/docs/current/errcodes-appendix.html): the connection failed; the
# server is full, shutting down, starting, or cancelled the statement; a system error.
_AWAY_STATES = ("08", "53", "57", "58")
# https://www.prisma.io/docs/orm/reference/error-reference: the connection failed; none was free.
_AWAY_CODES = ("P1", "P2024", "P2037")
_LINKS_MAX = 20
NOT_CHECKED = "Your key could not be checked because Postgres did not answer; try again later."


def guard_key_checks() -> None:
    """Wraps LiteLLM's function that answers requests with a refused key.

    Raises RuntimeError if LiteLLM's function is not the one we know.
    """
    answer = UserAPIKeyAuthExceptionHandler.handle_authentication_error
    check_known(ANSWER_REFUSED_KEY, answer)

    @functools.wraps(answer)
    async def answered(e: Exception, **facts: object) -> object:
        try:
            return await answer(e=e, **facts)
        except Exception as refusal:
            if not was_not_checked(e):
                raise
            raise_not_checked(refusal)

    UserAPIKeyAuthExceptionHandler.handle_authentication_error = staticmethod(answered)


def raise_not_checked(cause: Exception) -> NoReturn:
    """Refuses this request because Postgres did not answer."""
    raise refused(current_call.get(), LedgerUnavailable(NOT_CHECKED)) from cause


def was_not_checked(error: Exception) -> bool:
    """Whether a key was refused because the database did not answer, not because it is invalid."""
    if isinstance(error, ProxyException):
        return bool(error.type == ProxyErrorTypes.no_db_connection)
    if isinstance(error, HTTPException | litellm.BudgetExceededError):
        return False
    return any(map(_is_away, _chain(error)))


def _is_away(error: Exception) -> bool:
    if PrismaDBExceptionHandler.is_database_service_unavailable_error(error):
        return True
    if not isinstance(error, DataError):
        return False
    state = PrismaDBExceptionHandler.postgres_sqlstate(error)
    if state is not None:
        return str(state).startswith(_AWAY_STATES)
    return str(error.code).startswith(_AWAY_CODES)


def _chain(error: BaseException) -> Iterator[Exception]:
    """Yields the error and its causes."""
    link: BaseException | None = error
    for _ in range(_LINKS_MAX):
        if link is None:
            return
        if isinstance(link, Exception):
            yield link
        link = link.__cause__ or link.__context__
