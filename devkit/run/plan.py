"""Plans a run before anything starts: addresses, keys, and each process's environment."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from devkit.run import gateway_config, keys, ports, postgres
from devkit.run.demo_customer import CUSTOMER
from devkit.run.home import Home
from devkit.run.keys import Keys
from devkit.run.postgres import Place
from devkit.run.run_file import RunFile
from gateway.private_files import write_private
from gateway.start.environment import NOT_FOR_US

ANY_ADDRESS = frozenset(("0.0.0.0", "::"))  # noqa: S104 - compared with, never bound to
REAL_STRIPE = "https://api.stripe.com"


@dataclass(frozen=True, slots=True)
class Options:
    """The user's options."""

    home: Path
    host: str
    port: int
    environment: Mapping[str, str]
    with_parent: bool = False


@dataclass(frozen=True, slots=True)
class Plan:
    """Everything that the processes must agree on."""

    options: Options
    home: Home
    keys: Keys
    place: Place | None  # None: the Postgres of DATABASE_URL
    database_url: str
    demo_port: int

    @property
    def sandbox(self) -> bool:
        """Whether Stripe is the sandbox."""
        return not self.options.environment.get("STRIPE_API_KEY")

    @property
    def sandbox_port(self) -> int:
        return self.options.port + 1

    @property
    def base_url(self) -> str:
        """The gateway's address on this machine."""
        host = ports.LOOPBACK if self.options.host in ANY_ADDRESS else self.options.host
        return f"http://{f'[{host}]' if ':' in host else host}:{self.options.port}"

    @property
    def sandbox_url(self) -> str:
        return f"http://{ports.LOOPBACK}:{self.sandbox_port}"

    @property
    def webhook_url(self) -> str:
        return f"{self.base_url}/stripe/webhook"

    def run_file(self) -> RunFile:
        """The information about this run for programs."""
        gateway = self.gateway_environment({})
        public = gateway["BILLING_PUBLIC_URL"].rstrip("/")
        return RunFile(
            base_url=self.base_url,
            master_key=self.keys.master_key,
            demo_key=self.keys.demo_key,
            demo_customer=CUSTOMER,
            page_url=f"{public}/billing",
            admin_page_url=f"{public}/billing/admin",
            stripe_api_base=gateway.get("STRIPE_API_BASE", REAL_STRIPE),
            stripe_api_key=gateway["STRIPE_API_KEY"],
            stripe_webhook_secret=gateway.get("STRIPE_WEBHOOK_SECRET", ""),
            database_url=self.database_url,
            pid=os.getpid(),
        )

    def base_environment(self) -> dict[str, str]:
        """The user's environment, without variables that would break or slow down the start."""
        return {name: value for name, value in self.options.environment.items() if name not in NOT_FOR_US}

    def gateway_environment(self, prisma: Mapping[str, str]) -> dict[str, str]:
        """The gateway's settings; `prisma` names the engine. The user's own values win."""
        ours = {
            "BILLING_PUBLIC_URL": self.base_url,
            "DOCS_URL": "/docs",
            "LITELLM_LOG": "ERROR",
            "STORE_MODEL_IN_DB": "True",  # models can be added by LiteLLM's API and UI
        } | self.base_environment()
        ours |= prisma
        ours |= {
            "PORT": str(self.options.port),
            "DATABASE_URL": self.database_url,
            "CONFIG_FILE_PATH": str(self.home.config_file),
            "LITELLM_MASTER_KEY": self.keys.master_key,
            "LITELLM_SALT_KEY": self.keys.salt_key,
            "LITELLM_LOCAL_MODEL_COST_MAP": "True",  # otherwise prices come from the network at start
            "DISABLE_SCHEMA_UPDATE": "true",  # the migrations have been applied
        }
        return ours | self._sandbox_settings()

    def _sandbox_settings(self) -> dict[str, str]:
        if not self.sandbox:
            return {}
        return {
            "STRIPE_API_KEY": self.keys.sandbox_key,
            "STRIPE_API_BASE": self.sandbox_url,
            "STRIPE_WEBHOOK_SECRET": self.keys.webhook_secret,
        }

    def sandbox_environment(self) -> dict[str, str]:
        """The sandbox's secrets go through the environment: command lines are public."""
        return self.base_environment() | {
            "SANDBOX_API_KEY": self.keys.sandbox_key,
            "SANDBOX_WEBHOOK_SECRET": self.keys.webhook_secret,
        }


def make_plan(options: Options, home: Home) -> Plan:
    """Checks the ports, makes or reads the keys, chooses the places, writes LiteLLM's configuration.

    Raises PortTaken or HomeUnusable.
    """
    environment = options.environment
    ports.require_free(options.host, options.port, "the gateway")
    if not environment.get("STRIPE_API_KEY"):
        ports.require_free(ports.LOOPBACK, options.port + 1, "the Stripe sandbox")
    made = keys.load_or_make(home.keys_file, environment)
    given_url = environment.get("DATABASE_URL")
    place = None if given_url else postgres.choose_place(home, made.postgres_password)
    database_url = given_url or (place.url if place else "")
    plan = Plan(options, home, made, place, database_url, ports.free_port())
    demo_url = f"http://{ports.LOOPBACK}:{plan.demo_port}/v1"
    write_private(home.config_file, gateway_config.render(demo_url, environment))
    return plan
