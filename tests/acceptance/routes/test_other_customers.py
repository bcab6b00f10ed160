"""A customer sees and changes nothing of another's, on any route that is free or asks for no key.

The routes and their parameters are those of the running app: a new one is tried without anybody remembering.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

import httpx
import pytest

from billing.proxy.routes import Handling, route_of
from tests.acceptance.conftest import Running
from tests.acceptance.customers import Customer
from tests.acceptance.routes.others.guesses import Curious, Guess, parameters_of
from tests.acceptance.routes.others.possessions import changes
from tests.acceptance.routes.others.world import NO_KEY, World, two_customers
from tests.acceptance.routes.served import Served
from tests.deadline import eventually

# Half a megabyte each time, made of code that knows nobody.
LARGE = {"/openapi.json"}
AT_ONCE = 2
ROUTES_MIN = 170
REQUESTS_MIN = 900


@dataclass
class Walk:
    """All that was tried, and what it showed and changed."""

    found: list[str] = field(default_factory=list)
    changed: list[str] = field(default_factory=list)
    answers: Counter[str] = field(default_factory=Counter)  # by kind of key
    successes: Counter[str] = field(default_factory=Counter)
    routes: set[str] = field(default_factory=set)


@pytest.fixture(scope="module")
def world(running: Running) -> Iterator[World]:
    with two_customers(running, running.home) as world:
        with httpx.Client(base_url=running.base_url, timeout=30) as http:

            def sees_the_others_model(key: str) -> bool:
                return world.other.value("model") in http.get("/v1/models", headers=_headers(key)).text

            eventually(lambda: not sees_the_others_model(world.own_keys["user"]), timeout_s=60, every_s=0.5)
            assert sees_the_others_model(world.other_keys["team member"])
        yield world


@pytest.fixture(scope="module")
def walk(running: Running, world: World, served: list[Served]) -> Walk:
    """Sends everything. What names nobody goes first: names are logged with the caller's own requests."""
    walk = Walk()
    before = world.possessions.rows(world.other)
    requests = sorted(_requests(world, served), key=lambda each: _names(world, each[2]))
    clients = {
        kind: httpx.Client(base_url=running.base_url, headers=_headers(key), timeout=60)
        for kind, key in world.own_keys.items()
    }

    def send(each: tuple[str, Served, Guess]) -> None:
        kind, route, guess = each
        method = "GET" if route.method == "MOUNT" else route.method
        content = {"json": guess.json} if guess.json is not None else {"data": guess.form or None}
        answer = clients[kind].request(method, guess.path, params=guess.query, **content)
        walk.answers[kind] += 1
        walk.successes[kind] += answer.is_success
        walk.routes.add(f"{route.method} {route.path}")
        logged = (
            {world.other.value(name) for name in ("model", "model_name")} if _names(world, guess) else set()
        )
        if found := world.traces.of(answer, guess.words | logged):
            walk.found.append(f"{route.method} {route.path} ({guess.about}; {kind}): {sorted(set(found))}")

    with ThreadPoolExecutor(AT_ONCE) as threads:
        list(threads.map(send, requests))
    for client in clients.values():
        client.close()
    walk.changed = changes(before, world.possessions.rows(world.other))
    return walk


def _requests(world: World, served: list[Served]) -> Iterator[tuple[str, Served, Guess]]:
    """Every route with many guesses as a user, or without a key where none is asked for; with few as others.

    An endpoint that has several paths is asked in earnest at the first of them.
    """
    curious = Curious(world.own, world.other)
    known: set[tuple[str, str, str]] = set()
    for route in served:
        declared = route_of(route.method, route.path)
        if route.path in LARGE or not (route.is_ours or (declared and declared.handling is Handling.FREE)):
            continue
        is_new = route.identity not in known
        known.add(route.identity)
        parameters = parameters_of(route.parameters)
        few = list(curious.few(route.path, parameters, has_body=route.has_body))
        many = curious.many(route.path, parameters, has_body=route.has_body)
        everything = [guess for guess in few if guess.about == "everything"]
        if not (route.authenticated or route.is_ours):
            yield from ((NO_KEY, route, guess) for guess in few)
            yield from (("user", route, guess) for guess in everything)
            continue
        yield from (("user", route, guess) for guess in (many if is_new else everything))
        yield from ((NO_KEY, route, guess) for guess in everything)
        for kind in world.own_keys.keys() - {"user", NO_KEY} if is_new else ():
            yield from ((kind, route, guess) for guess in (everything if route.has_body else few))


