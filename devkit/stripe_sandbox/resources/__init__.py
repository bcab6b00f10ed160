"""One module per API resource: its parameters and calls."""
