"""`expand[]`: ids in an answer replaced by the objects they name (https://docs.stripe.com/expand)."""

from __future__ import annotations

from collections.abc import Sequence

from pydantic import JsonValue

from devkit.stripe_sandbox.errors import InvalidRequest, Json
from devkit.stripe_sandbox.objects.base import StripeObject
from devkit.stripe_sandbox.objects.catalog import LineItem, Price, Product
from devkit.stripe_sandbox.objects.customer import Customer
from devkit.stripe_sandbox.objects.payments import Charge, PaymentIntent, PaymentMethod
from devkit.stripe_sandbox.objects.session import CheckoutSession
from devkit.stripe_sandbox.store import Condition, Store

DEPTH_MAX = 4
LINE_ITEMS_SHOWN = 10
_KINDS: dict[str, type[StripeObject]] = {
    kind.kind: kind
    for kind in (Charge, CheckoutSession, Customer, PaymentIntent, PaymentMethod, Price, Product)
}
_TARGETS: dict[str, type[StripeObject]] = {
    "customer": Customer,
    "default_price": Price,
    "latest_charge": Charge,
    "payment_intent": PaymentIntent,
    "payment_method": PaymentMethod,
    "product": Product,
}


def expand(store: Store, body: Json, paths: Sequence[str]) -> Json:
    """Expands each path (`latest_charge`, `data.payment_intent.latest_charge`) in `body`, in place."""
    for path in paths:
        steps = path.split(".")
        if len(steps) > DEPTH_MAX:
            raise InvalidRequest(
                f"You cannot expand more than {DEPTH_MAX} levels of a property.", param="expand"
            )
        _walk(store, body, steps, path)
    return body


def _walk(store: Store, node: Json, steps: list[str], path: str) -> None:
    step, *rest = steps
    if node.get("object") == "list" and step == "data":
        for child in _objects(node.get("data")):
            _walk(store, child, rest or [""], path)
        return
    _check(node, step, path)
    opened = _open(store, node, step)
    if opened is not None and rest:
        _walk(store, opened, rest, path)


def _objects(value: JsonValue) -> list[Json]:
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def _check(node: Json, step: str, path: str) -> None:
    kind = _KINDS.get(str(node.get("object")))
    nested_price = node.get("object") == "item" and step == "price"
    if nested_price or (kind is not None and step in kind.expandable):
        return
    raise InvalidRequest(
        f"This property cannot be expanded ({path}).",
        code="property_cannot_be_expanded",
        param="expand",
    )


def _open(store: Store, node: Json, step: str) -> Json | None:
    value = node.get(step)
    if isinstance(value, dict):
        return value
    if step == "line_items":
        node[step] = line_items(store, str(node["id"]))
    elif isinstance(value, str):
        found = store.get(_TARGETS[step], value)
        node[step] = found.wire() if found else {"id": value, "object": step, "deleted": True}
    opened = node.get(step)
    return opened if isinstance(opened, dict) else None


def line_items(store: Store, session_id: str) -> Json:
    """Returns the first ten lines of a Checkout Session, as embedded in it."""
    lines = store.find(
        LineItem,
        [Condition("parent = ?", (session_id,))],
        limit=LINE_ITEMS_SHOWN + 1,
        newest_first=False,
    )
    data: list[JsonValue] = [line.wire() for line in lines[:LINE_ITEMS_SHOWN]]
    return {
        "object": "list",
        "data": data,
        "has_more": len(lines) > LINE_ITEMS_SHOWN,
        "url": f"/v1/checkout/sessions/{session_id}/line_items",
    }
