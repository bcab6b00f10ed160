"""BILLING_MODE=shadow: what billing would have charged and refused, written down and not done."""
