"""The customers of a hostile minute, made by the gateway's own API, and what their accounts say."""

from __future__ import annotations

import asyncio
import uuid
from dataclasses import dataclass
from decimal import Decimal

import aiohttp
from pydantic import BaseModel, JsonValue

SETTLED_WITHIN_S = 90.0
ASK_AGAIN_S = 0.5
NANOS = 10**9


@dataclass(frozen=True, slots=True)
class Customer:
    """A customer with a virtual key."""

    id: str
    key: str

    @property
    def headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.key}"}


class Account(BaseModel):
    """What `GET /stripe/balance` says, as far as it is read here."""

    held: Decimal
    total_spent: Decimal

    @property
    def spent_nanos(self) -> int:
        return int(self.total_spent * NANOS)


class _Charge(BaseModel):
    amount: Decimal


class _Charges(BaseModel):
    data: list[_Charge]


async def make(url: str, master_key: str, amounts: dict[str, str]) -> dict[str, Customer]:
    """A customer for each name, with so much credit in major units; "0" gets none."""
    headers = {"Authorization": f"Bearer {master_key}"}
    customers: dict[str, Customer] = {}
    async with aiohttp.ClientSession(url, headers=headers, raise_for_status=True) as session:

        async def post(path: str, body: dict[str, JsonValue]) -> dict[str, JsonValue]:
            async with session.post(path, json=body) as answer:
                content: dict[str, JsonValue] = await answer.json()
                return content

        for name, credit in amounts.items():
            customer_id = f"{name}-{uuid.uuid4().hex[:12]}"
            await post("/user/new", {"user_id": customer_id, "auto_create_key": False})
            made = await post("/key/generate", {"user_id": customer_id, "models": []})
            if Decimal(credit):
                grant: dict[str, JsonValue] = {"customer_id": customer_id, "amount": credit}
                await post("/stripe/credits", {**grant, "reason": "benchmark"})
            customers[name] = Customer(customer_id, str(made["key"]))
    return customers


async def settled(url: str, customer: Customer) -> Account:
    """The account once nothing is held. Raises TimeoutError where that takes longer than SETTLED_WITHIN_S."""
    async with asyncio.timeout(SETTLED_WITHIN_S), _session(url, customer) as session:
        while True:
            async with session.get("/stripe/balance") as answer:
                account = Account.model_validate_json(await answer.read())
            if not account.held:
                return account
            await asyncio.sleep(ASK_AGAIN_S)


async def charges_nanos(url: str, customer: Customer) -> list[int]:
    """What the customer's newest charges took, at most 100."""
    async with _session(url, customer) as session:
        params = {"type": "charge", "limit": "100"}
        async with session.get("/stripe/transactions", params=params) as answer:
            charges = _Charges.model_validate_json(await answer.read())
    return [int(-charge.amount * NANOS) for charge in charges.data]


def _session(url: str, customer: Customer) -> aiohttp.ClientSession:
    return aiohttp.ClientSession(url, headers=customer.headers, raise_for_status=True)
