"""Validates requests before LiteLLM sees them: the caller, the size, and a single JSON document or form."""
