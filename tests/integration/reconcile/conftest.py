"""A ledger, LiteLLM's own tables beside it, and the local Stripe: all that is compared."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from uuid import uuid4

import pytest

from billing.database import Pool, open_pool
from billing.features import Features, open_features
from billing.ledger.schemas import Entry, HoldRequest, Payer, Settlement, TransactionKind
from billing.ledger.service import Ledger
from billing.reconcile.schemas import Difference, Findings, Report, Source, Window
from billing.reconcile.service import Reconciliation, open_reconciliation
from billing.settings import Settings
from gateway.litellm_database import migrations as litellm_migrations
from tests.integration.conftest import API_KEY, sandbox
from tests.integration.plain_gateway import SECRET, Sandbox
from tests.postgres_server import PostgresServer, database_of

__all__ = ["sandbox"]  # one of its own: what is at Stripe is compared

KEY_HASH = "hash-of-alices-key"
INSERT_LOG = b"""
INSERT INTO public."LiteLLM_SpendLogs"
  (request_id, call_type, api_key, spend, "startTime", "endTime", metadata, status)
VALUES (%s, 'acompletion', %s, %s::text::float8, now() AT TIME ZONE 'UTC', now() AT TIME ZONE 'UTC', %s, %s)
"""


@dataclass(frozen=True)
class World:
    """What a gateway has: its ledger, and LiteLLM's log of the same calls."""

    settings: Settings
    pool: Pool
    ledger: Ledger
    reconciliation: Reconciliation
    billing: Features
    alice: Payer

    async def execute(self, statement: bytes, *values: object) -> list[tuple[object, ...]]:
        """Goes around all our code, as an operator with psql would."""
        async with self.pool.connection() as connection:
            cursor = await connection.execute(statement, values or None)
            return list(await cursor.fetchall()) if cursor.description else []

    async def alter(self, statement: bytes, *values: object) -> None:
        """Changes transactions, which the database itself refuses until its guard is taken away."""
        table = b'ALTER TABLE billing."LiteLLM_StripeTransactionTable" '
        await self.execute(table + b'DISABLE TRIGGER "append_only"')
        await self.execute(statement, *values)
        await self.execute(table + b'ENABLE ALWAYS TRIGGER "append_only"')

    async def credit(self, amount_nanos: int = 10**9) -> None:
        await self.ledger.post(
            Entry(self.alice, TransactionKind.CREDIT, amount_nanos, f"credit:{uuid4().hex}", "test")
        )

    async def hold(self, lease_s: int = 60, no_event_charge_nanos: int = 1_000) -> str:
        key = f"call_{uuid4().hex}"
        await self.ledger.hold(
            HoldRequest(
                key,
                self.alice,
                1_000_000,
                no_event_charge_nanos,
                lease_s,
                {"key_hash": KEY_HASH, "model": "m"},
            )
        )
        return key

    async def settle(
        self, key: str, cost: str, *, estimate: bool = False, response_id: str | None = None
    ) -> None:
        await self.ledger.settle(
            Settlement(
                key,
                round(Decimal(cost) * 10**9),
                "finished",
                "m",
                estimate=estimate,
                payer=self.alice,
                detail={"provider_cost": cost, "response_id": response_id},
            )
        )

    async def log(
        self,
        key: str,
        cost: str,
        *,
        request_id: str | None = None,
        status: str = "success",
        free: bool = False,
    ) -> str:
        """A row as LiteLLM writes it."""
        labels = {"billing_call_id": key} | ({"billing_free": True} if free else {})
        row_id = request_id or uuid4().hex
        metadata = json.dumps({"spend_logs_metadata": labels})
        await self.execute(INSERT_LOG, row_id, KEY_HASH, cost, metadata, status)
        return row_id

    async def call(self, cost: str = "0.000123456") -> str:
        """One that both sides agree on."""
        key = await self.hold()
        await self.settle(key, cost, response_id=await self.log(key, cost))
        return key

    async def run(self, *books: Source, apply: bool = False) -> Report:
        now = datetime.now(UTC)
        window = Window(now - timedelta(hours=2), now + timedelta(seconds=1))
        return await self.reconciliation.run(window, books=books or tuple(Source), apply=apply)

    async def compare(self, book: Source, *, apply: bool = False) -> Findings:
        [findings] = (await self.run(book, apply=apply)).books
        assert findings.failure is None
        return findings

    async def only(self, book: Source, *, apply: bool = False) -> Difference:
        """The one difference that there is."""
        [difference] = (await self.compare(book, apply=apply)).differences
        return difference

    async def topup(self, amount: str = "10.00") -> str:
        """Starts a top-up; the Checkout Session's id."""
        started = await self.billing.topups.start(self.alice, int(Decimal(amount) * 10**9))
        return started.checkout_session_id

    async def balance(self) -> int:
        return (await self.ledger.account(self.alice)).balance_nanos


@pytest.fixture(scope="session")
def both_template(postgres: PostgresServer, migrated_template: str) -> str:
    """A database with LiteLLM's tables and ours, as a gateway's is."""
    url = postgres.create_database(migrated_template)
    asyncio.run(litellm_migrations.migrate(url, lambda _: None))
    return database_of(url)


@pytest.fixture
def database_url(postgres: PostgresServer, both_template: str) -> Iterator[str]:
    with postgres.database(both_template) as url:
        yield url


@pytest.fixture
def settings(database_url: str, sandbox: Sandbox) -> Settings:
    return Settings.model_validate(
        {
            "database_url": database_url,
            "stripe_api_key": API_KEY,
            "stripe_webhook_secret": SECRET,
            "stripe_api_base": sandbox.url,
            "billing_public_url": "https://pay.example.com",
            "billing_reconcile_grace_s": 0,
        }
    )


@pytest.fixture
async def world(settings: Settings) -> AsyncIterator[World]:
    async with open_world(settings) as opened:
        yield opened


@asynccontextmanager
async def open_world(settings: Settings) -> AsyncIterator[World]:
    """One gateway's parts on these settings."""
    pool = await open_pool(settings, wait_s=10.0)
    try:
        async with (
            Ledger(pool, owner="test") as ledger,
            open_features(settings, pool, ledger) as billing,
            open_reconciliation(settings, pool, ledger) as reconciliation,
        ):
            alice = Payer("user_id", f"alice-{uuid4().hex[:8]}")
            yield World(settings, pool, ledger, reconciliation, billing, alice)
    finally:
        await pool.close()
