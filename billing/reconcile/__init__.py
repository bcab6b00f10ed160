"""Compares the books with themselves, with LiteLLM's spend logs and with Stripe, and repairs what is safe."""
