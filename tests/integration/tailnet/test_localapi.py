"""What becomes of answers of tailscaled's that nobody hopes for."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from gateway.tailnet.errors import DaemonFailed, PeerSilent, TailnetError, Unreachable
from gateway.tailnet.localapi import LocalApi
from gateway.tailnet.node import Node
from gateway.tailnet.plan import Forward
from tests.integration.tailnet.daemon import answering, ok

STATUS = b"""{"BackendState": "Running", "CurrentTailnet": {"MagicDNSSuffix": "t.net"},
  "Peer": {"a": {"DNSName": "hugo.t.net.", "TailscaleIPs": ["100.64.0.7"], "Online": true}}}"""


@pytest.fixture
def socket() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="t") as folder:  # pytest's own paths are too long for a socket
        yield Path(folder) / "s"


class TestQuestions:
    async def test_without_tailscaled_there_is_no_status(self, socket: Path) -> None:
        with pytest.raises(DaemonFailed, match="does not answer"):
            await LocalApi(socket).status()

    @pytest.mark.parametrize(
        "answer",
        [ok(b"<html>"), ok(b"[]"), ok(b"{}"), b"HTTP/1.1 403 Forbidden\r\n\r\n", b"what?\r\n\r\n", b""],
    )
    async def test_an_answer_in_another_shape_is_told(self, socket: Path, answer: bytes) -> None:
        async with answering(socket, answer):
            with pytest.raises(DaemonFailed):
                await LocalApi(socket).status()

    async def test_a_ping_without_a_way_is_silence(self, socket: Path) -> None:
        async with answering(socket, ok(b'{"Err": "no matching peer"}')) as requests:
            with pytest.raises(PeerSilent):
                await LocalApi(socket).ping("100.64.0.7")
        assert requests[0].startswith(b"POST /localapi/v0/ping?ip=100.64.0.7&type=TSMP HTTP/1.1\r\n")


class TestDial:
    async def test_is_never_done_directly_when_tailscaled_says_so(self, socket: Path) -> None:
        answer = b"HTTP/1.1 200 OK\r\nDial-Self: true\r\nDial-Addr: 10.0.0.1:80\r\nContent-Length: 0\r\n\r\n"
        async with answering(socket, answer):
            with pytest.raises(Unreachable, match="not in the tailnet"):
                await LocalApi(socket).dial("10.0.0.1", 80)

    async def test_a_refusal_is_told_without_tailscaled_s_words(self, socket: Path) -> None:
        async with answering(socket, b"HTTP/1.1 502 Bad Gateway\r\n\r\ndial failure: 100.64.0.7 refused"):
            with pytest.raises(Unreachable) as refused:
                await LocalApi(socket).dial("100.64.0.7", 80)
        assert "refused" in str(refused.value)
        assert "100.64" not in str(refused.value)

    @pytest.mark.parametrize("answer", [b"", b"HTTP/1.1 101 Sw", b"x" * 100_000])
    async def test_no_whole_answer_is_a_failure(self, socket: Path, answer: bytes) -> None:
        async with answering(socket, answer):
            with pytest.raises(DaemonFailed):
                await LocalApi(socket).dial("100.64.0.7", 80)

    async def test_without_tailscaled_it_fails(self, socket: Path) -> None:
        with pytest.raises(DaemonFailed, match="not running"):
            await LocalApi(socket).dial("100.64.0.7", 80)

    async def test_bytes_right_behind_the_answer_are_the_node_s(self, socket: Path) -> None:
        async with answering(socket, b"HTTP/1.1 101 Switching Protocols\r\n\r\nhello") as requests:
            reader, writer = await LocalApi(socket).dial("100.64.0.7", 11434)
            assert await reader.read() == b"hello"
            writer.close()
        assert b"\r\nDial-Host: 100.64.0.7\r\nDial-Port: 11434\r\n" in requests[0]


class TestNode:
    @pytest.mark.parametrize(
        ("answer", "kind"), [(ok(STATUS.replace(b"hugo", b"other")), Unreachable), (None, TailnetError)]
    )
    async def test_says_in_time_that_it_cannot_be_reached(
        self, socket: Path, answer: bytes | None, kind: type[TailnetError]
    ) -> None:
        api = LocalApi(socket)
        node = Node(Forward("hugo", 1, "hugo", 11434), api, api.dial, timeout_s=1.0)
        async with answering(socket, answer), asyncio.timeout(5):
            with pytest.raises(kind):
                await node.connect()

    async def test_a_device_that_answers_nothing_is_in_trouble(self, socket: Path) -> None:
        async def dial(address: str, port: int) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
            assert (address, port) == ("100.64.0.7", 11434)
            await asyncio.Event().wait()
            raise AssertionError

        api = PingedInVain(socket)
        node = Node(Forward("hugo", 1, "hugo", 11434), api, dial, timeout_s=1.0)
        async with answering(socket, ok(STATUS)):
            with pytest.raises(PeerSilent):
                await node.connect()
            assert "asleep" in node.trouble
            assert "asleep" in await node.look(await api.status(), 0.1)


class PingedInVain(LocalApi):
    """The socket has one answer for all questions; a silent device has none for a ping."""

    async def ping(self, address: str) -> None:
        await asyncio.Event().wait()
