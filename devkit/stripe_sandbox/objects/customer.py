"""Customers."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from devkit.stripe_sandbox.objects.base import Address, Nested, StripeObject


class InvoiceSettings(Nested):
    """Defaults for invoices."""

    custom_fields: None = None
    default_payment_method: str | None = None
    footer: str | None = None
    rendering_options: None = None


class Shipping(Nested):
    """Where and to whom to ship."""

    address: Address
    name: str
    phone: str | None = None


class Customer(StripeObject):
    """Who pays."""

    kind = "customer"
    title = "customer"

    object: Literal["customer"] = "customer"
    address: Address | None = None
    balance: int = 0
    currency: str | None = None
    default_source: None = None
    delinquent: bool = False
    description: str | None = None
    discount: None = None
    email: str | None = None
    invoice_prefix: str
    invoice_settings: InvoiceSettings = InvoiceSettings()
    metadata: dict[str, str] = Field(default_factory=dict)
    name: str | None = None
    next_invoice_sequence: int = 1
    phone: str | None = None
    preferred_locales: list[str] = Field(default_factory=list)
    shipping: Shipping | None = None
    tax_exempt: Literal["exempt", "none", "reverse"] = "none"
    test_clock: None = None
