"""Ends abandoned calls: their process died, or their event was lost.

Safe on any number of replicas: the ledger only ends open holds with an expired lease.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import psycopg
from psycopg.rows import class_row

from billing.database.pool import Pool
from billing.database.statements import load_statements
from billing.errors import BillingError, LedgerUnavailable, Unavailable
from billing.ledger.endings import Ending
from billing.ledger.schemas import Hold, HoldStatus, Settlement
from billing.ledger.service import Ledger
from billing.metrics.instruments import SWEPT
from billing.prices.detail import rule_of_detail
from billing.prices.settlement import call_of_hold, estimated_settlement, priced_settlement

logger = logging.getLogger(__name__)

_BATCH_MAX = 200
_UNREADABLE = (  # permanently: the table is missing, from another version, or not accessible
    psycopg.errors.UndefinedTable,
    psycopg.errors.UndefinedColumn,
    psycopg.errors.InsufficientPrivilege,
)
_SLACK = timedelta(minutes=5)  # between LiteLLM's clock and the database's


@dataclass(frozen=True, slots=True)
class SpendLog:
    """One row of LiteLLM's spend log for a call."""

    spend: str
    model: str | None
    prompt_tokens: int | None
    completion_tokens: int | None
    total_tokens: int | None
    status: str | None
    model_group: str | None
    model_id: str | None
    cache_hit: str | None


class Sweeper:
    """Ends open holds whose lease has expired."""

    def __init__(self, ledger: Ledger, pool: Pool) -> None:
        self._ledger = ledger
        self._pool = pool
        self._spend_log_of_call = load_statements("billing.proxy.calls")["spend_log_of_call"]

    async def sweep(self) -> int:
        """Ends up to 200 holds. Returns how many it processed; Unavailable ends it early.

        A hold that cannot be ended is logged and counted, and retried next time.
        """
        holds = await self._ledger.due(_BATCH_MAX)
        for hold in holds:
            try:
                await self._end(hold)
            except Unavailable:
                raise
            except BillingError as error:
                SWEPT.labels("failed").inc()
                logger.error("call %s could not be ended: %s", hold.key, error)
            except Exception:  # a problem with one hold must not block those behind it
                SWEPT.labels("failed").inc()
                logger.exception("call %s could not be ended", hold.key)
            else:
                SWEPT.labels("ended").inc()
        return len(holds)

    async def end(self, key: str) -> bool:
        """Ends one hold if its lease has expired. Returns whether it has ended. Raises NotFound."""
        hold = await self._ledger.hold_of(key)
        if hold.status is HoldStatus.OPEN and hold.lease_expires_at <= datetime.now(UTC):
            await self._end(hold)
            hold = await self._ledger.hold_of(key)
        return hold.status is not HoldStatus.OPEN

    async def recover(self, key: str) -> bool:
        """Replaces the estimated charge of an ended call by the cost in LiteLLM's spend log.

        Returns False if the log has no chargeable cost. Raises NotFound, KeyConflict.
        """
        hold = await self._ledger.hold_of(key)
        logs = [log for log in await self._spend_logs(hold) if _is_cost(log)]
        if hold.status is HoldStatus.OPEN or not any(
            log.status != "failure" and Decimal(log.spend) > 0 for log in logs
        ):
            return False
        await self._ledger.settle(_logged(hold, logs))
        return True

    async def _end(self, hold: Hold) -> None:
        logs = [log for log in await self._spend_logs(hold) if _is_cost(log)]
        if any(log.status != "failure" or Decimal(log.spend) > 0 for log in logs):
            await self._ledger.settle(_logged(hold, logs))
        elif logs:
            await self._ledger.release(hold.key, Ending.FAILED)
        else:
            logger.warning("call %s ended without any event: charged by rule, listed for review", hold.key)
            charge = _by_rule(hold)
            await self._ledger.expire(hold.key, charge.amount_nanos, charge.description, charge.detail)

    async def _spend_logs(self, hold: Hold) -> list[SpendLog]:
        parameters = {
            "call_id": hold.key,
            "key_hash": hold.detail.get("key_hash"),
            "since": (hold.created_at - _SLACK).replace(tzinfo=None),
        }
        try:
            async with self._pool.connection() as connection:
                cursor = connection.cursor(row_factory=class_row(SpendLog))
                return await (await cursor.execute(self._spend_log_of_call, parameters)).fetchall()
        except _UNREADABLE as error:
            logger.error("LiteLLM's spend logs cannot be read, so calls end without them: %s", error)
            return []
        except psycopg.errors.QueryCanceled:  # only of this query; others may be found faster
            raise
        except psycopg.OperationalError as error:
            raise LedgerUnavailable("LiteLLM's spend logs cannot be reached.") from error


def _is_cost(log: SpendLog) -> bool:
    """Whether a logged spend can be charged.

    LiteLLM's column is a float, so it may be negative or NaN, and it is 0 if LiteLLM knew no price.
    """
    cost = Decimal(log.spend)
    unpriced = cost == 0 and log.total_tokens and log.status != "failure" and log.cache_hit != "True"
    return cost.is_finite() and cost >= 0 and not unpriced


def _by_rule(hold: Hold) -> Settlement:
    return estimated_settlement(
        call_of_hold(hold),
        Ending.NO_EVENT,
        basis="input",
        amount_nanos=hold.no_event_charge_nanos,
        rule=rule_of_detail(hold.detail, None, None),
        note="no event, input only",
    )


def _logged(hold: Hold, logs: list[SpendLog]) -> Settlement:
    cost = sum((Decimal(log.spend) for log in logs), Decimal(0))
    last = logs[-1]
    rule = rule_of_detail(hold.detail, last.model_group, last.model_id)
    return priced_settlement(
        call_of_hold(hold),
        Ending.FINISHED_FREE if rule.free else Ending.FINISHED,
        basis="spend_log",
        cost=cost,
        rule=rule,
        note="from the spend log",
        facts={
            "provider_cost": str(cost),
            "prompt_tokens": last.prompt_tokens,
            "completion_tokens": last.completion_tokens,
        },
        is_waived=not cost,  # a cached answer, or a failure
    )
