"""The actions of the payment page: a card is charged now, a bank debit settles later."""

from __future__ import annotations

import time
from typing import Literal, get_args

from devkit.stripe_sandbox import cards
from devkit.stripe_sandbox.cards import Card, Decline
from devkit.stripe_sandbox.errors import DOCS, InvalidRequest, Json
from devkit.stripe_sandbox.ids import new_id
from devkit.stripe_sandbox.objects.customer import Shipping
from devkit.stripe_sandbox.objects.payments import (
    BankDebit,
    BillingDetails,
    Charge,
    MethodType,
    Outcome,
    PaymentError,
    PaymentIntent,
    PaymentMethod,
)
from devkit.stripe_sandbox.objects.session import CheckoutSession, CustomerDetails
from devkit.stripe_sandbox.operation import Operation
from devkit.stripe_sandbox.params import merge_metadata
from devkit.stripe_sandbox.resources import customers
from devkit.stripe_sandbox.resources.sessions import PaymentIntentData, PaymentPlan
from devkit.stripe_sandbox.store import Record

SettleOutcome = Literal["succeeded", "failed"]
_DEBIT_FAILED = Decline(
    "payment_intent_payment_attempt_failed", "The customer's bank account could not be debited."
)


class Settlement(Record):
    """A pending bank debit: its outcome, and when (None: on request)."""

    kind = "settlement"
    outcome: SettleOutcome
    due_at: float | None


def pay_by_card(operation: Operation, session_id: str, number: str, email: str | None) -> CheckoutSession:
    """Charges a card. Raises CardDeclined (the session stays open), InvalidRequest."""
    session = payable(operation, session_id, "card")
    card = cards.read(number)
    if card.decline is not None and not card.decline.reaches_bank:
        raise cards.refusal(card.decline, {})
    _meet(operation, session, email)
    intent = _intent(operation, session)
    method = _method(operation, session, "card", card.details())
    if card.decline is not None:
        return _decline(operation, session, intent, method, card)
    _take(operation, intent, method)
    session.payment_status = "paid"
    _complete(operation, session)
    operation.emit("checkout.session.completed", session)
    return session


def pay_by_bank(
    operation: Operation, session_id: str, outcome: SettleOutcome, email: str | None
) -> CheckoutSession:
    """Starts a bank debit: the session completes unpaid, and settles or fails later."""
    wanted = fetch_open(operation, session_id)
    method_type = next((name for name in get_args(BankDebit) if name in wanted.payment_method_types), None)
    if method_type is None:
        raise InvalidRequest("This Checkout Session offers no bank debit.", param="method")
    session = payable(operation, session_id, method_type)
    _meet(operation, session, email)
    intent = _intent(operation, session)
    details: Json = {"bank_name": "SANDBOX TEST BANK", "fingerprint": "sandbox6789", "last4": "6789"}
    method = _method(operation, session, method_type, details)
    intent.payment_method = method.id
    intent.latest_charge = _charge(operation, intent, method, "pending").id
    intent.status = "processing"
    operation.store.put(intent)
    operation.emit("payment_intent.processing", intent)
    _complete(operation, session)
    operation.emit("checkout.session.completed", session)
    delay_ms = operation.switches.settle_delay_ms
    due_at = None if delay_ms is None else time.time() + delay_ms / 1000
    operation.store.put(Settlement(id=f"settle_{session_id}", outcome=outcome, due_at=due_at))
    return session


def settle(operation: Operation, session_id: str, outcome: SettleOutcome | None) -> CheckoutSession:
    """Ends a bank debit with `outcome`, or the one chosen when it began."""
    session = operation.fetch(CheckoutSession, session_id)
    settlement = operation.store.get(Settlement, f"settle_{session_id}")
    if settlement is None or session.payment_intent is None:
        raise InvalidRequest("This Checkout Session has no bank debit under way.", param="id")
    operation.store.delete(Settlement, settlement.id)
    intent = operation.fetch(PaymentIntent, session.payment_intent)
    if (outcome or settlement.outcome) == "succeeded":
        _end_charge(operation, intent, "succeeded")
        session.payment_status = "paid"
        operation.store.put(session)
        operation.emit("checkout.session.async_payment_succeeded", session)
    else:
        _end_charge(operation, intent, "failed")
        operation.emit("checkout.session.async_payment_failed", session)
    return session


