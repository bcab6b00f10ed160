"""Two customers of the running gateway: one who is curious, and another who has everything."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
import psycopg
import yaml

from devkit.run.run_file import RunFile
from tests.acceptance.routes.others.identity import Identity
from tests.acceptance.routes.others.possessions import Possessions
from tests.acceptance.routes.others.traces import Traces

CREDIT = "9417.7713"
NO_KEY = "no key"
Json = dict[str, object]
# Kinds of key: the route that makes them, whose they are, and what else they have.
_KINDS: dict[str, tuple[str, tuple[str, ...], Json]] = {
    "user": ("/key/generate", ("user_id",), {}),
    "team admin": ("/key/generate", ("user_id", "team_id"), {}),
    "team member": ("/key/generate", ("member_id", "team_id"), {}),
    "without a user": ("/key/generate", (), {}),
    "llm_api": ("/key/generate", ("user_id",), {"key_type": "llm_api"}),
    "service account": ("/key/service-account/generate", ("team_id",), {}),
}
_MODEL_OF_TEAM = """
UPDATE "LiteLLM_ProxyModelTable" SET model_name = %s, model_info = model_info || %s::jsonb
WHERE model_id = %s"""


@dataclass(frozen=True)
class World:
    """Both customers, and how to see what became of them."""

    own: Identity
    own_keys: dict[str, str]  # by kind; empty for none
    other: Identity
    other_keys: dict[str, str]
    traces: Traces
    possessions: Possessions


@contextmanager
def two_customers(run: RunFile, home: Path) -> Iterator[World]:
    """Makes them, and takes them out again."""
    headers = {"Authorization": f"Bearer {run.master_key}"}
    own, other = Identity(), Identity()
    with ExitStack() as stack:
        connection = stack.enter_context(psycopg.connect(run.database_url, autocommit=True))
        admin = stack.enter_context(httpx.Client(base_url=run.base_url, headers=headers, timeout=60))
        api_base = _api_base(home)
        possessions = Possessions(connection, api_base)
        stack.enter_context(possessions.of(own, spends=False))
        stack.enter_context(possessions.of(other, spends=True))
        stack.callback(admin.delete, f"/v1/mcp/server/{_register(admin, connection, other)}")
        own_keys, other_keys = _make(admin, own), _make(admin, other)
        _spend(admin, run, other)
        secrets = _secrets(run, home, api_base)
        hashes = [hashlib.sha256(key.encode()).hexdigest() for key in other_keys.values()]
        traces = Traces((*other.marks, *other_keys.values(), *hashes, CREDIT), secrets)
        yield World(own, own_keys | {NO_KEY: ""}, other, other_keys, traces, possessions)


def _make(admin: httpx.Client, identity: Identity) -> dict[str, str]:
    """A user who is admin of a team with a second member, and keys of every kind."""
    note = {"note": f"{identity.mark}-note"}
    for name in ("user_id", "member_id"):
        user_id = identity.value(name)
        email = identity.value("email") if name == "user_id" else f"{identity.mark}-member@example.com"
        person = {"user_id": user_id, "user_email": email, "user_alias": f"{user_id}-alias"}
        _post(admin, "/user/new", {**person, "auto_create_key": False, "metadata": note})
    roles = [
        {"role": "admin", "user_id": identity.value("user_id")},
        {"role": "user", "user_id": identity.value("member_id")},
    ]
    team = {name: identity.value(name) for name in ("team_id", "team_alias")}
    models = [identity.value("model"), "demo-chat"]
    _post(admin, "/team/new", {**team, "models": models, "members_with_roles": roles, "metadata": note})
    keys = {}
    for kind, (path, whose, extra) in _KINDS.items():
        alias = identity.value("key_alias") + ("" if kind == "user" else f"-{kind.replace(' ', '-')}")
        body = {
            "key_alias": alias,
            "metadata": note,
            **{name: identity.value(name) for name in whose},
            **extra,
        }
        secret = {"key": identity.secret_key} if kind == "user" else {}
        keys[kind] = str(_post(admin, path, {**body, **secret})["key"])
    return keys


def _register(admin: httpx.Client, connection: psycopg.Connection, other: Identity) -> str:
    """A model of the other's team, and a tool server that nobody else may use; the server's id."""
    server = {"server_name": other.mark, "url": f"http://127.0.0.1:9/{other.mark}", "transport": "http"}
    other.ids["server"] = str(_post(admin, "/v1/mcp/server", server)["server_id"])
    name = other.value("model")
    parameters = {"model": f"openai/{name}", "api_base": f"http://127.0.0.1:9/{other.mark}", "api_key": name}
    prices = {"input_cost_per_token": 1e-6, "output_cost_per_token": 1e-6}
    model = {"model_name": name, "litellm_params": parameters | prices, "model_info": {}}
    other.ids["litellm_model"] = str(_post(admin, "/model/new", model)["model_id"])
    team = other.value("team_id")
    of_team = json.dumps({"team_id": team, "team_public_model_name": name})
    row = (f"model_name_{team}_{name}", of_team, other.ids["litellm_model"])
    connection.execute(_MODEL_OF_TEAM, row)  # by API it would take a licence
    _post(admin, "/model/unblock", {"model_id": row[2]})  # has the gateway read the row at once
    return other.ids["server"]


def _spend(admin: httpx.Client, run: RunFile, other: Identity) -> None:
    """Credit, a checkout and a response of the other customer's."""
    grant = {"customer_id": other.value("user_id"), "amount": CREDIT, "reason": f"{other.mark}-reason"}
    _post(admin, "/stripe/credits", grant)
    headers = {"Authorization": f"Bearer {other.secret_key}"}
    with httpx.Client(base_url=run.base_url, headers=headers, timeout=60) as http:
        other.ids["session"] = str(_post(http, "/stripe/topup", {"amount": "25"})["checkout_session_id"])
        question = {"model": "demo-chat", "input": f"Repeat {other.mark}", "max_output_tokens": 20}
        response = _post(http, "/v1/responses", {**question, "user": other.value("user_id")})
        other.ids["response"] = str(response["id"])


def _post(http: httpx.Client, path: str, body: Mapping[str, object]) -> Json:
    answer = http.post(path, json=body)
    assert answer.is_success, f"{path}: {answer.text}"
    made: Json = answer.json()
    return made


def _api_base(home: Path) -> str:
    config = yaml.safe_load((home / "config.yaml").read_text("utf-8"))
    return str(config["model_list"][0]["litellm_params"]["api_base"]).removesuffix("/v1")


def _secrets(run: RunFile, home: Path, api_base: str) -> dict[str, str]:
    """What only the operator knows. (The demo key is a customer's.)"""
    kept = json.loads((home / "keys.json").read_text("utf-8"))
    return {
        **{name: str(secret) for name, secret in kept.items() if name != "demo_key"},
        "the database's address": run.database_url.partition("@")[2],
        "a provider's address": api_base.partition("//")[2],
    }
