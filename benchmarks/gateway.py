"""What billing costs the gateway: the same LiteLLM with and without it, measured in turns.

Both gateways run at the same time on one machine, with one worker, one database, one demo provider and one
configuration; only `billing.app` and the config guard differ. A round measures one, then the other, and the
order changes each round; the figures are ratios and differences of the two halves of a round.
"""

from __future__ import annotations

import asyncio
import contextlib
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import aiohttp
import httpx
import psutil
import yaml

from billing.local.ports import free_port
from billing.local.run_file import RunFile

READY_WITHIN_S = 300
BODY = {
    "model": "demo-chat",
    "messages": [{"role": "user", "content": "Hello, how are you?"}],
    "max_tokens": 16,
}


@dataclass(frozen=True)
class Sample:
    """One gateway in one round."""

    requests_per_s: float
    p50_ms: float


@dataclass(frozen=True)
class Gateways:
    """Two running gateways and a key that both know."""

    with_billing: str
    without_billing: str
    key: str


async def measure(
    callers: tuple[int, ...] = (1, 16, 64), rounds: int = 7, seconds: float = 5.0
) -> dict[str, object]:
    """Measures and returns JSON: requests/s and p50 (ms) of both, and their ratio and difference by round."""
    with running_gateways() as gateways:
        for url in (gateways.with_billing, gateways.without_billing):
            await sample(url, gateways.key, 4, 3.0)  # warm-up
        return {str(count): await compare(gateways, count, rounds, seconds) for count in callers}


async def compare(gateways: Gateways, callers: int, rounds: int, seconds: float) -> dict[str, object]:
    """`rounds` interleaved pairs at one number of callers."""
    pairs: list[tuple[Sample, Sample]] = []
    for number in range(rounds):
        order = [gateways.with_billing, gateways.without_billing]
        first, second = order if number % 2 == 0 else reversed(order)
        taken = {url: await sample(url, gateways.key, callers, seconds) for url in (first, second)}
        pairs.append((taken[gateways.with_billing], taken[gateways.without_billing]))
    return {
        "rounds": rounds,
        "seconds_each": seconds,
        "with_billing": _summary([pair[0] for pair in pairs]),
        "without_billing": _summary([pair[1] for pair in pairs]),
        "requests_ratio": _spread([on.requests_per_s / off.requests_per_s for on, off in pairs]),
        "p50_added_ms": _spread([on.p50_ms - off.p50_ms for on, off in pairs]),
    }


async def sample(url: str, key: str, callers: int, seconds: float) -> Sample:
    """Keeps `callers` chats under way for `seconds`. Raises on any answer that is not 200."""
    latencies: list[float] = []
    began = time.perf_counter()
    until = began + seconds
    connector = aiohttp.TCPConnector(limit=callers)
    headers = {"Authorization": f"Bearer {key}"}
    async with aiohttp.ClientSession(connector=connector, headers=headers) as session:

        async def caller() -> None:
            while time.perf_counter() < until:
                start = time.perf_counter()
                async with session.post(f"{url}/v1/chat/completions", json=BODY) as answer:
                    text = await answer.text()
                    if answer.status != 200:
                        raise RuntimeError(f"{answer.status}: {text[:300]}")
                latencies.append(time.perf_counter() - start)

        await asyncio.gather(*(caller() for _ in range(callers)))
    elapsed = time.perf_counter() - began
    return Sample(len(latencies) / elapsed, statistics.median(latencies) * 1000)


def _summary(samples: list[Sample]) -> dict[str, object]:
    return {
        "requests_per_s": _spread([one.requests_per_s for one in samples]),
        "p50_ms": _spread([one.p50_ms for one in samples]),
    }


def _spread(values: list[float]) -> dict[str, float]:
    return {
        "median": round(statistics.median(values), 3),
        "min": round(min(values), 3),
        "max": round(max(values), 3),
    }


@contextlib.contextmanager
def running_gateways() -> Iterator[Gateways]:
    """Starts `proxyllm run`, and beside it a stock LiteLLM in the same environment."""
    with tempfile.TemporaryDirectory() as directory, contextlib.ExitStack() as stack:
        home = Path(directory) / "home"
        facts = stack.enter_context(_proxyllm(home))
        stock = stack.enter_context(_stock_litellm(home, facts.pid))
        _give_credit(facts)
        yield Gateways(facts.base_url, stock, facts.demo_key)


@contextlib.contextmanager
def _proxyllm(home: Path) -> Iterator[RunFile]:
    port = free_port()
    program = Path(sys.executable).parent / "proxyllm"
    with _stopped_at_end(
        subprocess.Popen(
            [program, "run", "--home", str(home), "--port", str(port)],
            stdout=subprocess.DEVNULL,
            stdin=subprocess.DEVNULL,
        )
    ) as process:
        _wait_for((home / "run.json").exists, process)
        yield RunFile.read(home / "run.json")


@contextlib.contextmanager
def _stock_litellm(home: Path, launcher_pid: int) -> Iterator[str]:
    children = psutil.Process(launcher_pid).children(recursive=True)
    [gateway] = [child for child in children if "billing.local.gateway" in child.cmdline()]
    environment = gateway.environ()
    config = yaml.safe_load(Path(environment["CONFIG_FILE_PATH"]).read_text("utf-8"))
    del config["litellm_settings"]["callbacks"]
    stock_config = home / "stock.yaml"
    stock_config.write_text(yaml.safe_dump(config), "utf-8")
    port = free_port()
    command = [sys.executable, "-m", "uvicorn", "litellm.proxy.proxy_server:app", "--port", str(port)]
    command += ["--log-level", "warning", "--no-access-log"]
    with (
        (home / "stock.log").open("wb") as log,
        _stopped_at_end(
            subprocess.Popen(
                command, env={**environment, "CONFIG_FILE_PATH": str(stock_config)}, stdout=log, stderr=log
            )
        ) as process,
    ):
        url = f"http://127.0.0.1:{port}"
        _wait_for(lambda: _answers(url), process)
        yield url


@contextlib.contextmanager
def _stopped_at_end(process: subprocess.Popen[bytes]) -> Iterator[subprocess.Popen[bytes]]:
    try:
        yield process
    finally:
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
