"""Generates the page of everything we use from LiteLLM: `python -m devkit.reference.litellm`."""
