"""Starts all processes of a run, concurrently where possible."""

from __future__ import annotations

import asyncio
import os
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from billing.database import migrations
from billing.database.pool import connect
from billing.database.url import read_url
from billing.errors import BillingError
from devkit.run import demo_customer, ports, postgres
from devkit.run.plan import Plan
from devkit.run.processes import Processes, RunningProcess
from devkit.run.waiting import until_answers
from gateway import litellm_database
from gateway.failures import DatabaseUnusable, ProcessFailed, RunFailure

DRAIN_S = 10
SMALL_PROCESS_WITHIN_S = 30.0
IMPORT_WITHIN_S = 240.0
GATEWAY_WITHIN_S = 120.0

Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Startup:
    """A start: its plan and progress callback."""

    processes: Processes
    plan: Plan
    say: Say
    began: float = field(default_factory=time.monotonic)

    async def all(self) -> float:
        """Starts everything; returns how long the import of LiteLLM's proxy took, in seconds.

        Raises the RunFailure that happened first.
        """
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self._demo_upstream())
                if self.plan.sandbox:
                    group.create_task(self._sandbox())
                database = group.create_task(self._database())
                gateway = group.create_task(self._gateway(database))
        except BaseExceptionGroup as failures:
            expected = failures.subgroup(RunFailure)
            if expected is None:
                raise
            raise _first(expected) from failures
        await demo_customer.ensure(self.plan.base_url, self.plan.keys)
        return gateway.result()

    async def _database(self) -> None:
        """Starts Postgres and applies LiteLLM's migrations, then ours."""
        if self.plan.place is not None:
            self._tell("starting PostgreSQL")
            await postgres.start(self.processes, self.plan.place)
        else:
            await _check_database(self.plan.database_url)
        self._tell("applying migrations")
        await litellm_database.migrate(self.plan.database_url, self._tell)
        try:
            await migrations.migrate(self.plan.database_url)
        except BillingError as error:
            raise DatabaseUnusable(error.message) from error
        self._tell("database ready")

    async def _gateway(self, database: asyncio.Task[None]) -> float:
        prisma = await litellm_database.prepare_client(self._tell)
        go_read, go_write = os.pipe()
        try:
            process = await self._start_gateway(prisma, go_read)
        finally:
            os.close(go_read)
        try:
            self._tell("importing LiteLLM's proxy, which takes a while (about 14 s on 2 cores)")
            import_s = await self._import_time(process)
            await database
            self._tell("starting the gateway")
            os.write(go_write, b"g")
            await until_answers(process, f"{self.plan.base_url}/health/readiness", GATEWAY_WITHIN_S)
        finally:
            os.close(go_write)
        return import_s

    async def _start_gateway(self, prisma: Mapping[str, str], go_fd: int) -> RunningProcess:
        time_file = self.plan.home.import_time_file
        time_file.unlink(missing_ok=True)
        command = [sys.executable, "-m", "gateway.start.process", "--host", self.plan.options.host]
        command += [
            "--port",
            str(self.plan.options.port),
            "--drain-s",
            str(DRAIN_S),
            "--log-level",
            "warning",
        ]
        command += ["--go-fd", str(go_fd), "--import-time-file", str(time_file)]
        environment = self.plan.gateway_environment(prisma)
        return await self.processes.start("gateway", command, env=environment, pass_fds=(go_fd,))

    async def _import_time(self, process: RunningProcess) -> float:
        """Waits for the gateway's report that its import is finished."""
        try:
            async with asyncio.timeout(IMPORT_WITHIN_S):
                while (import_s := _read_time(self.plan.home.import_time_file)) is None:
                    if process.process.returncode is not None:
                        raise process.failure()
                    await asyncio.sleep(0.05)
                return import_s
        except TimeoutError as error:
            raise ProcessFailed(
                f"importing LiteLLM's proxy took more than {IMPORT_WITHIN_S:.0f} s"
            ) from error

    async def _demo_upstream(self) -> None:
        command = [sys.executable, "-m", "devkit.demo_upstream", "--port", str(self.plan.demo_port)]
        process = await self.processes.start("demo-upstream", command, env=self.plan.base_environment())
        await until_answers(
            process, f"http://{ports.LOOPBACK}:{self.plan.demo_port}/health", SMALL_PROCESS_WITHIN_S
        )

    async def _sandbox(self) -> None:
        plan = self.plan
        command = [sys.executable, "-m", "devkit.stripe_sandbox", "--port", str(plan.sandbox_port)]
        command += ["--home", str(plan.home.path), "--webhook-url", plan.webhook_url]
        process = await self.processes.start("stripe-sandbox", command, env=plan.sandbox_environment())
        await until_answers(process, f"{plan.sandbox_url}/sandbox/health", SMALL_PROCESS_WITHIN_S)

    def _tell(self, text: str) -> None:
        self.say(f"[{time.monotonic() - self.began:5.1f} s] {text}")


def _first(failures: BaseExceptionGroup[RunFailure]) -> RunFailure:
    first = failures.exceptions[0]
    return _first(first) if isinstance(first, BaseExceptionGroup) else first


def _read_time(path: Path) -> float | None:
    try:
        return float(path.read_text("ascii"))
    except FileNotFoundError:
        return None


async def _check_database(url: str) -> None:
    """Raises DatabaseUnusable in one line without the password if DATABASE_URL is unreachable."""
    try:
        await (await connect(read_url(url).conninfo)).close()
    except BillingError as error:
        raise DatabaseUnusable(f"DATABASE_URL cannot be used: {error.message}") from error
