"""Stripe events: verified on the raw body, stored, and applied in the same transaction."""
