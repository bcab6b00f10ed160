"""Executes the usual requests (new holds, endings of open ones) in one round trip and one commit.

A single request has a statement of its own, which costs Postgres half as much and needs no task.

Unusual requests (an existing key, a call that has ended, an account that is not remembered) are left
untouched and go through the general statements of `batches.py`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import psycopg

from billing.ledger.batches import (
    SQL,
    Action,
    Answer,
    Answers,
    PreparedEnding,
    PreparedHold,
    Request,
    admitted,
    ending_arrays,
    hold_arrays,
    insufficient,
    send_endings,
    send_holds,
)
from billing.ledger.connection import LedgerConnection, is_lost, to_billing_error
from billing.ledger.rows import number_array, text_array
from billing.ledger.schemas import HoldStatus, Resolution
from billing.ledger.wire import Rows

_STATUS: dict[Action, HoldStatus] = {
    "settle": HoldStatus.SETTLED,
    "release": HoldStatus.RELEASED,
    "expire": HoldStatus.EXPIRED,
}


PayerName = tuple[str, str]  # customer type and id: hashed for every item, so not a dataclass


class PayerMemory:
    """Remembers who pays for each open hold of this process, which saves look-ups.

    A missing or wrong entry only costs time: Postgres checks it. At most `size_max` entries are kept.
    """

    def __init__(self, size_max: int) -> None:
        self._size_max = size_max
        self._payers: dict[str, PayerName] = {}

    def remember(self, key: str, payer: PayerName) -> None:
        """Stores the payer; forgets the oldest entry if there are too many."""
        self._payers[key] = payer
        if len(self._payers) > self._size_max:
            del self._payers[next(iter(self._payers))]

    def recall(self, key: str) -> PayerName | None:
        """Returns the payer and forgets it."""
        return self._payers.pop(key, None)


async def commit_batch(
    link: LedgerConnection, owner: str, memory: PayerMemory, requests: Sequence[Request], breaks: int
) -> list[Answer | Exception]:
    """Executes requests with distinct keys: endings first, then holds, both in the given order.

    `breaks` is the link's count of broken connections when these requests arrived; if it has grown, they may
    already have been executed.

    Raises psycopg.Error if Postgres rejects the batch, and LedgerUnavailable.
    """
    holds = [request for request in requests if isinstance(request, PreparedHold)]
    endings = [request for request in requests if isinstance(request, PreparedEnding)]
    try:
        answers = await _usual(link, owner, memory, holds, endings)
    except psycopg.errors.UniqueViolation:  # a key is not new, and nothing was written
        answers = {}
    if rest := [ending for ending in endings if ending.key not in answers]:
        answers |= await send_endings(link, rest)
    if unasked := [hold for hold in holds if hold.key not in answers]:
        answers |= await send_holds(link, owner, unasked, is_repeated=link.breaks > breaks)
    return [answers[request.key] for request in requests]


SINGLE_STATEMENTS = (SQL["hold_one"], SQL["end_one"])


def send_single(
    link: LedgerConnection,
    owner: str,
    memory: PayerMemory,
    request: Request,
    landed: Callable[[Answer | Exception | None], None],
) -> bool:
    """Sends one request immediately if the connection is ready for it; otherwise returns False.

    `landed` receives the answer, or None if `commit_batch` must send the request again: the request was
    unusual, or the connection broke and its outcome is unknown.
    """

    def on_rows(rows: Rows | psycopg.Error) -> None:
        answer: Answer | Exception | None
        try:
            answer = _single_answer(memory, request, rows)
        except Exception as error:  # noqa: BLE001 - the committer outlives any request; its caller gets the error
            answer = error
        landed(answer)

    if isinstance(request, PreparedHold):
        return link.start(SQL["hold_one"], _hold_values(request, owner), on_rows)
    return link.start(SQL["end_one"], _ending_values(request), on_rows)


def _hold_values(ask: PreparedHold, owner: str) -> tuple[object, ...]:
    request, payer = ask.request, ask.request.payer
    return (
        ask.key, payer.customer_type, payer.customer_id, request.amount_nanos, request.no_event_charge_nanos,
        request.lease_s, ask.detail_text, owner,
    )  # fmt: skip


def _ending_values(ask: PreparedEnding) -> tuple[object, ...]:
    return (
        ask.key, ask.action, ask.amount_nanos, ask.ending, ask.description, ask.estimate, ask.detail_text
    )  # fmt: skip


def _single_answer(
    memory: PayerMemory, request: Request, rows: Rows | psycopg.Error
) -> Answer | Exception | None:
    if isinstance(rows, psycopg.Error):
        is_unusual = is_lost(rows) or isinstance(rows, psycopg.errors.UniqueViolation)
        return None if is_unusual else to_billing_error(rows)
    [(available_nanos, *rest)] = rows
    if available_nanos is None:
        return None
    if isinstance(request, PreparedEnding):
        memory.recall(request.key)
        return _ended(request, available_nanos)
    [decided_at] = rest
    payer = request.request.payer
    memory.remember(request.key, (payer.customer_type, payer.customer_id))
    return admitted(request.request, available_nanos, decided_at)


def _ended(request: PreparedEnding, available_nanos: int) -> Resolution:
    return Resolution(
        request.key, _STATUS[request.action], request.ending, request.amount_nanos, True, available_nanos
    )


async def _usual(
    link: LedgerConnection,
    owner: str,
    memory: PayerMemory,
    holds: list[PreparedHold],
    endings: list[PreparedEnding],
) -> Answers:
    payers: dict[PayerName, int] = {}
    open_endings, ending_places = _of_remembered_payers(memory, endings, payers)
    if not open_endings and not holds:
        return {}
    holders = [(hold.request.payer.customer_type, hold.request.payer.customer_id) for hold in holds]
    hold_places = [payers.setdefault(payer, len(payers) + 1) for payer in holders]
    keys, *ending_values = ending_arrays(open_endings)
    [row] = await link.rows(
        SQL["commit_batch"],
        (
            keys,
            number_array(ending_places),
            *ending_values,
            text_array([hold.key for hold in holds]),
            number_array(hold_places),
            *hold_arrays(holds),
            owner,
            text_array([customer_type for customer_type, _ in payers]),
            text_array([customer_id for _, customer_id in payers]),
        ),
    )
    ended, ended_available, fits, hold_available, decided_at = row
    answers: Answers = {
        request.key: _ended(request, available_nanos)
        for request, is_ended, available_nanos in zip(
            open_endings, ended or (), ended_available or (), strict=True
        )
        if is_ended
    }
    for hold, payer, does_fit, available_nanos in zip(
        holds, holders, fits or (), hold_available or (), strict=True
    ):
        if does_fit:
            memory.remember(hold.key, payer)
            answers[hold.key] = admitted(hold.request, available_nanos, decided_at)
        else:
            answers[hold.key] = insufficient(available_nanos, hold.request.amount_nanos)
    return answers


def _of_remembered_payers(
    memory: PayerMemory, endings: list[PreparedEnding], payers: dict[PayerName, int]
) -> tuple[list[PreparedEnding], list[int]]:
    """Returns requests with a remembered payer and each payer's position in `payers`, which grows."""
    known: list[PreparedEnding] = []
    places: list[int] = []
    for ending in endings:
        if payer := memory.recall(ending.key):
            known.append(ending)
            places.append(payers.setdefault(payer, len(payers) + 1))
    return known, places
