"""A real PostgreSQL for tests and benchmarks, from the wheel, with its own defaults: fsync is on.

What measures or races has its data on the disk. Functional tests may have theirs in memory, where there is
any: a database of a test's own is then made in 20 ms rather than 200, and dropped as fast.
"""

from __future__ import annotations

import asyncio
import atexit
import contextlib
import itertools
import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import psycopg
from psycopg import sql

from billing.database import Pool
from devkit.run import postgres_programs

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
        self._data = Path(tempfile.mkdtemp(prefix="proxyllm-pg-", dir=place))
        self._programs = postgres_programs.find()
        self._programs.own(self._data)
        self._process: subprocess.Popen[bytes] | None = None
        atexit.register(self.close)
        initdb = ("initdb", "--username=postgres", "--auth=trust", "--encoding=UTF8", "--no-instructions")
        locale = ("--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8")
        made = self._launch(*initdb, *locale)
        assert made.wait(START_TIMEOUT_S) == 0, self._log()
        self.start()

    def url(self, database: str = "postgres") -> str:
        """As DATABASE_URL has it."""
        return f"postgresql://postgres:@/{database}?host={self._data}"

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
        self._end(signal.SIGINT)

    def crash(self) -> None:
        """Stops it as a crash does: at once, with recovery at the next start."""
        self._end(signal.SIGQUIT)

    def start(self) -> None:
        """Starts it, again at the same address, and waits until it answers."""
        # The socket is in the data directory, which is where the server works.
        self._process = self._launch("postgres", "-c", "listen_addresses=", "-c", "unix_socket_directories=.")
        deadline = time.monotonic() + START_TIMEOUT_S
        while not self._answers():
            assert self._process.poll() is None, self._log()
            assert time.monotonic() < deadline, self._log()
            time.sleep(0.02)

    def _launch(self, program: str, *arguments: str) -> subprocess.Popen[bytes]:
        """Starts one of PostgreSQL's programs on the data; what it says goes to a file next to it."""
        data_argument = self._programs.data_argument(self._data)
        environment = {name: value for name, value in os.environ.items() if not name.startswith("PG")}
        with self._log_file.open("ab") as log:
            return subprocess.Popen(
                [self._programs.path(program), "-D", data_argument, *arguments],
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
                **self._programs.start_as(self._data),
            )

    @property
    def _log_file(self) -> Path:
        return self._data.with_name(f"{self._data.name}.log")

    def _log(self) -> str:
        return self._log_file.read_text("utf-8", errors="replace")

    def _end(self, how: signal.Signals) -> None:
        if self._process is not None:
            self._process.send_signal(how)
            self._process.wait(START_TIMEOUT_S)
            self._process = None

    def _answers(self) -> bool:
        try:
            self.execute("SELECT")
        except psycopg.OperationalError:
            return False
        return True

    def close(self) -> None:
        """Stops it without a last checkpoint, which nobody will read, and removes its files."""
        atexit.unregister(self.close)
        self.crash()
        shutil.rmtree(self._data, ignore_errors=True)
        self._log_file.unlink(missing_ok=True)


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
