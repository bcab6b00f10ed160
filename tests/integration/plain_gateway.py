"""Our routes in a plain FastAPI app on a real socket, and the local Stripe beside them."""

from __future__ import annotations

import asyncio
import hmac
import json
import socket
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from decimal import Decimal
from hashlib import sha256
from uuid import uuid4

import httpx
import uvicorn
from fastapi import FastAPI
from fastapi.responses import JSONResponse
from pydantic import JsonValue
from starlette.requests import Request

from billing.api.caller import Caller
from billing.database import Pool, open_pool
from billing.features import Features, build_router, open_features
from billing.ledger.service import Ledger
from billing.settings import Settings

SECRET = "whsec_integration"
Json = dict[str, JsonValue]


class UnknownKey(Exception):
    """What LiteLLM raises for a missing, unknown or blocked key."""


async def _refuse(_request: Request, _error: Exception) -> JSONResponse:
    body = {"message": "Authentication Error", "type": "auth_error", "param": None, "code": "401"}
    return JSONResponse({"error": body}, status_code=401)


@dataclass(frozen=True)
class Gateway:
    """A running gateway without LiteLLM: `callers` maps keys to who holds them."""

    url: str
    billing: Features
    pool: Pool
    http: httpx.AsyncClient
    callers: dict[str, Caller] = field(default_factory=dict)

    async def get(self, path: str, key: str | None, **params: str) -> httpx.Response:
        return await self.http.get(path, headers=_bearer(key), params=params)

    async def post(self, path: str, key: str | None, body: Mapping[str, object]) -> httpx.Response:
        return await self.http.post(path, headers=_bearer(key), json=body)

    async def balance(self, key: str) -> Decimal:
        response = (await self.get("/stripe/balance", key)).raise_for_status()
        return Decimal(response.json()["balance"])

    async def topup(self, key: str, amount: str = "10.00", **more: str) -> str:
        """Starts a top-up. Returns the Checkout Session's id."""
        response = await self.post("/stripe/topup", key, {"amount": amount, **more})
        return str(response.raise_for_status().json()["checkout_session_id"])

    async def deliver(self, event: Json, secret: str = SECRET, at: float | None = None) -> httpx.Response:
        """Sends an event as Stripe would, signed."""
        body = json.dumps(event).encode()
        return await self.deliver_body(body, sign(body, secret, at))

    async def deliver_body(self, body: bytes, signature: str | None) -> httpx.Response:
        headers = {"content-type": "application/json"}
        if signature is not None:
            headers["stripe-signature"] = signature
        return await self.http.post("/stripe/webhook", content=body, headers=headers)

    async def rows(self, query: bytes, **values: object) -> list[tuple[object, ...]]:
        """Looks into the database."""
        async with self.pool.connection() as connection:
            cursor = await connection.execute(query, values)
            return list(await cursor.fetchall()) if cursor.description else []


def sign(body: bytes, secret: str = SECRET, at: float | None = None) -> str:
    moment = int(time.time() if at is None else at)
    digest = hmac.new(secret.encode(), f"{moment}.".encode() + body, sha256).hexdigest()
    return f"t={moment},v1={digest}"


def _bearer(key: str | None) -> dict[str, str]:
    return {} if key is None else {"authorization": f"Bearer {key}"}


@asynccontextmanager
async def run_gateway(settings: Settings) -> AsyncIterator[Gateway]:
    """Serves our router with these settings until the end of the block."""
    callers: dict[str, Caller] = {}

    async def authenticate(request: Request) -> Caller:
        key = request.headers.get("authorization", "").removeprefix("Bearer ")
        if key not in callers:
            raise UnknownKey
        return callers[key]

    app = FastAPI()
    app.include_router(build_router())
    app.add_exception_handler(UnknownKey, _refuse)
    pool = await open_pool(settings)
    try:
        async with (
            Ledger(pool, owner="plain", currency=settings.billing_currency) as ledger,
            open_features(settings, pool, ledger) as billing,
            _serve(app) as url,
            httpx.AsyncClient(base_url=url, timeout=30, trust_env=False) as http,
        ):
            app.state.billing = billing.services(authenticate)
            yield Gateway(url, billing, pool, http, callers)
    finally:
        await pool.close()


@asynccontextmanager
async def _serve(app: FastAPI) -> AsyncIterator[str]:
    listener = socket.create_server(("127.0.0.1", 0))
    server = uvicorn.Server(uvicorn.Config(app, lifespan="off", log_level="warning", access_log=False))
    serving = asyncio.create_task(server._serve([listener]))  # `serve` would take over the signal handlers
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        server.should_exit = True
        await serving
        listener.close()


@asynccontextmanager
async def odd_stripe(answer: Json, status: int = 200) -> AsyncIterator[str]:
    """A Stripe that says the same to everything: for answers that the sandbox has no reason to give."""
    app = FastAPI()

    @app.api_route("/{path:path}", methods=["GET", "POST"])
    async def say(path: str) -> JSONResponse:
        return JSONResponse({"id": f"cus_{uuid4().hex}", **answer}, status_code=status)

    async with _serve(app) as url:
        yield url


@dataclass(frozen=True)
class Sandbox:
    """The local Stripe, as a script sees it."""

    url: str
    api_key: str

    def _client(self) -> httpx.AsyncClient:
        headers = {"authorization": f"Bearer {self.api_key}"}
        return httpx.AsyncClient(base_url=self.url, headers=headers, timeout=30, trust_env=False)

    async def get(self, path: str, **params: str) -> Json:
        async with self._client() as client:
            response = (await client.get(path, params=params)).raise_for_status()
        body: Json = response.json()
        return body

    async def delete(self, path: str) -> None:
        async with self._client() as client:
            (await client.delete(path)).raise_for_status()

    async def form(self, path: str, **fields: str) -> Json:
        """A call of Stripe's own API."""
        async with self._client() as client:
            response = (await client.post(path, data=fields)).raise_for_status()
        body: Json = response.json()
        return body

    async def control(self, path: str, body: Json, method: str = "POST") -> httpx.Response:
        """A call of the sandbox's own switches and buttons."""
        async with self._client() as client:
            return await client.request(method, f"/sandbox{path}", json=body)

    async def switch(self, **settings: JsonValue) -> None:
        """Makes something go wrong at Stripe."""
        (await self.control("/settings", settings, "PUT")).raise_for_status()

    async def pay(self, session_id: str, **how: JsonValue) -> httpx.Response:
        """Pays on the hosted page; by default with a good card."""
        return await self.control(f"/checkout/sessions/{session_id}/pay", how or {"card": "4242424242424242"})

    async def settle(self, session_id: str, outcome: str) -> None:
        """Ends a bank debit."""
        (
            await self.control(f"/checkout/sessions/{session_id}/settle", {"outcome": outcome})
        ).raise_for_status()

    async def event(self, session_id: str, kind: str) -> Json:
        """The event of this type about the session, as Stripe would deliver it."""
        for event in await self._events(kind):
            data = event["data"]
            if (
                isinstance(data, dict)
                and isinstance(data["object"], dict)
                and data["object"]["id"] == session_id
            ):
                return event
        raise AssertionError(f"no {kind} for {session_id}")

    async def _events(self, kind: str) -> list[Json]:
        page = await self.get("/v1/events", type=kind, limit="100")
        data = page["data"]
        assert isinstance(data, list)
        return [event for event in data if isinstance(event, dict)]
