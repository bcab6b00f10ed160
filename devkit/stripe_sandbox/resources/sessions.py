"""`/v1/checkout/sessions`"""

from __future__ import annotations

from typing import Annotated, Literal, get_args

from pydantic import Field

from devkit.stripe_sandbox.currencies import check_charge_amount, check_currency, check_unit_amount
from devkit.stripe_sandbox.errors import InvalidRequest, Json
from devkit.stripe_sandbox.ids import new_id
from devkit.stripe_sandbox.objects.catalog import LineItem, Price, Product, TaxBehavior
from devkit.stripe_sandbox.objects.customer import Customer
from devkit.stripe_sandbox.objects.payments import BankDebit, MethodType
from devkit.stripe_sandbox.objects.session import CheckoutSession, CustomerDetails
from devkit.stripe_sandbox.operation import Operation
from devkit.stripe_sandbox.params import (
    LINE_ITEMS_MAX,
    Email,
    Hash,
    Integer,
    Items,
    ListParams,
    Metadata,
    Params,
    ShippingHash,
    Text,
    Url,
    merge_metadata,
)
from devkit.stripe_sandbox.resources import customers
from devkit.stripe_sandbox.resources.products import ProductData, inline_product
from devkit.stripe_sandbox.store import Condition, Record, equals

EXPIRES_AFTER_S = 24 * 3600
QUANTITY_MAX = 999_999
_BANK_DEBIT_OF: dict[str, BankDebit] = {
    "usd": "us_bank_account",
    "eur": "sepa_debit",
    "gbp": "bacs_debit",
    "aud": "au_becs_debit",
    "cad": "acss_debit",
}


class PriceData(Hash):
    """An inline price."""

    currency: Text
    unit_amount: Integer
    product: Text | None = None
    product_data: ProductData | None = None
    tax_behavior: TaxBehavior = "unspecified"


class LineItemHash(Hash):
    """A line to pay for."""

    price: Text | None = None
    price_data: PriceData | None = None
    quantity: Annotated[Integer, Field(ge=1, le=QUANTITY_MAX)] | None = None


class PaymentIntentData(Hash):
    """Data for the payment intent."""

    description: Text | None = None
    metadata: Metadata | None = None
    receipt_email: Email | None = None
    setup_future_usage: Literal["off_session", "on_session"] | None = None
    shipping: ShippingHash | None = None
    statement_descriptor: Annotated[Text, Field(max_length=22)] | None = None
    statement_descriptor_suffix: Annotated[Text, Field(max_length=22)] | None = None


class SessionParams(Params):
    """Parameters of create."""

    success_url: Url
    mode: Literal["payment"]
    line_items: Annotated[Items[LineItemHash], Field(min_length=1, max_length=LINE_ITEMS_MAX)]
    billing_address_collection: Literal["auto", "required"] | None = None
    cancel_url: Url | None = None
    client_reference_id: Annotated[Text, Field(max_length=200)] | None = None
    currency: Text | None = None
    customer: Text | None = None
    customer_creation: Literal["always", "if_required"] | None = None
    customer_email: Email | None = None
    expires_at: Integer | None = None
    locale: Text | None = None
    metadata: Metadata | None = None
    payment_intent_data: PaymentIntentData = PaymentIntentData()
    payment_method_types: Items[MethodType] = Field(default_factory=list)
    submit_type: Literal["auto", "book", "donate", "pay"] | None = None
    ui_mode: Literal["hosted_page"] = "hosted_page"


class SessionUpdateParams(Params):
    """Parameters of update."""

    metadata: Metadata | None = None


class SessionListParams(ListParams):
    """Filters of the list."""

    customer: Text | None = None
    payment_intent: Text | None = None
    status: Literal["open", "complete", "expired"] | None = None


class PaymentPlan(Record):
    """Data stored for the payment intent, which is created by the first attempt."""

    kind = "payment_plan"
    data: PaymentIntentData


def create(operation: Operation, params: SessionParams) -> CheckoutSession:
    """`POST /v1/checkout/sessions`"""
    if params.customer and params.customer_email:
        raise InvalidRequest("You may only specify one of these parameters: customer, customer_email.")
    customer = customers.payer(operation, params.customer, "customer") if params.customer else None
    session_id = new_id("cs_test_a1", 58)
    lines = [_line(operation, item, index) for index, item in enumerate(params.line_items)]
    currency = _one_currency(lines, params.currency)
    total = sum(line.amount_total for line in lines)
    check_charge_amount(total, currency)
    session = CheckoutSession(
        id=session_id,
        created=operation.now,
        amount_subtotal=total,
        amount_total=total,
        billing_address_collection=params.billing_address_collection,
        cancel_url=params.cancel_url,
        client_reference_id=params.client_reference_id,
        currency=currency,
        customer=params.customer,
        customer_creation=params.customer_creation or (None if params.customer else "if_required"),
        customer_details=_details(customer, params.customer_email),
        customer_email=params.customer_email,
        expires_at=_expires_at(operation, params.expires_at),
        locale=params.locale,
        metadata=merge_metadata({}, params.metadata),
        payment_method_options=_method_options(params.payment_method_types),
        payment_method_types=_method_types(params, currency),
        submit_type=params.submit_type,
        success_url=params.success_url,
        url=f"{operation.public_url}/c/pay/{session_id}",
    )
    operation.store.put(session)
    plan = PaymentPlan(id=f"plan_{session_id}", data=params.payment_intent_data)
    operation.store.put(plan)
    for line in lines:
        operation.store.put(line, parent=session_id)
    return session


