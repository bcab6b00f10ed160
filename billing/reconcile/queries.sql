-- suspects
-- Calls of a slice of time whose cost in the books is not what LiteLLM's spend log says: a first look, in one pass.
-- The log is read by its index on startTime; a call whose rows lie outside of the range is looked at once more.
WITH call AS MATERIALIZED (
  SELECT h.key, h.estimate IS TRUE AS estimate, h.detail ->> 'key_hash' AS key_hash,
    h.ending = 'finished_free' AS is_free
  FROM billing."LiteLLM_StripeHoldTable" h
  WHERE h.created_at >= %(since)s AND h.created_at < %(until)s AND h.status <> 'open'
    AND h.resolved_at < %(settled_before)s
), cost AS MATERIALIZED (
  SELECT t.hold_key, count(*) AS charges, max(t.detail ->> 'key_hash') AS key_hash, sum(
    CASE WHEN t.detail ->> 'provider_cost' ~ '^[0-9]+(\.[0-9]+)?([eE][+-]?[0-9]{1,3})?$'
      THEN (t.detail ->> 'provider_cost')::numeric ELSE 'NaN' END) AS cost
  FROM billing."LiteLLM_StripeTransactionTable" t
  WHERE t.hold_key IN (SELECT key FROM call) AND t.kind = 'charge' AND NOT t.estimate
  GROUP BY t.hold_key
), log AS MATERIALIZED (
  SELECT s.metadata -> 'spend_logs_metadata' ->> 'billing_call_id' AS call_id, s.api_key,
    sum(s.spend::text::numeric) AS cost, min(s."startTime") AS began
  FROM public."LiteLLM_SpendLogs" s
  WHERE s."startTime" >= %(log_since)s AND s."startTime" < %(log_until)s
    AND s.metadata -> 'spend_logs_metadata' ->> 'billing_call_id' IS NOT NULL
  GROUP BY 1, 2
), suspect AS (
  SELECT call.key FROM call LEFT JOIN cost ON cost.hold_key = call.key
  LEFT JOIN log ON log.call_id = call.key AND log.api_key = coalesce(call.key_hash, cost.key_hash)
  WHERE CASE WHEN call.estimate THEN log.cost > 0 AND NOT EXISTS (  -- where no provider reported usage, the log has a guess
      SELECT FROM billing."LiteLLM_StripeTransactionTable" t
      WHERE t.hold_key = call.key AND t.kind = 'charge' AND t.estimate AND t.detail ->> 'usage_reported' = 'false')
    WHEN call.is_free THEN cost.charges > 0
    ELSE cost.charges > 0 AND log.cost IS NULL
      OR abs(coalesce(cost.cost, 0) - coalesce(log.cost, 0)) > 0.000000001 * greatest(cost.charges, 1) END
  LIMIT %(limit)s
)
SELECT (SELECT count(*) FROM call), (SELECT count(*) FROM call WHERE estimate),
  (SELECT count(*) FROM log WHERE began >= %(slice_since)s AND began < %(slice_until)s),
  (SELECT count(*) FROM billing."LiteLLM_StripeHoldTable" h
    WHERE h.created_at >= %(since)s AND h.created_at < %(until)s
      AND (h.status = 'open' OR h.resolved_at >= %(settled_before)s)),
  (SELECT coalesce(array_agg(key), '{}') FROM suspect);

-- unknown_logs
-- Rows of LiteLLM's log that cost something under a call id of ours, and neither a hold nor a charge knows the call.
SELECT s.request_id, s.metadata -> 'spend_logs_metadata' ->> 'billing_call_id', s.spend::text, s."user"
FROM public."LiteLLM_SpendLogs" s
WHERE s."startTime" >= %(log_since)s AND s."startTime" < %(log_until)s AND s."endTime" < %(settled_before)s
  AND s.spend <> 0 AND s.metadata -> 'spend_logs_metadata' ->> 'billing_call_id' IS NOT NULL
  AND s.metadata -> 'spend_logs_metadata' ->> 'billing_free' IS NULL
  AND NOT EXISTS (SELECT FROM billing."LiteLLM_StripeHoldTable" h
    WHERE h.key = s.metadata -> 'spend_logs_metadata' ->> 'billing_call_id')
  AND NOT EXISTS (SELECT FROM billing."LiteLLM_StripeTransactionTable" t
    WHERE t.hold_key = s.metadata -> 'spend_logs_metadata' ->> 'billing_call_id')
  AND NOT EXISTS (SELECT FROM billing."LiteLLM_StripeShadowCallTable" c  -- shadow mode holds and charges nothing
    WHERE c.call_id = s.metadata -> 'spend_logs_metadata' ->> 'billing_call_id')
