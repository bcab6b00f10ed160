"""When open connections to a node are given up."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest

from gateway.tailnet.errors import DaemonFailed, PeerSilent
from gateway.tailnet.watch import until_gone

INTERVAL_S = 0.02


class Device:
    """Answers with these words, one after the other; an exception is raised, None is silence."""

    def __init__(self, answers: Sequence[str | Exception | None]) -> None:
        self.asked = 0
        self._answers = answers

    async def session(self) -> str:
        answer = self._answers[min(self.asked, len(self._answers) - 1)]
        self.asked += 1
        if answer is None:
            await asyncio.Event().wait()
        if isinstance(answer, Exception):
            raise answer
        return str(answer)


async def why(device: Device, gone_after_s: float) -> str:
    async with asyncio.timeout(5):
        return await until_gone(device.session, interval_s=INTERVAL_S, gone_after_s=gone_after_s)


class TestUntilGone:
    @pytest.mark.parametrize("silence", [None, PeerSilent("x"), DaemonFailed("x")])
    async def test_a_device_that_is_silent_long_enough_is_gone(self, silence: Exception | None) -> None:
        assert "no answer" in await why(Device(["a", silence]), gone_after_s=5 * INTERVAL_S)

    async def test_a_short_silence_is_none(self) -> None:
        device = Device([*("a", None, None) * 6, "b"])
        assert await why(device, gone_after_s=8 * INTERVAL_S) == "the device was restarted"
        assert device.asked == 19

    async def test_a_device_that_started_anew_knows_no_connection(self) -> None:
        device = Device(["a", "a", "b"])
        assert await why(device, gone_after_s=5) == "the device was restarted"
        assert device.asked == 3

    async def test_a_device_that_never_answered_is_gone_too(self) -> None:
        assert "no answer" in await why(Device([None]), gone_after_s=3 * INTERVAL_S)
