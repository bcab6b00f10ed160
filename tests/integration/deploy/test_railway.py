"""What Railway is told: `.railway/railway.ts`, and `railway.toml` for services that still use it."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import tomllib
from dataclasses import dataclass
from pathlib import Path

import pytest

from billing.settings import Settings
from gateway.configuration.reading import read_configuration, references
from gateway.litellm_database import node, programs
from gateway.start.environment import PROXIES

ROOT = Path(__file__).parents[3]
SETTERS_ALONE = {"LITELLM_SALT_KEY"}  # read by LiteLLM from the environment, wherever its configuration is
PACKAGES = ("package.json", "package-lock.json", ".npmrc")
TYPES = ("railway.ts", "tsconfig.json")

Table = dict[str, object]


@dataclass(frozen=True)
class Declared:
    """The gateway's service as railway.ts declares it."""

    build: Table
    deploy: Table
    variables: dict[str, Table]
    database: Table


@pytest.fixture(scope="module")
def declared(tmp_path_factory: pytest.TempPathFactory) -> Declared:
    """railway.ts, type-checked and evaluated with Railway's own package."""
    return asyncio.run(_evaluate(tmp_path_factory.mktemp("railway")))


async def _evaluate(folder: Path) -> Declared:
    for name in (*PACKAGES, *TYPES):
        shutil.copyfile(ROOT / ".railway" / name, folder / name)
    shutil.copyfile(Path(__file__).with_name("evaluate.mjs"), folder / "evaluate.mjs")
    found = await node.find()
    environment = os.environ | {"PATH": f"{found.program.parent}{os.pathsep}{os.environ.get('PATH', '')}"}

    async def run(*command: str) -> str:
        outcome = await programs.run(command, env=environment, timeout_s=100, directory=folder)
        assert outcome.code == 0, outcome.output
        return outcome.output

    await run(*found.npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error")
    await run(str(found.program), "node_modules/typescript/bin/tsc", "--project", ".")
    project = json.loads(await run(str(found.program), "evaluate.mjs", "railway.ts"))
    [database, gateway] = project["resources"]
    return Declared(gateway["build"], gateway["deploy"], gateway["variables"], database)


class TestRailwayToml:
    def test_says_what_railway_ts_says(self, declared: Declared) -> None:
        written = tomllib.loads((ROOT / "railway.toml").read_text("utf-8"))

        assert written == {"build": declared.build, "deploy": declared.deploy}


class TestRailwayTs:
    def test_migrations_run_before_the_deploy_and_readiness_decides(self, declared: Declared) -> None:
        """Deployment defects 26 and 27: a path that wants a key, and a start command without a program."""
        assert declared.deploy["preDeployCommand"] == ["proxyllm migrate"]
        assert declared.deploy["healthcheckPath"] == "/health/readiness"
        assert "startCommand" not in declared.deploy

    def test_the_gateway_has_ten_seconds_after_its_drain(self, declared: Declared) -> None:
        draining = declared.deploy["drainingSeconds"]
        assert isinstance(draining, int)
        assert declared.variables["BILLING_DRAIN_S"] == {"type": "literal", "value": str(draining - 10)}

    def test_no_secret_is_written_down_or_made_up(self, declared: Declared) -> None:
        """Deployment defect 25, and `ctx.randomString`, which anybody who reads the file can repeat."""
        literals = {name for name, value in declared.variables.items() if value["type"] == "literal"}

        assert literals == {"PORT", "BILLING_PUBLIC_URL", "BILLING_DRAIN_S"}

    def test_no_proxy_variable_is_set(self, declared: Declared) -> None:
        """Deployment defects 31 and 32."""
        assert not {name for name in declared.variables if name.upper() in PROXIES | {"NO_PROXY"}}

    def test_the_database_is_railways_and_its_address_is_a_reference(self, declared: Declared) -> None:
        """Deployment defect 29: a database inside the app lost all balances at each deploy."""
        assert declared.database["engine"] == "postgres"
        address = {"type": "reference", "resource": declared.database["address"], "output": "DATABASE_URL"}
        assert declared.variables["DATABASE_URL"] == address

    def test_it_names_every_variable_of_the_configuration_and_none_that_nobody_reads(
        self, declared: Declared
    ) -> None:
        configuration = dict(read_configuration(ROOT / "proxy_server_config.yaml"))
        asked = {reference.variable for reference in references(configuration)}
        settings = {name.upper() for name in Settings.model_fields}

        assert asked <= declared.variables.keys()
        assert declared.variables.keys() <= asked | settings | SETTERS_ALONE
