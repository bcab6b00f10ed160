import asyncio
import json
from collections.abc import Awaitable, Callable
from types import SimpleNamespace

import httpx
import pytest
from starlette.requests import Request
from starlette.responses import JSONResponse, StreamingResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from billing.errors import BillingError, InsufficientCredits, RouteNotBillable
from billing.ledger.schemas import Payer
from billing.prices.rule import PriceRule
from billing.proxy.admitted.call import Admission
from billing.proxy.calls.call import Call, Delivery, current_call
from billing.proxy.http.middleware import BillingMiddleware

ADMISSION = Admission(Payer("user_id", "u"), PriceRule(), False, 10_500, 5, 2_500_000_000, {})
NO_CREDIT = InsufficientCredits("top up", available_nanos=0, required_nanos=12_000_000)


class Ended:
    def __init__(self) -> None:
        self.calls: list[Call] = []

    def __call__(self, call: Call) -> None:
        self.calls.append(call)


def the_call() -> Call:
    call = current_call.get()
    assert call is not None
    return call


def app_that(respond: Callable[[Request], Awaitable[ASGIApp]]) -> ASGIApp:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        response = await respond(Request(scope, receive))
        await response(scope, receive, send)

    return app


def refusing(refusal: BillingError) -> ASGIApp:
    async def respond(request: Request) -> ASGIApp:
        the_call().refusal = refusal
        return JSONResponse({"detail": "LiteLLM's words"}, 500, {"access-control-allow-origin": "*"})

    return app_that(respond)


async def post(
    app: ASGIApp, path: str, ended: Ended, headers: dict[str, str] | None = None
) -> httpx.Response:
    middleware = BillingMiddleware(app, ended, "https://pay.example/billing")
    transport = httpx.ASGITransport(middleware)
    async with httpx.AsyncClient(transport=transport, base_url="http://gateway") as client:
        return await client.post(path, headers=headers)


class TestCallId:
    async def test_a_client_cannot_choose_litellms_call_id(self) -> None:
        async def respond(request: Request) -> ASGIApp:
            return JSONResponse({"seen": request.headers.get("x-litellm-call-id")})

        response = await post(app_that(respond), "/", Ended(), {"X-LiteLLM-Call-Id": "evil"})
        assert response.json() == {"seen": None}

    async def test_each_request_has_its_own(self) -> None:
        ended = Ended()

        async def respond(request: Request) -> ASGIApp:
            return JSONResponse({"id": the_call().id})

        ids = {(await post(app_that(respond), "/", ended)).json()["id"] for _ in range(3)}
        assert ids == {call.id for call in ended.calls}
        assert len(ids) == 3
        assert current_call.get() is None


class TestRefusal:
    async def test_speaks_openais_shape(self) -> None:
        ended = Ended()
        response = await post(refusing(NO_CREDIT), "/v1/chat/completions", ended)
        assert response.status_code == 402
        assert response.json() == {
            "error": {
                "message": "top up",
                "type": "insufficient_quota",
                "param": None,
                "code": "insufficient_credits",
                "available": "0.00",
                "required": "0.012",
                "top_up_url": "https://pay.example/billing",
            }
        }
        assert response.headers["x-billing-call-id"] == ended.calls[0].id

    async def test_speaks_anthropics_shape_on_messages(self) -> None:
        response = await post(refusing(NO_CREDIT), "/v1/messages", Ended())
        assert response.status_code == 402
        assert response.json() == {
            "type": "error",
            "error": {
                "type": "billing_error",
                "message": "top up",
                "available": "0.00",
                "required": "0.012",
                "top_up_url": "https://pay.example/billing",
            },
        }

    async def test_other_refusals_carry_no_amounts(self) -> None:
        response = await post(refusing(RouteNotBillable("not here")), "/v1/responses", Ended())
        assert response.status_code == 403
        assert response.json()["error"]["code"] == "route_not_billable"
        assert "available" not in response.json()["error"]

    async def test_browsers_may_read_it_too(self) -> None:
        response = await post(refusing(NO_CREDIT), "/v1/chat/completions", Ended())
        assert response.headers["access-control-allow-origin"] == "*"


