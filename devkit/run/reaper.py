"""Stops the processes when the launcher could not: a script that reads the launcher's pipe until that closes.

The launcher writes one JSON line for each process: `{"pid": 1, "signal": 15}` when it starts, `{"gone": 1}`
when it ended. A launcher that stops in order leaves nothing to do; one that was killed (`kill -9`) closes the
pipe just the same, and the processes end here, last started first. Standard library only: it starts at once.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import time
from contextlib import suppress
from pathlib import Path

STOP_WITHIN_S = 15.0
POLL_S = 0.02


def alive(pid: int) -> bool:
    """Whether `pid` is still running; an uncollected (zombie) process is not."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    try:
        status = Path(f"/proc/{pid}/stat").read_text(encoding="ascii", errors="replace")
    except OSError:
        return not Path("/proc/self/stat").exists()  # without /proc (macOS) init reaps at once
    return status.rpartition(")")[2].split()[0] != "Z"


def stop(pid: int, stop_signal: int, within_s: float = STOP_WITHIN_S) -> None:
    """Asks a process to stop, then kills it and the rest of its group."""
    with suppress(ProcessLookupError):
        os.kill(pid, stop_signal)
    deadline = time.monotonic() + within_s
    while alive(pid) and time.monotonic() < deadline:
        time.sleep(POLL_S)
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(pid, signal.SIGKILL)


def main() -> None:
    """Keeps the list of processes, and ends them if nobody else can."""
    running: dict[int, int] = {}
    for line in sys.stdin:
        message = json.loads(line)
        if "gone" in message:
            running.pop(message["gone"], None)
        else:
            running[message["pid"]] = message["signal"]
    for pid, stop_signal in reversed(running.items()):
        stop(pid, stop_signal)


if __name__ == "__main__":
    main()
