"""Who may see and change whose books."""

from __future__ import annotations

import pytest

from billing.api.caller import (
    Caller,
    CustomerChoice,
    payer_to_change,
    payer_to_read,
    require_admin,
    require_reads_all,
)
from billing.errors import AdminOnly, BadRequest, NoPayer
from billing.ledger.schemas import Payer

ALICE = Payer("user_id", "alice")
BOB = Payer("user_id", "bob")
NOBODY = CustomerChoice(None, None)
BOBS = CustomerChoice(None, "bob")


class TestAnOrdinaryKey:
    caller = Caller(payer=ALICE)

    def test_it_has_its_own_customer(self) -> None:
        assert payer_to_read(self.caller, NOBODY, "user_id") == ALICE
        assert payer_to_change(self.caller, NOBODY, "user_id") == ALICE

    def test_the_books_know_it_by_its_user_or_else_by_its_key(self) -> None:
        assert Caller(payer=ALICE, user_id="alice", key_hash="88dc").actor == "alice"
        assert Caller(payer=ALICE, key_hash="88dc").actor == "88dc"

    def test_it_may_name_itself(self) -> None:
        assert payer_to_read(self.caller, CustomerChoice("user_id", "alice"), "user_id") == ALICE

    @pytest.mark.parametrize("choice", [BOBS, CustomerChoice("team_id", "alice")])
    def test_it_may_name_nobody_else(self, choice: CustomerChoice) -> None:
        with pytest.raises(AdminOnly):
            payer_to_read(self.caller, choice, "user_id")
        with pytest.raises(AdminOnly):
            payer_to_change(self.caller, choice, "user_id")

    def test_it_is_no_operator(self) -> None:
        with pytest.raises(AdminOnly):
            require_admin(self.caller)
        with pytest.raises(AdminOnly):
            require_reads_all(self.caller)

    def test_a_key_without_a_customer_is_told_so(self) -> None:
        with pytest.raises(NoPayer):
            payer_to_read(Caller(payer=None), NOBODY, "user_id")
        with pytest.raises(AdminOnly):
            payer_to_read(Caller(payer=None), BOBS, "user_id")


class TestAnAdmin:
    caller = Caller(payer=None, is_admin=True)

    def test_it_names_whom_it_means(self) -> None:
        assert payer_to_read(self.caller, BOBS, "user_id") == BOB
        assert payer_to_change(self.caller, CustomerChoice("team_id", "red"), "user_id") == Payer(
            "team_id", "red"
        )

    def test_the_kind_is_what_is_charged_by(self) -> None:
        assert payer_to_read(self.caller, BOBS, "team_id") == Payer("team_id", "bob")

    def test_naming_nobody_is_a_question_back(self) -> None:
        with pytest.raises(BadRequest) as caught:
            payer_to_read(self.caller, NOBODY, "user_id")
        assert caught.value.param == "customer_id"

    def test_a_kind_alone_is_no_customer(self) -> None:
        with pytest.raises(BadRequest):
            payer_to_read(self.caller, CustomerChoice("user_id", None), "user_id")


class TestAViewer:
    caller = Caller(payer=ALICE, is_admin_viewer=True)

    def test_it_sees_everybody(self) -> None:
        assert payer_to_read(self.caller, BOBS, "user_id") == BOB
        require_reads_all(self.caller)

    def test_it_changes_only_its_own(self) -> None:
        with pytest.raises(AdminOnly):
            payer_to_change(self.caller, BOBS, "user_id")
        with pytest.raises(AdminOnly):
            require_admin(self.caller)
