"""Finds processes left by an earlier run, by pid *and* start time, since pids are reused."""

from __future__ import annotations

import json
import signal
from collections.abc import Iterable
from pathlib import Path

import psutil

from devkit.run import reaper
from gateway.private_files import write_private

STOP_WITHIN_S = 10.0


def record(path: Path, pids: Iterable[int]) -> None:
    """Records the processes of this run for the next one."""
    entries = [[pid, started] for pid in pids if (started := _started_at(pid)) is not None]
    write_private(path, json.dumps(entries))


def stop_recorded(path: Path) -> None:
    """Ends what an earlier run left behind, last started first. Ignores a damaged record."""
    try:
        entries = [(int(pid), float(started)) for pid, started in json.loads(path.read_text("utf-8"))]
    except (FileNotFoundError, ValueError, TypeError):
        return
    for pid, started in reversed(entries):
        if _started_at(pid) == started:
            reaper.stop(pid, signal.SIGTERM, STOP_WITHIN_S)


def stop_in_directory(program: str, directory: Path, stop_signal: signal.Signals) -> None:
    """Ends every `program` process whose working directory is `directory` (for PostgreSQL, its data)."""
    for process in psutil.process_iter(("name",)):
        if process.info["name"] == program and _works_in(process, directory):
            reaper.stop(process.pid, stop_signal, STOP_WITHIN_S)


def _works_in(process: psutil.Process, directory: Path) -> bool:
    try:
        return Path(process.cwd()) == directory
    except psutil.Error:
        return False


def _started_at(pid: int) -> float | None:
    try:
        process = psutil.Process(pid)
        return None if process.status() == psutil.STATUS_ZOMBIE else float(process.create_time())
    except psutil.Error:
        return None
