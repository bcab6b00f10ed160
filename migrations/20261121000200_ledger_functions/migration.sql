-- The ledger's operations. They are the only code that changes balances, and all of them go in this order:
-- lock the account rows, in id order (so that no two operations can wait for each other), and only then look,
-- in a new statement, whose snapshot is taken after the wait for the locks. Status, amount and charge of a hold
-- change only under its account's lock. Names carry a version: while replicas are replaced one by one, a
-- process of the last release keeps calling the function that it knows.

-- How much is taken after each request in turn: one that does not fit takes nothing and stops nobody behind it.
CREATE FUNCTION take_if_fits_v1(taken bigint, wanted bigint, free bigint) RETURNS bigint
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE AS $$
BEGIN
  RETURN CASE WHEN wanted <= free - taken THEN taken + wanted ELSE taken END;
END $$;
CREATE AGGREGATE taken_v1(bigint, bigint) (SFUNC = take_if_fits_v1, STYPE = bigint, INITCOND = '0');

-- Decides holds in the order given. Verdicts: 'admitted', 'refused' (does not fit: `available` is what is left),
-- 'known' (same key and content as before: nothing changes) and 'conflict' (same key, other content).
CREATE FUNCTION hold_batch_v1(
  keys text[], customer_types text[], customer_ids text[], amounts bigint[], fallbacks bigint[],
  leases_s integer[], details text[], owner_name text
) RETURNS TABLE (verdict text, available bigint, decided_at timestamptz)
LANGUAGE plpgsql SET search_path FROM CURRENT
-- These tables grow faster than their statistics: every row is looked up by index, whatever the planner believes.
SET enable_seqscan = off SET enable_hashjoin = off SET enable_mergejoin = off SET plan_cache_mode = force_generic_plan
AS $$
#variable_conflict use_column
DECLARE
  moment timestamptz;
BEGIN
  PERFORM FROM "LiteLLM_StripeBalanceTable" b
  WHERE (b.customer_type, b.customer_id) IN (SELECT p.t, p.c FROM unnest(customer_types, customer_ids) AS p(t, c))
  ORDER BY b.id FOR NO KEY UPDATE;

  moment := clock_timestamp();
  RETURN QUERY
  WITH item AS (
    SELECT i.n, i.key, i.amount, i.fallback, i.lease_s, i.detail, b.id AS account_id,
      coalesce(b.balance - b.held, 0) AS free, h.key IS NOT NULL AS is_known,
      h.account_id = b.id AND h.requested = i.amount AND h.fallback_charge = i.fallback AS is_same
    FROM unnest(keys, customer_types, customer_ids, amounts, fallbacks, leases_s, details)
      WITH ORDINALITY AS i(key, customer_type, customer_id, amount, fallback, lease_s, detail, n)
    LEFT JOIN "LiteLLM_StripeBalanceTable" b USING (customer_type, customer_id)
    LEFT JOIN "LiteLLM_StripeHoldTable" h ON h.key = i.key
  ), weighed AS (
    SELECT item.*, taken_v1(amount, free) FILTER (WHERE NOT is_known) OVER (PARTITION BY account_id ORDER BY n) AS taken
    FROM item
  ), decided AS MATERIALIZED (
    SELECT weighed.*, taken > lag(taken, 1, 0::bigint) OVER (PARTITION BY account_id ORDER BY n) AS fits
    FROM weighed
  ), held AS (
    INSERT INTO "LiteLLM_StripeHoldTable"
      (key, account_id, requested, amount, fallback_charge, detail, owner, lease_expires_at, created_at)
    SELECT d.key, d.account_id, d.amount, d.amount, d.fallback, d.detail::jsonb, owner_name,
      moment + make_interval(secs => d.lease_s), moment
    FROM decided d WHERE d.fits ORDER BY d.n
  ), listed AS (
    INSERT INTO "LiteLLM_StripeOpenHoldTable" (keys)
    SELECT array_agg(d.key) FROM decided d WHERE d.fits HAVING count(*) > 0
  ), moved AS (
    UPDATE "LiteLLM_StripeBalanceTable" b
    SET held = b.held + s.taken, version = b.version + 1, updated_at = moment
    FROM (SELECT account_id, max(taken) AS taken FROM decided GROUP BY account_id) s
    WHERE b.id = s.account_id AND s.taken > 0
  )
  SELECT CASE WHEN d.is_same THEN 'known' WHEN d.is_known THEN 'conflict' WHEN d.fits THEN 'admitted'
      ELSE 'refused' END,
    d.free - d.taken, moment
  FROM decided d ORDER BY d.n;
