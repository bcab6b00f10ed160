-- lock_account_orders
-- One start of a top-up at a time and account, so that the cap on open sessions holds; ends with the transaction.
SELECT pg_advisory_xact_lock(hashtextextended('billing topup orders', %(account_id)s::bigint))

-- insert_order
-- Our order, unless the customer has as many unpaid ones as allowed. A session lives a day at Stripe; older ones
-- wait only for a delayed payment and do not count.
INSERT INTO billing."LiteLLM_StripeTopupOrderTable"
       (id, account_id, amount, currency, success_url, cancel_url, livemode)
SELECT %(id)s, %(account_id)s, %(amount)s, %(currency)s, %(success_url)s, %(cancel_url)s, %(livemode)s
 WHERE %(open_max)s > (
         SELECT count(*) FROM billing."LiteLLM_StripeTopupOrderTable"
          WHERE account_id = %(account_id)s AND status IN ('created', 'open')
            AND created_at > now() - interval '25 hours')
RETURNING id

-- order_by_id
-- The order with our id.
SELECT o.*, a.customer_type, a.customer_id, a.stripe_customer_id
  FROM billing."LiteLLM_StripeTopupOrderTable" o
  JOIN billing."LiteLLM_StripeBalanceTable" a ON a.id = o.account_id
 WHERE o.id = %(id)s

-- order_by_session
-- The order that a session was opened for, once its session is noted.
SELECT o.*, a.customer_type, a.customer_id, a.stripe_customer_id
  FROM billing."LiteLLM_StripeTopupOrderTable" o
  JOIN billing."LiteLLM_StripeBalanceTable" a ON a.id = o.account_id
 WHERE o.checkout_session_id = %(session_id)s

-- lock_order
-- The order of a session, by the session or by the reference that we gave it, locked: one fulfilment at a time.
SELECT o.*, a.customer_type, a.customer_id, a.stripe_customer_id
  FROM billing."LiteLLM_StripeTopupOrderTable" o
  JOIN billing."LiteLLM_StripeBalanceTable" a ON a.id = o.account_id
 WHERE o.checkout_session_id = %(session_id)s OR o.id = %(order_id)s
 ORDER BY o.checkout_session_id IS NOT DISTINCT FROM %(session_id)s DESC
 LIMIT 1
   FOR UPDATE OF o

-- record_session
-- What Stripe opened for the order. A webhook may have been faster: then only what is missing is filled in.
UPDATE billing."LiteLLM_StripeTopupOrderTable"
   SET checkout_session_id = coalesce(checkout_session_id, %(session_id)s),
       checkout_url = coalesce(checkout_url, %(url)s),
       status = CASE status WHEN 'created' THEN 'open' ELSE status END,
       updated_at = now()
 WHERE id = %(id)s

-- mark_paid
-- Paid, whatever it was before: the caller holds the lock and has seen that it is not paid yet.
UPDATE billing."LiteLLM_StripeTopupOrderTable"
   SET status = 'paid', paid = %(paid)s, checkout_session_id = %(session_id)s,
       payment_intent_id = %(payment_intent_id)s, updated_at = now()
 WHERE id = %(id)s

-- mark_ended
-- failed or expired: only an order that still waits.
UPDATE billing."LiteLLM_StripeTopupOrderTable"
   SET status = %(status)s, checkout_session_id = coalesce(checkout_session_id, %(session_id)s),
       updated_at = now()
 WHERE id = %(id)s AND status IN ('created', 'open')

-- link_customer
-- Stripe's customer of an account, set once; a second writer changes nothing.
UPDATE billing."LiteLLM_StripeBalanceTable"
   SET stripe_customer_id = %(stripe_customer_id)s, updated_at = now()
 WHERE id = %(account_id)s AND stripe_customer_id IS NOT DISTINCT FROM %(previous)s

-- linked_customer
-- The customer that somebody else linked first.
SELECT stripe_customer_id FROM billing."LiteLLM_StripeBalanceTable" WHERE id = %(account_id)s

-- claim_stale_orders
-- Claims orders without news for a while; other replicas skip a claimed order until it is due again.
-- The wait grows with the age, so an abandoned order costs some twenty questions to Stripe in its day.
UPDATE billing."LiteLLM_StripeTopupOrderTable" o
   SET updated_at = now()
  FROM billing."LiteLLM_StripeBalanceTable" a
 WHERE a.id = o.account_id AND o.id IN (
         SELECT id FROM billing."LiteLLM_StripeTopupOrderTable"
          WHERE status IN ('created', 'open')
            AND updated_at <= now() - greatest(%(interval)s, (updated_at - created_at) / 2)
          ORDER BY updated_at
          LIMIT %(limit)s
            FOR UPDATE SKIP LOCKED)
RETURNING o.*, a.customer_type, a.customer_id, a.stripe_customer_id
