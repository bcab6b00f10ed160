"""A customer opens a charge on the page, and sees how it came to be."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import httpx
from playwright.sync_api import Page, expect

from tests.acceptance.conftest import Running
from tests.acceptance.customers import Customer
from tests.acceptance.pages.browser import new_page

HOSTILE = '<img src=x onerror="document.title=1">'


def opened(page: Page, line: int) -> dict[str, str]:
    """Opens a row with the keyboard. Returns its facts by their names."""
    opener = page.locator("#lines button.open").nth(line)
    expect(opener).to_have_attribute("aria-expanded", "false")
    opener.press("Enter")
    expect(opener).to_have_attribute("aria-expanded", "true")
    row = page.locator(f"[id='{opener.get_attribute('aria-controls')}']")
    expect(row).to_be_visible()
    facts = {
        group.locator("dt").inner_text(): group.locator("dd").inner_text()
        for group in row.locator("dl > div").all()
    }
    opener.press("Enter")
    expect(row).to_be_hidden()
    return facts


def unit_price(price: str) -> str:
    """As the page must write it: a million tokens, at least two decimals."""
    units, _, decimals = format((Decimal(price) * 10**6), "f").partition(".")
    return f"{units}.{decimals.rstrip('0').ljust(2, '0')}"


class TestACharge:
    def test_it_shows_tokens_prices_rule_ending_and_call(
        self, running: Running, new_customer: Callable[..., Customer], admin: httpx.Client
    ) -> None:
        customer = new_customer(credit="5")
        body = {"model": "demo-chat", "messages": [{"role": "user", "content": "hi"}], "max_tokens": 8}
        answer = customer.http.post("/v1/chat/completions", json=body).raise_for_status()
        [charge] = customer.settled(charges=1)
        admin.post(
            "/stripe/credits", json={"customer_id": customer.user_id, "amount": "1", "reason": HOSTILE}
        ).raise_for_status()
        detail: Any = charge["detail"]
        usage = answer.json()["usage"]
        with new_page() as page:
            page.goto(running.page_url)
            page.get_by_label("Your API key").fill(customer.key)
            page.get_by_role("button", name="Show balance").click()
            expect(page.locator("#lines tr.line")).to_have_count(3)
            expect(page.locator("#lines button.open").first).to_have_text(HOSTILE)
            expect(page.locator("img")).to_have_count(0)
            facts = opened(page, line=1)
        assert facts["Model"].splitlines()[0] == "demo-chat"
        assert facts["Tokens"].splitlines() == [
            f"{usage['prompt_tokens']} in",
            f"{usage['completion_tokens']} out",
        ]
        prices = detail["unit_prices"]
        assert (
            f"input: {unit_price(prices['input_cost_per_token'])} per million tokens" in facts["Unit prices"]
        )
        assert (
            f"output: {unit_price(prices['output_cost_per_token'])} per million tokens"
            in facts["Unit prices"]
        )
        amount, currency = facts["Provider cost"].split()
        assert (Decimal(amount), currency) == (Decimal(detail["provider_cost"]), "USD")
        assert "e" not in amount.lower()
        assert facts["Price rule"] == "provider cost \u00d7 1"
        assert facts["Ending"] == "finished"
        assert facts["Call id"] == answer.headers["x-billing-call-id"]
