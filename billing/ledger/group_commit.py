"""Group commit: concurrent requests go to Postgres in one round trip (docs/decisions/0002).

A committer has at most one batch in flight. Meanwhile the next batch fills up: the busier the process, the
larger the batches, and a single request never waits for others. A request that finds the committer idle is
sent immediately, without a task. The exception is right after a batch, whose callers return together: the
first of them would be sent alone, and all others after it.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from typing import Generic, Protocol, TypeVar

from billing.errors import LedgerBusy, LedgerUnavailable


class HasKey(Protocol):
    """A request with a key; a batch never contains the same key twice."""

    @property
    def key(self) -> str: ...


RequestT = TypeVar("RequestT", bound=HasKey)
AnswerT = TypeVar("AnswerT")

# Takes a batch, returns an answer or error per item in the same order. Raises only if no item was answered.
Send = Callable[[Sequence[RequestT]], Awaitable[Sequence["AnswerT | Exception"]]]
# Takes a single request and a callback for its answer (None: a batch must ask). False: it was not sent.
SendSingle = Callable[[RequestT, Callable[["AnswerT | Exception | None"], None]], bool]
# Called for a request whose caller is gone, with the answer, or None if the answer is unknown.
Abandoned = Callable[[RequestT, "AnswerT | None"], None]


class _Job(Generic[RequestT, AnswerT]):
    __slots__ = ("deadline", "future", "is_sent", "request")

    def __init__(self, request: RequestT, future: asyncio.Future[AnswerT], deadline: float) -> None:
        self.request = request
        self.future = future
        self.deadline = deadline
        self.is_sent = False  # alone, and not answered: Postgres may have executed it


class GroupCommitter(Generic[RequestT, AnswerT]):
    """A bounded queue in front of one connection.

    At most `queue_max` requests wait, `batch_max` are sent together, and no caller waits longer than `wait_s`
    (with a precision of a twentieth of it). A request whose caller left before it was sent is dropped if
    `may_drop` allows it, and otherwise executed.
    """

    def __init__(
        self,
        send: Send[RequestT, AnswerT],
        *,
        queue_max: int,
        batch_max: int,
        wait_s: float,
        send_single: SendSingle[RequestT, AnswerT] = lambda request, landed: False,
        may_drop: Callable[[RequestT], bool] = lambda request: False,
        abandoned: Abandoned[RequestT, AnswerT] = lambda request, answer: None,
    ) -> None:
        self._send = send
        self._send_single = send_single
        self._queue_max = queue_max
        self._batch_max = batch_max
        self._wait_s = wait_s
        self._may_drop = may_drop
        self._abandon = abandoned
        self._queue: deque[_Job[RequestT, AnswerT]] = deque()
        self._flying: list[_Job[RequestT, AnswerT]] = []
        self._single: _Job[RequestT, AnswerT] | None = None  # in flight through `send_single`
        self._is_quiet = True  # the last request was sent alone
        self._landing: asyncio.Future[None] | None = None  # awaited by `close`
        self._task: asyncio.Task[None] | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._closed = False

    @property
    def waiting(self) -> int:
        """The number of requests in the queue."""
        return len(self._queue)

    async def submit(self, request: RequestT) -> AnswerT:
        """Sends `request` with the next batch and returns its answer.

        Raises LedgerBusy if the queue is full, LedgerUnavailable if no answer arrived within `wait_s` or the
        committer is closed, and the item's own error.
        """
        if self._closed:
            raise LedgerUnavailable("The ledger of this process is shutting down.")
        if len(self._queue) >= self._queue_max:
            raise LedgerBusy("Too many operations are waiting for the ledger; try again in a moment.")
        loop = asyncio.get_running_loop()
        future: asyncio.Future[AnswerT] = loop.create_future()
        job = _Job(request, future, loop.time() + self._wait_s)
        if not self._is_sent_alone(job):
            self._queue.append(job)
            self._start()
        if self._timer is None:
            self._timer = loop.call_later(self._wait_s / 20, self._tick)
        try:
            return await future
        except asyncio.CancelledError:
            if not future.cancelled() and future.exception() is None:  # answered without a task switch
                self._abandon(request, future.result())
            raise

    def _start(self) -> None:
        if self._task is None and self._single is None:
            self._task = asyncio.get_running_loop().create_task(self._drain())

    def _is_sent_alone(self, job: _Job[RequestT, AnswerT]) -> bool:
        if self._task is not None or self._single is not None or not self._is_quiet:
            return False
        self._single = job
        if self._send_single(job.request, self._landed):
            return True
        self._single = None
        return False

    def _landed(self, answer: AnswerT | Exception | None) -> None:
        """Handles the answer to a single request; on None it joins the next batch under the same key."""
        job, self._single = self._single, None
        assert job is not None
        if answer is not None:
            self._answer(job, answer)
        else:
            job.is_sent = True
            self._queue.appendleft(job)
        if self._queue:
            self._start()
        if self._landing is not None and not self._landing.done():
            self._landing.set_result(None)

    async def close(self) -> None:
        """Accepts no more requests and waits for those in progress."""
        self._closed = True
        if self._single is not None:
            self._landing = self._landing or asyncio.get_running_loop().create_future()
            await asyncio.wait((self._landing,), timeout=2 * self._wait_s)
        if self._task is not None:
            await asyncio.wait((self._task,), timeout=2 * self._wait_s)
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait((self._task,))
        if self._timer is not None:
            self._timer.cancel()

    async def _drain(self) -> None:
        try:
            while self._queue:
                self._flying = self._next_batch()
                if self._flying:
                    await self._fly(self._flying)
                    self._flying = []
        finally:
            self._fail([*self._flying, *self._queue], LedgerUnavailable("The ledger was stopped."))
            self._flying = []
            self._queue.clear()
            self._task = None

    def _next_batch(self) -> list[_Job[RequestT, AnswerT]]:
        batch: list[_Job[RequestT, AnswerT]] = []
        keys: set[str] = set()
        while self._queue and len(batch) < self._batch_max:
            if self._queue[0].request.key in keys:  # a repeat is answered from what the first one wrote
                break
            job = self._queue.popleft()
            if job.future.done() and not job.is_sent and self._may_drop(job.request):
                continue
            keys.add(job.request.key)
            batch.append(job)
        return batch

    async def _fly(self, batch: list[_Job[RequestT, AnswerT]]) -> None:
        self._is_quiet = len(batch) == 1
        try:
            answers = await self._send([job.request for job in batch])
        except Exception as error:  # noqa: BLE001 - the committer outlives any batch; every caller gets the error
            self._fail(batch, error)
            return
        for job, answer in zip(batch, answers, strict=True):
            self._answer(job, answer)

    def _answer(self, job: _Job[RequestT, AnswerT], answer: AnswerT | Exception) -> None:
        if isinstance(answer, Exception):
            self._fail([job], answer)
        elif job.future.done():
            self._abandon(job.request, answer)
        else:
            job.future.set_result(answer)

    def _fail(self, jobs: Sequence[_Job[RequestT, AnswerT]], error: Exception) -> None:
        for job in jobs:
            if isinstance(error, LedgerUnavailable):  # Postgres may have executed it nevertheless
                self._abandon(job.request, None)
            if not job.future.done():
                job.future.set_exception(error)

    def _tick(self) -> None:
        loop = asyncio.get_running_loop()
        now = loop.time()
        single = () if self._single is None else (self._single,)
        for job in (*single, *self._flying, *self._queue):
            if job.deadline <= now and not job.future.done():
                job.future.set_exception(LedgerUnavailable("Postgres did not answer in time."))
        alive = self._task is not None or self._single is not None
        self._timer = loop.call_later(self._wait_s / 20, self._tick) if alive else None
