"""A ledger that has so much and no more, and streams in front of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal

import pytest

from billing.errors import BillingError, InsufficientCredits
from billing.ledger.schemas import Hold, HoldStatus, Payer
from billing.prices.rule import PriceRule
from billing.proxy.admitted.call import Admission
from billing.proxy.calls.call import Call
from billing.proxy.max_cost import MaxCost
from billing.proxy.max_cost.streamed import StreamedOutput
from billing.proxy.streams import GrowingHold
from billing.settings import Settings

NOW = datetime(2026, 1, 1, tzinfo=UTC)
PAYER = Payer("user_id", "user-1")


@dataclass
class Purse:
    """A ledger of one account, of which one call holds a part; or one that answers with an error."""

    available: int
    held: list[int] = field(default_factory=list)
    error: BillingError | None = None
    errors: int = 1_000_000  # so often, then it answers

    async def resize(self, key: str, amount_nanos: int) -> Hold:
        if self.error is not None and self.errors > 0:
            self.errors -= 1
            raise self.error
        if amount_nanos > self.available:
            raise InsufficientCredits("no", available_nanos=self.available, required_nanos=amount_nanos)
        self.held.append(amount_nanos)
        return Hold(key, PAYER, amount_nanos, 0, HoldStatus.OPEN, None, None, {}, NOW, NOW, 0)


def bound_of(output_tokens: int, encoding: str | None = "cl100k_base") -> MaxCost:
    """Ten nanos a token of output, a thousand for the input."""
    return MaxCost(
        model="m",
        free=False,
        input_nanos=1_000,
        input_charge_nanos=700,
        output_nanos_per_token=Decimal(10),
        fixed_nanos=0,
        floor_nanos=0,
        output_tokens=output_tokens,
        output_limit_field="max_tokens",
        client_set_limit=True,
        streamed=StreamedOutput(encoding=encoding, hidden_tokens=64),
    )


BuildHold = Callable[..., GrowingHold]


@pytest.fixture
def growing_hold() -> BuildHold:
    """A hold of a call with a limit of 100,000 tokens that covers `covered_tokens` so far."""

    def build(
        purse: Purse, covered_tokens: int = 512, *, limit: int = 100_000, **settings: object
    ) -> GrowingHold:
        call = Call(path="/v1/chat/completions")
        amount_nanos = 1_000 + 10 * covered_tokens
        call.admission = Admission(PAYER, PriceRule(), False, amount_nanos, 700, 0, {"model": "m"})
        configured = Settings.model_validate(settings)
        return GrowingHold(purse, call, bound_of(limit), covered_tokens, configured)  # type: ignore[arg-type]  # a purse

    return build
