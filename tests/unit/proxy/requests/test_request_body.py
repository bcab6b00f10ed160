"""A body is read up to limits of size and time, and given on as it came."""

import asyncio
import time

import pytest
from starlette.datastructures import Headers
from starlette.types import Message

from billing.errors import RequestTimeout, TooLarge, Unavailable
from billing.proxy.requests.request_body import (
    SLOWEST_BYTES_PER_S,
    BodyBudget,
    BodyLimits,
    ClientLeft,
    has_body,
    read_body,
    replaying,
)

LIMITS = BodyLimits(bytes_max=10, wait_s=5.0)
NO_HEADERS = Headers()


class Sent:
    """A client that sends these pieces, and then waits or leaves."""

    def __init__(self, *pieces: bytes, complete: bool = True, leaves: bool = False) -> None:
        last = len(pieces) - 1
        self._messages: list[Message] = [
            {"type": "http.request", "body": piece, "more_body": not (complete and index == last)}
            for index, piece in enumerate(pieces)
        ]
        self._leaves = leaves
        self.received = 0

    async def receive(self) -> Message:
        self.received += 1
        if self._messages:
            return self._messages.pop(0)
        if self._leaves:
            return {"type": "http.disconnect"}
        await asyncio.Event().wait()
        raise AssertionError


async def read(client: Sent, limits: BodyLimits = LIMITS, headers: Headers = NO_HEADERS) -> bytes:
    return await read_body(client.receive, headers, limits, BodyBudget(100))


class TestReading:
    async def test_gives_the_bytes_that_came(self) -> None:
        assert await read(Sent(b"01234", b"", b"56789")) == b"0123456789"

    async def test_a_body_that_is_announced_as_too_large_is_refused_before_any_of_it_is_read(self) -> None:
        client = Sent(b"x")
        with pytest.raises(TooLarge):
            await read(client, headers=Headers({"content-length": "11"}))
        assert client.received == 0

    @pytest.mark.parametrize("length", ["9" * 4000, "²", "-5", "+5", "abc"])
    async def test_what_is_announced_is_not_believed(self, length: str) -> None:
        with pytest.raises(TooLarge):
            await read(Sent(b"x" * 11), headers=Headers({"content-length": length}))

    async def test_is_refused_with_the_first_byte_too_many(self) -> None:
        client = Sent(b"0123456789", b"0", complete=False)
        with pytest.raises(TooLarge):
            await read(client)
        assert client.received == 2

    async def test_a_client_that_leaves_is_not_answered(self) -> None:
        with pytest.raises(ClientLeft):
            await read(Sent(b"0", complete=False, leaves=True))

    async def test_a_body_that_never_comes_ends(self) -> None:
        with pytest.raises(RequestTimeout):
            await read(Sent(b"0", complete=False), BodyLimits(10, wait_s=0.05))

    async def test_each_piece_is_seen_and_may_be_refused(self) -> None:
        seen: list[bytes] = []

        def feed(piece: bytes) -> None:
            seen.append(piece)
            if len(seen) == 2:
                raise TooLarge("enough")

        client = Sent(b"1", b"2", b"3")
        with pytest.raises(TooLarge, match="enough"):
            await read_body(client.receive, NO_HEADERS, LIMITS, BodyBudget(100), feed)
        assert seen == [b"1", b"2"]


class TestBudget:
    async def test_bodies_that_arrive_at_once_share_one_limit(self) -> None:
        budget = BodyBudget(bytes_max=15)
        waiting = asyncio.create_task(
            read_body(Sent(b"0123456789", complete=False).receive, NO_HEADERS, LIMITS, budget)
        )
        await asyncio.sleep(0)
        with pytest.raises(Unavailable):
            await read_body(Sent(b"0123456789").receive, NO_HEADERS, LIMITS, budget)
        waiting.cancel()
        await asyncio.gather(waiting, return_exceptions=True)
        assert await read_body(Sent(b"0123456789").receive, NO_HEADERS, LIMITS, budget)


async def test_the_body_is_replayed_once_and_then_the_clients_messages_follow() -> None:
    receive = replaying(b"body", Sent(leaves=True).receive)
    assert await receive() == {"type": "http.request", "body": b"body", "more_body": False}
    assert await receive() == {"type": "http.disconnect"}


@pytest.mark.parametrize(
    ("headers", "expected"),
    [({}, False), ({"content-length": "0"}, False), ({"content-length": "5"}, True),
     ({"transfer-encoding": "chunked"}, True)],
)  # fmt: skip
def test_a_body_is_announced_by_its_headers(headers: dict[str, str], expected: bool) -> None:
    assert has_body(Headers(headers)) is expected


class TestSlowBodies:
    async def test_silence_after_a_large_piece_ends_as_soon_as_any_other(self) -> None:
        limits = BodyLimits(bytes_max=10**8, wait_s=0.2)
        began = time.monotonic()
        with pytest.raises(RequestTimeout):
            await read_body(
                Sent(b"x" * 50_000_000, complete=False).receive, NO_HEADERS, limits, BodyBudget(10**9)
            )
        assert time.monotonic() - began < 10  # the size bought most of an hour

    async def test_what_comes_fast_enough_may_take_longer_than_the_wait(self) -> None:
        wait_s = 0.5
        pieces = [b"x" * int(wait_s * SLOWEST_BYTES_PER_S)] * 6
        client = Sent(*pieces)

        async def paced() -> Message:
            await asyncio.sleep(wait_s / 3)
            return await client.receive()

        limits = BodyLimits(bytes_max=10**8, wait_s=wait_s)
        assert len(await read_body(paced, NO_HEADERS, limits, BodyBudget(10**9))) == sum(map(len, pieces))


async def test_a_form_is_replayed_in_pieces_between_which_others_have_their_turn() -> None:
    receive = replaying(b"0123456789", Sent(leaves=True).receive, piece_bytes=4)
    turns: list[str] = []

    async def another() -> None:
        for _ in range(3):
            turns.append("another")
            await asyncio.sleep(0)

    other = asyncio.create_task(another())
    messages = [await receive() for _ in range(3)]
    await other
    assert b"".join(message["body"] for message in messages) == b"0123456789"
    assert [message["more_body"] for message in messages] == [True, True, False]
    assert turns
    assert await receive() == {"type": "http.disconnect"}


def test_http_2_announces_no_body_and_may_have_one() -> None:
    assert has_body(Headers({}), "2")
    assert not has_body(Headers({}), "1.1")
