"""Idempotency keys as v1 of Stripe's API keeps them (https://docs.stripe.com/api/idempotent_requests).

The first answer of a call that ran is kept with its status, also a 500, and given again for 24 hours.
Answers from before the work (bad parameters, bad key, 429) are not kept: the call may be sent again.
"""

from __future__ import annotations

import hashlib
import json
import time
from dataclasses import dataclass

from devkit.stripe_sandbox.errors import IdempotencyMismatch, InvalidRequest
from devkit.stripe_sandbox.forms import Form
from devkit.stripe_sandbox.store import Store

KEEP_S = 24 * 3600
KEY_LENGTH_MAX = 255


@dataclass(frozen=True, slots=True)
class Answered:
    """The first answer for a key."""

    status: int
    body: str
    request_id: str


def fingerprint(method: str, path: str, form: Form) -> str:
    """Computes what must be equal when a key is reused."""
    return hashlib.sha256(json.dumps([method, path, form], sort_keys=True).encode()).hexdigest()


def recall(store: Store, key: str, wanted_fingerprint: str) -> Answered | None:
    """Returns the stored answer, or None for a new key. Raises IdempotencyMismatch, InvalidRequest."""
    if len(key) > KEY_LENGTH_MAX:
        raise InvalidRequest(f"Idempotency keys may be at most {KEY_LENGTH_MAX} characters long.")
    row = store.connection.execute(
        "SELECT fingerprint, status, body, request_id FROM idempotency WHERE key = ? AND created > ?",
        (key, time.time() - KEEP_S),
    ).fetchone()
    if row is None:
        return None
    if row[0] != wanted_fingerprint:
        raise IdempotencyMismatch(key)
    return Answered(status=row[1], body=row[2], request_id=row[3])


def keep(store: Store, key: str, kept_fingerprint: str, answered: Answered) -> None:
    """Stores an answer, in the transaction that did the work."""
    store.connection.execute(
        "INSERT OR REPLACE INTO idempotency (key, fingerprint, status, body, request_id, created) "
        "VALUES (?, ?, ?, ?, ?, ?)",
        (key, kept_fingerprint, answered.status, answered.body, answered.request_id, time.time()),
    )


def prune(store: Store) -> None:
    """Deletes keys older than 24 hours."""
    store.connection.execute("DELETE FROM idempotency WHERE created <= ?", (time.time() - KEEP_S,))
