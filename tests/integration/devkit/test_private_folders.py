"""Our PostgreSQL starts in a clone that only its owner may enter, and opens that clone to nobody."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
import sysconfig
from collections.abc import Iterator
from pathlib import Path

import pytest

from devkit.run.postgres_programs import CACHE, WHEEL

# Starts the server on a new home, leaves a row in it, starts it again, and prints that row.
PROGRAM = """
import asyncio, sys
from pathlib import Path
import psycopg
from devkit.run import postgres
from devkit.run.home import Home
from devkit.run.processes import Processes

async def run(statement):
    async with Processes(home) as parts:
        place = postgres.choose_place(home, "pass word")
        await postgres.start(parts, place)
        async with await psycopg.AsyncConnection.connect(place.url) as connection:
            cursor = await connection.execute(statement)
            return await cursor.fetchall() if cursor.description else []

home = Home(Path(sys.argv[1]))
home.prepare()
asyncio.run(run("CREATE TABLE kept AS SELECT 7"))
print(asyncio.run(run("SELECT * FROM kept")))
"""


@pytest.fixture
def private(tmp_path: Path) -> Iterator[Path]:
    """A folder with a space in its name and an installed wheel in it, as `umask 077` leaves both."""
    folder = tmp_path / "my clone"
    packages = Path(sysconfig.get_path("purelib"))
    for part in packages.glob(f"{WHEEL}*"):
        shutil.copytree(part, folder / part.name)
    [record] = folder.glob("*.dist-info/RECORD")
    record.write_text(record.read_text("utf-8") + "another,,\n", "utf-8")  # a version not seen before
    for path in (folder, *folder.rglob("*")):
        path.chmod(path.stat().st_mode & 0o700)
    yield folder
    contents = hashlib.sha256(record.read_bytes()).hexdigest()
    for copy in CACHE.glob(f"*-{contents[:12]}"):
        shutil.rmtree(copy)


def test_it_starts_where_only_its_owner_may_enter(private: Path) -> None:
    modes = {path: path.stat().st_mode for path in (private, *private.parents, *private.rglob("*"))}

    started = subprocess.run(
        [sys.executable, "-c", PROGRAM, private / "home"],
        env=os.environ | {"PYTHONPATH": str(private)},
        umask=0o077,
        capture_output=True,
        text=True,
        check=False,
    )

    assert started.stdout == "[(7,)]\n", started.stderr
    assert {path: path.stat().st_mode for path in modes} == modes
