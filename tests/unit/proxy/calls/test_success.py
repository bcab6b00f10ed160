from dataclasses import replace
from types import SimpleNamespace

import pytest

from billing.ledger.endings import Ending
from billing.ledger.schemas import Json, Payer, Settlement
from billing.prices.rule import PriceRule
from billing.proxy.admitted.call import Admission
from billing.proxy.calls.call import Call, Delivery
from billing.proxy.litellm.success_events import cost_of
from billing.proxy.max_cost.call_rules import CallRules
from billing.rating.reported import ReportedUsage
from billing.settings import FailedCallCharge
from tests.unit.proxy.deployments import deployment
from tests.unit.proxy.litellm_events import HookedSuccesses as Successes


def event(
    cost: object, *, tokens: int = 12, served: tuple[str, str] = ("", ""), **fields: object
) -> dict[str, object]:
    return {
        "response_cost": cost,
        "standard_logging_object": {
            "response_cost": cost or 0.0,
            "total_tokens": tokens,
            "model_group": served[0],
            "model_id": served[1],
        },
        **fields,
    }


class TestCostOf:
    def test_is_what_litellms_spend_log_has(self) -> None:
        logged = {"response_cost": 0.003, "total_tokens": 12}  # with a guardrail's cost
        assert cost_of(event(0.002, standard_logging_object=logged)) == 0.003

    @pytest.mark.parametrize("cost", [None, 0.0, 0])
    def test_nothing_for_tokens_is_not_known_rather_than_free(self, cost: object) -> None:
        assert cost_of(event(cost)) is None

    def test_a_cache_hit_costs_nothing(self) -> None:
        assert cost_of(event(0.0, cache_hit=True)) == 0

    @pytest.mark.parametrize("call_type", ["_arealtime", "call_mcp_tool", None])
    def test_no_tokens_cost_nothing_where_there_may_be_none(self, call_type: str | None) -> None:
        assert cost_of(event(0.0, tokens=0, call_type=call_type)) == 0

    @pytest.mark.parametrize(
        "call_type", ["acompletion", "atext_completion", "aembedding", "anthropic_messages"]
    )
    def test_no_tokens_of_an_answer_in_one_piece_are_usage_left_out(self, call_type: str) -> None:
        without_usage = event(0.0, tokens=0, call_type=call_type)
        assert cost_of(without_usage) is None
        assert cost_of({**without_usage, "cache_hit": True}) == 0
        assert cost_of({**without_usage, "stream": True}) == 0  # counted by us as it passed

    @pytest.mark.parametrize("call_type", ["arerank", "aspeech", "aimage_generation", "aresponses"])
    def test_nothing_for_what_always_costs_is_not_known(self, call_type: str) -> None:
        assert cost_of(event(0.0, tokens=0, call_type=call_type)) is None
        assert cost_of(event(0.0, tokens=0, call_type=call_type, cache_hit=True)) == 0


ADMISSION = Admission(Payer("user_id", "u"), PriceRule(), False, 9_000, 50, 0, {"model": "m"})
Charged = tuple[str, int, bool]


class Registry:
    """Notes what would be charged."""

    def __init__(self) -> None:
        self.charged: list[Charged] = []
        self.endings: list[str] = []
        self.details: list[Json] = []

    def settle(self, call: Call, settlement: Settlement) -> None:
        self.endings.append(settlement.ending)
        self.details.append(settlement.detail)
        self.charged.append(("settled", settlement.amount_nanos, settlement.estimate))

    def charge_more(self, call: Call, admission: Admission, settlement: Settlement, event_id: str) -> None:
        self.charged.append((event_id, settlement.amount_nanos, settlement.estimate))


