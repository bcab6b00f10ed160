"""`python -m devkit.stripe_sandbox`: secrets come from the environment, never from the command line."""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import signal
import socket
import sys
from collections.abc import Sequence
from pathlib import Path

import uvicorn

from devkit.stripe_sandbox.app import build_app
from devkit.stripe_sandbox.runtime import Sandbox
from devkit.stripe_sandbox.store import Store, StoreLocked

HOST = "127.0.0.1"
PARENT_LOOK_S = 0.2
BACKLOG = 512


def main(argv: Sequence[str] | None = None) -> int:
    """Serves until SIGTERM, SIGINT or the end of its parent; returns 0, or 2 if it cannot start."""
    options = _options(argv)
    try:
        keys = _api_keys(os.environ.get("SANDBOX_API_KEY", ""))
        secrets = _secrets(os.environ.get("SANDBOX_WEBHOOK_SECRET", ""), options.webhook_url)
        listener = _listen(options.port)
        store = Store(options.home / "sandbox.sqlite3")
    except (ValueError, OSError, StoreLocked) as error:
        sys.stderr.write(f"stripe sandbox: {error}\n")
        return 2
    port = listener.getsockname()[1]
    sandbox = Sandbox(store, keys, options.public_url or f"http://{HOST}:{port}")
    if options.webhook_url:
        sandbox.install_endpoint(options.webhook_url, secrets)
    try:
        asyncio.run(_serve(sandbox, listener, options.parent_pid))
    finally:
        store.close()
    return 0


def _options(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m devkit.stripe_sandbox",
        description="A local Stripe for tests and demos. SANDBOX_API_KEY (sk_test_…) and "
        "SANDBOX_WEBHOOK_SECRET (whsec_…), each comma-separated for several, come from the environment.",
    )
    parser.add_argument("--port", type=int, required=True, help="where to listen on 127.0.0.1; 0: any")
    parser.add_argument("--home", type=Path, required=True, help="the directory that keeps the state")
    parser.add_argument("--webhook-url", help="where every event goes")
    parser.add_argument("--public-url", type=_without_slash, help="how browsers reach the payment page")
    parser.add_argument("--parent-pid", type=int, help="stop when this process has ended")
    return parser.parse_args(argv)


def _without_slash(url: str) -> str:
    return url.rstrip("/")


def _api_keys(value: str) -> tuple[str, ...]:
    keys = tuple(key.strip() for key in value.split(",") if key.strip())
    if not keys:
        raise ValueError("SANDBOX_API_KEY is not set; choose any key that begins with sk_test_")
    if not all(key.startswith(("sk_test_", "rk_test_")) for key in keys):
        raise ValueError("SANDBOX_API_KEY must begin with sk_test_: the sandbox takes no live keys")
    return keys


def _secrets(value: str, webhook_url: str | None) -> list[str]:
    secrets = [secret.strip() for secret in value.split(",") if secret.strip()]
    if webhook_url and not secrets:
        raise ValueError("SANDBOX_WEBHOOK_SECRET is not set; choose any secret that begins with whsec_")
    return secrets


def _listen(port: int) -> socket.socket:
    # asyncio only disables Nagle's delay (40 ms per answer) if the protocol is named
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((HOST, port))
        listener.listen(BACKLOG)
    except OSError as error:
        listener.close()
        raise OSError(f"cannot listen on {HOST}:{port}: {error.strerror}") from error
    return listener


async def _serve(sandbox: Sandbox, listener: socket.socket, parent_pid: int | None) -> None:
    config = uvicorn.Config(
        build_app(sandbox),
        access_log=False,
        log_level="warning",
        server_header=False,
        timeout_graceful_shutdown=0.5,  # type: ignore[arg-type]  # seconds for asyncio.wait_for, any number will do
    )
    server = uvicorn.Server(config)
    # uvicorn raises the signal again when it is done; this makes it a clean exit
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: None)
    watch = asyncio.create_task(_stop_without(parent_pid, server)) if parent_pid else None
    ready = {
        "event": "ready",
        "url": sandbox.public_url,
        "port": listener.getsockname()[1],
        "pid": os.getpid(),
    }
    announce = asyncio.create_task(_announce(server, json.dumps(ready)))
    await server.serve(sockets=[listener])
    for task in (watch, announce):
        if task is not None:
            task.cancel()


async def _announce(server: uvicorn.Server, line: str) -> None:
    """Prints one line of JSON on stdout when requests are answered."""
    while not server.started:  # noqa: ASYNC110  # uvicorn has no event for it
        await asyncio.sleep(0.005)
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


async def _stop_without(parent_pid: int, server: uvicorn.Server) -> None:
    is_child = os.getppid() == parent_pid
    while _is_alive(parent_pid) and (not is_child or os.getppid() == parent_pid):  # noqa: ASYNC110  # nothing tells
        await asyncio.sleep(PARENT_LOOK_S)
    server.should_exit = True


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


if __name__ == "__main__":
    sys.exit(main())
