"""The usual case: new holds and the endings of open ones, one round trip and one commit for all.

What turns out to be unusual (a key that exists, a call that has ended, an account that is not remembered) is
left untouched by it and goes through the general statements of `batches.py`.
"""

from __future__ import annotations

from collections.abc import Sequence

import psycopg

from billing.ledger.batches import (
    SQL,
    Action,
    Answer,
    Answers,
    Ending,
    HoldAsk,
    Request,
    admitted,
    ending_arrays,
    hold_arrays,
    insufficient,
    send_endings,
    send_holds,
)
from billing.ledger.link import Link
from billing.ledger.rows import number_array, text_array
from billing.ledger.schemas import HoldStatus, Payer, Resolution

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


async def exchange(
    link: Link, owner: str, accounts: AccountMemory, requests: Sequence[Request]
) -> list[Answer | Exception]:
    """Carries out requests with distinct keys: endings first, then holds, both in the order given.

    Raises psycopg.Error if Postgres refuses the batch, and LedgerUnavailable.
    """
    holds = [request for request in requests if isinstance(request, HoldAsk)]
    endings = [request for request in requests if isinstance(request, Ending)]
    breaks = link.breaks
    try:
        answers = await _usual(link, owner, accounts, holds, endings)
    except psycopg.errors.UniqueViolation:  # some key is not new, and nothing was written
        answers = {}
    if rest := [ending for ending in endings if ending.key not in answers]:
        answers |= await send_endings(link, rest)
    if unasked := [hold for hold in holds if hold.key not in answers]:
        answers |= await send_holds(link, owner, unasked, is_repeated=link.breaks > breaks)
    return [answers[request.key] for request in requests]


async def _usual(
    link: Link, owner: str, accounts: AccountMemory, holds: list[HoldAsk], endings: list[Ending]
) -> Answers:
    open_endings, ending_places, account_positions = _on_remembered_accounts(accounts, endings)
    if not open_endings and not holds:
        return {}
    payers: dict[Payer, int] = {}
    hold_places = [payers.setdefault(hold.request.payer, len(payers) + 1) for hold in holds]
    keys, *ending_values = ending_arrays(open_endings)
    [row] = await link.rows(
        SQL["exchange"],
        (
            keys,
            number_array(ending_places),
            *ending_values,
            number_array(account_positions),
            text_array([hold.key for hold in holds]),
            number_array(hold_places),
            *hold_arrays(holds),
            owner,
            text_array([payer.customer_type for payer in payers]),
            text_array([payer.customer_id for payer in payers]),
        ),
    )
    ended, ended_available, fits, hold_available, account_ids, decided_at = row
    answers: Answers = {
        request.key: Resolution(
            request.key, _STATUS[request.action], request.ending, request.amount_nanos, True, available_nanos
        )
        for request, is_ended, available_nanos in zip(
            open_endings, ended or (), ended_available or (), strict=True
        )
        if is_ended
    }
    for hold, place, does_fit, available_nanos in zip(
        holds, hold_places, fits or (), hold_available or (), strict=True
    ):
        if does_fit:
            accounts.remember(hold.key, account_ids[place - 1])
            answers[hold.key] = admitted(hold.request, available_nanos, decided_at)
        else:
            answers[hold.key] = insufficient(available_nanos, hold.request.amount_nanos)
    return answers


def _on_remembered_accounts(
    accounts: AccountMemory, endings: list[Ending]
) -> tuple[list[Ending], list[int], dict[int, int]]:
    """Those whose account is remembered, the position of each one's account, and the accounts in order."""
    positions: dict[int, int] = {}
    known: list[Ending] = []
    places: list[int] = []
    for ending in endings:
        if account_id := accounts.recall(ending.key):
            known.append(ending)
            places.append(positions.setdefault(account_id, len(positions) + 1))
    return known, places, positions
