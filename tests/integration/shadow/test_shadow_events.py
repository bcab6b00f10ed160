"""Events of a call in shadow mode, on a real Postgres: all of them are in the report."""

from __future__ import annotations

import pytest

from billing.database import Pool
from billing.ledger import Ledger
from billing.ledger.schemas import Entry, HoldRequest, Payer, TransactionKind
from billing.prices.rule import PriceRule
from billing.proxy.admitted.call import Admission
from billing.proxy.calls.call import Call, Delivery, Upstream
from billing.proxy.calls.open_calls import OpenCalls
from billing.proxy.calls.request_end import RequestEnds
from billing.proxy.calls.settlement_queue import SettlementQueue
from billing.proxy.calls.success import Successes
from billing.proxy.litellm.success_events import success_event
from billing.settings import Settings
from billing.shadow.ledger import ShadowLedger
from billing.shadow.recorder import Recorder

ADA = Payer("user_id", "ada")
HELD, INPUT = 90_000, 700


def event(litellm_id: str, cost: float) -> dict[str, object]:
    logged = {"response_cost": cost, "total_tokens": 12, "model_group": "m", "model_id": "m1"}
    return {"litellm_call_id": litellm_id, "response_cost": cost, "standard_logging_object": logged}


class TestAnotherRoundBeforeTheCallsOwnEnding:
    @pytest.mark.parametrize(("own_event_comes", "charged"), [(True, 5_000), (False, INPUT + 3_000)])
    async def test_is_recorded_with_it(
        self, pool: Pool, ledger: Ledger, own_event_comes: bool, charged: int
    ) -> None:
        await ledger.post(Entry(ADA, TransactionKind.CREDIT, HELD, "credit:1", "test"))
        recorder = Recorder(pool)
        shadow = ShadowLedger(pool, recorder, currency="usd")
        settings, queue = Settings(_env_file=None, billing_charge_failed="input"), SettlementQueue()
        open_calls = OpenCalls(shadow, queue, settings)
        successes = Successes(open_calls)
        call = Call(
            "/v1/chat/completions",
            upstream=Upstream(main_id="own", dispatched=True, logging_obj=object()),
            delivery=Delivery(status=500),
        )
        call.admission = Admission(ADA, PriceRule(), False, HELD, INPUT, 0, {"model": "m"})
        await shadow.hold(HoldRequest(call.id, ADA, HELD, INPUT, 60, {"model": "m", "route": call.path}))
        open_calls.add(call)
        successes.charge(call, success_event(event("round", 3e-06), call))
        if own_event_comes:
            successes.charge(call, success_event(event("own", 2e-06), call))
        else:
            RequestEnds(open_calls, settings).request_ended(call)
        assert await queue.drain(timeout_s=10) == 0
        await recorder.flush()
        async with pool.connection() as connection:
            cursor = await connection.execute('SELECT charged FROM "LiteLLM_StripeShadowCallTable"')
            assert await cursor.fetchall() == [(charged,)]
