"""The gateway as a process of `proxyllm run`: imports LiteLLM's proxy at once, serves when it is told to.

The import takes most of a start and needs nothing; database and migrations get ready meanwhile.
"""

from __future__ import annotations

import argparse
import importlib
import os
import sys
from pathlib import Path

import uvicorn

from billing.settings import frame_bytes_read_max
from gateway.start.connections import PunctualConnection, accept_many, allow_many_connections
from gateway.start.private_files import write_private

SHUTDOWN_WITHIN_S = 10
STARTUP_FAILURE = 3  # uvicorn's own exit code


def main() -> None:
    """Imports, reports how long that took, waits for one byte, serves."""
    parser = argparse.ArgumentParser(prog="devkit.run.gateway", description=__doc__)
    parser.add_argument("--host", required=True)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--go-fd", type=int, required=True, help="one byte from here: serve; its end: stop")
    parser.add_argument("--import-time-file", type=Path, required=True)
    options = parser.parse_args()
    application = importlib.import_module("billing.app")
    write_private(options.import_time_file, f"{application.LITELLM_IMPORT_S:.3f}\n")
    allow_many_connections()
    if os.read(options.go_fd, 1) == b"":
        return
    config = uvicorn.Config(
        application.app,
        http=PunctualConnection,
        host=options.host,
        port=options.port,
        log_level="warning",
        access_log=False,
        timeout_graceful_shutdown=SHUTDOWN_WITHIN_S,
        ws_max_size=frame_bytes_read_max(),
    )
    server = uvicorn.Server(config)
    server.run(sockets=accept_many(config.bind_socket()))
    if not server.started:
        sys.exit(STARTUP_FAILURE)


if __name__ == "__main__":
    main()
