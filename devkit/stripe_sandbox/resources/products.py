"""`/v1/products` and `/v1/prices`"""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from devkit.stripe_sandbox.currencies import check_currency, check_unit_amount
from devkit.stripe_sandbox.errors import InvalidRequest, Json
from devkit.stripe_sandbox.ids import new_id
from devkit.stripe_sandbox.objects.catalog import Price, Product, Recurring, TaxBehavior
from devkit.stripe_sandbox.operation import Operation
from devkit.stripe_sandbox.params import (
    Boolean,
    Hash,
    Integer,
    Items,
    ListParams,
    Metadata,
    Params,
    Text,
    Unsettable,
    Url,
    merge_metadata,
)
from devkit.stripe_sandbox.store import Condition, equals


class ProductParams(Params):
    """Parameters of create and update; create requires a name."""

    id: Text | None = None
    active: Boolean = True
    description: Unsettable = None
    images: Items[Url] = Field(default_factory=list)
    metadata: Metadata | None = None
    name: Text | None = None
    shippable: Boolean | None = None
    statement_descriptor: Unsettable = None
    tax_code: Unsettable = None
    unit_label: Unsettable = None
    url: Unsettable = None


class ProductListParams(ListParams):
    """Filters of the list."""

    active: Boolean | None = None


class ProductData(Hash):
    """An inline product."""

    name: Text
    description: Text | None = None
    images: Items[Url] = Field(default_factory=list)
    metadata: Metadata | None = None
    tax_code: Text | None = None
    unit_label: Text | None = None


class RecurringHash(Hash):
    """How often a price is billed."""

    interval: Literal["day", "month", "week", "year"]
    interval_count: Integer = 1
    meter: Text | None = None
    usage_type: Literal["licensed", "metered"] = "licensed"


class PriceParams(Params):
    """Parameters of create."""

    currency: Text
    unit_amount: Integer
    product: Text | None = None
    product_data: ProductData | None = None
    active: Boolean = True
    lookup_key: Text | None = None
    metadata: Metadata | None = None
    nickname: Text | None = None
    recurring: RecurringHash | None = None
    tax_behavior: TaxBehavior = "unspecified"


class PriceUpdateParams(Params):
    """Parameters of update: the amount cannot change."""

    active: Boolean | None = None
    lookup_key: Text | None = None
    metadata: Metadata | None = None
    nickname: Unsettable = None


class PriceListParams(ListParams):
    """Filters of the list."""

    active: Boolean | None = None
    currency: Text | None = None
    lookup_keys: Items[Text] = Field(default_factory=list)
    product: Text | None = None
    type: Literal["one_time", "recurring"] | None = None


def create_product(operation: Operation, params: ProductParams) -> Product:
    """`POST /v1/products`"""
    if params.name is None:
        raise InvalidRequest("Missing required param: name.", code="parameter_missing", param="name")
    if params.id and operation.store.get(Product, params.id):
        raise InvalidRequest(
            f"Product already exists: {params.id}", code="resource_already_exists", param="id"
        )
    product = Product(
        id=params.id or new_id("prod_", 14), created=operation.now, updated=operation.now, name=params.name
    )
    _apply(product, params)
    operation.store.put(product)
    operation.emit("product.created", product)
    return product


def _apply(product: Product, params: ProductParams) -> None:
    given = params.model_fields_set - {"id", "expand", "metadata"}
    for name in given:
        setattr(product, name, getattr(params, name))
    product.metadata = merge_metadata(product.metadata, params.metadata)


def retrieve_product(operation: Operation, product_id: str) -> Product:
    """`GET /v1/products/{id}`"""
    return operation.fetch(Product, product_id)


def update_product(operation: Operation, params: ProductParams, product_id: str) -> Product:
    """`POST /v1/products/{id}`"""
    product = operation.fetch(Product, product_id)
    before = product.wire()
    _apply(product, params)
    product.updated = operation.now
    operation.store.put(product)
    operation.emit("product.updated", product, before=before)
    return product


def list_products(operation: Operation, params: ProductListParams) -> Json:
    """`GET /v1/products`"""
    return operation.page(Product, params, "/v1/products", _active(params.active))


def _active(active: bool | None) -> list[Condition]:
    return [] if active is None else [equals("active", int(active))]


def inline_product(operation: Operation, data: ProductData) -> Product:
    """Creates the product of `product_data`: stored, but not active."""
    product = Product(
        id=new_id("prod_", 14),
        created=operation.now,
        updated=operation.now,
        active=False,
        name=data.name,
        description=data.description,
        images=data.images,
        metadata=merge_metadata({}, data.metadata),
        tax_code=data.tax_code,
        unit_label=data.unit_label,
    )
    operation.store.put(product)
    return product


def create_price(operation: Operation, params: PriceParams) -> Price:
    """`POST /v1/prices`"""
    currency = check_currency(params.currency, "currency")
    check_unit_amount(params.unit_amount, currency, "unit_amount")
    if (params.product is None) == (params.product_data is None):
        raise InvalidRequest(
            "You must specify either `product` or `product_data` when creating a price.", param="product"
        )
    if params.product_data is not None:
        product = inline_product(operation, params.product_data)
    else:
        product = operation.fetch(Product, params.product or "", param="product")
    price = Price(
        id=new_id("price_1", 23),
        created=operation.now,
        active=params.active,
        currency=currency,
        lookup_key=params.lookup_key,
        metadata=merge_metadata({}, params.metadata),
        nickname=params.nickname,
        product=product.id,
        recurring=Recurring(**params.recurring.model_dump()) if params.recurring else None,
        tax_behavior=params.tax_behavior,
        type="recurring" if params.recurring else "one_time",
        unit_amount=params.unit_amount,
        unit_amount_decimal=str(params.unit_amount),
    )
    operation.store.put(price)
    operation.emit("price.created", price)
    return price


def retrieve_price(operation: Operation, price_id: str) -> Price:
    """`GET /v1/prices/{id}`"""
    return operation.fetch(Price, price_id)


def update_price(operation: Operation, params: PriceUpdateParams, price_id: str) -> Price:
    """`POST /v1/prices/{id}`"""
    price = operation.fetch(Price, price_id)
    before = price.wire()
    for name in params.model_fields_set & {"active", "lookup_key", "nickname"}:
        setattr(price, name, getattr(params, name))
    price.metadata = merge_metadata(price.metadata, params.metadata)
    operation.store.put(price)
    operation.emit("price.updated", price, before=before)
    return price


def list_prices(operation: Operation, params: PriceListParams) -> Json:
    """`GET /v1/prices`"""
    conditions = _active(params.active)
    conditions += [
        equals(name, value)
        for name, value in (("currency", params.currency), ("product", params.product), ("type", params.type))
        if value is not None
    ]
    if params.lookup_keys:
        marks = ", ".join("?" * len(params.lookup_keys))
        conditions.append(
            Condition(f"json_extract(body, '$.lookup_key') IN ({marks})", tuple(params.lookup_keys))
        )
    return operation.page(Price, params, "/v1/prices", conditions)
