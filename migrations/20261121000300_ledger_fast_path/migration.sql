-- The usual case of the ledger's hot operations, with one index lookup an item: endings of open holds whose payer the
-- caller knows, and holds whose keys are new. What turns out to be unusual is left untouched and goes through
-- `resolve_batch_v1` and `hold_batch_v1`, which can do everything (docs/decisions/0002).

-- Ends calls, then decides holds, which may use what the endings freed; both in the order given, in one transaction.
-- `ended_accounts` and `held_accounts` are positions in the list of payers, which names each payer once. All accounts
-- are locked first, in id order, and written once. An ending whose hold is not open on that account is left alone
-- (`ended` is false), as is an expiry whose lease is not over by the clock of the moment when the row is ours. A new
-- hold whose key exists raises unique_violation, and nothing is written.
CREATE FUNCTION exchange_v1(
  ended_keys text[], ended_accounts integer[], actions text[], costs bigint[], endings text[], descriptions text[],
  estimates boolean[], ended_details text[],
  held_keys text[], held_accounts integer[], amounts bigint[], fallbacks bigint[], leases_s integer[],
  held_details text[], owner_name text, customer_types text[], customer_ids text[],
  OUT ended boolean[], OUT ended_available bigint[],
  OUT admitted boolean[], OUT held_available bigint[], OUT decided_at timestamptz
) LANGUAGE plpgsql SET search_path FROM CURRENT
-- These tables grow faster than their statistics: every row is looked up by index, whatever the planner believes.
SET enable_seqscan = off SET enable_hashjoin = off SET enable_mergejoin = off SET plan_cache_mode = force_generic_plan
AS $$
#variable_conflict use_column
DECLARE
  ids bigint[] := array_fill(NULL::bigint, ARRAY[cardinality(customer_ids)]);
  balance bigint[] := ids;
  free bigint[] := ids;
  spent bigint[] := array_fill(0::bigint, ARRAY[cardinality(customer_ids)]);
  freed bigint[] := spent;
  taken bigint[] := spent;
  balance_after bigint[];
  freed_by bigint[];
  account record;
  closed record;
  a integer;
BEGIN
  FOR account IN
    SELECT p.n, b.id, b.balance, b.balance - b.held AS free
    FROM unnest(customer_types, customer_ids) WITH ORDINALITY AS p(t, c, n)
    JOIN "LiteLLM_StripeBalanceTable" b ON b.customer_type = p.t AND b.customer_id = p.c
    ORDER BY b.id FOR NO KEY UPDATE OF b
  LOOP
    ids[account.n] := account.id;
    balance[account.n] := account.balance;
    free[account.n] := account.free;
  END LOOP;
  decided_at := clock_timestamp();

  IF cardinality(ended_keys) > 0 THEN
    ended := array_fill(FALSE, ARRAY[cardinality(ended_keys)]);
    ended_available := array_fill(0::bigint, ARRAY[cardinality(ended_keys)]);
    balance_after := ended_available;
    freed_by := ended_available;
    FOR closed IN
      UPDATE "LiteLLM_StripeHoldTable" h
      SET status = CASE i.action WHEN 'settle' THEN 'settled' WHEN 'release' THEN 'released' ELSE 'expired' END,
        ending = i.ending, charged = i.amount, resolved_at = decided_at,
        estimate = CASE WHEN i.action <> 'release' THEN i.estimate END,
        unheard = i.estimate AND i.ending = 'no_event'
      FROM unnest(ended_keys, ended_accounts, actions, costs, endings, estimates)
        WITH ORDINALITY AS i(key, account, action, amount, ending, estimate, n)
      WHERE h.key = i.key AND h.status = 'open' AND h.account_id = ids[i.account]
        AND (i.action <> 'expire' OR h.lease_expires_at <= clock_timestamp())
      RETURNING i.n, h.amount
    LOOP
      ended[closed.n] := TRUE;
      freed_by[closed.n] := closed.amount;
    END LOOP;

    FOR n IN 1 .. cardinality(ended_keys) LOOP
      IF ended[n] THEN
        a := ended_accounts[n];
        spent[a] := spent[a] + costs[n];
        freed[a] := freed[a] + freed_by[n];
        free[a] := free[a] + freed_by[n] - costs[n];
        balance_after[n] := balance[a] - spent[a];
        ended_available[n] := free[a];
      END IF;
    END LOOP;

    INSERT INTO "LiteLLM_StripeTransactionTable" (account_id, kind, amount, balance_after, source_key, hold_key,
      estimate, description, detail, created_at)
    SELECT ids[i.account], 'charge', -i.amount, i.balance_after, 'charge:' || i.key, i.key,
      i.estimate, i.description, i.detail::jsonb, decided_at
    FROM unnest(ended_keys, ended_accounts, costs, balance_after, descriptions, estimates, ended_details, ended)
      AS i(key, account, amount, balance_after, description, estimate, detail, is_ended)
    WHERE i.is_ended AND i.amount > 0;
  END IF;

  IF cardinality(held_keys) > 0 THEN
    admitted := array_fill(FALSE, ARRAY[cardinality(held_keys)]);
    held_available := array_fill(0::bigint, ARRAY[cardinality(held_keys)]);
    FOR n IN 1 .. cardinality(held_keys) LOOP
      a := held_accounts[n];
      IF amounts[n] <= free[a] THEN  -- a payer without an account has no amount free, and this is not true
        free[a] := free[a] - amounts[n];
        taken[a] := taken[a] + amounts[n];
        admitted[n] := TRUE;
      END IF;
      held_available[n] := coalesce(free[a], 0);
    END LOOP;

    -- A repeat may find nothing free because its own hold took it: it must be answered as before, not refused.
    IF FALSE = ANY (admitted) AND EXISTS (
      SELECT FROM unnest(held_keys, admitted) AS i(key, is_admitted)
      JOIN "LiteLLM_StripeHoldTable" h ON h.key = i.key WHERE NOT i.is_admitted
    ) THEN
      RAISE unique_violation USING MESSAGE = 'a refused key exists';
    END IF;

    INSERT INTO "LiteLLM_StripeHoldTable"
      (key, account_id, requested, amount, fallback_charge, detail, owner, lease_expires_at, created_at)
    SELECT i.key, ids[i.account], i.amount, i.amount, i.fallback, i.detail::jsonb, owner_name,
      decided_at + make_interval(secs => i.lease_s), decided_at
    FROM unnest(held_keys, held_accounts, amounts, fallbacks, leases_s, held_details, admitted)
      AS i(key, account, amount, fallback, lease_s, detail, is_admitted)
    WHERE i.is_admitted;
    IF TRUE = ANY (admitted) THEN
      INSERT INTO "LiteLLM_StripeOpenHoldTable" (keys)
      SELECT array_agg(i.key) FROM unnest(held_keys, admitted) AS i(key, is_admitted) WHERE i.is_admitted;
    END IF;
  END IF;

  UPDATE "LiteLLM_StripeBalanceTable" b
  SET balance = b.balance - t.spent, held = b.held - t.freed + t.taken, total_spent = b.total_spent + t.spent,
    version = b.version + 1, updated_at = decided_at
  FROM unnest(ids, spent, freed, taken) AS t(id, spent, freed, taken)
  WHERE b.id = t.id AND (t.freed > 0 OR t.taken > 0);
END $$;
