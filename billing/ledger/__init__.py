"""Accounts, holds and transactions: the only writer of balances. Knows nothing of Stripe or LiteLLM."""

from billing.ledger.service import NO_EVENT, Ledger

__all__ = ["NO_EVENT", "Ledger"]
