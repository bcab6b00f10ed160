"""Checkout Sessions."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from devkit.stripe_sandbox.errors import Json
from devkit.stripe_sandbox.objects.base import Address, Nested, StripeObject


class CustomerDetails(Nested):
    """The buyer, from the customer object or the payment page."""

    address: Address | None = None
    business_name: str | None = None
    email: str | None = None
    individual_name: str | None = None
    name: str | None = None
    phone: str | None = None
    tax_exempt: Literal["exempt", "none", "reverse"] | None = "none"
    tax_ids: list[str] | None = None


class CustomText(Nested):
    """Texts of the payment page."""

    after_submit: None = None
    shipping_address: None = None
    submit: None = None
    terms_of_service_acceptance: None = None


class AutomaticTax(Nested):
    """Off: the sandbox computes no tax."""

    enabled: Literal[False] = False
    liability: None = None
    provider: None = None
    status: None = None


class TotalDetails(Nested):
    """The parts of the total that are not goods."""

    amount_discount: int = 0
    amount_shipping: int = 0
    amount_tax: int = 0


class Enabled(Nested):
    """A disabled feature of the page."""

    enabled: Literal[False] = False


class InvoiceData(Nested):
    """The contents of an invoice for the payment."""

    account_tax_ids: None = None
    custom_fields: None = None
    description: None = None
    footer: None = None
    issuer: None = None
    metadata: dict[str, str] = Field(default_factory=dict)
    rendering_options: None = None


class InvoiceCreation(Nested):
    """Off: the sandbox writes no invoice for a payment."""

    enabled: Literal[False] = False
    invoice_data: InvoiceData = InvoiceData()


class CheckoutSession(StripeObject):
    """A visit to the hosted payment page."""

    kind = "checkout.session"
    title = "checkout.session"
    expandable = frozenset(("customer", "payment_intent", "line_items"))

    object: Literal["checkout.session"] = "checkout.session"
    adaptive_pricing: Enabled = Enabled()
    after_expiration: None = None
    allow_promotion_codes: None = None
    amount_subtotal: int
    amount_total: int
    automatic_tax: AutomaticTax = AutomaticTax()
    billing_address_collection: Literal["auto", "required"] | None = None
    cancel_url: str | None
    client_reference_id: str | None
    client_secret: None = None
    collected_information: None = None
    consent: None = None
    consent_collection: None = None
    currency: str
    currency_conversion: None = None
    custom_fields: list[str] = Field(default_factory=list)
    custom_text: CustomText = CustomText()
    customer: str | None
    customer_creation: Literal["always", "if_required"] | None
    customer_details: CustomerDetails | None
    customer_email: str | None
    discounts: list[str] = Field(default_factory=list)
    expires_at: int
    invoice: None = None
    invoice_creation: InvoiceCreation = InvoiceCreation()
    locale: str | None
    metadata: dict[str, str]
    mode: Literal["payment"] = "payment"
    origin_context: None = None
    payment_intent: str | None = None
    payment_link: None = None
    payment_method_collection: Literal["if_required"] = "if_required"
    payment_method_configuration_details: None = None
    payment_method_options: Json = Field(default_factory=dict)
    payment_method_types: list[str]
    payment_status: Literal["unpaid", "paid", "no_payment_required"] = "unpaid"
    permissions: None = None
    phone_number_collection: Enabled = Enabled()
    recovered_from: None = None
    saved_payment_method_options: None = None
    setup_intent: None = None
    shipping_address_collection: None = None
    shipping_cost: None = None
    shipping_options: list[str] = Field(default_factory=list)
    status: Literal["open", "complete", "expired"] = "open"
    submit_type: Literal["auto", "book", "donate", "pay"] | None
    subscription: None = None
    success_url: str
    total_details: TotalDetails = TotalDetails()
    ui_mode: Literal["hosted_page"] = "hosted_page"
    url: str | None
    wallet_options: None = None
