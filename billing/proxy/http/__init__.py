"""The ASGI layers around LiteLLM's app: checks of requests, responses and WebSockets, and refusals."""
