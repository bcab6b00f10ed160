"""What the doctor says of Stripe events that fitted nothing."""

from __future__ import annotations

from pathlib import Path

import pytest

from billing.settings import Settings
from gateway.doctor.finding import Finding
from gateway.doctor.parked_events import NAMED_MAX, check_parked_events
from gateway.doctor.service import examine
from tests.postgres_server import PostgresServer, database_of

ROOT = Path(__file__).parents[3]
COLUMNS = (
    "event_id, type, livemode, object_id, created, payload, outcome, reason, received_at, retry_at, tries"
)


async def examined(url: str | None) -> list[Finding]:
    settings = Settings(database_url=url)
    return [finding async for finding in check_parked_events(settings)]


def park(postgres: PostgresServer, url: str, event_id: str, reason: str, age: str, retry_at: str) -> None:
    values = (
        f"'{event_id}', 'checkout.session.completed', FALSE, 'cs_1', now(), '{{}}', 'parked', '{reason}',"
        f" now() - interval '{age}', {retry_at}, 7"
    )
    statement = f'INSERT INTO billing."LiteLLM_StripeWebhookEventTable" ({COLUMNS}) VALUES ({values})'
    postgres.execute(statement, database=database_of(url))


async def test_none_is_fine(database_url: str) -> None:
    assert [finding.level for finding in await examined(database_url)] == ["ok"]


async def test_each_is_named_with_its_reason_and_its_age(postgres: PostgresServer, database_url: str) -> None:
    park(postgres, database_url, "evt_waits", "no order of ours", "5 hours", "now() + interval '1 hour'")
    park(postgres, database_url, "evt_ended", "it is in eur", "4 days", "NULL")
    ended, retried = await examined(database_url)
    assert {ended.level, retried.level} == {"warning"}
    assert "1 are no longer retried" in ended.message
    assert (
        "evt_ended (checkout.session.completed cs_1), 4 days old, tried 7 times: it is in eur"
        in ended.message
    )
    assert "stripe events resend" in ended.message
    assert "1 are parked and retried" in retried.message
    assert "evt_waits (checkout.session.completed cs_1), 5 h old, tried 7 times: no order" in retried.message


async def test_the_doctor_says_so_among_its_other_findings(
    postgres: PostgresServer, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    park(postgres, database_url, "evt_waits", "no order of ours", "5 hours", "now()")
    monkeypatch.setenv("DATABASE_URL", database_url)
    monkeypatch.delenv("STRIPE_API_KEY", raising=False)
    found = await examine(ROOT / "proxy_server_config.yaml", {"DATABASE_URL": database_url})
    [finding] = [finding for finding in found if finding.check == "Stripe events"]
    assert "evt_waits" in finding.message


async def test_the_oldest_are_named_and_the_others_counted(
    postgres: PostgresServer, database_url: str
) -> None:
    for number in range(NAMED_MAX + 3):
        park(postgres, database_url, f"evt_{number}", "no order", f"{number + 2} minutes", "now()")
    [finding] = await examined(database_url)
    assert "; and 3 more" in finding.message
    assert finding.message.count("evt_") == NAMED_MAX
    assert f"evt_{NAMED_MAX + 2} " in finding.message
    assert "evt_0 " not in finding.message


async def test_a_database_that_does_not_answer_is_told_by_another_check(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert await examined("postgresql://who@127.0.0.1:1/none") == []
    monkeypatch.delenv("DATABASE_URL", raising=False)
    assert await examined(None) == []
