"""Applies LiteLLM's migrations and records them like `prisma migrate deploy`, which then finds none.

The table, the checksum and the advisory lock are Prisma's
(https://github.com/prisma/prisma-engines/blob/5.17.0/schema-engine/connectors/sql-schema-connector/src/sql_migration_persistence.rs),
so that LiteLLM's own runner in another replica waits for us, and we for it.
"""

from __future__ import annotations

import asyncio
import hashlib
import re
import uuid
from dataclasses import dataclass
from pathlib import Path
from typing import LiteralString

import psycopg
from psycopg import AsyncConnection

from billing.database.url import LITELLM_SCHEMA, read_url
from gateway.failures import DatabaseUnusable
from gateway.litellm_database.client import package_directory
from gateway.litellm_database.progress import Progress

TRY_LOCK = "SELECT pg_try_advisory_lock(72707369)"
LOCK_POLL_S = 0.1
LOCK_WITHIN_S = 60
CONNECT_WITHIN_S = 10

CREATE_HISTORY = """
CREATE TABLE IF NOT EXISTS _prisma_migrations (
    id                  VARCHAR(36) PRIMARY KEY NOT NULL,
    checksum            VARCHAR(64) NOT NULL,
    finished_at         TIMESTAMPTZ,
    migration_name      VARCHAR(255) NOT NULL,
    logs                TEXT,
    rolled_back_at      TIMESTAMPTZ,
    started_at          TIMESTAMPTZ NOT NULL DEFAULT now(),
    applied_steps_count INTEGER NOT NULL DEFAULT 0
)
"""
HAS_SCHEMA = "SELECT EXISTS (SELECT FROM pg_namespace WHERE nspname = %s)"
HAS_HISTORY = "SELECT to_regclass('_prisma_migrations') IS NOT NULL"
HAS_TABLES = """SELECT to_regclass('"LiteLLM_VerificationToken"') IS NOT NULL"""
HISTORY = """
SELECT migration_name, finished_at IS NOT NULL
FROM _prisma_migrations WHERE rolled_back_at IS NULL ORDER BY started_at
"""
RECORD = """
INSERT INTO _prisma_migrations (id, checksum, migration_name, started_at, finished_at, applied_steps_count)
VALUES (%s, %s, %s, now(), clock_timestamp(), 1)
"""


@dataclass(frozen=True, slots=True)
class Migration:
    """A folder of `migrations/`: its name and its SQL, byte for byte."""

    name: str
    script: bytes

    @property
    def runs_alone(self) -> bool:
        """Whether PostgreSQL rejects it in a transaction; LiteLLM makes those repeatable."""
        statements = re.sub(rb"--[^\n]*", b"", self.script)
        return re.search(rb"\bCONCURRENTLY\b", statements, re.IGNORECASE) is not None


async def migrate(database_url: str, progress: Progress) -> int:
    """Applies the missing migrations in order; returns their number.

    `database_url` is LiteLLM's, without a transaction pooler. Each migration and its record are one
    transaction, so a killed run leaves nothing half-done. Raises DatabaseUnusable naming what failed and what
    to do.
    """
    migrations = _installed()
    try:
        async with await _connect(database_url) as connection:
            await _lock(connection)
            applied = await _applied(connection)
            missing = [migration for migration in migrations if migration.name not in applied]
            if missing:
                progress(f"Applying {len(missing)} of LiteLLM's migrations")
            for migration in missing:
                await _apply(connection, migration)
    except psycopg.OperationalError as error:
        raise DatabaseUnusable(f"LiteLLM's database does not answer: {_first_line(error)}") from error
    return len(missing)


def _installed() -> list[Migration]:
    root = package_directory("litellm_proxy_extras") / "migrations"
    return [
        Migration(folder.name, (folder / "migration.sql").read_bytes())
        for folder in sorted(Path(root).iterdir())
        if folder.is_dir()
    ]


async def _connect(database_url: str) -> AsyncConnection:
    target = read_url(database_url)
    connection = await AsyncConnection.connect(
        target.conninfo, autocommit=True, connect_timeout=CONNECT_WITHIN_S
    )
    if not await _is_true(connection, HAS_SCHEMA, LITELLM_SCHEMA):
        await connection.execute(f"CREATE SCHEMA IF NOT EXISTS {LITELLM_SCHEMA}")
    await connection.execute(f"SET search_path TO {LITELLM_SCHEMA}")
    return connection


async def _lock(connection: AsyncConnection) -> None:
    """Acquires the lock by polling: a waiting statement holds a snapshot, for which CREATE INDEX CONCURRENTLY
    of the lock's holder would wait, a deadlock.
    """
    try:
        async with asyncio.timeout(LOCK_WITHIN_S):
            while not await _is_true(connection, TRY_LOCK):  # noqa: ASYNC110 - see above
                await asyncio.sleep(LOCK_POLL_S)
    except TimeoutError as error:
        raise DatabaseUnusable(
            f"another process has been migrating LiteLLM's database for {LOCK_WITHIN_S} s"
        ) from error


async def _applied(connection: AsyncConnection) -> set[str]:
    """Returns the names of the applied migrations. Raises DatabaseUnusable if the history is unclear."""
    if not await _is_true(connection, HAS_HISTORY):
        if await _is_true(connection, HAS_TABLES):
            raise DatabaseUnusable(
                "LiteLLM's tables exist without a migration history: "
                "run `litellm --skip_server_startup` on them once"
            )
        await connection.execute(CREATE_HISTORY)
        return set()
    rows = await (await connection.execute(HISTORY)).fetchall()
    finished = {name for name, is_finished in rows if is_finished}
    if failed := [name for name, is_finished in rows if not is_finished and name not in finished]:
        raise DatabaseUnusable(
            f"LiteLLM's migration {failed[0]} failed earlier: repair it, then run `prisma migrate resolve`"
        )
    return finished


async def _is_true(connection: AsyncConnection, query: LiteralString, *parameters: str) -> bool:
    row = await (await connection.execute(query, parameters)).fetchone()
    return row is not None and bool(row[0])


async def _apply(connection: AsyncConnection, migration: Migration) -> None:
    record = (str(uuid.uuid4()), hashlib.sha256(migration.script).hexdigest(), migration.name)
    try:
        if migration.runs_alone:
            await connection.execute(migration.script)
            await connection.execute(RECORD, record)
            return
        async with connection.transaction():
            await connection.execute(migration.script)
            await connection.execute(RECORD, record)
    except psycopg.OperationalError:
        raise
    except psycopg.Error as error:
        raise DatabaseUnusable(
            f"LiteLLM's migration {migration.name} failed: {_first_line(error)}"
        ) from error


def _first_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0]
