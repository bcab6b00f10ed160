"""The pages of customers and operators: public, and without anything of a customer in them."""

from __future__ import annotations

import re

import pytest

from billing.ledger.schemas import Entry, TransactionKind
from billing.settings import Settings
from tests.integration.conftest import People
from tests.integration.plain_gateway import Gateway, run_gateway

PAGES = ("/billing", "/billing/admin")


async def test_it_says_the_limits_of_a_top_up(settings: Settings) -> None:
    limits = {"billing_currency": "eur", "billing_topup_min": "5", "billing_topup_max": "250"}
    async with run_gateway(settings.model_copy(update=limits)) as gateway:
        page = await gateway.get("/billing", None)
    assert page.status_code == 200
    assert "Top up, 5.00 to 250.00 EUR" in page.text


@pytest.mark.parametrize("path", PAGES)
class TestBothPages:
    async def test_only_their_own_script_runs(self, gateway: Gateway, path: str) -> None:
        first, second = [await gateway.get(path, None) for _ in range(2)]
        nonces = [re.findall(r'nonce="([^"]+)"', page.text) for page in (first, second)]
        for page, (style, script) in zip((first, second), nonces, strict=True):
            assert style == script
            policy = page.headers["content-security-policy"]
            assert f"script-src 'nonce-{script}'" in policy
            assert "default-src 'none'" in policy
            assert "unsafe" not in policy
            assert page.headers["cache-control"] == "no-store"
            assert page.text.count("<script") == 1
            assert not re.search(r"\son[a-z]+=|innerHTML|https?://", page.text)
        assert nonces[0] != nonces[1]

    async def test_amounts_and_text_cannot_become_markup(self, gateway: Gateway, path: str) -> None:
        """What customers and models name goes into the page as text alone."""
        page = await gateway.get(path, None)
        assert "textContent" in page.text
        for sink in ("innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval("):
            assert sink not in page.text

    async def test_money_is_never_a_float(self, gateway: Gateway, path: str) -> None:
        page = await gateway.get(path, None)
        assert "BigInt" in page.text
        for rounding in ("parseFloat", "toFixed", "Intl.NumberFormat"):
            assert rounding not in page.text

    async def test_nothing_in_a_request_breaks_them(
        self, gateway: Gateway, people: People, path: str
    ) -> None:
        for key in (None, people.alice, people.admin, people.viewer, "sk-unknown", "\x7f"):
            page = await gateway.get(path, key, customer_id="<script>alert(1)</script>", cursor="\0")
            assert page.status_code == 200
            assert "alert(1)" not in page.text
            assert people.alice_id not in page.text
        assert (await gateway.post(path, people.admin, {"amount": "1"})).status_code == 405
        assert (await gateway.get(f"{path}/", None)).status_code in {307, 404}


class TestTheAdminPage:
    async def test_it_needs_no_stripe(self, settings: Settings) -> None:
        async with run_gateway(settings.model_copy(update={"stripe_api_key": None})) as gateway:
            page = await gateway.get("/billing/admin", None)
        assert page.status_code == 200

    async def test_who_is_low_and_who_pays_by_default_come_from_the_settings(
        self, settings: Settings
    ) -> None:
        ours = {"billing_currency": "eur", "billing_topup_min": "5", "stripe_charge_by": "team_id"}
        async with run_gateway(settings.model_copy(update=ours)) as gateway:
            page = await gateway.get("/billing/admin", None)
        assert "less than 5.00 EUR" in page.text
        assert '<option value="team_id" selected>' in page.text
        assert page.text.count(" selected>") == 1
        for customer_type in ("user_id", "end_user_id", "api_key"):
            assert f'<option value="{customer_type}">' in page.text


class TestACallsId:
    """What a customer quotes to support, and the page shows."""

    async def test_a_line_of_a_call_names_it(self, gateway: Gateway, people: People) -> None:
        payer = gateway.callers[people.alice].payer
        assert payer is not None
        call_id = f"call-of-{people.alice_id}"
        charge = Entry(payer, TransactionKind.CHARGE, -5, f"charge:{call_id}", "demo-chat", hold_key=call_id)
        await gateway.billing.ledger.post(charge)
        await gateway.post(
            "/stripe/credits", people.admin, {"customer_id": people.alice_id, "amount": "1", "reason": "x"}
        )
        credit, charged = (await gateway.get("/stripe/transactions", people.alice)).json()["data"]
        assert charged["detail"] == {"call_id": call_id}
        assert "call_id" not in credit["detail"]
