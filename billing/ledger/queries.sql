-- Named statements of the ledger. Whatever changes a balance is a function of `migrations/` that is called here;
-- the rest reads. Lists of texts travel joined by U+001F, which none of them contains. Every name is written with
-- its schema: a transaction pooler may drop our search_path.

-- hold_batch
-- Decides holds in the order given, one row each.
SELECT verdict, available, decided_at FROM billing.hold_batch_v2(
  string_to_array(%s, E'\x1f'), string_to_array(%s, E'\x1f'), string_to_array(%s, E'\x1f'), %s::bigint[],
  %s::bigint[], %s::integer[], string_to_array(%s, E'\x1f'), %s::text);

-- resolve_batch
-- Ends calls in the order given, one row each.
SELECT verdict, status, ending, charged, available FROM billing.resolve_batch_v2(
  string_to_array(%s, E'\x1f'), string_to_array(%s, E'\x1f'), %s::bigint[], string_to_array(%s, E'\x1f'),
  string_to_array(%s, E'\x1f'), %s::boolean[], string_to_array(%s, E'\x1f'));

-- commit_batch
-- Ends open calls of known payers, then decides holds with new keys; one row of arrays.
SELECT ended, ended_available, admitted, held_available, decided_at FROM billing.exchange_v1(
  string_to_array(%s, E'\x1f'), %s::integer[], string_to_array(%s, E'\x1f'), %s::bigint[],
  string_to_array(%s, E'\x1f'), string_to_array(%s, E'\x1f'), %s::boolean[], string_to_array(%s, E'\x1f'),
  string_to_array(%s, E'\x1f'), %s::integer[], %s::bigint[], %s::bigint[], %s::integer[],
  string_to_array(%s, E'\x1f'), %s::text, string_to_array(%s, E'\x1f'), string_to_array(%s, E'\x1f'));

-- hold_one
-- Admits one hold under a new key; nothing where it does not fit.
SELECT available, decided_at FROM billing.hold_one_v1(%s, %s, %s, %s, %s, %s, %s, %s);

-- end_one
-- Ends one open call; nothing where it is not open.
SELECT billing.end_one_v1(%s, %s, %s, %s, %s, %s, %s);

-- adopt_call
-- Gives a call without a hold the row by which it can be ended once.
SELECT billing.adopt_call_v1(%s, %s, %s, %s, %s);

-- resize
-- Changes what an open hold sets aside, if it fits, and raises what its call costs at least.
SELECT verdict, available FROM billing.extend_hold_v1(%s, %s, %s);

-- renew
-- Prolongs those of these leases whose holds are open and not locked by whoever is ending them.
WITH mine AS MATERIALIZED (
  SELECT key FROM billing."LiteLLM_StripeHoldTable"
  WHERE key = ANY (%(keys)s) AND status = 'open' FOR NO KEY UPDATE SKIP LOCKED
)
UPDATE billing."LiteLLM_StripeHoldTable" h
SET lease_expires_at = clock_timestamp() + make_interval(secs => %(lease_s)s)
FROM mine WHERE h.key = mine.key RETURNING h.key;

-- renew_one
-- Prolongs one lease, after waiting for whoever has the row. One row a transaction: no two can block each other.
UPDATE billing."LiteLLM_StripeHoldTable"
SET lease_expires_at = clock_timestamp() + make_interval(secs => %(lease_s)s)
WHERE key = %(key)s AND status = 'open' RETURNING key;

-- post_entry
-- Writes an entry and its balance together, once a source key.
SELECT verdict, transaction_id FROM billing.post_entry_v1(%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s);

-- ensure_account
-- The account's row id, created with zeros if it is new.
SELECT billing.ensure_account_v1(%s, %s, %s);

-- available_locked
-- What one account has available, which stays so until the end of the transaction.
SELECT balance - held FROM billing."LiteLLM_StripeBalanceTable" WHERE id = %s FOR NO KEY UPDATE;

-- hold_by_key
-- One hold as it stands.
SELECT h.key, b.customer_type, b.customer_id, h.amount, h.fallback_charge, h.status, h.ending, h.charged, h.detail,
  h.lease_expires_at, h.created_at, b.balance - b.held
FROM billing."LiteLLM_StripeHoldTable" h JOIN billing."LiteLLM_StripeBalanceTable" b ON b.id = h.account_id
WHERE h.key = %s;

-- open_batches
-- The next batches of holds of which some may be open: the last one's id, or null where there are no more.
SELECT max(id) FROM (
  SELECT id FROM billing."LiteLLM_StripeOpenHoldTable" WHERE id > %s ORDER BY id LIMIT %s
) AS o;

