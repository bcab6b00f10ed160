"""What the gateway needs besides billing: request sanitizer, model sync, tailnet egress."""
