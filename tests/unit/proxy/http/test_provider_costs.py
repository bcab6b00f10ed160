"""What a customer sees of the costs that LiteLLM or a provider puts into an answer."""

from __future__ import annotations

import json
from decimal import Decimal

import pytest

from billing.proxy.http.provider_costs import CustomersStream, customers_body, customers_text, names_cost

CHARGE = "0.004800000"
PROVIDERS = {"prompt_tokens": 8, "cost": 0.0016, "cost_details": {"upstream_inference_cost": 0.0105}}
CUSTOMERS = {"prompt_tokens": 8}


def body(document: object) -> bytes:
    return json.dumps(document).encode()


class TestAJsonAnswer:
    async def test_names_the_charge_digit_for_digit(self) -> None:
        shown = await customers_body(body({"id": "a", "usage": PROVIDERS}), CHARGE)
        assert json.loads(shown, parse_float=Decimal) == {
            "id": "a",
            "usage": {"prompt_tokens": 8, "cost": Decimal(CHARGE)},
        }
        assert CHARGE.encode() in shown

    async def test_names_no_cost_where_the_charge_is_not_known(self) -> None:
        assert json.loads(await customers_body(body({"usage": PROVIDERS}), None)) == {"usage": CUSTOMERS}

    @pytest.mark.parametrize(
        ("document", "expected"),
        [
            ({"usage": {"cost": {"total_cost": 0.1}}}, {"usage": {"cost": Decimal(CHARGE)}}),
            ({"usage": {"cost_in_usd_ticks": 9}}, {"usage": {}}),
            ({"usage": {"details": [{"n": 1, "cost": 2}]}}, {"usage": {"details": [{"n": 1}]}}),
            ({"cost": 2, "costDollars": {"total": 1}, "response_cost": 1}, {}),
            ({"usageMetadata": {"totalCost": 1, "n": 1}}, {"usageMetadata": {"n": 1}}),
            ({"usage_info": {"upstream_cost_usd": 1}}, {"usage_info": {}}),
            ({"meta": {"billed_units": {"search_units": 1, "total_cost": 3}}},
             {"meta": {"billed_units": {"search_units": 1}}}),
            ({"error": {"message": "no"}, "cost": 1}, {"error": {"message": "no"}}),
        ],
    )  # fmt: skip
    async def test_has_none_under_any_of_its_names(self, document: object, expected: object) -> None:
        assert json.loads(await customers_body(body(document), CHARGE), parse_float=Decimal) == expected

    @pytest.mark.parametrize(
        "document",
        [
            {"content": [{"type": "tool_use", "input": {"cost": 5, "usage": {"cost": 1}}}]},
            {"choices": [{"message": {"content": '{"cost": 5}', "parsed": {"cost": 5}}}]},
            {"candidates": [{"content": {"parts": [{"functionCall": {"args": {"total_cost": 5}}}]}}]},
            {"metadata": {"cost": "center"}, "costume": 1, "usage": {"accosted": 1}},
        ],
    )
    async def test_keeps_what_the_model_and_the_client_wrote(self, document: object) -> None:
        assert json.loads(await customers_body(body(document), CHARGE)) == document

    @pytest.mark.parametrize("answer", [b'{"text": "the cost is 5"}', b'[{"cost": 1}]', b'{"cost": ', b""])
    async def test_that_cannot_be_read_or_names_none_is_passed_as_it_is(self, answer: bytes) -> None:
        assert await customers_body(answer, CHARGE) == answer

    async def test_nested_beyond_reason_does_not_fail(self) -> None:
        deep = b'{"cost": 1, "usage": ' + b'{"usage": ' * 500 + b"1" + b"}" * 501
        assert await customers_body(deep, CHARGE) == deep.replace(b'"cost": 1, ', b"").replace(b" ", b"")

    def test_that_mentions_costs_in_its_text_is_not_parsed(self) -> None:
        assert not names_cost(body({"content": 'the "cost" of it, {"cost": 1}', "costume": 1}))


EVENTS = [
    (b'data: {"choices": [{"delta": {"content": "cost: 3"}}]}\n\n',) * 2,
    (body({"usage": PROVIDERS}), body({"usage": CUSTOMERS})),
    (body({"type": "message_start", "message": {"usage": PROVIDERS}}),
     body({"type": "message_start", "message": {"usage": CUSTOMERS}})),
    (body({"type": "message_delta", "usage": PROVIDERS}),
     body({"type": "message_delta", "usage": CUSTOMERS})),
    (body({"type": "response.completed", "response": {"usage": PROVIDERS}}),
     body({"type": "response.completed", "response": {"usage": CUSTOMERS}})),
    (body({"usageMetadata": {"cost": 1}}), body({"usageMetadata": {}})),
    (b"data: [DONE]\n\n",) * 2,
]  # fmt: skip


def sent(index: int) -> bytes:
    """All events of a stream: as the provider sent them (0), or as the customer gets them (1)."""
    return b"".join(
        pair[index] if pair[index].startswith(b"data:") else b"event: x\ndata: " + pair[index] + b"\n\n"
        for pair in EVENTS
    )


class TestAStream:
    @pytest.mark.parametrize("size", [1, 7, 64, 10_000])
    def test_names_no_cost_wherever_its_chunks_begin(self, size: int) -> None:
        stream, content = CustomersStream(), sent(0)
        pieces = [content[start : start + size] for start in range(0, len(content), size)]
        shown = b"".join(stream.feed(piece, more=True) for piece in pieces) + stream.feed(b"", more=False)
        assert shown.replace(b" ", b"") == sent(1).replace(b" ", b"")

    def test_whose_last_event_is_not_ended_names_none_either(self) -> None:
        stream = CustomersStream()
        assert stream.feed(b'data: {"usage": {"cost": 1', more=True) == b""
        assert stream.feed(b"}}", more=False) == b'data: {"usage":{}}\n\n'

    def test_passes_whole_events_at_once_as_they_are(self) -> None:
        event = b'event: ping\r\ndata: {"a" : 1}\r\n\r\n'
        assert CustomersStream().feed(event, more=True) == event


class TestAWebSocketMessage:
    def test_names_no_cost(self) -> None:
        event = {"type": "response.done", "response": {"usage": PROVIDERS}}
        assert json.loads(customers_text(json.dumps(event))) == {
            "type": "response.done",
            "response": {"usage": CUSTOMERS},
        }

    def test_is_passed_as_it_is_otherwise(self) -> None:
        text = '{"type": "response.audio.delta",  "delta": "cost"}'
        assert customers_text(text) is text
