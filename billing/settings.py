"""All settings of Proxyllm, read once from the environment.

Names that other tools know (`STRIPE_…`, `LITELLM_…`, `DATABASE_URL`, `PORT`) are kept; ours begin with
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


@lru_cache(maxsize=64)  # some are read in each call
def words(text: str) -> tuple[str, ...]:
    """Splits a comma-separated setting into its trimmed entries."""
    return tuple(word.strip() for word in text.split(",") if word.strip())


class Settings(BaseSettings):
    """The operator's settings. Amounts are decimal strings in the major unit of `billing_currency`."""

    model_config = SettingsConfigDict(env_ignore_empty=True, extra="ignore", frozen=True)

    port: int = Field(4000, ge=1, le=65534, description="Where the gateway listens.")
    database_url: SecretStr | None = Field(
        None,
        description="The PostgreSQL that LiteLLM and billing share: LiteLLM in `public`, billing in a schema "
        "of its own. Another schema in Prisma's `?schema=` is refused.",
    )

    tailscale_auth_key: SecretStr | None = Field(
        None,
        description="Joins the tailnet: an auth key or an OAuth client secret. The gateway process does not "
        "see it.",
    )
    tailscale_hostname: str = Field("railway-proxy", description="The gateway's name in the tailnet.")
    tailscale_tags: str = Field(
        "tag:railway-proxy", description="Tags to join with, comma-separated; the auth key must allow them."
    )
    tailscale_login_server: str | None = Field(
        None, description="A control server other than Tailscale's own, such as Headscale."
    )
    tailscale_advertise_routes: str = Field(
        "",
        description="Subnets that the tailnet may reach through the gateway, comma-separated. If empty, the "
        "gateway accepts no connections from the tailnet.",
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
        description="Dials through tailscaled's SOCKS5 port on the loopback, for versions other than the "
        "pinned one. No proxy port if not set.",
    )
    tailnet_dial_timeout_s: float = Field(
        8.0, gt=0, le=120, description="How long connecting to a node may take before calls get 503."
    )
    tailnet_ping_interval_s: float = Field(
        3.0, gt=0, le=60, description="How often a node is pinged while connections to it are open."
    )
    tailnet_gone_after_s: float = Field(
        10.0, gt=0, le=600, description="How long a node may miss pings before its connections are ended."
    )
    tailnet_connections_max: int = Field(
        256, ge=1, le=10_000, description="Connections that one node may have at once."
    )

    stripe_api_key: SecretStr | None = Field(None, description="Stripe's secret key (`sk_…` or `rk_…`).")
    stripe_webhook_secret: SecretStr | None = Field(
        None,
        description="Signing secret of the webhook endpoint; comma-separated if several, during rotation.",
    )
    stripe_api_base: str = Field("https://api.stripe.com", description="Stripe's API, or a sandbox's.")
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
        description="`prepaid`; `meters` and `subscriptions`, joined by `+`, are not supported yet.",
    )

    billing_body_bytes_max: int = Field(
        32 * 1024 * 1024,
        ge=64 * 1024,
        le=1024**3,
        description="The largest JSON body of a customer's request. Anthropic's limit is also 32 MB.",
    )
    billing_upload_bytes_max: int = Field(
        100 * 1024 * 1024, ge=64 * 1024, le=1024**3, description="The largest form, with its files."
    )
    billing_body_keys_max: int = Field(
        50_000,
        ge=1_000,
        le=10_000_000,
        description="Total of keys, objects and lists in a JSON body. Each takes LiteLLM some 20 "
        "microseconds, during which it serves nobody else.",
    )
    billing_body_elements_max: int = Field(
        500_000,
        ge=1_000,
        le=100_000_000,
        description="Total of list elements and keys in a JSON body, such as token ids to embed.",
    )
    billing_body_depth_max: int = Field(
        100, ge=10, le=1000, description="The nesting depth of objects and lists in a JSON body."
    )
    billing_body_wait_s: float = Field(
        30.0,
        gt=0,
        le=3600,
        description="How long a body may take to arrive, in seconds, plus one for each 16 KiB of it.",
    )
    billing_bodies_bytes_max: int = Field(
        512 * 1024 * 1024,
        ge=1024 * 1024,
        le=64 * 1024**3,
        description="Bytes of bodies that one worker may be receiving at the same time; 503 beyond it.",
    )
    billing_currency: Annotated[str, AfterValidator(_currency)] = Field(
        "usd", description="The currency of the ledger."
    )
    billing_public_url: str | None = Field(
        None, description="The public address of this gateway, for top-up links and the return from Checkout."
    )
    billing_return_hosts: str = Field(
        "",
        description="Hosts allowed in `success_url` and `cancel_url` besides our own, comma-separated.",
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
        description="How often Stripe is asked about open top-ups without an event, in seconds.",
    )
    billing_hold_ttl_s: int = Field(60, ge=2, le=3600, description="The lease of a hold, in seconds.")
    billing_sweep_interval_s: float = Field(
        5.0,
        gt=0,
        le=3600,
        description="How often leases are renewed at least, and expired ones ended.",
    )
    billing_watchdog_s: float = Field(
        30.0, gt=0, le=600, description="How long after the end of a request its success event may arrive."
    )
    billing_output_tokens_min: int = Field(
        256, ge=1, description="The smallest output limit set for a customer who set none."
    )
    billing_output_tokens_default: int = Field(
        16384, ge=1, description="The output limit if neither the model nor the client has one."
    )
    billing_input_bound: InputBound = Field(
        "tokens",
        description="How the maximum tokens of a text are determined: `tokens` counts and adds a margin if "
        "the model's tokenizer is not public, `bytes` uses its UTF-8 bytes, which nothing exceeds.",
    )
    billing_stream_hold: StreamHold = Field(
        "growing",
        description="The hold of a stream: `growing` covers a first portion of the output and is extended "
        "ahead of it, if all billed output is visible in the stream; `full` (and `growing` otherwise) covers "
        "the whole output limit from the start.",
    )
    billing_stream_portion_tokens: int = Field(
        1024, ge=256, le=1_000_000, description="The most output tokens by which a growing hold is ahead."
    )
    billing_stream_wait_s: float = Field(
        30.0,
        ge=0,
        le=600,
        description="How long a stream waits, in seconds, if Postgres does not answer and its hold does not "
        "cover the next output; then it ends.",
    )
    billing_frame_bytes_max: int = Field(
        4 * 1024 * 1024,
        ge=64 * 1024,
        le=64 * 1024 * 1024,
        description="The largest client frame of a realtime session; a larger one closes it with 1009.",
    )
    billing_frame_elements_max: int = Field(
        10_000,
        ge=100,
        le=10_000_000,
        description="Total of keys, list elements, objects and lists in a realtime frame.",
    )
    billing_strict: bool = Field(
        False,
        description="No call may take a balance below zero: input and output are limited by their bytes, and "
        "a cost beyond hold and balance is charged as far as they reach; the operator pays the rest.",
    )
    billing_charge_failed: FailedCallCharge = Field(
        "nothing", description="The cost of a call that failed after dispatch with no byte delivered."
    )
    billing_charge_cut_before_first: FailedCallCharge = Field(
        "input", description="The cost of a call that its client cut before the first chunk."
    )
    billing_charge_no_event: FailedCallCharge = Field(
        "input", description="The cost of a call without a success event or spend log."
    )
    billing_charge_cache_hit: CacheHitCharge = Field(
        "nothing",
        description="What an answer from LiteLLM's cache costs: `rule` is fee and floor of the price rule, "
        "`full` is the provider's price, by the rule.",
    )
    billing_cache_shared: bool = Field(
        False,
        description="Whether customers share LiteLLM's response cache, so that all who ask the same question "
        "get the same answer. If not, each payer has a cache of its own.",
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
        5.0, gt=0, le=60, description="How often price rules are re-read, for changes by other replicas."
    )
    billing_prices_stale_max_s: float = Field(
        120.0, ge=10, le=3600, description="How old the price rules may be before calls get 503."
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
        description="How long running calls may continue after SIGTERM, in seconds; then they are cut and "
        "their holds resolved. The platform's own limit must be ten seconds longer.",
    )
    billing_holds_keep_days: int = Field(
        30, ge=1, le=3650, description="How long resolved holds are kept before they are purged."
    )

    billing_reconcile_books: str = Field(
        "ledger,spend_logs,stripe",
        description="What the gateway compares regularly, comma-separated: `ledger` with itself, LiteLLM's "
        "`spend_logs`, `stripe`; or `none`. Stripe is skipped without STRIPE_API_KEY.",
    )
    billing_reconcile_interval_s: float = Field(
        3600.0, ge=1, le=604_800, description="How often one of the replicas compares the books, in seconds."
    )
    billing_reconcile_grace_s: float = Field(
        300.0,
        ge=0,
        le=86_400,
        description="How long after its end a call's spend log row, or a payment's event, may be missing, in "
        "seconds.",
    )
    billing_reconcile_repair: bool = Field(
        True,
        description="Whether the gateway's own comparison makes safe repairs, like `proxyllm reconcile "
        "--apply`.",
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
        """LiteLLM's ids of users that are not billed."""
        return words(self.billing_exempt_users)

    @property
    def return_hosts(self) -> tuple[str, ...]:
        """Hosts, in lower case, that the browser may return to after Checkout besides our own."""
        return words(self.billing_return_hosts.lower())

    @property
    def reconcile_books(self) -> tuple[str, ...]:
        """The books that the gateway compares regularly."""
        return () if self.billing_reconcile_books.strip() == "none" else words(self.billing_reconcile_books)

    @property
    def webhook_secrets(self) -> tuple[str, ...]:
        """The configured signing secrets; empty if the webhook is not configured."""
        return words(self.stripe_webhook_secret.get_secret_value()) if self.stripe_webhook_secret else ()

    @property
    def livemode(self) -> bool:
        """Whether the Stripe key is a live key."""
        key = self.stripe_api_key.get_secret_value() if self.stripe_api_key else ""
        return key.startswith(("sk_live_", "rk_live_"))


@lru_cache(maxsize=1)
def get_settings() -> Settings:
    """Returns the process's settings, read once.

    Raises pydantic's ValidationError naming each bad variable.
    """
    return Settings()


def frame_bytes_read_max() -> int:
    """The largest WebSocket frame that the server reads: one above the limit is refused with a reason, one of
    twice its size is not read at all.
    """
    return 2 * get_settings().billing_frame_bytes_max
