"""What a deployed gateway finds around it: a Postgres, Stripe, a node with Ollama. On loopback, all real."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx

from devkit.run import postgres
from devkit.run.home import Home
from devkit.run.processes import Processes
from tests.acceptance.launch import free_port_pair
from tests.deadline import eventually

OLLAMA = Path(__file__).parents[3] / "tailnet" / "ollama.py"
SANDBOX_KEY, WEBHOOK_SECRET = "sk_test_surroundings", "whsec_surroundings"


@dataclass(frozen=True)
class Surroundings:
    """Where they are. `gateway_port` is where Stripe sends its events: the gateway's place."""

    database_url: str
    stripe_api_base: str
    ollama_api_base: str
    gateway_port: int


@contextmanager
def surroundings(directory: Path) -> Iterator[Surroundings]:
    """Starts all of it in `directory`, and stops it again."""
    home = Home(directory / "home")
    home.prepare()
    gateway_port = free_port_pair()
    with asyncio.Runner() as runner, ExitStack() as stack:
        processes = Processes(home)
        runner.run(processes.__aenter__())
        stack.callback(lambda: runner.run(processes.__aexit__(None, None, None)))
        place = postgres.choose_place(home, "a password of its own")
        runner.run(_started(processes, place))
        sandbox = stack.enter_context(_sandbox(home.path, gateway_port))
        ollama = stack.enter_context(_ollama(directory / "ollama.log"))
        yield Surroundings(place.url, sandbox, ollama, gateway_port)


async def _started(processes: Processes, place: postgres.Place) -> None:
    await postgres.start(processes, place)


@contextmanager
def _sandbox(home: Path, gateway_port: int) -> Iterator[str]:
    port = free_port_pair()
    command = [sys.executable, "-m", "devkit.stripe_sandbox", "--port", str(port), "--home", str(home)]
    command += ["--webhook-url", f"http://127.0.0.1:{gateway_port}/stripe/webhook"]
    secrets = {"SANDBOX_API_KEY": SANDBOX_KEY, "SANDBOX_WEBHOOK_SECRET": WEBHOOK_SECRET}
    with _program(command, home / "sandbox.log", secrets):
        url = f"http://127.0.0.1:{port}"
        eventually(lambda: answers(f"{url}/sandbox/health"))
        yield url


@contextmanager
def _ollama(log: Path) -> Iterator[str]:
    port = free_port_pair()
    with _program([sys.executable, str(OLLAMA), "127.0.0.1", str(port)], log, {}):
        url = f"http://127.0.0.1:{port}"
        eventually(lambda: answers(f"{url}/api/tags"))
        yield url


@contextmanager
def _program(command: list[str], log: Path, secrets: dict[str, str]) -> Iterator[None]:
    with log.open("wb") as output:
        process = subprocess.Popen(command, env={**os.environ, **secrets}, stdout=output, stderr=output)
    try:
        yield
    finally:
        process.terminate()
        process.wait(20)


def answers(url: str) -> bool:
    """Whether `url` answers 200 now."""
    try:
        return httpx.get(url, timeout=5).status_code == 200
    except httpx.HTTPError:
        return False
