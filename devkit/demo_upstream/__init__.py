"""A small OpenAI-compatible provider, so that the whole HTTP path runs without an account anywhere.

Answers are made from the question and always the same; tokens are counted with OpenAI's own tokenizer.
Start it with `python -m devkit.demo_upstream --port 8080`.
"""
