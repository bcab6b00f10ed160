"""The customer's page: public, and without anything of a customer in it."""

from __future__ import annotations

import re

from billing.settings import Settings
from tests.integration.endpoints.gateway import Gateway, run_gateway


async def test_it_says_the_limits_of_a_top_up(settings: Settings) -> None:
    limits = {"billing_currency": "eur", "billing_topup_min": "5", "billing_topup_max": "250"}
    async with run_gateway(settings.model_copy(update=limits)) as gateway:
        page = await gateway.get("/billing", None)
    assert page.status_code == 200
    assert "Top up, 5.00 to 250.00 EUR" in page.text


async def test_only_its_own_script_runs(gateway: Gateway) -> None:
    first, second = [await gateway.get("/billing", None) for _ in range(2)]
    nonces = [re.findall(r'nonce="([^"]+)"', page.text) for page in (first, second)]
    for page, (style, script) in zip((first, second), nonces, strict=True):
        assert style == script
        assert f"script-src 'nonce-{script}'" in page.headers["content-security-policy"]
        assert page.text.count("<script") == 1
        assert not re.search(r"\son[a-z]+=|innerHTML|https?://", page.text)
    assert nonces[0] != nonces[1]


async def test_amounts_and_text_cannot_become_markup(gateway: Gateway) -> None:
    """What customers and models name goes into the page as text alone."""
    page = await gateway.get("/billing", None)
    assert "textContent" in page.text
    for sink in ("innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval("):
        assert sink not in page.text
