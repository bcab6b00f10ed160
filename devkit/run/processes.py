"""The processes started by `proxyllm run`: each with a log, a stop signal and a place in the order."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Self

from devkit.run import reaper, stale_processes
from devkit.run.home import Home
from gateway.failures import ProcessDied, ProcessFailed, ProgramMissing
from gateway.litellm_database.programs import StartAs
from gateway.private_files import PRIVATE_FILE

STOP_WITHIN_S = 20.0
LOG_TAIL_LINES = 15
LOG_TAIL_BYTES = 16_384
LOG_KEEP_BYTES = 10_000_000
REAPER = "reaper"


@dataclass(slots=True)
class RunningProcess:
    """A process in a session of its own: Ctrl-C only reaches the launcher, which knows the order."""

    name: str
    process: asyncio.subprocess.Process
    log: Path
    stop_signal: signal.Signals
    ready: bool = False

    def failure(self) -> ProcessFailed | ProcessDied:
        """Describes the unexpected end of a process."""
        code = self.process.returncode
        how = f"killed by signal {-code}" if code is not None and code < 0 else f"ended with exit code {code}"
        kind = ProcessDied if self.ready else ProcessFailed
        when = "while running" if self.ready else "while starting"
        return kind(f"{self.name} {how} {when}; its log is {self.log}", log_tail(self.log))


@dataclass(slots=True)
class Processes:
    """All processes of a run. Leaving the context stops them, last started first."""

    home: Home
    running: list[RunningProcess] = field(default_factory=list)
    _started: asyncio.Event = field(default_factory=asyncio.Event)

    async def __aenter__(self) -> Self:
        stale_processes.stop_recorded(self.home.processes_file)
        command = (sys.executable, "-I", "-S", reaper.__file__, str(self.home.path))  # the path is for `ps`
        await self._launch(REAPER, command, env={}, stdin=asyncio.subprocess.PIPE)
        self.running[0].ready = True
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        while len(self.running) > 1:
            await self.stop(self.running[-1])
        guard = self.running.pop()
        if guard.process.stdin is not None:
            guard.process.stdin.close()
        await guard.process.wait()
        self.home.processes_file.unlink(missing_ok=True)

    async def start(
        self,
        name: str,
        command: Sequence[str],
        *,
        env: Mapping[str, str],
        stop_signal: signal.Signals = signal.SIGTERM,
        pass_fds: Sequence[int] = (),
        start_as: StartAs | None = None,
    ) -> RunningProcess:
        """Starts `command` with exactly `env`; its output goes to `logs/<name>.log`.

        `start_as` names another user or another folder that it runs in.

        Raises ProgramMissing where the program cannot be found.
        """
        process = await self._launch(
            name, command, env=env, stop_signal=stop_signal, pass_fds=pass_fds, start_as=start_as
        )
        self._tell_reaper({"pid": process.process.pid, "signal": int(stop_signal)})
        stale_processes.record(self.home.processes_file, [one.process.pid for one in self.running])
        self._started.set()
        return process

    async def _launch(
        self,
        name: str,
        command: Sequence[str],
        *,
        env: Mapping[str, str],
        stop_signal: signal.Signals = signal.SIGTERM,
        pass_fds: Sequence[int] = (),
        stdin: int = asyncio.subprocess.DEVNULL,
        start_as: StartAs | None = None,
    ) -> RunningProcess:
        log = self.home.logs / f"{name}.log"
        output = _open_log(log)
        try:
            process = await asyncio.create_subprocess_exec(
                *command,
                env=dict(env),
                stdin=stdin,
                stdout=output,
                stderr=output,
                start_new_session=True,
                pass_fds=pass_fds,
                **(start_as or {}),
            )
        except FileNotFoundError as error:
            raise ProgramMissing(f"cannot start {name}: {command[0]} is not installed") from error
        finally:
            os.close(output)
        running = RunningProcess(name, process, log, stop_signal)
        self.running.append(running)
        return running

    async def stop(self, process: RunningProcess) -> None:
        """Asks a process to stop, waits, and kills what is left of its session."""
        with suppress(ProcessLookupError):
            process.process.send_signal(process.stop_signal)
        with suppress(TimeoutError):
            await asyncio.wait_for(process.process.wait(), STOP_WITHIN_S)
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(process.process.pid, signal.SIGKILL)
        await process.process.wait()
        self._tell_reaper({"gone": process.process.pid})
        self.running.remove(process)

    async def first_death(self) -> None:
        """Waits until any process exits, and raises its ProcessFailed or ProcessDied."""
        while True:
            self._started.clear()
            waiting = {asyncio.create_task(process.process.wait()): process for process in self.running}
            started = asyncio.create_task(self._started.wait())
            try:
                done, _ = await asyncio.wait({*waiting, started}, return_when=asyncio.FIRST_COMPLETED)
            finally:
                for task in (*waiting, started):
                    task.cancel()
            for task, process in waiting.items():
                if task in done and process in self.running:
                    raise process.failure()

    def _tell_reaper(self, message: dict[str, int]) -> None:
        stdin = self.running[0].process.stdin
        if stdin is not None and not stdin.is_closing():
            stdin.write(json.dumps(message).encode() + b"\n")


def _open_log(log: Path) -> int:
    """Appends to the log of earlier runs; starts over if that has grown too large."""
    with suppress(FileNotFoundError):
        if log.stat().st_size > LOG_KEEP_BYTES:
            log.replace(log.with_suffix(".log.1"))
    return os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, PRIVATE_FILE)


def log_tail(log: Path) -> str:
    """Returns the last lines of a log, to explain a failure."""
    try:
        with log.open("rb") as file:
            file.seek(0, os.SEEK_END)
            file.seek(max(0, file.tell() - LOG_TAIL_BYTES))
            text = file.read().decode(errors="replace")
    except FileNotFoundError:
        return ""
    return "\n".join(text.rstrip().splitlines()[-LOG_TAIL_LINES:])
