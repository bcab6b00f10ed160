"""The gateway process: billing's app on our socket, until SIGTERM and the end of what runs then.

    python -m gateway.start.process --host :: --port 4000 --drain-s 25

Started by the supervisor, which has made its environment (CONFIG_FILE_PATH, DATABASE_URL, ...).
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
from gateway.start.connections import PunctualConnection, accept_many, allow_many_connections
from gateway.start.failures import PortTaken
from gateway.start.listening import bind
from gateway.start.messages import tell
from gateway.start.readiness import WithTailnet
from gateway.start.tailnet_status import STATUS_VARIABLE

PARENT_POLL_S = 1
KEEP_ALIVE_S = 75  # longer than the load balancers in front keep theirs, or they meet a closing connection


def main() -> None:
    """Takes the port, imports for half a minute, serves. Exits with 3 where the port is taken."""
    parser = argparse.ArgumentParser(prog="gateway.start.process", description=__doc__)
    parser.add_argument("--host", required=True)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--drain-s", type=int, required=True, help="how long running calls may go on at stop")
    options = parser.parse_args()
    try:
        listener = bind(options.host, options.port)
    except PortTaken as failure:
        tell(failure.message)
        sys.exit(failure.exit_code)
    allow_many_connections()
    app = importlib.import_module("billing.app").app
    status_file = os.environ.get(STATUS_VARIABLE)
    config = uvicorn.Config(
        WithTailnet(app, Path(status_file)) if status_file else app,
        http=PunctualConnection,
        access_log=False,  # every call is in LiteLLM's spend logs; the rest is health checks
        lifespan="on",  # without billing's life inside LiteLLM's nothing may be served
        server_header=False,
        timeout_graceful_shutdown=options.drain_s,
        timeout_keep_alive=KEEP_ALIVE_S,
        ws_max_size=frame_bytes_read_max(),
    )
    server = uvicorn.Server(config)
    config.callback_notify, config.timeout_notify = _stop_with_parent(server), PARENT_POLL_S
    server.run(sockets=accept_many(listener))


def _stop_with_parent(server: uvicorn.Server) -> Callable[[], Awaitable[None]]:
    """A supervisor that was killed must not leave a gateway that holds its port."""
    parent = os.getppid()

    async def look() -> None:
        if os.getppid() != parent:
            server.should_exit = True

    return look


if __name__ == "__main__":
    main()
