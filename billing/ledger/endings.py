"""The names of the ways a call can end."""

from __future__ import annotations

from enum import StrEnum


class Ending(StrEnum):
    """Names stored in holds and transactions. What each one costs: docs/explanation/endings.md."""

    FINISHED = "finished"
    FINISHED_FREE = "finished_free"  # declared free or free by rule, while other deployments are not
    FINISHED_UNPRICED = "finished_unpriced"  # LiteLLM could not price it: charged an estimate
    CUT_MID_STREAM = "cut_mid_stream"
    CREDIT_EXHAUSTED = "credit_exhausted"  # we ended the stream because the credit ran out
    BROKEN_MID_STREAM = "broken_mid_stream"
    CUT_BEFORE_FIRST_CHUNK = "cut_before_first_chunk"
    TIMED_OUT = "timed_out"  # no provider answered in time, no byte delivered
    FAILED = "failed"  # after dispatch, no byte delivered
    REJECTED = "rejected"  # by a guardrail or limit, after dispatch, no byte delivered
    NOT_DISPATCHED = "not_dispatched"  # refused or failed before any provider was called
    NO_EVENT = "no_event"  # no event ever arrived
    ABANDONED = "abandoned"  # its caller left, or was told the ledger is unavailable, before it was admitted
    PRICED_BY_HAND = "priced_by_hand"  # an estimate, until an operator set the cost
