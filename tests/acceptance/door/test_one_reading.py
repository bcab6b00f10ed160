"""What our guards look at is what LiteLLM's handlers get: what could be read in two ways is refused."""

from __future__ import annotations

import json

import httpx
import pytest

from tests.acceptance.customers import HELLO, Customer, NewCustomer
from tests.acceptance.door.door_routes import JSON_ROUTES, KEY_MAKING_ROUTES

Body = dict[str, object]
TRUSTED: Body = {"metadata": {"billing_trusted_backend": True, "märz": 1}}
PRICING: Body = {"metadata": {"allow_client_pricing_override": True, "märz": 1}}
ENCODINGS = ("utf-16", "utf-16-le", "utf-16-be", "utf-32", "utf-32-le", "utf-32-be", "utf-8-sig", "latin-1")
OTHER_TYPES = (
    "text/plain", "application/octet-stream", "application/x-protobuf", "application/xml", "multipart/mixed",
    "application/json; charset=utf-16", "application/x-www-form-urlencoded", "text/json", "application/jsonl",
)  # fmt: skip
NOT_ONE_DOCUMENT = (
    b"null", b"[]", b'"x"', b"5", b"{} {}", b'{"model":"demo-chat","n":NaN}', b'{"n":Infinity}', b"{'a':1}",
    b'{"model":"demo-chat","model":"demo-large"}', b'{"\\u006dodel":"demo-large","model":"demo-chat"}',
    b'{"metadata":{},"metadata":{"billing_trusted_backend":true}}', b'{"user":"\\ud800"}', b"",
)  # fmt: skip


def in_our_shape(answer: httpx.Response, *statuses: int) -> bool:
    error = answer.json()["error"]
    return answer.status_code in statuses and bool(error["message"]) and "code" in (error | {"code": 1})


@pytest.fixture(scope="module")
def customer(door_customers: NewCustomer) -> Customer:
    return door_customers(credit="1")


@pytest.mark.parametrize("path", [*JSON_ROUTES, *KEY_MAKING_ROUTES])
def test_no_other_encoding_is_read(path: str, customer: Customer) -> None:
    for encoding in ENCODINGS:
        for body in (TRUSTED, PRICING):
            raw = json.dumps(body, ensure_ascii=False).encode(encoding)
            answer = customer.http.post(path, content=raw, headers={"content-type": "application/json"})
            assert in_our_shape(answer, 400), (encoding, answer.text)


@pytest.mark.parametrize("path", [*JSON_ROUTES, *KEY_MAKING_ROUTES])
def test_json_is_not_read_under_another_content_type(path: str, customer: Customer) -> None:
    for content_type in OTHER_TYPES:
        raw = json.dumps({"model": "demo-chat", "messages": HELLO, **TRUSTED}).encode()
        answer = customer.http.post(path, content=raw, headers={"content-type": content_type})
        assert in_our_shape(answer, 400, 415), (content_type, answer.text)


@pytest.mark.parametrize("path", JSON_ROUTES)
def test_only_one_plain_json_object_is_read(path: str, customer: Customer) -> None:
    for raw in NOT_ONE_DOCUMENT:
        answer = customer.http.post(path, content=raw, headers={"content-type": "application/json"})
        assert in_our_shape(answer, 400), (raw, answer.text)


@pytest.mark.parametrize("name", ["content-type", "authorization", "x-api-key", "content-encoding"])
def test_a_header_that_could_be_read_in_two_ways_is_refused(name: str, customer: Customer) -> None:
    headers = [(name, "application/json"), (name, "multipart/form-data; boundary=b"), ("x-api-key", "sk-x")]
    answer = customer.http.post("/v1/chat/completions", content=b"{}", headers=headers)
    assert answer.status_code == 400
    assert "twice" in answer.json()["error"]["message"]


def test_a_compressed_body_is_refused(customer: Customer) -> None:
    answer = customer.http.post("/v1/chat/completions", content=b"{}", headers={"content-encoding": "gzip"})
    assert answer.status_code == 415


class TestKeysThatChoosePayerOrPrice:
    """Only an admin makes them, however it is written."""

    @pytest.mark.parametrize("path", KEY_MAKING_ROUTES)
    @pytest.mark.parametrize("field", ["billing_trusted_backend", "allow_client_pricing_override"])
    def test_are_not_made_by_a_customer(self, path: str, field: str, customer: Customer) -> None:
        escaped = field.replace("_", "\\u005f")
        requests = (
            json.dumps({"metadata": {field: True}}),
            f'{{"metadata": {{"{escaped}": true}}}}',
            json.dumps({"metadata": json.dumps({field: True})}),
            json.dumps({"metadata": f'{{"{escaped}": true}}'}),
            json.dumps({"metadata": [f'"{escaped}"']}),
            json.dumps({"a": [{"b": {field: True}}]}),
        )
        for requested in requests:
            answer = customer.http.post(path, content=requested, headers={"content-type": "application/json"})
            assert answer.status_code == 403, (requested, answer.text)
            assert field in answer.json()["error"]["message"]

    def test_are_made_by_an_admin(self, admin: httpx.Client) -> None:
        made = admin.post("/key/generate", json={"metadata": {"billing_trusted_backend": True}})
        assert made.json()["metadata"]["billing_trusted_backend"] is True


def test_an_admin_is_not_restricted(admin: httpx.Client) -> None:
    raw = b'{"model":"demo-chat","model":"demo-chat","messages":[{"role":"user","content":"hi"}]}'
    answer = admin.post("/v1/chat/completions", content=raw, headers={"content-type": "application/json"})
    assert answer.status_code == 200, answer.text


@pytest.mark.parametrize("path", ["/v1/chat/completions", "/v1/messages", "/key/generate"])
@pytest.mark.parametrize(
    ("content_type", "status"),
    [
        ('APPLICATION/Json ; a=b; CHARSET="UTF-8"', 200),
        ("application/json; charset=utf-8; charset=utf-16", 415),
        ("application/json; charset=nonsense", 415),
        ("application/json, application/x-www-form-urlencoded", 415),
        ("application/json; a=multipart/form-data; boundary=x", 200),
    ],
)
def test_a_content_type_is_read_in_one_way_however_it_is_spelled(
    path: str, content_type: str, status: int, customer: Customer
) -> None:
    body = {} if path.startswith("/key/") else {"model": "demo-chat", "messages": HELLO, "max_tokens": 5}
    answer = customer.http.post(path, content=json.dumps(body), headers={"content-type": content_type})
    assert answer.status_code == status, answer.text
    if status == 415:
        assert in_our_shape(answer, 415)
        assert answer.json()["error"]["type"] == "invalid_request_error"


@pytest.mark.parametrize("path", [*JSON_ROUTES, *KEY_MAKING_ROUTES, "/key/delete", "/v2/key/info"])
def test_no_form_is_read_where_the_call_takes_json_or_a_file(path: str, customer: Customer) -> None:
    for content in ({"data": {"keys": "x", "model": "demo-chat"}}, {"files": {"keys": ("x", b"x")}}):
        answer = customer.http.post(path, **content)
        assert in_our_shape(answer, 400 if path.endswith("/ocr") else 415), answer.text
