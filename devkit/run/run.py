"""`proxyllm run`: starts everything, reports it, and always stops everything."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from collections.abc import Callable

from devkit.run.home import Home
from devkit.run.plan import Options, make_plan
from devkit.run.processes import Processes
from devkit.run.startup import Startup
from devkit.run.welcome import ready_line, welcome

PARENT_POLL_S = 0.5
STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)

Say = Callable[[str], None]


async def run(options: Options, say: Say) -> None:
    """Runs until SIGINT, SIGTERM or SIGHUP; `say` gets each line for the user.

    Raises a RunFailure when something cannot start or ends by itself; nothing is left running then either.
    """
    began = time.monotonic()
    stop_requested = _watch_stop_requests(options)
    home = Home(options.home)
    home.prepare()
    lock = home.lock()
    try:
        home.run_file.unlink(missing_ok=True)
        async with Processes(home) as processes:
            serving = asyncio.create_task(_serve(options, home, processes, began, say))
            stopping = asyncio.create_task(stop_requested.wait())
            try:
                await asyncio.wait({serving, stopping}, return_when=asyncio.FIRST_COMPLETED)
                if serving.done():
                    serving.result()
                say("stopping")
            finally:
                home.run_file.unlink(missing_ok=True)
                await _cancel(serving, stopping)
    finally:
        os.close(lock)


async def _serve(options: Options, home: Home, processes: Processes, began: float, say: Say) -> None:
    """Starts the processes, reports it, and waits for the first of them to exit, which none should."""
    plan = make_plan(options, home)
    deaths = asyncio.create_task(processes.first_death())
    starting = asyncio.create_task(Startup(processes, plan, say).all())
    try:
        await asyncio.wait({deaths, starting}, return_when=asyncio.FIRST_COMPLETED)
        if not starting.done():
            deaths.result()
        import_s = starting.result()
        run_file = plan.run_file()
        run_file.write(home.run_file)
        say(ready_line(time.monotonic() - began, import_s))
        say(welcome(run_file, home.path, sandbox=plan.sandbox))
        await deaths
    finally:
        await _cancel(deaths, starting)


def _watch_stop_requests(options: Options) -> asyncio.Event:
    """Returns an event that is set by stop signals and by the end of a followed parent."""
    requested = asyncio.Event()
    loop = asyncio.get_running_loop()
    for stop_signal in STOP_SIGNALS:
        loop.add_signal_handler(stop_signal, requested.set)
    if options.with_parent:
        parent = os.getppid()

        def look() -> None:
            if os.getppid() != parent:
                requested.set()
            else:
                loop.call_later(PARENT_POLL_S, look)

        look()
    return requested


async def _cancel(*tasks: asyncio.Task[object]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
