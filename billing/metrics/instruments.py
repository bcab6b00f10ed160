"""The metrics, in prometheus_client's default registry, which LiteLLM uses too.

They are module state, as that library intends: one process has one registry. With several workers
(`PROMETHEUS_MULTIPROC_DIR`) counters and `livesum` gauges add up over the live processes, while `livemax`
gauges show database values that every process sees. No label names a customer, key or model: their number
grows with the business, and each one would be a time series.
"""

from __future__ import annotations

from prometheus_client import Counter, Gauge, Histogram

HOLDS = Counter("proxyllm_holds", "Holds requested by calls, by the ledger's verdict.", ["verdict"])
ENDINGS = Counter("proxyllm_endings", "Ended calls, by status and ending.", ["status", "ending"])
REFUSALS = Counter("proxyllm_refusals", "Requests that billing refused, by error code.", ["code"])
EVENTS_WITHOUT_CALL = Counter(
    "proxyllm_success_events_without_call",
    "LiteLLM success events without an admitted call: exempt keys and background work.",
)
WEBHOOK_EVENTS = Counter(
    "proxyllm_webhook_events", "Deliveries of Stripe events, by outcome or error code.", ["outcome"]
)
PARKED_EVENT_TRIES = Counter(
    "proxyllm_parked_event_tries",
    "Retries of parked Stripe events by the gateway, by outcome or error code.",
    ["outcome"],
)
SWEPT = Counter("proxyllm_swept_holds", "Abandoned holds found by the sweeper, by result.", ["result"])

SPEND_LOG_ROWS_DROPPED = Counter(
    "proxyllm_spend_log_rows_dropped", "Spend log rows dropped because they could not be written."
)

BATCH_SIZE = Histogram(
    "proxyllm_ledger_batch_size",
    "Operations sent to Postgres in one batch.",
    buckets=(1, 2, 4, 8, 16, 32, 64, 128, 256),
)
ROUND_TRIP = Histogram(
    "proxyllm_ledger_round_trip_seconds",
    "Time from sending a batch to Postgres to receiving its results.",
    buckets=(0.0005, 0.001, 0.002, 0.004, 0.008, 0.016, 0.032, 0.064, 0.128, 0.25, 0.5, 1, 2.5, 5),
)

EVENT_LOOP_DELAY = Histogram(
    "proxyllm_event_loop_delay_seconds",
    "How late the event loop runs a timer of 100 ms, so how long it was blocked.",
    buckets=(0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10),
)
EVENT_LOOP_DELAY_MAX = Gauge(
    "proxyllm_event_loop_delay_max_seconds",
    "The longest delay since the process was ready.",
    multiprocess_mode="livemax",
)
FROZEN_OBJECTS = Gauge(
    "proxyllm_frozen_objects",
    "Objects created at start-up that garbage collection skips.",
    multiprocess_mode="livemax",
)

LEDGER_WAITING = Gauge(
    "proxyllm_ledger_waiting", "Operations waiting for the next batch.", multiprocess_mode="livesum"
)
OPEN_CALLS = Gauge(
    "proxyllm_open_calls", "Calls of this process with an open hold.", multiprocess_mode="livesum"
)
SETTLING = Gauge(
    "proxyllm_settling", "Endings that the ledger has not confirmed yet.", multiprocess_mode="livesum"
)

OPEN_HOLDS = Gauge("proxyllm_open_holds", "Open holds in the database.", multiprocess_mode="livemax")
OLDEST_HOLD = Gauge(
    "proxyllm_oldest_hold_age_seconds",
    "Age of the oldest open hold; 0 if there is none.",
    multiprocess_mode="livemax",
)
OVERDUE_HOLD = Gauge(
    "proxyllm_overdue_hold_seconds",
    "Time since the lease of the most overdue open hold expired; 0 if there is none.",
    multiprocess_mode="livemax",
)
SAMPLED_AT = Gauge(
    "proxyllm_sampled_timestamp_seconds",
    "When the gauges read from the database were last updated.",
    multiprocess_mode="livemax",
)
PARKED_EVENTS = Gauge(
    "proxyllm_parked_events",
    "Unmatched Stripe events: `retried` by the gateway, or `ended` and left to a person.",
    ["status"],
    multiprocess_mode="livemax",
)
OLDEST_PARKED_EVENT = Gauge(
    "proxyllm_oldest_parked_event_age_seconds",
    "Age of the oldest parked event that is still retried; 0 if there is none.",
    multiprocess_mode="livemax",
)
RECONCILE_DIFFERENCES = Gauge(
    "proxyllm_reconcile_differences",
    "Open differences found by the last comparison of a book.",
    ["book"],
    multiprocess_mode="livemax",
)
RECONCILE_DRIFT = Gauge(
    "proxyllm_reconcile_drift_nanos",
    "Sum of the open differences, in 10^-9 of the currency.",
    ["book"],
    multiprocess_mode="livemax",
)
RECONCILE_FAILED = Gauge(
    "proxyllm_reconcile_failed",
    "1 if the last comparison of a book could not be completed.",
    ["book"],
    multiprocess_mode="livemax",
)
RECONCILE_FINISHED = Gauge(
    "proxyllm_reconcile_finished_timestamp_seconds",
    "Time of the last comparison of a book.",
    ["book"],
    multiprocess_mode="livemax",
)
