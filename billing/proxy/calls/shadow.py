"""BILLING_MODE=shadow, LiteLLM's side: evaluates calls like enforcing mode and lets all of them through."""

from __future__ import annotations

import logging
from collections.abc import Mapping

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from billing.database.pool import Pool
from billing.errors import BillingError, NoPayer, Unavailable
from billing.jobs.background import Repeated
from billing.ledger.schemas import Payer
from billing.prices.rule import DEFAULT
from billing.proxy.admitted.call import Admission
from billing.proxy.calls.admission import Admissions
from billing.proxy.calls.call import Call
from billing.proxy.calls.open_calls import OpenCalls
from billing.proxy.calls.payer import Key, payer_of
from billing.proxy.calls.sources import Pricing
from billing.proxy.max_cost.call_rules import CallRules
from billing.proxy.requests.json_body import refuse_non_finite
from billing.settings import Settings
from billing.shadow.ledger import ShadowLedger
from billing.shadow.recorder import Recorder

MODE_HEADER = "x-billing-mode"
_WRITE_S = 0.5
_PURGE_S = 3600.0

logger = logging.getLogger(__name__)


class Shadow:
    """Runs enforcing mode's admission on a copy of each call, and records the result."""

    def __init__(self, pool: Pool, settings: Settings) -> None:
        self._settings = settings
        self._recorder = Recorder(pool)
        self.ledger = ShadowLedger(
            pool,
            self._recorder,
            currency=settings.billing_currency,
            wait_s=settings.billing_ledger_wait_s,
        )

    def look_with(self, admissions: Admissions, open_calls: OpenCalls, prices: Pricing) -> None:
        """Sets the admissions to use; they are created with `ledger`, so after this object."""
        self._admissions = admissions
        self._open_calls = open_calls
        self._prices = prices

    def jobs(self) -> tuple[Repeated, ...]:
        """Writes records, and deletes old ones."""
        days = self._settings.billing_holds_keep_days
        return (
            Repeated("writing shadow calls", _WRITE_S, self._write),
            Repeated("purging shadow calls", _PURGE_S, lambda: self._recorder.purge(days)),
        )

    async def stop(self) -> None:
        """Writes the remaining records."""
        await self.ledger.close()
        try:
            await self._recorder.flush()
        except Unavailable as error:
            logger.error("%d notes of shadow mode are lost: %s", len(self._recorder), error)

    async def _write(self) -> None:
        self.ledger.sweep()
        await self._recorder.flush()

    async def look(self, call: Call, key: Key, body: Mapping[str, object], call_type: str) -> None:
        """Records what enforcing mode would do with a call. Does not change the call, and never raises."""
        if call.shadow.would_be_refused:
            return
        copy = {name: dict(value) if type(value) is dict else value for name, value in body.items()}
        try:
            refuse_non_finite(copy)
            await self._admissions.admit(call, key, copy, call_type)
        except Unavailable as error:
            logger.warning("shadow mode could not evaluate call %s: %s", call.id, error)
        except BillingError as refusal:
            self.refuse(call, key, body, refusal)
        except Exception:  # whatever fails, this mode lets the call through
            logger.exception("shadow mode could not evaluate call %s", call.id)
        call.stream = call.session = None  # they would end a stream when the credit runs out
        call.shadow.is_let_through = True

    def refuse(self, call: Call, key: Key, body: object, refusal: BillingError) -> None:
        """Records a refusal, and from now on the cost of the call."""
        call.shadow.would_be_refused = True
        asked = body.get("model") if isinstance(body, Mapping) else None
        model = asked if isinstance(asked, str) and asked else None
        payer = self._payer(key)
        self.ledger.refuse(call.id, payer, model, call.path, refusal)
        if payer is None:
            return
        try:
            prices = self._prices.prices_for(payer, key.team_id)
        except Unavailable as error:
            logger.warning("shadow mode could not price call %s: %s", call.id, error)
            return
        detail = {"model": model, "route": call.path, "key_hash": key.token}
        call.admission = Admission(
            payer=payer,
            rule=DEFAULT,
            free=False,
            hold_nanos=0,
            input_charge_nanos=0,
            available_nanos=0,
            detail=detail,
            rules=CallRules(prices, {}),
        )
        self._open_calls.add(call)

    def _payer(self, key: Key) -> Payer | None:
        try:
            return payer_of(key, self._settings)
        except NoPayer:
            return None


class ModeHeader:
    """Marks every response in shadow mode, so that the mode is never on unnoticed."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Adds `x-billing-mode: shadow`."""

        async def marked(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message)[MODE_HEADER] = "shadow"
            await send(message)

        await self._app(scope, receive, marked)
