"""`proxyllm serve` on this machine."""

from __future__ import annotations

import psutil

from tests.acceptance.run.serve.deployment import Deployment
from tests.acceptance.run.serve.promises import TestServing, TestStopping

__all__ = ["TestServing", "TestStopping"]


class TestDying:
    def test_a_gateway_that_is_killed_ends_the_supervisor_for_the_platform_to_restart(
        self, running: Deployment
    ) -> None:
        [gateway] = _gateways(running)
        gateway.kill()

        running.until_stopped(10, code=1)

    def test_a_supervisor_that_is_killed_leaves_no_gateway_on_its_port(self, running: Deployment) -> None:
        [gateway] = _gateways(running)
        assert running.process is not None
        running.process.send_signal(9)

        running.until_stopped(10, code=-9)
        gateway.wait(30)


def _gateways(running: Deployment) -> list[psutil.Process]:
    pid: int = running.process.pid  # type: ignore[union-attr]  # a Popen on this machine
    return [child for child in psutil.Process(pid).children() if "gateway.start.process" in child.cmdline()]
