-- Calls that were charged an estimate, for nobody knew what they cost.

-- calls_to_price
-- Estimates of calls without a known price that nobody has priced yet, newest first.
SELECT t.id, t.hold_key AS call_id, b.customer_type, b.customer_id, -t.amount AS charged, t.description, t.detail,
  t.created_at
FROM billing."LiteLLM_StripeTransactionTable" t JOIN billing."LiteLLM_StripeBalanceTable" b ON b.id = t.account_id
WHERE t.estimate AND t.kind = 'charge' AND t.source_key = 'charge:' || t.hold_key
  AND t.detail ->> 'ending' = 'finished_unpriced' AND (%(before_id)s::bigint IS NULL OR t.id < %(before_id)s)
  AND NOT EXISTS (
    SELECT FROM billing."LiteLLM_StripeTransactionTable" r WHERE r.source_key = 'reversal:' || t.hold_key
  )
ORDER BY t.id DESC LIMIT %(limit)s;

-- call_to_price
-- What is known of one call: from its charge, or from its hold where it was charged nothing.
SELECT b.customer_type, b.customer_id, coalesce(t.detail, h.detail) AS detail, h.status = 'open' AS is_open
FROM (SELECT %(call_id)s::text AS key) AS call
LEFT JOIN billing."LiteLLM_StripeTransactionTable" t ON t.source_key = 'charge:' || call.key
LEFT JOIN billing."LiteLLM_StripeHoldTable" h ON h.key = call.key
JOIN billing."LiteLLM_StripeBalanceTable" b ON b.id = coalesce(t.account_id, h.account_id);
