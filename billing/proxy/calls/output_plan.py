"""Decides how much output a call's hold covers: all of it, or the first portion of a growing stream.

A hold that covers everything is priced by the limit in the request: a balance too small for a client's own
limit refuses the call, and shortens the limit of a client that set none. A growing hold needs neither: the
stream ends when the credit runs out (ADR 0007).
"""

from __future__ import annotations

from billing.errors import InsufficientCredits
from billing.money import format_nanos
from billing.proxy.admitted.ledger import CallLedger
from billing.proxy.calls.call import Call
from billing.proxy.max_cost import MaxCost
from billing.proxy.streams import CreditedStream, GrowingHold, dialect_named
from billing.settings import Settings


class OutputPlan:
    """The output of one call that its hold covers."""

    def __init__(self, max_cost: MaxCost, call_type: str, settings: Settings) -> None:
        self._max_cost = max_cost
        self._settings = settings
        self._dialect = dialect_named(call_type)

    @property
    def grows(self) -> bool:
        """Whether the hold may begin with a portion: the stream shows all billed output, readable for us."""
        return (
            self._settings.billing_stream_hold == "growing"
            and self._max_cost.streamed is not None
            and self._dialect is not None
            and self._max_cost.output_tokens > self._settings.billing_stream_portion_tokens
        )

    @property
    def first_tokens(self) -> int:
        """The output tokens that the first hold covers."""
        return self._settings.billing_stream_portion_tokens if self.grows else self._max_cost.output_tokens

    def smaller_tokens(self, refusal: InsufficientCredits) -> int:
        """Returns what the balance covers instead. Raises InsufficientCredits if that is too little."""
        max_cost = self._max_cost
        affordable = max_cost.affordable_output_tokens(refusal.available_nanos)
        if max_cost.output_limit_field is None:
            raise self.refused(refusal, "") from refusal
        if max_cost.client_set_limit and not self.grows:
            hint = f" It would cover an output of {affordable} tokens." if affordable > 0 else ""
            raise self.refused(refusal, hint) from refusal
        smallest = min(self._settings.billing_output_tokens_min, max_cost.output_tokens)
        if affordable < smallest:
            raise self.refused(refusal, "", smallest) from refusal
        return min(affordable, self.first_tokens)

    def refused(
        self, refusal: InsufficientCredits, hint: str, output_tokens: int | None = None
    ) -> InsufficientCredits:
        """Builds the refusal with the call's own figures."""
        required_nanos = self._max_cost.amount_nanos(output_tokens)
        return InsufficientCredits(
            f"This call to {self._max_cost.model} may cost up to {format_nanos(required_nanos)}, and "
            f"{format_nanos(max(refusal.available_nanos, 0))} is available.{hint} Top up to continue.",
            available_nanos=refusal.available_nanos,
            required_nanos=required_nanos,
        )

    def limit(self, covered_tokens: int) -> int:
        """Returns the output limit to write into the request."""
        return self._max_cost.output_tokens if self.grows else covered_tokens

    def stream(self, ledger: CallLedger, call: Call, covered_tokens: int) -> CreditedStream | None:
        """Returns the credit control of a streamed answer; None if we cannot read its events."""
        if self._dialect is None:
            return None
        hold = GrowingHold(ledger, call, self._max_cost, covered_tokens, self._settings)
        return CreditedStream(self._dialect, hold)