-- holds_due
-- Open holds of these batches whose lease is over by the database's clock; forgets batches of which none is open.
-- One snapshot: a batch comes with its holds, and a hold that has ended stays ended. OFFSET 0: always look-ups.
WITH batch AS MATERIALIZED (
  SELECT id, keys FROM billing."LiteLLM_StripeOpenHoldTable" WHERE id > %(after_id)s AND id <= %(last_id)s
), listed AS MATERIALIZED (
  SELECT batch.id AS batch_id, h.*
  FROM batch CROSS JOIN unnest(batch.keys) AS k(key) CROSS JOIN LATERAL (
    SELECT * FROM billing."LiteLLM_StripeHoldTable" h WHERE h.key = k.key OFFSET 0
  ) h WHERE h.status = 'open'
), ended AS (
  DELETE FROM billing."LiteLLM_StripeOpenHoldTable" WHERE id IN (
    SELECT o.id FROM billing."LiteLLM_StripeOpenHoldTable" o
    WHERE o.id IN (SELECT id FROM batch) AND o.id NOT IN (SELECT batch_id FROM listed) FOR UPDATE SKIP LOCKED
  )
)
SELECT h.key, b.customer_type, b.customer_id, h.amount, h.fallback_charge, h.status, h.ending, h.charged, h.detail,
  h.lease_expires_at, h.created_at, b.balance - b.held
FROM listed h JOIN billing."LiteLLM_StripeBalanceTable" b ON b.id = h.account_id
WHERE h.lease_expires_at <= clock_timestamp()
ORDER BY h.lease_expires_at LIMIT %(limit)s;

-- holds_for_review
-- Calls charged without a success event, newest first.
SELECT h.key, b.customer_type, b.customer_id, h.amount, h.fallback_charge, h.status, h.ending, h.charged, h.detail,
  h.lease_expires_at, h.created_at, b.balance - b.held, h.id, h.owner, h.resolved_at
FROM billing."LiteLLM_StripeHoldTable" h JOIN billing."LiteLLM_StripeBalanceTable" b ON b.id = h.account_id
WHERE h.unheard AND (%(before_id)s::bigint IS NULL OR h.id < %(before_id)s)
ORDER BY h.id DESC LIMIT %(limit)s;

-- holds_purge
-- Deletes settled and released holds that ended this many days ago, oldest first; the books keep their charges.
DELETE FROM billing."LiteLLM_StripeHoldTable" WHERE key IN (
  SELECT key FROM billing."LiteLLM_StripeHoldTable"
  WHERE created_at < now() - make_interval(days => %(days)s) AND status IN ('settled', 'released')
    AND resolved_at < now() - make_interval(days => %(days)s)
  LIMIT %(limit)s FOR UPDATE SKIP LOCKED
);

-- account_of
-- One payer's account.
SELECT id, customer_type, customer_id, stripe_customer_id, currency, balance, held, total_topups, total_spent,
  low_balance_threshold, auto_topup_enabled, auto_topup_amount, auto_topup_threshold, created_at, updated_at
FROM billing."LiteLLM_StripeBalanceTable" WHERE customer_type = %s AND customer_id = %s;

-- accounts
-- A page of accounts in order of their ids.
SELECT id, customer_type, customer_id, stripe_customer_id, currency, balance, held, total_topups, total_spent,
  low_balance_threshold, auto_topup_enabled, auto_topup_amount, auto_topup_threshold, created_at, updated_at
FROM billing."LiteLLM_StripeBalanceTable"
WHERE id > %(after_id)s
ORDER BY id LIMIT %(limit)s;

-- transaction_by_id
-- One line of the books.
SELECT t.id, b.customer_type, b.customer_id, t.kind, t.amount, t.balance_after, t.source_key, t.hold_key,
  t.stripe_object_id, t.estimate, t.description, t.detail, t.created_at
FROM billing."LiteLLM_StripeTransactionTable" t
JOIN billing."LiteLLM_StripeBalanceTable" b ON b.id = t.account_id
WHERE t.id = %s;

-- transactions
-- A page of one payer's lines, newest first.
SELECT t.id, b.customer_type, b.customer_id, t.kind, t.amount, t.balance_after, t.source_key, t.hold_key,
  t.stripe_object_id, t.estimate, t.description, t.detail, t.created_at
FROM billing."LiteLLM_StripeTransactionTable" t
JOIN billing."LiteLLM_StripeBalanceTable" b ON b.id = t.account_id
WHERE b.customer_type = %(customer_type)s AND b.customer_id = %(customer_id)s
  AND (%(before_id)s::bigint IS NULL OR t.id < %(before_id)s)
  AND (%(kind)s::text IS NULL OR t.kind = %(kind)s)
  AND (%(since)s::timestamptz IS NULL OR t.created_at >= %(since)s)
  AND (%(until)s::timestamptz IS NULL OR t.created_at < %(until)s)
ORDER BY t.account_id, t.id DESC LIMIT %(limit)s;
