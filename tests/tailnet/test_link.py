"""The way to the node breaks in each way that it can, and comes back by itself."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from decimal import Decimal

import httpx
import psutil
import pytest

from tests.acceptance.customers import Customer
from tests.deadline import eventually
from tests.tailnet.conftest import Home
from tests.tailnet.control import Headscale
from tests.tailnet.gateway import DIAL_TIMEOUT_S, GONE_AFTER_S, Running

CALL = {"model": "hugo-llama", "messages": [{"role": "user", "content": "hello"}], "max_tokens": 50}
ATTEMPTS = 2  # the configuration's num_retries: 1
BACK_WITHIN_S = 60.0
pytestmark = pytest.mark.timeout(600)


def works(customer: Customer) -> bool:
    return customer.http.post("/v1/chat/completions", json=CALL).status_code == 200


def tailscaleds_of(running: Running) -> list[psutil.Process]:
    """One, or none while it is started again."""
    children = running.supervisor.children()
    return [child for child in children if child.name() == "tailscaled"]


def another_runs(running: Running, before: psutil.Process) -> bool:
    return [child.pid for child in tailscaleds_of(running)] not in ([], [before.pid])


@contextmanager
def slow_stream(customer: Customer) -> Iterator[Iterator[str]]:
    """A stream that would last two minutes, of which the first words have come."""
    body = {**CALL, "model": "hugo-slow", "stream": True, "max_tokens": 1000}
    with customer.http.stream("POST", "/v1/chat/completions", json=body, timeout=60) as answer:
        assert answer.status_code == 200
        lines = (line for line in answer.iter_lines() if line)
        for _ in range(5):
            next(lines)
        yield lines


def until_broken(lines: Iterator[str]) -> tuple[float, str]:
    """Reads the stream to its end, which is no good one; how long that took, and the last line."""
    began, last = time.monotonic(), ""
    try:
        for line in lines:
            last = line
    except httpx.HTTPError as error:
        last = repr(error)
    return time.monotonic() - began, last


class TestCutLink:
    def test_gives_a_clear_503_in_time_while_the_rest_works_and_comes_back_by_itself(
        self, running: Running, home: Home, new_customer: Callable[..., Customer]
    ) -> None:
        customer = new_customer("1.00")
        assert works(customer)
        [before] = customer.settled(charges=1)
        home.host.unplug()
        try:
            began = time.monotonic()
            answer = customer.http.post("/v1/chat/completions", json=CALL)
            took_s = time.monotonic() - began
            assert answer.status_code == 503, answer.text
            assert "hugo: no answer" in answer.json()["error"]["message"]
            assert took_s < GONE_AFTER_S + ATTEMPTS * DIAL_TIMEOUT_S + 3
            cloud = customer.http.post("/v1/chat/completions", json={**CALL, "model": "cloud-llama"})
            assert cloud.status_code == 200
            readiness = running.readiness()
            assert readiness["tailnet"] == "degraded"
            assert "hugo" in readiness["tailnet_detail"]
        finally:
            home.host.plug()
        eventually(lambda: works(customer), BACK_WITHIN_S)
        eventually(lambda: running.readiness()["tailnet"] == "connected", BACK_WITHIN_S)
        charges = customer.settled(charges=3)
        assert len({charge["amount"] for charge in charges}) == 1  # three answers; the refusals cost nothing
        assert charges[-1]["id"] == before["id"]

    def test_ends_a_running_stream_which_pays_for_what_came(
        self, running: Running, home: Home, new_customer: Callable[..., Customer]
    ) -> None:
        customer = new_customer("1.00")
        with slow_stream(customer) as lines:
            home.host.unplug()
            try:
                took_s, last = until_broken(lines)
            finally:
                home.host.plug()
        assert took_s < GONE_AFTER_S + 5
        assert last != "data: [DONE]"
        [charge] = customer.settled(charges=1)
        assert Decimal(str(charge["amount"])) < 0
        eventually(lambda: works(customer), BACK_WITHIN_S)


class TestRestartedNode:
    def test_ends_streams_that_it_knows_nothing_of_any_more(
        self, running: Running, home: Home, new_customer: Callable[..., Customer]
    ) -> None:
        customer = new_customer("1.00")
        with slow_stream(customer) as lines:
            began = time.monotonic()
            home.restart()
            until_broken(lines)
        assert time.monotonic() - began < GONE_AFTER_S + 15
        eventually(lambda: works(customer), BACK_WITHIN_S)


class TestControlServer:
    def test_its_absence_stops_no_call(
        self, running: Running, headscale: Headscale, home: Home, new_customer: Callable[..., Customer]
    ) -> None:
        customer = new_customer("1.00")
        headscale.host.unplug()
        try:
            assert works(customer)
            assert running.readiness()["tailnet"]
        finally:
            headscale.host.plug()

    def test_a_gateway_that_is_put_out_joins_again(
        self, running: Running, headscale: Headscale, home: Home, new_customer: Callable[..., Customer]
    ) -> None:
        customer = new_customer("1.00")
        [before] = tailscaleds_of(running)
        headscale.expire("railway-proxy")
        eventually(lambda: another_runs(running, before), BACK_WITHIN_S)
        eventually(lambda: works(customer), BACK_WITHIN_S)


class TestKilledTailscaled:
    def test_is_started_again_and_the_gateway_never_notices(
        self, running: Running, new_customer: Callable[..., Customer]
    ) -> None:
        customer = new_customer("1.00")
        eventually(lambda: works(customer), BACK_WITHIN_S)
        gateway = running.supervisor.pid
        [killed] = tailscaleds_of(running)
        killed.kill()
        answer = customer.http.post("/v1/chat/completions", json=CALL)
        assert answer.status_code in {200, 503}, answer.text
        assert running.readiness()
        eventually(lambda: works(customer), BACK_WITHIN_S)
        assert running.supervisor.pid == gateway
        assert another_runs(running, killed)
