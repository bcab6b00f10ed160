"""The instruments, in prometheus_client's default registry, where LiteLLM's are too.

They are the module's state, as that library wants it: one process has one registry. With several workers
(`PROMETHEUS_MULTIPROC_DIR`) counters add up; `livesum` gauges are each living process's own and add up,
`livemax` gauges say of the database what every process sees. No label names a customer, key or model: their
number grows with the business, and each would be a time series.
"""

from __future__ import annotations

from prometheus_client import Counter, Gauge, Histogram

HOLDS = Counter("proxyllm_holds", "Holds that calls asked for, by the ledger's verdict.", ["verdict"])
ENDINGS = Counter("proxyllm_endings", "Ended calls, by status and by how they ended.", ["status", "ending"])
REFUSALS = Counter("proxyllm_refusals", "Requests that billing answered with an error of its own.", ["code"])
EVENTS_WITHOUT_CALL = Counter(
    "proxyllm_success_events_without_call",
    "Success events of LiteLLM's that belong to no admitted call: exempt keys and background work.",
)
WEBHOOK_EVENTS = Counter(
    "proxyllm_webhook_events", "Deliveries of Stripe events, by outcome or by the error's code.", ["outcome"]
)
PARKED_EVENT_TRIES = Counter(
    "proxyllm_parked_event_tries",
    "Times that the gateway tried a parked Stripe event again, by outcome or by the error's code.",
    ["outcome"],
)
SWEPT = Counter(
    "proxyllm_swept_holds", "Holds that the sweeper found abandoned, by what became of it.", ["result"]
)

SPEND_LOG_ROWS_DROPPED = Counter(
    "proxyllm_spend_log_rows_dropped", "Spend logs that could not be written, left out so that others can be."
)

BATCH_SIZE = Histogram(
    "proxyllm_ledger_batch_size",
    "Operations that went to Postgres together.",
    buckets=(1, 2, 4, 8, 16, 32, 64, 128, 256),
)
ROUND_TRIP = Histogram(
    "proxyllm_ledger_round_trip_seconds",
    "From sending a batch to Postgres to having its verdicts.",
    buckets=(0.0005, 0.001, 0.002, 0.004, 0.008, 0.016, 0.032, 0.064, 0.128, 0.25, 0.5, 1, 2.5, 5),
)

EVENT_LOOP_DELAY = Histogram(
    "proxyllm_event_loop_delay_seconds",
    "How late the event loop comes back to a timer of 100 ms: as long as it served nobody else.",
    buckets=(0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10),
)
EVENT_LOOP_DELAY_MAX = Gauge(
    "proxyllm_event_loop_delay_max_seconds",
    "The longest of them since the process was ready.",
    multiprocess_mode="livemax",
)
FROZEN_OBJECTS = Gauge(
    "proxyllm_frozen_objects",
    "Objects of the start that no garbage collection visits.",
    multiprocess_mode="livemax",
)

LEDGER_WAITING = Gauge(
    "proxyllm_ledger_waiting", "Operations that wait for the next batch.", multiprocess_mode="livesum"
)
OPEN_CALLS = Gauge(
    "proxyllm_open_calls", "Calls of this process that hold credit.", multiprocess_mode="livesum"
)
SETTLING = Gauge(
    "proxyllm_settling", "Endings that the ledger has not taken yet.", multiprocess_mode="livesum"
)

OPEN_HOLDS = Gauge("proxyllm_open_holds", "Open holds in the database.", multiprocess_mode="livemax")
OLDEST_HOLD = Gauge(
    "proxyllm_oldest_hold_age_seconds",
    "Age of the oldest open hold; 0 without one.",
    multiprocess_mode="livemax",
)
OVERDUE_HOLD = Gauge(
    "proxyllm_overdue_hold_seconds",
    "How long the lease of the most overdue open hold has been over; 0 without one.",
    multiprocess_mode="livemax",
)
SAMPLED_AT = Gauge(
    "proxyllm_sampled_timestamp_seconds",
    "When the database was last asked for the gauges that are read from it.",
    multiprocess_mode="livemax",
)
PARKED_EVENTS = Gauge(
    "proxyllm_parked_events",
    "Stripe events that fitted nothing: `retried` by the gateway, or `ended` and left to a person.",
    ["status"],
    multiprocess_mode="livemax",
)
OLDEST_PARKED_EVENT = Gauge(
    "proxyllm_oldest_parked_event_age_seconds",
    "Age of the oldest parked event that is tried again; 0 without one.",
    multiprocess_mode="livemax",
)
RECONCILE_DIFFERENCES = Gauge(
    "proxyllm_reconcile_differences",
    "Open differences at the last comparison of a book.",
    ["book"],
    multiprocess_mode="livemax",
)
RECONCILE_DRIFT = Gauge(
    "proxyllm_reconcile_drift_nanos",
    "Their sum, in 10^-9 of the currency.",
    ["book"],
    multiprocess_mode="livemax",
)
RECONCILE_FAILED = Gauge(
    "proxyllm_reconcile_failed",
    "1 where the last comparison of a book could not go to its end.",
    ["book"],
    multiprocess_mode="livemax",
)
RECONCILE_FINISHED = Gauge(
    "proxyllm_reconcile_finished_timestamp_seconds",
    "When a book was last compared.",
    ["book"],
    multiprocess_mode="livemax",
)
