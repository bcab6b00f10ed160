"""Runs all checks, in the order in which an operator reads them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from billing.errors import NotConfigured
from billing.settings import Settings
from gateway.configuration.reading import read_configuration, section
from gateway.doctor.configuration_checks import check_configuration
from gateway.doctor.environment_checks import check_environment, read_settings
from gateway.doctor.finding import Finding
from gateway.tailnet.plan import Forward, read_forwards

LITELLM_POOL = 10  # `database_connection_pool_limit` where the configuration says nothing
Environment = Mapping[str, str]


def before_start(path: Path, environment: Environment, drain_s: int | None = None) -> list[Finding]:
    """Runs the checks that need no network. `proxyllm serve` refuses to start if one has failed.

    `drain_s` is the option of `serve`; BILLING_DRAIN_S by default.
    """
    settings = read_settings()
    if isinstance(settings, list):
        return [*settings, *check_configuration(path, environment, ())]
    return [
        *check_configuration(path, environment, _forwards(settings)),
        *check_environment(settings, environment, drain_s or settings.billing_drain_s),
    ]


async def examine(path: Path, environment: Environment) -> list[Finding]:
    """Runs all checks, including the database and Stripe."""
    from gateway.doctor.live_checks import check_database, check_stripe  # Stripe's SDK: `serve` needs none
    from gateway.doctor.parked_events import check_parked_events
    from gateway.doctor.stored_models import check_stored_models

    findings = before_start(path, environment)
    settings = read_settings()
    if isinstance(settings, Settings):
        findings += [finding async for finding in check_database(settings, _litellm_pool(path))]
        findings += [finding async for finding in check_stored_models(settings, environment)]
        findings += [finding async for finding in check_parked_events(settings)]
        findings += [finding async for finding in check_stripe(settings)]
    return findings


def _forwards(settings: Settings) -> tuple[Forward, ...]:
    try:
        return read_forwards(settings) if settings.tailscale_auth_key is not None else ()
    except NotConfigured:  # reported by the check of the environment
        return ()


def _litellm_pool(path: Path) -> int:
    try:
        limit = section(read_configuration(path), "general_settings").get("database_connection_pool_limit")
    except NotConfigured:  # reported by the check of the configuration
        return LITELLM_POOL
    return limit if isinstance(limit, int) else LITELLM_POOL
