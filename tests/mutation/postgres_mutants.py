"""Guards of the balance, the keys and the locks: mostly SQL."""

from __future__ import annotations

from tests.mutation.mutant import Mutant

_LEDGER = "tests/integration/ledger/"
_LOCKS = "tests/concurrency/test_locks.py"
_OPERATIONS = f"{_LEDGER}test_operations.py"
_TABLE_GUARDS = f"{_LEDGER}test_guards.py"
_REFUSES = f"{_LEDGER}test_books.py::TestTheDatabaseRefuses"
_GROUP_COMMIT = "tests/unit/ledger/test_group_commit.py"
_WEBHOOK = "tests/integration/webhooks/test_webhook.py"
_FULFILMENT = "tests/integration/topups/test_fulfilment.py"
_TABLES = "migrations/20261121000000_tables/migration.sql"
_GUARDS = "migrations/20261121000100_guards/migration.sql"
_FUNCTIONS = "migrations/20261121000200_ledger_functions/migration.sql"
_EXCHANGE = "migrations/20261121000300_ledger_fast_path/migration.sql"
_GENERAL = "migrations/20261130000000_ledger_general_path/migration.sql"
_SINGLE = "migrations/20261121100000_ledger_lone_path/migration.sql"

BALANCE = [
    Mutant(
        "exchange admits whatever is asked",
        _EXCHANGE,
        "IF amounts[n] <= free[a] THEN  --",
        "IF free[a] IS NOT NULL THEN  --",
        (_TABLE_GUARDS,),
    ),
    Mutant(
        "exchange admits one nano too much",
        _EXCHANGE,
        "IF amounts[n] <= free[a] THEN  --",
        "IF amounts[n] <= free[a] + 1 THEN  --",
        (_TABLE_GUARDS,),
    ),
    Mutant(
        "a single hold is admitted whatever is free",
        _SINGLE,
        " AND wanted <= b.balance - b.held\n",
        "\n",
        (_TABLE_GUARDS,),
    ),
    Mutant(
        "a hold grows whatever is free",
        _FUNCTIONS,
        "new_amount > hold.amount AND new_amount > hold.free",
        "false",
        (f"{_OPERATIONS}::TestResize",),
    ),
    Mutant(
        "the database lets more be held than there is",
        _GUARDS,
        '(NEW."held" > OLD."held" AND NEW."held" > NEW."balance")',
        "(false)",
        (_REFUSES,),
    ),
    Mutant(
        "the database lets an account be born with more held than there is",
        _GUARDS,
        '(NEW."held" > 0 AND NEW."held" > NEW."balance")',
        "(false)",
        (_TABLE_GUARDS,),
    ),
    Mutant(
        "the database lets less than nothing be held",
        _GUARDS,
        'CHECK ("held" >= 0)',
        "CHECK (true)",
        (_REFUSES,),
    ),
]


KEYS = [
    Mutant(
        "two entries may have one key",
        _TABLES,
        'CREATE UNIQUE INDEX "LiteLLM_StripeTransactionTable_source_key_key"',
        'CREATE INDEX "LiteLLM_StripeTransactionTable_source_key_key"',
        (_TABLE_GUARDS,),
    ),
    Mutant(
        "two holds may have one key",
        _TABLES,
        'CONSTRAINT "LiteLLM_StripeHoldTable_pkey" PRIMARY KEY ("key")',
        'CONSTRAINT "LiteLLM_StripeHoldTable_pkey" PRIMARY KEY ("id")',
        (_TABLE_GUARDS,),
    ),
    Mutant(
        "two accounts may be one customer's",
        _TABLES,
        'CREATE UNIQUE INDEX "LiteLLM_StripeBalanceTable_customer_type_customer_id_key"',
        'CREATE INDEX "LiteLLM_StripeBalanceTable_customer_type_customer_id_key"',
        (_TABLE_GUARDS,),
    ),
    Mutant(
        "an entry's key may be used for another amount",
        _FUNCTIONS,
        "t.account_id = account AND t.kind = entry_kind AND t.amount = entry_amount",
        "t.account_id = account AND t.kind = entry_kind",
        (f"{_OPERATIONS}::TestPost",),
    ),
    Mutant(
        "a hold's key may be used for other content",
        _GENERAL,
        "THEN 'known' ELSE 'conflict' END",
        "THEN 'known' ELSE 'known' END",
        (f"{_OPERATIONS}::TestHold",),
    ),
    Mutant(
        "a refused repeat is not looked up",
        _EXCHANGE,
        "IF FALSE = ANY (admitted) AND EXISTS (",
        "IF FALSE AND EXISTS (",
        (_TABLE_GUARDS,),
    ),
    Mutant(
        "one batch may carry a key twice",
        "billing/ledger/group_commit.py",
        "if self._queue[0].request.key in keys:",
        "if False:",
        (_GROUP_COMMIT,),
    ),
    Mutant(
        "each delivery of an event is a new one",
        "billing/webhooks/queries.sql",
        "RETURNING deliveries = 1 AS is_new",
        "RETURNING true AS is_new",
        (_WEBHOOK + "::TestAPayment",),
    ),
    Mutant(
        "a paid order is credited again",
        "billing/topups/fulfilment.py",
        "if order.status is OrderStatus.PAID:",
        "if False:",
        (_WEBHOOK, _FULFILMENT),
    ),
]


LOCKS = [
    Mutant(
        "exchange locks accounts in another order",
        _EXCHANGE,
        "ORDER BY b.id FOR NO KEY UPDATE OF b",
        "ORDER BY b.id DESC FOR NO KEY UPDATE OF b",
        (_LOCKS,),
    ),
    Mutant(
        "exchange locks no account",
        _EXCHANGE,
        "ORDER BY b.id FOR NO KEY UPDATE OF b",
        "ORDER BY b.id",
        (_LOCKS,),
    ),
    Mutant(
        "a batch of holds locks accounts in another order",
        _GENERAL,
        "AS p(t, c))\n  ORDER BY b.id FOR NO KEY UPDATE;",
        "AS p(t, c))\n  ORDER BY b.id DESC FOR NO KEY UPDATE;",
        (_LOCKS,),
    ),
    Mutant(
        "a batch of holds locks no account",
        _GENERAL,
        "AS p(t, c))\n  ORDER BY b.id FOR NO KEY UPDATE;",
        "AS p(t, c))\n  ORDER BY b.id;",
        (_LOCKS,),
    ),
    Mutant(
        "a batch of endings locks accounts in another order",
        _GENERAL,
        "h.key = ANY (keys))\n  ORDER BY b.id FOR NO KEY UPDATE;",
        "h.key = ANY (keys))\n  ORDER BY b.id DESC FOR NO KEY UPDATE;",
        (_LOCKS,),
    ),
    Mutant(
        "a single ending locks its hold before its account",
        _SINGLE,
        "WHERE h.key = hold_key FOR NO KEY UPDATE OF b;",
        "WHERE h.key = hold_key;",
        (_LOCKS,),
    ),
    Mutant(
        "a growing hold does not lock its account",
        _FUNCTIONS,
        "h.key = call_key) FOR NO KEY UPDATE;",
        "h.key = call_key);",
        (_LOCKS,),
    ),
]

POSTGRES_MUTANTS = [*BALANCE, *KEYS, *LOCKS]
