"""On no free route is a wrong type a 500, in a body or in a URL; and none of them stops LiteLLM's logs.

The routes and their parameters are those of the running app: a new one is tried without anybody remembering.
"""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import get_type_hints

import httpx
import pytest

from billing.proxy.requests.client_fields import ALLOWED
from billing.proxy.requests.field_types import BY_CALL_TYPE
from billing.proxy.requests.free_types import BY_PATH, OF_FREE_CALLS
from billing.proxy.routes import Handling, route_of
from tests.acceptance.conftest import Running
from tests.acceptance.customers import HELLO, Customer
from tests.acceptance.routes.conftest import Books
from tests.acceptance.routes.others.guesses import Parameter, body_names, parameters_of, path_with
from tests.acceptance.routes.others.identity import Identity
from tests.acceptance.routes.others.schema import is_text
from tests.acceptance.routes.served import Served
from tests.deadline import eventually

Body = dict[str, object]
JSON, FORM = "application/json", "application/x-www-form-urlencoded"
NOT_OBJECTS = (b"", b"[]", b"null", b'"x"', b"[{}]", b"{", b"\xff\xfe")
WRONG: tuple[object, ...] = (5, [["x"]])
NUL = "a\x00b"
TOO_LARGE = "9" * 30
# Names to try where LiteLLM reads a body by itself.
NAMES = sorted(
    {
        name
        for shape in {**BY_CALL_TYPE, **OF_FREE_CALLS, **BY_PATH}.values()
        for name in get_type_hints(shape)
    }
    | ALLOWED
)
MODELS = {"/moderations": "demo-moderation", "/v1/moderations": "demo-moderation"}
WITHOUT_A_LICENCE = "Enterprise feature"  # LiteLLM's 500 for each call of `/key/regenerate`
NOT_INSTALLED = 501
AT_ONCE = 2
ROUTES_MIN = 130  # 1.106 has 141, 1.108 has 132
REQUESTS_MIN = 2_000


@dataclass(frozen=True)
class Try:
    """One request."""

    with_key: bool
    method: str
    path: str
    query: dict[str, str] = field(default_factory=dict)
    json: Body | None = None
    raw: bytes | None = None
    content_type: str = JSON

    def send(self, http: httpx.Client) -> httpx.Response:
        body = {"json": self.json} if self.json is not None else {"content": self.raw}
        headers = {"content-type": self.content_type}
        return http.request(self.method, self.path, params=self.query, headers=headers, **body)


@dataclass(frozen=True)
class Walk:
    """What was sent, and what failed."""

    routes: int
    tries: list[Try]
    failures: list[str]


@pytest.fixture(scope="module")
def walk(running: Running, rich_customer: Customer, served: list[Served]) -> Walk:
    routes = list(_free(served))
    tries = [each for route in routes for each in _tries(route)]
    stranger = httpx.Client(base_url=running.base_url, timeout=60)

    def send(each: Try) -> str | None:
        answer = each.send(rich_customer.http if each.with_key else stranger)
        if not answer.is_server_error or answer.status_code == NOT_INSTALLED:
            return None
        if WITHOUT_A_LICENCE in answer.text:
            return None
        return f"{each}: {answer.status_code} {answer.text[:300]}"

    with stranger, ThreadPoolExecutor(AT_ONCE) as threads:
        failures = [failure for failure in threads.map(send, tries) if failure]
    return Walk(len(routes), tries, failures)


def _free(served: list[Served]) -> Iterator[Served]:
    """Each endpoint once."""
    known: set[tuple[str, str, str]] = set()
    for route in served:
        declared = route_of(route.method, route.path)
        is_walked = route.method not in ("MOUNT", "OPTIONS") and route.path != "/openapi.json"
        if is_walked and declared and declared.handling is Handling.FREE and route.identity not in known:
            known.add(route.identity)
            yield route


def _tries(route: Served) -> Iterator[Try]:
    identity, parameters = Identity(), parameters_of(route.parameters)
    path = path_with(route.path.replace("{model_name:path}", "demo-chat"), identity)
    asked = [each for each in parameters if each.place == "query"]
    required = {each.name: identity.value(each.name) for each in parameters if _is_required(each)}
    for each in asked:
        for text in (TOO_LARGE,) if is_text(each.schema) else ("x", TOO_LARGE):
            yield Try(route.authenticated, route.method, path, {**required, each.name: text})
    for query in [{**required, each.name: NUL} for each in asked[:1]]:
        yield Try(route.authenticated, route.method, path, query)
    if "{" in route.path:
        yield Try(route.authenticated, route.method, f"{path}%00")
    if route.method == "GET" and "responses" not in path:
        return
    for raw in NOT_OBJECTS:
        yield Try(route.authenticated, route.method, path, required, raw=raw)
    for raw in (b"a=b", b"a=%00"):
        yield Try(route.authenticated, route.method, path, required, raw=raw, content_type=FORM)
    body: Body = {"model": MODELS.get(route.path, "demo-chat"), "input": "hello", "messages": HELLO}
    names = list(body_names(parameters)) or (NAMES if route.authenticated else sorted(body))
    wrong = [(name, value) for name in names for value in WRONG] + [(names[0], NUL), (names[-1], [NUL])]
    for name, value in wrong:
        yield Try(route.authenticated, route.method, path, required, {**body, name: value})


def _is_required(parameter: Parameter) -> bool:
    return parameter.place == "query" and parameter.required


def test_no_wrong_type_is_a_500(walk: Walk) -> None:
    print(f"{walk.routes} routes, {len(walk.tries)} requests")  # noqa: T201  # the figure
    assert walk.failures == []


def test_no_free_route_is_left_out(walk: Walk) -> None:
    assert walk.routes >= ROUTES_MIN
    assert len(walk.tries) >= REQUESTS_MIN


@pytest.mark.usefixtures("walk")
def test_calls_are_logged_on(rich_customer: Customer, books: Books) -> None:
    body = {"model": "demo-chat", "messages": HELLO, "max_tokens": 5}
    call_id = rich_customer.http.post("/v1/chat/completions", json=body).headers["x-billing-call-id"]
    eventually(lambda: books.logged_spend(call_id) is not None, timeout_s=90, every_s=0.5)
