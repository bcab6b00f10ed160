"""A local Stripe: stateful, signed webhooks, a hosted payment page, no account needed (ADR 0005).

A program beside the gateway (`python -m devkit.stripe_sandbox`): of it, it imports `billing.money` alone.
"""
