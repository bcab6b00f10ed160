"""The LiteLLM adapter: connects LiteLLM's requests, hooks and events to the ledger."""
