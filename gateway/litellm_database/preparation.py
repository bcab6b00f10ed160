"""What LiteLLM's Prisma client needs before a gateway starts, and the environment that names it."""

from __future__ import annotations

from pathlib import Path

from gateway.litellm_database import client, native_engine, toolchain
from gateway.litellm_database.progress import Progress


async def prepare_client(progress: Progress, directory: Path | None = None) -> dict[str, str]:
    """Makes the generated client and a query engine, once; afterwards this takes milliseconds.

    `directory` is where the npm packages go (default: in the virtual environment, beside the client that is
    generated into it). Returns the environment variables that the gateway's process needs. Safe to run in
    several processes at once. Raises ProgramMissing or ProcessFailed with what to do.
    """
    engine = await native_engine.find()
    if engine is None or not client.is_current():
        tools = await toolchain.ensure(directory or toolchain.default_directory(), progress)
        engine = engine or tools.engine
        await client.ensure(tools, progress)
    return {
        "PRISMA_QUERY_ENGINE_BINARY": str(engine),
        "DISABLE_SCHEMA_UPDATE": "true",  # `litellm` would migrate by Prisma's native schema engine
    }
