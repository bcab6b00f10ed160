"""A witness in the database itself: looks at each account in the very commit that admits or enlarges a hold.

It is none of the product's guards and does not refuse; it writes down what was admitted beyond the balance.
That it is not blind is tested: without the guards it sees (`test_witness.py`).
"""

from __future__ import annotations

from billing.database import Pool

INSTALL = """
CREATE SCHEMA witness;
CREATE TABLE witness.admission (
  hold_key text, account_id bigint, balance bigint, held bigint, at timestamptz DEFAULT clock_timestamp()
);
CREATE FUNCTION witness.look() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  INSERT INTO witness.admission (hold_key, account_id, balance, held)
  SELECT NEW.key, b.id, b.balance, b.held
  FROM billing."LiteLLM_StripeBalanceTable" b WHERE b.id = NEW.account_id;
  RETURN NULL;
END $$;
-- Deferred: at the commit, when the whole of its transaction can be seen, and the account is still locked.
CREATE CONSTRAINT TRIGGER admitted AFTER INSERT ON billing."LiteLLM_StripeHoldTable"
  DEFERRABLE INITIALLY DEFERRED
  FOR EACH ROW WHEN (NEW.amount > 0) EXECUTE FUNCTION witness.look();
CREATE CONSTRAINT TRIGGER enlarged AFTER UPDATE ON billing."LiteLLM_StripeHoldTable"
  DEFERRABLE INITIALLY DEFERRED
  FOR EACH ROW WHEN (NEW.amount > OLD.amount) EXECUTE FUNCTION witness.look();
"""


async def install(pool: Pool) -> None:
    """Puts the witness into a migrated database."""
    async with pool.connection() as connection:
        await connection.execute(INSTALL)


async def testimony(pool: Pool) -> tuple[int, list[str]]:
    """How many admissions it saw, and the holds that were admitted beyond the balance."""
    async with pool.connection() as connection:
        cursor = await connection.execute("SELECT count(*) FROM witness.admission")
        [seen] = await cursor.fetchone() or (0,)
        cursor = await connection.execute(
            "SELECT hold_key, held, balance FROM witness.admission WHERE held > balance ORDER BY at"
        )
        beyond = [f"{key}: {held} held of {balance}" for key, held, balance in await cursor.fetchall()]
    return int(seen), beyond