def fetch_open(operation: Operation, session_id: str) -> CheckoutSession:
    """Returns the session if it can still be paid. Raises ResourceMissing, InvalidRequest."""
    session = operation.fetch(CheckoutSession, session_id)
    if session.status != "open" or session.expires_at <= time.time():
        state = "expired" if session.status == "open" else session.status
        raise InvalidRequest(
            f"This Checkout Session cannot be paid: its status is {state}.",
            code="checkout_session_not_open",
            param="id",
        )
    return session


def payable(operation: Operation, session_id: str, method: MethodType) -> CheckoutSession:
    """Returns the session if this method can pay it. Raises ResourceMissing, InvalidRequest."""
    session = fetch_open(operation, session_id)
    if method not in session.payment_method_types:
        raise InvalidRequest(f"This Checkout Session does not offer `{method}`.", param="method")
    return session


def _meet(operation: Operation, session: CheckoutSession, email: str | None) -> None:
    """Stores the payer; with `customer_creation: always` creates a customer."""
    details = session.customer_details or CustomerDetails()
    details.email = details.email or email or "customer@example.com"
    session.customer_details = details
    if session.customer is None and session.customer_creation == "always":
        params = customers.CustomerParams(email=details.email)
        session.customer = customers.create(operation, params).id


def _intent(operation: Operation, session: CheckoutSession) -> PaymentIntent:
    if session.payment_intent is not None:
        return operation.fetch(PaymentIntent, session.payment_intent)
    plan = operation.store.get(PaymentPlan, f"plan_{session.id}")
    data = plan.data if plan else PaymentIntentData()
    intent_id = new_id("pi_3")
    intent = PaymentIntent(
        id=intent_id,
        created=operation.now,
        amount=session.amount_total,
        client_secret=f"{intent_id}_secret_{new_id('', 25)}",
        currency=session.currency,
        customer=session.customer,
        description=data.description,
        metadata=merge_metadata({}, data.metadata),
        payment_method_options=session.payment_method_options,
        payment_method_types=session.payment_method_types,
        receipt_email=data.receipt_email,
        setup_future_usage=data.setup_future_usage,
        shipping=Shipping(**data.shipping.model_dump()) if data.shipping else None,
        statement_descriptor=data.statement_descriptor,
        statement_descriptor_suffix=data.statement_descriptor_suffix,
        status="requires_payment_method",
    )
    operation.store.put(intent)
    session.payment_intent = intent.id
    operation.store.put(session)
    operation.emit("payment_intent.created", intent)
    return intent


def _method(
    operation: Operation, session: CheckoutSession, method_type: MethodType, details: Json
) -> PaymentMethod:
    buyer = session.customer_details or CustomerDetails()
    method = PaymentMethod(
        id=new_id("pm_1", 23),
        created=operation.now,
        billing_details=BillingDetails(email=buyer.email, name=buyer.name, phone=buyer.phone),
        customer=None,
        type=method_type,
        details=details,
    )
    operation.store.put(method)
    return method


