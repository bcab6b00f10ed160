"""What is refused is refused before LiteLLM works on it, and nobody else waits meanwhile."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import httpx
import psutil
import pytest

from tests.acceptance.conftest import Running
from tests.acceptance.customers import HELLO, Customer, NewCustomer

JSON = {"content-type": "application/json"}
UPLOADS = 300
SOON_S = 4.0  # LiteLLM took 5 to 14 s for each of these, and answered nobody meanwhile
MANY_KEYS = b'{"model":"demo-chat","messages":[],' + b",".join(b'"k%d":1' % n for n in range(700_000)) + b"}"
MANY_MESSAGES = (
    b'{"model":"demo-chat","messages":[' + b'{"role":"user","content":"x"},' * 300_000 + b'{"role":"user"}]}'
)
DEEP = b'{"model":"demo-chat","messages":' + b'[{"content":' * 50_000 + b"1" + b"}]" * 50_000 + b"}"
EMPTY_PARTS = b'{"model":"demo-chat","messages":[' + b'"",' * 3_000_000 + b'""]}'
SPACES = b'{"model":"demo-chat","messages":[{"role":"user","content":"' + b" " * 1_900_000 + b'"}]}'


@contextmanager
def liveness(running: Running) -> Iterator[list[float]]:
    """How long each answer to a probe took that was asked all the while, in seconds."""
    took: list[float] = []
    stop = threading.Event()

    def probe() -> None:
        with httpx.Client(base_url=running.base_url, timeout=60) as client:
            while not took or not stop.is_set():
                began = time.perf_counter()
                client.get("/health/liveness").raise_for_status()
                took.append(time.perf_counter() - began)
                stop.wait(0.05)

    thread = threading.Thread(target=probe)
    thread.start()
    try:
        yield took
    finally:
        stop.set()
        thread.join()


@pytest.fixture(scope="module")
def poor(door_customers: NewCustomer) -> Customer:
    return door_customers()


@pytest.fixture(scope="module")
def rich(door_customers: NewCustomer) -> Customer:
    return door_customers(credit="5")


class TestHugeBodies:
    @pytest.mark.parametrize("path", ["/v1/chat/completions", "/v1/messages", "/key/generate"])
    @pytest.mark.parametrize("key", ["", "sk-made-up", "no-virtual-key"])
    def test_of_strangers_are_not_read(self, path: str, key: str, running: Running) -> None:
        headers = JSON | ({"authorization": f"Bearer {key}"} if key else {})
        with liveness(running) as took:
            answer = httpx.post(f"{running.base_url}{path}", content=MANY_KEYS, headers=headers, timeout=60)
        assert answer.status_code in ((413,) if key == "no-virtual-key" else (401,)), answer.text
        assert max(took) < SOON_S

    @pytest.mark.parametrize(
        "body", [MANY_KEYS, MANY_MESSAGES, DEEP, EMPTY_PARTS], ids=["keys", "messages", "deep", "elements"]
    )
    def test_of_customers_are_413(self, body: bytes, rich: Customer, running: Running) -> None:
        with liveness(running) as took:
            answer = rich.http.post("/v1/chat/completions", content=body, headers=JSON)
        assert answer.status_code == 413, answer.text
        assert answer.json()["error"]["code"] == "request_too_large"
        assert max(took) < SOON_S

    def test_beyond_the_limit_of_bytes_are_413(self, rich: Customer) -> None:
        answer = rich.http.post("/v1/chat/completions", content=b" " * (33 * 1024 * 1024), headers=JSON)
        assert answer.status_code == 413

    def test_without_credit_are_402_before_their_tokens_are_counted(
        self, poor: Customer, running: Running
    ) -> None:
        with liveness(running) as took:
            answer = poor.http.post("/v1/chat/completions", content=SPACES, headers=JSON)
        assert answer.status_code == 402
        assert answer.json()["error"]["code"] == "insufficient_credits"
        assert max(took) < SOON_S

    def test_without_credit_are_served_again_after_a_top_up(
        self, door_customers: NewCustomer, admin: httpx.Client
    ) -> None:
        customer = door_customers()
        body = {
            "model": "demo-chat",
            "messages": [{"role": "user", "content": "x " * 20_000}],
            "max_tokens": 5,
        }
        assert customer.http.post("/v1/chat/completions", json=body).status_code == 402
        grant = {"customer_id": customer.user_id, "amount": "5", "reason": "test"}
        admin.post("/stripe/credits", json=grant).raise_for_status()
        assert customer.http.post("/v1/chat/completions", json=body).status_code == 200


class TestUploadsThatBreakOff:
    def test_by_the_hundred_delay_nobody(self, rich: Customer, running: Running) -> None:
        port = int(running.base_url.rpartition(":")[2])
        head = (
            "POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
            f"Authorization: Bearer {rich.key}\r\nContent-Length: 1000\r\n\r\n{{"
        ).encode()
        log = running.home / "logs" / "gateway.log"
        before = log.stat().st_size
        gateway = process_on(port)
        before_s = sum(gateway.cpu_times()[:2])
        connections = [socket.create_connection(("127.0.0.1", port)) for _ in range(UPLOADS)]
        for connection in connections:
            connection.sendall(head)
        for connection in connections:
            connection.close()
        assert httpx.get(f"{running.base_url}/health/liveness", timeout=60).status_code == 200
        assert (sum(gateway.cpu_times()[:2]) - before_s) / UPLOADS < 0.01  # it took 20 ms and a traceback
        assert rich.http.post("/v1/chat/completions", json=chat()).status_code == 200
        assert "Traceback" not in log.read_bytes()[before:].decode()


def process_on(port: int) -> psutil.Process:
    """The gateway that listens there."""
    return next(
        process
        for process in psutil.process_iter(["cmdline"])
        if "gateway.start.process" in (line := process.info["cmdline"] or []) and str(port) in line
    )


def chat() -> dict[str, object]:
    return {"model": "demo-chat", "messages": HELLO, "max_tokens": 5}


class TestWithoutAKey:
    @pytest.mark.parametrize(
        "path", ["/v1/chat/completions", "/v1/messages", "/v1/audio/transcriptions", "/user/new"]
    )
    def test_is_401_before_the_body_is_read(self, path: str, running: Running) -> None:
        port = int(running.base_url.rpartition(":")[2])
        head = f"POST {path} HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000\r\nConnection: close\r\n\r\n"
        with socket.create_connection(("127.0.0.1", port), timeout=30) as connection:
            connection.sendall(head.encode())
            assert b" 401 " in connection.recv(4096)

    @pytest.mark.parametrize(
        "path", ["/health/liveness", "/stripe/webhook", "/billing", "/.well-known/nothing"]
    )
    def test_what_needs_none_is_answered(self, path: str, running: Running) -> None:
        assert httpx.get(f"{running.base_url}{path}", timeout=30).status_code != 401
