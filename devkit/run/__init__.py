"""Everything that `proxyllm run` starts besides the gateway, so that one command works without an account."""
