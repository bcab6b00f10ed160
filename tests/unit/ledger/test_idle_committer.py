"""What an idle committer does with a single request, with the sending side in the test's hand."""

from __future__ import annotations

import asyncio

import pytest

from billing.errors import InvalidAmount, LedgerUnavailable
from tests.unit.ledger.post import Post, submit


class TestAnIdleCommitter:
    """Sends whoever comes in its own step, where that can be done."""

    async def test_sends_at_once_and_what_comes_meanwhile_travels_together(self) -> None:
        post = Post()
        committer = post.committer(send_single=True)
        first = submit(committer, "a")
        await asyncio.sleep(0)
        assert "a" in post.single
        others = submit(committer, "b", "c")
        await asyncio.sleep(0)
        assert post.batches == []
        post.single.pop("a")("A")
        await post.let_go()
        assert await asyncio.gather(*first, *others) == ["A", "B", "C"]
        assert post.batches == [["b", "c"]]
        await committer.close()

    async def test_sends_nobody_alone_after_a_batch_whose_callers_come_back_together(self) -> None:
        post = Post()
        committer = post.committer(send_single=True)
        tasks = submit(committer, "a", "b", "c")
        await asyncio.sleep(0)
        post.single.pop("a")("A")
        await post.let_go()
        await asyncio.gather(*tasks)
        tasks = submit(committer, "d", "e")
        await post.let_go()
        await asyncio.gather(*tasks)
        assert post.batches == [["b", "c"], ["d", "e"]]
        tasks = submit(committer, "f")  # travels alone in a batch, and the next one by itself
        await post.let_go()
        await asyncio.gather(*tasks)
        [task] = submit(committer, "g")
        await asyncio.sleep(0)
        post.single.pop("g")("G")
        assert await task == "G"
        await committer.close()

    async def test_asks_in_a_batch_what_cannot_be_sent_alone(self) -> None:
        post = Post()
        committer = post.committer(send_single=False)
        [task] = submit(committer, "a")
        await post.let_go()
        assert await task == "A"
        await committer.close()

    async def test_asks_again_in_a_batch_what_came_back_without_an_answer(self) -> None:
        post = Post()
        committer = post.committer(send_single=True)
        [task] = submit(committer, "a")
        await asyncio.sleep(0)
        [later] = submit(committer, "b")
        await asyncio.sleep(0)
        post.single.pop("a")(None)
        await post.let_go()
        assert [await task, await later] == ["A", "B"]
        assert post.batches == [["a", "b"]]
        await committer.close()

    async def test_hands_on_an_error(self) -> None:
        post = Post()
        committer = post.committer(send_single=True)
        [task] = submit(committer, "a")
        await asyncio.sleep(0)
        post.single.pop("a")(InvalidAmount("no"))
        with pytest.raises(InvalidAmount):
            await task
        await committer.close()

    async def test_reports_the_answer_of_a_caller_that_left(self) -> None:
        post = Post()
        committer = post.committer(send_single=True, drop_unsent=True)
        [task] = submit(committer, "a")
        await asyncio.sleep(0)
        task.cancel()
        await asyncio.wait((task,))
        post.single.pop("a")("A")
        assert post.abandoned_holds == [("a", "A")]
        assert not post.batches
        await committer.close()

    @pytest.mark.parametrize("leaves_first", [True, False])
    async def test_asks_what_became_of_a_request_without_an_answer_whose_caller_left(
        self, leaves_first: bool
    ) -> None:
        """Postgres may have done it: it may not be forgotten, nor taken for what it may not be."""
        post = Post()
        committer = post.committer(send_single=True, drop_unsent=True)
        [task] = submit(committer, "a")
        await asyncio.sleep(0)
        if leaves_first:
            task.cancel()
            await asyncio.wait((task,))
        post.single.pop("a")(None)
        task.cancel()  # before the batch has begun
        assert post.abandoned_holds == []
        await post.let_go()
        await committer.close()
        assert (post.batches, post.abandoned_holds) == ([["a"]], [("a", "A")])

    @pytest.mark.parametrize(("answer", "abandoned_holds"), [("A", [("a", "A")]), (InvalidAmount("no"), [])])
    async def test_reports_the_answer_of_a_caller_that_leaves_in_its_very_turn(
        self, answer: str | Exception, abandoned_holds: list[tuple[str, str]]
    ) -> None:
        post = Post()
        committer = post.committer(send_single=True, drop_unsent=True)
        [task] = submit(committer, "a")
        await asyncio.sleep(0)
        post.single.pop("a")(answer)
        task.cancel()
        await asyncio.wait((task,))
        assert task.cancelled()
        assert post.abandoned_holds == abandoned_holds
        await committer.close()

    async def test_carries_out_what_must_not_be_dropped(self) -> None:
        post = Post()
        committer = post.committer(send_single=True)
        [task] = submit(committer, "a")
        await asyncio.sleep(0)
        task.cancel()
        await asyncio.wait((task,))
        post.single.pop("a")(None)
        await post.let_go()
        await committer.close()
        assert post.batches == [["a"]]

    async def test_keeps_its_callers_waiting_no_longer_than_they_may(self) -> None:
        post = Post()
        committer = post.committer(send_single=True, wait_s=0.05)
        [task] = submit(committer, "a")
        with pytest.raises(LedgerUnavailable):
            await task
        post.single.pop("a")("A")
        assert post.abandoned_holds == [("a", "A")]
        await committer.close()

    async def test_is_closed_when_its_last_answer_is_there(self) -> None:
        post = Post()
        committer = post.committer(send_single=True)
        [task] = submit(committer, "a")
        await asyncio.sleep(0)
        closing = [asyncio.ensure_future(committer.close()) for _ in range(2)]
        await asyncio.sleep(0)
        assert not any(one.done() for one in closing)
        post.single.pop("a")("A")
        assert await task == "A"
        async with asyncio.timeout(5):
            await asyncio.gather(*closing)
