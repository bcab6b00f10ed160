"""What a request must be before LiteLLM sees it: who asks, how large, and one plain JSON document or form."""
