from pathlib import Path

import pytest
from pydantic import SecretStr

from billing.errors import NotConfigured
from billing.settings import Settings
from billing.startup_checks import check_settings

SECRET = SecretStr("whsec_1")


class TestCheckSettings:
    @pytest.mark.parametrize("key", ["sk_live_1", "rk_live_1"])
    @pytest.mark.parametrize("secret", [None, SecretStr(""), SecretStr(" , ")])
    def test_a_live_key_without_a_webhook_secret_does_not_serve(
        self, key: str, secret: SecretStr | None
    ) -> None:
        settings = Settings(stripe_api_key=SecretStr(key), stripe_webhook_secret=secret)
        with pytest.raises(NotConfigured, match="STRIPE_WEBHOOK_SECRET"):
            check_settings(settings)

    def test_a_live_key_with_one_serves_without_a_word(self) -> None:
        settings = Settings(stripe_api_key=SecretStr("sk_live_1"), stripe_webhook_secret=SECRET)
        assert check_settings(settings) == []

    def test_a_test_key_without_a_secret_warns(self) -> None:
        [warning] = check_settings(
            Settings(stripe_api_key=SecretStr("sk_test_1"), stripe_webhook_secret=None)
        )
        assert "503" in warning

    @pytest.mark.parametrize("method", ["meters", "prepaid+meters", "subscriptions"])
    def test_a_way_of_billing_that_is_not_there_is_refused(self, method: str) -> None:
        with pytest.raises(NotConfigured, match="Only prepaid"):
            check_settings(Settings(stripe_billing_method=method))

    def test_not_prepaid_is_refused(self) -> None:
        with pytest.raises(NotConfigured, match="Only prepaid"):
            check_settings(Settings(stripe_use_prepaid_balance=False))
        assert check_settings(Settings(stripe_billing_method="prepaid", stripe_webhook_secret=SECRET))

    def test_settings_that_nothing_reads_warn(self) -> None:
        settings = Settings(
            stripe_api_key=SecretStr("sk_test_1"), stripe_webhook_secret=SECRET, stripe_price_id="price_1"
        )
        assert check_settings(settings) == ["STRIPE_PRICE_ID is set but not used yet."]

    def test_a_wrong_price_rule_does_not_serve(self, tmp_path: Path) -> None:
        path = tmp_path / "prices.yaml"
        path.write_text("price_rules: [{name: resale, multiplier: -1}]", "utf-8")
        with pytest.raises(NotConfigured, match=r"price_rules\[0\] \(resale\): multiplier"):
            check_settings(Settings(billing_prices_file=path))

    def test_shadow_mode_is_never_silent(self) -> None:
        warnings = check_settings(Settings(billing_mode="shadow", stripe_webhook_secret=SECRET))
        assert any("nothing is charged" in warning for warning in warnings)
