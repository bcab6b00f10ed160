"""The operator's page: all balances, and credit, with customers who would like to run a script in it."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from uuid import uuid4

import httpx
from playwright.sync_api import Page, Route, expect

from tests.acceptance.conftest import Running
from tests.acceptance.customers import Customer
from tests.acceptance.pages.browser import new_page

PAGE_ROWS = 100  # what the page asks for at once


def sign_in(page: Page, running: Running, key: str) -> None:
    page.goto(running.admin_page_url)
    page.get_by_label("Master key").fill(key)
    page.get_by_role("button", name="Show balances").click()


def give(page: Page, amount: str) -> None:
    page.get_by_label("Amount").fill(amount)
    page.get_by_label("Reason").fill("an outage")
    page.get_by_role("button", name="Give credit", exact=True).click()


def lose_answer(route: Route) -> None:
    """The gateway takes the request, and the browser never hears of it."""
    assert route.fetch().ok
    route.abort()


def all_balances(admin: httpx.Client) -> list[dict[str, str]]:
    rows: list[dict[str, str]] = []
    cursor: str | None = ""
    while cursor is not None:
        params = {"limit": "100", **({"cursor": cursor} if cursor else {})}
        body = admin.get("/stripe/balances/all", params=params).raise_for_status().json()
        rows += body["data"]
        cursor = body["next_cursor"]
    return rows


def balance_of(admin: httpx.Client, customer_id: str) -> Decimal:
    response = admin.get("/stripe/balance", params={"customer_id": customer_id})
    return Decimal(response.raise_for_status().json()["balance"])


class TestTheAdmin:
    def test_reads_every_page_and_credits_a_hostile_customer_once(
        self, running: Running, admin: httpx.Client
    ) -> None:
        mark = uuid4().hex[:8]
        hostile = f'<img src=x onerror="document.title=1"> {mark}'
        low = f"low-{mark}"
        for customer_id, amount in [
            *((f"{mark}-{n}", "0.000000001") for n in range(PAGE_ROWS)),
            (low, "0.5"),
            (hostile, "3"),
        ]:
            grant = {"customer_id": customer_id, "amount": amount, "reason": "test"}
            admin.post("/stripe/credits", json=grant).raise_for_status()
        with new_page() as page:
            sign_in(page, running, running.master_key)
            expect(page.locator("#scope")).to_contain_text(f"{PAGE_ROWS} customers loaded. There are more")
            balances = all_balances(admin)
            more = page.get_by_role("button", name="More")
            for shown in range(2 * PAGE_ROWS, len(balances) + PAGE_ROWS, PAGE_ROWS):
                more.click()
                expect(page.locator("#rows tr")).to_have_count(min(shown, len(balances)))
            expect(more).to_be_hidden()
            expect(page.locator("#customers")).to_have_text(str(len(balances)))
            for name in ("balance", "total_topups", "total_spent"):
                amount, currency = page.locator(f"#{name}").inner_text().split()
                assert Decimal(amount) == sum(Decimal(row[name]) for row in balances)
                assert currency == "USD"
            search = page.get_by_label("Search")
            search.fill(low)
            expect(page.locator("#rows tr:visible .badge")).to_have_text("Low")
            search.fill(hostile)
            row = page.locator("#rows tr:visible")
            expect(row.locator(".customer div").first).to_have_text(hostile)
            row.get_by_role("button").click()
            page.route("**/stripe/credits", lose_answer)
            give(page, "2.5")
            expect(page.locator("#credit-result")).to_contain_text("not known whether it was credited")
            page.unroute("**/stripe/credits")
            page.get_by_role("button", name="Give credit", exact=True).click()
            expect(page.locator("#credit-result")).to_contain_text(f"Gave 2.50 USD to {hostile}")
            expect(row.locator("td").nth(2)).to_have_text("5.50")
            expect(page.locator("img")).to_have_count(0)
            expect(page).to_have_title("Billing, all customers")
        assert balance_of(admin, hostile) == Decimal("5.5")


class TestOthers:
    def test_a_customer_sees_nothing_and_a_viewer_reads_but_cannot_credit(
        self, running: Running, admin: httpx.Client, new_customer: Callable[..., Customer]
    ) -> None:
        customer = new_customer(credit="1")
        viewer = {"user_id": f"viewer-{uuid4().hex[:12]}", "user_role": "proxy_admin_viewer"}
        key = admin.post("/user/new", json=viewer).raise_for_status().json()["key"]
        with new_page() as page:
            sign_in(page, running, customer.key)
            expect(page.get_by_role("alert")).to_contain_text("This is a customer's key")
            expect(page.locator("#content")).to_be_hidden()
            page.reload()
            expect(page.get_by_role("alert")).to_be_empty()  # the refused key was forgotten
            sign_in(page, running, key)
            expect(page.locator("#rows tr").first).to_be_visible()
            page.get_by_label("Customer id").fill(customer.user_id)
            give(page, "5")
            expect(page.locator("#credit-result")).to_contain_text("Nothing was credited. Only a proxy admin")
            page.get_by_role("button", name="Forget the key").click()
            expect(page.get_by_label("Master key")).to_be_visible()
            expect(page.locator("#rows tr")).to_have_count(0)
        assert balance_of(admin, customer.user_id) == 1
