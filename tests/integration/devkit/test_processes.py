"""The processes of a run: stopped in order, missed when they die, ended when the launcher cannot."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from devkit.run import stale_processes
from devkit.run.home import Home
from devkit.run.processes import Processes
from gateway.failures import ProcessDied, ProcessFailed, ProgramMissing
from tests.deadline import eventually

# Says its name and the signal when it is asked to stop, then stops.
POLITE = """
import signal, sys, time
def stop(number, frame):
    with open(sys.argv[1], "a") as file: file.write(sys.argv[2] + "\\n")
    sys.exit(0)
signal.signal(signal.SIGTERM, stop)
open(sys.argv[1] + "." + sys.argv[2], "w").close()
while True: time.sleep(60)
"""
STUBBORN = """
import signal, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
print("deaf", flush=True)
time.sleep(600)
"""
WITH_CHILD = (
    "import subprocess, time; subprocess.Popen(['sleep', '600']); print('born', flush=True); time.sleep(600)"
)


@pytest.fixture
def home(tmp_path: Path) -> Home:
    home = Home(tmp_path / "home")
    home.prepare()
    return home


def _polite(record: Path, name: str) -> list[str]:
    return [sys.executable, "-c", POLITE, str(record), name]


async def _until(path: Path, text: str = "") -> None:
    await asyncio.to_thread(eventually, lambda: path.exists() and text in path.read_text("utf-8"))


class TestStopping:
    async def test_the_last_started_stops_first(self, home: Home, tmp_path: Path) -> None:
        record = tmp_path / "record"
        async with Processes(home) as processes:
            for name in ("database", "sandbox", "gateway"):
                await processes.start(name, _polite(record, name), env=os.environ)
                await _until(tmp_path / f"record.{name}")

        assert record.read_text("utf-8").split() == ["gateway", "sandbox", "database"]

    async def test_one_that_does_not_listen_is_killed(
        self, home: Home, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("devkit.run.processes.STOP_WITHIN_S", 0.2)
        async with Processes(home) as processes:
            part = await processes.start("stubborn", [sys.executable, "-c", STUBBORN], env=os.environ)
            await _until(part.log, "deaf")

        assert part.process.returncode == -signal.SIGKILL

    async def test_what_a_part_started_itself_ends_with_it(self, home: Home) -> None:
        async with Processes(home) as processes:
            part = await processes.start("parent", [sys.executable, "-c", WITH_CHILD], env=os.environ)
            await _until(part.log, "born")
            [child] = psutil.Process(part.process.pid).children()

        await asyncio.to_thread(eventually, lambda: not _lives(child))

    async def test_no_record_of_processes_is_left(self, home: Home) -> None:
        async with Processes(home) as processes:
            await processes.start("sleep", ["sleep", "600"], env=os.environ)
            assert home.processes_file.exists()

        assert not home.processes_file.exists()


class TestDeath:
    async def test_a_part_that_ends_while_starting_is_told_with_its_last_words(self, home: Home) -> None:
        async with Processes(home) as processes:
            command = [sys.executable, "-c", "import sys; sys.exit('no such table')"]
            await processes.start("gateway", command, env=os.environ)

            with pytest.raises(
                ProcessFailed, match="gateway ended with exit code 1 while starting"
            ) as failure:
                await processes.first_death()

        assert failure.value.log_tail == "no such table"

    async def test_a_part_that_is_killed_while_running_is_told(self, home: Home) -> None:
        async with Processes(home) as processes:
            part = await processes.start("gateway", ["sleep", "600"], env=os.environ)
            part.ready = True
            part.process.kill()

            with pytest.raises(ProcessDied, match="gateway killed by signal 9 while running"):
                await processes.first_death()

    async def test_a_part_started_while_we_wait_is_watched_too(self, home: Home) -> None:
        async with Processes(home) as processes:
            waiting = asyncio.create_task(processes.first_death())
            await asyncio.sleep(0)  # lets the wait begin
            await processes.start("late", [sys.executable, "-c", ""], env=os.environ)

            with pytest.raises(ProcessFailed, match="late"):
                await waiting

    async def test_a_program_that_is_missing_is_named(self, home: Home) -> None:
        async with Processes(home) as processes:
            with pytest.raises(ProgramMissing, match="no-such-program is not installed"):
                await processes.start("gateway", ["no-such-program"], env=os.environ)


LAUNCHER = """
import asyncio, os, sys
from pathlib import Path
from devkit.run.home import Home
from devkit.run.processes import Processes

async def main():
    home = Home(Path(sys.argv[1])); home.prepare()
    async with Processes(home) as parts:
        for name in ("database", "gateway"):
            command = [sys.executable, "-c", sys.argv[3], sys.argv[2], name]
            await parts.start(name, command, env=os.environ)
        while not Path(sys.argv[2] + ".gateway").exists() or not Path(sys.argv[2] + ".database").exists():
            await asyncio.sleep(0.02)
        print("started", flush=True)
        await asyncio.sleep(600)

asyncio.run(main())
"""


class TestLauncherKilled:
    def _start(self, home: Home, record: Path) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-c", LAUNCHER, str(home.path), str(record), POLITE]
        launcher = subprocess.Popen(command, stdout=subprocess.PIPE)
        assert launcher.stdout is not None
        assert launcher.stdout.readline() == b"started\n"
        return launcher

    def _kill(self, launcher: subprocess.Popen[bytes]) -> None:
        launcher.kill()
        launcher.wait()
        assert launcher.stdout is not None
        launcher.stdout.close()

    def test_its_parts_end_in_order(self, home: Home, tmp_path: Path) -> None:
        record = tmp_path / "record"
        launcher = self._start(home, record)
        processes = psutil.Process(launcher.pid).children()
        assert len(processes) == 3  # with the reaper

        self._kill(launcher)

        eventually(lambda: not any(map(_lives, processes)))
        assert record.read_text("utf-8").split() == ["gateway", "database"]

    def test_with_the_reaper_killed_too_the_next_run_ends_them(self, home: Home, tmp_path: Path) -> None:
        launcher = self._start(home, tmp_path / "record")
        reaper, *processes = sorted(
            psutil.Process(launcher.pid).children(), key=lambda one: one.create_time()
        )
        assert "reaper.py" in " ".join(reaper.cmdline())
        reaper.suspend()
        self._kill(launcher)
        reaper.kill()
        assert all(map(_lives, processes))

        stale_processes.stop_recorded(home.processes_file)

        assert not any(map(_lives, processes))

    def test_a_stranger_with_a_recorded_pid_is_left_alone(self, home: Home) -> None:
        stranger = subprocess.Popen(["sleep", "600"])
        stale_processes.record(home.processes_file, [stranger.pid])
        text = home.processes_file.read_text("utf-8")
        started = repr(psutil.Process(stranger.pid).create_time())
        home.processes_file.write_text(text.replace(started, "1000.0"), "utf-8")

        stale_processes.stop_recorded(home.processes_file)

        assert stranger.poll() is None
        stranger.kill()
        stranger.wait()


def _lives(process: psutil.Process) -> bool:
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False