class TestSeveralEvents:
    """One call may bring several, each of a provider call of its own; the hold bounds them all together."""

    @pytest.mark.parametrize(
        ("costs", "charged"),
        [
            ([2e-06, 3e-06], [("settled", 2_000, False), ("1", 3_000, False)]),
            ([2e-06, None], [("settled", 2_000, False), ("1", 7_000, True)]),
            ([None, None, None], [("settled", 9_000, True)]),
            ([None, 3e-06], [("settled", 9_000, True)]),
            ([None, 3e-06, 8e-06], [("settled", 9_000, True), ("2", 2_000, False)]),
        ],
        ids=str,
    )
    def test_are_charged_once_each_and_the_unpriced_once_together(
        self, costs: list[float | None], charged: list[Charged]
    ) -> None:
        registry = Registry()
        successes = Successes(registry)  # type: ignore[arg-type]  # notes what the real one would submit
        call = Call("/v1/chat/completions", admission=ADMISSION)
        for number, cost in enumerate(costs):
            successes.charge(call, event(cost, litellm_call_id=str(number)))
        assert registry.charged == charged

    def test_a_stream_that_litellm_calls_free_costs_what_it_showed(self) -> None:
        registry = Registry()
        call = Call("/v1/completions", admission=ADMISSION)
        call.stream = SimpleNamespace(likely_nanos=1_234, shown_tokens=20)  # type: ignore[assignment]  # all that is asked of it
        Successes(registry).charge(call, event(0.0, tokens=0))  # type: ignore[arg-type]  # as above
        assert registry.charged == [("settled", 1_234, True)]

    @pytest.mark.parametrize(
        ("left", "ending"), [(True, Ending.CUT_MID_STREAM), (False, Ending.FINISHED_UNPRICED)]
    )
    def test_a_stream_without_a_cost_ends_by_whether_its_client_left(
        self, left: bool, ending: Ending
    ) -> None:
        registry = Registry()
        call = Call("/v1/responses", admission=ADMISSION, delivery=Delivery(client_gone=left))
        call.stream = SimpleNamespace(likely_nanos=1_234, shown_tokens=20)  # type: ignore[assignment]  # as above
        Successes(registry).charge(call, event(None))  # type: ignore[arg-type]  # as above
        assert registry.charged == [("settled", 1_234, True)]
        assert registry.endings == [ending]

    @pytest.mark.parametrize(
        ("setting", "body_bytes", "charged"),
        [
            ("input", 0, ("settled", 50, True)),
            ("nothing", 0, ("settled", 0, True)),
            ("input", 9, ("settled", 2_000, False)),
        ],
    )
    def test_a_stream_whose_client_left_before_its_first_piece_costs_no_guess_of_litellms(
        self, setting: FailedCallCharge, body_bytes: int, charged: Charged
    ) -> None:
        registry = Registry()
        call = Call(
            "/v1/chat/completions",
            admission=ADMISSION,
            delivery=Delivery(client_gone=True, body_bytes=body_bytes),
        )
        call.stream = SimpleNamespace(likely_nanos=None, shown_tokens=0)  # type: ignore[assignment]  # as above
        successes = Successes(registry, cut_before_first=setting)  # type: ignore[arg-type]  # as above
        successes.charge(call, event(2e-06, stream=True))
        assert registry.charged == [charged]
        ending = Ending.CUT_MID_STREAM if body_bytes else Ending.CUT_BEFORE_FIRST_CHUNK
        assert registry.endings == [ending]


