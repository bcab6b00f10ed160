"""Grows a call's hold with its stream instead of covering the whole output limit from the start."""

from __future__ import annotations

import asyncio
import logging
import time

from billing.errors import (
    BillingError,
    Conflict,
    InsufficientCredits,
    LedgerUnavailable,
    NotFound,
    Unavailable,
)
from billing.money import ceil_nanos
from billing.proxy.admitted.call import Admitted, admission_of
from billing.proxy.admitted.ledger import CallLedger
from billing.proxy.max_cost.call import MaxCost
from billing.proxy.max_cost.streamed import FRAME_TOKENS, StreamedOutput
from billing.proxy.streams.dialects import Output
from billing.proxy.streams.meter import OutputMeter
from billing.settings import Settings

logger = logging.getLogger(__name__)

AHEAD_TOKENS = 128  # if less is left, the hold is extended: LiteLLM may already have read the next chunk
_RETRY_S = 0.5
_ATTEMPTS = 3  # to get what a balance still covers, while other streams draw on it too
_NOT_GROWING = StreamedOutput(encoding=None, hidden_tokens=FRAME_TOKENS)


class GrowingHold:
    """Extends one call's hold ahead of its output; reports when there is nothing left to extend it with."""

    def __init__(
        self, ledger: CallLedger, call: Admitted, max_cost: MaxCost, covered_tokens: int, settings: Settings
    ) -> None:
        self._ledger = ledger
        self._call = call
        self._max_cost = max_cost
        self._covered = covered_tokens
        self._portion = settings.billing_stream_portion_tokens
        self._strict = settings.billing_strict
        self._wait_s = settings.billing_stream_wait_s
        self._exhausted = False
        self._meter = OutputMeter(max_cost.streamed or _NOT_GROWING, by_bytes=settings.bounds_by_bytes)

    @property
    def covers_everything(self) -> bool:
        """Whether the hold covers the whole output limit: nothing that follows can cost more."""
        return self._covered >= self._max_cost.output_tokens

    @property
    def tokens_likely(self) -> int:
        """The approximate number of output tokens so far."""
        return self._meter.tokens_likely

    @property
    def shown_tokens(self) -> int | None:
        """The same if all billed output is visible, else None."""
        return self._meter.tokens_likely if self._max_cost.streamed is not None else None

    @property
    def likely_nanos(self) -> int:
        """The call's cost so far by our own count; at most its hold."""
        admission, max_cost = admission_of(self._call), self._max_cost
        output_nanos = ceil_nanos(max_cost.output_nanos_per_token * self.tokens_likely / max_cost.answers)
        spent_nanos = admission.input_charge_nanos + max_cost.fixed_nanos + output_nanos
        return min(admission.hold_nanos, max(max_cost.floor_nanos, spent_nanos))

    async def cover(self, output: Output) -> BillingError | None:
        """Makes the hold cover this output before it is delivered; else returns why the stream ends here."""
        if output.is_empty:
            return None
        self._meter.add(output)
        if self.covers_everything:
            return None
        if self._meter.tokens_max + AHEAD_TOKENS > self._covered:
            self._meter.tighten()
        if self._meter.tokens_max + AHEAD_TOKENS <= self._covered:
            return None
        if self._exhausted and not self._is_beyond:
            return None
        return await self._extend()

    @property
    def _is_beyond(self) -> bool:
        """Whether the output exceeds the hold: by its maximum in strict mode, else by the likely count."""
        likely = self._meter.tokens_likely * 11 // 10  # tokenizers differ, mostly by less
        tokens = self._meter.tokens_max if self._strict else min(likely, self._meter.tokens_max)
        return tokens > self._covered

    async def _extend(self) -> BillingError | None:
        """Extends the hold; while Postgres does not answer, waits and lets nothing pass."""
        give_up_at = time.monotonic() + self._wait_s
        while True:
            try:
                refusal: BillingError | None = await self._take(self._meter.tokens_max + self._portion)
            except Unavailable as error:
                if not self._is_beyond:
                    return None  # the hold covers this; the next event asks again
                logger.warning("the hold of call %s is not extended yet: %s", self._call.id, error)
                if time.monotonic() >= give_up_at:
                    return error
                await asyncio.sleep(_RETRY_S)
                continue
            except (Conflict, NotFound) as error:
                logger.warning("the hold of call %s has ended: %s", self._call.id, error)
                refusal = LedgerUnavailable("This call's hold has ended, so its answer ends here.")
            self._exhausted = refusal is not None
            return refusal if self._is_beyond else None

    async def _take(self, wanted_tokens: int) -> InsufficientCredits | None:
        """Extends the hold to this many tokens, or to what the balance covers; then returns the refusal."""
        refusal: InsufficientCredits | None = None
        tokens = min(wanted_tokens, self._max_cost.output_tokens)
        for _ in range(_ATTEMPTS):
            amount_nanos = self._max_cost.amount_nanos(tokens)
            try:
                await self._ledger.resize(self._call.id, amount_nanos)
            except InsufficientCredits as error:
                refusal = _used_up(error)
                tokens = self._max_cost.affordable_output_tokens(error.available_nanos)
                if tokens <= self._covered:
                    break
            else:
                self._covered = tokens
                admission_of(self._call).hold_nanos = amount_nanos
                break
        return refusal


def _used_up(error: InsufficientCredits) -> InsufficientCredits:
    return InsufficientCredits(
        "Your credit is used up, so this answer ends here. Top up to continue.",
        available_nanos=error.available_nanos,
        required_nanos=error.required_nanos,
    )
