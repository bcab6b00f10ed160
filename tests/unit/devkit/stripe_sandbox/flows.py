"""What the unit tests do with a sandbox, in the words of forms."""

from __future__ import annotations

from devkit.stripe_sandbox import checkout
from devkit.stripe_sandbox.forms import decode
from devkit.stripe_sandbox.objects.customer import Customer
from devkit.stripe_sandbox.objects.session import CheckoutSession
from devkit.stripe_sandbox.params import parse
from devkit.stripe_sandbox.resources import customers, sessions
from devkit.stripe_sandbox.runtime import Sandbox

SESSION_FORM = (
    "mode=payment&success_url=http://shop.test/ok?session={CHECKOUT_SESSION_ID}&cancel_url=http://shop.test/no"
    "&client_reference_id=order-1&metadata[order]=1&payment_intent_data[metadata][order]=1"
    "&payment_intent_data[description]=Credit"
    "&line_items[0][quantity]=2&line_items[0][price_data][currency]=usd"
    "&line_items[0][price_data][unit_amount]=500&line_items[0][price_data][product_data][name]=Credit"
)


def create_customer(sandbox: Sandbox, form: str = "email=ada@example.com&name=Ada") -> Customer:
    params = parse(customers.CustomerParams, decode(form))
    return sandbox.operate(lambda operation: customers.create(operation, params))


def create_session(sandbox: Sandbox, more: str = "") -> CheckoutSession:
    params = parse(sessions.SessionParams, decode(SESSION_FORM + more))
    return sandbox.operate(lambda operation: sessions.create(operation, params))


def pay(sandbox: Sandbox, session: CheckoutSession, number: str = "4242424242424242") -> CheckoutSession:
    return sandbox.operate(lambda operation: checkout.pay_by_card(operation, session.id, number, None))