class TestStreamsWithoutReportedUsage:
    """LiteLLM then names a guess of its own: 2,000 nanos here."""

    @pytest.mark.parametrize(
        ("shown_nanos", "gone", "charged", "ending"),
        [
            (1_234, False, 1_234, Ending.FINISHED_UNPRICED),
            (1_234, True, 1_234, Ending.CUT_MID_STREAM),
            (None, True, 50, Ending.CUT_MID_STREAM),
            (None, False, 50, Ending.FINISHED_UNPRICED),
        ],
    )
    def test_cost_our_count(self, shown_nanos: int | None, gone: bool, charged: int, ending: Ending) -> None:
        registry, call = Registry(), self.call(b'data: {"choices": []}')
        call.stream = SimpleNamespace(likely_nanos=shown_nanos, shown_tokens=0)  # type: ignore[assignment]  # as above
        call.delivery = Delivery(client_gone=gone, body_bytes=9)
        Successes(registry).charge(call, event(2e-06, stream=True))  # type: ignore[arg-type]  # as above
        assert registry.charged == [("settled", charged, True)]
        assert registry.endings == [ending]
        assert {"usage_reported": False, "tokens": None, "provider_cost": None}.items() <= registry.details[
            0
        ].items()

    def test_cost_litellms_figure_where_we_count_nothing(self) -> None:
        """In shadow mode, and where we cannot read what the client gets."""
        registry, call = Registry(), self.call(b'data: {"choices": []}')
        call.stream = None
        Successes(registry).charge(call, event(2e-06, stream=True))  # type: ignore[arg-type]  # as above
        assert registry.charged == [("settled", 2_000, False)]

    @pytest.mark.parametrize(
        ("bodies", "streamed"),
        [
            ([b'data: {"choices": []}', b'data: {"choices": [], "usage": {"prompt_tokens": 9}}'], True),
            ([b"event in a format of its own"], True),
            ([], True),
            ([b'data: {"choices": []}'], False),  # a stream that LiteLLM read for a whole answer
        ],
    )
    def test_are_those_alone(self, bodies: list[bytes], streamed: bool) -> None:
        registry, call = Registry(), self.call(*bodies)
        Successes(registry).charge(call, event(2e-06, stream=streamed))  # type: ignore[arg-type]  # as above
        assert registry.charged == [("settled", 2_000, False)]

    @staticmethod
    def call(*bodies: bytes) -> Call:
        call = Call("/v1/chat/completions", admission=ADMISSION)
        call.stream = SimpleNamespace(likely_nanos=1_234, shown_tokens=None)  # type: ignore[assignment]  # as above
        for body in bodies:
            reported = ReportedUsage()
            reported.feed(body)
            call.upstream.reported_usages.append(reported)
        return call


class TestSessionsWithAnswersThatBrokeOff:
    """`likely_nanos`: what a session cost with what it showed of them."""

    @pytest.mark.parametrize(
        ("cost", "likely_nanos", "charged"),
        [
            (2e-06, None, [("settled", 2_000, False)]),
            (2e-06, 3_500, [("settled", 2_000, False), ("broken_off", 1_500, True)]),
            (2e-06, 1_900, [("settled", 2_000, False)]),
            (0.0, 1_500, [("settled", 1_500, True)]),
            (0.0, None, [("settled", 0, False)]),
        ],
    )
    def test_pay_for_that_in_addition_to_what_litellm_knows(
        self, cost: float, likely_nanos: int | None, charged: list[Charged]
    ) -> None:
        registry = Registry()
        call = Call("/v1/realtime", is_websocket=True, admission=ADMISSION)
        call.session = SimpleNamespace(likely_nanos=likely_nanos, implausible_usage=None)  # type: ignore[assignment]  # as above
        known = event(cost, tokens=12 if cost else 0)
        Successes(registry).charge(call, known)  # type: ignore[arg-type]  # as above
        Successes(registry).charge(call, known)  # type: ignore[arg-type]  # the same again
        assert registry.charged == charged

    def test_of_a_free_model_pay_nothing(self) -> None:
        registry = Registry()
        rules = CallRules(PriceRule(), {}, (deployment("gift", "d1", billing="free"),))
        call = Call("/v1/realtime", is_websocket=True, admission=replace(ADMISSION, rules=rules))
        call.session = SimpleNamespace(likely_nanos=1_500, implausible_usage=None)  # type: ignore[assignment]  # as above
        free = event(0.0, served=("gift", "d1"))
        Successes(registry).charge(call, free)  # type: ignore[arg-type]  # as above
        assert registry.charged == [("settled", 0, False)]


