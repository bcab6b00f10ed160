"""Accounts, holds and transactions.

Only this package writes balances; it knows nothing of Stripe or LiteLLM.
"""

from billing.ledger.service import Ledger

__all__ = ["Ledger"]
