"""A run from its first start to its last stop: killed, recovered, asked to stop; balances kept all along."""

from __future__ import annotations

import os
import re
import signal
import stat
from collections.abc import Iterator
from decimal import Decimal

import httpx
import psutil
import pytest

from devkit.run.run_file import RunFile
from tests.acceptance.launch import Launched, free_port_pair, launch, processes_of
from tests.acceptance.run.life import Life, assert_quick
from tests.deadline import eventually


@pytest.fixture(scope="module")
def life(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Life]:
    life = Life(tmp_path_factory.mktemp("life"))
    yield life
    life.kill()


def _balance(run: RunFile) -> Decimal:
    headers = {"Authorization": f"Bearer {run.demo_key}"}
    answer = httpx.get(f"{run.base_url}/stripe/balance", headers=headers, timeout=30, trust_env=False)
    return Decimal(answer.raise_for_status().json()["balance"])


def _credit(run: RunFile, amount: str) -> None:
    body = {"customer_id": run.demo_customer, "amount": amount, "reason": "test"}
    headers = {"Authorization": f"Bearer {run.master_key}"}
    url = f"{run.base_url}/stripe/credits"
    httpx.post(url, json=body, headers=headers, timeout=30, trust_env=False).raise_for_status()


def _as_admin(run: RunFile) -> httpx.Client:
    headers = {"Authorization": f"Bearer {run.master_key}"}
    return httpx.Client(base_url=run.base_url, headers=headers, timeout=30, trust_env=False)


ADDED = {
    "model_name": "added",
    "litellm_params": {
        "model": "openai/added",
        "api_base": "http://127.0.0.1:1/v1",
        "api_key": "secret",
        "input_cost_per_token": 0.25,
        "output_cost_per_token": 0.5,
    },
}


def _added_models(run: RunFile) -> list[dict[str, object]]:
    """What the gateway says of the models that were added by API: how they are called, at what price."""
    with _as_admin(run) as admin:
        models = admin.get("/model/info").raise_for_status().json()["data"]
    return [model["litellm_params"] for model in models if model["model_name"] == "added"]


class TestLife:
    """The tests are one story, told in order."""

    def test_killed_with_kill_9_it_leaves_no_process(self, life: Life) -> None:
        launched, run = life.start()
        _credit(run, "5.00")
        assert _balance(run) == 5
        with _as_admin(run) as admin:
            admin.post("/model/new", json=ADDED).raise_for_status()
        assert len(processes_of(life.home)) >= 6

        os.kill(run.pid, signal.SIGKILL)

        life.assert_gone()
        assert launched.until_stopped() != 0

    def test_started_again_it_has_the_same_keys_and_balances(self, life: Life) -> None:
        remaining = RunFile.read(life.home / "run.json")
        (life.home / "run.json").unlink()  # the killed run could not
        launched, run = life.start()

        assert run == remaining.model_copy(update={"pid": run.pid})
        assert _balance(run) == 5
        self._models_that_were_added_are_still_there(run)
        self._a_second_run_is_refused(life, run)
        self._it_says_what_a_user_needs(launched, run)
        self._its_curl_works(launched)
        self._secrets_are_private(life)

        launched.process.send_signal(signal.SIGTERM)  # make alone, not the group

        assert launched.until_stopped() != 0  # make's own way of telling that it was stopped
        life.assert_gone()
        assert not (life.home / "run.json").exists()
        assert "stopping" in launched.output

    def _models_that_were_added_are_still_there(self, run: RunFile) -> None:
        [model] = _added_models(run)
        assert {name: model[name] for name in ("model", "api_base", "output_cost_per_token")} == {
            "model": "openai/added",
            "api_base": "http://127.0.0.1:1/v1",
            "output_cost_per_token": 0.5,
        }

    def _a_second_run_is_refused(self, life: Life, run: RunFile) -> None:
        second = launch(life.home, free_port_pair())

        assert second.until_stopped() == 5
        assert f"already running on {life.home} (pid {run.pid})" in second.output
        assert RunFile.read(life.home / "run.json") == run

    def _it_says_what_a_user_needs(self, launched: Launched, run: RunFile) -> None:
        eventually(lambda: "Ctrl-C stops all of it" in launched.output)
        assert run.page_url in launched.output
        assert_quick(launched)
        steps = re.findall(r"^\[ *[\d.]+ s\] (.+)$", launched.output, re.MULTILINE)
        assert {"starting PostgreSQL", "applying migrations", "starting the gateway"} <= set(steps)

    def _its_curl_works(self, launched: Launched) -> None:
        found = re.search(r"curl (.*?)}'$", launched.output, re.DOTALL | re.MULTILINE)
        assert found is not None
        shell = psutil.Popen(
            ["/bin/sh", "-c", f"curl --silent --fail {found[0].removeprefix('curl')}"], stdout=-1
        )
        output, _ = shell.communicate(timeout=60)

        assert shell.returncode == 0
        assert b'"demo-chat"' in output

    def _secrets_are_private(self, life: Life) -> None:
        for name in ("run.json", "keys.json"):
            assert stat.S_IMODE((life.home / name).stat().st_mode) == 0o600
        assert stat.S_IMODE(life.home.stat().st_mode) == 0o700
