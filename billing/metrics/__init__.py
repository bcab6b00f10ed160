"""What Prometheus sees of billing, on LiteLLM's own `/metrics`."""
