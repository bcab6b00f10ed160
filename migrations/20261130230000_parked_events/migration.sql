-- When the gateway tries a parked event again by itself, and how often it has. After a 2xx Stripe never sends it again.
-- The default is the time of this migration for all rows that are there: each event parked until now is tried again. It
-- also serves rows that a gateway of the release before writes while both run.

-- AlterTable
ALTER TABLE "LiteLLM_StripeWebhookEventTable" ADD COLUMN "retry_at" TIMESTAMPTZ(6) DEFAULT CURRENT_TIMESTAMP,
ADD COLUMN "tries" INTEGER NOT NULL DEFAULT 0;

-- What is due. Parked events are few; nearly all rows are in neither of the two indexes on them.
CREATE INDEX "LiteLLM_StripeWebhookEventTable_retry" ON "LiteLLM_StripeWebhookEventTable" ("retry_at")
  WHERE "outcome" = 'parked';
