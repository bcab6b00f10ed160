"""Checks the environment: settings, keys, addresses, and variables added by platforms."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from urllib.parse import urlsplit

from pydantic import ValidationError

from billing.database.url import read_url
from billing.errors import DatabaseUrlInvalid, NotConfigured
from billing.settings import Settings
from billing.startup_checks import check_settings
from gateway.doctor.finding import Finding, failed, ok, warning
from gateway.start.environment import proxies_in
from gateway.start.supervisor import KILLED_AFTER_S
from gateway.tailnet.daemon import missing_programs
from gateway.tailnet.plan import read_plan

MASTER_KEY_LENGTH_MIN = 16
LOOPBACK = frozenset(("localhost", "127.0.0.1", "::1"))
ENGINE = "PRISMA_QUERY_ENGINE_BINARY"
DRAINING = "RAILWAY_DEPLOYMENT_DRAINING_SECONDS"
Environment = Mapping[str, str]


def read_settings() -> Settings | list[Finding]:
    """Returns the settings, or a finding per invalid variable. Values are not shown: some are secret."""
    try:
        return Settings()
    except ValidationError as error:
        return [failed(".".join(map(str, one["loc"])).upper(), one["msg"]) for one in error.errors()]


def check_environment(settings: Settings, environment: Environment, drain_s: int) -> Iterator[Finding]:
    """Checks everything but the configuration file, without using the network."""
    yield from _billing(settings)
    yield from _database_url(settings)
    yield from _keys(environment)
    yield from _public_url(settings)
    yield from _proxies(settings, environment)
    yield from _draining(drain_s, environment)
    yield from _tailnet(settings)
    engine = environment.get(ENGINE)
    if engine and not os.access(engine, os.X_OK):
        yield failed(ENGINE, f"{engine} cannot be executed")


def _billing(settings: Settings) -> Iterator[Finding]:
    try:
        warnings = check_settings(settings)
    except NotConfigured as error:
        yield failed("billing", error.message)
        return
    for text in warnings:
        yield warning("billing", text)
    yield ok("billing", f"prepaid in {settings.billing_currency}, paid by {settings.stripe_charge_by}")


def _database_url(settings: Settings) -> Iterator[Finding]:
    if settings.database_url is None:  # reported by the check of the configuration
        return
    try:
        read_url(settings.database_url.get_secret_value())
    except DatabaseUrlInvalid as error:
        yield failed("DATABASE_URL", error.message)


def _keys(environment: Environment) -> Iterator[Finding]:
    master, salt = environment.get("LITELLM_MASTER_KEY", ""), environment.get("LITELLM_SALT_KEY", "")
    if master and not master.startswith("sk-"):
        yield failed("LITELLM_MASTER_KEY", "must begin with sk-, or LiteLLM refuses it as a key")
    elif master and len(master) < MASTER_KEY_LENGTH_MIN:
        yield failed(
            "LITELLM_MASTER_KEY", f"has less than {MASTER_KEY_LENGTH_MIN} characters: it can be guessed"
        )
    if not salt:
        yield warning("LITELLM_SALT_KEY", "not set: LiteLLM encrypts stored values with the master key")
    elif salt == master:
        yield warning(
            "LITELLM_SALT_KEY", "equals the master key: changing that would make stored values unreadable"
        )


def _public_url(settings: Settings) -> Iterator[Finding]:
    if settings.billing_public_url is None:
        yield warning(
            "BILLING_PUBLIC_URL", "not set: refusals have no top-up link, and Checkout cannot return"
        )
        return
    parts = urlsplit(settings.billing_public_url)
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        yield failed("BILLING_PUBLIC_URL", "must be an address like https://gateway.example.com")
    elif parts.scheme == "http" and parts.hostname not in LOOPBACK:
        yield warning("BILLING_PUBLIC_URL", "is not https: keys and return links are sent unencrypted")


def _proxies(settings: Settings, environment: Environment) -> Iterator[Finding]:
    names = ", ".join(proxies_in(environment))
    if names and settings.tailscale_auth_key is not None:
        yield warning("proxies", f"{names} are not passed to the gateway: remove them, they break builds")
    elif names:
        yield warning("proxies", f"{names}: Stripe, providers and every other call go through this proxy")


def _draining(drain_s: int, environment: Environment) -> Iterator[Finding]:
    given = environment.get(DRAINING, "")
    needed_s = drain_s + KILLED_AFTER_S
    if given.isdigit() and int(given) < needed_s:
        yield failed(DRAINING, f"{given} is less than {needed_s}: calls that still drain would be killed")


def _tailnet(settings: Settings) -> Iterator[Finding]:
    if settings.tailscale_auth_key is None:
        if settings.tailnet_forward:
            yield warning("TAILNET_FORWARD", "has no effect without TAILSCALE_AUTH_KEY")
        return
    try:
        plan = read_plan(settings)
    except NotConfigured as error:
        yield failed("tailnet", error.message)
        return
    if missing := missing_programs():
        yield failed("tailnet", f"{' and '.join(missing)} not installed: the image has them")
    nodes = ", ".join(f"{forward.name} on port {forward.local_port}" for forward in plan.forwards)
    yield ok("tailnet", f"joins as {plan.hostname}; forwards {nodes or 'nothing'}")
