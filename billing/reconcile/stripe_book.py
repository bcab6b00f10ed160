"""Compares the ledger with Stripe: payments are credited once, credits are paid, refunds are booked."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import timedelta

from psycopg.rows import class_row

from billing.database import Pool
from billing.money import format_nanos, nanos_from_minor
from billing.reconcile.payments import Payment, Returned, StripePayments
from billing.reconcile.schemas import PENDING, Difference, Findings, Repair, Source, Window
from billing.reconcile.statements import SQL
from billing.topups.schemas import CheckoutSession

SLICE = timedelta(days=1)
PAGE = 1000
PARKED_MAX = 1000
_TOPUP = "topup:"


@dataclass(frozen=True, slots=True)
class Credit:
    """A top-up in the books. `amount` is nanos."""

    id: int
    source_key: str
    stripe_object_id: str | None
    amount: int
    customer: str

    @property
    def session_id(self) -> str | None:
        """The Checkout Session in its key, if any."""
        source = self.source_key.removeprefix(_TOPUP)
        return source if source.startswith("cs_") else None


class StripeBook:
    """Compares one slice of time after the other."""

    def __init__(self, pool: Pool, payments: StripePayments, currency: str, grace_s: float) -> None:
        self._pool = pool
        self._payments = payments
        self._currency = currency
        self._grace_s = grace_s

    async def compare(self, window: Window) -> Findings:
        """Compares one slice. Raises StripeUnavailable, and NotConfigured without a key."""
        findings = Findings(Source.STRIPE)
        paid = await self._payments.paid_sessions(window)
        await self._compare_paid(paid, findings)
        async for credit in self._credits(window):
            findings.count("top-ups")
            if credit.session_id not in paid:
                await self._compare_credit(credit, findings)
        await self._compare_returned(await self._payments.returned(window), findings)
        await self._parked(window, findings)
        return findings

    async def waiting(self) -> Findings:
        """Counts the orders that are currently waiting for a payment, whatever their age."""
        findings = Findings(Source.STRIPE)
        async with self._pool.connection() as connection:
            [waiting] = await (await connection.execute(SQL["waiting_orders"])).fetchone() or (0,)
        findings.count("waiting for payment", waiting)
        return findings

    async def _compare_paid(self, paid: dict[str, Payment], findings: Findings) -> None:
        findings.count("paid sessions", len(paid))
        ids = list(paid)
        async with self._pool.connection() as connection:
            keys = [_TOPUP + session_id for session_id in ids]
            cursor = await connection.execute(SQL["topups_of"], {"source_keys": keys})
            credited = {row[0].removeprefix(_TOPUP): (row[1], row[2]) for row in await cursor.fetchall()}
            references = [payment.session.client_reference_id or "" for payment in paid.values()]
            values = {"sessions": ids, "references": references}
            cursor = await connection.execute(SQL["orders_of"], values)
            orders = {name: row[2] for row in await cursor.fetchall() for name in (row[0], row[1]) if name}
        for session_id, payment in paid.items():
            session = payment.session
            owner = orders.get(session_id) or orders.get(session.client_reference_id or "")
            if session_id in credited:
                amount_nanos, customer = credited[session_id]
                self._compare_amount(session, amount_nanos, customer, findings)
            elif owner is None:
                findings.count("sessions of others")
            else:
                self._uncredited(payment, owner, findings)

    def _uncredited(self, payment: Payment, owner: str, findings: Findings) -> None:
        session = payment.session
        if session.credited_minor <= 0:
            return
        if payment.noticed_at > time.time() - self._grace_s:
            findings.count(PENDING)
            return
        expected_nanos = nanos_from_minor(session.credited_minor, session.currency or self._currency)
        findings.differences.append(
            _difference(
                "paid_not_credited", session.id, expected_nanos, 0,
                f"paid at Stripe ({session.payment_intent_id or 'nothing due'}), no credit was booked",
                owner, Repair.CREDIT,
            )
        )  # fmt: skip

    def _compare_amount(
        self, session: CheckoutSession, amount_nanos: int, customer: str, findings: Findings
    ) -> None:
        expected_nanos = nanos_from_minor(session.credited_minor, session.currency or self._currency)
        if session.currency != self._currency:
            text = f"paid in {session.currency}, credited in {self._currency}"
        elif expected_nanos != amount_nanos:
            text = "the credit is not what was paid (total without tax and shipping)"
        else:
            return
        findings.differences.append(
            _difference("amount_differs", session.id, expected_nanos, amount_nanos, text, customer)
        )

    async def _credits(self, window: Window) -> AsyncIterator[Credit]:
        after_id = 0
        while True:
            values = {"after_id": after_id, "since": window.since, "until": window.until, "limit": PAGE}
            async with (
                self._pool.connection() as connection,
                connection.cursor(row_factory=class_row(Credit)) as cursor,
            ):
                rows = await (await cursor.execute(SQL["topups"], values)).fetchall()
            for row in rows:
                yield row
            if len(rows) < PAGE:
                return
            after_id = rows[-1].id

    async def _compare_credit(self, credit: Credit, findings: Findings) -> None:
        """Checks a credit whose session is not in the window: asks Stripe only for its payment."""
        if credit.session_id is not None:
            session = await self._payments.session(credit.session_id)
            if session is not None and session.is_paid:
                self._compare_amount(session, credit.amount, credit.customer, findings)
                return
            text = "Stripe does not know the session" if session is None else "its session is not paid"
        elif credit.stripe_object_id is not None and credit.stripe_object_id.startswith("pi_"):
            intent = await self._payments.intent(credit.stripe_object_id)
            if intent is not None and intent.status == "succeeded":
                received_nanos = nanos_from_minor(intent.amount_received, intent.currency)
                if received_nanos != credit.amount or intent.currency != self._currency:
                    text = "the credit is not what the PaymentIntent received"
                    findings.differences.append(
                        _difference(
                            "amount_differs", credit.source_key, received_nanos, credit.amount, text,
                            credit.customer,
                        )
                    )  # fmt: skip
                return
            text = "Stripe does not know its payment" if intent is None else f"its payment is {intent.status}"
        else:
            text = "it names no Stripe payment"
        findings.differences.append(
            _difference("credit_without_payment", credit.source_key, 0, credit.amount, text, credit.customer)
        )

    async def _compare_returned(self, returned: dict[str, Returned], findings: Findings) -> None:
        values = {"payments": list(returned)}
        async with self._pool.connection() as connection:
            cursor = await connection.execute(SQL["payments_known"], values)
            owners: dict[str, str] = dict(await cursor.fetchall())
            rows = await (await connection.execute(SQL["returned_of"], values)).fetchall()
        booked = {(payment, kind): amount for payment, kind, amount in rows}
        for payment, owner in owners.items():
            one = returned[payment]
            for kind, minor in (("refund", one.refunded_minor), ("dispute", one.disputed_minor)):
                expected_nanos = -nanos_from_minor(minor, one.currency)
                found_nanos = booked.get((payment, kind), 0)
                if kind == "refund" or minor or found_nanos:
                    findings.count(f"{kind}s")
                if expected_nanos != found_nanos:
                    text = f"the amount that Stripe returned by {kind} is not the booked amount"
                    findings.differences.append(
                        _difference(f"{kind}_differs", payment, expected_nanos, found_nanos, text, owner)
                    )

    async def _parked(self, window: Window, findings: Findings) -> None:
        values = {"since": window.since, "until": window.until, "limit": PARKED_MAX}
        async with self._pool.connection() as connection:
            parked = await (await connection.execute(SQL["parked_events"], values)).fetchall()
        for event_id, kind, object_id, reason in parked:
            findings.count("parked events")
            findings.note(f"event {event_id} ({kind} {object_id}) is parked: {reason}")


def _difference(
    rule: str,
    subject: str,
    expected_nanos: int,
    found_nanos: int,
    explanation: str,
    customer: str,
    repair: Repair | None = None,
) -> Difference:
    return Difference(
        book=Source.STRIPE,
        rule=rule,
        subject=subject,
        expected=format_nanos(expected_nanos),
        found=format_nanos(found_nanos),
        drift_nanos=found_nanos - expected_nanos,
        explanation=explanation,
        customer=customer,
        repair=repair,
    )
