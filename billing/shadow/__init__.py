"""BILLING_MODE=shadow: records what billing would charge and refuse, without doing it."""