ORDER BY s."startTime" LIMIT %(limit)s;

-- calls
-- These calls, as their holds stand.
SELECT h.key, b.customer_type || ':' || b.customer_id AS customer, h.status, h.ending, h.charged,
  h.estimate IS TRUE AS estimate
FROM billing."LiteLLM_StripeHoldTable" h JOIN billing."LiteLLM_StripeBalanceTable" b ON b.id = h.account_id
WHERE h.key = ANY (%(keys)s);

-- charges
-- What these calls were charged for good: estimates, and what reversed them, are not among it.
SELECT t.hold_key AS key, t.source_key, t.detail ->> 'provider_cost' AS cost, t.detail ->> 'response_id' AS response_id
FROM billing."LiteLLM_StripeTransactionTable" t
WHERE t.hold_key = ANY (%(keys)s) AND t.kind = 'charge' AND NOT t.estimate ORDER BY t.id;

-- logs
-- What LiteLLM wrote down of these calls, by the key that made them, around the time of each. A call that was never
-- held has its row from when its cost came: its time lies further back, and only its charge names the key.
SELECT h.key, s.request_id, s.spend::text AS cost, coalesce(s.status, '') AS status
FROM billing."LiteLLM_StripeHoldTable" h
LEFT JOIN LATERAL (
  SELECT t.detail ->> 'key_hash' AS key_hash FROM billing."LiteLLM_StripeTransactionTable" t
  WHERE t.hold_key = h.key AND t.kind = 'charge' AND t.detail ? 'key_hash' ORDER BY t.id LIMIT 1
) charge ON TRUE
JOIN public."LiteLLM_SpendLogs" s ON s.api_key = coalesce(h.detail ->> 'key_hash', charge.key_hash)
  AND s."startTime" >= (h.created_at AT TIME ZONE 'UTC')
    - CASE WHEN h.requested = 0 THEN interval '1 day' ELSE interval '10 minutes' END
  AND s."startTime" < (coalesce(h.resolved_at, now()) AT TIME ZONE 'UTC') + interval '10 minutes'
  AND s.metadata -> 'spend_logs_metadata' ->> 'billing_call_id' = h.key
WHERE h.key = ANY (%(keys)s) ORDER BY s."startTime";

-- failures
-- Rows of failures without an id of ours, of the keys of these calls, while each ran: on routes whose `metadata` is
-- the provider's (/v1/messages), LiteLLM writes a failure's row without what our hook had put beside it.
SELECT h.key, s.request_id, s.spend::text AS cost, s.status
FROM billing."LiteLLM_StripeHoldTable" h
JOIN public."LiteLLM_SpendLogs" s ON s.api_key = h.detail ->> 'key_hash'
  AND s."startTime" >= (h.created_at AT TIME ZONE 'UTC') - interval '1 minute'
  AND s."startTime" < (h.resolved_at AT TIME ZONE 'UTC') + interval '1 minute'
  AND s.status = 'failure' AND s.spend > 0
  AND s.metadata -> 'spend_logs_metadata' ->> 'billing_call_id' IS NULL
WHERE h.key = ANY (%(keys)s) ORDER BY abs(extract(epoch FROM s."startTime" - (h.created_at AT TIME ZONE 'UTC')));

-- log_owners
-- Whose rows have these ids: LiteLLM keeps one row an id, and drops what comes later under the same one.
SELECT s.request_id, s.metadata -> 'spend_logs_metadata' ->> 'billing_call_id'
FROM public."LiteLLM_SpendLogs" s WHERE s.request_id = ANY (%(ids)s);

