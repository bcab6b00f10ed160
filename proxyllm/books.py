"""The commands that read or prepare the database: `migrate`, `verify`."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import asdict

from billing.database.migrations import migrate
from billing.database.pool import open_pool
from billing.errors import NotConfigured
from billing.ledger.reader import LedgerReader
from billing.ledger.schemas import Discrepancy
from billing.settings import Settings, get_settings
from gateway import litellm_database
from gateway.messages import DONE, FAILED
from proxyllm.output import answer, say


def apply_migrations(*, as_json: bool) -> int:
    """`proxyllm migrate`."""
    return answer(_apply(as_json=as_json))


def verify_books(*, as_json: bool) -> int:
    """`proxyllm verify`."""
    return answer(_verify(as_json=as_json))


async def _apply(*, as_json: bool) -> int:
    settings = get_settings()
    if settings.database_url is None:
        raise NotConfigured("DATABASE_URL is not set.")
    database_url = settings.database_url.get_secret_value()
    of_litellm = await litellm_database.migrate(database_url, lambda _text: None)
    applied = await migrate(database_url)
    if as_json:
        say(json.dumps({"applied": applied, "applied_of_litellm": of_litellm}))
    else:
        say(f"applied {of_litellm} of LiteLLM's migrations" if of_litellm else "LiteLLM: nothing to apply")
        say(f"applied {', '.join(applied)}" if applied else "billing: nothing to apply")
    return DONE


@asynccontextmanager
async def open_books(settings: Settings) -> AsyncIterator[LedgerReader]:
    """Opens the books of DATABASE_URL for reading."""
    pool = await open_pool(settings, max_size=2, application_name="proxyllm cli")
    try:
        yield LedgerReader(pool, currency=settings.billing_currency)
    finally:
        await pool.close()


async def _verify(*, as_json: bool) -> int:
    async with open_books(get_settings()) as books:
        found = await books.verify()
    if as_json:
        say(
            json.dumps(
                {"verified": not found, "proved": not found, "discrepancies": [asdict(one) for one in found]}
            )
        )
    else:
        say("\n".join(map(_line_of, found)) or "the books agree with themselves")
    return FAILED if found else DONE


def _line_of(found: Discrepancy) -> str:
    return f"{found.rule}: {found.subject}: expected {found.expected}, found {found.found}"
