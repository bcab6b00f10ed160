"""What the operator asks above the provider's cost: rules, where they come from, and which one applies."""
