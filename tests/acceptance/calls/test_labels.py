"""What a client writes into a call's metadata, headers and fields: labels, whatever the call is."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, replace

import httpx
import pytest
from litellm.types.utils import StandardCallbackDynamicParams

from billing.proxy.requests.client_metadata import BUCKETS, NAMES
from tests.acceptance.conftest import Running
from tests.acceptance.customers import Customer, NewCustomer, detail_of, making_customers, spent
from tests.acceptance.routes.requests_of import BY_CALL_TYPE, Request
from tests.deadline import eventually

GIFT = "labelled-gift"  # a group that does not exist, which a rule makes free
WORDS: dict[str, object] = {
    "model_group": GIFT,
    "deployment": GIFT,
    "model_info": {"id": GIFT, "billing": "free", "input_cost_per_token": 0, "output_cost_per_token": 0},
    "usage_object": {"prompt_tokens": 0, "completion_tokens": 0},
    "spend_logs_metadata": {"billing_call_id": "call_of_another", "mine": "stays"},
    "user_api_key_user_id": "somebody-else",
    "tags": ["free"],
    "ticket": "A-1",
}
_LITELLM_REFUSES = frozenset(StandardCallbackDynamicParams.__annotations__)  # credentials of its loggers
EVERY_NAME: dict[str, object] = {**dict.fromkeys(sorted(NAMES - _LITELLM_REFUSES), GIFT), **WORDS}
PATHS = {
    "acompletion": "/v1/chat/completions",
    "atext_completion": "/v1/completions",
    "aembedding": "/v1/embeddings",
    "anthropic_messages": "/v1/messages",
    "aresponses": "/v1/responses",
    "acompact_responses": "/v1/responses/compact",
    "agenerate_content": "/v1beta/models/demo-gemini:generateContent",
    "agenerate_content_stream": "/v1beta/models/demo-gemini:streamGenerateContent",
    "image_generation": "/v1/images/generations",
    "aimage_edit": "/v1/images/edits",
    "aspeech": "/v1/audio/speech",
    "transcription": "/v1/audio/transcriptions",
    "rerank": "/v1/rerank",
    "asearch": "/v1/search/demo-search",
    "aocr": "/v1/ocr",
}


@dataclass(frozen=True)
class Payers:
    """Two customers with the same rules: one calls plainly, the other with all that it can say."""

    plain: Customer
    talkative: Customer


@pytest.fixture(scope="module")
def payers(running: Running) -> Iterator[Payers]:
    headers = {"Authorization": f"Bearer {running.master_key}"}
    with ExitStack() as stack:
        admin = stack.enter_context(httpx.Client(base_url=running.base_url, headers=headers, timeout=60))
        make = stack.enter_context(making_customers(running, admin))
        customers = Payers(make(credit="100"), make(credit="100"))
        for customer in (customers.plain, customers.talkative):
            for fields in ({"model": "demo-*", "multiplier": "5"}, {"model": GIFT, "free": True}):
                body = {"customer_id": customer.user_id, "reason": "test", **fields}
                rule_id = admin.post("/stripe/prices", json=body).raise_for_status().json()["id"]
                stack.callback(admin.delete, f"/stripe/prices/{rule_id}")
        yield customers


def saying(request: Request, words: dict[str, object]) -> Request:
    if request.files is not None:
        return replace(request, form={**request.form, **{bucket: json.dumps(words) for bucket in BUCKETS}})
    return replace(request, json={**(request.json or {}), **dict.fromkeys(BUCKETS, words)})


def charged(customer: Customer, request: Request, path: str) -> tuple[object, ...]:
    """What one call was charged, for what, and by which rule."""
    before = len(customer.transactions("charge"))
    answer = request.send(customer.http, path)
    assert answer.status_code == 200, answer.text
    charge = customer.settled(charges=before + 1)[0]
    detail = detail_of(charge)
    names = ("model", "provider_model", "tokens", "unit_prices", "ending", "provider_cost")
    return (spent(charge), charge["description"], detail["rule"]["multiplier"], *(detail[n] for n in names))


class TestMetadata:
    @pytest.mark.parametrize("call_type", PATHS)
    def test_changes_neither_charge_nor_rule_nor_description_of_any_call(
        self, call_type: str, payers: Payers
    ) -> None:
        request, path = BY_CALL_TYPE[call_type], PATHS[call_type]
        plain = charged(payers.plain, request, path)
        assert charged(payers.talkative, saying(request, EVERY_NAME), path) == plain
        assert plain[0]
        assert plain[2] == "5"

    def test_covers_every_billed_call_with_a_body(self) -> None:
        assert PATHS.keys() == BY_CALL_TYPE.keys()


CHAT = {"messages": [{"role": "user", "content": "hello"}], "max_tokens": 5}


class TestTheProvidersRequest:
    @pytest.mark.parametrize("call_type", PATHS)
    def test_is_no_clients_to_write_by_any_call(self, call_type: str, payers: Payers) -> None:
        request, path = BY_CALL_TYPE[call_type], PATHS[call_type]
        before = payers.talkative.balance()
        for field, status in (("extra_headers", 400), ("Organization", 400), ("api_key", 403)):
            value = '{"Host": "evil.example"}' if request.files is not None else {"Host": "evil.example"}
            with_it = replace(
                request,
                form={**request.form, field: str(value)},
                json=None if request.json is None else {**request.json, field: value},
            )
            answer = with_it.send(payers.talkative.http, path)
            assert answer.status_code == status, (field, answer.text)
            assert field in answer.text
        eventually(lambda: payers.talkative.balance() == before)

    def test_is_made_with_the_operators_version_of_the_api(self, payers: Payers) -> None:
        path = "/openai/deployments/demo-chat/chat/completions?api-version=1999-01-01"
        payers.plain.http.post(path, json=CHAT).raise_for_status()

    def test_has_no_key_of_the_customers_own(self, new_customer: NewCustomer) -> None:
        customer = new_customer(credit="1")
        headers = {
            "x-litellm-api-key": f"Bearer {customer.key}",
            "Authorization": "Bearer sk-ant-oat01-a-subscription-of-my-own",
        }
        answer = customer.http.post("/v1/messages", json={"model": "demo-chat", **CHAT}, headers=headers)
        assert answer.status_code == 403
        assert "your own key" in answer.text
        assert customer.transactions() == [t for t in customer.transactions() if t["type"] != "charge"]
