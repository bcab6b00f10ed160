"""Starts and stops a deployed gateway: a supervisor, its gateway process, and the tailnet if configured."""
