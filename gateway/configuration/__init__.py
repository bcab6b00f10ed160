"""Reads LiteLLM's configuration file without importing LiteLLM."""
