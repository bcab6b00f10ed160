-- The general path of the ledger, for what is not the usual case: keys that exist, calls that have ended, payers that
-- nobody remembers. It looks at each item under the locks, and lets `hold_one_v1` and `end_one_v1` decide and write;
-- what only it can do, the real cost that replaces an estimate, stands here. The functions of before stay for processes
-- of the last release.

-- Decides holds in the order given. Verdicts: 'admitted', 'refused' (does not fit: `available` is what is left),
-- 'known' (same key and content as before: nothing changes) and 'conflict' (same key, other content).
CREATE FUNCTION hold_batch_v2(
  keys text[], customer_types text[], customer_ids text[], amounts bigint[], fallbacks bigint[],
  leases_s integer[], details text[], owner_name text
) RETURNS TABLE (verdict text, available bigint, decided_at timestamptz)
LANGUAGE plpgsql SET search_path FROM CURRENT
-- These tables grow faster than their statistics: every row is looked up by index, whatever the planner believes.
SET enable_seqscan = off SET enable_hashjoin = off SET enable_mergejoin = off SET plan_cache_mode = force_generic_plan
AS $$
#variable_conflict use_column
DECLARE
  account record;
  known record;
BEGIN
  PERFORM FROM "LiteLLM_StripeBalanceTable" b
  WHERE (b.customer_type, b.customer_id) IN (SELECT p.t, p.c FROM unnest(customer_types, customer_ids) AS p(t, c))
  ORDER BY b.id FOR NO KEY UPDATE;

  FOR n IN 1 .. cardinality(keys) LOOP
    SELECT b.id, b.balance - b.held AS free INTO account FROM "LiteLLM_StripeBalanceTable" b
    WHERE b.customer_type = customer_types[n] AND b.customer_id = customer_ids[n];
    SELECT h.account_id, h.requested, h.fallback_charge INTO known FROM "LiteLLM_StripeHoldTable" h WHERE h.key = keys[n];
    available := coalesce(account.free, 0);
    decided_at := clock_timestamp();
    IF known.account_id IS NOT NULL THEN
      verdict := CASE WHEN known.account_id = account.id AND known.requested = amounts[n]
        AND known.fallback_charge = fallbacks[n] THEN 'known' ELSE 'conflict' END;
    ELSE
      SELECT 'admitted', o.available, o.decided_at INTO verdict, available, decided_at
      FROM hold_one_v1(keys[n], customer_types[n], customer_ids[n], amounts[n], fallbacks[n], leases_s[n], details[n],
        owner_name) o WHERE o.decided_at IS NOT NULL;
      IF NOT FOUND THEN
        verdict := 'refused';
        available := coalesce(account.free, 0);
        decided_at := clock_timestamp();
      END IF;
    END IF;
    RETURN NEXT;
  END LOOP;
END $$;

-- Ends calls in the order given: `action` settle | release | expire. Verdicts: 'changed', 'unchanged' (it had ended
-- before, or an expiry came while the lease still runs: the row says how it stands), 'conflict' (settled before with
-- another cost) and 'unknown' (no such hold).
-- A real cost replaces an estimate, or follows a release: reversal and charge in one transaction.
CREATE FUNCTION resolve_batch_v2(
  keys text[], actions text[], amounts bigint[], endings text[], descriptions text[], estimates boolean[],
  details text[]
) RETURNS TABLE (verdict text, status text, ending text, charged bigint, available bigint)
LANGUAGE plpgsql SET search_path FROM CURRENT
SET enable_seqscan = off SET enable_hashjoin = off SET enable_mergejoin = off SET plan_cache_mode = force_generic_plan
AS $$
#variable_conflict use_column
DECLARE
  hold record;
