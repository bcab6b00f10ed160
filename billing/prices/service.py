"""Keeps the price rules in memory, so that no call waits for the database to be priced."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal

import psycopg
from psycopg.rows import class_row

from billing.database import Connection, Pool, load_statements
from billing.errors import BadRequest, Conflict, KeyConflict, LedgerUnavailable, NotFound
from billing.ledger.connection import postgres_errors
from billing.ledger.schemas import Payer
from billing.prices.book import CallPrices, PriceBook
from billing.prices.rule import PriceRule, Scope
from billing.prices.schemas import PriceRequest
from billing.settings import CustomerType

_SQL = load_statements("billing.prices")
RULES_MAX = 10_000  # rules of the API that are in force or planned
_READ_MAX = 2 * RULES_MAX  # concurrent requests may exceed the maximum
_ID = "price_"


@dataclass(frozen=True, slots=True)
class StoredRule:
    """A row of the rule history."""

    id: int
    customer_type: CustomerType | None
    customer_id: str | None
    team_id: str | None
    model: str | None
    provider: str | None
    multiplier: Decimal
    fee: int
    floor: int
    free: bool
    valid_from: datetime
    valid_until: datetime | None
    reason: str
    created_by: str | None
    created_at: datetime
    ended_by: str | None

    @property
    def rule(self) -> PriceRule:
        """Builds the price rule of this row."""
        customer = (
            Payer(self.customer_type, self.customer_id) if self.customer_type and self.customer_id else None
        )
        return PriceRule(
            multiplier=self.multiplier.normalize() + 0,
            fee_nanos=self.fee,
            floor_nanos=self.floor,
            free=self.free,
            scope=Scope(customer, self.team_id, self.model, self.provider),
            id=f"{_ID}{self.id}",
            source="api",
            valid_from=self.valid_from,
            valid_until=self.valid_until,
            ordinal=self.id,
        )


@dataclass(frozen=True, slots=True)
class HistoryQuery:
    """A page of the history, newest first."""

    limit: int = 50
    before_id: int | None = None
    ended: bool = False  # include rules that have ended
    customer: Payer | None = None


class Prices:
    """The price rules of one process, kept up to date by `refresh`.

    A rule created or ended here applies immediately in this process, and in others after their next refresh.
    If the database is unreachable for more than `stale_max_s`, no call is admitted.
    """

    def __init__(self, pool: Pool, configured: Sequence[PriceRule], *, stale_max_s: float) -> None:
        self._pool = pool
        self._configured = tuple(configured)
        self._stale_max_s = stale_max_s
        self._book = PriceBook(self._configured)
        self._fingerprint: tuple[int, int] | None = None
        self._reading = asyncio.Lock()
        self._clock: tuple[datetime, float] | None = None  # the database's, and ours at that moment

    @property
    def configured(self) -> tuple[PriceRule, ...]:
        """The rules of the configuration file."""
        return self._configured

    def now(self) -> datetime:
        """The database's current time, which decides when rules begin and end.

        Raises LedgerUnavailable if stale.
        """
        if self._clock is None:
            raise LedgerUnavailable("Price rules have not been read yet; try again shortly.")
        moment, read_at = self._clock
        age_s = time.monotonic() - read_at
        if age_s > self._stale_max_s:
            raise LedgerUnavailable("Price rules could not be read for too long; try again shortly.")
        return moment + timedelta(seconds=age_s)

    def prices_for(self, payer: Payer, team_id: str | None) -> PriceRule | CallPrices:
        """Returns the rules for a call of this customer admitted now. Raises LedgerUnavailable if stale."""
        return self._book.prices_for(payer, team_id, self.now())

    async def refresh(self) -> None:
        """Reads the clock, and the rules if they changed. Raises LedgerUnavailable."""
        async with self._connection() as connection:
            await self._refresh_in(connection)

    async def _refresh_in(self, connection: Connection) -> None:
        async with self._reading:  # otherwise a slow read from before a change would undo it
            await self._read(connection)

    async def _read(self, connection: Connection) -> None:
        asked_at = time.monotonic()
        row = await (await connection.execute(_SQL["fingerprint"])).fetchone()
        assert row is not None  # an aggregate always answers
        moment, *numbers = row
        fingerprint = (int(numbers[0]), int(numbers[1]))
        if fingerprint != self._fingerprint:
            rules = await _rows(connection, "rules_ahead", limit=_READ_MAX + 1)
            if len(rules) > _READ_MAX:
                raise LedgerUnavailable(f"There are more than {_READ_MAX} price rules; end some.")
            self._book = PriceBook((*self._configured, *(stored.rule for stored in rules)))
            self._fingerprint = fingerprint
        self._clock = (moment, asked_at)

    async def make(self, request: PriceRequest, charge_by: CustomerType, actor: str | None) -> StoredRule:
        """Creates a rule, once per idempotency key.

        Raises BadRequest for a rule that would begin or end in the past, Conflict if there are too many
        rules, KeyConflict if the key created a different rule.
        """
        scope = request.scope(charge_by)
        values: dict[str, object] = {
            "customer_type": scope.customer.customer_type if scope.customer else None,
            "customer_id": scope.customer.customer_id if scope.customer else None,
            "team_id": scope.team_id,
            "model": scope.model,
            "provider": scope.provider,
            "multiplier": request.multiplier,
            "fee": request.fee_nanos,
            "floor": request.floor_nanos,
            "free": request.free,
            "valid_from": request.valid_from,
            "valid_until": request.valid_until,
            "idempotency_key": request.idempotency_key,
            "reason": request.reason,
            "created_by": actor,
        }
        async with self._connection() as connection:
            known = await _known(connection, request.idempotency_key)
            made = known or await self._insert(connection, values)
            await self._refresh_in(connection)
        if request.idempotency_key is not None and not _same(made, scope, request):
            raise KeyConflict("This idempotency key was used for another rule.", param="idempotency_key")
        return made

    async def _insert(self, connection: Connection, values: dict[str, object]) -> StoredRule:
        row = await (await connection.execute(_SQL["count_ahead"])).fetchone()
        if row is not None and row[0] >= RULES_MAX:
            raise Conflict(f"There are {RULES_MAX} current and future rules; end some first.")
        try:
            rows = await _rows(connection, "make_rule", **values)
        except psycopg.errors.RestrictViolation as error:
            raise BadRequest(
                "valid_from must not be in the past: existing charges do not change.", param="valid_from"
            ) from error
        except psycopg.errors.CheckViolation as error:
            raise BadRequest("valid_until must be after valid_from.", param="valid_until") from error
        made = rows[0] if rows else await _known(connection, str(values["idempotency_key"]))
        if made is None:
            raise LedgerUnavailable("The price rule was not created; try again.")
        return made

    async def end(self, rule_id: str, actor: str | None) -> StoredRule:
        """Ends a rule immediately; ended rules stay as they are. Raises NotFound, Conflict."""
        if rule_id.startswith("config:"):
            raise Conflict("This rule is in the configuration file: end it there, or override it.")
        number = rule_id.removeprefix(_ID)
        if not number.isascii() or not number.isdecimal() or len(number) > 18:
            raise NotFound(f"There is no price rule {rule_id}.")
        async with self._connection() as connection:
            ended = await _rows(connection, "end_rule", id=int(number), ended_by=actor)
            rows = ended or await _rows(connection, "rule_by_id", id=int(number))
            await self._refresh_in(connection)
        if not rows:
            raise NotFound(f"There is no price rule {rule_id}.")
        return rows[0]

    async def history(self, query: HistoryQuery) -> list[StoredRule]:
        """Returns a page of the rules created by the API."""
        customer = query.customer
        async with self._connection() as connection:
            return await _rows(
                connection,
                "rules_page",
                limit=query.limit,
                before_id=query.before_id,
                ended=query.ended,
                customer_type=customer.customer_type if customer else None,
                customer_id=customer.customer_id if customer else None,
            )

    @asynccontextmanager
    async def _connection(self) -> AsyncIterator[Connection]:
        async with postgres_errors(), self._pool.connection() as connection:
            yield connection


async def _rows(connection: Connection, name: str, **values: object) -> list[StoredRule]:
    cursor = connection.cursor(row_factory=class_row(StoredRule))
    return await (await cursor.execute(_SQL[name], values)).fetchall()


async def _known(connection: Connection, idempotency_key: str | None) -> StoredRule | None:
    if idempotency_key is None:
        return None
    rows = await _rows(connection, "rule_by_idempotency_key", idempotency_key=idempotency_key)
    return rows[0] if rows else None


def _same(known: StoredRule, scope: Scope, request: PriceRequest) -> bool:
    """Whether a repeat asks for the rule that was made; where it names no beginning, any."""
    rule = known.rule
    asked = (scope, request.multiplier, request.fee_nanos, request.floor_nanos, request.free)
    made = (rule.scope, rule.multiplier, rule.fee_nanos, rule.floor_nanos, rule.free)
    begins = request.valid_from in (None, rule.valid_from)
    ends = known.ended_by is not None or request.valid_until == rule.valid_until
    return asked == made and begins and ends