END $$;

-- Ends calls in the order given: `action` settle | release | expire. Keys must be distinct. Verdicts: 'changed',
-- 'unchanged' (it had ended before, or an expiry came while the lease still runs: the row says how it stands),
-- 'conflict' (settled before with another cost) and 'unknown' (no such hold).
-- A real cost replaces an estimate, or follows a release: reversal and charge in one transaction.
CREATE FUNCTION resolve_batch_v1(
  keys text[], actions text[], amounts bigint[], endings text[], descriptions text[], estimates boolean[],
  details text[]
) RETURNS TABLE (verdict text, status text, ending text, charged bigint, available bigint)
LANGUAGE plpgsql SET search_path FROM CURRENT
SET enable_seqscan = off SET enable_hashjoin = off SET enable_mergejoin = off SET plan_cache_mode = force_generic_plan
AS $$
#variable_conflict use_column
DECLARE
  moment timestamptz;
BEGIN
  PERFORM FROM "LiteLLM_StripeBalanceTable" b
  WHERE b.id IN (SELECT h.account_id FROM "LiteLLM_StripeHoldTable" h WHERE h.key = ANY (keys))
  ORDER BY b.id FOR NO KEY UPDATE;
  -- A renewal takes no account lock; an expiry must not overtake it.
  IF 'expire' = ANY (actions) THEN
    PERFORM FROM "LiteLLM_StripeHoldTable" h WHERE h.key = ANY (keys) ORDER BY h.key FOR NO KEY UPDATE;
  END IF;

  moment := clock_timestamp();
  RETURN QUERY
  WITH item AS (
    SELECT i.n, i.key, i.action, i.amount, i.ending, i.description, i.estimate, i.detail,
      h.key IS NOT NULL AS is_known, h.account_id, h.status = 'open' AS is_open, h.amount AS held,
      h.status AS old_status, h.ending AS old_ending, coalesce(h.charged, 0) AS old_charged,
      h.estimate AS old_estimate, h.lease_expires_at > moment AS is_leased, b.balance, b.balance - b.held AS free
    FROM unnest(keys, actions, amounts, endings, descriptions, estimates, details)
      WITH ORDINALITY AS i(key, action, amount, ending, description, estimate, detail, n)
    LEFT JOIN "LiteLLM_StripeHoldTable" h ON h.key = i.key
    LEFT JOIN "LiteLLM_StripeBalanceTable" b ON b.id = h.account_id
  ), judged AS (
    SELECT item.*, CASE
        WHEN NOT is_known THEN 'unknown'
        WHEN is_open THEN CASE WHEN action = 'expire' AND is_leased THEN 'unchanged' ELSE 'changed' END
        WHEN action <> 'settle' THEN 'unchanged'
        WHEN NOT estimate AND old_estimate IS NOT FALSE THEN 'changed'
        WHEN amount = old_charged THEN 'unchanged'
        WHEN NOT estimate OR (old_estimate AND old_status = 'settled') THEN 'conflict'
        ELSE 'unchanged' END AS verdict
    FROM item
  ), decided AS MATERIALIZED (
    SELECT judged.*,
      CASE WHEN verdict <> 'changed' OR NOT is_open THEN old_status WHEN action = 'settle' THEN 'settled'
        WHEN action = 'release' THEN 'released' ELSE 'expired' END AS new_status,
      CASE WHEN verdict = 'changed' THEN amount - old_charged ELSE 0 END AS spent,
      CASE WHEN verdict = 'changed' AND is_open THEN held ELSE 0 END AS freed
    FROM judged
  ), ended AS (
    UPDATE "LiteLLM_StripeHoldTable" h SET status = d.new_status, ending = d.ending, charged = d.amount,
      estimate = CASE WHEN d.action <> 'release' THEN d.estimate END, resolved_at = moment,
      unheard = d.estimate AND d.ending = 'no_event'
    FROM decided d WHERE h.key = d.key AND d.verdict = 'changed'
  ), line AS (
    SELECT d.n, 1 AS part, d.account_id, d.balance, d.key, 'reversal' AS kind, d.old_charged AS amount,
      'reversal:' || d.key AS source_key, FALSE AS estimate, 'Estimate replaced by the real cost' AS description,
      '{}' AS detail
    FROM decided d WHERE d.verdict = 'changed' AND d.old_charged > 0
    UNION ALL
    SELECT d.n, 2, d.account_id, d.balance, d.key, 'charge', -d.amount,
      'charge:' || d.key || CASE WHEN d.old_estimate THEN ':real' ELSE '' END, d.estimate, d.description, d.detail
    FROM decided d WHERE d.verdict = 'changed' AND d.amount > 0
  ), posted AS (
    INSERT INTO "LiteLLM_StripeTransactionTable" (account_id, kind, amount, balance_after, source_key, hold_key,
      estimate, description, detail, created_at)
    SELECT l.account_id, l.kind, l.amount,
      l.balance + sum(l.amount) OVER (PARTITION BY l.account_id ORDER BY l.n, l.part),
      l.source_key, l.key, l.estimate, l.description, l.detail::jsonb, moment
    FROM line l ORDER BY l.n, l.part
  ), moved AS (
    UPDATE "LiteLLM_StripeBalanceTable" b
    SET balance = b.balance - e.spent, held = b.held - e.freed, total_spent = b.total_spent + e.spent,
      version = b.version + 1, updated_at = moment
    FROM (SELECT account_id, sum(spent) AS spent, sum(freed) AS freed FROM decided WHERE verdict = 'changed'
      GROUP BY account_id) e
    WHERE b.id = e.account_id
  )
  SELECT d.verdict, d.new_status, CASE WHEN d.verdict = 'changed' THEN d.ending ELSE d.old_ending END,
    CASE WHEN d.verdict = 'changed' THEN d.amount ELSE d.old_charged END,
    (d.free + sum(d.freed - d.spent) OVER (PARTITION BY d.account_id))::bigint
  FROM decided d ORDER BY d.n;
