"""The process itself: event loop, garbage collection, memory."""