-- overdue
-- Open holds whose lease is long over: some gateway should have ended them.
SELECT h.key, b.customer_type || ':' || b.customer_id, h.amount, h.lease_expires_at
FROM billing."LiteLLM_StripeOpenHoldTable" o CROSS JOIN unnest(o.keys) AS k(key)
JOIN billing."LiteLLM_StripeHoldTable" h ON h.key = k.key
JOIN billing."LiteLLM_StripeBalanceTable" b ON b.id = h.account_id
WHERE h.status = 'open' AND h.lease_expires_at < clock_timestamp() - make_interval(secs => %(slack_s)s)
ORDER BY h.lease_expires_at LIMIT %(limit)s;

-- topups_of
-- The credits of these Checkout Sessions.
SELECT t.source_key, t.amount, b.customer_type || ':' || b.customer_id
FROM billing."LiteLLM_StripeTransactionTable" t JOIN billing."LiteLLM_StripeBalanceTable" b ON b.id = t.account_id
WHERE t.source_key = ANY (%(source_keys)s);

-- orders_of
-- Which of these Checkout Sessions, or references, are orders of ours, and whose.
SELECT o.id, o.checkout_session_id, b.customer_type || ':' || b.customer_id
FROM billing."LiteLLM_StripeTopupOrderTable" o JOIN billing."LiteLLM_StripeBalanceTable" b ON b.id = o.account_id
WHERE o.checkout_session_id = ANY (%(sessions)s) OR o.id = ANY (%(references)s);

-- topups
-- A page of the top-ups of a window, in order of their ids.
SELECT t.id, t.source_key, t.stripe_object_id, t.amount, b.customer_type || ':' || b.customer_id AS customer
FROM billing."LiteLLM_StripeTransactionTable" t JOIN billing."LiteLLM_StripeBalanceTable" b ON b.id = t.account_id
WHERE t.kind = 'topup' AND t.id > %(after_id)s AND t.created_at >= %(since)s AND t.created_at < %(until)s
ORDER BY t.id LIMIT %(limit)s;

-- returned_of
-- What was taken back of these payments: refunds and disputes by the PaymentIntent in their detail.
SELECT t.detail ->> 'payment_intent_id', t.kind, sum(t.amount)::bigint
FROM billing."LiteLLM_StripeTransactionTable" t
WHERE t.kind IN ('refund', 'dispute') AND t.detail ->> 'payment_intent_id' = ANY (%(payments)s) GROUP BY 1, 2;

-- payments_known
-- Which of these PaymentIntents paid a top-up of ours, and whose.
SELECT o.payment_intent_id, b.customer_type || ':' || b.customer_id
FROM billing."LiteLLM_StripeTopupOrderTable" o JOIN billing."LiteLLM_StripeBalanceTable" b ON b.id = o.account_id
WHERE o.payment_intent_id = ANY (%(payments)s) AND o.status = 'paid';

-- waiting_orders
-- How many top-ups wait for their payment.
SELECT count(*) FROM billing."LiteLLM_StripeTopupOrderTable" WHERE status IN ('created', 'open');

-- parked_events
-- Stripe's events of the window that were kept and not applied.
SELECT event_id, type, coalesce(object_id, ''), coalesce(reason, '') FROM billing."LiteLLM_StripeWebhookEventTable"
WHERE outcome = 'parked' AND received_at >= %(since)s AND received_at < %(until)s ORDER BY id LIMIT %(limit)s;

-- claim
-- Takes this book for one replica, unless it was taken within the interval. What was found before comes with it.
INSERT INTO billing."LiteLLM_StripeReconcileTable" AS r (book, open_slices, claimed_at)
VALUES (%(book)s, '{}', clock_timestamp())
ON CONFLICT (book) DO UPDATE SET claimed_at = clock_timestamp()
WHERE r.claimed_at IS NULL OR r.claimed_at < clock_timestamp() - make_interval(secs => %(interval_s)s)
RETURNING checked_until, open_slices;

-- finish
-- Notes what the comparison found, and how far it got.
UPDATE billing."LiteLLM_StripeReconcileTable" SET checked_until = greatest(checked_until, %(checked_until)s),
  open_slices = %(open_slices)s, differences = %(differences)s, drift = %(drift)s, failure = %(failure)s,
  finished_at = clock_timestamp()
WHERE book = %(book)s;

-- standings
-- How each book stands.
SELECT book, differences, drift, failure IS NOT NULL, extract(epoch FROM finished_at)::float8
FROM billing."LiteLLM_StripeReconcileTable";
