"""One HTTP request as billing sees it, and how LiteLLM's hooks find it.

The middleware puts a `Call` into a ContextVar. LiteLLM copies the context into every task of the request and
into its queued success event, so all hooks reach the same object. Our id is created here; LiteLLM's call id
is not used, since clients can choose it.

The facts of a call are grouped by who writes them; everyone may read all of them.
"""

from __future__ import annotations

import secrets
from contextvars import ContextVar
from dataclasses import dataclass, field
from decimal import Decimal
from typing import TYPE_CHECKING

from billing.errors import BillingError
from billing.ledger.schemas import Settlement
from billing.proxy.admitted.call import Admission
from billing.proxy.calls.success_event import Served
from billing.proxy.realtime.session import RealtimeSession
from billing.proxy.routes import Route
from billing.proxy.streams import CreditedStream
from billing.rating.reported import ReportedUsage

if TYPE_CHECKING:
    import httpx

current_call: ContextVar[Call | None] = ContextVar("billing_call", default=None)


@dataclass(slots=True)
class Entry:
    """What the door and the request guard found and did, written by them."""

    exempt: bool = False  # neither read nor checked: the key of an admin or exempt user
    fields_checked: bool = False  # of a billed HTTP call
    filters_headers: bool = False  # providers only see some of the client's headers
    cache_namespace: str | None = None  # whose cached answers it may get; None: as LiteLLM does


@dataclass(slots=True)
class Upstream:
    """What LiteLLM did with the call, written by its hooks and its HTTP client."""

    logging_obj: object | None = None  # LiteLLM's own, once it has created one
    main_id: str | None = None  # LiteLLM's id of the call, if its own event has it
    may_be_bridged: bool = False  # LiteLLM may turn it into a call with an id of its own
    dispatched: bool = False  # a provider was about to be called
    client_set_timeout: bool = False  # the client chose the provider's time limit
    timed_out: bool = False  # a provider did not answer in time
    rejected: bool = False  # refused by a guardrail or limit of the gateway, not by a provider
    answer_rejected: bool = False  # a provider answered, and LiteLLM then failed the call
    recovered_cost: Decimal | None = None  # the usage of a failed stream according to LiteLLM
    recovered_from: Served = (None, None, None)  # whose stream that was
    provider_streams: list[httpx.Response] = field(default_factory=list)  # those opened for the call
    reported_usages: list[ReportedUsage] = field(default_factory=list)  # what each of them reports


@dataclass(slots=True)
class Delivery:
    """What reached the client, written by the HTTP and WebSocket exchanges and the door."""

    body_bytes: int = 0
    status: int | None = None
    client_gone: bool = False
    in_full: bool = False  # the complete response was sent
    credit_ended: bool = False  # we ended it because the credit ran out
    ended_at: float | None = None  # `time.monotonic()` when the response was over


@dataclass(slots=True)
class Charges:
    """The call's charges, written by `Successes`, `AdditionalCharges` and `OpenCalls`."""

    success_received: bool = False  # the call's own event has arrived
    event_nanos: dict[str, int | None] = field(default_factory=dict)  # cost of each event; None: not priced
    waiting: dict[str, Settlement] = field(default_factory=dict)  # additional ones, until the call's ending
    resolving: bool = False  # an ending was chosen


@dataclass(slots=True)
class ShadowMarks:
    """What shadow mode records, which lets every call through."""

    is_let_through: bool = False  # a session is not limited to what was admitted
    would_be_refused: bool = False


@dataclass(slots=True)
class Call:
    """One request."""

    path: str  # as LiteLLM reads it, after the route guard
    is_websocket: bool = False
    id: str = field(default_factory=lambda: f"call_{secrets.token_hex(16)}")
    route: Route | None = None  # the declared route, for a billed key (route guard)
    refusal: BillingError | None = None  # set by whoever refused the call
    admission: Admission | None = None  # pre-call hook, or shadow mode
    stream: CreditedStream | None = None  # its hold grows (pre-call hook; shadow mode drops it)
    session: RealtimeSession | None = None  # of a billed WebSocket (pre-call hook; shadow mode drops it)
    entry: Entry = field(default_factory=Entry)
    upstream: Upstream = field(default_factory=Upstream)
    delivery: Delivery = field(default_factory=Delivery)
    charges: Charges = field(default_factory=Charges)
    shadow: ShadowMarks = field(default_factory=ShadowMarks)

    @property
    def success_pending(self) -> bool:
        """Whether LiteLLM has queued, or is about to queue, a success event that has not arrived yet."""
        if self.charges.success_received:
            return False
        logging_obj = self.upstream.logging_obj
        details = getattr(logging_obj, "model_call_details", None)
        dispatched = ("has_dispatched_final_stream_success", "realtime_session_success_logged")
        streamed = isinstance(details, dict) and any(details.get(name) for name in dispatched)
        return streamed or getattr(logging_obj, "async_success_log_enqueued", False) is True

    @property
    def counted_nanos(self) -> int | None:
        """The cost of a stream or session by our own count, if we counted it."""
        counted = self.stream or self.session
        return counted.likely_nanos if counted is not None else None

    @property
    def usage_is_guessed(self) -> bool:
        """Whether providers streamed an answer and reported no usage, so that LiteLLM's is a guess."""
        answers = [reported for reported in self.upstream.reported_usages if reported.is_answer]
        return bool(answers) and not any(answer.is_reported for answer in answers)

    @property
    def recovered_cost(self) -> Decimal | None:
        """The cost of a failed stream or session according to LiteLLM, without a success event."""
        if self.upstream.recovered_cost is not None or self.session is None:
            return self.upstream.recovered_cost
        return self.session.recovered_cost
