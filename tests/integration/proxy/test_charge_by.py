"""STRIPE_CHARGE_BY with LiteLLM's own keys: the hold is on that part's account, and on no other."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from litellm import Router
from litellm.proxy._types import UserAPIKeyAuth

from billing.errors import NoPayer
from billing.ledger import Ledger
from billing.ledger.schemas import Entry, Payer, TransactionKind
from billing.prices.book import CallPrices, PriceBook
from billing.prices.rule import PriceRule
from billing.proxy.calls.admission import Admissions
from billing.proxy.calls.call import Call
from billing.proxy.calls.credit_check import CreditCheck
from billing.proxy.calls.open_calls import OpenCalls
from billing.proxy.calls.settlement_queue import SettlementQueue
from billing.proxy.calls.sources import Sources
from billing.proxy.litellm.mcp_servers import McpServers
from billing.proxy.routes import route_of
from billing.settings import CustomerType, Settings

PATH = "/v1/chat/completions"
MODEL = {
    "model_name": "priced",
    "litellm_params": {"model": "openai/priced", "api_base": "http://127.0.0.1:9/v1", "api_key": "none"},
    "model_info": {
        "max_input_tokens": 1000,
        "max_output_tokens": 100,
        "input_cost_per_token": 1e-06,
        "output_cost_per_token": 2e-06,
    },
}


class NoRules:
    def prices_for(self, payer: Payer, team_id: str | None) -> PriceRule | CallPrices:
        return PriceBook([]).prices_for(payer, team_id, datetime.now(UTC))


async def admit(ledger: Ledger, charge_by: CustomerType, key: UserAPIKeyAuth) -> None:
    settings = Settings(_env_file=None, stripe_charge_by=charge_by)
    router = Router(model_list=[MODEL])
    open_calls = OpenCalls(ledger, SettlementQueue(), settings)
    body: dict[str, object] = {"model": "priced", "messages": [{"role": "user", "content": "hello"}]}
    call = Call(PATH, route=route_of("POST", PATH))
    credit = CreditCheck(ledger, settings, lambda: router, NoRules())
    sources = Sources(lambda: router, McpServers(), NoRules())
    admissions = Admissions(ledger, open_calls, settings, sources, credit)
    await admissions.admit(call, key, body, "acompletion")


@pytest.mark.parametrize("charge_by", ["user_id", "team_id", "api_key"])
async def test_the_part_of_the_key_that_is_named_pays(charge_by: CustomerType, ledger: Ledger) -> None:
    key = UserAPIKeyAuth(api_key="sk-of-ada", user_id="ada", team_id="builders", end_user_id="eve")
    ids: dict[CustomerType, str] = {"user_id": "ada", "team_id": "builders", "api_key": str(key.token)}
    payers = {name: Payer(name, customer_id) for name, customer_id in ids.items()}
    for payer in (*payers.values(), Payer("end_user_id", "eve")):
        await ledger.post(Entry(payer, TransactionKind.CREDIT, 10**9, f"credit:{payer}", "test"))
    await admit(ledger, charge_by, key)
    held = [name for name, payer in payers.items() if (await ledger.account(payer)).held_nanos > 0]
    assert held == [charge_by]
    assert (await ledger.account(Payer("end_user_id", "eve"))).held_nanos == 0


async def test_a_key_without_a_team_is_refused_where_teams_pay(ledger: Ledger) -> None:
    with pytest.raises(NoPayer):
        await admit(ledger, "team_id", UserAPIKeyAuth(api_key="sk-of-ada", user_id="ada"))
