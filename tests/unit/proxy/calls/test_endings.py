from decimal import Decimal
from types import SimpleNamespace

import pytest

from billing.ledger.endings import Ending
from billing.ledger.schemas import Payer
from billing.prices.rule import PriceRule
from billing.proxy.admitted.call import Admission
from billing.proxy.calls.call import Call
from billing.proxy.calls.endings import (
    ChargeCost,
    ChargeEstimate,
    Release,
    Wait,
    ending_at_request_end,
)
from billing.rating.reported import ReportedUsage
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
    call = Call(path="/v1/chat/completions")
    started = {"dispatched": True, "logging_obj": logging_obj(), "status": 200}
    for name, value in {**started, **facts}.items():
        parts = (call.upstream, call.delivery, call.charges, call)
        setattr(next(part for part in parts if name in part.__slots__), name, value)
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
        [("nothing", Release(Ending.FAILED)), ("input", ChargeEstimate(Ending.FAILED, 70, "input"))],
    )
    def test_failed_after_dispatch_costs_what_the_setting_says(self, setting: str, decision: object) -> None:
        settings = Settings(billing_charge_failed=setting)
        call = dispatched_call(status=500, body_bytes=120)
        assert ending_at_request_end(call, ADMISSION, settings) == decision

    @pytest.mark.parametrize(
        ("setting", "decision"),
        [
            ("input", ChargeEstimate(Ending.CUT_BEFORE_FIRST_CHUNK, 70, "input")),
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

    def test_a_broken_stream_without_reported_usage_costs_our_count(self) -> None:
        """What LiteLLM recovered of it is its own guess then."""
        reported = ReportedUsage()
        reported.feed(b'data: {"choices": []}')
        recovered = Decimal("0.0000126")
        call = dispatched_call(recovered_cost=recovered, body_bytes=10, stream=stream_that_showed(33))
        call.upstream.reported_usages.append(reported)
        count = ChargeEstimate(Ending.BROKEN_MID_STREAM, 33, "count")
        assert ending_at_request_end(call, ADMISSION, Settings()) == count
        reported.feed(b'\ndata: {"choices": [], "usage": {"prompt_tokens": 5}}')
        cost = ChargeCost(Ending.BROKEN_MID_STREAM, recovered)
        assert ending_at_request_end(call, ADMISSION, Settings()) == cost

    def test_an_answer_inside_an_error_is_not_free(self) -> None:
        call = dispatched_call(answer_rejected=True, status=500, body_bytes=400)
        assert ending_at_request_end(call, ADMISSION, Settings()) == ChargeEstimate(
            Ending.FINISHED_UNPRICED, ADMISSION.hold_nanos, "hold"
        )

    def test_content_that_went_out_is_never_free(self) -> None:
        call = dispatched_call(body_bytes=10, client_gone=True)
        assert ending_at_request_end(call, ADMISSION, Settings()) == Wait()

    def test_without_a_logging_object_the_watchdog_decides(self) -> None:
        call = dispatched_call(logging_obj=None, status=500)
        assert ending_at_request_end(call, ADMISSION, Settings()) == Wait()


def stream_that_showed(nanos: int | None, *, failed: bool = False) -> object:
    return SimpleNamespace(likely_nanos=nanos, failed=failed)


class TestStreams:
    @pytest.mark.parametrize(
        ("facts", "ending"),
        [
            ({"client_gone": True}, Ending.CUT_MID_STREAM),
            ({"credit_ended": True, "in_full": True}, Ending.CREDIT_EXHAUSTED),
            ({}, Ending.BROKEN_MID_STREAM),
        ],
        ids=str,
    )
    def test_that_bring_no_event_cost_what_they_showed(
        self, facts: dict[str, object], ending: Ending
    ) -> None:
        call = dispatched_call(body_bytes=99, stream=stream_that_showed(33), **facts)
        assert ending_at_request_end(call, ADMISSION, Settings()) == ChargeEstimate(ending, 33, "count")

    def test_that_say_themselves_that_they_broke_cost_what_they_showed(self) -> None:
        stream = stream_that_showed(33, failed=True)
        call = dispatched_call(body_bytes=99, stream=stream, in_full=True)
        assert ending_at_request_end(call, ADMISSION, Settings()) == ChargeEstimate(
            Ending.BROKEN_MID_STREAM, 33, "count"
        )

    def test_that_went_to_their_end_wait_for_the_event(self) -> None:
        call = dispatched_call(body_bytes=99, stream=stream_that_showed(33), in_full=True)
        assert ending_at_request_end(call, ADMISSION, Settings()) == Wait()

    def test_that_broke_off_before_any_output_are_as_if_none_had_begun(self) -> None:
        call = dispatched_call(body_bytes=99, stream=stream_that_showed(None), client_gone=True)
        cut = ending_at_request_end(call, ADMISSION, Settings())
        assert cut == ChargeEstimate(Ending.CUT_BEFORE_FIRST_CHUNK, 70, "input")


class TestTimeouts:
    @pytest.mark.parametrize(
        ("client_set", "recovered", "decision"),
        [
            (True, Decimal("0.000002"), ChargeCost(Ending.TIMED_OUT, Decimal("0.000002"))),
            (True, None, ChargeEstimate(Ending.TIMED_OUT, 70, "input")),
            (False, Decimal("0.000002"), Release(Ending.TIMED_OUT)),
            (False, None, Release(Ending.TIMED_OUT)),
        ],
    )
    def test_that_the_client_chose_are_cut_by_it(
        self, client_set: bool, recovered: Decimal | None, decision: object
    ) -> None:
        call = dispatched_call(timed_out=True, client_set_timeout=client_set, recovered_cost=recovered)
        assert ending_at_request_end(call, ADMISSION, Settings()) == decision

    def test_cost_nothing_where_the_operator_says_so(self) -> None:
        call = dispatched_call(timed_out=True, client_set_timeout=True, recovered_cost=Decimal(1))
        settings = Settings(billing_charge_cut_before_first="nothing")
        assert ending_at_request_end(call, ADMISSION, settings) == Release(Ending.TIMED_OUT)

    def test_after_output_has_gone_out_is_a_broken_stream(self) -> None:
        call = dispatched_call(timed_out=True, recovered_cost=Decimal(1), body_bytes=99)
        assert ending_at_request_end(call, ADMISSION, Settings()) == ChargeCost(
            Ending.BROKEN_MID_STREAM, Decimal(1)
        )


class TestRejected:
    def test_by_the_gateway_after_dispatch_costs_what_a_failure_costs(self) -> None:
        call = dispatched_call(rejected=True, status=400, body_bytes=80)
        assert ending_at_request_end(call, ADMISSION, Settings()) == Release(Ending.REJECTED)
        settings = Settings(billing_charge_failed="input")
        assert ending_at_request_end(call, ADMISSION, settings) == ChargeEstimate(
            Ending.REJECTED, 70, "input"
        )
