"""The faults that can be switched on: `PUT /sandbox/settings`."""

from __future__ import annotations

from typing import Annotated

from pydantic import ConfigDict, Field

from devkit.stripe_sandbox.store import Record

Count = Annotated[int, Field(ge=0, le=1_000_000)]
Milliseconds = Annotated[int, Field(ge=0, le=600_000)]


class Switches(Record):
    """The sandbox's switches; counters decrease with each use."""

    model_config = ConfigDict(extra="forbid", validate_assignment=True, strict=True)

    kind = "switches"
    id: str = Field("switches", exclude=True)

    duplicates: Annotated[int, Field(ge=1, le=100)] = Field(
        1, description="How many times each event is delivered to each endpoint."
    )
    delay_ms: Milliseconds = Field(0, description="How long a delivery waits before it is first sent.")
    reorder: bool = Field(
        False,
        description="Deliveries are collected for 250 ms and sent newest first, one by one.",
    )
    paused: bool = Field(False, description="No delivery is sent; they wait.")
    retry_base_ms: Annotated[int, Field(ge=1, le=600_000)] = Field(
        250, description="The wait after a delivery's first failure; it doubles up to 30 s, for three days."
    )
    rate_limit_next: Count = Field(0, description="How many API calls answer 429 and do nothing.")
    fail_next: Count = Field(0, description="How many API calls answer 500 and do nothing.")
    fail_next_after_success: Count = Field(
        0, description="How many POSTs do their work and then answer 500 (kept under the idempotency key)."
    )
    drop_next_after_success: Count = Field(
        0, description="How many POSTs do their work and then cut the connection (the key keeps the answer)."
    )
    api_delay_ms: Milliseconds = Field(0, description="How long an API call waits between work and answer.")
    settle_delay_ms: Milliseconds | None = Field(
        3000, description="How long a bank debit takes to settle; null: until it is told to."
    )
    expires_after_min_s: Annotated[int, Field(ge=0, le=86_400)] = Field(
        1800, description="The least time between a Checkout Session's creation and its `expires_at`."
    )
