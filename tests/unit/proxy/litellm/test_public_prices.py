"""The price map that anybody may read has none of the operator's own deployments."""

import litellm
import pytest
from fastapi import FastAPI
from starlette.testclient import TestClient

from billing.proxy.litellm.public_prices import PATH, mount_public_prices

OPERATORS = "openai/the-operators-own-model"


@pytest.fixture
def http() -> TestClient:
    app = FastAPI()

    @app.get(PATH)
    def litellms() -> object:
        return litellm.model_cost

    mount_public_prices(app)
    return TestClient(app)


def test_it_shows_what_litellm_ships_and_nothing_that_was_registered(
    http: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(litellm.model_cost, OPERATORS, {"input_cost_per_token": 1e-6})
    shown = http.get(PATH).json()
    assert shown["gpt-4o"]["input_cost_per_token"] > 0
    assert OPERATORS not in shown
