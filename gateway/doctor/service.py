"""All checks, in the order that an operator reads them."""

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
    """What can be told without asking anybody, in no time. `proxyllm serve` refuses where one has failed.

    `drain_s` is what `serve` was told; BILLING_DRAIN_S where it is left out.
    """
    settings = read_settings()
    if isinstance(settings, list):
        return [*settings, *check_configuration(path, environment, ())]
    return [
        *check_configuration(path, environment, _forwards(settings)),
        *check_environment(settings, environment, drain_s or settings.billing_drain_s),
    ]


async def examine(path: Path, environment: Environment) -> list[Finding]:
    """The same, and what the database and Stripe answer."""
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
    except NotConfigured:  # told by the check of the environment
        return ()


def _litellm_pool(path: Path) -> int:
    try:
        limit = section(read_configuration(path), "general_settings").get("database_connection_pool_limit")
    except NotConfigured:  # told by the check of the configuration
        return LITELLM_POOL
    return limit if isinstance(limit, int) else LITELLM_POOL
