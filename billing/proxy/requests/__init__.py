"""What a request may hold: size, structure, types, fields and headers, checked before LiteLLM sees it."""
