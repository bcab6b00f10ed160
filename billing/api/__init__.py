"""Shared code of all billing HTTP endpoints."""
