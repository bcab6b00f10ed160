"""The base of every Stripe object."""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import BaseModel, ConfigDict

from devkit.stripe_sandbox.errors import Json
from devkit.stripe_sandbox.store import Record


class StripeObject(Record):
    """An object of the API. `expandable` names the fields that contain another object's id."""

    model_config = ConfigDict(extra="forbid", defer_build=True)

    title: ClassVar[str]  # its name in Stripe's errors
    expandable: ClassVar[frozenset[str]] = frozenset()

    created: int
    livemode: Literal[False] = False

    def wire(self) -> Json:
        """Returns the JSON object as the API sends it."""
        return self.model_dump(mode="json")


class Nested(BaseModel):
    """A part of an object, without an id of its own."""

    model_config = ConfigDict(extra="forbid", defer_build=True)


class Address(Nested):
    """A postal address; all fields may be unknown."""

    city: str | None = None
    country: str | None = None
    line1: str | None = None
    line2: str | None = None
    postal_code: str | None = None
    state: str | None = None


class Deleted(Record):
    """What remains of a deleted object."""

    kind = "deleted"
    object: str
    deleted: Literal[True] = True
