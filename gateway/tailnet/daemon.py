"""Runs one tailscaled: starts it, joins the tailnet, stops it.

Userspace networking, no proxy port, state in memory: each start is a new device, which the control server
forgets when it leaves. Source: https://tailscale.com/kb/1112/userspace-networking
"""

from __future__ import annotations

import asyncio
import logging
import os
import shutil
import signal
from collections import deque
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Self

from gateway.private_files import write_private
from gateway.tailnet.errors import DaemonFailed, JoinFailed
from gateway.tailnet.localapi import LocalApi
from gateway.tailnet.plan import Plan

STARTED_WITHIN_S = 15.0
JOINED_WITHIN_S = 30.0
STOPPED_WITHIN_S = 1.8  # it logs out from the control server meanwhile
POLL_S = 0.05
LAST_LINES = 20
PROGRAMS = ("tailscaled", "tailscale")
# Variables a child may see. No key, no proxy: it finds its own way out.
_PASSED_ON = frozenset(("PATH", "SSL_CERT_FILE", "SSL_CERT_DIR", "TMPDIR", "LANG"))
_SECRETS = ("KEY", "SECRET", "TOKEN")
logger = logging.getLogger(__name__)


def missing_programs() -> list[str]:
    """Returns which of tailscaled and tailscale are not on PATH."""
    return [program for program in PROGRAMS if shutil.which(program) is None]


class Daemon:
    """A tailscaled that runs while the context is open; its files are in `directory`."""

    def __init__(self, plan: Plan, directory: Path, api: LocalApi) -> None:
        self._plan = plan
        self._directory = directory
        self._api = api
        self._last_lines: deque[str] = deque(maxlen=LAST_LINES)

    async def __aenter__(self) -> Self:
        """Starts tailscaled and waits until it answers. Raises DaemonFailed."""
        self._process = await asyncio.create_subprocess_exec(
            *self.command(),
            env=environment_for(os.environ, self._directory),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
            start_new_session=True,  # Ctrl-C is for the supervisor, which knows the order of stopping
        )
        self._listening = asyncio.create_task(self._keep_last_lines())
        try:
            await self._answers()
        except BaseException:
            await self._stop()
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._stop()

    async def ended(self, within_s: float) -> None:
        """Waits at most this long. Raises DaemonFailed if tailscaled exits in that time."""
        with suppress(TimeoutError):
            async with asyncio.timeout(within_s):
                raise self._failure(await self._process.wait())

    async def join(self) -> None:
        """Runs `tailscale up`. Meanwhile the key is in a private file. Raises JoinFailed."""
        key_file = self._directory / "key"
        write_private(key_file, self._plan.auth_key)
        try:
            code, said = await self._tailscale_up(key_file)
        finally:
            key_file.unlink()
        if code != 0:
            logger.warning("tailscale up: %s", _last(said, self._plan.auth_key))
            raise JoinFailed("this gateway could not join the tailnet; see the log")

    async def _tailscale_up(self, key_file: Path) -> tuple[int | None, str]:
        process = await asyncio.create_subprocess_exec(
            *self.up_command(key_file),
            env=environment_for(os.environ, self._directory),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
            start_new_session=True,
        )
        try:
            async with asyncio.timeout(JOINED_WITHIN_S + 5):
                said, _ = await process.communicate()
        except TimeoutError:
            return None, "`tailscale up` did not end"
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()
        return process.returncode, said.decode(errors="replace")

    def command(self) -> list[str]:
        """The command line of tailscaled."""
        command = [
            "tailscaled",
            "--tun=userspace-networking",
            "--state=mem:",
            f"--statedir={self._directory}",
        ]
        command += [f"--socket={self._api.socket}", "--port=0", "--no-logs-no-support"]
        if self._plan.socks5_port is not None:
            command.append(f"--socks5-server=127.0.0.1:{self._plan.socks5_port}")
        return command

    def up_command(self, key_file: Path) -> list[str]:
        """The command line of `tailscale up`."""
        plan = self._plan
        shields = (
            not plan.advertise_routes
        )  # otherwise devices could reach everything that listens on our loopback
        command = ["tailscale", f"--socket={self._api.socket}", "up", f"--auth-key=file:{key_file}"]
        command += [f"--hostname={plan.hostname}"]
        if plan.asks_for_tags:
            command.append(f"--advertise-tags={','.join(plan.tags)}")
        command += [f"--advertise-routes={','.join(plan.advertise_routes)}"]
        command += [f"--accept-routes={_flag(plan.accept_routes)}", f"--shields-up={_flag(shields)}"]
        command += ["--accept-dns=false", f"--timeout={JOINED_WITHIN_S:.0f}s"]
        if plan.login_server is not None:
            command.append(f"--login-server={plan.login_server}")
        return command

    async def _answers(self) -> None:
        try:
            async with asyncio.timeout(STARTED_WITHIN_S):
                while True:
                    with suppress(DaemonFailed):
                        await self._api.status()
                        return
                    await self.ended(POLL_S)
        except TimeoutError as error:
            raise DaemonFailed(f"tailscaled did not answer within {STARTED_WITHIN_S:.0f} s") from error

    async def _stop(self) -> None:
        with suppress(ProcessLookupError):
            self._process.send_signal(signal.SIGTERM)
        try:
            async with asyncio.timeout(STOPPED_WITHIN_S):
                await self._process.wait()
        except TimeoutError:
            with suppress(ProcessLookupError):
                self._process.kill()
        finally:
            await self._process.wait()
            self._listening.cancel()
            await asyncio.gather(self._listening, return_exceptions=True)

    async def _keep_last_lines(self) -> None:
        """Reads its output, so that it never blocks on us; logs at the end why it exited."""
        assert self._process.stdout is not None
        while chunk := await self._process.stdout.read(65_536):
            for line in chunk.decode(errors="replace").splitlines():
                self._last_lines.append(line)
                logger.debug("tailscaled: %s", line)

    def _failure(self, code: int) -> DaemonFailed:
        for line in self._last_lines:
            logger.warning("tailscaled: %s", line)
        how = f"was killed by signal {-code}" if code < 0 else f"ended with exit code {code}"
        return DaemonFailed(f"tailscaled {how}")


def environment_for(ours: Mapping[str, str], home: Path) -> dict[str, str]:
    """Keeps the allowed variables and tailscale's own switches (`TS_…`) except secrets."""
    switches = {
        name: value
        for name, value in ours.items()
        if name.startswith("TS_") and not any(word in name for word in _SECRETS)
    }
    return {name: ours[name] for name in _PASSED_ON if name in ours} | switches | {"HOME": str(home)}


def _last(said: str, secret: str) -> str:
    """Returns the last line, which has the reason, with the key removed."""
    lines = [line.strip() for line in said.splitlines() if line.strip()]
    last = lines[-1] if lines else "no reason was given"
    return last.replace(secret, "[key]").replace(secret.partition("?")[0], "[key]")


def _flag(value: bool) -> str:
    return "true" if value else "false"
