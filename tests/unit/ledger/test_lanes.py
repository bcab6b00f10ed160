"""The queue in front of Postgres, with the sending side in the test's hand."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import pytest

from billing.errors import InvalidAmount, LedgerBusy, LedgerUnavailable
from billing.ledger.lanes import Lane


@dataclass(frozen=True)
class Request:
    key: str


class Post:
    """Takes batches and answers when the test says so."""

    def __init__(self) -> None:
        self.batches: list[list[str]] = []
        self.arrived: asyncio.Queue[asyncio.Future[None]] = asyncio.Queue()
        self.errors: dict[str, Exception] = {}
        self.orphans: list[tuple[str, str | None]] = []
        self.lone: dict[str, Callable[[str | Exception | None], None]] = {}

    async def send(self, requests: Sequence[Request]) -> list[str | Exception]:
        self.batches.append([request.key for request in requests])
        gate: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.arrived.put_nowait(gate)
        await gate
        return [self.errors.get(request.key, request.key.upper()) for request in requests]

    async def let_go(self) -> None:
        (await self.arrived.get()).set_result(None)

    def orphaned(self, request: Request, answer: str | None) -> None:
        self.orphans.append((request.key, answer))

    def express(self, request: Request, landed: Callable[[str | Exception | None], None]) -> bool:
        self.lone[request.key] = landed
        return True

    def lane(
        self,
        *,
        queue_max: int = 10,
        batch_max: int = 10,
        wait_s: float = 30.0,
        drop_unsent: bool = False,
        express: bool = False,
    ) -> Lane[Request, str]:
        return Lane(
            self.send,
            express=self.express if express else lambda request, landed: False,
            queue_max=queue_max,
            batch_max=batch_max,
            wait_s=wait_s,
            may_drop=lambda request: drop_unsent,
            orphaned=self.orphaned,
        )


def submit(lane: Lane[Request, str], *keys: str) -> list[asyncio.Task[str]]:
    return [asyncio.ensure_future(lane.submit(Request(key))) for key in keys]


async def test_what_comes_at_once_travels_together_and_the_next_batch_collects_meanwhile() -> None:
    post = Post()
    lane = post.lane()
    first = submit(lane, "a", "b")
    gate = await post.arrived.get()
    second = submit(lane, "c", "d", "e")
    await asyncio.sleep(0)
    gate.set_result(None)
    await post.let_go()
    assert await asyncio.gather(*first, *second) == ["A", "B", "C", "D", "E"]
    assert post.batches == [["a", "b"], ["c", "d", "e"]]
    await lane.close()


async def test_a_batch_is_bounded_and_never_has_a_key_twice() -> None:
    post = Post()
    lane = post.lane(batch_max=2)
    tasks = submit(lane, "a", "a", "b", "c", "d")
    for _ in range(3):
        await post.let_go()
    assert await asyncio.gather(*tasks) == ["A", "A", "B", "C", "D"]
    assert post.batches == [["a"], ["a", "b"], ["c", "d"]]
    await lane.close()


async def test_a_full_queue_refuses_at_once() -> None:
    post = Post()
    lane = post.lane(queue_max=2)
    flying = submit(lane, "a")
    gate = await post.arrived.get()
    waiting = submit(lane, "b", "c")
    await asyncio.sleep(0)
    assert lane.waiting == 2
    with pytest.raises(LedgerBusy):
        await lane.submit(Request("d"))
    gate.set_result(None)
    await post.let_go()
    assert await asyncio.gather(*flying, *waiting) == ["A", "B", "C"]
    await lane.close()


async def test_no_caller_waits_longer_than_the_bound_and_a_late_answer_is_an_orphan() -> None:
    post = Post()
    lane = post.lane(wait_s=0.1)
    flying = submit(lane, "a")
    gate = await post.arrived.get()
    waiting = submit(lane, "b")
    done = await asyncio.gather(*flying, *waiting, return_exceptions=True)
    assert [type(error) for error in done] == [LedgerUnavailable, LedgerUnavailable]
    gate.set_result(None)
    await post.let_go()
    await lane.close()
    assert post.orphans == [("a", "A"), ("b", "B")]


async def test_an_items_error_is_its_own() -> None:
    post = Post()
    post.errors["b"] = InvalidAmount("too much")
    lane = post.lane()
    tasks = submit(lane, "a", "b", "c")
    await post.let_go()
    done = await asyncio.gather(*tasks, return_exceptions=True)
    assert (done[0], done[2]) == ("A", "C")
    assert isinstance(done[1], InvalidAmount)
    assert post.orphans == []
    await lane.close()


@pytest.mark.parametrize(
    ("error", "orphans"), [(LedgerUnavailable("gone"), [("a", None)]), (RuntimeError("bug"), [])]
)
async def test_a_failed_batch_fails_its_callers_and_the_lane_lives_on(
    error: Exception, orphans: list[tuple[str, None]]
) -> None:
    post = Post()
    lane = post.lane()
    task = submit(lane, "a")[0]
    (await post.arrived.get()).set_exception(error)
    with pytest.raises(type(error)):
        await task
    assert post.orphans == orphans
    again = submit(lane, "b")[0]
    await post.let_go()
    assert await again == "B"
    await lane.close()


class TestACallerThatLeaves:
    async def test_before_sending_is_forgotten_where_the_lane_says_so(self) -> None:
        post = Post()
        lane = post.lane(drop_unsent=True)
        flying = submit(lane, "a")
        gate = await post.arrived.get()
        gone, stays = submit(lane, "b", "c")
        await asyncio.sleep(0)
        gone.cancel()
        gate.set_result(None)
        await post.let_go()
        assert await asyncio.gather(*flying, stays) == ["A", "C"]
        assert post.batches == [["a"], ["c"]]
        await lane.close()

    async def test_and_leaves_an_empty_batch_sends_nothing(self) -> None:
        post = Post()
        lane = post.lane(drop_unsent=True)
        task = submit(lane, "a")[0]
        await asyncio.sleep(0)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        await lane.close()
        assert post.batches == []

    async def test_is_served_all_the_same_where_it_does_not(self) -> None:
        post = Post()
        lane = post.lane()
        flying = submit(lane, "a")
        gate = await post.arrived.get()
        gone = submit(lane, "b")[0]
        await asyncio.sleep(0)
        gone.cancel()
        gate.set_result(None)
        await post.let_go()
        assert await asyncio.gather(*flying) == ["A"]
        await lane.close()
        assert post.batches == [["a"], ["b"]]
        assert post.orphans == [("b", "B")]


class TestClosing:
    async def test_finishes_what_is_under_way_and_takes_nothing_more(self) -> None:
        post = Post()
        lane = post.lane()
        task = submit(lane, "a")[0]
        gate = await post.arrived.get()
        closing = asyncio.ensure_future(lane.close())
        await asyncio.sleep(0)
        with pytest.raises(LedgerUnavailable, match="shutting down"):
            await lane.submit(Request("b"))
        gate.set_result(None)
        await closing
        assert await task == "A"

    async def test_gives_up_on_a_batch_that_never_ends(self) -> None:
        post = Post()
        lane = post.lane(wait_s=0.05)
        tasks = submit(lane, "a", "b")
        await post.arrived.get()
        await lane.close()
        done = await asyncio.gather(*tasks, return_exceptions=True)
        assert [type(error) for error in done] == [LedgerUnavailable, LedgerUnavailable]

    async def test_an_idle_lane_closes(self) -> None:
        await Post().lane().close()


class TestAnIdleLane:
    """Sends whoever comes in its own step, where that can be done."""

    async def test_sends_at_once_and_what_comes_meanwhile_travels_together(self) -> None:
        post = Post()
        lane = post.lane(express=True)
        first = submit(lane, "a")
        await asyncio.sleep(0)
        assert "a" in post.lone
        others = submit(lane, "b", "c")
        await asyncio.sleep(0)
        assert post.batches == []
        post.lone.pop("a")("A")
        await post.let_go()
        assert await asyncio.gather(*first, *others) == ["A", "B", "C"]
        assert post.batches == [["b", "c"]]
        await lane.close()

    async def test_sends_nobody_alone_after_a_batch_whose_callers_come_back_together(self) -> None:
        post = Post()
        lane = post.lane(express=True)
        tasks = submit(lane, "a", "b", "c")
        await asyncio.sleep(0)
        post.lone.pop("a")("A")
        await post.let_go()
        await asyncio.gather(*tasks)
        tasks = submit(lane, "d", "e")
        await post.let_go()
        await asyncio.gather(*tasks)
        assert post.batches == [["b", "c"], ["d", "e"]]
        tasks = submit(lane, "f")  # travels alone in a batch, and the next one by itself
        await post.let_go()
        await asyncio.gather(*tasks)
        [task] = submit(lane, "g")
        await asyncio.sleep(0)
        post.lone.pop("g")("G")
        assert await task == "G"
        await lane.close()

    async def test_asks_in_a_batch_what_cannot_be_sent_alone(self) -> None:
        post = Post()
        lane = post.lane(express=False)
        [task] = submit(lane, "a")
        await post.let_go()
        assert await task == "A"
        await lane.close()

    async def test_asks_again_in_a_batch_what_came_back_without_an_answer(self) -> None:
        post = Post()
        lane = post.lane(express=True)
        [task] = submit(lane, "a")
        await asyncio.sleep(0)
        [later] = submit(lane, "b")
        await asyncio.sleep(0)
        post.lone.pop("a")(None)
        await post.let_go()
        assert [await task, await later] == ["A", "B"]
        assert post.batches == [["a", "b"]]
        await lane.close()

    async def test_hands_on_an_error(self) -> None:
        post = Post()
        lane = post.lane(express=True)
        [task] = submit(lane, "a")
        await asyncio.sleep(0)
        post.lone.pop("a")(InvalidAmount("no"))
        with pytest.raises(InvalidAmount):
            await task
        await lane.close()

    @pytest.mark.parametrize("answer", ["A", None])
    async def test_reports_the_answer_of_a_caller_that_left(self, answer: str | None) -> None:
        post = Post()
        lane = post.lane(express=True, drop_unsent=True)
        [task] = submit(lane, "a")
        await asyncio.sleep(0)
        task.cancel()
        await asyncio.wait((task,))
        post.lone.pop("a")(answer)
        assert post.orphans == [("a", answer)]
        assert not post.batches
        await lane.close()

    async def test_carries_out_what_must_not_be_dropped(self) -> None:
        post = Post()
        lane = post.lane(express=True)
        [task] = submit(lane, "a")
        await asyncio.sleep(0)
        task.cancel()
        await asyncio.wait((task,))
        post.lone.pop("a")(None)
        await post.let_go()
        await lane.close()
        assert post.batches == [["a"]]

    async def test_keeps_its_callers_waiting_no_longer_than_they_may(self) -> None:
        post = Post()
        lane = post.lane(express=True, wait_s=0.05)
        [task] = submit(lane, "a")
        with pytest.raises(LedgerUnavailable):
            await task
        post.lone.pop("a")("A")
        assert post.orphans == [("a", "A")]
        await lane.close()

    async def test_is_closed_when_its_last_answer_is_there(self) -> None:
        post = Post()
        lane = post.lane(express=True)
        [task] = submit(lane, "a")
        await asyncio.sleep(0)
        closing = asyncio.ensure_future(lane.close())
        await asyncio.sleep(0)
        assert not closing.done()
        post.lone.pop("a")("A")
        assert await task == "A"
        await closing
