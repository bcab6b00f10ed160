"""LiteLLM's configuration file, read without importing LiteLLM."""
