"""Admits a call: finds the payer and the maximum cost, and creates the hold. No hold, no call."""

from __future__ import annotations

from functools import partial
from typing import cast

from pydantic import JsonValue

from billing.errors import InsufficientCredits
from billing.ledger.schemas import Hold, HoldRequest, Json, Payer
from billing.prices.book import CallPrices
from billing.prices.detail import rules_detail
from billing.prices.rule import PriceRule
from billing.proxy.admitted.call import Admission
from billing.proxy.admitted.ledger import CallLedger
from billing.proxy.calls.call import Call
from billing.proxy.calls.credit_check import CreditCheck
from billing.proxy.calls.open_calls import OpenCalls
from billing.proxy.calls.output_plan import OutputPlan
from billing.proxy.calls.payer import Key, payer_of
from billing.proxy.calls.session_cost import cost_so_far
from billing.proxy.calls.sources import Sources
from billing.proxy.max_cost import MaxCost, max_cost_of
from billing.proxy.max_cost.call_rules import CallRules
from billing.proxy.max_cost.mcp import CALL_TYPE as TOOL_CALL
from billing.proxy.max_cost.mcp import max_cost_of_tool_call
from billing.proxy.max_cost.moderation import check_moderation
from billing.proxy.max_cost.realtime import RealtimePrices, max_cost_of_session
from billing.proxy.max_cost.search_route import CALL_TYPE as SEARCH
from billing.proxy.max_cost.search_route import max_cost_of_search
from billing.proxy.realtime.session import RealtimeSession
from billing.proxy.requests.client_fields import check_retries, with_key_fallbacks
from billing.proxy.routes import Handling, check_call
from billing.settings import Settings

Body = dict[str, object]
_ATTEMPTS = 3  # to fit the output limit to a balance that other calls change meanwhile


class Admissions:
    """Decides whether a call may proceed, and writes the priced limit into its body."""

    def __init__(
        self,
        ledger: CallLedger,
        open_calls: OpenCalls,
        settings: Settings,
        sources: Sources,
        credit_check: CreditCheck,
    ) -> None:
        self._credit_check = credit_check
        self._ledger = ledger
        self._open_calls = open_calls
        self._settings = settings
        self._sources = sources

    async def admit(self, call: Call, key: Key, body: Body, call_type: str) -> None:
        """Creates a hold for the call's maximum cost, or raises a BillingError: then nothing is served.

        May run twice for one request (LiteLLM retries its pre-call hooks with a fallback model after a rate
        limit); the second time resizes the hold.
        """
        if check_call(call.route, call.path, call_type).handling is Handling.FREE:
            if call_type == "moderation":
                check_moderation(body, self._sources.router())
            return
        if call_type == TOOL_CALL and call.admission is not None:
            return  # for guardrails LiteLLM calls its hooks again for a call that already has a hold
        check_retries(body)  # LiteLLM also reads them from headers
        payer = payer_of(key, self._settings)
        prices = self._sources.prices.prices_for(payer, key.team_id)
        max_cost, session_prices = await self._max_cost(call, body, call_type, prices)
        detail = _detail(key, body, max_cost, call)
        if max_cost.free:
            if (
                call.admission is None
            ):  # otherwise LiteLLM fell back to a free model: its hold is settled at 0
                call.admission = await self._free(payer, max_cost, detail)
            return
        plan = OutputPlan(max_cost, call_type, self._settings)
        hold = await self._hold(call, payer, body, max_cost, plan, detail)
        call.admission = Admission(
            payer=payer,
            rule=max_cost.rule,
            free=False,
            hold_nanos=hold.amount_nanos,
            input_charge_nanos=max_cost.input_charge_nanos,
            available_nanos=hold.available_nanos,
            detail=detail,
            rules=CallRules(prices, max_cost.rules, max_cost.deployments),
            output_tokens_max=max_cost.limited_tokens,
        )
        self._open_calls.add(call)
        if session_prices is not None:
            call.session = RealtimeSession(
                self._ledger, call, session_prices, self._settings, partial(cost_so_far, call)
            )

    async def _max_cost(
        self, call: Call, body: Body, call_type: str, prices: PriceRule | CallPrices
    ) -> tuple[MaxCost, RealtimePrices | None]:
        """Returns the maximum cost of the call; for a session also the prices of its responses."""
        if call.is_websocket:
            return max_cost_of_session(with_key_fallbacks(body), self._sources.router(), prices)
        if call_type == TOOL_CALL:
            return max_cost_of_tool_call(body, self._sources.mcp_servers, prices), None
        if call_type == SEARCH:
            return max_cost_of_search(with_key_fallbacks(body), self._sources.router(), prices), None
        max_cost = await max_cost_of(
            with_key_fallbacks(body),
            call_type=call_type,
            route=call.path,
            router=self._sources.router(),
            rule=prices,
            settings=self._settings,
        )
        return max_cost, None

    async def _free(self, payer: Payer, max_cost: MaxCost, detail: Json) -> Admission:
        account = await self._ledger.account(payer)
        return Admission(
            payer=payer,
            rule=max_cost.rule,
            free=True,
            hold_nanos=0,
            input_charge_nanos=0,
            available_nanos=account.available_nanos,
            detail=detail,
        )

    async def _hold(
        self, call: Call, payer: Payer, body: Body, max_cost: MaxCost, plan: OutputPlan, detail: Json
    ) -> Hold:
        output_tokens = plan.first_tokens
        refusal: InsufficientCredits | None = None
        for _ in range(_ATTEMPTS):
            if refusal is not None:
                output_tokens = plan.smaller_tokens(refusal)
            try:
                hold = await self._take(call, payer, max_cost, output_tokens, detail)
            except InsufficientCredits as error:
                refusal = error
                self._credit_check.note(payer, error.available_nanos)
            else:
                self._credit_check.note(payer, hold.available_nanos)
                max_cost.write_limit(cast(dict[str, JsonValue], body), plan.limit(output_tokens))
                call.stream = plan.stream(self._ledger, call, output_tokens)
                return hold
        assert refusal is not None
        raise plan.refused(refusal, "", output_tokens)

    async def _take(
        self, call: Call, payer: Payer, max_cost: MaxCost, output_tokens: int, detail: Json
    ) -> Hold:
        amount_nanos = max_cost.amount_nanos(output_tokens)
        if call.admission is not None and not call.admission.free:
            return await self._ledger.resize(call.id, max(amount_nanos, call.admission.input_charge_nanos))
        request = HoldRequest(
            key=call.id,
            payer=payer,
            amount_nanos=amount_nanos,
            no_event_charge_nanos=self._fallback(max_cost, amount_nanos),
            lease_s=self._settings.billing_hold_ttl_s,
            detail={**detail, **rules_detail(max_cost.rule, max_cost.rules)},
        )
        return await self._ledger.hold(request)

    def _fallback(self, max_cost: MaxCost, amount_nanos: int) -> int:
        if self._settings.billing_charge_no_event == "nothing":
            return 0
        return min(max_cost.input_charge_nanos, amount_nanos)


def _detail(key: Key, body: Body, max_cost: MaxCost, call: Call) -> Json:
    detail: dict[str, JsonValue] = {
        "model": max_cost.model,
        "route": call.path,
        "stream": body.get("stream") is True,
        "key_hash": key.token,
        "user_id": key.user_id,
        "team_id": key.team_id,
        "output_tokens_limit": max_cost.output_tokens,
    }
    if max_cost.recording_seconds is not None:
        detail["recording_seconds"] = round(max_cost.recording_seconds, 3)
    return detail
