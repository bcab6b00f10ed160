"""What a forwarder says where there is no way through: 503 with a reason, in time."""

from __future__ import annotations

import time

import httpx
import pytest

from tests.tailnet.gateway import DIAL_TIMEOUT_S, FORBIDDEN, REFUSED, Running

pytestmark = pytest.mark.timeout(600)


def ask(running: Running, port: int) -> tuple[httpx.Response, float]:
    """The answer of a forwarder, asked on the gateway's own host, and how long it took."""
    began = time.monotonic()
    with running.host.entered():
        answer = httpx.post(f"http://127.0.0.1:{port}/api/chat", json={"model": "llama3.2"}, timeout=30)
    return answer, time.monotonic() - began


class TestForwarder:
    def test_a_port_that_the_policy_forbids_is_told_from_a_device_that_sleeps(self, running: Running) -> None:
        answer, took_s = ask(running, FORBIDDEN)
        assert answer.status_code == 503
        assert answer.json()["error"]["code"] == "node_unreachable"
        assert "policy" in answer.json()["error"]["message"]
        assert took_s < DIAL_TIMEOUT_S + 1

    def test_a_port_where_nothing_listens_is_refused_at_once(self, running: Running) -> None:
        answer, took_s = ask(running, REFUSED)
        assert answer.status_code == 503
        assert "refused" in answer.json()["error"]["message"]
        assert took_s < DIAL_TIMEOUT_S / 2

    def test_neither_makes_the_tailnet_look_broken(self, running: Running) -> None:
        ask(running, FORBIDDEN)
        assert running.readiness()["tailnet"] == "connected"
