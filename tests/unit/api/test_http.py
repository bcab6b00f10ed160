"""What our routes refuse before anything looks at it, and the shape of a refusal."""

from __future__ import annotations

import json
from decimal import Decimal

import pytest
from starlette.requests import Request
from starlette.types import Message

from billing.api.http import BillingRequest, error_response, parse_json
from billing.errors import InsufficientCredits, InvalidAmount, TooLarge, Unavailable


def request_of(
    chunks: list[bytes], headers: dict[str, str] | None = None
) -> tuple[BillingRequest, list[int]]:
    """A request whose body comes in `chunks`, and the count of chunks that were read."""
    read: list[int] = []

    async def receive() -> Message:
        position = len(read)
        read.append(position)
        return {
            "type": "http.request",
            "body": chunks[position],
            "more_body": position + 1 < len(chunks),
        }

    raw = [(name.encode(), value.encode()) for name, value in (headers or {}).items()]
    return BillingRequest({"type": "http", "method": "POST", "path": "/", "headers": raw}, receive), read


class TestBody:
    async def test_a_body_of_exactly_the_limit_is_read(self) -> None:
        request, _ = request_of([b"ab", b"cd"])
        await request.read(4)
        assert await request.body() == b"abcd"

    async def test_reading_stops_at_the_first_byte_beyond_the_limit(self) -> None:
        request, read = request_of([b"ab", b"cde", b"never read"])
        with pytest.raises(TooLarge):
            await request.read(4)
        assert len(read) == 2

    @pytest.mark.parametrize("announced", ["5", "9" * 15, "9" * 5000])
    async def test_an_announced_length_beyond_the_limit_is_refused_unread(self, announced: str) -> None:
        request, read = request_of([b"a"], {"content-length": announced})
        with pytest.raises(TooLarge):
            await request.read(4)
        assert read == []

    async def test_a_lying_length_does_not_lift_the_limit(self) -> None:
        request, _ = request_of([b"abcdefgh"], {"content-length": "1"})
        with pytest.raises(TooLarge):
            await request.read(4)

    async def test_later_readers_see_the_same_body(self) -> None:
        request, _ = request_of([b'{"amount": ', b"1.10}"])
        await request.read(64)
        assert await request.json() == {"amount": Decimal("1.10")}
        assert await Request.body(request) == b'{"amount": 1.10}'


class TestJson:
    def test_numbers_keep_every_digit(self) -> None:
        assert parse_json(b"[0.1, 19.99, 1e-9]") == [Decimal("0.1"), Decimal("19.99"), Decimal("1e-9")]

    @pytest.mark.parametrize(
        "body",
        [
            b"",
            b"{",
            b"NaN",
            b"[Infinity]",
            b"-Infinity",
            b"\xff\xfe",
            b'"\xc3"',
            b"[" * 100_000,
            b"9" * 5000,
            b"1e9999999999999999999999",
        ],
    )
    def test_what_is_no_json_of_ours_is_a_decode_error(self, body: bytes) -> None:
        with pytest.raises(json.JSONDecodeError):
            parse_json(body)


class TestErrorShape:
    def test_it_is_openais(self) -> None:
        response = error_response(InvalidAmount("Too fine.", param="amount"))
        assert response.status_code == 400
        assert json.loads(bytes(response.body)) == {
            "error": {
                "message": "Too fine.",
                "type": "invalid_request_error",
                "param": "amount",
                "code": "invalid_amount",
            }
        }

    def test_no_credit_says_how_much_is_missing(self) -> None:
        error = InsufficientCredits("No.", available_nanos=1, required_nanos=2_500_000_000)
        body = json.loads(bytes(error_response(error).body))["error"]
        assert (body["available"], body["required"]) == ("0.000000001", "2.50")

    def test_only_what_may_pass_says_when_to_come_back(self) -> None:
        assert "retry-after" in error_response(Unavailable("Later.")).headers
        assert "retry-after" not in error_response(InvalidAmount("Never.")).headers
