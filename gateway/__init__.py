"""What the gateway needs besides billing: configuration, start and stop, doctor, tailnet, Ollama."""
