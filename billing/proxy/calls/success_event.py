"""What a success event of LiteLLM says, in our words (`litellm/success_events.py` translates it)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from billing.ledger.schemas import Json

Served = tuple[str | None, str | None, str | None]  # group, deployment id, provider


@dataclass(frozen=True, slots=True)
class SuccessEvent:
    """One provider call that LiteLLM reports as finished. What it does not say is None."""

    id: str  # LiteLLM's of the provider call; one that comes again is the same event
    group: str | None  # of models, as LiteLLM's router calls it
    deployment_id: str | None
    provider: str | None
    is_chat: bool
    is_streamed: bool
    is_cut: bool  # LiteLLM saw that the client had left
    is_cached: bool  # answered from LiteLLM's cache
    cost: object  # in major units, as LiteLLM has it: not checked yet; None where it knows none
    saved_cost: object  # likewise: what an answer from the cache would have cost
    usage: Mapping[str, object]  # in the names of whatever API reported it
    context_tokens_max: int | None  # that the model takes
    facts: Json  # what a charge stores of the event

    @property
    def served(self) -> Served:
        """Which deployment answered."""
        return self.group, self.deployment_id, self.provider
