"""Top-ups: our order, Stripe's Checkout Session, and the credit for the payment."""
