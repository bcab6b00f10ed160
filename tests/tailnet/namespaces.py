"""Network namespaces on one machine: a switch with hosts on it, of which this test process is one.

`make test-tailnet` gives the test process a namespace of its own; so nothing here touches the machine's own
network, and all of it is gone with the processes. Linux and root only. Source: network_namespaces(7).
"""

from __future__ import annotations

import ctypes
import os
import signal
import socket
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from tests.deadline import eventually

CLONE_NEWNET = 0x40000000
SWITCH = "switch"
STREET = "10.77.0.1"  # where this process is
_libc = ctypes.CDLL(None, use_errno=True)
_DIES_WITH_PARENT = ("setpriv", "--pdeathsig", "KILL")


@dataclass
class Host:
    """A namespace with one network card. It lives as long as the process that holds it."""

    name: str
    address: str
    holder: subprocess.Popen[bytes]
    programs: list[subprocess.Popen[bytes]] = field(default_factory=list)

    @property
    def namespace(self) -> str:
        return f"/proc/{self.holder.pid}/ns/net"

    def command(self, command: Sequence[str | Path]) -> list[str]:
        """`command`, as it is run on this host."""
        return ["nsenter", f"--net={self.namespace}", *map(str, command)]

    def start(
        self, command: Sequence[str | Path], log: Path, env: Mapping[str, str] | None = None
    ) -> subprocess.Popen[bytes]:
        """Starts a program here; the host's end stops it, and so does ours, whatever happens."""
        with log.open("ab") as output:
            program = subprocess.Popen(
                [*_DIES_WITH_PARENT, *self.command(command)],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                env=env,
                start_new_session=True,
            )
        self.programs.append(program)
        return program

    def run(self, *command: str | Path) -> str:
        """Runs a program here to its end; what it said."""
        done = subprocess.run(self.command(command), capture_output=True, text=True, timeout=60, check=False)
        assert done.returncode == 0, f"{command}: {done.stdout}{done.stderr}"
        return done.stdout

    @contextmanager
    def entered(self) -> Iterator[None]:
        """Sockets that this thread makes meanwhile are this host's; they stay so."""
        ours = os.open("/proc/thread-self/ns/net", os.O_RDONLY)
        theirs = os.open(self.namespace, os.O_RDONLY)
        try:
            _enter(theirs)
            yield
        finally:
            _enter(ours)
            os.close(ours)
            os.close(theirs)

    def unplug(self) -> None:
        """Pulls the cable."""
        ip("link", "set", self.name, "down")

    def plug(self) -> None:
        """Puts it back."""
        ip("link", "set", self.name, "up")

    def close(self) -> None:
        """Stops its programs, last first, and ends it."""
        for program in reversed(self.programs):
            stop(program)
        stop(self.holder)


def make_switch() -> None:
    """The bridge, with this process on it. Fails where that would be the machine's own network."""
    cards = [name for _, name in socket.if_nameindex()]
    assert cards == ["lo"], (
        "run these tests with `make test-tailnet`, which gives them a network of their own"
    )
    ip("link", "set", "lo", "up")
    ip("link", "add", SWITCH, "type", "bridge")
    ip("address", "add", f"{STREET}/24", "dev", SWITCH)
    ip("link", "set", SWITCH, "up")


def make_host(name: str, address: str) -> Host:
    """A host on the switch."""
    holder = subprocess.Popen([*_DIES_WITH_PARENT, "unshare", "--net", "sleep", "infinity"])
    host = Host(name, address, holder)
    _until_unshared(holder)
    ip("link", "add", name, "type", "veth", "peer", "name", "eth0", "netns", str(holder.pid))
    ip("link", "set", name, "master", SWITCH, "up")
    host.run("ip", "link", "set", "lo", "up")
    host.run("ip", "address", "add", f"{address}/24", "dev", "eth0")
    host.run("ip", "link", "set", "eth0", "up")
    host.run("ip", "route", "add", "default", "via", STREET)
    return host


def ip(*arguments: str) -> None:
    """The command `ip`, on this process's own network."""
    done = subprocess.run(["ip", *arguments], capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"ip {' '.join(arguments)}: {done.stderr}"


def stop(program: subprocess.Popen[bytes], within_s: float = 20.0) -> int:
    """SIGTERM, then SIGKILL; its exit code."""
    if program.poll() is None:
        program.send_signal(signal.SIGTERM)
        try:
            program.wait(within_s)
        except subprocess.TimeoutExpired:
            program.kill()
    return program.wait()


def _enter(namespace: int) -> None:
    if _libc.setns(namespace, CLONE_NEWNET) != 0:
        raise OSError(ctypes.get_errno(), "setns")


def _until_unshared(holder: subprocess.Popen[bytes]) -> None:
    ours = os.readlink("/proc/self/ns/net")
    eventually(lambda: os.readlink(f"/proc/{holder.pid}/ns/net") != ours)
