"""Sessions over a WebSocket: a hold that is extended while they run, and a clean cut where credit ends."""
