"""DATABASE_URL as Prisma writes it → a connection string that libpq understands.

LiteLLM's Prisma and our psycopg read the same variable. Prisma's own parameters
(https://www.prisma.io/docs/orm/overview/databases/postgresql#arguments) mean nothing to libpq, which refuses
what it does not know, and `sslcert` means another thing to each.
"""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import parse_qsl, quote, urlencode, urlsplit

from psycopg import ProgrammingError
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from billing.errors import DatabaseUrlInvalid

LITELLM_SCHEMA = "public"  # our statements name it; LiteLLM's migrations work in no second schema (ADR 0004)
_PRISMA_ONLY = frozenset(
    (
        "schema", "connection_limit", "pool_timeout", "socket_timeout", "statement_cache_size", "pgbouncer",
        "single_use_connections", "max_connection_lifetime", "max_idle_connection_lifetime", "sslaccept",
    )
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Target:
    """Where to connect, and whether a transaction pooler (PgBouncer) stands between."""

    conninfo: str
    pooled: bool


def read_url(database_url: str) -> Target:
    """Translates `database_url`.

    Raises DatabaseUrlInvalid naming what is wrong with it, never its password.
    """
    if not database_url.startswith(("postgresql://", "postgres://")):
        raise DatabaseUrlInvalid("DATABASE_URL must begin with postgresql://.")
    try:
        parts = urlsplit(database_url)
        parameters = dict(parse_qsl(parts.query, keep_blank_values=True))
    except ValueError as error:
        raise DatabaseUrlInvalid(f"DATABASE_URL cannot be read: {error}.") from error
    if "sslidentity" in parameters:
        raise DatabaseUrlInvalid(
            "DATABASE_URL: `sslidentity` is Prisma's alone; use sslcert and sslkey (PEM)."
        )
    if parameters.get("schema", LITELLM_SCHEMA) != LITELLM_SCHEMA:
        raise DatabaseUrlInvalid(
            f"DATABASE_URL: `schema` must be {LITELLM_SCHEMA}, or be left out: billing looks there for "
            "LiteLLM's spend logs. Use a database of its own instead."
        )

    query = urlencode(_libpq_parameters(parameters), quote_via=quote)
    bare = parts._replace(scheme="postgresql", query=query, fragment="").geturl()
    try:
        settings = conninfo_to_dict(bare)
    except ProgrammingError as error:
        raise DatabaseUrlInvalid(f"DATABASE_URL cannot be read: {_without(error, parts.password)}") from error
    if not settings.get("dbname"):
        raise DatabaseUrlInvalid(
            "DATABASE_URL names no database: postgresql://user:password@host:5432/DATABASE."
        )
    conninfo = make_conninfo(**{name: str(value) for name, value in settings.items()})
    return Target(conninfo, pooled=parameters.get("pgbouncer", "").lower() == "true")


def _without(error: Exception, password: str | None) -> str:
    text = str(error).strip()
    return text.replace(password, "***") if password else text


def _libpq_parameters(parameters: dict[str, str]) -> dict[str, str]:
    kept = {name: value for name, value in parameters.items() if name not in _PRISMA_ONLY}
    if (
        "sslcert" in kept and "sslkey" not in kept
    ):  # without a key it is Prisma's: the authority's certificate
        kept["sslrootcert"] = kept.pop("sslcert")
    if parameters.get("sslaccept") == "strict":
        kept["sslmode"] = "verify-full"
        kept.setdefault("sslrootcert", "system")
    return kept
