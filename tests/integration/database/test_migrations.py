"""Applying migrations: once, by anyone, all or nothing, and never over what is not ours."""

from __future__ import annotations

import asyncio
import hashlib
import shutil
from pathlib import Path

import psycopg
import pytest

from billing.database import migrate, open_pool
from billing.database.migrations import read_migrations
from billing.errors import DatabaseUrlInvalid, LedgerUnavailable, MigrationConflict, NotConfigured
from billing.settings import Settings
from tests.postgres_server import PostgresServer

FOLDER = Path(__file__).parents[3] / "migrations"


@pytest.fixture
def empty_url(postgres: PostgresServer) -> str:
    return postgres.create_database()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A copy of our migrations that a test may change."""
    return Path(shutil.copytree(FOLDER, tmp_path / "migrations"))


def add(folder: Path, name: str, sql: str) -> None:
    (folder / name).mkdir()
    (folder / name / "migration.sql").write_text(sql)


async def test_all_are_applied_in_order_and_then_nothing_is_left(empty_url: str) -> None:
    names = [migration.name for migration in read_migrations()]
    assert names == sorted(path.parent.name for path in FOLDER.glob("*/migration.sql"))
    assert await migrate(empty_url) == names
    assert await migrate(empty_url) == []


async def test_three_starting_at_once_apply_each_once(empty_url: str) -> None:
    applied = await asyncio.gather(*(migrate(empty_url) for _ in range(3)))
    assert sorted(applied) == [[], [], [migration.name for migration in read_migrations()]]


async def test_the_record_is_prismas(empty_url: str) -> None:
    await migrate(empty_url)
    with psycopg.connect(empty_url) as connection:
        rows = connection.execute(
            "SELECT migration_name, checksum, applied_steps_count FROM billing._prisma_migrations"
            " WHERE finished_at >= started_at AND rolled_back_at IS NULL AND length(id) = 36"
            " ORDER BY migration_name"
        ).fetchall()
    assert rows == [
        (path.parent.name, hashlib.sha256(path.read_bytes()).hexdigest(), 1)
        for path in sorted(FOLDER.glob("*/migration.sql"))
    ]


async def test_the_public_schema_is_left_alone(empty_url: str) -> None:
    await migrate(empty_url)
    with psycopg.connect(empty_url) as connection:
        assert connection.execute("SELECT 1 FROM pg_tables WHERE schemaname = 'public'").fetchall() == []


async def test_a_new_migration_is_applied_alone(empty_url: str, folder: Path) -> None:
    await migrate(empty_url)
    add(folder, "29990101000000_next", "CREATE TABLE next (id INT);")
    assert await migrate(empty_url, directory=folder) == ["29990101000000_next"]
    assert await migrate(empty_url) == []  # an older release on a newer schema


async def test_a_failing_migration_changes_nothing_at_all(empty_url: str, folder: Path) -> None:
    add(folder, "29990101000000_wrong", "CREATE TABLE half (id INT); SELECT nonsense;")
    with pytest.raises(MigrationConflict, match="29990101000000_wrong failed"):
        await migrate(empty_url, directory=folder)
    with psycopg.connect(empty_url) as connection:
        assert connection.execute("SELECT 1 FROM pg_namespace WHERE nspname = 'billing'").fetchall() == []


async def test_a_changed_migration_is_found(empty_url: str, folder: Path) -> None:
    await migrate(empty_url)
    file = folder / read_migrations()[0].name / "migration.sql"
    file.write_text(file.read_text() + "\n-- changed")
    with pytest.raises(MigrationConflict, match="was changed after"):
        await migrate(empty_url, directory=folder)


async def test_a_migration_left_half_done_by_another_tool_is_found(empty_url: str) -> None:
    await migrate(empty_url)
    with psycopg.connect(empty_url) as connection:
        connection.execute("UPDATE billing._prisma_migrations SET finished_at = NULL")
    with pytest.raises(MigrationConflict, match="half-done"):
        await migrate(empty_url)


async def test_a_folder_without_migrations_is_named(empty_url: str, tmp_path: Path) -> None:
    with pytest.raises(MigrationConflict, match="no migrations"):
        await migrate(empty_url, directory=tmp_path)


async def test_a_user_without_rights_is_told(postgres: PostgresServer, empty_url: str) -> None:
    postgres.execute("CREATE ROLE poor LOGIN")
    with pytest.raises(MigrationConflict, match="permission denied"):
        await migrate(empty_url.replace("postgres:@", "poor:@"))


class TestConnecting:
    @pytest.mark.parametrize("work", [migrate, open_pool])
    async def test_to_nothing_says_so(self, work: object) -> None:
        assert callable(work)
        with pytest.raises(LedgerUnavailable, match="cannot be reached"):
            await work("postgresql://nobody@127.0.0.1:1/app")

    async def test_to_a_database_that_does_not_exist_says_so(self, postgres: PostgresServer) -> None:
        with pytest.raises(LedgerUnavailable, match='"missing" does not exist'):
            await open_pool(postgres.url("missing"))

    async def test_without_a_url_names_the_setting(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.delenv("DATABASE_URL", raising=False)
        with pytest.raises(NotConfigured, match="DATABASE_URL"):
            await open_pool(Settings())

    async def test_with_a_wrong_url_is_refused(self) -> None:
        with pytest.raises(DatabaseUrlInvalid):
            await migrate("mysql://db/app")

    async def test_by_the_settings_finds_the_billing_schema_with_bounded_waits(
        self, database_url: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("DATABASE_URL", f"{database_url}&schema=public&connection_limit=3")
        pool = await open_pool(Settings(), max_size=1)
        async with pool.connection() as connection:
            cursor = await connection.execute(
                "SELECT current_schema(), current_setting('lock_timeout'),"
                " current_setting('synchronous_commit')"
            )
            assert await cursor.fetchone() == ("billing", "5s", "on")
        await pool.close()

    async def test_more_than_the_server_takes_says_so(
        self, postgres: PostgresServer, database_url: str
    ) -> None:
        postgres.execute("CREATE ROLE single LOGIN CONNECTION LIMIT 1")
        url = database_url.replace("postgres:@", "single:@")
        with pytest.raises(LedgerUnavailable):
            await open_pool(url, wait_s=1, max_size=4)
