"""What the demo provider was asked, and what the ledger and LiteLLM wrote down of a call."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from decimal import Decimal

import httpx
import psycopg
import pytest
import yaml

from tests.acceptance.conftest import Running
from tests.acceptance.customers import Customer, making_customers
from tests.acceptance.routes.served import Served, walk_app


@dataclass(frozen=True)
class Books:
    """Reads the database behind the running gateway."""

    connection: psycopg.Connection

    def hold_nanos(self, call_id: str) -> int:
        """What the call's hold was first asked for."""
        query = 'SELECT requested FROM billing."LiteLLM_StripeHoldTable" WHERE key = %s'
        row = self.connection.execute(query, (call_id,)).fetchone()
        assert row is not None, f"{call_id} was never held for"
        return int(row[0])

    def charge_nanos(self, call_id: str) -> int | None:
        """What the call was charged; None: nothing yet."""
        query = (
            'SELECT -sum(amount) FROM billing."LiteLLM_StripeTransactionTable" '
            "WHERE hold_key = %s AND kind <> 'reversal'"
        )
        row = self.connection.execute(query, (call_id,)).fetchone()
        return None if row is None or row[0] is None else int(row[0])

    def logged_spend(self, call_id: str) -> Decimal | None:
        """The cost in LiteLLM's spend log, by our call id; None: not written yet."""
        query = (
            'SELECT sum(spend::text::numeric) FROM public."LiteLLM_SpendLogs" '
            "WHERE metadata -> 'spend_logs_metadata' ->> 'billing_call_id' = %s"
        )
        row = self.connection.execute(query, (call_id,)).fetchone()
        return None if row is None or row[0] is None else Decimal(row[0])


@pytest.fixture(scope="module")
def books(running: Running) -> Iterator[Books]:
    with psycopg.connect(running.database_url, autocommit=True) as connection:
        yield Books(connection)


@pytest.fixture(scope="module")
def rich_customer(running: Running) -> Iterator[Customer]:
    """One customer with credit for all the calls of a module."""
    headers = {"Authorization": f"Bearer {running.master_key}"}
    with (
        httpx.Client(base_url=running.base_url, headers=headers, timeout=30) as admin,
        making_customers(running, admin) as make,
    ):
        yield make(credit="100")


@pytest.fixture(scope="session")
def provider_requests(running: Running) -> Callable[[], int]:
    """How many calls the demo provider has been sent."""
    config = yaml.safe_load((running.home / "config.yaml").read_text("utf-8"))
    base_url = config["model_list"][0]["litellm_params"]["api_base"].removesuffix("/v1")

    def count() -> int:
        return int(httpx.get(f"{base_url}/requests").raise_for_status().json()["count"])

    return count


@pytest.fixture(scope="session")
def served() -> list[Served]:
    """See `walk_app`."""
    return walk_app()
