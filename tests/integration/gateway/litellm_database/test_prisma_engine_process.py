"""The engine as a process: how it starts, what it listens on, how it ends."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import httpx
import psutil
import pytest

from devkit.run.ports import free_port
from gateway.litellm_database import migrate
from gateway.litellm_database.client import schema_file
from gateway.litellm_database.native_engine import ENGINE_VERSION
from tests.deadline import eventually
from tests.postgres_server import PostgresServer

# Starts the engine as a child, prints its pid, and lives until it is killed.
PARENT = """
import subprocess, sys
child = subprocess.Popen(sys.argv[1:])
print(child.pid, flush=True)
child.wait()
"""


@pytest.fixture
def engine(gateway_environment: dict[str, str]) -> Path:
    """The executable that prisma-client-py starts."""
    return Path(gateway_environment["PRISMA_QUERY_ENGINE_BINARY"])


@pytest.fixture
def environment(litellm_url: str) -> dict[str, str]:
    """What prisma-client-py adds to its own environment for the engine."""
    return os.environ | {"PRISMA_DML_PATH": str(schema_file()), "DATABASE_URL": litellm_url}


@pytest.fixture
def running(engine: Path, environment: dict[str, str]) -> Iterator[tuple[subprocess.Popen[bytes], int]]:
    """An engine that serves, and its port."""
    port = free_port()
    process = subprocess.Popen([engine, "-p", str(port), "--enable-raw-queries"], env=environment)
    eventually(lambda: _serves(port))
    yield process, port
    process.kill()
    process.wait()


def _serves(port: int) -> bool:
    with suppress(OSError), urlopen(f"http://127.0.0.1:{port}/status", timeout=5) as answer:
        return bool(json.load(answer) == {"status": "ok"})
    return False


class TestStart:
    def test_says_the_version_that_the_client_expects(self, engine: Path) -> None:
        answer = subprocess.run([engine, "--version"], capture_output=True, check=True, text=True)
        assert answer.stdout == f"query-engine {ENGINE_VERSION}\n"

    def test_listens_on_the_loopback_alone(self, running: tuple[subprocess.Popen[bytes], int]) -> None:
        process, port = running
        listening = [c.laddr for c in psutil.Process(process.pid).net_connections() if c.status == "LISTEN"]
        assert [(address.ip, address.port) for address in listening] == [("127.0.0.1", port)]

    @pytest.mark.parametrize(
        ("url", "code"),
        [("postgresql://u:p@127.0.0.1:1/db", "P1001"), ("mysql://u:p@127.0.0.1/db", "P1012"), ("", "P1012")],
    )
    def test_says_why_it_cannot(self, engine: Path, environment: dict[str, str], url: str, code: str) -> None:
        answer = subprocess.run(
            [engine, "-p", str(free_port())],
            env=environment | {"DATABASE_URL": url},
            capture_output=True,
            check=False,
            timeout=30,
        )
        [line] = answer.stderr.splitlines()
        assert (answer.returncode, json.loads(line)["error_code"]) == (1, code)


class TestEnd:
    @pytest.mark.parametrize("sent", [signal.SIGTERM, signal.SIGINT])
    def test_comes_at_once_with_a_signal(
        self, running: tuple[subprocess.Popen[bytes], int], sent: signal.Signals
    ) -> None:
        process, _ = running
        process.send_signal(sent)
        assert process.wait(2) == 0

    def test_comes_with_the_end_of_the_parent(self, engine: Path, environment: dict[str, str]) -> None:
        port = free_port()
        command = [sys.executable, "-c", PARENT, str(engine), "-p", str(port)]
        with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True) as parent:
            assert parent.stdout is not None
            child = psutil.Process(int(parent.stdout.readline()))
            eventually(lambda: _serves(port))
            parent.kill()
        eventually(lambda: not child.is_running() or child.status() == psutil.STATUS_ZOMBIE, 5)


class TestBadRequests:
    @pytest.mark.parametrize(
        "body",
        ["", "no json", "[]", "{}", '{"query": 1}', '{"query": "{"}', '{"query": "{ dropTable }"}',
         '{"query": "query($a: Int) { findManyLiteLLM_UserTable(take: $a) { user_id } }"}'],
    )  # fmt: skip
    def test_are_refused_and_the_engine_lives(
        self, running: tuple[subprocess.Popen[bytes], int], body: str
    ) -> None:
        _, port = running
        assert httpx.post(f"http://127.0.0.1:{port}/", content=body.encode()).status_code == 422
        assert _serves(port)

    def test_unknown_paths_and_transactions(self, running: tuple[subprocess.Popen[bytes], int]) -> None:
        _, port = running
        assert httpx.get(f"http://127.0.0.1:{port}/nope").status_code == 404
        assert httpx.post(f"http://127.0.0.1:{port}/transaction/nope/commit").status_code == 404
        unknown = f"http://127.0.0.1:{port}/transaction/{'c' * 25}/commit"
        [error] = httpx.post(unknown).json()["errors"]
        assert error["user_facing_error"]["error_code"] == "P2028"
        query = {"query": "query { result: findManyLiteLLM_UserTable(take: 1) { user_id } }"}
        headers = {"x-transaction-id": "nope"}
        assert httpx.post(f"http://127.0.0.1:{port}/", json=query, headers=headers).status_code == 422
        assert _serves(port)


class TestDatabaseOutage:
    """On a server of its own: the one that all tests share has many databases to write when it stops."""

    @pytest.fixture
    def own_server(self) -> Iterator[PostgresServer]:
        server = PostgresServer()
        yield server
        server.close()

    @pytest.fixture
    def environment(self, own_server: PostgresServer) -> dict[str, str]:
        url = own_server.create_database()
        asyncio.run(migrate(url, lambda _: None))
        return os.environ | {"PRISMA_DML_PATH": str(schema_file()), "DATABASE_URL": url}

    QUERY = json.dumps({"query": "query { result: findManyLiteLLM_UserTable(take: 1) { user_id } }"})

    def test_is_named_and_survived(
        self, running: tuple[subprocess.Popen[bytes], int], own_server: PostgresServer
    ) -> None:
        _, port = running
        assert self._ask(port) == {"data": {"result": []}}
        own_server.stop()
        try:
            codes = {self._ask(port)["errors"][0]["user_facing_error"]["error_code"] for _ in range(3)}
            assert codes <= {"P1001", "P1017"}
        finally:
            own_server.start()
        eventually(lambda: self._ask(port) == {"data": {"result": []}})

    def _ask(self, port: int) -> Any:
        return httpx.post(f"http://127.0.0.1:{port}/", content=self.QUERY, timeout=30).json()
