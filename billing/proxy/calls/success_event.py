"""A LiteLLM success event in our own terms (translated by `litellm/success_events.py`)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from billing.ledger.schemas import Json

Served = tuple[str | None, str | None, str | None]  # group, deployment id, provider


@dataclass(frozen=True, slots=True)
class SuccessEvent:
    """A provider call that LiteLLM reports as finished. Missing information is None."""

    id: str  # LiteLLM's id of the provider call; the same id is the same event
    group: str | None  # LiteLLM's model group
    deployment_id: str | None
    provider: str | None
    is_chat: bool
    is_streamed: bool
    is_cut: bool  # LiteLLM saw the client disconnect
    is_cached: bool  # answered from LiteLLM's cache
    cost: object  # LiteLLM's cost in major units, not validated yet; None if unknown
    saved_cost: object  # likewise: what a cached answer would have cost
    usage: Mapping[str, object]  # in the names of the API that reported it
    context_tokens_max: int | None  # the model's context
    facts: Json  # what a charge stores of the event

    @property
    def served(self) -> Served:
        """The deployment that answered."""
        return self.group, self.deployment_id, self.provider
