"""Uses tailscaled's LocalAPI on its unix socket: status, ping, dial.

Source: `ipn/localapi/localapi.go` of tailscale 1.102. The interface is not stable, so the image pins the
version; `TAILNET_SOCKS5_PORT` is the alternative for versions that dial differently.
"""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import TypeVar

import httpx
from pydantic import BaseModel, Field, ValidationError

from gateway.tailnet.errors import DaemonFailed, PeerSilent, Unreachable
from gateway.tailnet.peers import Status

HOST = "local-tailscaled.sock"
ANSWER_WITHIN_S = 5.0

Answer = TypeVar("Answer", bound=BaseModel)
StreamPair = tuple[asyncio.StreamReader, asyncio.StreamWriter]


class _Ping(BaseModel):
    error: str = Field("", alias="Err")


class _Node(BaseModel):
    disco_key: str = Field("", alias="DiscoKey")  # new for each tailscaled that starts


class _WhoIs(BaseModel):
    node: _Node = Field(alias="Node")


class LocalApi:
    """One tailscaled, running or not. Connects per request: it may have been replaced in between."""

    def __init__(self, socket: Path) -> None:
        self.socket = socket

    async def status(self) -> Status:
        """Returns what tailscaled knows. Raises DaemonFailed if it does not answer."""
        return _read(Status, await self._ask("GET", "status"))

    async def ping(self, address: str) -> None:
        """Returns when the device has answered through the encrypted link; otherwise waits forever.

        Raises PeerSilent if tailscaled knows no way to it, DaemonFailed if tailscaled itself does not answer.
        """
        answer = await self._ask("POST", f"ping?ip={address}&type=TSMP", timeout_s=None)
        if _read(_Ping, answer).error:
            raise PeerSilent("there is no route to the device")

    async def session(self, address: str) -> str:
        """Returns an id that changes when the device's tailscaled restarts, which kills its connections."""
        return _read(_WhoIs, await self._ask("GET", f"whois?addr={address}")).node.disco_key

    async def dial(self, address: str, port: int) -> StreamPair:
        """Opens a connection to `address:port` in the tailnet; the caller closes it and sets the deadline.

        Raises Unreachable if the device refuses, or if tailscaled suggests another way.
        """
        try:
            reader, writer = await asyncio.open_unix_connection(self.socket)
        except OSError as error:
            raise DaemonFailed("tailscaled is not running") from error
        try:
            await self._upgrade(reader, writer, address, port)
        except BaseException:  # also if the deadline cancels us: nobody else knows this connection
            writer.transport.abort()
            raise
        return reader, writer

    async def _upgrade(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, address: str, port: int
    ) -> None:
        """Makes tailscaled turn the request into the connection. Only a 101 response is one.

        A 200 with `Dial-Self` means "not in the tailnet, dial it yourself", which we never do.
        """
        headers = {
            "Host": HOST,
            "Connection": "upgrade",
            "Upgrade": "ts-dial",
            "Dial-Host": address,
            "Dial-Port": str(port),
            "Dial-Network": "tcp",
            "Content-Length": "0",
        }
        lines = ["POST /localapi/v0/dial HTTP/1.1", *(f"{name}: {value}" for name, value in headers.items())]
        writer.write("\r\n".join([*lines, "", ""]).encode())
        try:
            head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
        except (asyncio.IncompleteReadError, asyncio.LimitOverrunError, ConnectionError) as error:
            raise DaemonFailed("tailscaled closed the connection while dialing") from error
        status = head.split(maxsplit=2)[1:2]
        if status == ["200"]:
            raise Unreachable("the address is not in the tailnet")
        if status != ["101"]:
            raise Unreachable("the connection was refused: is the model server running there?")

    async def _ask(self, method: str, path: str, timeout_s: float | None = ANSWER_WITHIN_S) -> bytes:
        # plain HTTP on a unix socket; loading certificates would take most of the time
        transport = httpx.AsyncHTTPTransport(uds=str(self.socket), verify=False)
        try:
            async with httpx.AsyncClient(transport=transport, trust_env=False, timeout=timeout_s) as client:
                answer = await client.request(method, f"http://{HOST}/localapi/v0/{path}")
        except httpx.HTTPError as error:
            raise DaemonFailed("tailscaled does not answer") from error
        if answer.status_code != httpx.codes.OK:
            raise DaemonFailed(f"tailscaled answered {answer.status_code} to {path.partition('?')[0]}")
        return answer.content


def _read(model: type[Answer], content: bytes) -> Answer:
    try:
        return model.model_validate_json(content)
    except ValidationError as error:
        raise DaemonFailed(f"tailscaled's answer has another shape than {model.__name__} knows") from error
