"""An answer names one price, what its customer is charged; admins and exempt keys see LiteLLM's figures."""

from __future__ import annotations

import json
from collections.abc import Callable
from decimal import Decimal
from types import SimpleNamespace

import httpx
import pytest
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.types import Message, Receive, Scope, Send

from billing.ledger.schemas import Payer
from billing.prices.rule import PriceRule
from billing.proxy.admitted.call import Admission
from billing.proxy.calls.call import Call, current_call
from billing.proxy.http.middleware import BillingMiddleware
from billing.proxy.routes.route import Handling, Route
from billing.settings import CacheHitCharge

TRIPLE = PriceRule(Decimal(3), fee_nanos=0, floor_nanos=700)
BILLED = Route("POST", "/v1/chat/completions", Handling.BILLED, "")
FREE = Route("POST", "/spend/calculate", Handling.FREE, "")
COST, CHARGE = "0.0016", "0.0048"
FIGURES = {
    "x-litellm-response-cost": COST,
    "x-litellm-response-cost-original": "0.0015",
    "x-litellm-response-cost-margin-amount": "0.0001",
    "x-litellm-response-cost-margin-percent": "0.05",
    "x-litellm-response-cost-discount-amount": "0.1",
    "x-litellm-response-cost-cache-read": "0.1",
    "x-litellm-classifier-cost": "0.00001",
    "x-litellm-key-spend": "0.7",
}
BODY = {"id": "a", "usage": {"total_tokens": 9, "cost": 0.0016, "cost_details": {"upstream": 1}}}
Prepare = Callable[[Call], None]


def billed(call: Call) -> None:
    call.route = BILLED
    call.admission = Admission(Payer("user_id", "u"), TRIPLE, False, 5_000_000, 5, 2_500_000_000, {})


async def answered(
    prepare: Prepare, response: Response, cache_hits: CacheHitCharge = "nothing"
) -> httpx.Response:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        call = current_call.get()
        assert call is not None
        prepare(call)
        await response(scope, receive, send)

    middleware = BillingMiddleware(app, lambda call: None, None, cache_hits)
    async with httpx.AsyncClient(
        transport=httpx.ASGITransport(middleware), base_url="http://gateway"
    ) as client:
        return await client.post("/v1/chat/completions")


def figures_of(answer: httpx.Response) -> dict[str, str]:
    names = [name for name in answer.headers if "litellm" in name]
    return {name: answer.headers[name] for name in names}


class TestACustomer:
    async def test_sees_its_charge_and_no_other_figure(self) -> None:
        answer = await answered(billed, JSONResponse(BODY, headers=FIGURES))
        assert figures_of(answer) == {"x-litellm-response-cost": CHARGE}
        assert answer.headers["x-billing-cost"] == CHARGE
        assert json.loads(answer.text, parse_float=Decimal) == {
            "id": "a",
            "usage": {"total_tokens": 9, "cost": Decimal(CHARGE)},
        }
        assert int(answer.headers["content-length"]) == len(answer.content)

    @pytest.mark.parametrize("cost", [{}, {"x-litellm-response-cost": "None", "x-litellm-key-spend": "2"}])
    async def test_sees_none_where_the_charge_is_not_known(self, cost: dict[str, str]) -> None:
        answer = await answered(billed, JSONResponse(BODY, headers=cost))
        assert not figures_of(answer)
        assert answer.json() == {"id": "a", "usage": {"total_tokens": 9}}

    async def test_sees_none_in_an_error(self) -> None:
        error = {"error": {"message": "no"}, "usage": {"cost": 1}}
        answer = await answered(billed, JSONResponse(error, 500, FIGURES))
        assert not figures_of(answer)
        assert "x-billing-cost" not in answer.headers
        assert answer.json() == {"error": {"message": "no"}, "usage": {}}

    async def test_sees_none_in_a_stream(self) -> None:
        events = iter([b'data: {"usage": {"a": 1, "co', b'st": 0.0016}}\n\ndata: [DO', b"NE]\n\n"])
        answer = await answered(
            billed, StreamingResponse(events, headers=FIGURES, media_type="text/event-stream")
        )
        assert not figures_of(answer)
        assert answer.text == 'data: {"usage":{"a":1}}\n\ndata: [DONE]\n\n'

    async def test_gets_a_body_in_pieces_whole_and_what_keeps_the_connection_alive_at_once(self) -> None:
        pieces = iter([b" ", b"\n", b'{"usage": {"co', b'st": 1}}'])
        answer = await answered(billed, StreamingResponse(pieces, media_type="application/json"))
        assert answer.text == ' \n{"usage":{}}'

    async def test_gets_anything_but_json_as_it_is(self) -> None:
        sound = b'RIFF"cost": 1'
        answer = await answered(billed, Response(sound, media_type="audio/wav", headers=FIGURES))
        assert (answer.content, answer.headers["x-billing-cost"]) == (sound, CHARGE)

    async def test_pays_nothing_for_a_free_model_whatever_its_provider_says(self) -> None:
        def free(call: Call) -> None:
            billed(call)
            assert call.admission is not None
            call.admission.free = True

        answer = await answered(free, JSONResponse(BODY, headers=FIGURES))
        assert (answer.headers["x-billing-cost"], answer.json()["usage"]["cost"]) == ("0.00", 0)

    async def test_reads_the_answers_of_free_routes_as_they_are(self) -> None:
        def free(call: Call) -> None:
            call.route = FREE

        answer = await answered(free, JSONResponse({"cost": 0.5}, headers={"x-litellm-key-spend": "2"}))
        assert answer.json() == {"cost": 0.5}
        assert not figures_of(answer)


