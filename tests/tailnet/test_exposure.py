"""What others can reach of the gateway, and what the gateway's processes know."""

from __future__ import annotations

import asyncio
import re
import socket
import zlib
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import httpx
import psutil
import pytest

from gateway.tailnet.localapi import LocalApi
from tests.tailnet.conftest import Home
from tests.tailnet.control import Headscale
from tests.tailnet.gateway import FORBIDDEN, HUGO, REFUSED, Running

SILENCE_S = 1.5


def stun_request() -> bytes:
    """As Tailscale's relays expect it: RFC 8489 with SOFTWARE and FINGERPRINT."""
    head = bytes.fromhex("000100142112a442") + b"proxyllm-lab"  # 0x14 bytes of attributes follow
    body = head + bytes.fromhex("80220008") + b"tailnode"
    fingerprint = zlib.crc32(body) ^ 0x5354554E
    return body + bytes.fromhex("80280004") + fingerprint.to_bytes(4)


PROBES = {
    "nothing we know": b"\x17" * 64,
    "STUN": stun_request(),
    "disco ping of an unknown key": "TS💬".encode() + b"\x01" * 32 + b"\x02" * 24 + b"\x03" * 64,
    "WireGuard handshake of an unknown key": b"\x01\0\0\0" + b"\x04" * 144,
}
pytestmark = pytest.mark.timeout(600)


def listening(running: Running) -> set[tuple[str, str, int, str]]:
    """(protocol, address, port, program) of all that is open on the gateway's host."""
    lines = running.host.run("ss", "-H", "-tulnp").splitlines()
    found = set()
    for line in lines:
        protocol, _, _, _, local, *_ = line.split()
        program = re.search(r'users:\(\("([^"]+)"', line)
        assert program, line
        address, _, port = local.rpartition(":")
        found.add((protocol, address, int(port), program[1]))
    return found


def public(running: Running) -> set[tuple[str, int, str]]:
    local = ("127.0.0.1", "[::1]")
    return {
        (protocol, port, program)
        for protocol, address, port, program in listening(running)
        if address not in local
    }


def tree(running: Running) -> Iterator[psutil.Process]:
    yield running.supervisor
    yield from running.supervisor.children(recursive=True)


class TestPorts:
    def test_to_the_outside_only_port_and_tailscaled_s_own_are_open(self, running: Running) -> None:
        of_tailscaled = {(kind, port) for kind, port, program in public(running) if program == "tailscaled"}
        others = {(kind, port) for kind, port, program in public(running) if program != "tailscaled"}
        assert others == {("tcp", running.port)}
        assert {kind for kind, _ in of_tailscaled} == {"tcp", "udp"}

    def test_forwarders_are_on_the_loopback_and_there_is_no_proxy_port(self, running: Running) -> None:
        of_loopback = {port for _, address, port, _ in listening(running) if address == "127.0.0.1"}
        assert of_loopback >= {HUGO, REFUSED, FORBIDDEN}
        assert (
            not {
                port
                for kind, _, port, program in listening(running)
                if program == "tailscaled" and kind == "tcp"
            }
            & of_loopback
        )
        for port in (HUGO, REFUSED, FORBIDDEN, 1055, 1080):
            with pytest.raises(ConnectionRefusedError):
                socket.create_connection((running.host.address, port), timeout=2)

    def test_the_peer_api_closes_on_a_stranger_without_a_byte(self, running: Running) -> None:
        assert httpx.get(f"{running.base_url}/health/liveliness").status_code == 200  # this way we do get in
        ports = [port for kind, port, program in public(running) if (kind, program) == ("tcp", "tailscaled")]
        assert ports
        for port in ports:
            with socket.create_connection((running.host.address, port), timeout=5) as stranger:
                got = b""
                with suppress(ConnectionError):  # reset before or after the question: closed all the same
                    stranger.sendall(b"GET /v0/metrics HTTP/1.1\r\nHost: railway-proxy\r\n\r\n")
                    got = stranger.recv(100)
                assert got == b""

    def test_the_udp_port_answers_no_stranger(self, running: Running, headscale: Headscale) -> None:
        assert answer_to(PROBES["STUN"], headscale.host.address, 3478)  # such a question can be answered
        ports = [port for kind, port, program in public(running) if (kind, program) == ("udp", "tailscaled")]
        assert ports
        for port in ports:
            answers = {name: answer_to(probe, running.host.address, port) for name, probe in PROBES.items()}
            assert answers == dict.fromkeys(PROBES)


class TestTailnet:
    async def test_does_not_get_in_though_its_policy_would_let_it(self, running: Running, home: Home) -> None:
        at_home = LocalApi(home.directory / "home.sock")
        status = await at_home.status()
        [gateway] = [
            peer for peer in (status.peers or {}).values() if peer.dns_name.startswith("railway-proxy")
        ]
        address = (gateway.addresses or ())[0]
        async with asyncio.timeout(5):
            await at_home.ping(address)  # there is a way
        assert (await at_home.session(address)).startswith("discokey:")
        for port in (running.port, HUGO):
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(SILENCE_S):
                    await at_home.dial(address, port)


class TestSecrets:
    def test_the_key_is_in_no_command_line_no_child_s_environment_and_no_file(self, running: Running) -> None:
        supervisor, *children = tree(running)
        assert {"tailscaled", "python"} <= {child.name().rstrip("0123456789.") for child in children}
        assert running.auth_key in supervisor.environ().values()  # where the platform put it
        for process in (supervisor, *children):
            assert running.auth_key not in " ".join(process.cmdline())
        for child in children:
            assert running.auth_key not in str(child.environ())
        [tailscaled] = [child for child in children if child.name() == "tailscaled"]
        folder = Path(f"/proc/{tailscaled.pid}/root{tailscaled.environ()['HOME']}")  # it may be in the image
        assert folder.stat().st_mode & 0o077 == 0
        assert not [
            file for file in folder.rglob("*") if file.is_file() and running.auth_key in text_of(file)
        ]

    def test_no_process_of_ours_has_a_proxy_variable(self, running: Running) -> None:
        for child in list(tree(running))[1:]:
            assert not {name for name in child.environ() if name.upper().endswith("_PROXY")}, child


def text_of(file: Path) -> str:
    return file.read_text("utf-8", errors="replace")


def answer_to(probe: bytes, address: str, port: int) -> bytes | None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as stranger:
        stranger.settimeout(SILENCE_S)
        stranger.sendto(probe, (address, port))
        try:
            return stranger.recv(2000)
        except TimeoutError:
            return None
        except ConnectionRefusedError:
            pytest.fail(f"nothing listens on UDP port {port}")
