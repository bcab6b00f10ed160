"""Streams whose hold grows with their output, and that end when the credit runs out (ADR 0007)."""

from billing.proxy.streams.dialects import dialect_named
from billing.proxy.streams.growing_hold import GrowingHold
from billing.proxy.streams.stream import CreditedStream

__all__ = ["CreditedStream", "GrowingHold", "dialect_named"]
