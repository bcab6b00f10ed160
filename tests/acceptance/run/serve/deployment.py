"""A gateway as it is deployed: production configuration, `proxyllm serve`, its own surroundings."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from tests.acceptance.launch import PROGRAM
from tests.acceptance.run.serve.surroundings import (
    SANDBOX_KEY,
    WEBHOOK_SECRET,
    Surroundings,
    answers,
)
from tests.deadline import eventually

READY_WITHIN_S = 240.0
ROOT = Path(__file__).parents[4]
MASTER_KEY = "sk-deployment-0123456789abcdef0123456789"


class Place(Protocol):
    """Where the commands of a deployment run: this machine, or an image."""

    def start(self, command: list[str], environment: Mapping[str, str], log: Path) -> Started:
        """Starts a command with exactly this environment, besides what the place itself sets."""
        ...


class Started(Protocol):
    """A command that runs, or has ended."""

    def poll(self) -> int | None: ...
    def wait(self, timeout: float) -> int: ...
    def send_signal(self, number: int) -> None: ...


class ThisMachine:
    """The virtual environment of the tests, in the folder of the project."""

    def start(self, command: list[str], environment: Mapping[str, str], log: Path) -> Started:
        kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
        program = [str(PROGRAM.parent / command[0]), *command[1:]]
        with log.open("ab") as output:
            return subprocess.Popen(
                program, env={**kept, **environment}, cwd=ROOT, stdout=output, stderr=output
            )


@dataclass
class Deployment:
    """One gateway, started and stopped as a platform does it. Its names are those of `Running`."""

    place: Place
    around: Surroundings
    log: Path
    command: tuple[str, ...] = ("proxyllm", "serve")
    process: Started | None = None
    master_key: str = MASTER_KEY
    base_url: str = field(init=False)

    def __post_init__(self) -> None:
        self.base_url = f"http://127.0.0.1:{self.around.gateway_port}"

    @property
    def environment(self) -> dict[str, str]:
        """What an operator sets."""
        return {
            "PORT": str(self.around.gateway_port),
            "DATABASE_URL": self.around.database_url,
            "LITELLM_MASTER_KEY": MASTER_KEY,
            "LITELLM_SALT_KEY": "sk-salt-0123456789abcdef0123456789",
            "STRIPE_API_KEY": SANDBOX_KEY,
            "STRIPE_API_BASE": self.around.stripe_api_base,
            "STRIPE_WEBHOOK_SECRET": WEBHOOK_SECRET,
            "BILLING_PUBLIC_URL": self.base_url,
            "OLLAMA_API_BASE": self.around.ollama_api_base,
        }

    def run(self, *command: str, **more: str) -> int:
        """A command to its end, as a pre-deploy step; its exit code."""
        return self.place.start(list(command), {**self.environment, **more}, self.log).wait(120)

    def start(self, **more: str) -> None:
        """`proxyllm serve`, until it is ready. Fails the test, with what it said, if it ends before."""
        process = self.place.start(list(self.command), {**self.environment, **more}, self.log)
        self.process = process

        def ready() -> bool:
            assert process.poll() is None, self.said()
            return answers(f"{self.base_url}/health/readiness")

        eventually(ready, READY_WITHIN_S)

    def terminate(self) -> None:
        """SIGTERM, and no waiting."""
        assert self.process is not None
        self.process.send_signal(signal.SIGTERM)

    def stop(self, within_s: float = 60.0) -> float:
        """SIGTERM, and waits for the end, which must be a good one; how long that took, in seconds."""
        began = time.monotonic()
        self.terminate()
        self.until_stopped(within_s)
        return time.monotonic() - began

    def until_stopped(self, within_s: float, code: int = 0) -> None:
        """Waits for the end, which must have this exit code."""
        assert self.process is not None
        ended = self.process.wait(within_s)
        self.process = None
        assert ended == code, self.said()

    def said(self) -> str:
        """All its output."""
        return self.log.read_text("utf-8", errors="replace")

    def end(self) -> None:
        """After a failed test nothing stays."""
        if self.process is not None and self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            self.process.wait(90)
