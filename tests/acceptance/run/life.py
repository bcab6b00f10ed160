"""One home and port, started again and again by a `make run` of its own."""

from __future__ import annotations

import os
import re
import sys
from pathlib import Path

from devkit.run.run_file import RunFile
from tests.acceptance.launch import Launched, free_port_pair, launch, processes_of
from tests.deadline import eventually

ROOT = Path(__file__).parents[3]
# The project's own recipe, in the environment of the tests, whether or not make would install that anew.
MAKE_RUN = (
    "make", "--no-print-directory", "-C", str(ROOT),
    "-o", f"{sys.prefix}/ready-run", f"VENV={sys.prefix}", "run",
)  # fmt: skip
# Of a second start, where the import of LiteLLM's proxy, without garbage collection, takes so long. Ours has
# all routes prepared and all that stays collected, for which the first callers waited before.
OURS_S_MAX, IMPORT_S = 18.0, 9.0


class Life:
    """A run that is started, ended in whatever way, and started again."""

    def __init__(self, directory: Path) -> None:
        self.home = directory / "home"
        self.port = free_port_pair()

    def start(self) -> tuple[Launched, RunFile]:
        """`make run`, until it is ready."""
        launched = launch(self.home, self.port, command=MAKE_RUN)
        return launched, launched.until_ready()

    def assert_gone(self) -> None:
        """No process of it is left."""
        eventually(lambda: processes_of(self.home) == [], 40)

    def kill(self) -> None:
        """After a failed test nothing stays."""
        for process in processes_of(self.home):
            process.kill()


def assert_quick(launched: Launched) -> None:
    """Of a start that finds everything in its place: ours is short beside the import, and both are printed.

    A busy machine has more time: as much as its import took longer, or more wanted to run than can.
    """
    pattern = r"ready in ([\d.]+) s: ([\d.]+) s import of LiteLLM's proxy, ([\d.]+) s ours"
    eventually(lambda: re.search(pattern, launched.output) is not None)
    times = re.search(pattern, launched.output)
    assert times is not None
    total_s, import_s, ours_s = map(float, times.groups())
    assert abs(total_s - import_s - ours_s) < 0.2
    assert import_s > 1
    busy = max(1.0, import_s / IMPORT_S, os.getloadavg()[0] / (os.cpu_count() or 1))
    assert ours_s <= OURS_S_MAX * busy, (times[0], busy)
