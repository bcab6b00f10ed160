-- The usual case of a lone caller: one hold, or one ending, without the arrays and loops of `exchange_v1`. What these
-- do not decide is left untouched and goes through the general functions (docs/decisions/0002).

-- Admits one hold under a new key. The update waits for the account's lock and then looks at its condition again, so
-- it decides on what it locked. NULL: does not fit, or the payer has no account. A key that exists raises
-- unique_violation, and nothing is written.
CREATE FUNCTION hold_one_v1(
  hold_key text, payer_type text, payer_id text, wanted bigint, fallback bigint, lease_s integer, hold_detail text,
  owner_name text, OUT available bigint, OUT decided_at timestamptz
) LANGUAGE plpgsql SET search_path FROM CURRENT
-- These tables grow faster than their statistics: every row is looked up by index, whatever the planner believes.
SET enable_seqscan = off SET plan_cache_mode = force_generic_plan
AS $$
#variable_conflict use_column
DECLARE
  account bigint;
BEGIN
  UPDATE "LiteLLM_StripeBalanceTable" b
  SET held = b.held + wanted, version = b.version + 1, updated_at = clock_timestamp()
  WHERE b.customer_type = payer_type AND b.customer_id = payer_id AND wanted <= b.balance - b.held
  RETURNING b.id, b.balance - b.held INTO account, available;
  IF account IS NULL THEN
    RETURN;
  END IF;
  decided_at := clock_timestamp();
  INSERT INTO "LiteLLM_StripeHoldTable"
    (key, account_id, requested, amount, fallback_charge, detail, owner, lease_expires_at, created_at)
  VALUES (hold_key, account, wanted, wanted, fallback, hold_detail::jsonb, owner_name,
    decided_at + make_interval(secs => lease_s), decided_at);
  INSERT INTO "LiteLLM_StripeOpenHoldTable" (keys) VALUES (ARRAY[hold_key]);
END $$;

-- Ends one open call, under its account's lock. NULL: there is no such hold, it has ended, or an expiry's lease is not
-- over by the clock of the moment when the row is ours.
CREATE FUNCTION end_one_v1(
  hold_key text, action text, cost bigint, how text, line_description text, is_estimate boolean, line_detail text,
  OUT available bigint
) LANGUAGE plpgsql SET search_path FROM CURRENT
SET enable_seqscan = off SET enable_hashjoin = off SET enable_mergejoin = off SET plan_cache_mode = force_generic_plan
AS $$
#variable_conflict use_column
DECLARE
  moment timestamptz;
  account bigint;
  freed bigint;
  balance_after bigint;
BEGIN
  SELECT b.id INTO account FROM "LiteLLM_StripeHoldTable" h
  JOIN "LiteLLM_StripeBalanceTable" b ON b.id = h.account_id
  WHERE h.key = hold_key FOR NO KEY UPDATE OF b;
  moment := clock_timestamp();

  UPDATE "LiteLLM_StripeHoldTable" h
  SET status = CASE action WHEN 'settle' THEN 'settled' WHEN 'release' THEN 'released' ELSE 'expired' END,
    ending = how, charged = cost, resolved_at = moment,
    estimate = CASE WHEN action <> 'release' THEN is_estimate END, unheard = is_estimate AND how = 'no_event'
  WHERE h.key = hold_key AND h.status = 'open' AND (action <> 'expire' OR h.lease_expires_at <= clock_timestamp())
  RETURNING h.amount INTO freed;
  IF freed IS NULL THEN
    RETURN;
  END IF;

  UPDATE "LiteLLM_StripeBalanceTable" b
  SET balance = b.balance - cost, held = b.held - freed, total_spent = b.total_spent + cost,
    version = b.version + 1, updated_at = moment
  WHERE b.id = account
  RETURNING b.balance, b.balance - b.held INTO balance_after, available;

  IF cost > 0 THEN
    INSERT INTO "LiteLLM_StripeTransactionTable" (account_id, kind, amount, balance_after, source_key, hold_key,
      estimate, description, detail, created_at)
    VALUES (account, 'charge', -cost, balance_after, 'charge:' || hold_key, hold_key,
      is_estimate, line_description, line_detail::jsonb, moment);
  END IF;
END $$;
