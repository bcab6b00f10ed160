"""Every object the sandbox sends is one that the official SDK's types describe."""

from __future__ import annotations

import pytest
import stripe
from pydantic import JsonValue

from devkit.stripe_sandbox import checkout
from devkit.stripe_sandbox.errors import CardDeclined, StripeFault
from devkit.stripe_sandbox.forms import decode
from devkit.stripe_sandbox.objects.base import StripeObject
from devkit.stripe_sandbox.objects.catalog import LineItem, Price, Product
from devkit.stripe_sandbox.objects.customer import Customer
from devkit.stripe_sandbox.objects.events import Event, WebhookEndpoint
from devkit.stripe_sandbox.objects.payments import Charge, PaymentIntent, PaymentMethod
from devkit.stripe_sandbox.objects.session import CheckoutSession
from devkit.stripe_sandbox.params import parse
from devkit.stripe_sandbox.resources import account, products, webhook_endpoints
from devkit.stripe_sandbox.runtime import Sandbox
from tests.unit.devkit.stripe_sandbox.flows import create_customer, create_session, pay
from tests.unit.devkit.stripe_sandbox.sdk_shapes import differences

SDK_CLASSES: dict[type[StripeObject], type] = {
    Charge: stripe.Charge,
    CheckoutSession: stripe.checkout.Session,
    Customer: stripe.Customer,
    Event: stripe.Event,
    LineItem: stripe.LineItem,
    PaymentIntent: stripe.PaymentIntent,
    PaymentMethod: stripe.PaymentMethod,
    Price: stripe.Price,
    Product: stripe.Product,
    WebhookEndpoint: stripe.WebhookEndpoint,
}


@pytest.fixture
def busy(sandbox: Sandbox) -> Sandbox:
    """A sandbox in which everything has happened once."""
    create_customer(
        sandbox,
        "email=a@b.co&address[city]=Bern&shipping[name]=Ada&shipping[address][city]=Bern&metadata[k]=v",
    )
    product = parse(
        products.ProductParams, decode("name=Credit&description=Prepaid&images[]=http://x.test/i")
    )
    product_id = sandbox.operate(lambda operation: products.create_product(operation, product)).id
    for more in ("", "&recurring[interval]=month&recurring[usage_type]=metered"):
        price = parse(products.PriceParams, decode(f"currency=usd&unit_amount=5&product={product_id}{more}"))
        sandbox.operate(lambda operation, price=price: products.create_price(operation, price))  # type: ignore[misc]  # mypy does not infer a lambda with defaults
    paid = create_session(sandbox, "&customer_creation=always")
    with pytest.raises(CardDeclined):
        pay(sandbox, paid, "4000000000000002")
    pay(sandbox, paid)
    _bank_debit(sandbox, "succeeded")
    _bank_debit(sandbox, "failed")
    create_session(sandbox)
    return sandbox


def _bank_debit(sandbox: Sandbox, outcome: checkout.SettleOutcome) -> None:
    session = create_session(sandbox)
    sandbox.operate(lambda operation: checkout.pay_by_bank(operation, session.id, outcome, None))
    sandbox.operate(lambda operation: checkout.settle(operation, session.id, None))


@pytest.mark.parametrize(("kind", "sdk_class"), SDK_CLASSES.items(), ids=lambda kind: kind.__name__)
def test_every_object_is_what_the_sdk_describes(
    busy: Sandbox, kind: type[StripeObject], sdk_class: type
) -> None:
    found = busy.store.find(kind, [], limit=100)
    assert found
    assert [line for item in found for line in differences(item.wire(), sdk_class)] == []


def test_the_object_inside_every_event_is_what_the_sdk_describes(busy: Sandbox) -> None:
    by_name = {str(kind.model_fields["object"].default): sdk for kind, sdk in SDK_CLASSES.items()}
    events = busy.store.find(Event, [], limit=100)
    assert {event.type for event in events} >= {
        "charge.failed",
        "charge.succeeded",
        "checkout.session.async_payment_failed",
        "checkout.session.async_payment_succeeded",
        "checkout.session.completed",
        "customer.created",
        "payment_intent.created",
        "payment_intent.payment_failed",
        "payment_intent.succeeded",
    }
    subjects = [event.data.object for event in events]
    assert [line for body in subjects for line in differences(body, by_name[str(body["object"])])] == []


def test_account_and_balance_are_what_the_sdk_describes(busy: Sandbox) -> None:
    assert list(differences(busy.operate(account.retrieve), stripe.Account)) == []
    balance = busy.operate(account.balance)
    assert list(differences(balance, stripe.Balance)) == []
    assert balance["available"] == [{"amount": 2000, "currency": "usd", "source_types": {"card": 2000}}]


def test_a_new_webhook_endpoint_shows_its_secret(sandbox: Sandbox) -> None:
    params = parse(webhook_endpoints.EndpointParams, decode("url=http://x.test/h&enabled_events[]=*"))
    created = sandbox.operate(lambda operation: webhook_endpoints.create(operation, params))
    assert list(differences(created, stripe.WebhookEndpoint)) == []
    assert str(created["secret"]).startswith("whsec_")


def test_errors_are_what_the_sdk_describes(sandbox: Sandbox) -> None:
    session = create_session(sandbox)
    with pytest.raises(StripeFault) as raised:
        pay(sandbox, session, "4000000000009995")
    assert list(differences(raised.value.body()["error"], stripe.ErrorObject)) == []


class TestTheComparison:
    """A comparison that cannot fail would prove nothing."""

    def _customer(self, sandbox: Sandbox, **changes: JsonValue) -> list[str]:
        return list(differences({**create_customer(sandbox).wire(), **changes}, stripe.Customer))

    def test_sees_an_unknown_key(self, sandbox: Sandbox) -> None:
        assert self._customer(sandbox, colour="red") == ["Customer.colour: the SDK does not know it"]

    def test_sees_a_wrong_type(self, sandbox: Sandbox) -> None:
        (line,) = self._customer(sandbox, created="yesterday")
        assert line.startswith("Customer.created: 'yesterday' is no ")

    def test_sees_a_wrong_type_deep_inside(self, sandbox: Sandbox) -> None:
        (line,) = self._customer(sandbox, address={"city": 5})
        assert line.startswith("Customer.address.city: 5 is no ")

    def test_sees_what_is_missing(self) -> None:
        assert "Customer.created: missing" in list(differences({"id": "cus_1"}, stripe.Customer))
