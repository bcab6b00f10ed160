"""Prepares LiteLLM's own database without importing LiteLLM and without Prisma's engine host.

There are two steps, of which the first needs no database:

1. `prepare_client`: npm packages, prisma-client-py's code for LiteLLM's schema, and a query engine for it.
   Must be done before a process imports LiteLLM's proxy, which imports the generated code.
2. `migrate`: LiteLLM's migrations, recorded as Prisma records them.

Why: docs/decisions/0004-prisma-wasm-engine.md
"""

from __future__ import annotations

from gateway.litellm_database.migrations import migrate
from gateway.litellm_database.preparation import prepare_client

__all__ = ["migrate", "prepare_client"]
