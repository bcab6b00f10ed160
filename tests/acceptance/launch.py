"""Starts the real `proxyllm run` in a process of its own, and learns from its run.json when it is ready."""

from __future__ import annotations

import os
import secrets
import signal
import socket
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import psutil

from devkit.run.run_file import RunFile
from tests.deadline import eventually

READY_WITHIN_S = 300.0
STOPPED_WITHIN_S = 60.0
PROGRAM = Path(sys.executable).parent / "proxyllm"
_PORTS = range(10_000, 32_000, 2)  # below those that Linux and macOS give away
# LiteLLM writes its spend logs 10 to 15 seconds after a call, and many tests wait for them.
_LOGS_SOON = {
    "PROXY_BATCH_WRITE_AT": "1",
    "SPEND_LOG_QUEUE_POLL_INTERVAL": "0.5",
    "SPEND_LOG_QUEUE_SIZE_THRESHOLD": "1",
}
# What a developer's shell may have set, and a test must not depend on.
_FOREIGN = ("DATABASE_URL", "LITELLM_", "STRIPE_", "BILLING_", "PROXYLLM_", "SANDBOX_", "PORT", "HOST")


started: list[Launched] = []  # all of this test process, so that a failed test leaves none running


@dataclass(frozen=True)
class Launched:
    """A `proxyllm run` that has been started, ready or not."""

    process: subprocess.Popen[bytes]
    home: Path
    port: int
    output_file: Path

    @property
    def output(self) -> str:
        """All that it said, on standard output and error."""
        return self.output_file.read_text("utf-8")

    def until_ready(self) -> RunFile:
        """Waits for run.json. Fails the test, with what the process said, if it ends before."""
        path = self.home / "run.json"

        def ready() -> bool:
            assert self.process.poll() is None, f"exit code {self.process.returncode}:\n{self.output}"
            return path.exists()

        eventually(ready, READY_WITHIN_S)
        return RunFile.read(path)

    def until_stopped(self) -> int:
        """Waits for the end; its exit code."""
        return self.process.wait(STOPPED_WITHIN_S)

    def stop(self) -> int:
        """SIGTERM, and wait."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        return self.until_stopped()


def launch(
    home: Path,
    port: int | None = None,
    environment: Mapping[str, str] | None = None,
    command: tuple[str, ...] = (str(PROGRAM), "run"),
) -> Launched:
    """Starts `command` on `home`, in a process group of its own, as a terminal would."""
    port = port or free_port_pair()
    clean = {name: value for name, value in os.environ.items() if not name.startswith(_FOREIGN)}
    clean |= _LOGS_SOON | {"PROXYLLM_HOME": str(home), "PORT": str(port)} | dict(environment or {})
    output_file = home.with_name(f"{home.name}-output-{port}.txt")
    with output_file.open("wb") as output:
        process = subprocess.Popen(
            command, env=clean, stdin=subprocess.DEVNULL, stdout=output, stderr=output, process_group=0
        )
    launched = Launched(process, home, port, output_file)
    started.append(launched)
    return launched


def free_port_pair() -> int:
    """A port that is free, and so is the next: the gateway's and the sandbox's.

    The system gives none of this range to whoever asks for any port, so both stay free until they are bound.
    """
    while True:
        port = secrets.choice(_PORTS)
        with socket.socket() as first, socket.socket() as second:
            try:
                first.bind(("127.0.0.1", port))
                second.bind(("127.0.0.1", port + 1))
            except OSError:
                continue
            return port


def processes_of(home: Path) -> list[psutil.Process]:
    """The living processes of a run: those that were told of its home."""
    return [process for process in psutil.process_iter() if _belongs_to(process, str(home))]


def _belongs_to(process: psutil.Process, home: str) -> bool:
    try:
        if process.status() == psutil.STATUS_ZOMBIE or process.name() == "make":
            return False
        return process.environ().get("PROXYLLM_HOME") == home or home in process.cmdline()
    except psutil.Error:
        return False
