"""The official Stripe CLI from the npm registry, installed once into the virtual environment."""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
import platform
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

import pytest
from pydantic import JsonValue

from gateway.litellm_database import node
from tests.integration.devkit.stripe_sandbox.program import API_KEY, Program

HERE = Path(__file__).parent
FILES = ("package.json", "package-lock.json", ".npmrc")
VERSION = "1.52.0"
INSTALL_WITHIN_S = 100
_CPU = {"x86_64": "x64", "amd64": "x64", "aarch64": "arm64", "arm64": "arm64"}


@dataclass(frozen=True)
class StripeCli:
    """The CLI, pointed at a sandbox."""

    program: Path
    api_base: str
    home: Path

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Runs the CLI; the key goes in by environment."""
        environment = {
            "HOME": str(self.home),
            "XDG_CONFIG_HOME": str(self.home),
            "STRIPE_API_KEY": API_KEY,
            "STRIPE_CLI_TELEMETRY_OPTOUT": "1",
        }
        return subprocess.run(
            [self.program, *arguments, "--api-base", self.api_base],
            env=environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=30,
            check=False,
        )

    def json(self, *arguments: str) -> dict[str, JsonValue]:
        """What a command that succeeds prints."""
        done = self.run(*arguments)
        assert done.returncode == 0, done.stderr
        found: dict[str, JsonValue] = json.loads(done.stdout)
        return found


@pytest.fixture(scope="session")
def cli_program() -> Path:
    """The CLI's binary: it comes inside the platform's npm package, no install script runs."""
    package = f"@stripe/cli-{sys.platform}-{_CPU[platform.machine().lower()]}"
    content = b"".join((HERE / name).read_bytes() for name in FILES)
    folder = Path(sys.prefix) / "share" / "proxyllm" / "stripe-cli" / hashlib.sha256(content).hexdigest()[:16]
    program = folder / "node_modules" / package / "bin" / "stripe"
    if not program.exists():
        _install(folder, package)
    return program


def _install(folder: Path, package: str) -> None:
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent) as temporary:
        work = Path(temporary) / "cli"
        work.mkdir()
        for name in FILES:
            shutil.copy(HERE / name, work / name)
        locked = f"node_modules/{package}" in json.loads((work / "package-lock.json").read_text())["packages"]
        # a platform that the lock file does not know gets the same version, without a hash of ours
        install = ["ci"] if locked else ["install", "--no-package-lock", "--no-save", f"{package}@{VERSION}"]
        npm = asyncio.run(node.find()).npm
        subprocess.run(
            [*npm, *install, "--ignore-scripts"],
            cwd=work,
            check=True,
            capture_output=True,
            timeout=INSTALL_WITHIN_S,
            env=dict(os.environ),
        )
        if not folder.exists():  # another worker may have been faster
            work.rename(folder)


@pytest.fixture
def cli(cli_program: Path, program: Program, tmp_path: Path) -> StripeCli:
    return StripeCli(cli_program, program.url, tmp_path)
