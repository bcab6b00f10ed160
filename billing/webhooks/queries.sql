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
-- What was done about it now, in the transaction that did it. A parked event is tried again soon after its delivery;
-- once the gateway tries it, each try has set the time of the next before it began.
UPDATE billing."LiteLLM_StripeWebhookEventTable"
   SET outcome = %(outcome)s, reason = %(reason)s,
       retry_at = CASE WHEN %(outcome)s <> 'parked' THEN NULL
                       WHEN tries = 0 THEN now() + %(pause_min)s
                       ELSE retry_at END
 WHERE event_id = %(event_id)s

-- hurry_parked
-- Something else came about the object: what is parked about it is tried soon. A row that somebody holds is being
-- tried now; waiting for it here could deadlock.
UPDATE billing."LiteLLM_StripeWebhookEventTable"
   SET retry_at = least(retry_at, now() + %(pause_min)s)
 WHERE id IN (
         SELECT id FROM billing."LiteLLM_StripeWebhookEventTable"
          WHERE object_id = %(object_id)s AND outcome = 'parked' AND retry_at IS NOT NULL
            FOR UPDATE SKIP LOCKED)

-- claim_parked
-- The parked events of the objects that are due, which no other replica then takes until they are due again. An
-- object's events go together, so that one replica tries them in Stripe's order: only its oldest event makes it due.
-- The pause is half the age of the object's newest event, within bounds. An event whose next try would come after
-- `tried_for` is not tried again after this one; it stays parked.
WITH head AS (
  SELECT h.id, h.object_id,
         least(%(pause_max)s, greatest(%(pause_min)s, (now() - coalesce(
           (SELECT max(s.received_at) FROM billing."LiteLLM_StripeWebhookEventTable" s
             WHERE s.object_id = h.object_id AND s.outcome = 'parked' AND s.retry_at IS NOT NULL),
           h.received_at)) / 2)) AS pause
    FROM billing."LiteLLM_StripeWebhookEventTable" h
   WHERE h.outcome = 'parked' AND h.retry_at <= now() AND NOT EXISTS (
           SELECT FROM billing."LiteLLM_StripeWebhookEventTable" older
            WHERE older.object_id = h.object_id AND older.outcome = 'parked' AND older.retry_at IS NOT NULL
              AND (older.created, older.id) < (h.created, h.id))
   ORDER BY h.retry_at
   LIMIT %(objects_max)s
     FOR UPDATE OF h SKIP LOCKED
), due AS (
  SELECT e.id, head.pause
    FROM head JOIN billing."LiteLLM_StripeWebhookEventTable" e
      ON e.id = head.id OR (e.object_id = head.object_id AND e.outcome = 'parked' AND e.retry_at IS NOT NULL)
   ORDER BY e.created, e.id
   LIMIT %(events_max)s
     FOR UPDATE OF e SKIP LOCKED
), claimed AS (
  UPDATE billing."LiteLLM_StripeWebhookEventTable" e
     SET tries = e.tries + 1,
         retry_at = CASE WHEN now() + due.pause < e.received_at + %(tried_for)s THEN now() + due.pause END
    FROM due
   WHERE e.id = due.id
  RETURNING e.id, e.event_id, e.created, e.payload
)
SELECT event_id, payload FROM claimed ORDER BY created, id

-- lock_parked
-- Whether the event is still parked; whoever else wants to decide about it waits until this transaction ends.
SELECT outcome = 'parked' FROM billing."LiteLLM_StripeWebhookEventTable" WHERE event_id = %(event_id)s FOR UPDATE

-- record_failure
-- Why the event could not even be tried; it stays parked.
UPDATE billing."LiteLLM_StripeWebhookEventTable" SET reason = %(reason)s
 WHERE event_id = %(event_id)s AND outcome = 'parked'

-- count_parked
-- How many parked events are tried again, how old the oldest of them is in seconds, and how many are not any more.
SELECT count(retry_at),
       coalesce(extract(epoch FROM now() - min(received_at) FILTER (WHERE retry_at IS NOT NULL)), 0)::float8,
       count(*) - count(retry_at)
  FROM billing."LiteLLM_StripeWebhookEventTable" WHERE outcome = 'parked'

-- list_parked
-- The oldest parked events and why they are: those that are tried again, or those that are not any more.
SELECT event_id, type, object_id, reason, received_at, tries
  FROM billing."LiteLLM_StripeWebhookEventTable"
 WHERE outcome = 'parked' AND (retry_at IS NOT NULL) = %(is_retried)s
 ORDER BY received_at LIMIT %(limit)s
