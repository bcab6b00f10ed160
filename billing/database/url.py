"""Translates DATABASE_URL as Prisma writes it into a connection string for libpq.

LiteLLM's Prisma and our psycopg read the same variable. libpq rejects Prisma's own parameters
(https://www.prisma.io/docs/orm/overview/databases/postgresql#arguments), and `sslcert` means something
different to each.
"""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import parse_qsl, quote, urlencode, urlsplit

from psycopg import ProgrammingError
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from billing.errors import DatabaseUrlInvalid

LITELLM_SCHEMA = "public"  # our statements name it; LiteLLM's migrations only work there (ADR 0004)
_PRISMA_ONLY = frozenset(
    (
        "schema", "connection_limit", "pool_timeout", "socket_timeout", "statement_cache_size", "pgbouncer",
        "single_use_connections", "max_connection_lifetime", "max_idle_connection_lifetime", "sslaccept",
    )
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Target:
    """A connection string, and whether a transaction pooler (PgBouncer) is in between."""

    conninfo: str
    pooled: bool


def read_url(database_url: str) -> Target:
    """Translates `database_url`.

    Raises DatabaseUrlInvalid, which names the problem but never the password.
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
            "DATABASE_URL: `sslidentity` is only known to Prisma; use sslcert and sslkey (PEM)."
        )
    if parameters.get("schema", LITELLM_SCHEMA) != LITELLM_SCHEMA:
        raise DatabaseUrlInvalid(
            f"DATABASE_URL: `schema` must be {LITELLM_SCHEMA} or absent: billing reads LiteLLM's spend logs "
            "there. Use a separate database instead."
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
    if "sslcert" in kept and "sslkey" not in kept:  # without a key, `sslcert` is Prisma's CA certificate
        kept["sslrootcert"] = kept.pop("sslcert")
    if parameters.get("sslaccept") == "strict":
        kept["sslmode"] = "verify-full"
        kept.setdefault("sslrootcert", "system")
    return kept
