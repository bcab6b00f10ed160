"""Where billing meets LiteLLM: hooks, guards, authentication, and what is patched."""
