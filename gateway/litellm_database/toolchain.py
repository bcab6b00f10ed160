"""Installs Prisma's command line and our query-engine server with their npm packages, once.

A folder named after the sources' hash is complete: it is built next to its place and then moved there.
"""

from __future__ import annotations

import hashlib
import os
import re
import shlex
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path

from gateway.failures import ProcessFailed
from gateway.litellm_database import locks, node, programs
from gateway.litellm_database.progress import Progress

SOURCES = Path(__file__).parent / "prisma_engine"
NPM_WITHIN_S = 600.0


@dataclass(frozen=True, slots=True)
class Toolchain:
    """The folder of the packages, the Node.js that runs them, and the engine executable."""

    directory: Path
    node: Path

    @property
    def engine(self) -> Path:
        """The executable that prisma-client-py uses as the query engine."""
        return self.directory / "query-engine"

    @property
    def prisma(self) -> tuple[str, ...]:
        """The command of Prisma's command line."""
        return (str(self.node), str(self.directory / "node_modules" / "prisma" / "build" / "index.js"))


def default_directory() -> Path:
    """In the virtual environment, shared by all homes like the client generated into it."""
    return Path(sys.prefix) / "share" / "proxyllm" / "prisma-engine"


async def ensure(directory: Path, progress: Progress) -> Toolchain:
    """Returns the installed toolchain below `directory`. Raises ProgramMissing or ProcessFailed."""
    found = await node.find()
    sources = _sources()
    target = directory / _fingerprint(sources)
    tools = Toolchain(target, found.program)
    if not target.is_dir():
        _create(directory)
        async with locks.exclusive(directory / ".lock", NPM_WITHIN_S):
            if not target.is_dir():
                progress("Installing Prisma's engine from npm")
                await _install(found, sources, target)
    _write_engine(tools)
    return tools


def _create(directory: Path) -> None:
    try:
        directory.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ProcessFailed(f"cannot create {directory}: {error.strerror}") from error


def _sources() -> list[Path]:
    names = ("package.json", "package-lock.json", ".npmrc")
    return sorted([*SOURCES.glob("*.mjs"), *(SOURCES / name for name in names)])


def _fingerprint(sources: list[Path]) -> str:
    digest = hashlib.sha256()
    for source in sources:
        content = source.read_bytes()
        digest.update(f"{source.name} {len(content)}\n".encode())
        digest.update(content)
    return digest.hexdigest()[:16]


async def _install(found: node.Node, sources: list[Path], target: Path) -> None:
    draft = target.with_suffix(".draft")
    shutil.rmtree(draft, ignore_errors=True)
    draft.mkdir()
    for source in sources:
        shutil.copyfile(source, draft / source.name)
    outcome = await programs.run(
        # Install scripts would download Prisma's native engines.
        [*found.npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund"],
        env=os.environ | {"PATH": f"{found.program.parent}{os.pathsep}{os.environ.get('PATH', '')}"},
        timeout_s=NPM_WITHIN_S,
        directory=draft,
    )
    if outcome.code != 0:
        raise ProcessFailed(_what_npm_said(outcome), outcome.last_lines)
    draft.rename(target)


def _what_npm_said(outcome: programs.Outcome) -> str:
    if outcome.code is None:
        return f"npm did not finish in {NPM_WITHIN_S:.0f} s: is its registry reachable?"
    errors = re.findall(r"^npm (?:error|ERR!) +(.+)$", outcome.output, re.MULTILINE)
    details = [line for line in errors if not line.startswith(("code ", "errno ", "syscall "))]
    said = details[0] if details else outcome.last_lines
    return f"npm cannot install Prisma's engine: {said}"


def _write_engine(tools: Toolchain) -> None:
    """Writes the executable, again if Node.js has moved. The shell's parent waits for the engine."""
    server = tools.directory / "server.mjs"
    command = f"{shlex.quote(str(tools.node))} {shlex.quote(str(server))}"
    script = f'#!/bin/sh\nPROXYLLM_ENGINE_PARENT=$PPID exec {command} "$@"\n'
    if tools.engine.exists() and tools.engine.read_text("utf-8") == script:
        return
    draft = tools.engine.with_suffix(f".{os.getpid()}")
    draft.write_text(script, "utf-8")
    draft.chmod(0o755)
    draft.replace(tools.engine)