def _charge(
    operation: Operation,
    intent: PaymentIntent,
    method: PaymentMethod,
    status: Literal["pending", "succeeded", "failed"],
    decline: Decline | None = None,
) -> Charge:
    charge = Charge(
        id=new_id("ch_3"),
        created=operation.now,
        amount=intent.amount,
        amount_captured=intent.amount if status == "succeeded" else 0,
        balance_transaction=new_id("txn_3") if status == "succeeded" else None,
        billing_details=method.billing_details,
        captured=status != "failed",
        currency=intent.currency,
        customer=intent.customer,
        description=intent.description,
        failure_code=decline.code if decline else None,
        failure_message=decline.message if decline else None,
        metadata=intent.metadata,
        outcome=_outcome(decline),
        paid=status == "succeeded",
        payment_intent=intent.id,
        payment_method=method.id,
        payment_method_details={"type": method.type, method.type: method.details},
        receipt_email=intent.receipt_email,
        statement_descriptor=intent.statement_descriptor,
        statement_descriptor_suffix=intent.statement_descriptor_suffix,
        status=status,
    )
    operation.store.put(charge)
    return charge


def _outcome(decline: Decline | None) -> Outcome:
    if decline is None:
        return Outcome(
            network_status="approved_by_network", seller_message="Payment complete.", type="authorized"
        )
    return Outcome(
        network_decline_code="05",
        network_status="declined_by_network",
        reason=decline.decline_code or decline.code,
        seller_message="The bank did not return any further details with this decline.",
        type="issuer_declined",
    )


def _take(operation: Operation, intent: PaymentIntent, method: PaymentMethod) -> None:
    charge = _charge(operation, intent, method, "succeeded")
    operation.emit("charge.succeeded", charge)
    intent.payment_method = method.id
    _succeed(operation, intent, charge)


def _succeed(operation: Operation, intent: PaymentIntent, charge: Charge) -> None:
    intent.amount_received = intent.amount
    intent.last_payment_error = None
    intent.latest_charge = charge.id
    intent.status = "succeeded"
    operation.store.put(intent)
    operation.emit("payment_intent.succeeded", intent)


def _complete(operation: Operation, session: CheckoutSession) -> None:
    session.status = "complete"
    session.url = None
    operation.store.put(session)


def _decline(
    operation: Operation, session: CheckoutSession, intent: PaymentIntent, method: PaymentMethod, card: Card
) -> CheckoutSession:
    decline = card.decline
    assert decline is not None
    charge = _charge(operation, intent, method, "failed", decline)
    operation.emit("charge.failed", charge)
    _fail(operation, intent, charge, method, decline, "card_error")
    raise cards.refusal(
        decline, {"charge": charge.id, "payment_intent": intent.wire(), "payment_method": method.wire()}
    )


def _fail(
    operation: Operation,
    intent: PaymentIntent,
    charge: Charge,
    method: PaymentMethod,
    decline: Decline,
    error_type: Literal["card_error", "invalid_request_error"],
) -> None:
    intent.latest_charge = charge.id
    intent.payment_method = None
    intent.status = "requires_payment_method"
    intent.last_payment_error = PaymentError(
        charge=charge.id,
        code=decline.code,
        decline_code=decline.decline_code,
        doc_url=DOCS + decline.code.replace("_", "-"),
        message=decline.message,
        payment_method=method.wire(),
        type=error_type,
    )
    operation.store.put(intent)
    operation.emit("payment_intent.payment_failed", intent)


def _end_charge(operation: Operation, intent: PaymentIntent, outcome: SettleOutcome) -> None:
    charge = operation.fetch(Charge, intent.latest_charge or "")
    charge.status = outcome
    if outcome == "succeeded":
        charge.paid = True
        charge.amount_captured = charge.amount
        charge.balance_transaction = new_id("txn_3")
        operation.store.put(charge)
        operation.emit("charge.succeeded", charge)
        _succeed(operation, intent, charge)
        return
    charge.failure_code = _DEBIT_FAILED.code
    charge.failure_message = _DEBIT_FAILED.message
    operation.store.put(charge)
    operation.emit("charge.failed", charge)
    method = operation.fetch(PaymentMethod, charge.payment_method)
    _fail(operation, intent, charge, method, _DEBIT_FAILED, "invalid_request_error")
