-- What the database itself refuses, whoever asks. Each guard names what it prevents.

-- Room in each page for the next version of a row: a balance changes with every call, and without an index
-- on what changes the update stays in its page (heap-only) and writes no index.
ALTER TABLE "LiteLLM_StripeBalanceTable" SET (fillfactor = 50, autovacuum_vacuum_scale_factor = 0.02);

-- Keys are compared byte by byte: the order of a language means nothing to them, and costs with every look-up.
ALTER TABLE "LiteLLM_StripeBalanceTable" ALTER COLUMN "customer_type" TYPE TEXT COLLATE "C",
  ALTER COLUMN "customer_id" TYPE TEXT COLLATE "C";
ALTER TABLE "LiteLLM_StripeHoldTable" ALTER COLUMN "key" TYPE TEXT COLLATE "C";
ALTER TABLE "LiteLLM_StripeTransactionTable" ALTER COLUMN "source_key" TYPE TEXT COLLATE "C",
  ALTER COLUMN "hold_key" TYPE TEXT COLLATE "C";

-- Prevents a resolution that frees more than was set aside.
ALTER TABLE "LiteLLM_StripeBalanceTable" ADD CONSTRAINT "held_not_negative" CHECK ("held" >= 0);
-- Prevents an account of a payer kind that no key can name.
ALTER TABLE "LiteLLM_StripeBalanceTable" ADD CONSTRAINT "customer_type_known"
  CHECK ("customer_type" IN ('user_id', 'team_id', 'end_user_id', 'api_key'));
-- Prevents the account that every key without an id would share.
ALTER TABLE "LiteLLM_StripeBalanceTable" ADD CONSTRAINT "customer_id_not_empty" CHECK ("customer_id" <> '');

-- Prevents a hold of nothing, or of a negative amount, which would enlarge what is available. Amount 0 is for
-- the record of a call that ended without ever being held.
ALTER TABLE "LiteLLM_StripeHoldTable" ADD CONSTRAINT "amount_positive"
  CHECK ("amount" > 0 OR ("amount" = 0 AND "requested" = 0));
-- Prevents a rule for unheard calls that charges more than was set aside, or pays the customer.
ALTER TABLE "LiteLLM_StripeHoldTable" ADD CONSTRAINT "fallback_within_amount"
  CHECK ("fallback_charge" >= 0 AND "fallback_charge" <= "amount");
ALTER TABLE "LiteLLM_StripeHoldTable" ADD CONSTRAINT "charged_not_negative" CHECK ("charged" >= 0);
-- Prevents an ending outside of the three, and an ended call without its ending or cost.
ALTER TABLE "LiteLLM_StripeHoldTable" ADD CONSTRAINT "status_known"
  CHECK ("status" IN ('open', 'settled', 'released', 'expired'));
ALTER TABLE "LiteLLM_StripeHoldTable" ADD CONSTRAINT "ended_completely" CHECK (
  ("status" = 'open') = ("resolved_at" IS NULL)
  AND ("status" = 'open') = ("charged" IS NULL)
  AND ("status" = 'open') = ("ending" IS NULL)
);
-- Room in each page for the second version of its holds, and no index on what an ending changes: then an ending is
-- heap-only and writes no index. What may be open is listed in a table of its own, one row a batch of holds.
ALTER TABLE "LiteLLM_StripeHoldTable" SET (fillfactor = 50);
-- The operator's list of calls of whose end nothing was heard, until a real cost replaces the estimate.
CREATE INDEX "LiteLLM_StripeHoldTable_for_review" ON "LiteLLM_StripeHoldTable" ("id") WHERE "unheard";

-- Prevents lines without effect, and money that moves against its name.
ALTER TABLE "LiteLLM_StripeTransactionTable" ADD CONSTRAINT "amount_not_zero" CHECK ("amount" <> 0);
ALTER TABLE "LiteLLM_StripeTransactionTable" ADD CONSTRAINT "kind_known_and_sign" CHECK (
  CASE "kind"
    WHEN 'topup' THEN "amount" > 0
    WHEN 'credit' THEN "amount" > 0
    WHEN 'grant' THEN "amount" > 0
    WHEN 'charge' THEN "amount" < 0
    WHEN 'expiry' THEN "amount" < 0
    ELSE "kind" IN ('reversal', 'adjustment', 'refund', 'dispute')
  END
);

-- Prevents rewritten books: entries are only ever added. ALWAYS: also for replication and restore sessions.
CREATE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  RAISE EXCEPTION 'transactions are append-only: % refused; post a reversing entry instead', TG_OP
    USING ERRCODE = 'restrict_violation';
END $$;
CREATE TRIGGER "append_only" BEFORE UPDATE OR DELETE OR TRUNCATE ON "LiteLLM_StripeTransactionTable"
  FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
ALTER TABLE "LiteLLM_StripeTransactionTable" ENABLE ALWAYS TRIGGER "append_only";

-- Prevents setting aside what is not there, whatever code asks. Only an increase of `held` is guarded: a refund,
-- a dispute or a cost above its hold may push the balance below what is held.
CREATE FUNCTION refuse_overhold() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  RAISE EXCEPTION 'account % cannot hold % of a balance of %', NEW.id, NEW.held, NEW.balance
    USING ERRCODE = 'check_violation', CONSTRAINT = 'held_within_balance';
END $$;
CREATE TRIGGER "held_within_balance" BEFORE UPDATE OF "held" ON "LiteLLM_StripeBalanceTable"
  FOR EACH ROW WHEN (NEW."held" > OLD."held" AND NEW."held" > NEW."balance")
  EXECUTE FUNCTION refuse_overhold();
CREATE TRIGGER "held_within_balance_at_birth" BEFORE INSERT ON "LiteLLM_StripeBalanceTable"
  FOR EACH ROW WHEN (NEW."held" > 0 AND NEW."held" > NEW."balance")
  EXECUTE FUNCTION refuse_overhold();
