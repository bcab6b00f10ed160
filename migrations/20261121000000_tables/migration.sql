-- CreateTable
CREATE TABLE "LiteLLM_StripeBalanceTable" (
    "id" BIGSERIAL NOT NULL,
    "customer_type" TEXT NOT NULL,
    "customer_id" TEXT NOT NULL,
    "stripe_customer_id" TEXT,
    "currency" TEXT NOT NULL,
    "balance" BIGINT NOT NULL DEFAULT 0,
    "held" BIGINT NOT NULL DEFAULT 0,
    "total_topups" BIGINT NOT NULL DEFAULT 0,
    "total_spent" BIGINT NOT NULL DEFAULT 0,
    "low_balance_threshold" BIGINT,
    "auto_topup_enabled" BOOLEAN NOT NULL DEFAULT false,
    "auto_topup_amount" BIGINT,
    "auto_topup_threshold" BIGINT,
    "auto_topup_payment_method_id" TEXT,
    "version" BIGINT NOT NULL DEFAULT 0,
    "created_at" TIMESTAMPTZ(6) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "updated_at" TIMESTAMPTZ(6) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "LiteLLM_StripeBalanceTable_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "LiteLLM_StripeTransactionTable" (
    "id" BIGSERIAL NOT NULL,
    "account_id" BIGINT NOT NULL,
    "kind" TEXT NOT NULL,
    "amount" BIGINT NOT NULL,
    "balance_after" BIGINT NOT NULL,
    "source_key" TEXT NOT NULL,
    "hold_key" TEXT,
    "stripe_object_id" TEXT,
    "estimate" BOOLEAN NOT NULL DEFAULT false,
    "description" TEXT NOT NULL,
    "detail" JSONB NOT NULL DEFAULT '{}',
    "created_at" TIMESTAMPTZ(6) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "LiteLLM_StripeTransactionTable_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "LiteLLM_StripeHoldTable" (
    "key" TEXT NOT NULL,
    "id" BIGSERIAL NOT NULL,
    "account_id" BIGINT NOT NULL,
    "requested" BIGINT NOT NULL,
    "amount" BIGINT NOT NULL,
    "fallback_charge" BIGINT NOT NULL,
    "status" TEXT NOT NULL DEFAULT 'open',
    "ending" TEXT,
    "charged" BIGINT,
    "estimate" BOOLEAN,
    "unheard" BOOLEAN NOT NULL DEFAULT false,
    "detail" JSONB NOT NULL DEFAULT '{}',
    "owner" TEXT NOT NULL,
    "lease_expires_at" TIMESTAMPTZ(6) NOT NULL,
    "created_at" TIMESTAMPTZ(6) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "resolved_at" TIMESTAMPTZ(6),

    CONSTRAINT "LiteLLM_StripeHoldTable_pkey" PRIMARY KEY ("key")
);

-- CreateTable
CREATE TABLE "LiteLLM_StripeOpenHoldTable" (
    "id" BIGSERIAL NOT NULL,
    "keys" TEXT[],

    CONSTRAINT "LiteLLM_StripeOpenHoldTable_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "LiteLLM_StripeWebhookEventTable" (
    "id" BIGSERIAL NOT NULL,
    "event_id" TEXT NOT NULL,
    "type" TEXT NOT NULL,
    "api_version" TEXT,
    "livemode" BOOLEAN NOT NULL,
    "account" TEXT,
    "object_id" TEXT,
    "created" TIMESTAMPTZ(6) NOT NULL,
    "payload" JSONB NOT NULL,
    "outcome" TEXT NOT NULL,
    "reason" TEXT,
    "received_at" TIMESTAMPTZ(6) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "deliveries" INTEGER NOT NULL DEFAULT 1,

    CONSTRAINT "LiteLLM_StripeWebhookEventTable_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "LiteLLM_StripeTopupOrderTable" (
    "id" TEXT NOT NULL,
    "account_id" BIGINT NOT NULL,
    "amount" BIGINT NOT NULL,
    "currency" TEXT NOT NULL,
    "status" TEXT NOT NULL DEFAULT 'created',
    "checkout_session_id" TEXT,
    "checkout_url" TEXT,
    "payment_intent_id" TEXT,
    "paid" BIGINT,
    "success_url" TEXT NOT NULL,
    "cancel_url" TEXT NOT NULL,
    "livemode" BOOLEAN NOT NULL,
    "created_at" TIMESTAMPTZ(6) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "updated_at" TIMESTAMPTZ(6) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "LiteLLM_StripeTopupOrderTable_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "LiteLLM_StripeMeterEventTable" (
    "id" BIGSERIAL NOT NULL,
    "identifier" TEXT NOT NULL,
    "event_name" TEXT NOT NULL,
    "stripe_customer_id" TEXT NOT NULL,
    "value" BIGINT NOT NULL,
    "occurred_at" TIMESTAMPTZ(6) NOT NULL,
    "status" TEXT NOT NULL DEFAULT 'pending',
    "attempts" INTEGER NOT NULL DEFAULT 0,
    "next_attempt_at" TIMESTAMPTZ(6) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "last_error" TEXT,
    "created_at" TIMESTAMPTZ(6) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "LiteLLM_StripeMeterEventTable_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "LiteLLM_StripeCreditGrantTable" (
    "id" BIGSERIAL NOT NULL,
    "account_id" BIGINT NOT NULL,
    "source_key" TEXT NOT NULL,
    "amount" BIGINT NOT NULL,
    "remaining" BIGINT NOT NULL,
    "expires_at" TIMESTAMPTZ(6),
    "created_at" TIMESTAMPTZ(6) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "LiteLLM_StripeCreditGrantTable_pkey" PRIMARY KEY ("id")
);

