"""The queue in front of Postgres, with the sending side in the test's hand."""

from __future__ import annotations

import asyncio

import pytest

from billing.errors import InvalidAmount, LedgerBusy, LedgerUnavailable
from tests.unit.ledger.post import Post, Request, submit


async def test_what_comes_at_once_travels_together_and_the_next_batch_collects_meanwhile() -> None:
    post = Post()
    committer = post.committer()
    first = submit(committer, "a", "b")
    gate = await post.arrived.get()
    second = submit(committer, "c", "d", "e")
    await asyncio.sleep(0)
    gate.set_result(None)
    await post.let_go()
    assert await asyncio.gather(*first, *second) == ["A", "B", "C", "D", "E"]
    assert post.batches == [["a", "b"], ["c", "d", "e"]]
    await committer.close()


async def test_a_batch_is_limited_and_never_has_a_key_twice() -> None:
    post = Post()
    committer = post.committer(batch_max=2)
    tasks = submit(committer, "a", "a", "b", "c", "d")
    for _ in range(3):
        await post.let_go()
    assert await asyncio.gather(*tasks) == ["A", "A", "B", "C", "D"]
    assert post.batches == [["a"], ["a", "b"], ["c", "d"]]
    await committer.close()


async def test_a_full_queue_refuses_at_once() -> None:
    post = Post()
    committer = post.committer(queue_max=2)
    flying = submit(committer, "a")
    gate = await post.arrived.get()
    waiting = submit(committer, "b", "c")
    await asyncio.sleep(0)
    assert committer.waiting == 2
    with pytest.raises(LedgerBusy):
        await committer.submit(Request("d"))
    gate.set_result(None)
    await post.let_go()
    assert await asyncio.gather(*flying, *waiting) == ["A", "B", "C"]
    await committer.close()


async def test_no_caller_waits_longer_than_the_limit_and_a_late_answer_is_abandoned() -> None:
    post = Post()
    committer = post.committer(wait_s=0.1)
    flying = submit(committer, "a")
    gate = await post.arrived.get()
    waiting = submit(committer, "b")
    done = await asyncio.gather(*flying, *waiting, return_exceptions=True)
    assert [type(error) for error in done] == [LedgerUnavailable, LedgerUnavailable]
    gate.set_result(None)
    await post.let_go()
    await committer.close()
    assert post.abandoned_holds == [("a", "A"), ("b", "B")]


async def test_an_items_error_is_its_own() -> None:
    post = Post()
    post.errors["b"] = InvalidAmount("too much")
    committer = post.committer()
    tasks = submit(committer, "a", "b", "c")
    await post.let_go()
    done = await asyncio.gather(*tasks, return_exceptions=True)
    assert (done[0], done[2]) == ("A", "C")
    assert isinstance(done[1], InvalidAmount)
    assert post.abandoned_holds == []
    await committer.close()


@pytest.mark.parametrize(
    ("error", "abandoned_holds"), [(LedgerUnavailable("gone"), [("a", None)]), (RuntimeError("bug"), [])]
)
async def test_a_failed_batch_fails_its_callers_and_the_committer_lives_on(
    error: Exception, abandoned_holds: list[tuple[str, None]]
) -> None:
    post = Post()
    committer = post.committer()
    task = submit(committer, "a")[0]
    (await post.arrived.get()).set_exception(error)
    with pytest.raises(type(error)):
        await task
    assert post.abandoned_holds == abandoned_holds
    again = submit(committer, "b")[0]
    await post.let_go()
    assert await again == "B"
    await committer.close()


class TestACallerThatLeaves:
    async def test_before_sending_is_forgotten_where_the_committer_says_so(self) -> None:
        post = Post()
        committer = post.committer(drop_unsent=True)
        flying = submit(committer, "a")
        gate = await post.arrived.get()
        gone, stays = submit(committer, "b", "c")
        await asyncio.sleep(0)
        gone.cancel()
        gate.set_result(None)
        await post.let_go()
        assert await asyncio.gather(*flying, stays) == ["A", "C"]
        assert post.batches == [["a"], ["c"]]
        await committer.close()

    async def test_and_leaves_an_empty_batch_sends_nothing(self) -> None:
        post = Post()
        committer = post.committer(drop_unsent=True)
        task = submit(committer, "a")[0]
        await asyncio.sleep(0)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        await committer.close()
        assert post.batches == []

    async def test_is_served_all_the_same_where_it_does_not(self) -> None:
        post = Post()
        committer = post.committer()
        flying = submit(committer, "a")
        gate = await post.arrived.get()
        gone = submit(committer, "b")[0]
        await asyncio.sleep(0)
        gone.cancel()
        gate.set_result(None)
        await post.let_go()
        assert await asyncio.gather(*flying) == ["A"]
        await committer.close()
        assert post.batches == [["a"], ["b"]]
        assert post.abandoned_holds == [("b", "B")]

    async def test_in_the_very_turn_of_its_answer_is_reported(self) -> None:
        post = Post()
        committer = post.committer()
        [task] = submit(committer, "a")
        (await post.arrived.get()).set_result(None)
        for _ in range(
            2
        ):  # the committer comes first, and then the caller is cancelled before it has its answer
            asyncio.get_running_loop().call_soon(task.cancel)
        await asyncio.wait((task,))
        assert task.cancelled()
        assert post.abandoned_holds == [("a", "A")]
        await committer.close()


class TestClosing:
    async def test_finishes_what_is_under_way_and_takes_nothing_more(self) -> None:
        post = Post()
        committer = post.committer()
        task = submit(committer, "a")[0]
        gate = await post.arrived.get()
        closing = asyncio.ensure_future(committer.close())
        await asyncio.sleep(0)
        with pytest.raises(LedgerUnavailable, match="shutting down"):
            await committer.submit(Request("b"))
        gate.set_result(None)
        await closing
        assert await task == "A"

    async def test_gives_up_on_a_batch_that_never_ends(self) -> None:
        post = Post()
        committer = post.committer(wait_s=0.05)
        tasks = submit(committer, "a", "b")
        await post.arrived.get()
        await committer.close()
        done = await asyncio.gather(*tasks, return_exceptions=True)
        assert [type(error) for error in done] == [LedgerUnavailable, LedgerUnavailable]

    async def test_an_idle_committer_closes(self) -> None:
        await Post().committer().close()
