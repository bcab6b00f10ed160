"""The sandbox as a process, and a shop that receives its webhooks."""

from __future__ import annotations

import contextlib
import json
import os
import queue
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import stripe

API_KEY = "sk_test_integration0000000000"
SECRETS = ("whsec_old", "whsec_new")


@dataclass
class Program:
    """A running sandbox."""

    process: subprocess.Popen[str]
    url: str
    port: int

    def stop(self, number: signal.Signals = signal.SIGTERM) -> float:
        """Sends the signal; returns after how many seconds the process was gone."""
        started = time.monotonic()
        self.process.send_signal(number)
        self.process.wait(timeout=10)
        return time.monotonic() - started


def command(home: Path, *more: str, port: int = 0) -> list[str]:
    return [sys.executable, "-m", "devkit.stripe_sandbox", "--port", str(port), "--home", str(home), *more]


def environment(**changes: str) -> dict[str, str]:
    secrets = {"SANDBOX_API_KEY": API_KEY, "SANDBOX_WEBHOOK_SECRET": ",".join(SECRETS)}
    return {**os.environ, **secrets, **changes}


@contextmanager
def running(home: Path, *more: str) -> Iterator[Program]:
    """A sandbox on a free port, until the end of the block."""
    process = subprocess.Popen(
        command(home, "--parent-pid", str(os.getpid()), *more),
        env=environment(),
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout is not None
        line = process.stdout.readline()
        assert line, "the sandbox did not start"
        ready = json.loads(line)
        yield Program(process, ready["url"], ready["port"])
    finally:
        if process.poll() is None:
            process.terminate()
        process.wait(timeout=10)
        if process.stdout is not None:
            process.stdout.close()


@dataclass(frozen=True)
class Received:
    """One webhook as it came over the wire."""

    body: bytes
    signature: str
    content_type: str

    def event(self, secret: str = SECRETS[0]) -> stripe.Event:
        """The event, once the SDK has verified the signature."""
        event: stripe.Event = stripe.Webhook.construct_event(self.body, self.signature, secret)
        return event


@dataclass
class Shop:
    """A webhook endpoint. `refuse` answers 500 to that many deliveries; `taken` holds those answered 200."""

    url: str = ""
    refuse: int = 0
    taken: queue.Queue[Received] = field(default_factory=queue.Queue)
    refused: queue.Queue[Received] = field(default_factory=queue.Queue)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def answer(self, received: Received) -> int:
        with self.lock:
            if self.refuse > 0:
                self.refuse -= 1
                self.refused.put(received)
                return 500
        self.taken.put(received)
        return 200

    def take(self, count: int, timeout_s: float = 10.0) -> list[stripe.Event]:
        """The next `count` events, each verified; fails if they do not come."""
        return [self.taken.get(timeout=timeout_s).event() for _ in range(count)]

    def take_all(self) -> list[stripe.Event]:
        """What has come so far."""
        return self.take(self.taken.qsize())

    def forget(self) -> None:
        """Throws away what has come, however old its signature has grown."""
        with contextlib.suppress(queue.Empty):
            while True:
                self.taken.get_nowait()


@contextmanager
def open_shop() -> Iterator[Shop]:
    """A shop on a free port, until the end of the block."""
    shop = Shop()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            signature, content_type = self.headers["Stripe-Signature"], self.headers["Content-Type"]
            self.send_response(shop.answer(Received(body, signature, content_type)))
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002  # the base class names it
            """Tests read `taken`."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    shop.url = f"http://127.0.0.1:{server.server_port}/stripe/webhook"
    try:
        yield shop
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
