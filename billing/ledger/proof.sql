-- Each statement finds rows that break one rule of the books: subject, expected, found. None is the proof.

-- balance_is_sum_of_entries
-- What a customer has is what their entries add up to.
SELECT b.customer_type || ':' || b.customer_id, coalesce(t.total, 0)::text, b.balance::text
FROM billing."LiteLLM_StripeBalanceTable" b
LEFT JOIN (
  SELECT account_id, sum(amount) AS total FROM billing."LiteLLM_StripeTransactionTable" GROUP BY account_id
) t ON t.account_id = b.id
WHERE b.balance <> coalesce(t.total, 0) ORDER BY b.id LIMIT %s;

-- entries_form_a_chain
-- Each entry's balance is the one before it plus its amount: nothing was left out, put in or altered.
SELECT 'transaction:' || id, (before + amount)::text, balance_after::text
FROM (
  SELECT id, amount, balance_after,
    lag(balance_after, 1, 0::bigint) OVER (PARTITION BY account_id ORDER BY id) AS before
  FROM billing."LiteLLM_StripeTransactionTable"
) t WHERE before::numeric + amount <> balance_after ORDER BY id LIMIT %s;

-- held_is_sum_of_open_holds
-- What is set aside is what running calls may cost.
SELECT b.customer_type || ':' || b.customer_id, coalesce(h.total, 0)::text, b.held::text
FROM billing."LiteLLM_StripeBalanceTable" b
LEFT JOIN (
  SELECT account_id, sum(amount) AS total FROM billing."LiteLLM_StripeHoldTable" WHERE status = 'open'
  GROUP BY account_id
) h ON h.account_id = b.id
WHERE b.held <> coalesce(h.total, 0) ORDER BY b.id LIMIT %s;

-- total_topups_is_sum_of_topups
-- The total shown to the customer is the sum of their top-ups.
SELECT b.customer_type || ':' || b.customer_id, coalesce(t.total, 0)::text, b.total_topups::text
FROM billing."LiteLLM_StripeBalanceTable" b
LEFT JOIN (
  SELECT account_id, sum(amount) AS total FROM billing."LiteLLM_StripeTransactionTable" WHERE kind = 'topup'
  GROUP BY account_id
) t ON t.account_id = b.id
WHERE b.total_topups <> coalesce(t.total, 0) ORDER BY b.id LIMIT %s;

-- total_spent_is_sum_of_charges
-- The total shown to the customer is the sum of their charges, less what was reversed.
SELECT b.customer_type || ':' || b.customer_id, coalesce(t.total, 0)::text, b.total_spent::text
FROM billing."LiteLLM_StripeBalanceTable" b
LEFT JOIN (
  SELECT account_id, -sum(amount) AS total FROM billing."LiteLLM_StripeTransactionTable"
  WHERE kind IN ('charge', 'reversal') GROUP BY account_id
) t ON t.account_id = b.id
WHERE b.total_spent <> coalesce(t.total, 0) ORDER BY b.id LIMIT %s;

-- charge_of_a_call_is_in_the_books
-- What a call was charged is what the books say under its keys, and a running call has cost nothing yet.
SELECT 'hold:' || h.key, coalesce(h.charged, 0)::text, coalesce(t.total, 0)::text
FROM billing."LiteLLM_StripeHoldTable" h
LEFT JOIN (
  SELECT account_id, hold_key, -sum(amount) AS total FROM billing."LiteLLM_StripeTransactionTable"
  WHERE source_key IN ('charge:' || hold_key, 'reversal:' || hold_key, 'charge:' || hold_key || ':real')
  GROUP BY account_id, hold_key
) t ON t.hold_key = h.key AND t.account_id = h.account_id
WHERE coalesce(h.charged, 0) <> coalesce(t.total, 0) ORDER BY h.id LIMIT %s;

-- open_holds_are_listed
-- The sweeper's list names each open hold once: else one would never end.
SELECT 'hold:' || h.key, '1', coalesce(o.times, 0)::text
FROM billing."LiteLLM_StripeHoldTable" h
LEFT JOIN (
  SELECT k.key, count(*) AS times FROM billing."LiteLLM_StripeOpenHoldTable" l CROSS JOIN unnest(l.keys) AS k(key)
  GROUP BY k.key
) o ON o.key = h.key
WHERE h.status = 'open' AND o.times IS DISTINCT FROM 1 ORDER BY h.id LIMIT %s;
