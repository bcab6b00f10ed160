"""Every setting of Proxyllm, read once from the environment.

Names that other tools know (`STRIPE_…`, `LITELLM_…`, `DATABASE_URL`, `PORT`) keep them; ours begin with
`BILLING_`. `docs/reference/settings.md` is made from this class (`make docs`).
"""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, SecretStr, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

CustomerType = Literal["user_id", "team_id", "end_user_id", "api_key"]
FailedCallCharge = Literal["nothing", "input"]
InputBound = Literal["tokens", "bytes"]
StreamHold = Literal["growing", "full"]
BillingMode = Literal["enforce", "shadow"]
CacheHitCharge = Literal["nothing", "rule", "full"]


def _currency(value: str) -> str:
    if len(value) != 3 or not value.isascii() or not value.isalpha():
        raise ValueError("a currency is three letters, like usd")
    return value.lower()


@lru_cache(maxsize=64)  # some are asked at each call
def words(text: str) -> tuple[str, ...]:
    """The entries of a comma-separated setting, in order, without blanks around them."""
    return tuple(word.strip() for word in text.split(",") if word.strip())


class Settings(BaseSettings):
    """What an operator can set. Amounts are decimal strings in the major unit of `billing_currency`."""

    model_config = SettingsConfigDict(env_ignore_empty=True, extra="ignore", frozen=True)

    port: int = Field(4000, ge=1, le=65534, description="Where the gateway listens.")
    database_url: SecretStr | None = Field(
        None,
        description="The PostgreSQL that LiteLLM and billing share: LiteLLM in `public`, billing in a "
        "schema of its own. Prisma's `?schema=` with another one is refused.",
    )

    tailscale_auth_key: SecretStr | None = Field(
        None,
        description="Joins the tailnet: an auth key or an OAuth client secret. The gateway process has "
        "no sight of it.",
    )
    tailscale_hostname: str = Field("railway-proxy", description="The gateway's name in the tailnet.")
    tailscale_tags: str = Field(
        "tag:railway-proxy", description="Tags it joins with, comma-separated; the auth key must allow them."
    )
    tailscale_login_server: str | None = Field(
        None, description="Another control server than Tailscale's own, such as Headscale."
    )
    tailscale_advertise_routes: str = Field(
        "",
        description="Subnets that the tailnet may reach through the gateway, comma-separated. Where empty, "
        "the gateway takes no connection from the tailnet.",
    )
    tailscale_accept_routes: bool = Field(
        True, description="Whether nodes in subnets that other devices advertise can be reached."
    )
    tailnet_forward: str = Field(
        "",
        description="The nodes in the tailnet, as NAME=LOCAL_PORT:HOST:PORT, comma-separated. "
        "`hugo=11501:hugo:11434` makes `http://127.0.0.1:11501` the `api_base` of hugo's Ollama.",
    )
    tailnet_socks5_port: int | None = Field(
        None,
        ge=1,
        le=65535,
        description="Dials through a SOCKS5 port of tailscaled's on the loopback, for another version of it "
        "than the pinned one. Where not set there is no proxy port.",
    )
    tailnet_dial_timeout_s: float = Field(
        8.0, gt=0, le=120, description="How long connecting to a node may take before it answers 503."
    )
    tailnet_ping_interval_s: float = Field(
        3.0, gt=0, le=60, description="How often a node is pinged while connections to it are open."
    )
    tailnet_gone_after_s: float = Field(
        10.0, gt=0, le=600, description="How long a node may answer no ping before its connections are ended."
    )
    tailnet_connections_max: int = Field(
        256, ge=1, le=10_000, description="Connections that one node may have at once."
    )

    stripe_api_key: SecretStr | None = Field(None, description="Stripe's secret key (`sk_…` or `rk_…`).")
    stripe_webhook_secret: SecretStr | None = Field(
        None,
        description="Signing secret of the webhook endpoint; several, comma-separated, while one is rotated.",
    )
    stripe_api_base: str = Field("https://api.stripe.com", description="Another Stripe, like the sandbox.")
    stripe_charge_by: CustomerType = Field(
        "user_id",
        description="Which part of a virtual key pays. `end_user_id` needs keys whose metadata says "
        "`billing_trusted_backend: true`.",
    )
    stripe_use_prepaid_balance: bool = Field(
        True,
        description="Calls are paid from a prepaid balance. `false` is refused: there is no other way yet.",
    )
    stripe_meter_event_name: str | None = Field(
        None, description="The meter that usage is reported to. Not used yet; setting it warns."
    )
    stripe_price_id: str | None = Field(
        None, description="The price that subscriptions use. Not used yet; setting it warns."
    )
    stripe_billing_method: str | None = Field(
        None,
        description="`prepaid`; `meters` and `subscriptions`, joined by `+`, are refused as yet.",
    )

    billing_body_bytes_max: int = Field(
        32 * 1024 * 1024,
        ge=64 * 1024,
        le=1024**3,
        description="The largest JSON body of a customer's request. Anthropic's limit is 32 MB too.",
    )
    billing_upload_bytes_max: int = Field(
        100 * 1024 * 1024, ge=64 * 1024, le=1024**3, description="The largest form, with its files."
    )
    billing_body_keys_max: int = Field(
        50_000,
        ge=1_000,
        le=10_000_000,
        description="Keys, objects and lists that a JSON body may have together. Each costs LiteLLM some 20 "
        "microseconds, in which nobody else is served.",
    )
    billing_body_elements_max: int = Field(
        500_000,
        ge=1_000,
        le=100_000_000,
        description="Elements of lists and keys that a JSON body may have together, like token ids to embed.",
    )
    billing_body_depth_max: int = Field(
        100, ge=10, le=1000, description="How deep objects and lists may be nested in a JSON body."
    )
    billing_body_wait_s: float = Field(
        30.0,
        gt=0,
        le=3600,
        description="How long a body may take to arrive, in seconds, with one more for each 16 KiB of it.",
    )
    billing_bodies_bytes_max: int = Field(
        512 * 1024 * 1024,
        ge=1024 * 1024,
        le=64 * 1024**3,
        description="Bytes of bodies that one worker may be receiving at the same time; beyond it 503.",
    )
    billing_currency: Annotated[str, AfterValidator(_currency)] = Field(
        "usd", description="The one currency of the ledger."
    )
    billing_public_url: str | None = Field(
        None, description="Where customers reach this gateway; top-up links and Checkout return there."
    )
    billing_return_hosts: str = Field(
        "",
        description="Hosts that `success_url` and `cancel_url` may name, comma-separated, besides our own.",
    )
    billing_topup_min: str = Field("1.00", description="The smallest top-up.")
    billing_topup_max: str = Field("10000.00", description="The largest top-up.")
    billing_topups_open_max: int = Field(
        20, ge=1, le=1000, description="Unpaid Checkout Sessions a customer may have at once."
    )
    billing_topup_poll_interval_s: float = Field(
        60.0,
        gt=0,
        le=3600,
        description="How often Stripe is asked about open top-ups whose event did not come, in seconds.",
    )
    billing_hold_ttl_s: int = Field(60, ge=2, le=3600, description="The lease of a hold, in seconds.")
    billing_sweep_interval_s: float = Field(
        5.0, gt=0, le=3600, description="How often leases are renewed at least, and dead ones ended."
    )
    billing_watchdog_s: float = Field(
        30.0, gt=0, le=600, description="How long after a request's end its success event may arrive."
    )
    billing_output_tokens_min: int = Field(
        256, ge=1, description="The smallest output limit set for a customer who named none."
    )
    billing_output_tokens_default: int = Field(
        16384, ge=1, description="The output limit of a model that declares none, where the client set none."
    )
    billing_input_bound: InputBound = Field(
        "tokens",
        description="How the most tokens of a text are found: `tokens` counts and adds a margin where the "
        "model's tokenizer is not public, `bytes` takes its UTF-8 bytes, which nothing exceeds.",
    )
    billing_stream_hold: StreamHold = Field(
        "growing",
        description="What a stream sets aside: `growing` covers a first portion of its output and is "
        "extended ahead of it, where all output that is billed can be seen in the stream; `full` covers the "
        "whole output limit from the start, and so does `growing` for everything else.",
    )
    billing_stream_portion_tokens: int = Field(
        1024, ge=256, le=1_000_000, description="Output tokens by which a growing hold runs ahead at most."
    )
    billing_stream_wait_s: float = Field(
        30.0,
        ge=0,
        le=600,
        description="How long a stream waits, in seconds, where Postgres does not answer and its hold does "
        "not cover what comes next; then it ends.",
    )
    billing_strict: bool = Field(
        False,
        description="No call may take a balance below zero: input and output are bounded by their bytes, and "
        "a cost beyond hold and balance is charged as far as they reach; the rest is the operator's.",
    )
    billing_charge_failed: FailedCallCharge = Field(
        "nothing", description="What a call costs that failed after dispatch with no byte delivered."
    )
    billing_charge_cut_before_first: FailedCallCharge = Field(
        "input", description="What a call costs that its client cut before the first chunk."
    )
    billing_charge_no_event: FailedCallCharge = Field(
        "input", description="What a call costs of whose end nothing was ever heard, nor found in spend logs."
    )
    billing_charge_cache_hit: CacheHitCharge = Field(
        "nothing",
        description="What an answer from LiteLLM's cache costs: `rule` is fee and floor of the price rule, "
        "`full` is what the provider would have asked, by the rule.",
    )
    billing_mode: BillingMode = Field(
        "enforce",
        description="`shadow` computes charges and would-be refusals without enforcing; "
        "`proxyllm shadow-report` shows them.",
    )
    billing_prices_file: Path | None = Field(
        None,
        description="YAML with a list `price_rules`; default: that list in LiteLLM's configuration file.",
    )
    billing_prices_refresh_s: float = Field(
        5.0, gt=0, le=60, description="How often price rules are read anew, for changes by other replicas."
    )
    billing_prices_stale_max_s: float = Field(
        120.0, ge=10, le=3600, description="Without a reading of the price rules for so long: 503."
    )
    billing_exempt_users: str = Field(
        "", description="LiteLLM user ids that are not billed, comma-separated (besides proxy admins)."
    )
    billing_pool_max: int = Field(8, ge=2, le=100, description="Ledger connections of one process.")
    billing_ledger_queue_max: int = Field(
        4096, ge=1, description="Ledger operations that may wait in one process."
    )
    billing_ledger_wait_s: float = Field(
        5.0, gt=0, le=60, description="How long an operation waits for the ledger before 503."
    )
    billing_drain_s: int = Field(
        25,
        ge=1,
        le=3600,
        description="How long running calls may go on after SIGTERM, in seconds; then they are cut and their "
        "holds resolved. The platform's own limit must be ten seconds more.",
    )
    billing_holds_keep_days: int = Field(
        30, ge=1, le=3650, description="How long resolved holds are kept before they are purged."
    )

    billing_reconcile_books: str = Field(
        "ledger,spend_logs,stripe",
        description="What the gateway compares by itself, comma-separated: `ledger` with itself, "
        "`spend_logs` of LiteLLM, `stripe`; or `none`. Stripe is left out without STRIPE_API_KEY.",
    )
    billing_reconcile_interval_s: float = Field(
        3600.0, ge=1, le=604_800, description="How often one of the replicas compares the books, in seconds."
    )
    billing_reconcile_grace_s: float = Field(
        300.0,
        ge=0,
        le=86_400,
        description="How long after its end a call's spend log row, or a payment's event, may be missing, "
        "in seconds.",
    )
    billing_reconcile_repair: bool = Field(
        True,
        description="Whether the gateway's own comparison repairs what is safe, as does "
        "`proxyllm reconcile --apply`.",
    )

    @field_validator("stripe_api_base")
    @classmethod
    def _is_url(cls, value: str) -> str:
        if not value.startswith(("https://", "http://")):
            raise ValueError("must be an http(s) URL")
        return value.rstrip("/")

    @field_validator("billing_reconcile_books")
    @classmethod
    def _are_books(cls, value: str) -> str:
        unknown = set(words(value)) - {"ledger", "spend_logs", "stripe"}
        if unknown and value.strip() != "none":
            raise ValueError("must be a list of ledger, spend_logs and stripe, or none")
        return value

    @property
    def bounds_by_bytes(self) -> bool:
        """Whether texts count by their UTF-8 bytes, which no tokenizer exceeds."""
        return self.billing_strict or self.billing_input_bound == "bytes"

    @property
    def exempt_users(self) -> tuple[str, ...]:
        """LiteLLM's ids of the users that are not billed."""
        return words(self.billing_exempt_users)

    @property
    def return_hosts(self) -> tuple[str, ...]:
        """Hosts, in lower case, that the browser may go to after Checkout besides our own."""
        return words(self.billing_return_hosts.lower())

    @property
    def reconcile_books(self) -> tuple[str, ...]:
        """What the gateway compares by itself."""
        return () if self.billing_reconcile_books.strip() == "none" else words(self.billing_reconcile_books)

    @property
    def webhook_secrets(self) -> tuple[str, ...]:
        """The configured signing secrets; empty where the webhook is not configured."""
        return words(self.stripe_webhook_secret.get_secret_value()) if self.stripe_webhook_secret else ()

    @property
    def livemode(self) -> bool:
        """Whether the Stripe key is a live one."""
        key = self.stripe_api_key.get_secret_value() if self.stripe_api_key else ""
        return key.startswith(("sk_live_", "rk_live_"))


@lru_cache(maxsize=1)
def get_settings() -> Settings:
    """The process's settings, read once. Raises pydantic's ValidationError naming each bad variable."""
    return Settings()
