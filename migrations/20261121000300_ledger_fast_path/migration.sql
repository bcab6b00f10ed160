-- The usual case of the ledger's two hot operations, with one index lookup an item: holds whose keys are new, and
-- endings of open holds whose account the caller knows. What turns out to be unusual is left untouched and goes
-- through `hold_batch_v1` and `resolve_batch_v1`, which can do everything (docs/decisions/0002).

-- Decides holds with new keys in the order given; `accounts` are positions in the list of payers. A key that
-- exists raises unique_violation, and nothing is written.
CREATE FUNCTION hold_new_v1(
  keys text[], accounts integer[], amounts bigint[], fallbacks bigint[], leases_s integer[], details text[],
  owner_name text, customer_types text[], customer_ids text[],
  OUT admitted boolean[], OUT available bigint[], OUT account_ids bigint[], OUT decided_at timestamptz
) LANGUAGE plpgsql SET search_path FROM CURRENT
-- These tables grow faster than their statistics: every row is looked up by index, whatever the planner believes.
SET enable_seqscan = off SET enable_hashjoin = off SET enable_mergejoin = off SET plan_cache_mode = force_generic_plan
AS $$
#variable_conflict use_column
DECLARE
  free bigint[] := array_fill(NULL::bigint, ARRAY[cardinality(customer_ids)]);
  taken bigint[] := array_fill(0::bigint, ARRAY[cardinality(customer_ids)]);
  account record;
  a integer;
BEGIN
  account_ids := free;
  admitted := array_fill(FALSE, ARRAY[cardinality(keys)]);
  available := array_fill(0::bigint, ARRAY[cardinality(keys)]);
  FOR account IN
    SELECT p.n, b.id, b.balance - b.held AS free
    FROM unnest(customer_types, customer_ids) WITH ORDINALITY AS p(t, c, n)
    JOIN "LiteLLM_StripeBalanceTable" b ON b.customer_type = p.t AND b.customer_id = p.c
    ORDER BY b.id FOR NO KEY UPDATE OF b
  LOOP
    account_ids[account.n] := account.id;
    free[account.n] := account.free;
  END LOOP;

  FOR n IN 1 .. cardinality(keys) LOOP
    a := accounts[n];
    IF amounts[n] <= free[a] THEN  -- a payer without an account has no amount free, and this is not true
      free[a] := free[a] - amounts[n];
      taken[a] := taken[a] + amounts[n];
      admitted[n] := TRUE;
    END IF;
    available[n] := coalesce(free[a], 0);
  END LOOP;

  -- A repeat may find nothing free because its own hold took it: it must be answered as before, not refused.
  IF FALSE = ANY (admitted) AND EXISTS (
    SELECT FROM unnest(keys, admitted) AS i(key, is_admitted)
    JOIN "LiteLLM_StripeHoldTable" h ON h.key = i.key WHERE NOT i.is_admitted
  ) THEN
    RAISE unique_violation USING MESSAGE = 'a refused key exists';
  END IF;

  decided_at := clock_timestamp();
  INSERT INTO "LiteLLM_StripeHoldTable"
    (key, account_id, requested, amount, fallback_charge, detail, owner, lease_expires_at, created_at)
  SELECT i.key, account_ids[i.account], i.amount, i.amount, i.fallback, i.detail::jsonb, owner_name,
    decided_at + make_interval(secs => i.lease_s), decided_at
  FROM unnest(keys, accounts, amounts, fallbacks, leases_s, details, admitted)
    AS i(key, account, amount, fallback, lease_s, detail, is_admitted)
  WHERE i.is_admitted;

  UPDATE "LiteLLM_StripeBalanceTable" b
  SET held = b.held + t.amount, version = b.version + 1, updated_at = decided_at
  FROM unnest(account_ids, taken) AS t(id, amount) WHERE b.id = t.id AND t.amount > 0;
END $$;

-- Ends those of these calls whose hold is open and on the given account: `accounts` are positions in the list of
-- account ids. An expiry also needs the lease to be over, by the clock of the moment when the row is ours.
CREATE FUNCTION resolve_open_v1(
  keys text[], accounts integer[], actions text[], amounts bigint[], endings text[], descriptions text[],
  estimates boolean[], details text[], account_ids bigint[],
  OUT ended boolean[], OUT available bigint[]
) LANGUAGE plpgsql SET search_path FROM CURRENT
SET enable_seqscan = off SET enable_hashjoin = off SET enable_mergejoin = off SET plan_cache_mode = force_generic_plan
AS $$
#variable_conflict use_column
DECLARE
  balance bigint[] := array_fill(0::bigint, ARRAY[cardinality(account_ids)]);
  held bigint[] := balance;
  spent bigint[] := balance;
  freed bigint[] := balance;
  balance_after bigint[] := array_fill(0::bigint, ARRAY[cardinality(keys)]);
  freed_by bigint[] := balance_after;
  account record;
  closed record;
  moment timestamptz;
  a integer;
