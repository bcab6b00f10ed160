"""Payment intents, charges and payment methods."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from devkit.stripe_sandbox.errors import Json
from devkit.stripe_sandbox.objects.base import Address, Nested, StripeObject
from devkit.stripe_sandbox.objects.customer import Shipping

BankDebit = Literal["us_bank_account", "sepa_debit", "bacs_debit", "au_becs_debit", "acss_debit"]
MethodType = Literal["card"] | BankDebit


class BillingDetails(Nested):
    """The payer's details from the payment page."""

    address: Address = Address()
    email: str | None = None
    name: str | None = None
    phone: str | None = None
    tax_id: str | None = None


class PaymentMethod(StripeObject):
    """A card or bank account. Its details are under a field named like its type."""

    kind = "payment_method"
    title = "PaymentMethod"
    expandable = frozenset(("customer",))

    object: Literal["payment_method"] = "payment_method"
    allow_redisplay: Literal["limited", "unspecified"] = "limited"
    billing_details: BillingDetails
    customer: str | None = None
    metadata: dict[str, str] = Field(default_factory=dict)
    type: MethodType
    details: Json

    def wire(self) -> Json:
        """With the details under their type's name."""
        body = self.model_dump(mode="json", exclude={"details"})
        return {**body, self.type: self.details}


class PaymentError(Nested):
    """Why the last attempt failed."""

    advice_code: str | None = None
    charge: str | None = None
    code: str
    decline_code: str | None = None
    doc_url: str
    message: str
    payment_method: Json | None = None
    type: Literal["card_error", "invalid_request_error"]


def _no_tip() -> Json:
    return {"tip": {}}


class PaymentIntent(StripeObject):
    """A payment, with any number of attempts."""

    kind = "payment_intent"
    title = "payment_intent"
    expandable = frozenset(("customer", "latest_charge", "payment_method"))

    object: Literal["payment_intent"] = "payment_intent"
    amount: int
    amount_capturable: int = 0
    amount_details: Json = Field(default_factory=_no_tip)
    amount_received: int = 0
    application: None = None
    application_fee_amount: None = None
    automatic_payment_methods: None = None
    canceled_at: int | None = None
    cancellation_reason: None = None
    capture_method: Literal["automatic_async"] = "automatic_async"
    client_secret: str
    confirmation_method: Literal["automatic"] = "automatic"
    currency: str
    customer: str | None = None
    description: str | None = None
    last_payment_error: PaymentError | None = None
    latest_charge: str | None = None
    metadata: dict[str, str] = Field(default_factory=dict)
    next_action: None = None
    on_behalf_of: None = None
    payment_method: str | None = None
    payment_method_configuration_details: None = None
    payment_method_options: Json = Field(default_factory=dict)
    payment_method_types: list[str]
    processing: None = None
    receipt_email: str | None = None
    review: None = None
    setup_future_usage: Literal["off_session", "on_session"] | None = None
    shipping: Shipping | None = None
    source: None = None
    statement_descriptor: str | None = None
    statement_descriptor_suffix: str | None = None
    status: Literal["requires_payment_method", "processing", "succeeded", "canceled"]
    transfer_data: None = None
    transfer_group: None = None


class Outcome(Nested):
    """The results of bank and risk checks."""

    advice_code: str | None = None
    network_advice_code: str | None = None
    network_decline_code: str | None = None
    network_status: Literal["approved_by_network", "declined_by_network"]
    reason: str | None = None
    risk_level: Literal["normal"] = "normal"
    risk_score: int = 12
    seller_message: str
    type: Literal["authorized", "issuer_declined"]


class Charge(StripeObject):
    """An attempt to collect the money."""

    kind = "charge"
    title = "charge"
    expandable = frozenset(("customer", "payment_intent"))

    object: Literal["charge"] = "charge"
    amount: int
    amount_captured: int
    amount_refunded: int = 0
    application: None = None
    application_fee: None = None
    application_fee_amount: None = None
    balance_transaction: str | None = None
    billing_details: BillingDetails
    calculated_statement_descriptor: str | None = "PROXYLLM SANDBOX"
    captured: bool
    currency: str
    customer: str | None
    description: str | None
    disputed: bool = False
    failure_balance_transaction: None = None
    failure_code: str | None = None
    failure_message: str | None = None
    fraud_details: Json = Field(default_factory=dict)
    metadata: dict[str, str]
    on_behalf_of: None = None
    outcome: Outcome | None
    paid: bool
    payment_intent: str
    payment_method: str
    payment_method_details: Json
    receipt_email: str | None
    receipt_number: None = None
    receipt_url: str | None = None
    refunded: bool = False
    review: None = None
    shipping: Shipping | None = None
    source: None = None
    source_transfer: None = None
    statement_descriptor: str | None = None
    statement_descriptor_suffix: str | None = None
    status: Literal["pending", "succeeded", "failed"]
    transfer_data: None = None
    transfer_group: None = None
