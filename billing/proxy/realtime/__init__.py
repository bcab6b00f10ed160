"""Realtime sessions over a WebSocket: their hold grows, and they end when the credit runs out."""
