"""Generates prisma-client-py's code for LiteLLM's schema into the installed `prisma` package.

A stamp that is written last names its sources, so that incomplete code is never mistaken for complete code.
"""

from __future__ import annotations

import hashlib
import importlib.metadata
import importlib.util
import os
import sys
import sysconfig
from pathlib import Path

from gateway.failures import ProcessFailed, ProgramMissing
from gateway.litellm_database import locks, programs
from gateway.litellm_database.lazy_types import EVERY_TYPE, make_lazy
from gateway.litellm_database.native_engine import PRISMA_VERSION
from gateway.litellm_database.progress import Progress
from gateway.litellm_database.toolchain import Toolchain

STAMP = ".proxyllm-client"
GENERATE_WITHIN_S = 180.0
GENERATED = ("client.py", "types.py", EVERY_TYPE, "models.py", "actions.py", "partials.py")


def is_current() -> bool:
    """Whether the generated code is complete and matches the installed LiteLLM's schema and Prisma."""
    package = package_directory("prisma")
    try:
        stamp = (package / STAMP).read_text("utf-8")
        return stamp == _stamp(package) and all((package / name).exists() for name in GENERATED)
    except FileNotFoundError:
        return False


async def ensure(tools: Toolchain, progress: Progress) -> None:
    """Generates the code unless it is current. Raises ProcessFailed or ProgramMissing with what to do."""
    if is_current():
        return
    package = package_directory("prisma")
    async with locks.exclusive(package / ".proxyllm-lock", GENERATE_WITHIN_S):
        if not is_current():
            progress("Generating LiteLLM's database client")
            for name in (STAMP, "client.py"):  # the generator imports the package: slow with an old client
                (package / name).unlink(missing_ok=True)
            await generate(tools, schema_file())
            make_lazy(package)
            await _compile(package)
            (package / STAMP).write_text(_stamp(package), "utf-8")


async def generate(tools: Toolchain, schema: Path) -> None:
    """Runs `prisma generate` for `schema` without downloading anything. Raises ProcessFailed."""
    scripts = sysconfig.get_path("scripts")
    outcome = await programs.run(
        [*tools.prisma, "generate", "--schema", str(schema)],
        env=os.environ
        | {
            "PATH": os.pathsep.join((scripts, str(tools.node.parent), os.environ.get("PATH", ""))),
            # Any executable will do: both are looked up, but neither is used for generating.
            "PRISMA_QUERY_ENGINE_BINARY": str(tools.engine),
            "PRISMA_SCHEMA_ENGINE_BINARY": str(tools.engine),
            "PRISMA_CLI_QUERY_ENGINE_TYPE": "binary",
            "PRISMA_HIDE_UPDATE_MESSAGE": "1",
            "CHECKPOINT_DISABLE": "1",
        },
        timeout_s=GENERATE_WITHIN_S,
    )
    if outcome.code is None:
        raise ProcessFailed(f"`prisma generate` did not finish in {GENERATE_WITHIN_S:.0f} s")
    if outcome.code != 0:
        raise ProcessFailed("`prisma generate` failed for LiteLLM's schema", outcome.last_lines)


async def _compile(package: Path) -> None:
    """Writes the byte code, even if PYTHONDONTWRITEBYTECODE keeps the gateway from doing so itself.

    If it cannot be written, that only costs time at the next start.
    """
    command = [sys.executable, "-m", "compileall", "-q", "-x", EVERY_TYPE, str(package)]
    await programs.run(command, env=os.environ, timeout_s=GENERATE_WITHIN_S)


def schema_file() -> Path:
    """Returns LiteLLM's Prisma schema. Raises ProgramMissing if LiteLLM is not installed."""
    return package_directory("litellm_proxy_extras") / "schema.prisma"


def package_directory(name: str) -> Path:
    """Finds an installed package without importing it. Raises ProgramMissing."""
    spec = importlib.util.find_spec(name)
    for root in spec.submodule_search_locations or () if spec else ():
        return Path(root)
    raise ProgramMissing(f"the Python package {name} is not installed: install `litellm[proxy]` and `prisma`")


def _stamp(package: Path) -> str:
    """Returns a hash of the sources and of the schema that the generator wrote."""
    schemas = (schema_file(), package / "schema.prisma")
    digests = [hashlib.sha256(schema.read_bytes()).hexdigest() for schema in schemas]
    return f"{' '.join(digests)} {importlib.metadata.version('prisma')} {PRISMA_VERSION} lazy-types-2\n"
