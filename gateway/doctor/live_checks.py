"""Checks the services that must answer: the database with all migrations, and Stripe."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path

import psycopg
import stripe
from psycopg import AsyncConnection

from billing.database.migrations import read_migrations
from billing.database.pool import connect
from billing.database.statements import load_statements
from billing.database.url import LITELLM_SCHEMA, read_url
from billing.errors import BillingError, DatabaseUrlInvalid
from billing.settings import Settings
from billing.stripe_api import connect_stripe
from gateway.doctor.finding import Finding, failed, ok, warning
from gateway.litellm_database.client import package_directory

_SQL = load_statements("gateway.doctor")
WITHIN_S = 20.0


async def check_database(settings: Settings, litellm_pool: int) -> AsyncIterator[Finding]:
    """Checks the database with one connection. Changes nothing."""
    if settings.database_url is None:
        yield failed("DATABASE_URL", "is not set")
        return
    url = settings.database_url.get_secret_value()
    try:
        async with asyncio.timeout(WITHIN_S), AsyncExitStack() as stack:
            connection = await stack.enter_async_context(await connect(read_url(url).conninfo))
            await connection.execute(f"SET search_path TO {LITELLM_SCHEMA}")
            for finding in await _migrations(connection):
                yield finding
            yield await _connections(connection, litellm_pool + settings.billing_pool_max)
    except TimeoutError:
        yield failed("database", f"did not answer within {WITHIN_S:.0f} s")
    except DatabaseUrlInvalid:  # reported by the check of the environment
        return
    except BillingError as error:
        yield failed("database", error.message)
    except psycopg.Error as error:
        yield failed("database", " ".join(str(error).split()))


async def _migrations(connection: AsyncConnection) -> list[Finding]:
    [litellm_known, billing_known] = await _row(connection, "histories")
    of_litellm = await _names(connection, "litellm_migrations") if litellm_known else set()
    of_billing = await _names(connection, "billing_migrations") if billing_known else set()
    lacking = len(_litellm_migrations() - of_litellm) + len(
        {migration.name for migration in read_migrations()} - of_billing
    )
    if lacking:
        return [failed("migrations", f"{lacking} are not applied: run `proxyllm migrate`")]
    return [ok("migrations", "all applied")]


def _litellm_migrations() -> set[str]:
    folder = package_directory("litellm_proxy_extras") / "migrations"
    return {path.name for path in Path(folder).iterdir() if path.is_dir()}


async def _connections(connection: AsyncConnection, one_replica: int) -> Finding:
    [taken_at_most] = await _row(connection, "connections")
    replicas = int(str(taken_at_most)) // one_replica
    if replicas < 2:  # a deploy runs the old and the new side by side
        return warning(
            "database", f"takes {taken_at_most} connections, a replica up to {one_replica}: deploys overlap"
        )
    return ok("database", f"answers; has connections for {replicas} replicas")


async def _row(connection: AsyncConnection, statement: str) -> tuple[object, ...]:
    row: tuple[object, ...] | None = await (await connection.execute(_SQL[statement])).fetchone()
    if row is None:
        raise AssertionError(f"{statement} always answers")
    return row


async def _names(connection: AsyncConnection, statement: str) -> set[str]:
    return {str(name) for (name,) in await (await connection.execute(_SQL[statement])).fetchall()}


async def check_stripe(settings: Settings) -> AsyncIterator[Finding]:
    """Asks Stripe about the key. Changes nothing."""
    if settings.stripe_api_key is None:
        return
    try:
        async with asyncio.timeout(WITHIN_S), connect_stripe(settings) as api:
            account = await api.v1.accounts.retrieve_current_async()
        mode = "live" if settings.livemode else "test"
        yield ok("Stripe", f"the key is a {mode} key of {account.id}")
    except stripe.PermissionError:
        yield ok("Stripe", "answers; the restricted key may not read the account")
    except stripe.AuthenticationError:
        yield failed("STRIPE_API_KEY", "Stripe does not know this key")
    except (stripe.StripeError, TimeoutError) as error:
        yield warning(
            "Stripe", f"cannot be reached now: {' '.join(str(error).split()) or 'no answer in time'}"
        )
