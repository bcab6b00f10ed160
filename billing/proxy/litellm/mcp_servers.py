"""The MCP servers known to LiteLLM. Imported late, as LiteLLM does."""

from __future__ import annotations

from typing import Protocol

from billing.proxy.max_cost.mcp import Server


class _Manager(Protocol):
    """The part of LiteLLM's `MCPServerManager` that we use."""

    def get_mcp_server_by_id(self, server_id: str) -> Server | None: ...
    def get_mcp_server_by_name(self, server_name: str) -> Server | None: ...


class McpServers:
    """Finds servers for `billing/proxy/max_cost/mcp.py`."""

    def find(self, id_or_name: str) -> Server | None:
        """Returns the server with this id or name."""
        from litellm.proxy._experimental.mcp_server.mcp_server_manager import global_mcp_server_manager

        manager: _Manager = global_mcp_server_manager
        return manager.get_mcp_server_by_id(id_or_name) or manager.get_mcp_server_by_name(id_or_name)

    def is_virtual(self, tool: str) -> bool:
        """Whether the tool is one of LiteLLM's own that calls tools of any server."""
        from litellm.proxy._experimental.mcp_server.tool_search import VIRTUAL_TOOL_NAMES

        return tool in VIRTUAL_TOOL_NAMES
