"""Prevents one spend log row that cannot be written from blocking all others.

LiteLLM writes its spend logs in batches, and splits a batch whose rows Postgres rejects. A row that Prisma's
client or engine rejects earlier, such as one with a value of a wrong type, does not count as rejected data:
the batch is retried forever, and no later call of this process is logged.
"""

from __future__ import annotations

import functools
import json
import logging
import re
from collections.abc import Awaitable, Callable, Mapping, Sequence

from litellm.proxy import utils as litellm_utils
from prisma.engine.errors import UnprocessableEntityError
from prisma.errors import BuilderError, FieldNotFoundError, InputError, MissingRequiredValueError

from billing.metrics.instruments import SPEND_LOG_ROWS_DROPPED
from billing.proxy.litellm.key_check import was_not_checked
from billing.proxy.litellm.patches import SPEND_LOG_ROWS, check_known

logger = logging.getLogger(__name__)

Row = Mapping[str, object]
# Raised by Prisma's client and engine for invalid values; other errors concern the database.
_OF_THE_ROWS = (
    FieldNotFoundError,
    InputError,
    MissingRequiredValueError,
    UnprocessableEntityError,
    BuilderError,
    TypeError,
    ValueError,
)
_SURROGATE = re.compile(r"\\u[dD][89a-fA-F]")  # in a JSON column, which is already encoded as text
WriteRows = Callable[[object, Sequence[Row], int], Awaitable[int]]


def guard_spend_log_rows() -> None:
    """Wraps the function that writes a batch of spend logs.

    Raises RuntimeError if it is not the one we know.
    """
    write: WriteRows = litellm_utils._create_spend_logs_with_poison_isolation
    check_known(SPEND_LOG_ROWS, write)
    litellm_utils._create_spend_logs_with_poison_isolation = isolating(write)


def isolating(write: WriteRows) -> WriteRows:
    """Wraps `write` to split a batch until the rows that cannot be written are dropped and reported.

    If no row of a batch can be written, the rows are not the problem: the error is raised, and LiteLLM
    retries.
    """

    @functools.wraps(write)
    async def write_isolated(repo: object, rows: Sequence[Row], failure_budget: int) -> int:
        broken = [(row, error) for row in rows if (error := _why_no_text(row)) is not None]
        texts = [row for row in rows if _why_no_text(row) is None] if broken else rows
        refused: list[tuple[Row, Exception]] = []
        if texts:
            failure_budget = await _split(write, repo, texts, failure_budget, refused)
        if refused and len(refused) == len(texts):
            raise refused[0][1]
        for row, error in (*broken, *refused):
            _report(row, error)
        return failure_budget

    return write_isolated


def _why_no_text(row: Row) -> Exception | None:
    """Returns the error for a row with an unpaired surrogate, which would crash the engine, or None."""
    for value in row.values():
        try:
            if isinstance(value, str):
                value.encode()
                if _SURROGATE.search(value) is not None:
                    json.dumps(json.loads(value), ensure_ascii=False).encode()
        except ValueError as error:
            return error
    return None


async def _split(
    write: WriteRows, repo: object, rows: Sequence[Row], budget: int, refused: list[tuple[Row, Exception]]
) -> int:
    try:
        return await write(repo, rows, budget)
    except _OF_THE_ROWS as error:
        if was_not_checked(error):
            raise
        if len(rows) == 1:
            refused.append((rows[0], error))
            return budget
    middle = len(rows) // 2
    budget = await _split(write, repo, rows[:middle], budget, refused)
    return await _split(write, repo, rows[middle:], budget, refused)


def _report(row: Row, error: Exception) -> None:
    SPEND_LOG_ROWS_DROPPED.inc()
    reason = f"{type(error).__name__}: {str(error)[:500]}"
    logger.error("dropped the spend log of %s, which cannot be written: %s", row.get("request_id"), reason)
