"""PostgreSQL connections, limited in number and waiting time."""

from __future__ import annotations

from psycopg import AsyncConnection, OperationalError
from psycopg.conninfo import conninfo_to_dict, make_conninfo
from psycopg.rows import TupleRow
from psycopg_pool import AsyncConnectionPool, PoolTimeout

from billing.database.url import Target, read_url
from billing.errors import LedgerUnavailable, NotConfigured
from billing.settings import Settings

SCHEMA = "billing"

Connection = AsyncConnection[TupleRow]
Pool = AsyncConnectionPool[Connection]


async def open_pool(
    source: Settings | str,
    *,
    max_size: int | None = None,
    wait_s: float | None = None,
    application_name: str = "proxyllm",
) -> Pool:
    """Opens a pool of autocommit connections whose search_path is the billing schema.

    `source` is the settings or a DATABASE_URL, `max_size` the maximum number of connections. `wait_s` limits
    the wait for a connection, for a lock, and (doubled) for an answer. Close it with `await pool.close()`.

    Raises NotConfigured if DATABASE_URL is missing, DatabaseUrlInvalid if it is wrong, and LedgerUnavailable
    with Postgres's own message if it cannot be reached.
    """
    settings = source if isinstance(source, Settings) else Settings()
    target = read_url(source if isinstance(source, str) else _url_of(source))
    wait_s = settings.billing_ledger_wait_s if wait_s is None else wait_s
    max_size = settings.billing_pool_max if max_size is None else max_size

    conninfo = conninfo_for(target, application_name=application_name, wait_s=wait_s)
    await (await connect(conninfo)).close()  # a pool would only report a timeout; this gives the reason
    pool: Pool = AsyncConnectionPool(
        conninfo,
        min_size=min(2, max_size),
        max_size=max_size,
        timeout=wait_s,
        reconnect_timeout=0,  # do not pause after failures: the next request tries again
        open=False,
        check=AsyncConnectionPool.check_connection,  # replaces connections that died while idle
        kwargs={"autocommit": True, "prepare_threshold": None if target.pooled else 1},
        name=application_name,
    )
    try:
        await pool.open(wait=True, timeout=max(wait_s, 5.0))
    except PoolTimeout as error:
        await pool.close()
        raise LedgerUnavailable("Postgres accepts no more connections at the moment.") from error
    return pool


def _url_of(settings: Settings) -> str:
    if settings.database_url is None:
        raise NotConfigured("DATABASE_URL is not set.")
    return settings.database_url.get_secret_value()


def conninfo_for(target: Target, *, application_name: str, wait_s: float) -> str:
    """Builds the connection string with our session settings. `wait_s` is in seconds."""
    settings = {
        "application_name": application_name,
        "connect_timeout": str(min(10, max(2, round(wait_s)))),
        **{name: str(value) for name, value in conninfo_to_dict(target.conninfo).items()},
    }
    if not target.pooled:  # transaction poolers reject start-up options; our SQL names the schema itself
        settings["options"] = f"{settings.get('options', '')} {_session_options(wait_s)}".strip()
    return make_conninfo(**settings)


def _session_options(wait_s: float) -> str:
    wait_ms = round(wait_s * 1000)
    return (
        f"-c search_path={SCHEMA} -c TimeZone=UTC -c jit=off"
        f" -c lock_timeout={wait_ms} -c statement_timeout={2 * wait_ms}"
        " -c idle_in_transaction_session_timeout=60000"
    )


async def connect(conninfo: str) -> Connection:
    """Opens one autocommit connection without a pool.

    Raises LedgerUnavailable with Postgres's own message.
    """
    try:
        return await AsyncConnection.connect(conninfo, autocommit=True)
    except OperationalError as error:
        raise _unreachable(error) from error


async def open_additional_connection(pool: Pool) -> Connection:
    """Opens an additional connection to the pool's database, outside the pool, with the same settings.

    Raises LedgerUnavailable with Postgres's own message.
    """
    if not isinstance(pool.conninfo, str) or not isinstance(pool.kwargs, dict):
        raise TypeError("the pool was not opened by open_pool")
    try:
        return await AsyncConnection.connect(pool.conninfo, **pool.kwargs)
    except OperationalError as error:
        raise _unreachable(error) from error


def is_pooled(connection: Connection) -> bool:
    """Whether a transaction pooler (`pgbouncer=true`) is in between, so that session state is lost."""
    return connection.prepare_threshold is None


def _unreachable(error: OperationalError) -> LedgerUnavailable:
    return LedgerUnavailable(f"Postgres cannot be reached: {' '.join(str(error).split())}")
