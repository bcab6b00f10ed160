"""Billing's Prometheus metrics, on LiteLLM's own `/metrics`."""
