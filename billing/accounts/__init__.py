"""Reading balances and transactions over HTTP."""
