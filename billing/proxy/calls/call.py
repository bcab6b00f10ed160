"""One HTTP request as billing sees it, and how LiteLLM's hooks find it.

The middleware puts a `Call` into a ContextVar. LiteLLM copies the context into every task of the request and
into its queued success event, so each hook reaches the same object. Our id is made here; LiteLLM's call id
is not used: a client can choose it.
"""

from __future__ import annotations

import secrets
from contextvars import ContextVar
from dataclasses import dataclass, field
from decimal import Decimal
from typing import TYPE_CHECKING

from billing.errors import BillingError
from billing.ledger.schemas import Settlement
from billing.proxy.calls.admitted import Admission
from billing.proxy.calls.success_event import Served
from billing.proxy.realtime.session import RealtimeSession
from billing.proxy.routes import Route
from billing.proxy.streams import CreditedStream

if TYPE_CHECKING:
    import httpx

current_call: ContextVar[Call | None] = ContextVar("billing_call", default=None)


@dataclass(slots=True)
class Call:
    """Facts of one request. Beside each stands who writes it."""

    path: str  # middleware; then the route guard, as LiteLLM reads it
    is_websocket: bool = False  # middleware
    entered_as_exempt: bool = False  # door: neither read nor checked, for an admin's or exempt user's key
    fields_checked: bool = False  # door: of a billed HTTP call
    route: Route | None = None  # route guard: what is declared of the route, for a billed key
    id: str = field(default_factory=lambda: f"call_{secrets.token_hex(16)}")
    admission: Admission | None = None  # pre-call hook, or shadow mode
    refusal: BillingError | None = None  # pre-call hook, route guard or request guard
    filters_headers: bool = False  # request guard: a provider sees only some of the client's headers
    cache_namespace: str | None = (
        None  # request guard: whose cached answers it may have; None: as LiteLLM does
    )
    logging_obj: object | None = None  # pre-call or deployment hook: LiteLLM's, where it has made one
    main_id: str | None = None  # pre-call hook: LiteLLM's id of the call, where its own event brings it
    may_be_bridged: bool = False  # pre-call hook: LiteLLM may make a call with an id of its own of it
    stream: CreditedStream | None = None  # pre-call hook: where the hold grows; shadow mode drops it
    session: RealtimeSession | None = None  # pre-call hook: of a billed WebSocket; shadow mode drops it
    dispatched: bool = False  # deployment hook: a provider was about to be called
    heard: bool = False  # success hook: the event of the call itself has come
    success_events: dict[str, int | None] = field(default_factory=dict)  # what each costs; None: not priced
    additional_charges: dict[str, Settlement] = field(default_factory=dict)  # that wait for its ending
    client_set_timeout: bool = False  # pre-call hook: the time that a provider had was the client's choice
    timed_out: bool = False  # failure hook: a provider did not answer in time
    rejected: bool = False  # failure hook: a guardrail or limit of the gateway's said no, not a provider
    answer_rejected: bool = False  # failure hook: a provider answered, and LiteLLM then failed the call
    recovered_cost: Decimal | float | None = None  # failure hook, or session: what LiteLLM says it used
    recovered_from: Served = (None, None, None)  # failure hook: whose stream that was
    provider_streams: list[httpx.Response] = field(default_factory=list)  # HTTP client: those opened for it
    body_bytes: int = 0  # middleware: delivered to the client so far
    status: int | None = None  # middleware
    client_gone: bool = False  # middleware or realtime exchange
    answered_in_full: bool = False  # middleware: the response was sent to its end
    credit_ended: bool = False  # middleware or realtime exchange: we ended it where the credit was
    ended_at: float | None = None  # open calls: when the response was over
    is_let_through: bool = False  # shadow mode: a session is not held to what was admitted
    would_be_refused: bool = False  # shadow mode: route guard or pre-call hook
    resolving: bool = False  # open calls: an ending was chosen

    @property
    def success_pending(self) -> bool:
        """Whether LiteLLM has queued a success event that has not reached us yet, or is about to."""
        if self.heard:
            return False
        details = getattr(self.logging_obj, "model_call_details", None)
        dispatched = ("has_dispatched_final_stream_success", "realtime_session_success_logged")
        streamed = isinstance(details, dict) and any(details.get(name) for name in dispatched)
        return streamed or getattr(self.logging_obj, "async_success_log_enqueued", False) is True

    @property
    def counted_nanos(self) -> int | None:
        """What a stream or session has cost by our own count, where we counted it."""
        counted = self.stream or self.session
        return counted.likely_nanos if counted is not None else None
