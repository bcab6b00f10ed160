"""A local Stripe: stateful, signed webhooks, a hosted payment page, no account needed (ADR 0005).

A program beside the gateway (`python -m billing.sandbox`): it imports nothing of it but `billing.money`.
"""
