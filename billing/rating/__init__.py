"""What providers report of a call, and what it costs by their prices. No I/O."""