-- CreateIndex
CREATE UNIQUE INDEX "LiteLLM_StripeBalanceTable_stripe_customer_id_key" ON "LiteLLM_StripeBalanceTable"("stripe_customer_id");

-- CreateIndex
CREATE UNIQUE INDEX "LiteLLM_StripeBalanceTable_customer_type_customer_id_key" ON "LiteLLM_StripeBalanceTable"("customer_type", "customer_id");

-- CreateIndex
CREATE UNIQUE INDEX "LiteLLM_StripeTransactionTable_source_key_key" ON "LiteLLM_StripeTransactionTable"("source_key");

-- CreateIndex
CREATE INDEX "LiteLLM_StripeTransactionTable_account_id_id_idx" ON "LiteLLM_StripeTransactionTable"("account_id", "id" DESC);

-- CreateIndex
CREATE INDEX "LiteLLM_StripeTransactionTable_hold_key_idx" ON "LiteLLM_StripeTransactionTable"("hold_key");

-- CreateIndex
CREATE INDEX "LiteLLM_StripeHoldTable_created_at_idx" ON "LiteLLM_StripeHoldTable" USING BRIN ("created_at");

-- CreateIndex
CREATE UNIQUE INDEX "LiteLLM_StripeWebhookEventTable_event_id_key" ON "LiteLLM_StripeWebhookEventTable"("event_id");

-- CreateIndex
CREATE INDEX "LiteLLM_StripeWebhookEventTable_object_id_idx" ON "LiteLLM_StripeWebhookEventTable"("object_id");

-- CreateIndex
CREATE INDEX "LiteLLM_StripeWebhookEventTable_type_id_idx" ON "LiteLLM_StripeWebhookEventTable"("type", "id" DESC);

-- CreateIndex
CREATE UNIQUE INDEX "LiteLLM_StripeTopupOrderTable_checkout_session_id_key" ON "LiteLLM_StripeTopupOrderTable"("checkout_session_id");

-- CreateIndex
CREATE INDEX "LiteLLM_StripeTopupOrderTable_account_id_created_at_idx" ON "LiteLLM_StripeTopupOrderTable"("account_id", "created_at" DESC);

-- CreateIndex
CREATE INDEX "LiteLLM_StripeTopupOrderTable_payment_intent_id_idx" ON "LiteLLM_StripeTopupOrderTable"("payment_intent_id");

-- CreateIndex
CREATE UNIQUE INDEX "LiteLLM_StripeMeterEventTable_identifier_key" ON "LiteLLM_StripeMeterEventTable"("identifier");

-- CreateIndex
CREATE UNIQUE INDEX "LiteLLM_StripeCreditGrantTable_source_key_key" ON "LiteLLM_StripeCreditGrantTable"("source_key");

-- CreateIndex
CREATE INDEX "LiteLLM_StripeCreditGrantTable_account_id_expires_at_idx" ON "LiteLLM_StripeCreditGrantTable"("account_id", "expires_at");

-- AddForeignKey
ALTER TABLE "LiteLLM_StripeTransactionTable" ADD CONSTRAINT "LiteLLM_StripeTransactionTable_account_id_fkey" FOREIGN KEY ("account_id") REFERENCES "LiteLLM_StripeBalanceTable"("id") ON DELETE RESTRICT ON UPDATE RESTRICT;

-- AddForeignKey
ALTER TABLE "LiteLLM_StripeHoldTable" ADD CONSTRAINT "LiteLLM_StripeHoldTable_account_id_fkey" FOREIGN KEY ("account_id") REFERENCES "LiteLLM_StripeBalanceTable"("id") ON DELETE RESTRICT ON UPDATE RESTRICT;

-- AddForeignKey
ALTER TABLE "LiteLLM_StripeTopupOrderTable" ADD CONSTRAINT "LiteLLM_StripeTopupOrderTable_account_id_fkey" FOREIGN KEY ("account_id") REFERENCES "LiteLLM_StripeBalanceTable"("id") ON DELETE RESTRICT ON UPDATE RESTRICT;

-- AddForeignKey
ALTER TABLE "LiteLLM_StripeCreditGrantTable" ADD CONSTRAINT "LiteLLM_StripeCreditGrantTable_account_id_fkey" FOREIGN KEY ("account_id") REFERENCES "LiteLLM_StripeBalanceTable"("id") ON DELETE RESTRICT ON UPDATE RESTRICT;