class TestHeaders:
    async def test_a_billed_answer_says_what_it_cost_and_what_is_left(self) -> None:
        async def respond(request: Request) -> ASGIApp:
            the_call().admission = ADMISSION
            return JSONResponse({}, headers={"x-litellm-response-cost": "1.05e-05"})

        response = await post(app_that(respond), "/v1/chat/completions", Ended())
        assert response.headers["x-billing-cost"] == "0.0000105"
        assert response.headers["x-billing-available"] == "2.50"
        assert response.headers["x-billing-call-id"].startswith("call_")

    @pytest.mark.parametrize(
        "cost",
        [
            {},
            {"x-litellm-response-cost": "None"},
            {"x-litellm-response-cost": "0.0"},
            {"x-litellm-response-cost": "nan"},
            {"x-litellm-response-cost": "1000000"},
        ],
    )
    async def test_an_unknown_cost_is_not_named(self, cost: dict[str, str]) -> None:
        async def respond(request: Request) -> ASGIApp:
            the_call().admission = ADMISSION
            return JSONResponse({}, headers=cost)

        response = await post(app_that(respond), "/v1/chat/completions", Ended())
        assert "x-billing-cost" not in response.headers

    async def test_unbilled_answers_stay_as_they_are(self) -> None:
        async def respond(request: Request) -> ASGIApp:
            return JSONResponse({})

        response = await post(app_that(respond), "/v1/models", Ended())
        assert not [name for name in response.headers if name.startswith("x-billing")]


class TestEndOfRequest:
    async def test_counts_what_was_delivered(self) -> None:
        ended = Ended()

        async def respond(request: Request) -> ASGIApp:
            return StreamingResponse(iter([b"data: 1\n\n", b"data: 2\n\n"]))

        await post(app_that(respond), "/v1/chat/completions", ended)
        assert [call.delivery for call in ended.calls] == [Delivery(18, 200, in_full=True)]

    async def test_is_told_when_the_app_fails_too(self) -> None:
        ended = Ended()

        async def respond(request: Request) -> ASGIApp:
            raise RuntimeError("a bug")

        with pytest.raises(RuntimeError):
            await post(app_that(respond), "/v1/chat/completions", ended)
        assert len(ended.calls) == 1

    async def test_notices_that_the_client_left(self) -> None:
        ended = Ended()
        middleware = BillingMiddleware(_listening_app, ended, None)

        async def receive() -> dict[str, object]:
            return {"type": "http.disconnect"}

        async def send(message: object) -> None:
            json.dumps({"never": "called"})

        await middleware({"type": "http", "path": "/v1/messages", "headers": []}, receive, send)
        assert ended.calls[0].delivery.client_gone is True
        assert ended.calls[0].delivery.status is None

    async def test_lifespan_passes_through(self) -> None:
        seen: list[str] = []

        async def app(scope: Scope, receive: Receive, send: Send) -> None:
            seen.append(scope["type"])

        async def nothing() -> dict[str, object]:
            return {}

        async def send(message: object) -> None:
            return None

        ended = Ended()
        await BillingMiddleware(app, ended, None)({"type": "lifespan"}, nothing, send)
        assert seen == ["lifespan"]
        assert ended.calls == []


async def _listening_app(scope: Scope, receive: Receive, send: Send) -> None:
    await receive()


class TestAStreamThatIsEndedForWantOfCredit:
    async def test_is_over_for_its_client_and_goes_nowhere_for_its_provider(self) -> None:
        """Whoever sends it is told what ASGI says of a client that left; else it would run on."""
        went_on = asyncio.Event()
        delivered: list[Message] = []

        async def app(scope: Scope, receive: Receive, send: Send) -> None:
            the_call().stream = SimpleNamespace(  # type: ignore[assignment]  # all that is asked of it
                covered=covered, refusal=NO_CREDIT, ending=lambda error: b"no credit"
            )
            headers = [(b"content-type", b"text/event-stream")]
            await send({"type": "http.response.start", "status": 200, "headers": headers})
            await send({"type": "http.response.body", "body": b"paid for, and not", "more_body": True})
            went_on.set()

        async def covered(body: bytes, *, more: bool) -> bytes:
            return b"paid for"

        async def receive() -> Message:
            return {"type": "http.request", "body": b"", "more_body": False}

        async def send(message: Message) -> None:
            delivered.append(message)

        scope: Scope = {"type": "http", "method": "POST", "path": "/v1/chat/completions", "headers": []}
        ended = Ended()
        with pytest.raises(OSError, match="credit ran out"):
            await BillingMiddleware(app, ended, None)(scope, receive, send)
        assert not went_on.is_set()
        [_, last] = delivered
        assert (last["body"], last["more_body"]) == (b"paid forno credit", False)
        assert [call.delivery.credit_ended for call in ended.calls] == [True]
