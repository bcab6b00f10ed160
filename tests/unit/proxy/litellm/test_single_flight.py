"""Those who ask for the same at the same time wait for one look-up."""

import asyncio

import pytest

from billing.proxy.litellm.single_flight import SingleFlight


class LookUp:
    def __init__(self, result: int | Exception) -> None:
        self.result = result
        self.runs = 0
        self.go_on = asyncio.Event()

    async def __call__(self) -> int:
        self.runs += 1
        await self.go_on.wait()
        if isinstance(self.result, Exception):
            raise self.result
        return self.result


async def test_runs_once_for_all_who_ask_meanwhile_and_anew_for_who_asks_later() -> None:
    flight: SingleFlight[int] = SingleFlight()
    look_up = LookUp(7)
    asked = [asyncio.create_task(flight.result("key", look_up)) for _ in range(5)]
    await asyncio.sleep(0)
    look_up.go_on.set()
    assert await asyncio.gather(*asked) == [7] * 5
    assert look_up.runs == 1
    assert await flight.result("key", look_up) == 7
    assert look_up.runs == 2


async def test_a_failure_is_raised_to_all_and_not_kept() -> None:
    flight: SingleFlight[int] = SingleFlight()
    failing = LookUp(ValueError("no"))
    failing.go_on.set()
    for each in await asyncio.gather(
        *(flight.result("key", failing) for _ in range(3)), return_exceptions=True
    ):
        assert isinstance(each, ValueError)
    with pytest.raises(ValueError, match="no"):
        await flight.result("key", failing)


async def test_one_who_leaves_does_not_end_it_for_the_others() -> None:
    flight: SingleFlight[int] = SingleFlight()
    look_up = LookUp(7)
    leaves = asyncio.create_task(flight.result("key", look_up))
    stays = asyncio.create_task(flight.result("key", look_up))
    await asyncio.sleep(0)
    leaves.cancel()
    look_up.go_on.set()
    assert await stays == 7
    assert leaves.cancelled() or leaves.done()
