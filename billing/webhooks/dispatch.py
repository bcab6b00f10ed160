"""Finds the handler of an event and stores its decision."""

from __future__ import annotations

import logging
from collections.abc import Iterable

from billing.database import Connection
from billing.settings import Settings
from billing.webhooks import inbox
from billing.webhooks.schemas import Apply, Decision, EventHandler, InboxOutcome, StripeEvent, decided

logger = logging.getLogger(__name__)


class Dispatch:
    """The handlers of all event types: features provide them, the inbox knows none."""

    def __init__(self, settings: Settings, handlers: Iterable[EventHandler]) -> None:
        self._livemode = settings.livemode
        self._handlers = {kind: handler for handler in handlers for kind in handler.types}

    async def prepare(self, event: StripeEvent) -> Apply:
        """Lets the handler load what it needs; no transaction is open. Raises StripeUnavailable."""
        if event.account is not None:
            return decided(
                InboxOutcome.REFUSED,
                f"the event belongs to the connected account {event.account}, not to ours",
            )
        if event.livemode != self._livemode:
            return decided(InboxOutcome.REFUSED, f"livemode={event.livemode} is not the mode of our key")
        handler = self._handlers.get(event.type)
        if handler is None:
            return decided(InboxOutcome.IGNORED, "no handler for this type")
        return await handler.prepare(event)


async def apply_in(connection: Connection, event: StripeEvent, apply: Apply) -> Decision:
    """Applies a prepared event and stores the decision, in the caller's transaction, which locks its row."""
    decision = await apply(connection)
    await inbox.record_outcome(connection, event.id, decision)
    logger.info("stripe event %s %s: %s (%s)", event.id, event.type, decision.outcome, decision.reason)
    return decision
