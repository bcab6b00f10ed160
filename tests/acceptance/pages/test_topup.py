"""A customer tops up with a browser, pays on Stripe's page, and calls a model."""

from __future__ import annotations

import re
from collections.abc import Callable
from decimal import Decimal

from playwright.sync_api import Page, expect

from tests.acceptance.conftest import Running
from tests.acceptance.customers import Customer
from tests.acceptance.pages.browser import new_page
from tests.deadline import eventually

WAIT_MS = 30_000


def sign_in(page: Page, running: Running, customer: Customer) -> None:
    page.goto(running.page_url)
    page.get_by_label("Your API key").fill(customer.key)
    page.get_by_role("button", name="Show balance").click()
    expect(page.locator("#available")).to_contain_text("0.00", timeout=WAIT_MS)


def ask_for(page: Page, amount: str) -> None:
    page.locator("#amount").fill(amount)
    page.get_by_role("button", name="Pay").click()
    page.wait_for_url("**/c/pay/**")


def pay_with(page: Page, card: str) -> None:
    page.locator("#card_number").fill(card)
    page.get_by_role("button", name=re.compile("^Pay")).click()


class TestTopUp:
    def test_ten_paid_is_ten_available_and_a_call_is_paid_from_it(
        self, running: Running, new_customer: Callable[..., Customer]
    ) -> None:
        customer = new_customer()
        with new_page() as page:
            sign_in(page, running, customer)
            ask_for(page, "10.00")
            pay_with(page, "4242424242424242")
            page.wait_for_url("**/billing/topup/return**")
            expect(page.locator("main")).to_contain_text("10.00", timeout=WAIT_MS)
            eventually(lambda: customer.balance()["balance"] == 10)
            body = {"model": "demo-chat", "messages": [{"role": "user", "content": "hi"}], "max_tokens": 8}
            customer.http.post("/v1/chat/completions", json=body).raise_for_status()
            [charge] = customer.settled(charges=1)
            page.goto(running.page_url)
            expect(page.locator("#balance")).to_contain_text(
                str(customer.balance()["balance"]), timeout=WAIT_MS
            )
            expect(page.locator("#lines tr")).to_have_count(2)
        assert customer.balance()["balance"] == 10 + Decimal(str(charge["amount"]))

    def test_a_declined_card_and_an_abandoned_session_change_nothing(
        self, running: Running, new_customer: Callable[..., Customer]
    ) -> None:
        customer = new_customer()
        with new_page() as page:
            sign_in(page, running, customer)
            ask_for(page, "25")
            pay_with(page, "4000000000000002")
            expect(page.get_by_role("alert")).to_contain_text("declined", timeout=WAIT_MS)
        assert customer.balance()["balance"] == 0
        assert customer.transactions() == []
