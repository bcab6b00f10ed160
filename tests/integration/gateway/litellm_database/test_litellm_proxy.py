"""The real LiteLLM proxy on the WASM engine: keys, users, teams, spend. One boot for all of it."""

from __future__ import annotations

import os
import secrets
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import psycopg
import pytest

from devkit.run.ports import free_port
from tests.deadline import eventually
from tests.integration.gateway.litellm_database.upstream import (
    COMPLETION_TOKENS,
    PROMPT_TOKENS,
    chat_upstream,
)

BOOT_WITHIN_S = 200.0
SPEND_WITHIN_S = 60.0  # LiteLLM writes spend logs every few seconds
CONFIG = """
model_list:
  - model_name: chat
    litellm_params: {{model: openai/gpt-4o, api_base: "{upstream}", api_key: none}}
general_settings: {{proxy_batch_write_at: 1}}
"""
SUCCESSES = """
SELECT spend, prompt_tokens, completion_tokens FROM "LiteLLM_SpendLogs" WHERE status = 'success'
"""

pytestmark = pytest.mark.timeout(300)


@dataclass(frozen=True, slots=True)
class Proxy:
    """A running proxy, called as its administrator."""

    http: httpx.Client
    log: Path
    database_url: str

    def post(self, path: str, **body: Any) -> Any:
        """The JSON answer; an error status fails the test with the answer's text."""
        return self._json(self.http.post(path, json=body))

    def get(self, path: str, **query: Any) -> Any:
        """Same, for GET."""
        return self._json(self.http.get(path, params=query))

    def _json(self, response: httpx.Response) -> Any:
        assert response.status_code == 200, f"{response.request.url}: {response.text}"
        return response.json()


@pytest.fixture(scope="module")
def proxy(litellm_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Proxy]:
    """LiteLLM's own ASGI app under uvicorn, in a process of its own."""
    directory = tmp_path_factory.mktemp("proxy")
    master_key, port, log = f"sk-{secrets.token_hex(24)}", free_port(), directory / "proxy.log"
    with chat_upstream() as upstream:
        (directory / "config.yaml").write_text(CONFIG.format(upstream=upstream))
        environment = os.environ | {
            "CONFIG_FILE_PATH": str(directory / "config.yaml"),
            "DATABASE_URL": litellm_url,
            "LITELLM_MASTER_KEY": master_key,
            "LITELLM_SALT_KEY": f"sk-{secrets.token_hex(24)}",
            "LITELLM_LOCAL_MODEL_COST_MAP": "True",
        }
        command = [sys.executable, "-m", "uvicorn", "litellm.proxy.proxy_server:app", "--port", str(port)]
        with log.open("wb") as output:
            process = subprocess.Popen(command, env=environment, cwd=directory, stdout=output, stderr=output)
        client = httpx.Client(
            base_url=f"http://127.0.0.1:{port}",
            headers={"authorization": f"Bearer {master_key}"},
            timeout=60,
            trust_env=False,
        )
        try:
            eventually(lambda: _is_ready(client, process, log), BOOT_WITHIN_S, every_s=0.25)
            yield Proxy(client, log, litellm_url)
        finally:
            client.close()
            process.send_signal(signal.SIGTERM)
            process.wait(30)


def _is_ready(client: httpx.Client, process: subprocess.Popen[bytes], log: Path) -> bool:
    assert process.poll() is None, log.read_text()[-4000:]
    try:
        answer = client.get("/health/readiness")
    except httpx.TransportError:
        return False
    return answer.status_code == 200 and answer.json().get("db") == "connected"


