"""Creates one Stripe Customer per account, despite races and crashes."""

from __future__ import annotations

from hashlib import sha256

import stripe

from billing.database import Pool
from billing.ledger.schemas import Payer
from billing.stripe_api import StripeApi, stripe_errors
from billing.topups import orders


async def ensure_customer(
    stripe_api: StripeApi, pool: Pool, payer: Payer, account_id: int, previous: str | None = None
) -> str:
    """Creates the payer's Customer at Stripe, links it, and returns its id (`cus_…`).

    Concurrent replicas use the same idempotency key, so they get the same Customer. `previous` is a linked
    Customer that Stripe no longer knows; it is replaced. Raises StripeUnavailable.
    """
    params: stripe.params.CustomerCreateParams = {
        "name": f"{payer.customer_type}:{payer.customer_id}"[:256],
        "metadata": {
            "customer_type": payer.customer_type,
            "customer_id": payer.customer_id,
            "ledger_account_id": str(account_id),
        },
    }
    key = _idempotency_key(payer, account_id, previous)
    with stripe_errors():
        customer = await stripe_api.v1.customers.create_async(params, {"idempotency_key": key})
    async with pool.connection() as connection, connection.transaction():
        return await orders.link_customer(connection, account_id, customer.id, previous)


def _idempotency_key(payer: Payer, account_id: int, previous: str | None) -> str:
    named = f"{payer.customer_type}\n{payer.customer_id}\n{account_id}\n{previous or ''}"
    return f"customer-{sha256(named.encode()).hexdigest()}"
