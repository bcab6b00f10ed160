"""Applies safe repairs: those the gateway would make itself, with the same idempotency keys."""

from __future__ import annotations

import dataclasses
import logging

from billing.errors import BillingError
from billing.proxy.calls.sweeper import Sweeper
from billing.reconcile.schemas import Difference, Repair
from billing.topups.fulfilment import Fulfilment
from billing.topups.schemas import Outcome

logger = logging.getLogger(__name__)


class Repairs:
    """Repairs differences.

    Each repair re-checks its source and uses the ledger's own operations: safe to repeat.
    """

    def __init__(self, fulfilment: Fulfilment, sweeper: Sweeper) -> None:
        self._fulfilment = fulfilment
        self._sweeper = sweeper

    async def apply(self, difference: Difference) -> Difference:
        """Returns the difference marked as repaired, or with the reason why it was not."""
        try:
            obstacle = await self._repair(difference)
        except BillingError as error:
            obstacle = error.message
        if obstacle is None:
            logger.info("repaired %s of %s", difference.rule, difference.subject)
            return dataclasses.replace(difference, repaired=True)
        explanation = f"{difference.explanation}; not repaired: {obstacle}"
        return dataclasses.replace(difference, explanation=explanation)

    async def _repair(self, difference: Difference) -> str | None:
        """Returns why it could not be repaired, or None."""
        match difference.repair:
            case Repair.CREDIT:
                verdict = await self._fulfilment.fulfil(difference.subject)
                return (
                    None if verdict.outcome is Outcome.CREDITED else verdict.reason or verdict.outcome.value
                )
            case Repair.REPLACE:
                found = await self._sweeper.recover(difference.subject)
                return None if found else "the spend log has no cost that can be charged"
            case Repair.END:
                ended = await self._sweeper.end(difference.subject)
                return None if ended else "its lease was renewed: a gateway has it"
        return "it needs manual review"
