"""Credit that the operator gives."""
