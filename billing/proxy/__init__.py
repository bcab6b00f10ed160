"""The LiteLLM adapter: translates between LiteLLM's requests, hooks and events, and the ledger."""