END $$;

-- The account of a payer, created with zeros if it is new. Safe against any number of others doing the same.
CREATE FUNCTION ensure_account_v1(payer_type text, payer_id text, payer_currency text) RETURNS bigint
LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
DECLARE
  account bigint;
BEGIN
  SELECT id INTO account FROM "LiteLLM_StripeBalanceTable"
  WHERE customer_type = payer_type AND customer_id = payer_id;
  IF account IS NULL THEN
    INSERT INTO "LiteLLM_StripeBalanceTable" (customer_type, customer_id, currency)
    VALUES (payer_type, payer_id, payer_currency) ON CONFLICT (customer_type, customer_id) DO NOTHING;
    SELECT id INTO STRICT account FROM "LiteLLM_StripeBalanceTable"
    WHERE customer_type = payer_type AND customer_id = payer_id;
  END IF;
  RETURN account;
END $$;

-- Gives a call that has no hold the row by which it is ended once: a cost that arrives for a call that was never
-- held (or whose hold was purged), or a hold of which nobody knows whether Postgres still is about to write it.
-- The row sets nothing aside. Where the books already have the call's charge, the row is made from it.
CREATE FUNCTION adopt_call_v1(
  call_key text, payer_type text, payer_id text, payer_currency text, owner_name text
) RETURNS void LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
DECLARE
  account bigint := ensure_account_v1(payer_type, payer_id, payer_currency);
BEGIN
  PERFORM FROM "LiteLLM_StripeBalanceTable" WHERE id = account FOR NO KEY UPDATE;
  INSERT INTO "LiteLLM_StripeHoldTable" (key, account_id, requested, amount, fallback_charge, status, ending,
    charged, estimate, owner, lease_expires_at, resolved_at)
  SELECT call_key, account, 0, 0, 0,
    CASE WHEN count(*) > 0 THEN 'settled' ELSE 'open' END,
    CASE WHEN count(*) > 0 THEN 'purged' END,
    -sum(t.amount),
    (array_agg(t.estimate ORDER BY t.id DESC))[1],
    owner_name, clock_timestamp(),
    CASE WHEN count(*) > 0 THEN clock_timestamp() END
  FROM "LiteLLM_StripeTransactionTable" t
  WHERE t.source_key IN ('charge:' || call_key, 'reversal:' || call_key, 'charge:' || call_key || ':real')
    AND t.account_id = account
  ON CONFLICT (key) DO NOTHING;
  IF FOUND THEN
    INSERT INTO "LiteLLM_StripeOpenHoldTable" (keys) VALUES (ARRAY[call_key]);
  END IF;
