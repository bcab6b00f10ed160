"""`python tool_server.py PORT`: an MCP server over streamable HTTP with three tools."""

from __future__ import annotations

import sys

import uvicorn
from mcp.server.mcpserver import MCPServer

server = MCPServer("tools")


def cheap(text: str) -> str:
    """Says it again."""
    return text


def dear(text: str) -> str:
    """Says it louder."""
    return text.upper()


def failing(text: str) -> str:
    """Never works."""
    raise ValueError(text)


for tool in (cheap, dear, failing):
    server.add_tool(tool)
uvicorn.run(
    server.streamable_http_app(),
    host="127.0.0.1",
    port=int(sys.argv[1]),
    log_level="warning",
)
