"""Gateways to measure: `proxyllm run`, a stock LiteLLM beside it, and more of ours on the same database."""

from __future__ import annotations

import contextlib
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

from billing.local.ports import free_port
from billing.local.run_file import RunFile

READY_WITHIN_S = 300
PROGRAM = Path(sys.executable).parent / "proxyllm"


@dataclass(frozen=True, slots=True)
class Gateway:
    """One that runs."""

    url: str
    process: psutil.Process


@dataclass(slots=True)
class Run:
    """A running Proxyllm, whose demo customer has credit for any benchmark."""

    home: Path
    key: str
    gateway: Gateway
    environment: dict[str, str]
    stack: contextlib.ExitStack = field(default_factory=contextlib.ExitStack)

    def cpu_s(self, gateway: Gateway) -> float:
        """Seconds of CPU that this gateway and the database server have used so far, together."""
        pid_file = self.home / "postgres" / "data" / "postmaster.pid"
        server = psutil.Process(int(pid_file.read_text("utf-8").splitlines()[0]))
        ended = server.cpu_times()  # of the server's processes that are no more
        running = (process.cpu_times() for process in (gateway.process, server, *server.children()))
        now = sum(times.user + times.system for times in running)
        return now + ended.children_user + ended.children_system

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
def running() -> Iterator[Run]:
    """Starts `proxyllm run` on an empty home; stops all that was started, each by its pid."""
    with tempfile.TemporaryDirectory() as directory, contextlib.ExitStack() as stack:
        home = Path(directory) / "home"
        process = subprocess.Popen(
            [PROGRAM, "run", "--home", str(home), "--port", str(free_port())],
            stdout=subprocess.DEVNULL,
            stdin=subprocess.DEVNULL,
        )
        stack.callback(_stop, process)
        _wait_for((home / "run.json").exists, process)
        facts = RunFile.read(home / "run.json")
        _give_credit(facts)
        children = psutil.Process(facts.pid).children(recursive=True)
        [gateway] = [child for child in children if "billing.local.gateway" in child.cmdline()]
        yield Run(home, facts.demo_key, Gateway(facts.base_url, gateway), gateway.environ(), stack)


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


def _give_credit(facts: RunFile) -> None:
    httpx.post(
        f"{facts.base_url}/stripe/credits",
        headers={"Authorization": f"Bearer {facts.master_key}"},
        json={"customer_id": facts.demo_customer, "amount": "1000", "reason": "benchmark"},
    ).raise_for_status()
