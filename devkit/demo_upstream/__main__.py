"""`python -m devkit.demo_upstream --port 8080 [--slow-chunk-s 1.0]`."""

from __future__ import annotations

import argparse

import uvicorn

from devkit.demo_upstream.app import create_app


def main() -> None:
    """Serves the demo provider on the loopback until it is told to stop."""
    parser = argparse.ArgumentParser(prog="devkit.demo_upstream", description=__doc__)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--slow-chunk-s", type=float, default=1.0, help="demo-slow's wait before each chunk")
    options = parser.parse_args()
    uvicorn.run(
        create_app(options.slow_chunk_s),
        host="127.0.0.1",
        port=options.port,
        access_log=False,
        log_level="critical",  # demo-broken breaks connections on purpose: no stack trace for that
        timeout_keep_alive=75,
        timeout_graceful_shutdown=1,
    )


if __name__ == "__main__":
    main()