def _line(operation: Operation, item: LineItemHash, index: int) -> LineItem:
    name = f"line_items[{index}]"
    if (item.price is None) == (item.price_data is None):
        raise InvalidRequest(
            "You must specify either `price` or `price_data` for each line item.", param=name
        )
    if item.quantity is None:
        raise InvalidRequest(
            f"Missing required param: {name}[quantity].", code="parameter_missing", param=f"{name}[quantity]"
        )
    price = _price(operation, item, name)
    product = operation.fetch(Product, price.product)
    amount = price.unit_amount * item.quantity
    return LineItem(
        id=new_id("li_1", 23),
        created=operation.now,
        amount_subtotal=amount,
        amount_total=amount,
        currency=price.currency,
        description=product.name,
        price=price,
        quantity=item.quantity,
    )


def _price(operation: Operation, item: LineItemHash, name: str) -> Price:
    if item.price_data is not None:
        return _inline_price(operation, item.price_data, f"{name}[price_data]")
    price = operation.fetch(Price, item.price or "", param=f"{name}[price]")
    if not price.active:
        raise InvalidRequest("The price specified is inactive.", param=f"{name}[price]")
    if price.type != "one_time":
        raise InvalidRequest("You must provide only one-time prices in `payment` mode.", param=name)
    return price


def _inline_price(operation: Operation, data: PriceData, name: str) -> Price:
    currency = check_currency(data.currency, f"{name}[currency]")
    check_unit_amount(data.unit_amount, currency, f"{name}[unit_amount]")
    if (data.product is None) == (data.product_data is None):
        raise InvalidRequest("You must specify either `product` or `product_data`.", param=name)
    if data.product_data is not None:
        product = inline_product(operation, data.product_data)
    else:
        product = operation.fetch(Product, data.product or "", param=f"{name}[product]")
    price = Price(
        id=new_id("price_1", 23),
        created=operation.now,
        active=False,
        currency=currency,
        product=product.id,
        tax_behavior=data.tax_behavior,
        type="one_time",
        unit_amount=data.unit_amount,
        unit_amount_decimal=str(data.unit_amount),
    )
    operation.store.put(price)
    return price


def _one_currency(lines: list[LineItem], wanted: str | None) -> str:
    currencies = {line.currency for line in lines} | ({wanted.lower()} if wanted else set())
    if len(currencies) > 1:
        raise InvalidRequest(
            "All prices on a Checkout Session must be in the same currency.", param="currency"
        )
    return currencies.pop()


def _details(customer: Customer | None, email: str | None) -> CustomerDetails | None:
    if customer is not None:
        return CustomerDetails(
            email=customer.email, name=customer.name, phone=customer.phone, tax_exempt=customer.tax_exempt
        )
    return CustomerDetails(email=email) if email else None


def _expires_at(operation: Operation, wanted: int | None) -> int:
    if wanted is None:
        return operation.now + EXPIRES_AFTER_S
    least_s = operation.switches.expires_after_min_s
    if not operation.now + least_s - 60 <= wanted <= operation.now + EXPIRES_AFTER_S + 60:
        raise InvalidRequest(
            f"The `expires_at` timestamp must be between {least_s} seconds and 24 hours from the session's "
            "creation.",
            param="expires_at",
        )
    return wanted


def _method_types(params: SessionParams, currency: str) -> list[str]:
    if not params.payment_method_types:
        debit = _BANK_DEBIT_OF.get(currency)
        return ["card", debit] if debit else ["card"]
    for method in params.payment_method_types:
        if method in get_args(BankDebit) and method != _BANK_DEBIT_OF.get(currency):
            raise InvalidRequest(
                f"The payment method type `{method}` cannot be used in {currency}.",
                param="payment_method_types",
            )
    return list(dict.fromkeys(params.payment_method_types))


def _method_options(types: list[MethodType]) -> Json:
    return {"card": {"request_three_d_secure": "automatic"}} if not types or "card" in types else {}


def retrieve(operation: Operation, session_id: str) -> CheckoutSession:
    """`GET /v1/checkout/sessions/{id}`"""
    return operation.fetch(CheckoutSession, session_id)


def update(operation: Operation, params: SessionUpdateParams, session_id: str) -> CheckoutSession:
    """`POST /v1/checkout/sessions/{id}`"""
    session = operation.fetch(CheckoutSession, session_id)
    session.metadata = merge_metadata(session.metadata, params.metadata)
    operation.store.put(session)
    return session


def list_(operation: Operation, params: SessionListParams) -> Json:
    """`GET /v1/checkout/sessions`"""
    filters = (
        ("customer", params.customer),
        ("payment_intent", params.payment_intent),
        ("status", params.status),
    )
    conditions = [equals(name, value) for name, value in filters if value is not None]
    return operation.page(CheckoutSession, params, "/v1/checkout/sessions", conditions)


def list_line_items(operation: Operation, params: ListParams, session_id: str) -> Json:
    """`GET /v1/checkout/sessions/{id}/line_items`"""
    operation.fetch(CheckoutSession, session_id)
    url = f"/v1/checkout/sessions/{session_id}/line_items"
    return operation.page(LineItem, params, url, [Condition("parent = ?", (session_id,))])


def expire(operation: Operation, session_id: str) -> CheckoutSession:
    """`POST /v1/checkout/sessions/{id}/expire`, also used by the timer for unpaid sessions."""
    session = operation.fetch(CheckoutSession, session_id)
    if session.status != "open":
        raise InvalidRequest(
            f'Only Checkout Sessions with a status in ["open"] can be expired. This Checkout Session has a '
            f"status of {session.status}.",
        )
    session.status = "expired"
    session.url = None
    operation.store.put(session)
    operation.emit("checkout.session.expired", session)
    return session
