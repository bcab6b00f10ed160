"""Three real gateways (`proxyllm serve`), one Postgres behind a network of ours, a provider that counts.

Whoever is killed is started again, as a supervisor does; a gateway that gives up while Postgres is away, too.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import psutil

from billing.database import migrate
from devkit.run import gateway_config
from devkit.run.ports import free_port
from gateway import litellm_database
from tests.acceptance.launch import PROGRAM
from tests.faults.network import Network, socket_file_of
from tests.postgres_server import PostgresServer, database_of

MASTER_KEY = "sk-fault-run-master"
LEASE_S, SWEEP_S, WATCHDOG_S = 5, 1, 5
READY_WITHIN_S = 300.0
STOPPED_WITHIN_S = 30.0
STARTS_MAX = 200  # of one gateway
_FOREIGN = ("DATABASE_URL", "LITELLM_", "STRIPE_", "BILLING_", "PROXYLLM_", "PORT", "HOST", "WEB_CONCURRENCY")


@dataclass(slots=True)
class Gateway:
    """One replica: a fixed address, and one process after the other."""

    number: int
    port: int
    log: Path
    command: list[str]
    environment: Mapping[str, str]
    process: subprocess.Popen[bytes] | None = None
    starts: int = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        """A new process. Fails where there were too many."""
        assert self.starts < STARTS_MAX, f"gateway {self.number} does not stay up; see {self.log}"
        self.starts += 1
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                self.command, env=self.environment, stdin=subprocess.DEVNULL, stdout=log, stderr=log
            )

    def kill(self) -> None:
        """`kill -9` of it and of the database engine that it started, as a container's end does."""
        if self.process is None or self.process.poll() is not None:
            return
        children = psutil.Process(self.process.pid).children(recursive=True)
        self.process.kill()
        for child in children:
            with contextlib.suppress(psutil.NoSuchProcess):
                child.kill()
        self.process.wait(STOPPED_WITHIN_S)

    def stop(self) -> None:
        """SIGTERM, and what does not hear it is killed."""
        if self.process is None or self.process.poll() is not None:
            return
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(STOPPED_WITHIN_S)
        except subprocess.TimeoutExpired:
            self.kill()

    async def ready(self, within_s: float = READY_WITHIN_S) -> None:
        """Waits until it serves; starts it again if it ends meanwhile. Fails after `within_s`."""
        deadline = time.monotonic() + within_s
        async with httpx.AsyncClient(timeout=5, trust_env=False) as client:
            while True:
                assert time.monotonic() < deadline, f"gateway {self.number} is not ready; see {self.log}"
                if self.process is None or self.process.poll() is not None:
                    self.start()
                with contextlib.suppress(httpx.TransportError):
                    if (await client.get(f"{self.url}/health/readiness")).status_code == 200:
                        return
                await asyncio.sleep(0.2)


@dataclass(slots=True)
class Fleet:
    """All of it, running."""

    directory: Path
    postgres: PostgresServer
    network: Network
    direct_url: str  # to Postgres without the network between
    upstream_url: str
    gateways: list[Gateway]
    restarts: int = 0
    kills: int = 0
    _tasks: set[asyncio.Task[None]] = field(default_factory=set)

    async def kill_gateway(self, number: int) -> None:
        """Kills one and has it started again."""
        await asyncio.to_thread(self.gateways[number].kill)
        self.kills += 1
        self.later(self.gateways[number].ready())

    async def restart_postgres(self, down_s: float) -> None:
        """An immediate shutdown, `down_s` of nothing, and a start with crash recovery."""
        await asyncio.to_thread(self.postgres.crash)
        await asyncio.sleep(down_s)
        await asyncio.to_thread(self.postgres.start)
        self.restarts += 1

    def later(self, work: object) -> None:
        """Runs a coroutine beside the schedule; `settled` waits for it."""
        assert asyncio.iscoroutine(work)
        self._tasks.add(asyncio.get_running_loop().create_task(work))

    async def settled(self) -> None:
        """Until everything that faults began is over, and all gateways serve."""
        await asyncio.gather(*self._tasks)
        await asyncio.gather(*(gateway.ready() for gateway in self.gateways))

    async def served(self) -> dict[str, int]:
        """The provider's own count."""
        async with httpx.AsyncClient(timeout=30, trust_env=False) as client:
            counts: dict[str, int] = (await client.get(f"{self.upstream_url}/served")).json()
        return counts


@contextlib.asynccontextmanager
async def running_fleet(directory: Path, gateways: int = 3) -> AsyncIterator[Fleet]:
    """Starts everything, and stops everything, each by its pid."""
    async with contextlib.AsyncExitStack() as stack:
        postgres = PostgresServer()
        stack.callback(postgres.close)
        prisma = await litellm_database.prepare_client(lambda text: None)
        direct_url = postgres.create_database()
        await litellm_database.migrate(direct_url, lambda text: None)
        await migrate(direct_url)
        network = await stack.enter_async_context(Network(socket_file_of(direct_url)))
        upstream_port = free_port()
        stack.callback(_stop, _start_upstream(upstream_port))
        config = directory / "config.yaml"
        config.write_text(gateway_config.render(f"http://127.0.0.1:{upstream_port}/v1", {}), "utf-8")
        url = f"postgresql://postgres:none@127.0.0.1:{network.port}/{database_of(direct_url)}?sslmode=disable"
        environment = _environment(url) | prisma
        made = [_gateway(number, directory, config, environment) for number in range(gateways)]
        fleet = Fleet(directory, postgres, network, direct_url, f"http://127.0.0.1:{upstream_port}", made)
        for gateway in made:  # beside the loop, which is their way to Postgres
            stack.push_async_callback(asyncio.to_thread, gateway.stop)
        await fleet.settled()
        yield fleet


def _gateway(number: int, directory: Path, config: Path, environment: Mapping[str, str]) -> Gateway:
    port = free_port()
    command = [str(PROGRAM), "serve", "--config", str(config), "--host", "127.0.0.1", "--port", str(port)]
    return Gateway(number, port, directory / f"gateway-{number}.log", command, environment)


def _environment(database_url: str) -> dict[str, str]:
    clean = {name: value for name, value in os.environ.items() if not name.startswith(_FOREIGN)}
    return clean | {
        "DATABASE_URL": database_url,
        "LITELLM_MASTER_KEY": MASTER_KEY,
        "LITELLM_SALT_KEY": "sk-fault-run-salt",
        "LITELLM_LOCAL_MODEL_COST_MAP": "True",
        "LITELLM_LOG": "ERROR",
        "BILLING_HOLD_TTL_S": str(LEASE_S),
        "BILLING_SWEEP_INTERVAL_S": str(SWEEP_S),
        "BILLING_WATCHDOG_S": str(WATCHDOG_S),
    }


def _start_upstream(port: int) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "tests.faults.upstream", "--port", str(port)]
    return subprocess.Popen(command, stdin=subprocess.DEVNULL)


def _stop(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    process.wait(STOPPED_WITHIN_S)
