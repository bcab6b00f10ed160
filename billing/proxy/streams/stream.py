"""Passes a billed stream to the client: every event is counted, and covered by the hold before it passes.

It is counted to its end even if the hold covers everything: some streams end without a LiteLLM event
(interrupted completions, an answer stopped by a guardrail), and delivered output is not free.
"""

from __future__ import annotations

from billing.errors import BillingError
from billing.proxy.streams.dialects import Dialect, ErrorDetail, Output
from billing.proxy.streams.events import EventSplitter, data_of
from billing.proxy.streams.growing_hold import GrowingHold


class CreditedStream:
    """Passes whole events while there is credit for them."""

    def __init__(self, dialect: Dialect, hold: GrowingHold) -> None:
        self._dialect = dialect
        self._hold = hold
        self._splitter = EventSplitter()
        self.refusal: BillingError | None = None  # why the stream ends here

    @property
    def likely_nanos(self) -> int | None:
        """The call's cost by our own count; None if no output has passed."""
        return self._hold.likely_nanos if self._hold.tokens_likely else None

    @property
    def shown_tokens(self) -> int | None:
        """The approximate number of output tokens so far; None if some billed output is invisible."""
        return self._hold.shown_tokens

    @property
    def failed(self) -> bool:
        """Whether the stream itself reported an error."""
        return self._dialect.failed

    async def covered(self, piece: bytes, *, more: bool) -> bytes:
        """Returns the part of the stream, including `piece`, that the client may have now.

        Check `refusal` afterwards.
        """
        passed = bytearray()
        for event in self._splitter.feed(piece):
            self.refusal = await self._hold.cover(self._output_of(event))
            if self.refusal is not None:
                return bytes(passed)
            passed += event
        return bytes(passed) if more else bytes(passed) + self._splitter.rest()

    def _output_of(self, event: bytes) -> Output:
        data = data_of(event)
        if data is None:
            return Output()
        return Output(other_bytes=len(data)) if isinstance(data, bytes) else self._dialect.read(data)

    def ending(self, error: ErrorDetail) -> bytes:
        """Returns the events that end the stream because the credit ran out."""
        return self._dialect.ending(error, self._hold.tokens_likely)
