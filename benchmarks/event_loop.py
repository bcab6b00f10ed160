"""How long a gateway's event loop served nobody, measured inside its process by `inside/sitecustomize.py`."""

from __future__ import annotations

from pathlib import Path

from pydantic import BaseModel

FOLDER = "PROXYLLM_BENCHMARK_LOOP_DELAYS"
INSIDE = Path(__file__).parent / "inside"
LONG_MS = 50.0


class Stops(BaseModel):
    """Stops of more than 10 ms, less at most 5 ms each, since it looks so often.

    `longest_ms` passed on the clock, which other programs on a busy machine lengthen.
    `longest_cpu_ms` is what the thread of the event loop worked at most between two looks.
    """

    longest_ms: float
    longest_cpu_ms: float
    of_50_ms_or_more: int
    of_10_ms_or_more: int


def environment(folder: Path) -> dict[str, str]:
    """What a gateway is started with so that it measures itself, into a file in `folder`."""
    folder.mkdir()
    return {FOLDER: str(folder), "PYTHONPATH": str(INSIDE)}


def stops(folder: Path, pid: int, began_s: float, ended_s: float) -> Stops:
    """The stops that ended between two times of the monotonic clock."""
    lines = [line.split() for line in (folder / str(pid)).read_text("utf-8").splitlines()]
    found = [(float(late), float(cpu)) for at, late, cpu in lines if began_s <= float(at) <= ended_s]
    late_ms = [late for late, _ in found]
    return Stops(
        longest_ms=max(late_ms, default=0.0),
        longest_cpu_ms=max((cpu for _, cpu in found), default=0.0),
        of_50_ms_or_more=sum(late >= LONG_MS for late in late_ms),
        of_10_ms_or_more=len(late_ms),
    )
