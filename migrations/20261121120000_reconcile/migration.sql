-- How far the books were compared with what others say, and what was found.

-- CreateTable
CREATE TABLE "LiteLLM_StripeReconcileTable" (
    "book" TEXT NOT NULL,
    "checked_until" TIMESTAMPTZ(6),
    "open_slices" TIMESTAMPTZ(6)[],
    "differences" INTEGER NOT NULL DEFAULT 0,
    "drift" BIGINT NOT NULL DEFAULT 0,
    "failure" TEXT,
    "claimed_at" TIMESTAMPTZ(6),
    "finished_at" TIMESTAMPTZ(6),

    CONSTRAINT "LiteLLM_StripeReconcileTable_pkey" PRIMARY KEY ("book")
);

-- Top-ups by time, what was taken back by payment, and parked events: few rows each, and charges are in none of them.
CREATE INDEX "LiteLLM_StripeTransactionTable_topups" ON "LiteLLM_StripeTransactionTable" ("created_at")
  WHERE "kind" = 'topup';
CREATE INDEX "LiteLLM_StripeTransactionTable_returned" ON "LiteLLM_StripeTransactionTable"
  (("detail" ->> 'payment_intent_id')) WHERE "kind" IN ('refund', 'dispute');
CREATE INDEX "LiteLLM_StripeWebhookEventTable_parked" ON "LiteLLM_StripeWebhookEventTable" ("received_at")
  WHERE "outcome" = 'parked';
