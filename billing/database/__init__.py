"""PostgreSQL access: connections, named SQL statements, migrations. Knows nothing about money."""

from billing.database.migrations import migrate
from billing.database.pool import Connection, Pool, is_pooled, open_additional_connection, open_pool
from billing.database.statements import load_statements

__all__ = [
    "Connection",
    "Pool",
    "is_pooled",
    "load_statements",
    "migrate",
    "open_additional_connection",
    "open_pool",
]
