"""Calls of MCP tools: held and charged at the operator's price, or refused."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal

import httpx
import pytest

from tests.acceptance.conftest import Running
from tests.acceptance.customers import Customer
from tests.acceptance.mcp.conftest import PRICES, AddServer
from tests.acceptance.realtime.test_sessions import logged_spend
from tests.deadline import eventually

PRICED: dict[str, object] = {"mcp_server_cost_info": PRICES}


def call(customer: Customer, server_id: str, tool: str) -> httpx.Response:
    body = {"server_id": server_id, "name": tool, "arguments": {"text": "hello"}}
    return customer.http.post("/mcp-rest/tools/call", json=body)


class TestPricedTools:
    @pytest.mark.parametrize(("tool", "price"), [("cheap", "0.01"), ("dear", "0.05")])
    def test_cost_their_price_once(
        self,
        tool: str,
        price: str,
        running: Running,
        add_server: AddServer,
        new_customer: Callable[..., Customer],
    ) -> None:
        customer = new_customer(credit="1")
        answer = call(customer, add_server(PRICED), tool)
        assert answer.status_code == 200, answer.text
        assert "hello" in answer.text.lower()
        [charge] = customer.settled(charges=1)
        assert Decimal(str(charge["amount"])) == -Decimal(price)
        detail = charge["detail"]
        assert isinstance(detail, dict)
        assert detail["ending"] == "finished"
        assert detail["model"] == f"MCP: {tool}"
        assert logged_spend(running, detail["call_id"]) == [Decimal(price)]

    def test_cost_nothing_where_they_fail(
        self, add_server: AddServer, new_customer: Callable[..., Customer]
    ) -> None:
        customer = new_customer(credit="1")
        call(customer, add_server(PRICED), "failing")
        eventually(lambda: customer.balance()["held"] == 0)
        assert customer.balance()["balance"] == 1

    def test_need_credit_for_the_highest_of_their_server(
        self, add_server: AddServer, new_customer: Callable[..., Customer]
    ) -> None:
        customer = new_customer(credit="0.04")
        answer = call(customer, add_server(PRICED), "cheap")
        assert answer.status_code == 402
        assert answer.json()["error"]["required"] == "0.05"
        assert customer.transactions("charge") == []


class TestRefused:
    @pytest.mark.parametrize(
        "info",
        [
            {},
            {"mcp_server_cost_info": {"tool_name_to_cost_per_query": {"cheap": 0.01}}},
            {"mcp_server_cost_info": {"default_cost_per_query": 0}},
        ],
    )
    def test_a_server_without_a_price_for_every_tool(
        self, info: dict[str, object], add_server: AddServer, new_customer: Callable[..., Customer]
    ) -> None:
        customer = new_customer(credit="1")
        answer = call(customer, add_server(info), "cheap")
        assert answer.status_code == 403
        assert answer.json()["error"]["code"] == "model_not_priced"

    @pytest.mark.parametrize("body", [{}, {"name": "cheap"}, {"name": "mcp_tool_call", "server_id": "x"}])
    def test_a_call_that_names_no_server_or_no_tool(
        self, body: dict[str, object], new_customer: Callable[..., Customer]
    ) -> None:
        customer = new_customer(credit="1")
        answer = customer.http.post("/mcp-rest/tools/call", json=body)
        assert 400 <= answer.status_code < 500
        assert customer.balance()["balance"] == 1

    def test_sessions_of_the_protocol(self, new_customer: Callable[..., Customer]) -> None:
        customer = new_customer(credit="1")
        body = {"jsonrpc": "2.0", "id": 1, "method": "tools/list"}
        answer = customer.http.post(
            "/mcp/", json=body, headers={"Accept": "application/json, text/event-stream"}
        )
        assert answer.status_code == 403


class TestLists:
    def test_are_free(self, add_server: AddServer, new_customer: Callable[..., Customer]) -> None:
        add_server(PRICED)
        answer = new_customer().http.get("/mcp-rest/tools/list")
        assert answer.status_code == 200
        assert "cheap" in answer.text
