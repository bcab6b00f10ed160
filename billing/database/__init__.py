"""The way to Postgres: connections, named SQL, migrations. Knows nothing of money."""

from billing.database.migrations import migrate
from billing.database.pool import Connection, Pool, connect_beside, is_pooled, open_pool
from billing.database.statements import load_statements

__all__ = ["Connection", "Pool", "connect_beside", "is_pooled", "load_statements", "migrate", "open_pool"]