END $$;

-- Changes what an open hold sets aside. Verdicts: 'changed', 'refused' (`available` is the most that it could
-- be), 'ended', 'below_fallback' and 'unknown'.
CREATE FUNCTION resize_hold_v1(call_key text, new_amount bigint)
RETURNS TABLE (verdict text, available bigint) LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
#variable_conflict use_column
DECLARE
  hold record;
BEGIN
  PERFORM FROM "LiteLLM_StripeBalanceTable" b
  WHERE b.id = (SELECT h.account_id FROM "LiteLLM_StripeHoldTable" h WHERE h.key = call_key) FOR NO KEY UPDATE;

  SELECT h.account_id, h.status, h.amount, h.fallback_charge, b.balance - b.held + h.amount AS free INTO hold
  FROM "LiteLLM_StripeHoldTable" h JOIN "LiteLLM_StripeBalanceTable" b ON b.id = h.account_id
  WHERE h.key = call_key;
  IF NOT FOUND THEN
    RETURN QUERY SELECT 'unknown', 0::bigint;
  ELSIF hold.status <> 'open' THEN
    RETURN QUERY SELECT 'ended', 0::bigint;
  ELSIF new_amount < hold.fallback_charge THEN
    RETURN QUERY SELECT 'below_fallback', hold.free;
  ELSIF new_amount > hold.amount AND new_amount > hold.free THEN
    RETURN QUERY SELECT 'refused', hold.free;
  ELSE
    UPDATE "LiteLLM_StripeHoldTable" SET amount = new_amount WHERE key = call_key;
    UPDATE "LiteLLM_StripeBalanceTable"
    SET held = held + new_amount - hold.amount, version = version + 1, updated_at = clock_timestamp()
    WHERE id = hold.account_id;
    RETURN QUERY SELECT 'changed', hold.free - new_amount;
  END IF;
END $$;

-- Writes an entry that has no hold, and the balance with it. Verdicts: 'posted', 'known' (same source key, same
-- content) and 'conflict' (same source key, other content).
CREATE FUNCTION post_entry_v1(
  payer_type text, payer_id text, payer_currency text, entry_kind text, entry_amount bigint, entry_source_key text,
  entry_hold_key text, entry_stripe_object_id text, entry_estimate boolean, entry_description text,
  entry_detail text
) RETURNS TABLE (verdict text, transaction_id bigint) LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
#variable_conflict use_column
DECLARE
  account bigint := ensure_account_v1(payer_type, payer_id, payer_currency);
  written bigint;
BEGIN
  PERFORM FROM "LiteLLM_StripeBalanceTable" WHERE id = account FOR NO KEY UPDATE;

  INSERT INTO "LiteLLM_StripeTransactionTable" (account_id, kind, amount, balance_after, source_key, hold_key,
    stripe_object_id, estimate, description, detail, created_at)
  SELECT account, entry_kind, entry_amount, b.balance + entry_amount, entry_source_key, entry_hold_key,
    entry_stripe_object_id, entry_estimate, entry_description, entry_detail::jsonb, clock_timestamp()
  FROM "LiteLLM_StripeBalanceTable" b WHERE b.id = account
  ON CONFLICT (source_key) DO NOTHING RETURNING id INTO written;

  IF written IS NULL THEN
    RETURN QUERY
    SELECT CASE WHEN t.account_id = account AND t.kind = entry_kind AND t.amount = entry_amount
        AND t.stripe_object_id IS NOT DISTINCT FROM entry_stripe_object_id
        AND t.hold_key IS NOT DISTINCT FROM entry_hold_key
      THEN 'known' ELSE 'conflict' END, t.id
    FROM "LiteLLM_StripeTransactionTable" t WHERE t.source_key = entry_source_key;
    RETURN;
  END IF;

  UPDATE "LiteLLM_StripeBalanceTable" SET
    balance = balance + entry_amount,
    total_topups = total_topups + CASE WHEN entry_kind = 'topup' THEN entry_amount ELSE 0 END,
    total_spent = total_spent - CASE WHEN entry_kind IN ('charge', 'reversal') THEN entry_amount ELSE 0 END,
    version = version + 1, updated_at = clock_timestamp()
  WHERE id = account;
  RETURN QUERY SELECT 'posted', written;
END $$;
