-- What the operator asks above the provider's cost, and what shadow mode would have done.

-- CreateTable
CREATE TABLE "LiteLLM_StripePriceRuleTable" (
    "id" BIGSERIAL NOT NULL,
    "customer_type" TEXT,
    "customer_id" TEXT,
    "team_id" TEXT,
    "model" TEXT,
    "provider" TEXT,
    "multiplier" DECIMAL(18,9) NOT NULL DEFAULT 1,
    "fee" BIGINT NOT NULL DEFAULT 0,
    "floor" BIGINT NOT NULL DEFAULT 0,
    "free" BOOLEAN NOT NULL DEFAULT false,
    "valid_from" TIMESTAMPTZ(6) NOT NULL,
    "valid_until" TIMESTAMPTZ(6),
    "idempotency_key" TEXT,
    "reason" TEXT NOT NULL,
    "created_by" TEXT,
    "created_at" TIMESTAMPTZ(6) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "ended_by" TEXT,
    "ended_at" TIMESTAMPTZ(6),

    CONSTRAINT "LiteLLM_StripePriceRuleTable_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "LiteLLM_StripeShadowCallTable" (
    "call_id" TEXT NOT NULL,
    "customer_type" TEXT,
    "customer_id" TEXT,
    "model" TEXT,
    "route" TEXT NOT NULL,
    "held" BIGINT,
    "required" BIGINT,
    "available" BIGINT,
    "refusal" TEXT,
    "refusal_message" TEXT,
    "charged" BIGINT,
    "provider_cost" DECIMAL(38,20),
    "ending" TEXT,
    "detail" JSONB NOT NULL DEFAULT '{}',
    "created_at" TIMESTAMPTZ(6) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "ended_at" TIMESTAMPTZ(6),

    CONSTRAINT "LiteLLM_StripeShadowCallTable_pkey" PRIMARY KEY ("call_id")
);

-- CreateTable
CREATE TABLE "LiteLLM_StripeShadowAccountTable" (
    "customer_type" TEXT NOT NULL,
    "customer_id" TEXT NOT NULL,
    "spent" BIGINT NOT NULL DEFAULT 0,

    CONSTRAINT "LiteLLM_StripeShadowAccountTable_pkey" PRIMARY KEY ("customer_type","customer_id")
);

-- CreateIndex
CREATE UNIQUE INDEX "LiteLLM_StripePriceRuleTable_idempotency_key_key" ON "LiteLLM_StripePriceRuleTable"("idempotency_key");

-- CreateIndex
CREATE INDEX "LiteLLM_StripePriceRuleTable_valid_until_idx" ON "LiteLLM_StripePriceRuleTable"("valid_until");

-- CreateIndex
CREATE INDEX "LiteLLM_StripeShadowCallTable_created_at_idx" ON "LiteLLM_StripeShadowCallTable"("created_at");

-- The operator's list of charges whose real cost nobody knows yet. Other charges are not in it, and cost nothing more.
CREATE INDEX "LiteLLM_StripeTransactionTable_estimates" ON "LiteLLM_StripeTransactionTable" ("id")
  WHERE "estimate" AND "kind" = 'charge';

-- Prevents a rule that pays the customer, and a slip of the decimal point.
ALTER TABLE "LiteLLM_StripePriceRuleTable" ADD CONSTRAINT "terms_within_bounds" CHECK (
  "multiplier" >= 0 AND "multiplier" <= 1000 AND "fee" BETWEEN 0 AND 1000000000000 AND "floor" BETWEEN 0 AND 1000000000000
);
-- Prevents a price that says two things: free is free.
ALTER TABLE "LiteLLM_StripePriceRuleTable" ADD CONSTRAINT "free_has_no_terms"
  CHECK (NOT "free" OR ("multiplier" = 1 AND "fee" = 0 AND "floor" = 0));
-- Prevents a rule for a customer that no key can name.
ALTER TABLE "LiteLLM_StripePriceRuleTable" ADD CONSTRAINT "rule_names_a_whole_customer" CHECK (
  ("customer_type" IS NULL) = ("customer_id" IS NULL)
  AND ("customer_type" IS NULL OR "customer_type" IN ('user_id', 'team_id', 'end_user_id', 'api_key'))
  AND "customer_id" <> '' AND "team_id" <> '' AND "model" <> '' AND "provider" <> ''
);
ALTER TABLE "LiteLLM_StripePriceRuleTable" ADD CONSTRAINT "valid_until_after_from"
  CHECK ("valid_until" IS NULL OR "valid_until" >= "valid_from");

-- Prevents a rule that rewrites the past: none begins before it was made, none is changed, and an ending lies ahead.
CREATE FUNCTION refuse_rewritten_price() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF TG_OP = 'INSERT' THEN
    IF NEW.valid_from >= now() THEN RETURN NEW; END IF;
  ELSIF TG_OP = 'UPDATE' THEN
    IF (OLD.valid_until IS NULL OR OLD.valid_until > now()) AND NEW.valid_until >= now()
      AND (OLD.valid_until IS NULL OR NEW.valid_until <= OLD.valid_until)
      AND to_jsonb(NEW) - ARRAY['valid_until', 'ended_by', 'ended_at']
        = to_jsonb(OLD) - ARRAY['valid_until', 'ended_by', 'ended_at']
    THEN RETURN NEW; END IF;
  END IF;
  RAISE EXCEPTION 'price rules are history: % refused; end the rule and make another', TG_OP
    USING ERRCODE = 'restrict_violation', CONSTRAINT = 'price_history';
END $$;
CREATE TRIGGER "price_history" BEFORE INSERT OR UPDATE OR DELETE ON "LiteLLM_StripePriceRuleTable"
  FOR EACH ROW EXECUTE FUNCTION refuse_rewritten_price();
CREATE TRIGGER "price_history_kept" BEFORE TRUNCATE ON "LiteLLM_StripePriceRuleTable"
  FOR EACH STATEMENT EXECUTE FUNCTION refuse_rewritten_price();