class TestKeys:
    def test_live_from_generation_to_deletion(self, proxy: Proxy) -> None:
        key = proxy.post("/key/generate", key_alias="first", models=["chat"], metadata={"plan": {"tier": 1}})[
            "key"
        ]
        info = proxy.get("/key/info", key=key)["info"]
        assert (info["key_alias"], info["models"], info["metadata"]["plan"]) == (
            "first",
            ["chat"],
            {"tier": 1},
        )
        proxy.post("/key/update", key=key, max_budget=2.5, metadata={"plan": {"tier": 2}})
        info = proxy.get("/key/info", key=key)["info"]
        assert (info["max_budget"], info["metadata"]["plan"]) == (2.5, {"tier": 2})
        assert proxy.post("/key/delete", keys=[key])["deleted_keys"] == [key]
        assert proxy.http.get("/v1/models", headers={"authorization": f"Bearer {key}"}).status_code == 401

    def test_are_refused_when_unknown_or_blocked(self, proxy: Proxy) -> None:
        key = proxy.post("/key/generate")["key"]
        headers = {"authorization": f"Bearer {key}"}
        assert proxy.http.get("/v1/models", headers=headers).status_code == 200
        proxy.post("/key/block", key=key)
        assert proxy.http.get("/v1/models", headers=headers).status_code == 401
        assert proxy.http.get("/v1/models", headers={"authorization": "Bearer sk-no"}).status_code == 401

    def test_an_alias_is_taken_once(self, proxy: Proxy) -> None:
        proxy.post("/key/generate", key_alias="taken")
        assert proxy.http.post("/key/generate", json={"key_alias": "taken"}).status_code == 400


class TestUsersAndTeams:
    def test_are_made_listed_and_linked(self, proxy: Proxy) -> None:
        user = proxy.post("/user/new", user_id="alice", user_email="alice@example.com", max_budget=5)
        assert user["user_id"] == "alice"
        team = proxy.post(
            "/team/new", team_alias="crew", members_with_roles=[{"role": "admin", "user_id": "alice"}]
        )
        listed = {one["user_id"] for one in proxy.get("/user/list")["users"]}
        assert "alice" in listed
        info = proxy.get("/team/info", team_id=team["team_id"])
        assert info["team_info"]["members_with_roles"][0]["user_id"] == "alice"
        assert proxy.get("/user/info", user_id="alice")["user_info"]["teams"] == [team["team_id"]]


class TestSpend:
    def test_a_call_is_logged_with_its_cost_and_shown_in_the_reports(self, proxy: Proxy) -> None:
        key = proxy.post("/key/generate", user_id="spender")["key"]
        answer = proxy.http.post(
            "/v1/chat/completions",
            json={"model": "chat", "messages": [{"role": "user", "content": "hi"}]},
            headers={"authorization": f"Bearer {key}"},
        )
        assert answer.status_code == 200, answer.text
        cost = float(answer.headers["x-litellm-response-cost"])
        assert cost > 0
        eventually(lambda: _logged(proxy) == [(cost, PROMPT_TOKENS, COMPLETION_TOKENS)], SPEND_WITHIN_S)
        eventually(
            lambda: proxy.get("/key/info", key=key)["info"]["spend"] == pytest.approx(cost), SPEND_WITHIN_S
        )
        [log] = proxy.get("/spend/logs", api_key=key, summarize="false")
        assert (log["spend"], log["user"]) == (pytest.approx(cost), "spender")
        assert proxy.get("/global/spend")["spend"] == pytest.approx(cost)
        assert proxy.get("/global/spend/models")[0]["total_spend"] == pytest.approx(cost)
        assert proxy.get("/global/spend/keys")[0]["total_spend"] == pytest.approx(cost)
        assert proxy.get("/global/spend/logs")[0]["spend"] == pytest.approx(cost)


def _logged(proxy: Proxy) -> list[tuple[float, int, int]]:
    with psycopg.connect(proxy.database_url) as connection:
        return connection.execute(SUCCESSES).fetchall()


class TestLog:
    def test_has_no_error_of_the_database(self, proxy: Proxy) -> None:
        proxy.get("/health/readiness")
        text = proxy.log.read_text().lower()
        bad = [
            line for line in text.splitlines() if "error" in line and ("prisma" in line or "database" in line)
        ]
        assert bad == []
        assert "query engine" not in text
        assert "prisma.errors" not in text
