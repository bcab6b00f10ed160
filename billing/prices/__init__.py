"""The operator's price rules: what customers pay on top of the provider's cost."""