BEGIN
  ended := array_fill(FALSE, ARRAY[cardinality(keys)]);
  available := balance_after;
  FOR account IN
    SELECT p.n, b.balance, b.held
    FROM unnest(account_ids) WITH ORDINALITY AS p(id, n) JOIN "LiteLLM_StripeBalanceTable" b ON b.id = p.id
    ORDER BY b.id FOR NO KEY UPDATE OF b
  LOOP
    balance[account.n] := account.balance;
    held[account.n] := account.held;
  END LOOP;

  moment := clock_timestamp();
  FOR closed IN
    UPDATE "LiteLLM_StripeHoldTable" h
    SET status = CASE i.action WHEN 'settle' THEN 'settled' WHEN 'release' THEN 'released' ELSE 'expired' END,
      ending = i.ending, charged = i.amount, resolved_at = moment,
      estimate = CASE WHEN i.action <> 'release' THEN i.estimate END
    FROM unnest(keys, accounts, actions, amounts, endings, estimates)
      WITH ORDINALITY AS i(key, account, action, amount, ending, estimate, n)
    WHERE h.key = i.key AND h.status = 'open' AND h.account_id = account_ids[i.account]
      AND (i.action <> 'expire' OR h.lease_expires_at <= clock_timestamp())
    RETURNING i.n, h.amount
  LOOP
    ended[closed.n] := TRUE;
    freed_by[closed.n] := closed.amount;
  END LOOP;

  FOR n IN 1 .. cardinality(keys) LOOP
    IF ended[n] THEN
      a := accounts[n];
      spent[a] := spent[a] + amounts[n];
      freed[a] := freed[a] + freed_by[n];
      balance_after[n] := balance[a] - spent[a];
      available[n] := balance_after[n] - held[a] + freed[a];
    END IF;
  END LOOP;

  INSERT INTO "LiteLLM_StripeTransactionTable" (account_id, kind, amount, balance_after, source_key, hold_key,
    estimate, description, detail, created_at)
  SELECT account_ids[i.account], 'charge', -i.amount, i.balance_after, 'charge:' || i.key, i.key,
    i.estimate, i.description, i.detail::jsonb, moment
  FROM unnest(keys, accounts, amounts, balance_after, descriptions, estimates, details, ended)
    AS i(key, account, amount, balance_after, description, estimate, detail, is_ended)
  WHERE i.is_ended AND i.amount > 0;

  UPDATE "LiteLLM_StripeBalanceTable" b
  SET balance = b.balance - t.spent, held = b.held - t.freed, total_spent = b.total_spent + t.spent,
    version = b.version + 1, updated_at = moment
  FROM unnest(account_ids, spent, freed) AS t(id, spent, freed) WHERE b.id = t.id AND t.freed > 0;
END $$;

-- Both in one transaction: endings first, then holds, which may use what the endings freed. All accounts of both
-- are locked before either begins, in id order. One commit serves them all, and a busy account is locked once.
CREATE FUNCTION exchange_v1(
  ended_keys text[], ended_accounts integer[], actions text[], costs bigint[], endings text[], descriptions text[],
  estimates boolean[], ended_details text[], ended_account_ids bigint[],
  held_keys text[], held_accounts integer[], amounts bigint[], fallbacks bigint[], leases_s integer[],
  held_details text[], owner_name text, customer_types text[], customer_ids text[],
  OUT ended boolean[], OUT ended_available bigint[],
  OUT admitted boolean[], OUT held_available bigint[], OUT held_account_ids bigint[], OUT decided_at timestamptz
) LANGUAGE plpgsql SET search_path FROM CURRENT
SET enable_seqscan = off SET enable_hashjoin = off SET enable_mergejoin = off SET plan_cache_mode = force_generic_plan
AS $$
#variable_conflict use_column
BEGIN
  IF cardinality(ended_keys) > 0 AND cardinality(held_keys) > 0 THEN
    PERFORM FROM "LiteLLM_StripeBalanceTable" b
    WHERE b.id IN (
      SELECT unnest(ended_account_ids)
      UNION
      SELECT a.id FROM unnest(customer_types, customer_ids) AS p(t, c)
      JOIN "LiteLLM_StripeBalanceTable" a ON a.customer_type = p.t AND a.customer_id = p.c
    )
    ORDER BY b.id FOR NO KEY UPDATE OF b;
  END IF;
  IF cardinality(ended_keys) > 0 THEN
    SELECT r.ended, r.available INTO ended, ended_available
    FROM resolve_open_v1(ended_keys, ended_accounts, actions, costs, endings, descriptions, estimates,
      ended_details, ended_account_ids) r;
  END IF;
  IF cardinality(held_keys) > 0 THEN
    SELECT h.admitted, h.available, h.account_ids, h.decided_at
    INTO admitted, held_available, held_account_ids, decided_at
    FROM hold_new_v1(held_keys, held_accounts, amounts, fallbacks, leases_s, held_details, owner_name,
      customer_types, customer_ids) h;
  END IF;
END $$;
