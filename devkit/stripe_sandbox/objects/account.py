"""The account that the sandbox's key belongs to."""

from __future__ import annotations

from devkit.stripe_sandbox.errors import Json

ACCOUNT_ID = "acct_1SandboxProxyllm0"


def account(created: int, country: str = "US", currency: str = "usd") -> Json:
    """`GET /v1/account`."""
    return {
        "id": ACCOUNT_ID,
        "object": "account",
        "business_profile": {"mcc": "5734", "name": "Proxyllm sandbox", "url": None},
        "business_type": "company",
        "capabilities": {"card_payments": "active", "transfers": "active"},
        "charges_enabled": True,
        "country": country,
        "created": created,
        "default_currency": currency,
        "details_submitted": True,
        "email": "sandbox@example.com",
        "metadata": {},
        "payouts_enabled": True,
        "settings": {
            "branding": {"icon": None, "logo": None, "primary_color": None, "secondary_color": None},
            "card_payments": {
                "statement_descriptor_prefix": None,
                "statement_descriptor_prefix_kana": None,
                "statement_descriptor_prefix_kanji": None,
            },
            "dashboard": {"display_name": "Proxyllm sandbox", "timezone": "Etc/UTC"},
            "payments": {
                "statement_descriptor": "PROXYLLM SANDBOX",
                "statement_descriptor_kana": None,
                "statement_descriptor_kanji": None,
            },
        },
        "type": "standard",
    }
