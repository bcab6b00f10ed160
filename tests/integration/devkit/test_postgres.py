"""Our own PostgreSQL: private, durable, and back after whatever happened to it."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import psutil
import psycopg
import pytest

from devkit.run import postgres, postgres_programs
from devkit.run.home import Home
from devkit.run.postgres import Place
from devkit.run.processes import Processes, RunningProcess

PASSWORD = "p@ss/word:with%signs"


@pytest.fixture
def home(tmp_path: Path) -> Home:
    home = Home(tmp_path / "home")
    home.prepare()
    return home


@asynccontextmanager
async def _running(home: Home) -> AsyncIterator[tuple[RunningProcess, Place]]:
    async with Processes(home) as processes:
        place = postgres.choose_place(home, PASSWORD)
        yield await postgres.start(processes, place), place


async def _query(url: str, query: str) -> list[tuple[object, ...]]:
    async with await psycopg.AsyncConnection.connect(url, autocommit=True) as connection:
        cursor = await connection.execute(query.encode())
        return await cursor.fetchall() if cursor.description else []


class TestServer:
    async def test_what_keeps_money_safe_is_on(self, home: Home) -> None:
        async with _running(home) as (_, place):
            for setting in ("fsync", "synchronous_commit", "full_page_writes", "data_checksums"):
                assert await _query(place.url, f"SHOW {setting}") == [("on",)]

    async def test_it_listens_on_the_loopback_alone(self, home: Home) -> None:
        async with _running(home) as (part, place):
            listening = [
                connection.laddr
                for connection in psutil.Process(part.process.pid).net_connections("inet")
                if connection.status == psutil.CONN_LISTEN
            ]

        assert [(address.ip, address.port) for address in listening] == [("127.0.0.1", place.port)]

    async def test_it_refuses_a_wrong_password_and_none(self, home: Home) -> None:
        async with _running(home) as (_, place):
            for secret in ("wrong", ""):
                other = Place(place.directory, place.port, secret)
                with pytest.raises(psycopg.OperationalError, match="password"):
                    await _query(other.url, "SELECT 1")

    async def test_psql_takes_the_url_as_it_is(self, home: Home) -> None:
        async with _running(home) as (_, place):
            psql = postgres_programs.find().path("psql")
            command = [psql, "-At", "-c", "SELECT current_database()", place.url]
            process = await asyncio.create_subprocess_exec(*command, stdout=subprocess.PIPE)
            output, _ = await process.communicate()

        assert output == b"proxyllm\n"

    async def test_nobody_else_may_read_its_files(self, home: Home) -> None:
        async with _running(home) as (_, place):
            modes = {path: path.stat().st_mode & 0o077 for path in (home.path, home.postgres, place.data)}

        assert set(modes.values()) == {0}

    async def test_no_password_is_left_in_a_file(self, home: Home) -> None:
        async with _running(home):
            found = [path for path in home.postgres.iterdir() if path.is_file()]

        assert all(PASSWORD not in path.read_text("utf-8") for path in found)


class TestStartingAgain:
    async def test_data_and_url_are_the_same(self, home: Home) -> None:
        async with _running(home) as (_, first):
            await _query(first.url, "CREATE TABLE kept AS SELECT 7 AS seven")
        async with _running(home) as (_, second):
            assert second.url == first.url
            assert await _query(second.url, "SELECT seven FROM kept") == [(7,)]

    async def test_nothing_runs_after_the_stop(self, home: Home) -> None:
        async with _running(home) as (part, place):
            children = psutil.Process(part.process.pid).children(recursive=True)

        assert children
        assert not any(child.is_running() for child in children)
        assert not (place.data / "postmaster.pid").exists()

    async def test_what_was_committed_survives_kill_9(self, home: Home) -> None:
        async with _running(home) as (part, place):
            await _query(place.url, "CREATE TABLE kept AS SELECT 7 AS seven")
            os.kill(part.process.pid, signal.SIGKILL)
            await part.process.wait()
        async with _running(home) as (_, place):
            assert await _query(place.url, "SELECT seven FROM kept") == [(7,)]

    async def test_a_server_that_an_earlier_run_left_is_ended_first(self, home: Home) -> None:
        async with _running(home) as (left, place):
            await _query(place.url, "CREATE TABLE kept AS SELECT 7 AS seven")
            home.processes_file.unlink()  # not even the record of the earlier run is there
            async with _running(home) as (part, place_now):
                assert part.process.pid != left.process.pid
                assert await left.process.wait() == 0
                assert await _query(place_now.url, "SELECT seven FROM kept") == [(7,)]

    async def test_a_pid_file_that_names_a_stranger_is_no_obstacle(self, home: Home) -> None:
        async with _running(home) as (part, place):
            pid_file = (place.data / "postmaster.pid").read_text("utf-8")
            os.kill(part.process.pid, signal.SIGKILL)
            await part.process.wait()
        stranger = await asyncio.create_subprocess_exec("sleep", "600")
        lines = [str(stranger.pid), *pid_file.splitlines()[1:]]
        (place.data / "postmaster.pid").write_text("\n".join(lines), "utf-8")

        async with _running(home) as (_, place):
            assert await _query(place.url, "SELECT 1") == [(1,)]

        assert stranger.returncode is None
        stranger.kill()
        await stranger.wait()

    async def test_a_first_start_that_was_killed_half_way_is_done_anew(self, home: Home) -> None:
        (home.postgres / "draft" / "base").mkdir(parents=True)
        (home.postgres / "draft" / "PG_VERSION").write_text("18\n")

        async with _running(home) as (_, place):
            assert await _query(place.url, "SELECT 1") == [(1,)]

    async def test_another_port_is_taken_where_the_old_one_is_in_use(self, home: Home) -> None:
        async with _running(home) as (_, first):
            pass
        taken = await asyncio.start_server(lambda *_: None, "127.0.0.1", first.port)
        async with taken, _running(home) as (_, second):
            assert second.port != first.port
            assert await _query(second.url, "SELECT 1") == [(1,)]
