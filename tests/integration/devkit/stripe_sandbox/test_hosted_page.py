"""The payment page, as a browser uses it."""

from __future__ import annotations

from html.parser import HTMLParser

import httpx
import stripe
from stripe.checkout import Session

from tests.integration.devkit.stripe_sandbox.checkouts import create_session


class Page(HTMLParser):
    """What a browser finds: text, fields, labels, links."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.text = ""
        self.fields: dict[str, set[str | None]] = {}
        self.labelled: set[str | None] = set()
        self.ids: list[str | None] = []
        self.links: list[str | None] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = dict(attrs)
        if tag == "input":
            self.fields.setdefault(str(found["name"]), set()).add(found.get("value"))
        if tag == "label":
            self.labelled.add(found.get("for"))
        if tag == "a":
            self.links.append(found.get("href"))
        if "id" in found:
            self.ids.append(found["id"])

    def handle_data(self, data: str) -> None:
        self.text += data


def url_of(session: Session) -> str:
    assert session.url is not None
    return session.url


async def submit(http: httpx.AsyncClient, session: Session, **fields: str) -> httpx.Response:
    return await http.post(url_of(session), data=fields)


async def test_says_what_it_is_and_what_it_costs(sdk: stripe.StripeClient, http: httpx.AsyncClient) -> None:
    session = await create_session(sdk, customer_email="ada@example.com")
    response = await http.get(url_of(session))
    page = Page(response.text)
    assert response.status_code == 200
    assert "SANDBOX: no real money" in page.text
    assert "10.00 USD" in page.text
    assert page.links == ["http://shop.test/cancelled"]
    assert page.fields["email"] == {"ada@example.com"}
    assert page.fields["method"] == {"card", "bank_debit_succeeds", "bank_debit_fails"}
    assert {"email", "card_number"} <= page.labelled
    assert len(page.ids) == len(set(page.ids))
    assert "default-src 'none'" in response.headers["Content-Security-Policy"]


async def test_a_paid_page_leads_to_the_shop(sdk: stripe.StripeClient, http: httpx.AsyncClient) -> None:
    session = await create_session(sdk)
    paid = await submit(http, session, method="card", card_number="4242 4242 4242 4242", email="a@b.co")
    assert paid.status_code == 303
    assert paid.headers["Location"] == f"http://shop.test/ok?session={session.id}"
    found = await sdk.v1.checkout.sessions.retrieve_async(session.id)
    assert found.payment_status == "paid"
    assert found.customer_details is not None
    assert found.customer_details.email == "a@b.co"
    again = await submit(http, session, method="card", card_number="4242424242424242")
    assert again.headers["Location"] == paid.headers["Location"]
    assert "Already paid" in (await http.get(f"/c/pay/{session.id}")).text


async def test_a_refusal_shows_the_form_again(sdk: stripe.StripeClient, http: httpx.AsyncClient) -> None:
    session = await create_session(sdk)
    for number, words in (
        ("4000000000000002", "Your card was declined."),
        ("4000000000009995", "Your card has insufficient funds."),
        ("1", "Your card number is incorrect."),
    ):
        refused = await submit(http, session, method="card", card_number=number)
        assert refused.status_code == 402
        assert words in refused.text
        assert 'role="alert"' in refused.text
        assert number not in Page(refused.text).fields["card_number"]
    assert (await submit(http, session, method="cheque")).status_code == 400


async def test_a_bank_debit_settles_later(sdk: stripe.StripeClient, http: httpx.AsyncClient) -> None:
    await http.put("/sandbox/settings", json={"settle_delay_ms": None})
    session = await create_session(sdk)
    assert (await submit(http, session, method="bank_debit_fails")).status_code == 303
    found = await sdk.v1.checkout.sessions.retrieve_async(session.id)
    assert (found.status, found.payment_status) == ("complete", "unpaid")


async def test_what_a_shop_writes_is_text_not_markup(
    sdk: stripe.StripeClient, http: httpx.AsyncClient
) -> None:
    price = {"currency": "jpy", "unit_amount": 1234, "product_data": {"name": "<script>alert(1)</script>"}}
    session = await create_session(sdk, line_items=[{"quantity": 2, "price_data": price}])
    response = await http.get(url_of(session))
    assert "<script" not in response.text
    assert "<script>alert(1)</script> \N{MULTIPLICATION SIGN} 2" in Page(response.text).text
    assert "2,468 JPY" in response.text


async def test_expired_and_unknown_pages_say_so(sdk: stripe.StripeClient, http: httpx.AsyncClient) -> None:
    session = await create_session(sdk)
    await sdk.v1.checkout.sessions.expire_async(session.id)
    expired = await submit(http, session, method="card", card_number="4242424242424242")
    assert (expired.status_code, "has expired" in expired.text) == (410, True)
    assert (await http.get("/c/pay/cs_test_unknown")).status_code == 404
    assert (await http.post("/c/pay/cs_test_unknown")).status_code == 404


async def test_an_oversized_form_is_refused(sdk: stripe.StripeClient, http: httpx.AsyncClient) -> None:
    session = await create_session(sdk)
    assert (await submit(http, session, card_number="4" * 20_000)).status_code == 400
