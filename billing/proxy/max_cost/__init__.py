"""Computes the maximum cost of a call (docs/explanation/price-and-hold.md)."""

from billing.proxy.max_cost.call import MaxCost, max_cost_of
from billing.proxy.max_cost.tokens import load_encodings

__all__ = ["MaxCost", "load_encodings", "max_cost_of"]
