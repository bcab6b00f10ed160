"""`/v1/payment_intents`, `/v1/charges` and `/v1/payment_methods`: read only, created by the payment page."""

from __future__ import annotations

from devkit.stripe_sandbox.errors import Json
from devkit.stripe_sandbox.objects.payments import Charge, PaymentIntent, PaymentMethod
from devkit.stripe_sandbox.operation import Operation
from devkit.stripe_sandbox.params import ListParams, Text
from devkit.stripe_sandbox.store import Condition, equals


class PaymentIntentListParams(ListParams):
    """Filters of the list."""

    customer: Text | None = None


class ChargeListParams(ListParams):
    """Filters of the list."""

    customer: Text | None = None
    payment_intent: Text | None = None


def retrieve_intent(operation: Operation, intent_id: str) -> PaymentIntent:
    """`GET /v1/payment_intents/{id}`"""
    return operation.fetch(PaymentIntent, intent_id)


def list_intents(operation: Operation, params: PaymentIntentListParams) -> Json:
    """`GET /v1/payment_intents`"""
    return operation.page(PaymentIntent, params, "/v1/payment_intents", _filters(customer=params.customer))


def retrieve_charge(operation: Operation, charge_id: str) -> Charge:
    """`GET /v1/charges/{id}`"""
    return operation.fetch(Charge, charge_id)


def list_charges(operation: Operation, params: ChargeListParams) -> Json:
    """`GET /v1/charges`"""
    filters = _filters(customer=params.customer, payment_intent=params.payment_intent)
    return operation.page(Charge, params, "/v1/charges", filters)


def retrieve_method(operation: Operation, method_id: str) -> PaymentMethod:
    """`GET /v1/payment_methods/{id}`"""
    return operation.fetch(PaymentMethod, method_id)


def _filters(**fields: str | None) -> list[Condition]:
    return [equals(name, value) for name, value in fields.items() if value is not None]
