"""Calls of MCP tools, at the price that the operator set for each."""
