"""`proxyllm serve`: runs the gateway process, and the tailnet if configured, from start to stop.

Works as a container's first process. The platform restarts the container; the supervisor only restarts
tailscaled, whose failures only affect the tailnet.

    SIGTERM ── gateway: accepts no more, finishes running calls (`drain_s`), resolves holds ── tailnet ── end
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import tempfile
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import yaml

from billing.prices.config import WRITTEN_CONFIG
from billing.settings import Settings
from gateway.configuration.reading import read_configuration
from gateway.configuration.serving import servable
from gateway.litellm_database import prepare_client
from gateway.messages import DONE, FAILED, tell, warn
from gateway.private_files import write_private
from gateway.start.environment import for_gateway, proxies_in
from gateway.start.readiness import STARTING, write_status
from gateway.tailnet.status import STATUS_VARIABLE

STOP_SIGNALS = (signal.SIGTERM, signal.SIGINT)
KILLED_AFTER_S = 10  # the earliest time after `drain_s` at which the platform kills
END_WITHIN_S = KILLED_AFTER_S - 1.0  # of it for the gateway: cut running calls, resolve their holds, close
LITELLM_WAITS = {"GRACEFUL_SHUTDOWN_TIMEOUT": "2"}  # seconds, LiteLLM's own wait after `drain_s`


@dataclass(frozen=True, slots=True)
class Options:
    """The operator's options."""

    config: Path
    host: str
    port: int
    drain_s: int
    environment: Mapping[str, str]


async def supervise(options: Options, settings: Settings) -> int:
    """Runs until SIGTERM or SIGINT, or until the gateway exits; returns the exit code.

    Raises NotConfigured, or a RunFailure, before anything is started.
    """
    stop = asyncio.Event()
    for number in STOP_SIGNALS:
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    async with AsyncExitStack() as stack:
        directory = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="proxyllm-")))
        environment = await _environment(options, settings, directory)
        if settings.tailscale_auth_key is not None:
            await stack.enter_async_context(_tailnet(settings, directory / "tailnet.json", options))
            environment[STATUS_VARIABLE] = str(directory / "tailnet.json")
        if stop.is_set():
            return DONE
        gateway = await _start(options, environment)
        return await _until_ended(gateway, stop, options.drain_s + END_WITHIN_S)


async def _environment(options: Options, settings: Settings, directory: Path) -> dict[str, str]:
    prisma = await prepare_client(tell)
    served = servable(read_configuration(options.config), options.environment)
    config = options.config.absolute()
    ours = {"CONFIG_FILE_PATH": str(config), "PORT": str(options.port), **LITELLM_WAITS, **prisma}
    if served.left_out:
        effective = directory / "config.yaml"
        write_private(effective, yaml.safe_dump(dict(served.configuration), sort_keys=False))
        search = (str(config.parent), options.environment.get("PYTHONPATH", ""))
        ours["CONFIG_FILE_PATH"] = str(effective)
        ours[WRITTEN_CONFIG] = str(config)  # prices are read as written, not as floats
        ours["PYTHONPATH"] = os.pathsep.join(filter(None, search))  # LiteLLM looks for hooks next to its file
    return for_gateway(options.environment, ours, tailnet=settings.tailscale_auth_key is not None)


@asynccontextmanager
async def _tailnet(settings: Settings, status_file: Path, options: Options) -> AsyncIterator[None]:
    from gateway.tailnet import open_tailnet

    if proxies := proxies_in(options.environment):
        warn(f"{', '.join(proxies)} are not passed on: tailnet nodes have forwarders, the rest goes direct")
    write_status(status_file, STARTING)
    async with open_tailnet(settings, partial(write_status, status_file)):
        yield


async def _start(options: Options, environment: Mapping[str, str]) -> asyncio.subprocess.Process:
    command = [sys.executable, "-m", "gateway.start.process", "--host", options.host]
    command += ["--port", str(options.port), "--drain-s", str(options.drain_s)]
    tell(f"starting the gateway on port {options.port}; importing LiteLLM takes a while")
    return await asyncio.create_subprocess_exec(*command, env=dict(environment))


async def _until_ended(gateway: asyncio.subprocess.Process, stop: asyncio.Event, stop_within_s: float) -> int:
    """Waits for whichever ends first. The gateway has always ended when this returns."""
    ended = asyncio.create_task(gateway.wait())
    asked = asyncio.create_task(stop.wait())
    try:
        await asyncio.wait({ended, asked}, return_when=asyncio.FIRST_COMPLETED)
        if not ended.done():
            return await _stop(gateway, ended, stop_within_s)
        warn(f"the gateway exited unexpectedly with code {gateway.returncode}")
        return gateway.returncode if gateway.returncode and gateway.returncode > 0 else FAILED
    finally:
        asked.cancel()
        if gateway.returncode is None:
            gateway.kill()
        await ended


async def _stop(gateway: asyncio.subprocess.Process, ended: asyncio.Task[int], within_s: float) -> int:
    tell("stopping: no new connections, running calls may finish")
    with suppress(ProcessLookupError):
        gateway.terminate()
    await asyncio.wait({ended}, timeout=within_s)
    if ended.done():
        tell("stopped")
        return DONE
    warn(f"the gateway did not stop within {within_s:.0f} s; its open calls are left to the sweeper")
    return FAILED
