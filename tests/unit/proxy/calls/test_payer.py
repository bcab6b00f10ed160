from dataclasses import dataclass, field

import pytest

from billing.errors import NoPayer
from billing.ledger.schemas import Payer
from billing.proxy.calls.payer import is_exempt, payer_of
from billing.settings import CustomerType, Settings


@dataclass
class FakeKey:
    token: str | None = "hash"
    user_id: str | None = "user-1"
    team_id: str | None = "team-1"
    end_user_id: str | None = "somebody-else"
    user_role: object = "internal_user"
    metadata: dict[str, object] = field(default_factory=dict)


def charging_by(charge_by: CustomerType, exempt: str = "") -> Settings:
    return Settings(stripe_charge_by=charge_by, billing_exempt_users=exempt)


class TestPayerOf:
    @pytest.mark.parametrize(
        ("charge_by", "customer_id"), [("user_id", "user-1"), ("team_id", "team-1"), ("api_key", "hash")]
    )
    def test_comes_from_the_key_whatever_the_request_names(
        self, charge_by: CustomerType, customer_id: str
    ) -> None:
        assert payer_of(FakeKey(), charging_by(charge_by)) == Payer(charge_by, customer_id)

    @pytest.mark.parametrize("charge_by", ["user_id", "team_id", "api_key"])
    def test_a_key_without_one_is_refused(self, charge_by: CustomerType) -> None:
        key = FakeKey(token=None, user_id=None, team_id=None)
        with pytest.raises(NoPayer, match="nobody can be billed"):
            payer_of(key, charging_by(charge_by))

    def test_an_end_user_pays_only_through_a_trusted_backend(self) -> None:
        with pytest.raises(NoPayer, match="billing_trusted_backend"):
            payer_of(FakeKey(), charging_by("end_user_id"))
        trusted = FakeKey(metadata={"billing_trusted_backend": True})
        assert payer_of(trusted, charging_by("end_user_id")) == Payer("end_user_id", "somebody-else")

    @pytest.mark.parametrize("value", ["true", 1, "yes", None])
    def test_trust_is_true_and_nothing_like_it(self, value: object) -> None:
        with pytest.raises(NoPayer):
            payer_of(FakeKey(metadata={"billing_trusted_backend": value}), charging_by("end_user_id"))

    def test_a_trusted_backend_must_name_the_end_user(self) -> None:
        key = FakeKey(end_user_id=None, metadata={"billing_trusted_backend": True})
        with pytest.raises(NoPayer, match="`user`"):
            payer_of(key, charging_by("end_user_id"))


class TestIsExempt:
    def test_ordinary_keys_are_billed(self) -> None:
        assert not is_exempt(FakeKey(), charging_by("user_id"))

    def test_proxy_admins_are_not(self) -> None:
        assert is_exempt(FakeKey(user_role="proxy_admin"), charging_by("user_id"))
        assert not is_exempt(FakeKey(user_role="proxy_admin_viewer"), charging_by("user_id"))

    def test_nor_are_users_whom_the_operator_names(self) -> None:
        settings = charging_by("user_id", exempt="user-0, user-1")
        assert is_exempt(FakeKey(), settings)
        assert not is_exempt(FakeKey(user_id="user-10"), settings)

    def test_no_name_exempts_nobody(self) -> None:
        assert not is_exempt(FakeKey(user_id=""), charging_by("user_id", exempt=" , "))
