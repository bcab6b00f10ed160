"""Guards of Stripe's events that are parked and tried again."""

from __future__ import annotations

from tests.mutation.mutant import Mutant

_QUERIES = "billing/webhooks/queries.sql"
_PARKED = "billing/webhooks/parked.py"
_TRIES = ("tests/integration/webhooks/test_parked_events.py",)
_PAUSES = ("tests/integration/webhooks/test_parked_event_pauses.py",)

EVENT_MUTANTS = [
    Mutant(
        "a parked event is not due after its delivery",
        _QUERIES,
        "WHEN tries = 0 THEN now() + %(pause_min)s",
        "WHEN tries = 0 THEN NULL",
        _PAUSES,
    ),
    Mutant(
        "nobody tries parked events again",
        "billing/features.py",
        "*webhook_jobs(self.parked_events),",
        "",
        _TRIES,
    ),
    Mutant(
        "what the release before has parked is not tried again",
        "migrations/20261130230000_parked_events/migration.sql",
        "TIMESTAMPTZ(6) DEFAULT CURRENT_TIMESTAMP",
        "TIMESTAMPTZ(6)",
        _TRIES,
    ),
    Mutant(
        "replicas try the same parked event",
        _QUERIES,
        "THEN now() + due.pause END",
        "THEN now() END",
        _TRIES,
    ),
    Mutant(
        "a parked event that was decided meanwhile is decided again",
        _PARKED,
        "if not await inbox.lock_parked(connection, event.id):",
        "if False:",
        _TRIES,
    ),
    Mutant(
        "an event that breaks its handler keeps others waiting",
        _PARKED,
        "except Exception as error:",
        "except ZeroDivisionError as error:",
        _TRIES,
    ),
    Mutant(
        "an event that Stripe is asked about in vain keeps others waiting",
        _PARKED,
        "except BillingError as error:",
        "except ZeroDivisionError as error:",
        _TRIES,
    ),
    Mutant(
        "an object's parked events are tried in any order",
        _QUERIES,
        "FROM claimed ORDER BY created, id",
        "FROM claimed ORDER BY id",
        _PAUSES,
    ),
    Mutant(
        "a later parked event overtakes an earlier one of its object",
        _QUERIES,
        "AND (older.created, older.id) < (h.created, h.id)",
        "AND FALSE",
        _PAUSES,
    ),
    Mutant(
        "a parked event that fails keeps the others of its object waiting",
        _QUERIES,
        "ON e.id = head.id OR (e.object_id = head.object_id AND e.outcome",
        "ON e.id = head.id OR (FALSE AND e.outcome",
        _TRIES,
    ),
    Mutant(
        "a parked event is tried for ever",
        _QUERIES,
        "CASE WHEN now() + due.pause < e.received_at + %(tried_for)s",
        "CASE WHEN TRUE",
        _PAUSES,
    ),
    Mutant(
        "the pauses of a parked event do not grow",
        _QUERIES,
        "h.received_at)) / 2)) AS pause",
        "h.received_at)) * 0)) AS pause",
        _PAUSES,
    ),
    Mutant(
        "the pauses of a parked event have no bound",
        _QUERIES,
        "least(%(pause_max)s, greatest(",
        "least(interval '1 year', greatest(",
        _PAUSES,
    ),
    Mutant(
        "a new event of an object leaves what is parked about it for hours",
        "billing/webhooks/service.py",
        "if outcome is InboxOutcome.PARKED and event.object_id is not None:",
        "if False:",
        _PAUSES,
    ),
]
