"""Prepares what LiteLLM's Prisma client needs, and the environment that points to it."""

from __future__ import annotations

from pathlib import Path

from gateway.litellm_database import client, native_engine, toolchain
from gateway.litellm_database.progress import Progress


async def prepare_client(progress: Progress, directory: Path | None = None) -> dict[str, str]:
    """Creates the generated client and a query engine once; later calls take milliseconds.

    `directory` is for the npm packages (default: in the virtual environment, next to the generated client).
    Returns the environment variables for the gateway's process. Safe to run in several processes at once.
    Raises ProgramMissing or ProcessFailed with what to do.
    """
    engine = await native_engine.find()
    if engine is None or not client.is_current():
        tools = await toolchain.ensure(directory or toolchain.default_directory(), progress)
        engine = engine or tools.engine
        await client.ensure(tools, progress)
    return {
        "PRISMA_QUERY_ENGINE_BINARY": str(engine),
        "DISABLE_SCHEMA_UPDATE": "true",  # `litellm` would migrate with Prisma's native schema engine
    }
