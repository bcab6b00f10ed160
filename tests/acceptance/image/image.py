"""Runs the commands of a built image as a container would, on a machine that has no container runtime.

A file system that is read-only but for /tmp, a process tree of its own in which the command is the first
process, the image's user, environment and folder. The network is this machine's: so are Postgres and Stripe.
"""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil

from tests.deadline import eventually

NAME = "localhost/proxyllm"
_ENTER = """
root=$1; shift
mount --bind "$root" "$root"
mount --rbind /dev "$root/dev"
mount -t proc proc "$root/proc"
mount -t tmpfs -o mode=1777 tmpfs "$root/tmp"
mount -o remount,bind,ro "$root"
exec "$@"
"""


@dataclass(frozen=True)
class Config:
    """What the image says about itself."""

    user: str
    command: list[str]
    folder: str
    environment: dict[str, str]
    health_check: list[str]
    labels: dict[str, str]
    ports: list[str]


class InContainer:
    """A command that runs in the image, or has ended. Signals go to the command, not to what surrounds it."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self._process = process

    @property
    def first(self) -> psutil.Process:
        """The first process of the container, as this machine sees it."""
        eventually(lambda: bool(psutil.Process(self._process.pid).children()))
        return psutil.Process(self._process.pid).children()[0]

    def poll(self) -> int | None:
        return self._process.poll()

    def wait(self, timeout: float) -> int:
        return self._process.wait(timeout)

    def send_signal(self, number: int) -> None:
        self.first.send_signal(number)


@dataclass(frozen=True)
class Image:
    """A built image, its files laid out in `root`."""

    root: Path
    config: Config

    def start(self, command: list[str], environment: Mapping[str, str], log: Path) -> InContainer:
        """Starts a command of the image with its environment and what is given."""
        around = [
            "/usr/bin/unshare",
            "--mount",
            "--pid",
            "--fork",
            "--kill-child",
            "--propagation",
            "private",
        ]
        around += ["/bin/sh", "-euc", _ENTER, "sh", str(self.root)]
        user = ["/usr/sbin/chroot", f"--userspec={self.config.user}", "--groups=", str(self.root)]
        inside = ["/usr/bin/env", "-C", self.config.folder, *command]
        with log.open("ab") as output:
            process = subprocess.Popen(
                [*around, *user, *inside],
                env={**self.config.environment, **environment},
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
            )
        return InContainer(process)

    def size_bytes(self) -> int:
        """Of all files, as they lie on a disk."""
        files = (file for file in self.root.rglob("*") if file.is_file() and not file.is_symlink())
        return sum(file.stat().st_size for file in files)


@contextmanager
def open_image(folder: Path) -> Iterator[Image]:
    """Lays out the image that `deploy/image/build_on_stand_ins.sh` left in `folder`."""

    driver = (folder / "driver").read_text("ascii").strip()

    def buildah(*arguments: str) -> str:
        store = ["--storage-driver", driver, "--root", f"{folder}/storage", "--runroot", f"{folder}/run"]
        command = ["buildah", *store, *arguments]
        ended = subprocess.run(command, check=True, capture_output=True, text=True, timeout=300)
        return ended.stdout.strip()

    config = _config(json.loads(buildah("inspect", "--type", "image", NAME)))
    container = buildah("from", "--pull-never", NAME)
    try:
        root = Path(buildah("mount", container))
        (root / "etc" / "hosts").write_text("127.0.0.1 localhost\n::1 localhost\n")
        yield Image(root, config)
    finally:
        buildah("rm", container)


def _config(inspected: dict[str, dict[str, dict[str, object]]]) -> Config:
    config = inspected["Docker"]["config"]
    environment = dict(str(line).split("=", 1) for line in _list(config["Env"]))
    health_check = config["Healthcheck"]
    labels, ports = config["Labels"], config["ExposedPorts"]
    assert isinstance(health_check, dict)
    assert isinstance(labels, dict)
    assert isinstance(ports, dict)
    return Config(
        user=str(config["User"]),
        command=_list(config.get("Entrypoint")) + _list(config["Cmd"]),
        folder=str(config["WorkingDir"]),
        environment=environment,
        health_check=_list(health_check["Test"]),
        labels=labels,
        ports=list(ports),
    )


def _list(value: object) -> list[str]:
    return [str(item) for item in value] if isinstance(value, list) else []


def folder_of_image() -> Path:
    """Where `make test-image` has built it."""
    return Path(os.environ["PROXYLLM_IMAGE_FOLDER"])
