"""A realtime session as an attacker holds it: one large frame, and what the gateway does then."""

from __future__ import annotations

import struct

from pydantic import BaseModel

from benchmarks.hostile.wire import CLOSED, Address, Connection, while_sending

FRAME_BYTES_MAX = 20_000_000
_TEXT, _CLOSE = 0x81, 0x88
_MASKED_64_BIT = 0x80 | 127
_TAKEN = b'{"type": "conversation.item.'


def upgrade(address: Address, key: str) -> bytes:
    """The head of a request for a session with the demo model."""
    return address.head(
        "GET",
        "/v1/realtime?model=demo-realtime",
        {
            "Authorization": f"Bearer {key}",
            "Connection": "Upgrade",
            "Upgrade": "websocket",
            "Sec-WebSocket-Version": "13",
            "Sec-WebSocket-Key": "aG9zdGlsZS1taW51dGUtMQ==",
        },
    )


def frame(payload: bytes) -> bytes:
    """One text frame. Its mask is zero, so that it is sent as it is."""
    return struct.pack(">BBQI", _TEXT, _MASKED_64_BIT, len(payload), 0) + payload


async def send_frame(connection: Connection, head: bytes, large: bytes) -> str:
    """Opens a session and sends the frame: the status of a refusal, `closed CODE`, or what was answered."""
    await connection.send(head)
    reader = _Reader(connection)
    status = await reader.status()
    if status != "101":
        return status
    return await while_sending(connection.send(large), reader.ending())


class _Reader:
    """Reads the server's frames, which have no mask."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._read = bytearray()

    async def status(self) -> str:
        head = await self._take_until(b"\r\n\r\n")
        return head.split(b" ")[1].decode("ascii", "replace") if head.startswith(b"HTTP/") else CLOSED

    async def ending(self) -> str:
        """Reads frames until the session closes, an error comes, or the frame was taken."""
        while True:
            opcode, payload = await self._frame()
            if opcode == _CLOSE:
                return f"closed {int.from_bytes(payload[:2])}"
            if payload.startswith(_TAKEN):
                return "taken"
            if opcode == _TEXT and (code := _error_of(payload)):
                return code

    async def _frame(self) -> tuple[int, bytes]:
        opcode, length = await self._take(2)
        if length == 126:
            length = int.from_bytes(await self._take(2))
        elif length == 127:
            length = int.from_bytes(await self._take(8))
        if length > FRAME_BYTES_MAX:
            raise ConnectionError(f"a frame of {length} bytes")
        return opcode, await self._take(length)

    async def _take(self, count: int) -> bytes:
        while len(self._read) < count:
            await self._fill()
        taken = bytes(self._read[:count])
        del self._read[:count]
        return taken

    async def _take_until(self, mark: bytes) -> bytes:
        while (at := self._read.find(mark)) < 0:
            await self._fill()
        return await self._take(at + len(mark))

    async def _fill(self) -> None:
        if not (some := await self._connection.receive()):
            raise ConnectionError("the end")
        self._read += some


class _Error(BaseModel):
    code: str | None = None
    type: str | None = None


class _Event(BaseModel):
    type: str
    error: _Error | None = None


def _error_of(payload: bytes) -> str | None:
    """The code of an error event; None for all other events."""
    event = _Event.model_validate_json(payload)
    return (event.error.code or event.error.type or "error") if event.error else None
