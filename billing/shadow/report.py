"""Reports what shadow mode saw: a line per customer and model, compared with LiteLLM's own spend log."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal

import psycopg
from psycopg.rows import class_row

from billing.errors import NotConfigured
from billing.ledger.reader import LedgerReader
from billing.settings import CustomerType
from billing.shadow.recorder import SQL

LINES_MAX = 10_000
_SLACK = timedelta(minutes=5)  # between LiteLLM's clock and the database's
_Key = tuple[str | None, str | None, str | None]


@dataclass(frozen=True, slots=True)
class ReportLine:
    """Calls of a customer to a model. Amounts are nanos, costs are major units."""

    customer_type: CustomerType | None
    customer_id: str | None  # None: the keys have no customer to bill
    model: str | None
    calls: int
    unfinished: int  # running, or their end was not recorded
    charged: int  # total charge of the calls that would not have been refused
    refused: int
    charged_if_not_refused: int
    provider_cost: Decimal  # of all calls, from LiteLLM's events
    refusals: dict[str, int] = field(default_factory=dict)  # by code
    logged_cost: Decimal = Decimal(0)  # of all calls, from LiteLLM's spend log

    @property
    def difference(self) -> Decimal:
        """The spend log's cost minus the events'; the log is written up to a minute later."""
        return self.logged_cost - self.provider_cost


async def shadow_report(books: LedgerReader, since: datetime, until: datetime) -> list[ReportLine]:
    """Returns the lines, the highest first.

    Raises NotConfigured if LiteLLM has no spend log in this database.
    """
    values = {
        "since": since,
        "until": until,
        "limit": LINES_MAX,
        "log_since": (since - _SLACK).replace(tzinfo=None),
    }
    refusals: dict[_Key, dict[str, int]] = defaultdict(dict)
    async with books.connection() as connection:
        cursor = connection.cursor(row_factory=class_row(ReportLine))
        lines = await (await cursor.execute(SQL["report"], values)).fetchall()
        for *key, code, count in await (await connection.execute(SQL["refusals"], values)).fetchall():
            refusals[_key(key)][code] = count
        try:
            rows = await (await connection.execute(SQL["logged"], values)).fetchall()
        except psycopg.errors.UndefinedTable as error:
            raise NotConfigured(
                "LiteLLM has no spend log in this database; run `proxyllm migrate`."
            ) from error
    logged = {_key(key): cost for *key, cost in rows}
    return [_completed(line, refusals, logged) for line in lines]


def _key(row: list[str | None]) -> _Key:
    customer_type, customer_id, model = row
    return customer_type, customer_id, model


def _completed(
    line: ReportLine, refusals: dict[_Key, dict[str, int]], logged: dict[_Key, Decimal]
) -> ReportLine:
    key: _Key = (line.customer_type, line.customer_id, line.model)
    return ReportLine(
        line.customer_type,
        line.customer_id,
        line.model,
        line.calls,
        line.unfinished,
        line.charged,
        line.refused,
        line.charged_if_not_refused,
        line.provider_cost,
        refusals.get(key, {}),
        logged.get(key, Decimal(0)),
    )
