"""The gateway process: serves billing's app on our socket until SIGTERM, then finishes running calls.

    python -m gateway.start.process --host :: --port 4000 --drain-s 25

Started by the supervisor or by `proxyllm run`, which prepare its environment (CONFIG_FILE_PATH, DATABASE_URL,
...). Importing LiteLLM takes most of a start and needs neither: with `--go-fd` the process imports first, and
serves once that descriptor yields a byte.
"""

from __future__ import annotations

import argparse
import importlib
import os
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path

import uvicorn

from billing.settings import frame_bytes_read_max
from gateway.failures import PortTaken
from gateway.messages import tell
from gateway.private_files import write_private
from gateway.start.connections import PunctualConnection, accept_many, allow_many_connections
from gateway.start.listening import bind
from gateway.start.readiness import WithTailnet
from gateway.tailnet.status import STATUS_VARIABLE

PARENT_POLL_S = 1
KEEP_ALIVE_S = 75  # longer than load balancers keep theirs, so that they do not meet a closing connection
STARTUP_FAILURE = 3  # uvicorn's own exit code


def main() -> None:
    """Binds the port, imports, serves. Exits with 3 if the port is occupied or billing does not start."""
    options = _parser().parse_args()
    try:
        listener = bind(options.host, options.port)
    except PortTaken as failure:
        tell(failure.message)
        sys.exit(failure.exit_code)
    allow_many_connections()
    application = importlib.import_module("billing.app")
    if options.import_time_file is not None:
        write_private(options.import_time_file, f"{application.LITELLM_IMPORT_S:.3f}\n")
    if options.go_fd is not None and os.read(options.go_fd, 1) == b"":
        return
    status_file = os.environ.get(STATUS_VARIABLE)
    config = uvicorn.Config(
        WithTailnet(application.app, Path(status_file)) if status_file else application.app,
        http=PunctualConnection,
        access_log=False,  # every call is in LiteLLM's spend logs; the rest are health checks
        lifespan="on",  # nothing may be served unless billing runs inside LiteLLM's lifespan
        log_level=options.log_level,
        server_header=False,
        timeout_graceful_shutdown=options.drain_s,
        timeout_keep_alive=KEEP_ALIVE_S,
        ws_max_size=frame_bytes_read_max(),
    )
    server = uvicorn.Server(config)
    config.callback_notify, config.timeout_notify = _stop_with_parent(server), PARENT_POLL_S
    server.run(sockets=accept_many(listener))
    if not server.started:
        sys.exit(STARTUP_FAILURE)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="gateway.start.process", description=__doc__)
    parser.add_argument("--host", required=True)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument(
        "--drain-s", type=int, required=True, help="how long running calls may continue at stop"
    )
    parser.add_argument("--log-level", default="info", help="uvicorn's")
    parser.add_argument("--go-fd", type=int, help="serve after one byte from here; stop at its end")
    parser.add_argument("--import-time-file", type=Path, help="where to write the import time in seconds")
    return parser


def _stop_with_parent(server: uvicorn.Server) -> Callable[[], Awaitable[None]]:
    """Stops the gateway if its supervisor was killed, so that it does not keep the port."""
    parent = os.getppid()

    async def look() -> None:
        if os.getppid() != parent:
            server.should_exit = True

    return look


if __name__ == "__main__":
    main()