class TestAnAnswerFromTheCache:
    @pytest.mark.parametrize("shown_by", ["header", "logging"])
    @pytest.mark.parametrize(
        ("setting", "charge"), [("nothing", "0.00"), ("rule", "0.0000007"), ("full", None)]
    )
    async def test_names_what_is_charged_for_it(
        self, setting: CacheHitCharge, charge: str | None, shown_by: str
    ) -> None:
        def cached(call: Call) -> None:
            billed(call)
            if shown_by == "logging":
                call.upstream.logging_obj = SimpleNamespace(caching_details={"cache_hit": True})

        key = {"x-litellm-cache-key": "k"} if shown_by == "header" else {}
        answer = await answered(cached, JSONResponse(BODY, headers={**FIGURES, **key}), setting)
        figures = (answer.headers.get(name) for name in ("x-billing-cost", "x-litellm-response-cost"))
        assert list(figures) == [charge, charge]
        cost = json.loads(answer.text, parse_float=Decimal)["usage"].get("cost")
        assert cost == (None if charge is None else Decimal(charge))


def exempt(call: Call) -> None:
    """An admin's or exempt user's: the route guard declares no route for it."""


def in_shadow_mode(call: Call) -> None:
    billed(call)
    call.shadow.is_let_through = True


@pytest.mark.parametrize("prepare", [exempt, in_shadow_mode])
async def test_others_get_litellms_figures_unchanged(prepare: Prepare) -> None:
    answer = await answered(prepare, JSONResponse(BODY, headers=FIGURES))
    assert figures_of(answer) == FIGURES
    assert answer.json() == BODY


@pytest.mark.parametrize("prepare", [exempt, in_shadow_mode])
async def test_others_get_litellms_streams_unchanged(prepare: Prepare) -> None:
    events = b'data: {"usage": {"cost": 1}}\n\n'
    answer = await answered(prepare, StreamingResponse(iter([events]), media_type="text/event-stream"))
    assert answer.content == events


@pytest.mark.parametrize(("prepare", "shown"), [(billed, {}), (exempt, {"cost": 1})])
async def test_a_customers_session_names_no_cost_in_its_events(
    prepare: Prepare, shown: dict[str, int]
) -> None:
    event = {"type": "conversation.item.done", "usage": {"cost": 1}}
    got: list[Message] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        call = current_call.get()
        assert call is not None
        prepare(call)
        await send({"type": "websocket.send", "text": json.dumps(event)})

    async def leaves() -> Message:
        return {"type": "websocket.disconnect", "code": 1000}

    async def listens(message: Message) -> None:
        got.append(message)

    scope: Scope = {"type": "websocket", "path": "/v1/realtime", "headers": [], "query_string": b""}
    await BillingMiddleware(app, lambda call: None, None)(scope, leaves, listens)
    assert [json.loads(message["text"])["usage"] for message in got] == [shown]
