"""`/v1/customers`"""

from __future__ import annotations

import secrets
from typing import Literal

from devkit.stripe_sandbox.errors import Json, ResourceMissing
from devkit.stripe_sandbox.ids import new_id
from devkit.stripe_sandbox.objects.base import Address, Deleted
from devkit.stripe_sandbox.objects.customer import Customer, Shipping
from devkit.stripe_sandbox.operation import Operation
from devkit.stripe_sandbox.params import (
    ListParams,
    Metadata,
    Params,
    Text,
    Unsettable,
    UnsettableAddress,
    UnsettableEmail,
    UnsettableShipping,
    merge_metadata,
)
from devkit.stripe_sandbox.store import equals


class CustomerParams(Params):
    """Parameters of create and update; an empty value unsets."""

    address: UnsettableAddress = None
    description: Unsettable = None
    email: UnsettableEmail = None
    metadata: Metadata | None = None
    name: Unsettable = None
    phone: Unsettable = None
    shipping: UnsettableShipping = None
    tax_exempt: Literal["exempt", "none", "reverse", ""] | None = None


class CustomerListParams(ListParams):
    """Filters of the list."""

    email: Text | None = None


def create(operation: Operation, params: CustomerParams) -> Customer:
    """`POST /v1/customers`"""
    customer = Customer(
        id=new_id("cus_", 14),
        created=operation.now,
        invoice_prefix=secrets.token_hex(4).upper(),
    )
    _apply(customer, params)
    operation.store.put(customer)
    operation.emit("customer.created", customer)
    return customer


def _apply(customer: Customer, params: CustomerParams) -> None:
    given = params.model_fields_set
    for name in given & {"description", "name", "phone"}:
        setattr(customer, name, getattr(params, name))
    if "email" in given:
        customer.email = params.email
    if "address" in given:
        customer.address = Address(**params.address.model_dump()) if params.address else None
    if "shipping" in given:
        customer.shipping = Shipping(**params.shipping.model_dump()) if params.shipping else None
    if "tax_exempt" in given:
        customer.tax_exempt = params.tax_exempt or "none"
    customer.metadata = merge_metadata(customer.metadata, params.metadata)


def retrieve(operation: Operation, customer_id: str) -> Customer | Deleted:
    """`GET /v1/customers/{id}`; a deleted one answers `deleted: true`."""
    deleted = operation.store.get(Deleted, f"deleted_{customer_id}")
    if deleted is not None:
        return Deleted(id=customer_id, object=deleted.object)
    return operation.fetch(Customer, customer_id)


def update(operation: Operation, params: CustomerParams, customer_id: str) -> Customer:
    """`POST /v1/customers/{id}`"""
    customer = operation.fetch(Customer, customer_id)
    before = customer.wire()
    _apply(customer, params)
    if customer.wire() != before:
        operation.store.put(customer)
        operation.emit("customer.updated", customer, before=before)
    return customer


def delete(operation: Operation, customer_id: str) -> Deleted:
    """`DELETE /v1/customers/{id}`"""
    customer = operation.fetch(Customer, customer_id)
    operation.emit("customer.deleted", customer)
    operation.store.delete(Customer, customer_id)
    operation.store.put(Deleted(id=f"deleted_{customer_id}", object="customer"))
    return Deleted(id=customer_id, object="customer")


def list_(operation: Operation, params: CustomerListParams) -> Json:
    """`GET /v1/customers`"""
    conditions = [equals("email", params.email)] if params.email else []
    return operation.page(Customer, params, "/v1/customers", conditions)


def payer(operation: Operation, customer_id: str, param: str) -> Customer:
    """Returns the existing customer that another call names in `param`. Raises ResourceMissing (400)."""
    customer = operation.store.get(Customer, customer_id)
    if customer is None:
        raise ResourceMissing("customer", customer_id, param=param)
    return customer
