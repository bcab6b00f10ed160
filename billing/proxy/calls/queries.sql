-- spend_log_of_call
-- what LiteLLM's own log says a call cost, by our call id, for the key that made it.
SELECT spend::text AS spend, model, prompt_tokens, completion_tokens, total_tokens, status, model_group, model_id,
       cache_hit
  FROM public."LiteLLM_SpendLogs"
 WHERE metadata -> 'spend_logs_metadata' ->> 'billing_call_id' = %(call_id)s
   AND api_key = %(key_hash)s
   AND "startTime" >= %(since)s
 ORDER BY "startTime"
 LIMIT 20
