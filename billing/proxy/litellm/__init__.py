"""Connects billing to LiteLLM: hooks, guards, authentication, and patches."""
