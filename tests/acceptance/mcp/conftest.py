"""An MCP server with two tools, on the loopback, known to the gateway at a price for each call."""

from __future__ import annotations

import subprocess
import sys
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest

from devkit.run import ports
from tests.deadline import eventually

PROGRAM = Path(__file__).with_name("tool_server.py")
PRICES: dict[str, object] = {"default_cost_per_query": 0.01, "tool_name_to_cost_per_query": {"dear": 0.05}}

AddServer = Callable[[dict[str, object]], str]


@pytest.fixture(scope="session")
def tool_server() -> Iterator[str]:
    """The address of the server."""
    port = ports.free_port()
    process = subprocess.Popen([sys.executable, str(PROGRAM), str(port)])
    address = f"http://127.0.0.1:{port}/mcp"

    def answers() -> bool:
        try:
            return httpx.get(address, trust_env=False).status_code < 500
        except httpx.TransportError:
            return False

    try:
        eventually(answers, timeout_s=60)
        yield address
    finally:
        process.terminate()
        process.wait(10)


@pytest.fixture
def add_server(admin: httpx.Client, tool_server: str) -> Iterator[AddServer]:
    """Makes the server known to the gateway, for every key; its `mcp_info` is the test's."""
    added: list[str] = []

    def add(info: dict[str, object]) -> str:
        body = {
            "server_name": f"tools_{uuid.uuid4().hex[:8]}",
            "url": tool_server,
            "transport": "http",
            "allow_all_keys": True,
            "mcp_info": info,
        }
        answer = admin.post("/v1/mcp/server", json=body)
        assert answer.is_success, answer.text
        added.append(answer.json()["server_id"])
        return added[-1]

    yield add
    for server_id in added:
        admin.delete(f"/v1/mcp/server/{server_id}")
