"""Prepaid Stripe billing for the LiteLLM proxy."""
