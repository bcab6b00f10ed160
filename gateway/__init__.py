"""The parts of the gateway besides billing: configuration, start and stop, doctor, tailnet, Ollama."""
