"""Batches of holds and of resolutions: arrays out, a verdict an item back."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal, TypeVar

import psycopg
from psycopg.rows import TupleRow

from billing.database import load_statements
from billing.errors import BillingError, InsufficientCredits, KeyConflict, NotFound
from billing.ledger.link import Link, explained
from billing.ledger.rows import flag_array, json_text, number_array, plain, text_array
from billing.ledger.schemas import Hold, HoldRequest, HoldStatus, Json, Payer, Resolution
from billing.money import format_nanos

SQL = load_statements("billing.ledger")

Action = Literal["settle", "release", "expire"]


@dataclass(frozen=True, slots=True)
class Ending:
    """How a call shall end: a settlement, a release or an expiry, in one shape for the batch."""

    key: str
    action: Action
    amount_nanos: int
    ending: str
    description: str = ""
    estimate: bool = False
    detail: Json | None = None
    payer: Payer | None = None


@dataclass(frozen=True, slots=True)
class KnownHold:
    """A repeat of a hold that was decided before; how it stands now must be read.

    `is_ours`: it was decided in this very request, whose connection broke before the answer came.
    """

    key: str
    is_ours: bool


_STATUS: dict[Action, HoldStatus] = {
    "settle": HoldStatus.SETTLED,
    "release": HoldStatus.RELEASED,
    "expire": HoldStatus.EXPIRED,
}


class AccountMemory:
    """Which account each hold of this process is on, until it ends: a hint that saves two look-ups.

    A hint that is missing or wrong costs time and nothing else: Postgres checks it. At most `size_max` are
    kept.
    """

    def __init__(self, size_max: int) -> None:
        self._size_max = size_max
        self._accounts: dict[str, int] = {}

    def remember(self, key: str, account_id: int) -> None:
        """Forgets the oldest if there are too many."""
        if len(self._accounts) >= self._size_max:
            del self._accounts[next(iter(self._accounts))]
        self._accounts[key] = account_id

    def recall(self, key: str) -> int | None:
        """The account, once."""
        return self._accounts.pop(key, None)


RequestT = TypeVar("RequestT")
AnswerT = TypeVar("AnswerT")


async def one_by_one(
    send: Callable[[Sequence[RequestT]], Awaitable[list[AnswerT | Exception]]], requests: Sequence[RequestT]
) -> Sequence[AnswerT | Exception]:
    """Sends a batch; if Postgres refuses it for the sake of one item, each item alone, with the same key."""
    try:
        return await send(requests)
    except psycopg.Error as error:
        if len(requests) > 1:
            return [(await one_by_one(send, [request]))[0] for request in requests]
        if not isinstance(error, psycopg.errors.UniqueViolation):
            return [explained(error)]
    try:
        return await send(requests)  # another process wrote this key meanwhile: now it can be seen
    except psycopg.Error as error:
        return [explained(error)]


async def send_holds(
    link: Link, owner: str, accounts: AccountMemory, requests: Sequence[HoldRequest]
) -> list[Hold | KnownHold | Exception]:
    """Asks for holds, in the order given. Remembers on which account each one is."""
    breaks = link.breaks
    try:
        return await _send_new_holds(link, owner, accounts, requests)
    except psycopg.errors.UniqueViolation:  # some key is not new
        pass
    rows = await link.rows(
        SQL["hold_batch"],
        (
            text_array([request.key for request in requests]),
            text_array([request.payer.customer_type for request in requests]),
            text_array([request.payer.customer_id for request in requests]),
            *_hold_arrays(requests),
            owner,
        ),
    )
    is_repeated = link.breaks > breaks
    return [_hold_answer(request, is_repeated, *row) for request, row in zip(requests, rows, strict=True)]


async def _send_new_holds(
    link: Link, owner: str, accounts: AccountMemory, requests: Sequence[HoldRequest]
) -> list[Hold | KnownHold | Exception]:
    positions: dict[Payer, int] = {}
    places = [positions.setdefault(request.payer, len(positions) + 1) for request in requests]
    [(admitted, available, account_ids, decided_at)] = await link.rows(
        SQL["hold_new"],
        (
            text_array([request.key for request in requests]),
            number_array(places),
            *_hold_arrays(requests),
            owner,
            text_array([payer.customer_type for payer in positions]),
            text_array([payer.customer_id for payer in positions]),
        ),
    )
    answers: list[Hold | KnownHold | Exception] = []
    for request, place, fits, available_nanos in zip(requests, places, admitted, available, strict=True):
        if fits:
            accounts.remember(request.key, account_ids[place - 1])
            answers.append(_admitted(request, available_nanos, decided_at))
        else:
            answers.append(insufficient(available_nanos, request.amount_nanos))
    return answers


def _hold_arrays(requests: Sequence[HoldRequest]) -> tuple[str, ...]:
    return (
        number_array([request.amount_nanos for request in requests]),
        number_array([request.fallback_nanos for request in requests]),
        number_array([request.lease_s for request in requests]),
        text_array([json_text(request.detail) for request in requests]),
    )


def _admitted(request: HoldRequest, available_nanos: int, decided_at: datetime) -> Hold:
    return Hold(
        request.key,
        request.payer,
        request.amount_nanos,
        request.fallback_nanos,
        HoldStatus.OPEN,
        None,
        None,
        request.detail,
        decided_at + timedelta(seconds=request.lease_s),
        decided_at,
        available_nanos,
    )


def _hold_answer(
    request: HoldRequest, is_repeated: bool, verdict: str, available_nanos: int, decided_at: datetime
) -> Hold | KnownHold | Exception:
    if verdict == "admitted":
        return _admitted(request, available_nanos, decided_at)
    if verdict == "known":
        return KnownHold(request.key, is_repeated)
    if verdict == "conflict":
        return KeyConflict(f"The hold {request.key} was asked for before with other content.")
    return insufficient(available_nanos, request.amount_nanos)


def insufficient(available_nanos: int, required_nanos: int) -> InsufficientCredits:
    """The refusal, with both amounts for the person who reads it."""
    return InsufficientCredits(
        f"Insufficient credits: {format_nanos(available_nanos)} available, "
        f"{format_nanos(required_nanos)} required.",
        available_nanos=available_nanos,
        required_nanos=required_nanos,
    )


def ending_arrays(requests: Sequence[Ending]) -> tuple[str, ...]:
    """The parameters of `resolve_batch`."""
    return (
        text_array([request.key for request in requests]),
        text_array([request.action for request in requests]),
        number_array([request.amount_nanos for request in requests]),
        text_array([plain(request.ending) for request in requests]),
        text_array([plain(request.description) for request in requests]),
        flag_array([request.estimate for request in requests]),
        text_array([json_text(request.detail or {}) for request in requests]),
    )


async def send_endings(
    link: Link, accounts: AccountMemory, requests: Sequence[Ending]
) -> list[Resolution | Exception]:
    """Ends calls, in the order given. A call without a hold is answered with NotFound."""
    answers = await _send_open_endings(link, accounts, requests)
    rest = [request for request in requests if request.key not in answers]
    if rest:
        rows = await link.rows(SQL["resolve_batch"], ending_arrays(rest))
        answers |= {
            request.key: resolution_from(request, row) for request, row in zip(rest, rows, strict=True)
        }
    return [answers[request.key] for request in requests]


async def _send_open_endings(
    link: Link, accounts: AccountMemory, requests: Sequence[Ending]
) -> dict[str, Resolution | Exception]:
    """Ends those whose account is remembered and whose hold is open, by key."""
    positions: dict[int, int] = {}
    known: list[Ending] = []
    places: list[int] = []
    for request in requests:
        if account_id := accounts.recall(request.key):
            known.append(request)
            places.append(positions.setdefault(account_id, len(positions) + 1))
    if not known:
        return {}
    keys, *arrays = ending_arrays(known)
    [(ended, available)] = await link.rows(
        SQL["resolve_open"], (keys, number_array(places), *arrays, number_array(positions))
    )
    return {
        request.key: Resolution(
            request.key, _STATUS[request.action], request.ending, request.amount_nanos, True, available_nanos
        )
        for request, is_ended, available_nanos in zip(known, ended, available, strict=True)
        if is_ended
    }


def resolution_from(request: Ending, row: TupleRow) -> Resolution | BillingError:
    """One row of `resolve_batch`."""
    verdict, status, ending, charged_nanos, available_nanos = row
    if verdict == "unknown":
        return NotFound(f"No hold has the key {request.key}.")
    if verdict == "conflict":
        return KeyConflict(
            f"The call {request.key} was settled before at {format_nanos(charged_nanos)}, "
            f"not {format_nanos(request.amount_nanos)}."
        )
    return Resolution(
        request.key, HoldStatus(status), ending or "", charged_nanos, verdict == "changed", available_nanos
    )
