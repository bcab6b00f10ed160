"""A model that an operator adds by LiteLLM's API, as its page does, is billed at the price given."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from decimal import Decimal

import httpx
import pytest
import yaml

from tests.acceptance.conftest import Running
from tests.acceptance.customers import Customer, NewCustomer, spent

INPUT, OUTPUT = Decimal("0.000001"), Decimal("0.000004")
PRICES = {"input_cost_per_token": float(INPUT), "output_cost_per_token": float(OUTPUT)}
MAX_TOKENS = 20


@pytest.fixture
def upstream(running: Running) -> dict[str, object]:
    """The `litellm_params` of a demo model, under a name that LiteLLM's price map does not know."""
    configuration = yaml.safe_load((running.home / "config.yaml").read_text("utf-8"))
    params: dict[str, object] = configuration["model_list"][0]["litellm_params"]
    return params


@pytest.fixture
def name(admin: httpx.Client) -> Iterator[str]:
    """A new name for a model; what was added under it is deleted in the end."""
    name = f"added-{uuid.uuid4().hex[:8]}"
    yield name
    for model in _shown(admin, name):
        admin.post("/model/delete", json={"id": model["model_info"]["id"]}).raise_for_status()
    assert _shown(admin, name) == []


def _shown(admin: httpx.Client, name: str) -> list[dict[str, dict[str, object]]]:
    data = admin.get("/model/info").raise_for_status().json()["data"]
    return [model for model in data if model["model_name"] == name]


def _call(customer: Customer, model: str) -> httpx.Response:
    body = {"model": model, "messages": [{"role": "user", "content": "hi"}], "max_tokens": MAX_TOKENS}
    return customer.http.post("/v1/chat/completions", json=body)


def _cost(answer: httpx.Response, input_price: Decimal, output_price: Decimal) -> Decimal:
    usage = answer.raise_for_status().json()["usage"]
    return int(usage["prompt_tokens"]) * input_price + int(usage["completion_tokens"]) * output_price


def test_it_is_billed_changed_and_deleted(
    admin: httpx.Client, new_customer: NewCustomer, upstream: dict[str, object], name: str
) -> None:
    customer = new_customer("5.00")
    model = {"model_name": name, "litellm_params": {**upstream, **PRICES}, "model_info": {"mode": "chat"}}
    added = admin.post("/model/new", json=model).raise_for_status().json()
    first = _cost(_call(customer, name), INPUT, OUTPUT)
    assert [spent(charge) for charge in customer.settled(1)] == [first]

    # As LiteLLM's page does: it sends back what it was shown, and the new price in `litellm_params`.
    [shown] = _shown(admin, name)
    change = {
        "model_name": name,
        "litellm_params": {"input_cost_per_token": 0.000002},
        "model_info": shown["model_info"],
    }
    admin.patch(f"/model/{added['model_id']}/update", json=change).raise_for_status()
    second = _cost(_call(customer, name), 2 * INPUT, OUTPUT)
    assert [spent(charge) for charge in customer.settled(2)] == [second, first]

    admin.post("/model/delete", json={"id": added["model_id"]}).raise_for_status()
    assert _call(customer, name).status_code in {400, 403, 404}
    assert len(customer.settled(2)) == 2


def test_prices_that_would_be_lost_are_refused_and_change_nothing(
    admin: httpx.Client, upstream: dict[str, object], name: str
) -> None:
    lost = {"model_name": name, "litellm_params": upstream, "model_info": PRICES}
    refused = admin.post("/model/new", json=lost)
    assert refused.status_code == 400
    error = refused.json()["error"]
    assert "input_cost_per_token, output_cost_per_token would be lost" in error["message"]
    assert (error["type"], error["param"]) == ("invalid_request_error", "model_info")
    assert _shown(admin, name) == []

    kept = {**lost, "litellm_params": {**upstream, **PRICES}}
    added = admin.post("/model/new", json=kept).raise_for_status().json()
    dearer = {**PRICES, "input_cost_per_token": 0.5}
    changes = [
        admin.patch(f"/model/{added['model_id']}/update", json={"model_info": dearer}),
        admin.post(
            "/model/update",
            json={
                "model_name": name,
                "litellm_params": {},
                "model_info": {**dearer, "id": added["model_id"]},
            },
        ),
    ]
    assert [answer.status_code for answer in changes] == [400, 400]
    [shown] = _shown(admin, name)
    assert shown["model_info"]["input_cost_per_token"] == float(INPUT)


def test_billing_stays_in_its_place_when_callbacks_are_added_by_api(
    admin: httpx.Client, new_customer: NewCustomer
) -> None:
    """LiteLLM adds those that it finds in its database; those of the configuration nobody changes so."""
    refused = admin.post("/config/update", json={"litellm_settings": {"callbacks": []}})
    assert refused.status_code == 400, refused.text
    added = {"litellm_settings": {"success_callback": ["an-exporter"]}}
    admin.post("/config/update", json=added).raise_for_status()
    try:
        poor, rich = new_customer(), new_customer("1.00")
        assert _call(poor, "demo-chat").status_code == 402
        _call(rich, "demo-chat").raise_for_status()
        rich.settled(1)
    finally:
        admin.post("/config/callback/delete", json={"callback_name": "an-exporter"}).raise_for_status()
