"""The upper bound of a call's cost (docs/explanation/price-and-hold.md)."""

from billing.proxy.bound.call import CallBound, bound_call
from billing.proxy.bound.tokens import load_encodings

__all__ = ["CallBound", "bound_call", "load_encodings"]
