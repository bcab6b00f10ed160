"""What the parts of a run are told, decided before anything starts."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from devkit.run.home import Home
from devkit.run.keys import Keys
from devkit.run.plan import Options, Plan

KEYS = Keys("sk-master", "sk-salt", "sk-demo", "sk_test_1", "whsec_1", "secret")
OWN_DATABASE = "postgresql://proxyllm:secret@127.0.0.1:5000/proxyllm"


def _plan(environment: dict[str, str] | None = None, host: str = "127.0.0.1") -> Plan:
    home = Home(Path("/home/of/tests"))
    options = Options(home.path, host, 4000, environment or {})
    return Plan(options, home, KEYS, None, OWN_DATABASE, 5001)


class TestStripe:
    def test_without_a_key_it_is_the_sandbox_on_the_next_port(self) -> None:
        environment = _plan().gateway_environment({})

        assert environment["STRIPE_API_BASE"] == "http://127.0.0.1:4001"
        assert environment["STRIPE_API_KEY"] == "sk_test_1"
        assert environment["STRIPE_WEBHOOK_SECRET"] == "whsec_1"

    def test_the_sandbox_has_the_secrets_that_the_gateway_has(self) -> None:
        environment = _plan().sandbox_environment()

        assert environment["SANDBOX_API_KEY"] == "sk_test_1"
        assert environment["SANDBOX_WEBHOOK_SECRET"] == "whsec_1"
        assert _plan().webhook_url == "http://127.0.0.1:4000/stripe/webhook"

    def test_with_a_key_it_is_the_real_one_and_nothing_of_ours_is_mixed_in(self) -> None:
        plan = _plan({"STRIPE_API_KEY": "sk_test_theirs"})

        assert plan.sandbox is False
        assert "STRIPE_API_BASE" not in plan.gateway_environment({})
        assert plan.run_file().stripe_api_base == "https://api.stripe.com"
        assert plan.run_file().stripe_api_key == "sk_test_theirs"
        assert plan.run_file().stripe_webhook_secret == ""


class TestGatewayEnvironment:
    def test_prices_come_from_the_installed_map_and_never_from_the_network(self) -> None:
        environment = _plan({"LITELLM_LOCAL_MODEL_COST_MAP": "False"}).gateway_environment({})

        assert environment["LITELLM_LOCAL_MODEL_COST_MAP"] == "True"

    def test_models_can_be_added_by_api_unless_the_user_says_no(self) -> None:
        assert _plan().gateway_environment({})["STORE_MODEL_IN_DB"] == "True"
        assert _plan({"STORE_MODEL_IN_DB": "False"}).gateway_environment({})["STORE_MODEL_IN_DB"] == "False"

    def test_it_names_prismas_engine(self) -> None:
        prisma = {"PRISMA_QUERY_ENGINE_BINARY": "/engine"}

        assert _plan().gateway_environment(prisma).items() >= prisma.items()

    @pytest.mark.parametrize("name", ["WEB_CONCURRENCY", "PYTHONDONTWRITEBYTECODE"])
    def test_what_would_break_or_slow_every_start_is_left_out(self, name: str) -> None:
        assert name not in _plan({name: "4"}).gateway_environment({})
        assert name not in _plan({name: "4"}).sandbox_environment()

    def test_what_the_user_sets_of_billing_reaches_it(self) -> None:
        environment = _plan({"BILLING_HOLD_TTL_S": "5", "BILLING_PUBLIC_URL": "https://ai.example"})

        assert environment.gateway_environment({})["BILLING_HOLD_TTL_S"] == "5"
        assert environment.run_file().page_url == "https://ai.example/billing"


class TestAddresses:
    def test_one_that_listens_everywhere_is_reached_on_the_loopback(self) -> None:
        for host in ("0.0.0.0", "::"):  # noqa: S104 - nothing is bound
            assert _plan(host=host).base_url == "http://127.0.0.1:4000"

    def test_an_ipv6_address_is_a_url(self) -> None:
        assert _plan(host="::1").base_url == "http://[::1]:4000"

    def test_the_database_of_the_user_is_told_as_it_is(self) -> None:
        plan = replace(_plan(), database_url="postgresql://who@db.example/llm")

        assert plan.run_file().database_url == "postgresql://who@db.example/llm"
        assert plan.gateway_environment({})["DATABASE_URL"] == "postgresql://who@db.example/llm"