class TestUsagesThatCannotBe:
    """What a provider says is no final charge where it cannot be: the hold, or our count, for review."""

    @pytest.mark.parametrize(
        "usage",
        [
            {"prompt_tokens": 100, "completion_tokens": 20, "prompt_tokens_details": {"cached_tokens": 101}},
            {"prompt_tokens": -100, "completion_tokens": 20, "total_tokens": -80},
            {"prompt_tokens": 100, "completion_tokens": 20, "total_tokens": 5},
            {"input_tokens": 100, "output_tokens": -1},
        ],
    )
    @pytest.mark.parametrize(("counted", "charged"), [(1_234, 1_234), (None, 9_000)])
    def test_are_charged_as_counted_or_at_the_hold(
        self, usage: dict[str, object], counted: int | None, charged: int
    ) -> None:
        logged = {"response_cost": 2e-06, "total_tokens": 120, "metadata": {"usage_object": usage}}
        registry = Registry()
        call = Call("/v1/chat/completions", admission=ADMISSION)
        if counted is not None:
            call.stream = SimpleNamespace(likely_nanos=counted, shown_tokens=20)  # type: ignore[assignment]  # as above
        Successes(registry).charge(call, event(2e-06, standard_logging_object=logged))  # type: ignore[arg-type]  # as above
        assert registry.charged == [("settled", charged, True)]

    def test_many_times_what_was_shown_are_charged_as_counted(self) -> None:
        logged = {"response_cost": 2e-06, "metadata": {"usage_object": {"completion_tokens": 9_000}}}
        registry = Registry()
        call = Call("/v1/chat/completions", admission=ADMISSION)
        call.stream = SimpleNamespace(likely_nanos=1_234, shown_tokens=20)  # type: ignore[assignment]  # as above
        Successes(registry).charge(call, event(2e-06, standard_logging_object=logged))  # type: ignore[arg-type]  # as above
        assert registry.charged == [("settled", 1_234, True)]

    def test_many_times_what_was_asked_for_are_charged_at_the_hold(self) -> None:
        logged = {"response_cost": 2e-06, "metadata": {"usage_object": {"completion_tokens": 401}}}
        for asked_for, charged in ((100, [("settled", 9_000, True)]), (101, [("settled", 2_000, False)])):
            registry = Registry()
            admission = replace(ADMISSION, output_tokens_max=asked_for)
            call = Call("/v1/chat/completions", admission=admission)
            Successes(registry).charge(call, event(2e-06, standard_logging_object=logged))  # type: ignore[arg-type]  # as above
            assert registry.charged == charged

    def test_many_times_the_hold_are_charged_at_it(self) -> None:
        registry = Registry()
        call = Call("/v1/chat/completions", admission=ADMISSION)
        Successes(registry).charge(call, event(1.0))  # type: ignore[arg-type]  # as above
        assert registry.charged == [("settled", ADMISSION.hold_nanos, True)]

    def test_of_one_answer_of_a_session_cost_what_the_session_showed(self) -> None:
        registry = Registry()
        call = Call("/v1/realtime", is_websocket=True, admission=ADMISSION)
        call.session = SimpleNamespace(likely_nanos=3_500, implausible_usage="x is negative")  # type: ignore[assignment]  # as above
        Successes(registry).charge(call, event(2e-06))  # type: ignore[arg-type]  # as above
        assert registry.charged == [("settled", 3_500, True)]

    @pytest.mark.parametrize("cost", [-1e-06, float("nan"), float("inf")])
    def test_whose_cost_is_no_cost_are_charged_at_the_hold(self, cost: float) -> None:
        registry = Registry()
        Successes(registry).charge(  # type: ignore[arg-type]  # as above
            Call("/v1/chat/completions", admission=ADMISSION), event(cost)
        )
        assert registry.charged == [("settled", ADMISSION.hold_nanos, True)]
