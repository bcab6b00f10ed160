"""PROXYLLM_HOME: private, writable, and used by one run at a time."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from devkit.run.home import Home
from gateway.failures import AlreadyRunning, HomeUnusable
from gateway.private_files import write_private


@pytest.fixture
def home(tmp_path: Path) -> Home:
    home = Home(tmp_path / "home")
    home.prepare()
    return home


class TestPrepare:
    def test_folders_are_private_to_their_owner(self, home: Home) -> None:
        for directory in (home.path, home.logs):
            assert stat.S_IMODE(directory.stat().st_mode) == 0o700

    def test_it_may_be_done_again(self, home: Home) -> None:
        home.prepare()

    def test_a_file_in_the_way_is_said_with_what_to_do(self, tmp_path: Path) -> None:
        (tmp_path / "file").touch()

        with pytest.raises(HomeUnusable, match="set PROXYLLM_HOME to a writable folder"):
            Home(tmp_path / "file" / "home").prepare()


class TestLock:
    def test_a_second_run_is_refused_naming_the_first(self, home: Home) -> None:
        held = home.lock()

        with pytest.raises(AlreadyRunning, match=f"pid {os.getpid()}"):
            home.lock()
        os.close(held)

    def test_the_lock_of_a_run_that_ended_is_free(self, home: Home) -> None:
        os.close(home.lock())

        os.close(home.lock())

    def test_a_stale_file_naming_a_living_process_is_no_lock(self, home: Home) -> None:
        home.lock_file.write_text("1\n", "ascii")

        descriptor = home.lock()

        assert home.lock_file.read_text("ascii") == f"{os.getpid()}\n"
        os.close(descriptor)

    def test_the_lock_of_a_killed_process_is_taken_over(self, home: Home) -> None:
        script = (
            "import pathlib, os, signal; from devkit.run.home import Home;"
            f"Home(pathlib.Path({str(home.path)!r})).lock(); os.kill(os.getpid(), signal.SIGKILL)"
        )
        ended = subprocess.run([sys.executable, "-c", script], check=False)
        assert ended.returncode == -9

        os.close(home.lock())

    def test_a_child_process_does_not_keep_it(self, home: Home) -> None:
        descriptor = home.lock()
        child = subprocess.Popen(["sleep", "60"], close_fds=False)
        os.close(descriptor)

        os.close(home.lock())
        child.kill()
        child.wait()


class TestWritePrivate:
    def test_only_the_owner_may_read_it(self, tmp_path: Path) -> None:
        write_private(tmp_path / "keys", "secret")

        assert stat.S_IMODE((tmp_path / "keys").stat().st_mode) == 0o600

    def test_an_open_reader_keeps_the_whole_old_text(self, tmp_path: Path) -> None:
        path = tmp_path / "keys"
        write_private(path, "old")
        with path.open() as reader:
            write_private(path, "new and longer")

            assert reader.read() == "old"
        assert path.read_text() == "new and longer"

    def test_nothing_else_is_left_in_the_folder(self, tmp_path: Path) -> None:
        write_private(tmp_path / "keys", "secret")

        assert [path.name for path in tmp_path.iterdir()] == ["keys"]
