"""Web searches through the operator's search tools (`search_tools` of LiteLLM's configuration)."""
