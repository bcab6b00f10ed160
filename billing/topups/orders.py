"""The order table, in the caller's transaction: the only SQL of top-ups."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import datetime, timedelta

from psycopg.rows import class_row
from pydantic import BaseModel

from billing.database import Connection, load_statements
from billing.ledger.schemas import Payer
from billing.settings import CustomerType
from billing.topups.schemas import CheckoutSession, Order, OrderStatus

_SQL = load_statements("billing.topups")


@dataclass(frozen=True, slots=True)
class NewOrder:
    """An order to be written before Stripe is asked for anything. The amount is in nanos."""

    id: str
    account_id: int
    amount: int
    currency: str
    success_url: str
    cancel_url: str
    livemode: bool


class _OrderRow(BaseModel):
    id: str
    account_id: int
    customer_type: CustomerType
    customer_id: str
    stripe_customer_id: str | None
    amount: int
    currency: str
    status: OrderStatus
    checkout_session_id: str | None
    checkout_url: str | None
    payment_intent_id: str | None
    paid: int | None
    success_url: str
    cancel_url: str
    livemode: bool
    created_at: datetime

    def to_order(self) -> Order:
        return Order(
            id=self.id,
            account_id=self.account_id,
            payer=Payer(self.customer_type, self.customer_id),
            stripe_customer_id=self.stripe_customer_id,
            amount_nanos=self.amount,
            currency=self.currency,
            status=self.status,
            checkout_session_id=self.checkout_session_id,
            checkout_url=self.checkout_url,
            payment_intent_id=self.payment_intent_id,
            paid_nanos=self.paid,
            success_url=self.success_url,
            cancel_url=self.cancel_url,
            livemode=self.livemode,
            created_at=self.created_at,
        )


async def insert(connection: Connection, order: NewOrder, open_max: int) -> bool:
    """Inserts the order; returns False if the account already has `open_max` unpaid ones.

    Locks the account's orders until the end of the transaction.
    """
    await connection.execute(_SQL["lock_account_orders"], {"account_id": order.account_id})
    cursor = await connection.execute(_SQL["insert_order"], {**asdict(order), "open_max": open_max})
    return cursor.rowcount == 1


async def by_id(connection: Connection, order_id: str) -> Order | None:
    """Returns the order with our id."""
    return await _one(connection, "order_by_id", {"id": order_id})


async def by_session(connection: Connection, session_id: str) -> Order | None:
    """Returns the order that the Checkout Session was opened for, if known."""
    return await _one(connection, "order_by_session", {"session_id": session_id})


async def lock_for(connection: Connection, session: CheckoutSession) -> Order | None:
    """Locks and returns the session's order, found by the session or by our reference."""
    values = {"session_id": session.id, "order_id": session.client_reference_id}
    return await _one(connection, "lock_order", values)


async def record_session(connection: Connection, order_id: str, session_id: str, url: str | None) -> None:
    """Stores the session that Stripe opened for the order."""
    await connection.execute(_SQL["record_session"], {"id": order_id, "session_id": session_id, "url": url})


async def mark_paid(connection: Connection, order_id: str, session: CheckoutSession, paid_nanos: int) -> None:
    """Marks the order as paid, whatever its status was."""
    values = {
        "id": order_id,
        "paid": paid_nanos,
        "session_id": session.id,
        "payment_intent_id": session.payment_intent_id,
    }
    await connection.execute(_SQL["mark_paid"], values)


async def mark_ended(
    connection: Connection, order_id: str, status: OrderStatus, session_id: str | None
) -> bool:
    """Ends an open order as failed or expired. Returns False if it had already ended."""
    cursor = await connection.execute(
        _SQL["mark_ended"], {"id": order_id, "status": status.value, "session_id": session_id}
    )
    return cursor.rowcount == 1


async def link_customer(
    connection: Connection, account_id: int, stripe_customer_id: str, previous: str | None
) -> str:
    """Sets the account's Stripe customer unless it has one. Returns the one it now has."""
    values = {"account_id": account_id, "stripe_customer_id": stripe_customer_id, "previous": previous}
    cursor = await connection.execute(_SQL["link_customer"], values)
    if cursor.rowcount == 1:
        return stripe_customer_id
    row = await (await connection.execute(_SQL["linked_customer"], {"account_id": account_id})).fetchone()
    return str(row[0]) if row is not None and row[0] is not None else stripe_customer_id


async def claim_stale(connection: Connection, interval_s: float, limit: int) -> list[Order]:
    """Claims open orders without news for `interval_s`; other replicas skip them."""
    values = {"interval": timedelta(seconds=interval_s), "limit": limit}
    async with connection.cursor(row_factory=class_row(_OrderRow)) as cursor:
        await cursor.execute(_SQL["claim_stale_orders"], values)
        return [row.to_order() for row in await cursor.fetchall()]


async def _one(connection: Connection, query: str, values: dict[str, str | None]) -> Order | None:
    async with connection.cursor(row_factory=class_row(_OrderRow)) as cursor:
        row = await (await cursor.execute(_SQL[query], values)).fetchone()
    return row.to_order() if row is not None else None