BEGIN
  PERFORM FROM "LiteLLM_StripeBalanceTable" b
  WHERE b.id IN (SELECT h.account_id FROM "LiteLLM_StripeHoldTable" h WHERE h.key = ANY (keys))
  ORDER BY b.id FOR NO KEY UPDATE;

  FOR n IN 1 .. cardinality(keys) LOOP
    SELECT h.account_id, h.status, h.ending, coalesce(h.charged, 0) AS charged, h.estimate INTO hold
    FROM "LiteLLM_StripeHoldTable" h WHERE h.key = keys[n];
    verdict := CASE
      WHEN hold.account_id IS NULL THEN 'unknown'
      WHEN hold.status = 'open' THEN 'changed'
      WHEN actions[n] <> 'settle' THEN 'unchanged'
      WHEN NOT estimates[n] AND hold.estimate IS NOT FALSE THEN 'changed'
      WHEN amounts[n] = hold.charged THEN 'unchanged'
      WHEN NOT estimates[n] OR (hold.estimate AND hold.status = 'settled') THEN 'conflict'
      ELSE 'unchanged' END;
    IF hold.status = 'open' THEN
      IF end_one_v1(keys[n], actions[n], amounts[n], endings[n], descriptions[n], estimates[n], details[n]) IS NULL THEN
        verdict := 'unchanged';  -- an expiry whose lease is not over
      END IF;
    ELSIF verdict = 'changed' THEN
      PERFORM replace_charge_v1(keys[n], amounts[n], endings[n], descriptions[n], estimates[n], details[n]);
    END IF;
    SELECT h.status, h.ending, coalesce(h.charged, 0), b.balance - b.held INTO status, ending, charged, available
    FROM "LiteLLM_StripeHoldTable" h JOIN "LiteLLM_StripeBalanceTable" b ON b.id = h.account_id WHERE h.key = keys[n];
    RETURN NEXT;
  END LOOP;
END $$;

-- Gives a call that has ended its real cost, in the place of an estimate or after a release. The account is locked.
CREATE FUNCTION replace_charge_v1(
  hold_key text, cost bigint, how text, line_description text, is_estimate boolean, line_detail text
) RETURNS void LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
DECLARE
  moment timestamptz := clock_timestamp();
  hold record;
  balance_before bigint;
BEGIN
  SELECT h.account_id, h.status, coalesce(h.charged, 0) AS charged, coalesce(h.estimate, FALSE) AS estimate INTO hold
  FROM "LiteLLM_StripeHoldTable" h WHERE h.key = hold_key;
  SELECT b.balance INTO balance_before FROM "LiteLLM_StripeBalanceTable" b WHERE b.id = hold.account_id;
  UPDATE "LiteLLM_StripeHoldTable" h
  SET ending = how, charged = cost, estimate = is_estimate, resolved_at = moment,
    unheard = is_estimate AND how = 'no_event'
  WHERE h.key = hold_key;
  UPDATE "LiteLLM_StripeBalanceTable" b
  SET balance = b.balance + hold.charged - cost, total_spent = b.total_spent - hold.charged + cost,
    version = b.version + 1, updated_at = moment
  WHERE b.id = hold.account_id;
  IF hold.charged > 0 THEN
    INSERT INTO "LiteLLM_StripeTransactionTable" (account_id, kind, amount, balance_after, source_key, hold_key,
      estimate, description, detail, created_at)
    VALUES (hold.account_id, 'reversal', hold.charged, balance_before + hold.charged, 'reversal:' || hold_key, hold_key,
      FALSE, 'Estimate replaced by the real cost', '{}', moment);
  END IF;
  IF cost > 0 THEN
    INSERT INTO "LiteLLM_StripeTransactionTable" (account_id, kind, amount, balance_after, source_key, hold_key,
      estimate, description, detail, created_at)
    VALUES (hold.account_id, 'charge', -cost, balance_before + hold.charged - cost,
      'charge:' || hold_key || CASE WHEN hold.estimate THEN ':real' ELSE '' END, hold_key,
      is_estimate, line_description, line_detail::jsonb, moment);
  END IF;
END $$;
