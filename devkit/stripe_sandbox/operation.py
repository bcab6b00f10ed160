"""An operation on the sandbox's state: the atomic work of an API call, a paying customer or a timer."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

from pydantic import JsonValue

from devkit.stripe_sandbox import deliveries
from devkit.stripe_sandbox.errors import InvalidRequest, Json, ResourceMissing
from devkit.stripe_sandbox.ids import new_id
from devkit.stripe_sandbox.objects.base import StripeObject
from devkit.stripe_sandbox.objects.events import Event, EventData, EventRequest
from devkit.stripe_sandbox.params import ListParams
from devkit.stripe_sandbox.store import Condition, Store
from devkit.stripe_sandbox.switches import Switches

API_VERSION = "2026-10-28.endive"
O = TypeVar("O", bound=StripeObject)  # noqa: E741  # an object of any kind


@dataclass(frozen=True, slots=True)
class Operation:
    """Runs inside one transaction of `store`. `request_id` is None where no API call caused it."""

    store: Store
    switches: Switches
    public_url: str  # without a trailing slash
    request_id: str | None = None
    idempotency_key: str | None = None

    @property
    def now(self) -> int:
        """Returns the object. Raises ResourceMissing: 404, or 400 if the id came in the parameter `param`."""
        return int(time.time())

    def fetch(self, object_type: type[O], object_id: str, *, param: str | None = None) -> O:
        """The object. Raises ResourceMissing: 404, or 400 where the id came in the parameter `param`."""
        found = self.store.get(object_type, object_id)
        if found is None:
            raise ResourceMissing(object_type.title, object_id, param=param)
        return found

    def emit(self, event_type: str, subject: StripeObject, *, before: Json | None = None) -> Event:
        """Records an event about `subject` as it is now and queues its deliveries.

        `before` is the object's JSON before an update; what differs becomes `previous_attributes`.
        """
        after = subject.wire()
        event = Event(
            id=new_id("evt_1", 23),
            created=self.now,
            api_version=API_VERSION,
            type=event_type,
            data=EventData(object=after, previous_attributes=_changed(before, after)),
            request=EventRequest(id=self.request_id, idempotency_key=self.idempotency_key),
        )
        self.store.put(event)
        deliveries.enqueue(self.store, event, self.switches)
        return event

    def page(
        self, object_type: type[O], params: ListParams, url: str, conditions: Sequence[Condition] = ()
    ) -> Json:
        """Returns a list object: newest first, `limit` long, from the cursor in `params`."""
        if params.starting_after and params.ending_before:
            raise InvalidRequest(
                "You may only specify one of these parameters: starting_after, ending_before."
            )
        backwards = params.ending_before is not None
        found = self.store.find(
            object_type,
            [*conditions, *_created(params), *self._cursor(object_type, params)],
            limit=params.limit + 1,
            newest_first=not backwards,
        )
        shown = found[: params.limit]
        if backwards:
            shown.reverse()
        data: list[JsonValue] = [self.wire(item) for item in shown]
        return {"object": "list", "data": data, "has_more": len(found) > params.limit, "url": url}

    def _cursor(self, object_type: type[O], params: ListParams) -> list[Condition]:
        for name, cursor, sign in (
            ("starting_after", params.starting_after, "<"),
            ("ending_before", params.ending_before, ">"),
        ):
            if cursor is None:
                continue
            place = self.store.place(object_type, cursor)
            if place is None:
                raise ResourceMissing(object_type.title, cursor, param=name)
            return [Condition(f"seq {sign} ?", (place,))]
        return []

    def wire(self, item: StripeObject) -> Json:
        """Returns the object's JSON, with the values that are computed when it is sent."""
        body = item.wire()
        if isinstance(item, Event):
            body["pending_webhooks"] = deliveries.pending(self.store, item.id)
        return body


def _created(params: ListParams) -> list[Condition]:
    bounds = params.created.model_dump(exclude_none=True)
    signs = {"gt": ">", "gte": ">=", "lt": "<", "lte": "<="}
    return [
        Condition(f"json_extract(body, '$.created') {signs[name]} ?", (bound,))
        for name, bound in bounds.items()
    ]


def _changed(before: Json | None, after: Json) -> Json | None:
    if before is None:
        return None
    return {key: old for key, old in before.items() if json.dumps(old) != json.dumps(after.get(key))}
