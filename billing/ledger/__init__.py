"""Accounts, holds and transactions: the only writer of balances. Knows nothing of Stripe or LiteLLM."""

from billing.ledger.service import Ledger

__all__ = ["Ledger"]
