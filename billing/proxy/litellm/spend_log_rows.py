"""Keeps one spend log row that cannot be written from stopping all others.

LiteLLM writes its spend logs in batches, and splits a batch whose rows Postgres refuses. A row that Prisma's
client or engine refuses before, like one with a value of another type, is no refusal of data to it: the batch
is put back and tried again for ever, and no call of this process is logged any more.
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
# What Prisma's client and engine raise of values that no column takes; the rest is about the database.
_OF_THE_ROWS = (
    FieldNotFoundError,
    InputError,
    MissingRequiredValueError,
    UnprocessableEntityError,
    BuilderError,
    TypeError,
    ValueError,
)
_SURROGATE = re.compile(r"\\u[dD][89a-fA-F]")  # in a column of JSON, which is text by now
WriteRows = Callable[[object, Sequence[Row], int], Awaitable[int]]


def guard_spend_log_rows() -> None:
    """Wraps what writes a batch of spend logs. Raises RuntimeError where it is not the function we know."""
    write: WriteRows = litellm_utils._create_spend_logs_with_poison_isolation
    check_known(SPEND_LOG_ROWS, write)
    litellm_utils._create_spend_logs_with_poison_isolation = isolating(write)


def isolating(write: WriteRows) -> WriteRows:
    """The same, which splits a batch until the rows that cannot be written are left out and reported.

    Where no row of a batch can be written, it is not the rows: the error is raised, and LiteLLM tries again.
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
    """The error of a row with a lone surrogate, at which the engine that writes it ends; None for others."""
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
    logger.error("left out the spend log of %s, which cannot be written: %s", row.get("request_id"), reason)
