"""Applies `migrations/` and records them in Prisma's table, for Prisma's own tools (docs/decisions/0003)."""

from __future__ import annotations

import hashlib
import uuid
from dataclasses import dataclass
from pathlib import Path

import psycopg

from billing.database.pool import SCHEMA, Connection, connect, conninfo_for
from billing.database.statements import load_statements
from billing.database.url import read_url
from billing.errors import LedgerUnavailable, MigrationConflict

_SQL = load_statements("billing.database")
_LOCK_ID = 0x70726F78796C6C6D  # "proxyllm": unlikely to collide with another advisory lock
_LOCK_WAIT_S = 60

# In a checkout the folder is next to the package; a wheel contains it.
_PLACES = (Path(__file__).parents[2] / "migrations", Path(__file__).parent / "applied_sql")


@dataclass(frozen=True, slots=True)
class Migration:
    """One folder of `migrations/`: its name and SQL."""

    name: str
    sql: bytes

    @property
    def checksum(self) -> str:
        """The checksum Prisma stores: SHA-256 of the file, in hex."""
        return hashlib.sha256(self.sql).hexdigest()


def read_migrations(directory: Path | None = None) -> list[Migration]:
    """Reads all migrations, ordered by name. Raises MigrationConflict if there are none."""
    place = directory or next((place for place in _PLACES if place.is_dir()), _PLACES[0])
    migrations = [Migration(file.parent.name, file.read_bytes()) for file in place.glob("*/migration.sql")]
    if not migrations:
        raise MigrationConflict(f"no migrations in {place}")
    return sorted(migrations, key=lambda migration: migration.name)


async def migrate(database_url: str, *, directory: Path | None = None) -> list[str]:
    """Applies the missing migrations, all or none, and returns the names of those it applied.

    Safe to run from any number of processes: an advisory lock lets one of them work, and the others then
    find nothing to do. Migrations that only a newer release knows are left untouched.

    Raises MigrationConflict if an applied migration was changed, left half-done, or fails now;
    DatabaseUrlInvalid and LedgerUnavailable like `open_pool`.
    """
    migrations = read_migrations(directory)
    conninfo = conninfo_for(read_url(database_url), application_name="proxyllm migrate", wait_s=_LOCK_WAIT_S)
    connection = await connect(conninfo)
    try:
        async with connection, connection.transaction():
            return await _migrate_locked(connection, migrations)
    except psycopg.OperationalError as error:
        raise LedgerUnavailable(f"Lost connection to Postgres during migration: {_line(error)}") from error
    except psycopg.Error as error:
        raise MigrationConflict(f"The billing schema could not be set up: {_line(error)}") from error


async def _migrate_locked(connection: Connection, migrations: list[Migration]) -> list[str]:
    await connection.execute("SELECT pg_advisory_xact_lock(%s)", (_LOCK_ID,))
    if not await _has_schema(connection):  # checked first: only creating it needs the privilege
        await connection.execute(f"CREATE SCHEMA {SCHEMA}".encode())
    await connection.execute(f"SET LOCAL search_path = {SCHEMA}".encode())
    await connection.execute(_SQL["migrations_table"])

    recorded = await _recorded(connection)
    pending = [migration for migration in migrations if not _is_applied(migration, recorded)]
    for migration in pending:
        await _apply(connection, migration)
    return [migration.name for migration in pending]


async def _has_schema(connection: Connection) -> bool:
    cursor = await connection.execute("SELECT 1 FROM pg_namespace WHERE nspname = %s", (SCHEMA,))
    return await cursor.fetchone() is not None


async def _recorded(connection: Connection) -> dict[str, str]:
    cursor = await connection.execute(_SQL["migrations_recorded"])
    recorded = {}
    for name, checksum, finished in await cursor.fetchall():
        if not finished:
            raise MigrationConflict(
                f"Migration {name} was left half-done; repair the schema, then run `prisma migrate resolve`."
            )
        recorded[name] = checksum
    return recorded


def _is_applied(migration: Migration, recorded: dict[str, str]) -> bool:
    checksum = recorded.get(migration.name)
    if checksum is not None and checksum != migration.checksum:
        raise MigrationConflict(
            f"Migration {migration.name} was changed after this database applied it; restore the file and "
            "write a new migration instead."
        )
    return checksum is not None


async def _apply(connection: Connection, migration: Migration) -> None:
    try:
        await connection.execute(migration.sql)
    except psycopg.OperationalError:
        raise
    except psycopg.Error as error:
        raise MigrationConflict(f"Migration {migration.name} failed: {_line(error)}") from error
    await connection.execute(_SQL["migration_done"], (str(uuid.uuid4()), migration.checksum, migration.name))


def _line(error: psycopg.Error) -> str:
    return " ".join(str(error).split())
