"""Nodes that run Ollama."""
