"""Finds Prisma's native query engine if it has been downloaded: it is preferred to ours."""

from __future__ import annotations

import os
from pathlib import Path

from gateway.litellm_database import programs

PRISMA_VERSION = "5.17.0"
ENGINE_VERSION = "393aa359c9ad4a4bb28630fb5613f9c281cde053"
"""What prisma-client-py 0.15 expects (`prisma/_config.py`)."""
PATTERNS = (
    "prisma-query-engine-*",
    "node_modules/prisma/query-engine-*",
    "node_modules/@prisma/engines/query-engine-*",
)
ANSWER_WITHIN_S = 10.0


async def find() -> Path | None:
    """Returns the engine in PRISMA_QUERY_ENGINE_BINARY, else one in prisma-client-py's cache, else None.

    The engine must run here and report the version that prisma-client-py expects.
    """
    for candidate in _candidates():
        if await _answers(candidate):
            return candidate
    return None


def _candidates() -> list[Path]:
    named = os.environ.get("PRISMA_QUERY_ENGINE_BINARY")
    if named:
        return [Path(named)]
    cache = _cache()
    return [path for pattern in PATTERNS for path in sorted(cache.glob(pattern)) if os.access(path, os.X_OK)]


def _cache() -> Path:
    """Returns where prisma-client-py stores downloads (`prisma/_config.py`, `binary_cache_dir`)."""
    if named := os.environ.get("PRISMA_BINARY_CACHE_DIR"):
        return Path(named)
    home = Path(os.environ.get("PRISMA_HOME_DIR") or Path.home())
    return home / ".cache" / "prisma-python" / "binaries" / PRISMA_VERSION / ENGINE_VERSION


async def _answers(engine: Path) -> bool:
    try:
        outcome = await programs.run([str(engine), "--version"], env=os.environ, timeout_s=ANSWER_WITHIN_S)
    except OSError:
        return False
    return outcome.code == 0 and outcome.output.split()[-1:] == [ENGINE_VERSION]
