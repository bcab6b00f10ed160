"""Work that repeats while the gateway serves."""
