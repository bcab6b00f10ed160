"""Gateways to measure: `proxyllm run`, a stock LiteLLM beside it, and more of ours on the same database."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import psutil
import yaml
from pydantic import BaseModel

from benchmarks import event_loop
from devkit.run.ports import free_port
from tests.acceptance.launch import free_port_pair

READY_WITHIN_S = 300
DELAYS = "loop-delays"  # beside a home
PROGRAM = Path(sys.executable).parent / "proxyllm"


class Facts(BaseModel):
    """What is read of run.json, whichever version wrote it."""

    base_url: str
    master_key: str
    demo_key: str
    demo_customer: str
    pid: int


@dataclass(frozen=True, slots=True)
class Gateway:
    """One that runs."""

    url: str
    process: psutil.Process


@dataclass(frozen=True, slots=True)
class Cpu:
    """Seconds of CPU that the parts of a gateway have used so far."""

    gateway: float
    engine: float  # of LiteLLM's database
    postgres: float

    def since(self, earlier: Cpu) -> Cpu:
        """What was used after `earlier`."""
        return Cpu(
            self.gateway - earlier.gateway, self.engine - earlier.engine, self.postgres - earlier.postgres
        )

    @property
    def total(self) -> float:
        return self.gateway + self.engine + self.postgres


@dataclass(slots=True)
class Run:
    """A running Proxyllm, whose demo customer has credit for any benchmark."""

    home: Path
    key: str
    master_key: str
    gateway: Gateway
    environment: dict[str, str]
    stack: contextlib.ExitStack = field(default_factory=contextlib.ExitStack)

    def cpu_s(self, gateway: Gateway) -> float:
        """Seconds of CPU that this gateway and the database server have used so far, together."""
        used = self.cpu(gateway)
        return used.gateway + used.postgres

    def cpu(self, gateway: Gateway) -> Cpu:
        """What this gateway, its engine and the database server have used so far."""
        pid_file = self.home / "postgres" / "data" / "postmaster.pid"
        server = psutil.Process(int(pid_file.read_text("utf-8").splitlines()[0]))
        ended = server.cpu_times()  # of the server's processes that are no more
        postgres = _cpu_s(server, *server.children()) + ended.children_user + ended.children_system
        engine = _cpu_s(*gateway.process.children(recursive=True))
        return Cpu(_cpu_s(gateway.process), engine, postgres)

    @property
    def is_watched(self) -> bool:
        """Whether the gateway measures its event loop."""
        return event_loop.FOLDER in self.environment

    def stops(self, began_s: float, ended_s: float) -> event_loop.Stops:
        """How often the gateway's event loop served nobody between two times of the monotonic clock."""
        return event_loop.stops(self.home.parent / DELAYS, self.gateway.process.pid, began_s, ended_s)

    def start_stock(self) -> Gateway:
        """The same LiteLLM with the same configuration, database and provider, without billing."""
        config = yaml.safe_load(Path(self.environment["CONFIG_FILE_PATH"]).read_text("utf-8"))
        del config["litellm_settings"]["callbacks"]
        stock_config = self.home / "stock.yaml"
        stock_config.write_text(yaml.safe_dump(config), "utf-8")
        port = free_port()
        command = [sys.executable, "-m", "uvicorn", "litellm.proxy.proxy_server:app", "--port", str(port)]
        command += ["--log-level", "warning", "--no-access-log"]
        return self._start(command, port, {"CONFIG_FILE_PATH": str(stock_config)})

    def start_another(self) -> Gateway:
        """One more gateway of ours on the same database."""
        port = free_port()
        command = [sys.executable, "-m", "uvicorn", "billing.app:app", "--port", str(port)]
        command += ["--log-level", "warning", "--no-access-log"]
        return self._start(command, port, {"PORT": str(port)})

    def _start(self, command: list[str], port: int, changes: dict[str, str]) -> Gateway:
        log = self.stack.enter_context((self.home / f"gateway-{port}.log").open("wb"))
        process = subprocess.Popen(command, env=self.environment | changes, stdout=log, stderr=log)
        self.stack.callback(_stop, process)
        url = f"http://127.0.0.1:{port}"
        _wait_for(lambda: _answers(url), process)
        return Gateway(url, psutil.Process(process.pid))


@contextlib.contextmanager
def running(checkout: Path | None = None, *, is_watched: bool = False) -> Iterator[Run]:
    """Starts `proxyllm run` on an empty home; stops all that was started, each by its pid.

    `checkout`: another one than this, which has a virtual environment of its own in `.venv`.
    `is_watched`: the gateway measures its event loop.
    """
    program = PROGRAM if checkout is None else checkout.resolve() / ".venv" / "bin" / "proxyllm"
    with tempfile.TemporaryDirectory() as directory, contextlib.ExitStack() as stack:
        home = Path(directory) / "home"
        process = subprocess.Popen(
            [program, "run", "--home", str(home), "--port", str(free_port_pair())],
            stdout=subprocess.DEVNULL,
            stdin=subprocess.DEVNULL,
            env=os.environ | (event_loop.environment(Path(directory) / DELAYS) if is_watched else {}),
            cwd=checkout,  # `python -m` looks for its modules there first
        )
        stack.callback(_stop, process)
        _wait_for((home / "run.json").exists, process)
        yield attached(home, stack)


def attached(home: Path, stack: contextlib.ExitStack) -> Run:
    """The Proxyllm that runs on this home; `stack` stops what is started beside it."""
    facts = Facts.model_validate_json((home / "run.json").read_text("utf-8"))
    _give_credit(facts)
    gateway = Gateway(facts.base_url, _listener(facts))
    return Run(home, facts.demo_key, facts.master_key, gateway, gateway.process.environ(), stack)


def _listener(facts: Facts) -> psutil.Process:
    """The process of the run that listens at the gateway's address."""
    port = httpx.URL(facts.base_url).port
    for child in psutil.Process(facts.pid).children(recursive=True):
        listens = [one for one in child.net_connections("inet") if one.status == psutil.CONN_LISTEN]
        if port in [one.laddr.port for one in listens if one.laddr]:
            return child
    raise RuntimeError(f"nothing of process {facts.pid} listens on port {port}")


def _cpu_s(*processes: psutil.Process) -> float:
    return sum(times.user + times.system for times in (process.cpu_times() for process in processes))


def _stop(process: subprocess.Popen[bytes]) -> None:
    process.send_signal(signal.SIGTERM)
    process.wait(60)


def _wait_for(condition: Callable[[], bool], process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + READY_WITHIN_S
    while not condition():
        if process.poll() is not None or time.monotonic() > deadline:
            raise RuntimeError("a gateway did not get ready: see its log")
        time.sleep(0.2)


def _answers(url: str) -> bool:
    with contextlib.suppress(httpx.TransportError):
        return httpx.get(f"{url}/health/readiness").status_code == 200
    return False


def _give_credit(facts: Facts) -> None:
    httpx.post(
        f"{facts.base_url}/stripe/credits",
        headers={"Authorization": f"Bearer {facts.master_key}"},
        json={"customer_id": facts.demo_customer, "amount": "1000", "reason": "benchmark"},
        timeout=60,
    ).raise_for_status()
