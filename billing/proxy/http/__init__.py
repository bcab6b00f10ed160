"""The ASGI layers around LiteLLM's app: the door, each response and WebSocket as it passes, refusals."""
