"""Twenty-five callers of one customer name another group, rule, deployment or price in their metadata.

The price of each call is that of its admission.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace
from decimal import Decimal

import pytest
import yaml

from tests.acceptance.calls.test_labels import EVERY_NAME, GIFT, PATHS, saying
from tests.acceptance.conftest import Running
from tests.acceptance.customers import Customer, detail_of, spent
from tests.acceptance.endings.hostile import CREDIT, Gateway, all_at_once, balance_of
from tests.acceptance.routes.requests_of import BY_CALL_TYPE, CONTENTS, Request

FEE = "0.09"  # some twenty calls are all that the credit pays for
OWN_PRICE = "own-price"  # a model with prices of its own
_OCR = BY_CALL_TYPE["aocr"]
CALLS = {
    **{
        call_type: (PATHS[call_type], BY_CALL_TYPE[call_type])
        for call_type in ("agenerate_content", "agenerate_content_stream", "acompact_responses")
    },
    "aocr": (PATHS["aocr"], replace(_OCR, json={**(_OCR.json or {}), "pages": [0]})),
    OWN_PRICE: (f"/v1beta/models/{OWN_PRICE}:generateContent", Request(OWN_PRICE, CONTENTS)),
}


@pytest.fixture(scope="module", autouse=True)
def own_price(gateway: Gateway, running: Running) -> Iterator[None]:
    """A demo model at dear prices that the operator gives in its `litellm_params`."""
    configuration = yaml.safe_load((running.home / "config.yaml").read_text("utf-8"))
    demo: dict[str, object] = configuration["model_list"][0]["litellm_params"]
    with ExitStack() as stack:
        prices = {"input_cost_per_token": 0.001, "output_cost_per_token": 0.002}
        gateway.add_model(stack, OWN_PRICE, {**demo, **prices}, mode="chat")
        yield


@pytest.mark.parametrize("name", CALLS)
def test_every_call_costs_what_it_does_for_one_who_says_nothing(name: str, gateway: Gateway) -> None:
    path, request = CALLS[name]
    with ExitStack() as stack:
        quiet, hostile = (_customer_with_rules(stack, gateway) for _ in range(2))
        request.send(quiet.http, path).raise_for_status()
        [price] = [_priced(charge) for charge in quiet.settled(charges=1)]
        said = saying(request, EVERY_NAME)
        statuses = all_at_once(hostile, lambda customer: said.send(customer.http, path).status_code)
    charges = [_priced(charge) for charge in hostile.transactions("charge")]
    assert set(statuses) <= {200, 402}
    assert charges == [price] * statuses.count(200) != []
    assert 0 <= balance_of(hostile) == CREDIT - len(charges) * price[0]


def _customer_with_rules(stack: ExitStack, gateway: Gateway) -> Customer:
    customer = gateway.new_customer(credit=str(CREDIT))
    gateway.add_rule(stack, customer, model="demo-*", multiplier="5", fee=FEE)
    gateway.add_rule(stack, customer, model=GIFT, free=True)
    return customer


def _priced(charge: dict[str, object]) -> tuple[Decimal, object, object, object]:
    detail = detail_of(charge)
    return spent(charge), charge["description"], detail["rule"]["multiplier"], detail["unit_prices"]
