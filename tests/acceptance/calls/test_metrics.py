"""`/metrics` of the running gateway: billing's numbers, beside LiteLLM's, for those who may see them."""

from __future__ import annotations

from collections.abc import Callable

import httpx
import openai
import pytest
from prometheus_client.parser import text_string_to_metric_families

from tests.acceptance.conftest import Running
from tests.acceptance.customers import Customer
from tests.deadline import eventually


def scrape(admin: httpx.Client) -> dict[tuple[str, frozenset[tuple[str, str]]], float]:
    """Every sample of a scrape, by name and labels."""
    text = admin.get("/metrics", follow_redirects=True).raise_for_status().text
    return {
        (sample.name, frozenset(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def value(admin: httpx.Client, name: str, **labels: str) -> float:
    return scrape(admin).get((name, frozenset(labels.items())), 0.0)


def test_are_for_keys_of_the_operator_alone(running: Running, new_customer: Callable[..., Customer]) -> None:
    with httpx.Client(base_url=running.base_url, follow_redirects=True) as anonymous:
        assert anonymous.get("/metrics").status_code == 401
    assert new_customer(credit="1").http.get("/metrics").status_code in (401, 403)


def test_a_call_is_counted_from_hold_to_ending(
    admin: httpx.Client, new_customer: Callable[..., Customer]
) -> None:
    customer = new_customer(credit="1")
    admitted = value(admin, "proxyllm_holds_total", verdict="admitted")
    finished = value(admin, "proxyllm_endings_total", status="settled", ending="finished")
    batches = value(admin, "proxyllm_ledger_batch_size_count")
    customer.openai.chat.completions.create(model="demo-chat", messages=[{"role": "user", "content": "Hi"}])
    customer.settled(charges=1)
    assert value(admin, "proxyllm_holds_total", verdict="admitted") > admitted
    assert value(admin, "proxyllm_endings_total", status="settled", ending="finished") > finished
    assert value(admin, "proxyllm_ledger_batch_size_count") >= batches + 2
    assert value(admin, "proxyllm_ledger_round_trip_seconds_sum") > 0


def test_a_refusal_is_counted_by_its_code(admin: httpx.Client, new_customer: Callable[..., Customer]) -> None:
    before = value(admin, "proxyllm_refusals_total", code="insufficient_credits")
    poor = new_customer()
    with pytest.raises(openai.APIStatusError):
        poor.openai.chat.completions.create(model="demo-chat", messages=[{"role": "user", "content": "Hi"}])
    assert value(admin, "proxyllm_refusals_total", code="insufficient_credits") == before + 1


def test_a_webhook_with_a_wrong_signature_is_counted(running: Running, admin: httpx.Client) -> None:
    before = value(admin, "proxyllm_webhook_events_total", outcome="invalid_signature")
    httpx.post(f"{running.base_url}/stripe/webhook", content=b"{}", headers={"stripe-signature": "t=1,v1=00"})
    assert value(admin, "proxyllm_webhook_events_total", outcome="invalid_signature") == before + 1


def test_the_state_of_database_and_books_is_sampled(admin: httpx.Client) -> None:
    def sampled() -> bool:
        return all(
            value(admin, "proxyllm_reconcile_finished_timestamp_seconds", book=book) > 0
            for book in ("ledger", "spend_logs", "stripe")
        )

    eventually(sampled, timeout_s=90, every_s=1)
    assert value(admin, "proxyllm_sampled_timestamp_seconds") > 0
    assert value(admin, "proxyllm_reconcile_drift_nanos", book="ledger") == 0


def test_no_label_names_a_customer_or_key(admin: httpx.Client, new_customer: Callable[..., Customer]) -> None:
    customer = new_customer(credit="1")
    customer.openai.chat.completions.create(model="demo-chat", messages=[{"role": "user", "content": "Hi"}])
    ours = [labels for name, labels in scrape(admin) if name.startswith("proxyllm_")]
    names = {name for labels in ours for name, _ in labels}
    assert names <= {"verdict", "status", "ending", "code", "outcome", "result", "book", "le"}
    assert not any(customer.user_id in text for labels in ours for _, text in labels)
