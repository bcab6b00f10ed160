"""HTTP endpoints for balances and transactions."""
