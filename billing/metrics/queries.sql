-- open_holds
-- How many calls hold credit, how old the oldest is, and how long the most overdue lease is over, in seconds.
SELECT count(*),
  coalesce(extract(epoch FROM clock_timestamp() - min(h.created_at)), 0)::float8,
  greatest(coalesce(extract(epoch FROM clock_timestamp() - min(h.lease_expires_at)), 0), 0)::float8,
  extract(epoch FROM clock_timestamp())::float8
FROM billing."LiteLLM_StripeOpenHoldTable" o CROSS JOIN unnest(o.keys) AS k(key)
JOIN billing."LiteLLM_StripeHoldTable" h ON h.key = k.key WHERE h.status = 'open';
