"""The folder with the state of `proxyllm run`, and the lock that allows one run at a time."""

from __future__ import annotations

import fcntl
import os
from dataclasses import dataclass
from pathlib import Path

from gateway.failures import AlreadyRunning, HomeUnusable
from gateway.private_files import PRIVATE_DIRECTORY, PRIVATE_FILE


@dataclass(frozen=True, slots=True)
class Home:
    """The paths of all files under PROXYLLM_HOME."""

    path: Path

    @property
    def logs(self) -> Path:
        return self.path / "logs"

    @property
    def postgres(self) -> Path:
        return self.path / "postgres"

    @property
    def run_file(self) -> Path:
        return self.path / "run.json"

    @property
    def keys_file(self) -> Path:
        return self.path / "keys.json"

    @property
    def config_file(self) -> Path:
        return self.path / "config.yaml"

    @property
    def import_time_file(self) -> Path:
        return self.path / "gateway-import-time"

    @property
    def processes_file(self) -> Path:
        return self.path / "processes.json"

    @property
    def lock_file(self) -> Path:
        return self.path / "lock"

    def prepare(self) -> None:
        """Creates the folders, private to their owner, and proves that they can be written.

        Raises HomeUnusable with the reason of the operating system.
        """
        try:
            for directory in (self.path, self.logs):
                directory.mkdir(parents=True, exist_ok=True)
                directory.chmod(PRIVATE_DIRECTORY)
            probe = self.path / f".probe-{os.getpid()}"
            probe.touch()
            probe.unlink()
        except OSError as error:
            reason = error.strerror or str(error)
            raise HomeUnusable(
                f"cannot write PROXYLLM_HOME {self.path} ({reason}): set PROXYLLM_HOME to a writable folder"
            ) from error

    def lock(self) -> int:
        """Takes the lock for as long as this process lives; returns its file descriptor.

        The operating system frees it when the process ends, however it ends: a remaining file is not a lock.
        Raises AlreadyRunning naming the process that holds it.
        """
        descriptor = os.open(self.lock_file, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, PRIVATE_FILE)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            holder = os.read(descriptor, 32).decode(errors="replace").strip() or "unknown"
            os.close(descriptor)
            raise AlreadyRunning(
                f"already running on {self.path} (pid {holder}): "
                "stop it, or set another PROXYLLM_HOME and PORT"
            ) from error
        os.ftruncate(descriptor, 0)
        os.write(descriptor, f"{os.getpid()}\n".encode())
        return descriptor
