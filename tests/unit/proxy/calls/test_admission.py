"""Admission by real bounds, in front of a ledger that answers as told."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from typing import Protocol

import pytest
from litellm import Router

from billing.errors import BadRequest, InsufficientCredits, RouteNotBillable
from billing.ledger.schemas import Account, Hold, HoldRequest, HoldStatus, Payer
from billing.prices.book import CallPrices, PriceBook
from billing.prices.rule import PriceRule, Scope
from billing.proxy.calls.admission import Admissions
from billing.proxy.calls.call import Call
from billing.proxy.calls.credit_check import CreditCheck
from billing.proxy.calls.sources import Sources
from billing.proxy.litellm.mcp_servers import McpServers
from billing.proxy.routes import route_of
from billing.settings import Settings
from tests.unit.proxy.calls.test_payer import FakeKey

NOW = datetime(2026, 1, 1, tzinfo=UTC)


class Build(Protocol):
    """Admissions in front of a ledger, under some price rules."""

    def __call__(
        self, ledger: ScriptedLedger, *rules: PriceRule, settings: Settings | None = ...
    ) -> Admissions: ...


@dataclass
class ScriptedLedger:
    """Has, for each hold in turn, so much available; the last amount stays."""

    available: list[int]
    holds: list[HoldRequest] = field(default_factory=list)
    resized: list[int] = field(default_factory=list)

    async def hold(self, request: HoldRequest) -> Hold:
        self._take(request.amount_nanos)
        self.holds.append(request)
        return _hold(request.key, request.amount_nanos)

    async def resize(self, key: str, amount_nanos: int) -> Hold:
        self.resized.append(amount_nanos)
        return _hold(key, amount_nanos)

    async def account(self, payer: Payer) -> Account:
        raise AssertionError("a priced call asks no account")

    def _take(self, amount_nanos: int) -> None:
        available = self.available.pop(0) if len(self.available) > 1 else self.available[0]
        if amount_nanos > available:
            raise InsufficientCredits("no", available_nanos=available, required_nanos=amount_nanos)


def _hold(key: str, amount_nanos: int) -> Hold:
    payer = Payer("user_id", "user-1")
    return Hold(key, payer, amount_nanos, 0, HoldStatus.OPEN, None, None, {}, NOW, NOW, 0)


@dataclass
class Registered:
    calls: list[Call] = field(default_factory=list)

    def add(self, call: Call) -> None:
        self.calls.append(call)


@dataclass
class RulesNow:
    """Rules as they stand now."""

    book: PriceBook

    def prices_for(self, payer: Payer, team_id: str | None) -> PriceRule | CallPrices:
        return self.book.prices_for(payer, team_id, NOW)


@pytest.fixture(scope="module")
def router() -> Router:
    info = {"mode": "chat", "max_input_tokens": 1000, "max_output_tokens": 4000}
    prices = {"input_cost_per_token": 1e-06, "output_cost_per_token": 2e-06}
    params = {"model": "openai/priced", "api_base": "http://127.0.0.1:9/v1", "api_key": "none"}
    deployment = {"model_name": "priced", "litellm_params": params, "model_info": {**info, **prices}}
    return Router(model_list=[deployment])


@pytest.fixture
def admissions(router: Router) -> Build:
    def build(ledger: ScriptedLedger, *rules: PriceRule, settings: Settings | None = None) -> Admissions:
        prices, wanted = RulesNow(PriceBook(rules)), settings or Settings()
        credit = CreditCheck(ledger, wanted, lambda: router, prices)  # type: ignore[arg-type]  # scripted
        return Admissions(ledger, Registered(), wanted, Sources(lambda: router, McpServers(), prices), credit)  # type: ignore[arg-type]

    return build


def chat(**fields: object) -> dict[str, object]:
    return {"model": "priced", "messages": [{"role": "user", "content": "hello"}], **fields}


class TestPriceRules:
    """The hold is made by the rule that the charge will be made by."""

    async def test_the_customers_rule_makes_the_hold_and_stays_with_the_call(self, admissions: Build) -> None:
        doubled = PriceRule(Decimal(2), fee_nanos=7, scope=Scope(Payer("user_id", "user-1")), id="price_1")
        plain, ruled, first, second = ScriptedLedger([10**12]), ScriptedLedger([10**12]), call(), call()
        await admissions(plain).admit(first, FakeKey(), chat(max_tokens=100), "acompletion")
        await admissions(ruled, doubled).admit(second, FakeKey(), chat(max_tokens=100), "acompletion")
        assert ruled.holds[0].amount_nanos == 2 * plain.holds[0].amount_nanos + 7
        assert "rule" not in plain.holds[0].detail
        assert ruled.holds[0].detail["rule"] == doubled.detail()
        assert second.admission is not None
        assert second.admission.rule_of("priced", "any", "openai") == doubled

    async def test_of_another_customer_changes_nothing(self, admissions: Build) -> None:
        rule = PriceRule(Decimal(2), scope=Scope(Payer("user_id", "somebody-else")))
        plain, ruled = ScriptedLedger([10**12]), ScriptedLedger([10**12])
        await admissions(plain).admit(call(), FakeKey(), chat(max_tokens=9), "acompletion")
        await admissions(ruled, rule).admit(call(), FakeKey(), chat(max_tokens=9), "acompletion")
        assert ruled.holds[0].amount_nanos == plain.holds[0].amount_nanos

    async def test_a_free_rule_holds_nothing(self, admissions: Build) -> None:
        ledger, free = FreeLedger([0]), call()
        rule = PriceRule(free=True, scope=Scope(model="priced"))
        await admissions(ledger, rule).admit(free, FakeKey(), chat(), "acompletion")
        assert ledger.holds == []
        assert free.admission is not None
        assert free.admission.free


@dataclass
class FreeLedger(ScriptedLedger):
    """Knows the payer of a free call, of whom nothing is held."""

    async def account(self, payer: Payer) -> Account:
        return Account(None, payer, None, "usd", 0, 0, 0, 0, None, False, None, None, None, None)


class TestNoEvent:
    """The charge for a call without a success event is agreed with its hold."""

    async def test_costs_the_input_or_by_setting_nothing(self, admissions: Build) -> None:
        charged, free = ScriptedLedger([10**12]), ScriptedLedger([10**12])
        forgiving = Settings(billing_charge_no_event="nothing")
        await admissions(charged).admit(call(), FakeKey(), chat(max_tokens=9), "acompletion")
        await admissions(free, settings=forgiving).admit(call(), FakeKey(), chat(max_tokens=9), "acompletion")
        assert 0 < charged.holds[0].no_event_charge_nanos < charged.holds[0].amount_nanos
        assert free.holds[0].no_event_charge_nanos == 0


class TestOutputLimit:
    async def test_the_priced_limit_goes_into_the_request(self, admissions: Build) -> None:
        body = chat()
        await admissions(ScriptedLedger([10**12])).admit(call(), FakeKey(), body, "acompletion")
        assert 0 < int(str(body["max_tokens"])) <= 4000

    async def test_a_smaller_one_that_fits_is_written_where_the_balance_is_small(
        self, admissions: Build
    ) -> None:
        ledger, body = ScriptedLedger([1_500_000]), chat()
        await admissions(ledger).admit(call(), FakeKey(), body, "acompletion")
        limit = int(str(body["max_tokens"]))
        assert 256 <= limit <= 1000
        assert ledger.holds[0].amount_nanos <= 1_500_000
        assert ledger.holds[0].amount_nanos >= limit * 2_000

    async def test_of_the_attempt_that_was_admitted_is_the_one_written(self, admissions: Build) -> None:
        """Other calls take the balance between two attempts."""
        ledger, body = ScriptedLedger([1_900_000, 1_500_000, 1_600_000]), chat()
        await admissions(ledger).admit(call(), FakeKey(), body, "acompletion")
        assert ledger.available == [1_600_000]
        assert ledger.holds[0].amount_nanos >= int(str(body["max_tokens"])) * 2_000

    async def test_a_balance_that_keeps_shrinking_is_402_in_the_end(self, admissions: Build) -> None:
        shrinking = ScriptedLedger([1_900_000, 1_500_000, 1_100_000, 800_000])
        with pytest.raises(InsufficientCredits, match="Top up"):
            await admissions(shrinking).admit(call(), FakeKey(), chat(), "acompletion")
        assert shrinking.holds == []


class TestAgain:
    """LiteLLM runs its pre-call hooks again with a fallback model."""

    async def test_resizes_the_hold_and_adds_none(self, admissions: Build) -> None:
        ledger, twice = ScriptedLedger([10**12]), call()
        for limit in (100, 50):
            await admissions(ledger).admit(twice, FakeKey(), chat(max_tokens=limit), "acompletion")
        assert len(ledger.holds) == 1
        assert len(ledger.resized) == 1

    async def test_never_below_what_the_call_costs_at_least(self, admissions: Build) -> None:
        ledger, twice = ScriptedLedger([10**12]), call()
        long = chat(messages=[{"role": "user", "content": "word " * 500}], max_tokens=1)
        await admissions(ledger).admit(twice, FakeKey(), long, "acompletion")
        await admissions(ledger).admit(twice, FakeKey(), chat(max_tokens=1), "acompletion")
        assert ledger.resized[0] >= ledger.holds[0].no_event_charge_nanos


class TestRefused:
    async def test_what_is_no_billable_call_asks_no_ledger(self, admissions: Build) -> None:
        ledger = ScriptedLedger([10**12])
        with pytest.raises(RouteNotBillable):
            await admissions(ledger).admit(call("/v1/batches"), FakeKey(), chat(), "acreate_batch")
        with pytest.raises(BadRequest):
            await admissions(ledger).admit(call(), FakeKey(), chat(model="priced,priced"), "acompletion")
        assert ledger.holds == []


def call(path: str = "/v1/chat/completions") -> Call:
    return Call(path=path, route=route_of("POST", path))
