"""The upper bound of a call's cost (docs/explanation/price-and-hold.md)."""

from billing.proxy.max_cost.call import CallBound, bound_call
from billing.proxy.max_cost.tokens import load_encodings

__all__ = ["CallBound", "bound_call", "load_encodings"]
