-- Price rules. The table is history: rows are added and ended, never changed (the database refuses more).

-- fingerprint
-- The database's clock, and two numbers of which one grows with every rule that is made or ended.
SELECT clock_timestamp(), count(*), count(ended_at) FROM billing."LiteLLM_StripePriceRuleTable";

-- rules_ahead
-- Every rule that is in force or will be, up to a number.
SELECT id, customer_type, customer_id, team_id, model, provider, multiplier, fee, floor, free, valid_from, valid_until,
  reason, created_by, created_at, ended_by
FROM billing."LiteLLM_StripePriceRuleTable"
WHERE valid_until IS NULL OR valid_until > greatest(valid_from, clock_timestamp()) ORDER BY id LIMIT %(limit)s;

-- rules_page
-- The history, newest first.
SELECT id, customer_type, customer_id, team_id, model, provider, multiplier, fee, floor, free, valid_from, valid_until,
  reason, created_by, created_at, ended_by
FROM billing."LiteLLM_StripePriceRuleTable"
WHERE (%(before_id)s::bigint IS NULL OR id < %(before_id)s)
  AND (%(ended)s OR valid_until IS NULL OR valid_until > greatest(valid_from, clock_timestamp()))
  AND (%(customer_type)s::text IS NULL OR customer_type = %(customer_type)s)
  AND (%(customer_id)s::text IS NULL OR customer_id = %(customer_id)s)
ORDER BY id DESC LIMIT %(limit)s;

-- rule_by_id
-- One rule.
SELECT id, customer_type, customer_id, team_id, model, provider, multiplier, fee, floor, free, valid_from, valid_until,
  reason, created_by, created_at, ended_by
FROM billing."LiteLLM_StripePriceRuleTable" WHERE id = %(id)s;

-- rule_by_idempotency_key
-- The rule that this key made.
SELECT id, customer_type, customer_id, team_id, model, provider, multiplier, fee, floor, free, valid_from, valid_until,
  reason, created_by, created_at, ended_by
FROM billing."LiteLLM_StripePriceRuleTable" WHERE idempotency_key = %(idempotency_key)s;

-- count_ahead
-- How many rules are in force or will be.
SELECT count(*) FROM billing."LiteLLM_StripePriceRuleTable"
WHERE valid_until IS NULL OR valid_until > greatest(valid_from, clock_timestamp());

-- make_rule
-- Adds a rule, once an idempotency key; no row where the key was used before.
INSERT INTO billing."LiteLLM_StripePriceRuleTable" (customer_type, customer_id, team_id, model, provider, multiplier,
  fee, floor, free, valid_from, valid_until, idempotency_key, reason, created_by, created_at)
VALUES (%(customer_type)s, %(customer_id)s, %(team_id)s, %(model)s, %(provider)s, %(multiplier)s, %(fee)s, %(floor)s,
  %(free)s, coalesce(%(valid_from)s::timestamptz, clock_timestamp()), %(valid_until)s, %(idempotency_key)s, %(reason)s,
  %(created_by)s, clock_timestamp())
ON CONFLICT (idempotency_key) DO NOTHING
RETURNING id, customer_type, customer_id, team_id, model, provider, multiplier, fee, floor, free, valid_from,
  valid_until, reason, created_by, created_at, ended_by;

-- end_rule
-- Ends a rule now, or before it began; no row where it is over already.
UPDATE billing."LiteLLM_StripePriceRuleTable"
SET valid_until = greatest(valid_from, clock_timestamp()), ended_by = %(ended_by)s, ended_at = clock_timestamp()
WHERE id = %(id)s AND (valid_until IS NULL OR valid_until > greatest(valid_from, clock_timestamp()))
RETURNING id, customer_type, customer_id, team_id, model, provider, multiplier, fee, floor, free, valid_from,
  valid_until, reason, created_by, created_at, ended_by;
