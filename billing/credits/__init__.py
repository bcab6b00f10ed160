"""Credit granted by the operator."""
