"""What Prometheus sees of billing, on LiteLLM's own `/metrics`. Imports nothing of billing but settings."""
