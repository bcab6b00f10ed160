from decimal import Decimal
from types import SimpleNamespace

import pytest

from billing.ledger.schemas import Payer
from billing.proxy.call import Admission, Call
from billing.proxy.endings import (
    ChargeCost,
    ChargeHold,
    ChargeInput,
    Ending,
    Release,
    Wait,
    ending_at_request_end,
)
from billing.proxy.price import PriceRule
from billing.settings import Settings

ADMISSION = Admission(
    payer=Payer("user_id", "u"),
    rule=PriceRule(),
    free=False,
    hold_nanos=1_000,
    input_charge_nanos=70,
    available_nanos=0,
    detail={"model": "m"},
)


def logging_obj(*, enqueued: bool = False, streamed: bool = False) -> object:
    details = {"has_dispatched_final_stream_success": True} if streamed else {}
    return SimpleNamespace(model_call_details=details, async_success_log_enqueued=enqueued)


def dispatched_call(**facts: object) -> Call:
    call = Call(path="/v1/chat/completions", dispatched=True, logging_obj=logging_obj(), status=200)
    for name, value in facts.items():
        setattr(call, name, value)
    return call


class TestEndingAtRequestEnd:
    def test_a_success_event_under_way_is_awaited(self) -> None:
        for pending in (logging_obj(enqueued=True), logging_obj(streamed=True)):
            call = dispatched_call(logging_obj=pending, client_gone=True)
            assert ending_at_request_end(call, ADMISSION, Settings()) == Wait()

    def test_refused_or_failed_before_dispatch_costs_nothing(self) -> None:
        call = dispatched_call(dispatched=False, status=429)
        assert ending_at_request_end(call, ADMISSION, Settings()) == Release(Ending.NOT_DISPATCHED)

    @pytest.mark.parametrize(
        ("setting", "decision"),
        [("nothing", Release(Ending.FAILED)), ("input", ChargeInput(Ending.FAILED, 70))],
    )
    def test_failed_after_dispatch_costs_what_the_setting_says(self, setting: str, decision: object) -> None:
        settings = Settings(billing_charge_failed=setting)
        call = dispatched_call(status=500, body_bytes=120)
        assert ending_at_request_end(call, ADMISSION, settings) == decision

    @pytest.mark.parametrize(
        ("setting", "decision"),
        [
            ("input", ChargeInput(Ending.CUT_BEFORE_FIRST_CHUNK, 70)),
            ("nothing", Release(Ending.CUT_BEFORE_FIRST_CHUNK)),
        ],
    )
    def test_cut_before_the_first_chunk_costs_what_the_setting_says(
        self, setting: str, decision: object
    ) -> None:
        settings = Settings(billing_charge_cut_before_first=setting)
        call = dispatched_call(client_gone=True, status=None)
        assert ending_at_request_end(call, ADMISSION, settings) == decision

    def test_a_broken_stream_costs_what_was_recovered(self) -> None:
        call = dispatched_call(recovered_cost=Decimal("0.0000126"), body_bytes=10)
        assert ending_at_request_end(call, ADMISSION, Settings()) == ChargeCost(
            Ending.BROKEN_MID_STREAM, Decimal("0.0000126")
        )

    def test_an_answer_inside_an_error_is_not_free(self) -> None:
        call = dispatched_call(answer_rejected=True, status=500, body_bytes=400)
        assert ending_at_request_end(call, ADMISSION, Settings()) == ChargeHold(
            Ending.FINISHED_UNPRICED, ADMISSION.hold_nanos
        )

    def test_content_that_went_out_is_never_free(self) -> None:
        call = dispatched_call(body_bytes=10, client_gone=True)
        assert ending_at_request_end(call, ADMISSION, Settings()) == Wait()

    def test_without_a_logging_object_the_watchdog_decides(self) -> None:
        call = dispatched_call(logging_obj=None, status=500)
        assert ending_at_request_end(call, ADMISSION, Settings()) == Wait()
