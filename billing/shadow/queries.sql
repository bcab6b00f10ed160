-- Shadow mode writes here what it saw. Nothing of it moves money.

-- available
-- What customers would have for new calls, if shadow mode had charged them all along; in the order given.
SELECT coalesce(b.balance - b.held, 0) - coalesce(s.spent, 0)
FROM unnest(%(types)s::text[], %(ids)s::text[]) WITH ORDINALITY AS p(customer_type, customer_id, n)
LEFT JOIN billing."LiteLLM_StripeBalanceTable" b USING (customer_type, customer_id)
LEFT JOIN billing."LiteLLM_StripeShadowAccountTable" s USING (customer_type, customer_id)
ORDER BY p.n;

-- begin_call
-- A call that was let through; a second look at it may enlarge what would be held.
INSERT INTO billing."LiteLLM_StripeShadowCallTable" (call_id, customer_type, customer_id, model, route, held, required,
  available, refusal, refusal_message, detail, created_at)
VALUES (%(call_id)s, %(customer_type)s, %(customer_id)s, %(model)s, %(route)s, %(held)s, %(required)s, %(available)s,
  %(refusal)s, %(refusal_message)s, %(detail)s::jsonb, clock_timestamp())
ON CONFLICT (call_id) DO UPDATE SET held = excluded.held, required = excluded.required,
  available = excluded.available, refusal = excluded.refusal, refusal_message = excluded.refusal_message
WHERE billing."LiteLLM_StripeShadowCallTable".ended_at IS NULL;

-- end_call
-- How it ended, once; what it would have cost counts against the customer, unless it would have been refused.
WITH ended AS (
  UPDATE billing."LiteLLM_StripeShadowCallTable"
  SET charged = %(charged)s, provider_cost = %(provider_cost)s, ending = %(ending)s, detail = %(detail)s::jsonb,
    ended_at = clock_timestamp()
  WHERE call_id = %(call_id)s AND ended_at IS NULL
  RETURNING customer_type, customer_id, charged, refusal
)
INSERT INTO billing."LiteLLM_StripeShadowAccountTable" (customer_type, customer_id, spent)
SELECT customer_type, customer_id, charged FROM ended
WHERE refusal IS NULL AND customer_id IS NOT NULL AND charged > 0
ON CONFLICT (customer_type, customer_id)
DO UPDATE SET spent = billing."LiteLLM_StripeShadowAccountTable".spent + excluded.spent;

-- charge_more
-- A further priced event of a call that has ended.
WITH more AS (
  UPDATE billing."LiteLLM_StripeShadowCallTable"
  SET charged = charged + %(charged)s, provider_cost = coalesce(provider_cost, 0) + coalesce(%(provider_cost)s, 0)
  WHERE call_id = %(call_id)s AND ended_at IS NOT NULL
  RETURNING customer_type, customer_id, refusal
)
UPDATE billing."LiteLLM_StripeShadowAccountTable" a SET spent = a.spent + %(charged)s
FROM more m WHERE a.customer_type = m.customer_type AND a.customer_id = m.customer_id AND m.refusal IS NULL;

-- purge
-- Forgets calls of so many days ago.
DELETE FROM billing."LiteLLM_StripeShadowCallTable" WHERE call_id IN (
  SELECT call_id FROM billing."LiteLLM_StripeShadowCallTable"
  WHERE created_at < now() - make_interval(days => %(days)s) LIMIT %(limit)s FOR UPDATE SKIP LOCKED
);

-- report
-- A line a customer and model, the highest first.
SELECT customer_type, customer_id, model, count(*) AS calls, count(*) FILTER (WHERE ended_at IS NULL) AS unfinished,
  coalesce(sum(charged) FILTER (WHERE refusal IS NULL), 0)::bigint AS charged,
  count(*) FILTER (WHERE refusal IS NOT NULL) AS refused,
  coalesce(sum(charged) FILTER (WHERE refusal IS NOT NULL), 0)::bigint AS charged_if_not_refused,
  coalesce(sum(provider_cost), 0) AS provider_cost
FROM billing."LiteLLM_StripeShadowCallTable"
WHERE created_at >= %(since)s AND created_at < %(until)s
GROUP BY customer_type, customer_id, model
ORDER BY sum(charged) DESC NULLS LAST, customer_type, customer_id, model LIMIT %(limit)s;

-- refusals
-- How often each line's calls would have been refused, and why.
SELECT customer_type, customer_id, model, refusal, count(*)
FROM billing."LiteLLM_StripeShadowCallTable"
WHERE created_at >= %(since)s AND created_at < %(until)s AND refusal IS NOT NULL
GROUP BY customer_type, customer_id, model, refusal;

-- logged
-- What LiteLLM's spend log says that each line's calls cost. Read by its index on startTime.
SELECT c.customer_type, c.customer_id, c.model, sum(s.spend::text::numeric)
FROM public."LiteLLM_SpendLogs" s
JOIN billing."LiteLLM_StripeShadowCallTable" c
  ON c.call_id = s.metadata -> 'spend_logs_metadata' ->> 'billing_call_id'
WHERE s."startTime" >= %(log_since)s AND c.created_at >= %(since)s AND c.created_at < %(until)s
GROUP BY c.customer_type, c.customer_id, c.model;
