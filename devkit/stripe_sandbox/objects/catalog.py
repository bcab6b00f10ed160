"""Products, prices, and the lines of a checkout that refer to them."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from devkit.stripe_sandbox.errors import Json
from devkit.stripe_sandbox.objects.base import Nested, StripeObject

TaxBehavior = Literal["exclusive", "inclusive", "unspecified"]


class Product(StripeObject):
    """What is sold."""

    kind = "product"
    title = "product"
    expandable = frozenset(("default_price",))

    object: Literal["product"] = "product"
    active: bool = True
    default_price: str | None = None
    description: str | None = None
    images: list[str] = Field(default_factory=list)
    marketing_features: list[str] = Field(default_factory=list)
    metadata: dict[str, str] = Field(default_factory=dict)
    name: str
    package_dimensions: None = None
    shippable: bool | None = None
    statement_descriptor: str | None = None
    tax_code: str | None = None
    type: Literal["service"] = "service"
    unit_label: str | None = None
    updated: int
    url: str | None = None


class Recurring(Nested):
    """How often a price is billed."""

    interval: Literal["day", "month", "week", "year"]
    interval_count: int = 1
    meter: str | None = None
    trial_period_days: int | None = None
    usage_type: Literal["licensed", "metered"] = "licensed"


class Price(StripeObject):
    """What one unit of a product costs, in minor units."""

    kind = "price"
    title = "price"
    expandable = frozenset(("product",))

    object: Literal["price"] = "price"
    active: bool = True
    billing_scheme: Literal["per_unit"] = "per_unit"
    currency: str
    custom_unit_amount: None = None
    lookup_key: str | None = None
    metadata: dict[str, str] = Field(default_factory=dict)
    nickname: str | None = None
    product: str
    recurring: Recurring | None = None
    tax_behavior: TaxBehavior = "unspecified"
    tiers_mode: None = None
    transform_quantity: None = None
    type: Literal["one_time", "recurring"]
    unit_amount: int
    unit_amount_decimal: str


class LineItem(StripeObject):
    """One line of a checkout; the API sends the price as an object and neither date nor mode."""

    kind = "item"
    title = "line item"

    object: Literal["item"] = "item"
    amount_discount: int = 0
    amount_subtotal: int
    amount_tax: int = 0
    amount_total: int
    currency: str
    description: str
    price: Price
    quantity: int

    def wire(self) -> Json:
        """Serializes like every object, without the two fields that lines do not have."""
        return self.model_dump(mode="json", exclude={"created", "livemode"})
