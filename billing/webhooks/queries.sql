-- outcome_of
-- What was done about an event before.
SELECT outcome FROM billing."LiteLLM_StripeWebhookEventTable" WHERE event_id = %(event_id)s

-- record_event
-- One row an event, however often it is delivered; `is_new` tells the first delivery. A second delivery waits
-- here until the first has committed.
INSERT INTO billing."LiteLLM_StripeWebhookEventTable" AS event
       (event_id, type, api_version, livemode, account, object_id, created, payload, outcome)
VALUES (%(event_id)s, %(type)s, %(api_version)s, %(livemode)s, %(account)s, %(object_id)s,
        to_timestamp(%(created)s), %(payload)s, 'ignored')
ON CONFLICT (event_id) DO UPDATE
   SET deliveries = event.deliveries + 1
RETURNING deliveries = 1 AS is_new, outcome

-- record_outcome
-- What was done about it now, in the transaction that did it.
UPDATE billing."LiteLLM_StripeWebhookEventTable"
   SET outcome = %(outcome)s, reason = %(reason)s
 WHERE event_id = %(event_id)s
