"""What we read of a Checkout Session."""

from __future__ import annotations

import pytest
from pydantic import JsonValue

from billing.topups.schemas import CheckoutSession


def session(**changes: JsonValue) -> CheckoutSession:
    whole: dict[str, JsonValue] = {
        "id": "cs_test_1",
        "object": "checkout.session",
        "mode": "payment",
        "status": "complete",
        "payment_status": "unpaid",
        "currency": "usd",
        "amount_total": 1210,
        "livemode": False,
        "payment_intent": {"id": "pi_1", "status": "requires_payment_method"},
    }
    return CheckoutSession.model_validate({**whole, **changes})


class TestWhatIsCredited:
    def test_tax_and_shipping_are_not_for_the_balance(self) -> None:
        details: JsonValue = {"amount_tax": 110, "amount_shipping": 100, "amount_discount": 5}
        assert session(total_details=details).credited_minor == 1000

    @pytest.mark.parametrize("details", [None, {}, {"amount_tax": 0, "amount_shipping": None}])
    def test_without_them_it_is_the_total(self, details: JsonValue) -> None:
        assert session(total_details=details).credited_minor == 1210

    def test_a_session_without_a_total_credits_nothing(self) -> None:
        assert session(amount_total=None).credited_minor == 0


class TestWhetherItIsPaid:
    @pytest.mark.parametrize(
        ("payment_status", "expected"),
        [("paid", True), ("no_payment_required", True), ("unpaid", False), ("anything_new", False)],
    )
    def test_stripe_says_so(self, payment_status: str, expected: bool) -> None:
        assert session(payment_status=payment_status).is_paid is expected

    def test_a_delayed_payment_that_did_not_come_has_failed(self) -> None:
        assert session().has_failed

    @pytest.mark.parametrize(
        "changes",
        [
            {"status": "open"},
            {"payment_status": "paid"},
            {"payment_intent": {"id": "pi_1", "status": "processing"}},
            {"payment_intent": "pi_1"},
            {"payment_intent": None},
        ],
    )
    def test_one_that_may_still_come_has_not(self, changes: dict[str, JsonValue]) -> None:
        assert not session(**changes).has_failed


@pytest.mark.parametrize("intent", ["pi_1", {"id": "pi_1", "status": "succeeded"}])
def test_the_payment_intent_is_found_expanded_or_not(intent: JsonValue) -> None:
    assert session(payment_intent=intent).payment_intent_id == "pi_1"
