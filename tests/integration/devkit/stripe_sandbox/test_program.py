"""The process: how it starts, stops, dies and comes back."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import textwrap
from pathlib import Path

import httpx
import pytest

from tests.deadline import eventually
from tests.integration.devkit.stripe_sandbox.program import (
    API_KEY,
    command,
    environment,
    open_shop,
    running,
)


def client(url: str) -> httpx.Client:
    return httpx.Client(base_url=url, auth=(API_KEY, ""), timeout=20)


def refused(home: Path, *more: str, port: int = 0, **changes: str) -> str:
    """What a start that fails says; it must be one line."""
    done = subprocess.run(
        command(home, *more, port=port),
        env=environment(**changes),
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.count("\n") == 1
    return done.stderr


class TestStart:
    def test_live_keys_are_refused(self, tmp_path: Path) -> None:
        assert "no live keys" in refused(tmp_path, SANDBOX_API_KEY="sk_live_51NotForHere")

    def test_missing_secrets_are_named(self, tmp_path: Path) -> None:
        assert "SANDBOX_API_KEY is not set" in refused(tmp_path, SANDBOX_API_KEY="")
        url = "http://127.0.0.1:1/x"
        said = refused(tmp_path, "--webhook-url", url, SANDBOX_WEBHOOK_SECRET=" , ")
        assert "SANDBOX_WEBHOOK_SECRET is not set" in said

    def test_a_taken_port_is_named(self, tmp_path: Path) -> None:
        with socket.create_server(("127.0.0.1", 0)) as taken:
            port = taken.getsockname()[1]
            assert f"127.0.0.1:{port}" in refused(tmp_path, port=port)

    def test_a_directory_serves_one_sandbox(self, tmp_path: Path) -> None:
        with running(tmp_path):
            assert "locked" in refused(tmp_path)

    def test_a_home_that_cannot_be_made(self, tmp_path: Path) -> None:
        blocked = tmp_path / "file"
        blocked.write_text("")
        assert str(blocked) in refused(blocked)

    def test_it_imports_neither_the_gateway_nor_litellm_nor_the_sdk(self) -> None:
        script = (
            "import sys, devkit.stripe_sandbox.__main__, devkit.stripe_sandbox.deliverer;"
            "ours = {m for m in sys.modules if m.startswith('billing.')};"
            "gateway = sorted(m for m in ours if not m.startswith('devkit.stripe_sandbox'));"
            "print(gateway, 'litellm' in sys.modules, 'stripe' in sys.modules)"
        )
        done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
        assert done.stdout.strip() == "['billing.errors', 'billing.money'] False False"


class TestEnd:
    @pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
    def test_a_signal_ends_it_at_once(self, tmp_path: Path, number: signal.Signals) -> None:
        with running(tmp_path) as program, client(program.url) as http:
            http.get("/v1/account").raise_for_status()
            # a third of a second where nothing else runs
            assert program.stop(number) < 3.0
            assert program.process.returncode == 0

    def test_it_ends_with_its_parent(self, tmp_path: Path) -> None:
        launcher = textwrap.dedent(
            """
            import os, subprocess, sys
            command = [*sys.argv[1:], "--parent-pid", str(os.getpid())]
            child = subprocess.Popen(command, stdout=subprocess.PIPE)
            child.stdout.readline()
            print(child.pid, flush=True)
            os.kill(os.getpid(), 9)
            """
        )
        parent = subprocess.run(
            [sys.executable, "-c", launcher, *command(tmp_path)],
            env=environment(),
            stdout=subprocess.PIPE,
            text=True,
            check=False,
        )
        assert parent.returncode == -signal.SIGKILL
        eventually(lambda: not is_alive(int(parent.stdout)), timeout_s=5)


def is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    stat = Path(f"/proc/{pid}/stat")
    return not (stat.exists() and stat.read_text().rpartition(")")[2].split()[0] == "Z")


class TestMemory:
    def test_everything_is_there_after_a_crash(self, tmp_path: Path) -> None:
        key = {"Idempotency-Key": "before"}
        with running(tmp_path) as program, client(program.url) as http:
            created = http.post("/v1/customers", data={"name": "Ada"}, headers=key)
            http.put("/sandbox/settings", json={"duplicates": 3})
            program.stop(signal.SIGKILL)
        with running(tmp_path) as program, client(program.url) as http:
            replayed = http.post("/v1/customers", data={"name": "Ada"}, headers=key)
            assert replayed.headers["Idempotent-Replayed"] == "true"
            assert replayed.content == created.content
            assert http.get(f"/v1/customers/{created.json()['id']}").json() == created.json()
            assert http.get("/sandbox/settings").json()["duplicates"] == 3

    def test_what_was_not_delivered_is_delivered_after_a_crash(self, tmp_path: Path) -> None:
        with open_shop() as shop:
            with running(tmp_path, "--webhook-url", shop.url) as program, client(program.url) as http:
                http.put("/sandbox/settings", json={"paused": True})
                http.post("/v1/customers", data={"name": "Ada"})
                program.stop(signal.SIGKILL)
            with running(tmp_path, "--webhook-url", shop.url) as program, client(program.url) as http:
                assert shop.taken.empty()
                http.put("/sandbox/settings", json={"paused": False})
                assert [event.type for event in shop.take(1)] == ["customer.created"]

    def test_a_bank_debit_settles_after_a_crash(self, tmp_path: Path) -> None:
        form = (
            "mode=payment&success_url=http://x.test/&line_items[0][quantity]=1"
            "&line_items[0][price_data][currency]=usd&line_items[0][price_data][unit_amount]=1000"
            "&line_items[0][price_data][product_data][name]=Credit"
        )
        with running(tmp_path) as program, client(program.url) as http:
            http.put("/sandbox/settings", json={"settle_delay_ms": 200})
            session_id = http.post("/v1/checkout/sessions", content=form).json()["id"]
            http.post(f"/sandbox/checkout/sessions/{session_id}/pay", json={"method": "bank_debit"})
            program.stop(signal.SIGKILL)
        with running(tmp_path) as program, client(program.url) as http:
            path = f"/v1/checkout/sessions/{session_id}"
            eventually(lambda: bool(http.get(path).json()["payment_status"] == "paid"))
