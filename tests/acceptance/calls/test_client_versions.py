"""The version of a provider's API that a client names in its body reaches no provider."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator

import httpx
import pytest

from tests.acceptance.customers import HELLO, NewCustomer
from tests.deadline import eventually
from tests.integration.proxy.sent.recorder import Recorder

PRICES = {"input_cost_per_token": 1e-6, "output_cost_per_token": 4e-6}
AWS = {"aws_access_key_id": "a", "aws_secret_access_key": "b", "aws_region_name": "us-east-1"}
PROVIDERS = ["anthropic/claude-3-haiku-20240307", "bedrock/anthropic.claude-3-haiku-20240307-v1:0"]
CLIENTS = "version-of-the-client"


@pytest.fixture
def recorder() -> Iterator[Recorder]:
    recorder = Recorder()
    yield recorder
    recorder.close()


@pytest.fixture(params=PROVIDERS, ids=lambda model: model.partition("/")[0])
def model(request: pytest.FixtureRequest, admin: httpx.Client, recorder: Recorder) -> Iterator[str]:
    """A model of Anthropic's API, or of Bedrock's, at the recorder."""
    name = f"recorded-{uuid.uuid4().hex[:8]}"
    where = {"api_base": recorder.url, "aws_bedrock_runtime_endpoint": recorder.url}
    params = {"model": request.param, "api_key": "k", **where, **PRICES}
    params |= AWS if request.param.startswith("bedrock/") else {}
    model = {"model_name": name, "litellm_params": params, "model_info": {"mode": "chat"}}
    added = admin.post("/model/new", json=model).raise_for_status().json()
    yield name
    admin.post("/model/delete", json={"id": added["model_id"]}).raise_for_status()


@pytest.mark.parametrize("path", ["/v1/messages", "/v1/chat/completions"])
def test_a_clients_anthropic_version_is_taken_out_without_a_word(
    path: str, model: str, recorder: Recorder, new_customer: NewCustomer
) -> None:
    customer = new_customer(credit="5")
    body = {"model": model, "messages": HELLO, "max_tokens": 5, "anthropic_version": CLIENTS}

    def arrived() -> bool:
        answer = customer.http.post(path, json=body)
        assert "anthropic_version" not in answer.text, answer.text
        return len(recorder.bodies) > 0

    eventually(arrived, timeout_s=30, every_s=0.5)
    assert CLIENTS not in json.dumps(recorder.bodies)