def _names(world: World, guess: Guess) -> bool:
    """Whether the request has anything of the other customer's in it."""
    return any(mark in word for word in guess.words for mark in world.other.marks)


def _headers(key: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {key}"} if key else {}


class TestNoRouteThatIsFree:
    def test_shows_another_customer_or_a_secret_of_the_operator(self, walk: Walk) -> None:
        print(f"{len(walk.routes)} routes, {dict(walk.answers)} requests, {dict(walk.successes)} answered")  # noqa: T201  # the figure
        assert sorted(walk.found) == []

    def test_changes_what_another_customer_has(self, walk: Walk) -> None:
        assert walk.changed == []

    def test_is_left_out(self, walk: Walk) -> None:
        assert len(walk.routes) >= ROUTES_MIN
        assert walk.answers.total() >= REQUESTS_MIN
        assert walk.successes["user"] > walk.answers["user"] / 4  # not all of it was refused


class TestWhatIsTheCallersOwn:
    @pytest.mark.parametrize(
        "path",
        [
            "/key/info",
            "/key/list?return_full_object=true",
            "/key/aliases",
            "/user/info",
            "/v2/user/info",
            "/user/daily/activity?start_date=2020-01-01&end_date=2100-01-01",
            "/stripe/balance",
        ],
    )
    def test_is_still_shown(self, path: str, world: World, running: Running) -> None:
        headers = _headers(world.own_keys["user"])
        answer = httpx.get(f"{running.base_url}{path}", headers=headers, timeout=30)
        assert answer.status_code == 200, answer.text
        assert world.own.mark in answer.text


class TestACall:
    @pytest.mark.parametrize(
        ("path", "body"),
        [
            ("/v1/moderations", {"model": "demo-moderation", "input": "hello"}),
            ("/v1/responses", {"model": "demo-chat", "input": "hello", "max_output_tokens": 20}),
            ("/v1/embeddings", {"model": "demo-embed", "input": "hello"}),
        ],
    )
    def test_names_no_provider(
        self, path: str, body: dict[str, object], world: World, new_customer: Callable[..., Customer]
    ) -> None:
        answer = new_customer(credit="1").http.post(path, json=body)
        assert answer.status_code == 200, answer.text
        assert world.traces.of(answer) == []
        assert not [name for name in answer.headers if name.startswith("llm_provider")]


class TestAnAdminOfATeam:
    """Has the most rights that a customer can have."""

    @pytest.mark.parametrize(
        ("path", "own", "others", "fields"),
        [
            ("/user/update", ["user_id"], [], {"user_role": "proxy_admin"}),
            ("/user/new", [], [], {"user_role": "internal_user"}),
            ("/team/update", ["team_id"], [], {"max_budget": 1_000_000}),
            ("/team/member_add", ["team_id"], ["user_id"], {}),
            ("/key/block", ["key"], [], {}),
            ("/global/spend/reset", [], [], {}),
            ("/key/generate", [], ["user_id"], {}),
            ("/key/generate", ["user_id"], ["team_id"], {}),
            ("/key/update", ["key"], ["user_id"], {}),
            ("/key/update", ["key"], ["team_id"], {}),
            ("/key/update", [], ["key"], {"models": []}),
            ("/key/delete", [], ["key"], {}),
            ("/key/generate", ["user_id"], [], {"permissions": {"get_spend_routes": True}}),
            ("/key/generate", ["user_id"], [], {"allowed_routes": ["/global/spend"]}),
            ("/key/generate", ["user_id"], [], {"object_permission": {"mcp_servers": ["any"]}}),
            ("/key/generate", ["user_id"], [], {"router_settings": {"model_group_alias": {"a": "b"}}}),
            ("/key/generate", ["user_id"], [], {"metadata": {"logging": [{"callback_name": "langfuse"}]}}),
        ],
    )
    def test_gives_itself_no_rights_and_takes_nobody_elses(
        self,
        path: str,
        own: list[str],
        others: list[str],
        fields: dict[str, object],
        world: World,
        running: Running,
    ) -> None:
        before = world.possessions.rows(world.other), world.possessions.rows(world.own)
        body = {name: world.own.value(name) for name in own} | {
            name: world.other.value(name) for name in others
        }
        if path == "/key/delete":
            fields = {"keys": [body.pop("key")]}
        headers = _headers(world.own_keys["team admin"])
        answer = httpx.post(f"{running.base_url}{path}", json=body | fields, headers=headers, timeout=30)
        assert answer.is_client_error, answer.text
        assert changes(before[0], world.possessions.rows(world.other)) == []
        assert changes(before[1], world.possessions.rows(world.own)) == []
