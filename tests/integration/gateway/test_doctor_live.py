"""What the doctor learns from the database and from Stripe themselves."""

from __future__ import annotations

from pathlib import Path

import pytest

from billing.settings import Settings
from gateway import litellm_database
from gateway.doctor.finding import Finding
from gateway.doctor.live_checks import check_database, check_stripe
from gateway.doctor.stored_models import check_stored_models
from tests.integration.devkit.stripe_sandbox.program import API_KEY, running
from tests.postgres_server import PostgresServer, database_of


def _settings(url: str | None, **more: object) -> Settings:
    return Settings(database_url=url, **more)  # type: ignore[arg-type]  # pydantic takes texts for secrets


async def _database(settings: Settings, litellm_pool: int = 10) -> list[Finding]:
    return [finding async for finding in check_database(settings, litellm_pool)]


class TestDatabase:
    async def test_one_with_every_migration_is_fine(self, database_url: str) -> None:
        await litellm_database.migrate(database_url, lambda _text: None)

        assert [finding.level for finding in await _database(_settings(database_url))] == ["ok", "ok"]

    async def test_missing_migrations_are_counted(self, postgres: PostgresServer, database_url: str) -> None:
        """Neither LiteLLM's nor ours; then only LiteLLM's."""
        [nothing, _] = await _database(_settings(postgres.create_database()))
        [ours, _] = await _database(_settings(database_url))

        assert (nothing.level, ours.level) == ("failed", "failed")
        assert "run `proxyllm migrate`" in nothing.message
        assert int(nothing.message.split()[0]) > int(ours.message.split()[0]) > 0

    async def test_a_server_with_too_few_connections_for_a_deploy_is_said(self, database_url: str) -> None:
        """Deployment defect 28: "too many clients" when the new gateway met the old one."""
        [_, finding] = await _database(_settings(database_url), litellm_pool=90)

        assert finding.level == "warning"
        assert "deploys overlap" in finding.message

    async def test_one_that_is_away_or_refuses_is_one_line_without_the_password(
        self, postgres: PostgresServer
    ) -> None:
        for url in ("postgresql://who:secret-word@127.0.0.1:1/none", postgres.url("gone")):
            [finding] = await _database(_settings(url))
            assert finding.level == "failed"
            assert "\n" not in finding.message
            assert "secret-word" not in finding.message

    async def test_one_that_nobody_can_read_was_told_before(self) -> None:
        assert await _database(_settings("mysql://x")) == []

    async def test_none_at_all_is_said(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.delenv("DATABASE_URL", raising=False)
        assert [finding.check for finding in await _database(_settings(None))] == ["DATABASE_URL"]


class TestStoredModels:
    async def test_those_without_a_price_are_found_in_litellms_table(
        self, postgres: PostgresServer, database_url: str
    ) -> None:
        settings = _settings(database_url)
        assert [finding async for finding in check_stored_models(settings, {})] == []  # not migrated
        await litellm_database.migrate(database_url, lambda _text: None)
        columns = "model_id, model_name, litellm_params, model_info, created_by, updated_by"
        rows = (
            """('1', 'own', '{"model": "openai/own", "input_cost_per_token": 1e-6}', '{}', 'a', 'a')""",
            """('2', 'free', '{"model": "openai/own"}', '{"billing": "free"}', 'a', 'a')""",
            """('3', 'none', '{"model": "openai/own"}', '{}', 'a', 'a')""",
        )
        for count, row in enumerate(rows):
            postgres.execute(
                f'INSERT INTO "LiteLLM_ProxyModelTable" ({columns}) VALUES {row}',
                database=database_of(database_url),
            )
            [finding] = [finding async for finding in check_stored_models(settings, {})]
            assert finding.level == ("warning" if count == 2 else "ok")

        assert finding.check == "stored model none"

    async def test_a_database_that_does_not_answer_is_told_once(self) -> None:
        settings = _settings("postgresql://who@127.0.0.1:1/none")
        assert [finding async for finding in check_stored_models(settings, {})] == []


class TestStripe:
    async def test_the_account_of_a_good_key_is_named_and_a_wrong_key_has_failed(
        self, tmp_path: Path
    ) -> None:
        with running(tmp_path, "--webhook-url", "http://127.0.0.1:1/") as sandbox:
            good = _settings(None, stripe_api_key=API_KEY, stripe_api_base=sandbox.url)
            wrong = _settings(None, stripe_api_key="sk_test_wrong", stripe_api_base=sandbox.url)
            [named] = [finding async for finding in check_stripe(good)]
            [unknown] = [finding async for finding in check_stripe(wrong)]

        assert named.level == "ok"
        assert "test key of acct_" in named.message
        assert (unknown.level, unknown.check) == ("failed", "STRIPE_API_KEY")
        assert API_KEY not in named.message

    async def test_one_that_does_not_answer_is_a_warning(self) -> None:
        """Calls go on without Stripe: it must not stop a deploy."""
        settings = _settings(None, stripe_api_key="sk_test_1", stripe_api_base="http://127.0.0.1:1")

        [finding] = [finding async for finding in check_stripe(settings)]
        assert finding.level == "warning"

    async def test_without_a_key_nobody_is_asked(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.delenv("STRIPE_API_KEY", raising=False)
        assert [finding async for finding in check_stripe(_settings(None))] == []
