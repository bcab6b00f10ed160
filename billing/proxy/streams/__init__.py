"""Streams whose hold grows with their output, and how they end where the credit does (ADR 0007)."""

from billing.proxy.streams.dialects import dialect_named
from billing.proxy.streams.growing_hold import GrowingHold
from billing.proxy.streams.stream import CreditedStream

__all__ = ["CreditedStream", "GrowingHold", "dialect_named"]
