"""Guards of how calls end and of what the books say."""

from __future__ import annotations

from tests.mutation.mutant import Mutant

_LEDGER = "tests/integration/ledger/"
_RACES = "tests/concurrency/test_races.py"
_LOCKS = "tests/concurrency/test_locks.py"
_OPERATIONS = f"{_LEDGER}test_operations.py"
_TABLE_GUARDS = f"{_LEDGER}test_guards.py"
_REFUSES = f"{_LEDGER}test_books.py::TestTheDatabaseRefuses"
_PROOF = f"{_LEDGER}test_books.py::TestTheProof"
_GUARDS = "migrations/20261121000100_guards/migration.sql"
_EXCHANGE = "migrations/20261121000300_ledger_fast_path/migration.sql"
_SINGLE = "migrations/20261121100000_ledger_lone_path/migration.sql"
_GENERAL = "migrations/20261130000000_ledger_general_path/migration.sql"
_PROOF_SQL = "billing/ledger/proof.sql"

ENDINGS = [
    Mutant(
        "exchange ends a call that has ended",
        _EXCHANGE,
        "h.key = i.key AND h.status = 'open'",
        "h.key = i.key",
        (_TABLE_GUARDS,),
    ),
    Mutant(
        "a single ending ends a call that has ended",
        _SINGLE,
        "WHERE h.key = hold_key AND h.status = 'open'",
        "WHERE h.key = hold_key",
        (f"{_OPERATIONS}::TestSettle",),
    ),
    Mutant(
        "exchange expires a call whose lease runs",
        _EXCHANGE,
        "(i.action <> 'expire' OR h.lease_expires_at <= clock_timestamp())",
        "(true)",
        (_LOCKS,),
    ),
    Mutant(
        "a single ending expires a call whose lease runs",
        _SINGLE,
        "(action <> 'expire' OR h.lease_expires_at <= clock_timestamp())",
        "(true)",
        (f"{_OPERATIONS}::TestExpire", _LOCKS),
    ),
    Mutant(
        "the real cost is charged in addition to the estimate",
        _GENERAL,
        "IF hold.charged > 0 THEN",
        "IF false THEN",
        (_RACES + "::TestOneCallManyEndings",),
    ),
    Mutant(
        "a real cost may be settled again with another amount",
        _GENERAL,
        "WHEN NOT estimates[n] AND hold.estimate IS NOT FALSE THEN",
        "WHEN NOT estimates[n] THEN",
        (f"{_OPERATIONS}::TestSettle",),
    ),
    Mutant(
        "a real cost replaces an estimate without a line in the books",
        _GENERAL,
        "IF cost > 0 THEN",
        "IF false THEN",
        (_RACES + "::TestOneCallManyEndings",),
    ),
    Mutant(
        "exchange charges without a line in the books",
        _EXCHANGE,
        "WHERE i.is_ended AND i.amount > 0;",
        "WHERE false;",
        (_TABLE_GUARDS,),
    ),
    Mutant(
        "a single ending charges without a line in the books",
        _SINGLE,
        "IF cost > 0 THEN",
        "IF false THEN",
        (f"{_OPERATIONS}::TestSettle",),
    ),
    Mutant(
        "a hold that nobody waits for is forgotten",
        "billing/ledger/service.py",
        "self._abandoned.add(request.key, request.request.payer)",
        "pass",
        (f"{_LEDGER}test_faults.py::TestACallerThatLeaves",),
    ),
    Mutant(
        "a repeat releases the hold of who asked first",
        "billing/ledger/service.py",
        "isinstance(answer, KnownHold) and not answer.is_ours",
        "False",
        (f"{_LEDGER}test_abandoned_holds.py",),
    ),
    Mutant(
        "a settlement is given up while Postgres is away",
        "billing/proxy/calls/settlement_queue.py",
        "pause_s = min(pause_s * 2, _RETRY_S_MAX)\n                continue\n            except KeyConflict",
        "pause_s = min(pause_s * 2, _RETRY_S_MAX)\n                return\n            except KeyConflict",
        ("tests/unit/proxy/calls/test_settlement_queue.py",),
    ),
]


BOOKS = [
    Mutant(
        "entries may be changed and deleted",
        _GUARDS,
        "BEFORE UPDATE OR DELETE OR TRUNCATE ON",
        "BEFORE TRUNCATE ON",
        (_REFUSES,),
    ),
    Mutant(
        "entries may be changed by a replication session",
        _GUARDS,
        'ALTER TABLE "LiteLLM_StripeTransactionTable" ENABLE ALWAYS TRIGGER "append_only";',
        "",
        (_TABLE_GUARDS,),
    ),
    Mutant(
        "a charge may give money",
        _GUARDS,
        "WHEN 'charge' THEN \"amount\" < 0",
        "WHEN 'charge' THEN true",
        (_TABLE_GUARDS,),
    ),
    Mutant(
        "the proof overlooks a changed balance",
        _PROOF_SQL,
        "WHERE b.balance <> coalesce(t.total, 0)",
        "WHERE false",
        (_PROOF,),
    ),
    Mutant(
        "the proof overlooks a broken chain",
        _PROOF_SQL,
        "WHERE before::numeric + amount <> balance_after",
        "WHERE false",
        (_PROOF,),
    ),
    Mutant(
        "the proof overlooks what is held for nothing",
        _PROOF_SQL,
        "WHERE b.held <> coalesce(h.total, 0)",
        "WHERE false",
        (_PROOF,),
    ),
    Mutant(
        "the proof overlooks a call with another charge",
        _PROOF_SQL,
        "WHERE coalesce(h.charged, 0) <> coalesce(t.total, 0)",
        "WHERE false",
        (_PROOF,),
    ),
    Mutant(
        "the proof overlooks an open hold that the sweeper does not see",
        _PROOF_SQL,
        "WHERE h.status = 'open' AND o.times IS DISTINCT FROM 1",
        "WHERE false",
        (_PROOF,),
    ),
]

BOOKS_MUTANTS = [*ENDINGS, *BOOKS]
