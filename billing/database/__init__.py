"""PostgreSQL access: connections, named SQL statements, migrations. Knows nothing about money."""

from billing.database.migrations import migrate
from billing.database.pool import Connection, Pool, connect_beside, is_pooled, open_pool
from billing.database.statements import load_statements

__all__ = ["Connection", "Pool", "connect_beside", "is_pooled", "load_statements", "migrate", "open_pool"]
