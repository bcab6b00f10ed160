-- What a session has cost so far, for the case that its process dies.

-- Changes what an open hold sets aside, and raises what its call costs at least: if nobody is heard of it again,
-- that is charged. It is never lowered, and never more than is set aside. Verdicts as of `resize_hold_v1`; when
-- the amount is refused, the least charge is raised all the same, as far as the hold as it stands covers it.
CREATE FUNCTION extend_hold_v1(call_key text, new_amount bigint, least_charge bigint)
RETURNS TABLE (verdict text, available bigint) LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
#variable_conflict use_column
DECLARE
  answer record;
BEGIN
  SELECT r.verdict, r.available INTO answer FROM resize_hold_v1(call_key, new_amount) r;
  IF answer.verdict IN ('changed', 'refused') THEN
    UPDATE "LiteLLM_StripeHoldTable" SET fallback_charge = LEAST(amount, least_charge)
    WHERE key = call_key AND status = 'open' AND fallback_charge < LEAST(amount, least_charge);
  END IF;
  RETURN QUERY SELECT answer.verdict, answer.available;
END $$;
