"""Price rules of a configuration file: exact, or one line that says what is wrong and where."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pytest

from billing.errors import NotConfigured
from billing.ledger.schemas import Payer
from billing.prices.config import WRITTEN_CONFIG, configured_rules
from billing.prices.rule import Scope
from billing.settings import Settings


def written(folder: Path, text: str) -> Settings:
    path = folder / "prices.yaml"
    path.write_text(text, "utf-8")
    return Settings(billing_prices_file=path)


class TestGoodFiles:
    def test_each_value_is_the_text_that_stands_there(self, tmp_path: Path) -> None:
        settings = written(
            tmp_path,
            """
model_list: [{model_name: x, litellm_params: {rpm: 1.5}}]
price_rules:
  - name: resale
    multiplier: 1.2
  - {name: alice, customer_id: alice, model: "openai/*", multiplier: "0.1", fee: 0.000000001, floor: "0.01",
     valid_from: 2026-12-01T00:00:00+01:00, valid_until: 2027-01-01T00:00:00Z}
  - {name: local, provider: ollama, free: true}
  - {name: team, customer_type: team_id, customer_id: red, team_id: blue}
""",
        )
        resale, alice, local, team = configured_rules(settings)
        assert (resale.multiplier, resale.scope, resale.id) == (Decimal("1.2"), Scope(), "config:resale")
        assert alice.scope == Scope(Payer("user_id", "alice"), None, "openai/*", None)
        assert (alice.multiplier, alice.fee_nanos, alice.floor_nanos) == (Decimal("0.1"), 1, 10_000_000)
        assert alice.valid_from is not None
        assert alice.valid_from.isoformat() == "2026-12-01T00:00:00+01:00"
        assert local.free
        assert team.scope.customer == Payer("team_id", "red")

    def test_litellms_file_is_read_where_no_other_is_named(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        settings = written(tmp_path, "price_rules: [{name: all, multiplier: 2}]")
        monkeypatch.setenv("CONFIG_FILE_PATH", str(settings.billing_prices_file))
        [rule] = configured_rules(Settings())
        assert rule.multiplier == 2

    def test_what_the_operator_wrote_comes_before_what_litellm_is_given(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """`serve` may write LiteLLM's file anew, where 0.00001 becomes the float 1e-05."""
        written_by_hand = written(tmp_path, "price_rules: [{name: all, fee: 0.00001}]").billing_prices_file
        rewritten = tmp_path / "config.yaml"
        rewritten.write_text("price_rules: [{name: all, fee: 1.0e-05}]", "utf-8")
        monkeypatch.setenv("CONFIG_FILE_PATH", str(rewritten))
        with pytest.raises(NotConfigured, match="fee"):
            configured_rules(Settings())
        monkeypatch.setenv(WRITTEN_CONFIG, str(written_by_hand))
        [rule] = configured_rules(Settings())
        assert rule.fee_nanos == 10_000

    @pytest.mark.parametrize("text", ["model_list: []", "price_rules:", "price_rules: []", ""])
    def test_litellms_file_needs_no_rules(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str
    ) -> None:
        settings = written(tmp_path, text)
        monkeypatch.setenv("CONFIG_FILE_PATH", str(settings.billing_prices_file))
        assert configured_rules(Settings()) == ()

    def test_rules_for_the_same_calls_may_follow_one_another(self, tmp_path: Path) -> None:
        settings = written(
            tmp_path,
            """
price_rules:
  - {name: second, multiplier: 2, valid_from: 2026-02-01T00:00:00Z}
  - {name: first, multiplier: 3, valid_until: 2026-02-01T00:00:00Z}
""",
        )
        assert len(configured_rules(settings)) == 2


class TestBadFiles:
    @pytest.mark.parametrize(
        ("rule", "message"),
        [
            ("{multiplier: 2}", r"price_rules\[0\]: name: Field required"),
            ("{name: a, multiplier: -1}", r"price_rules\[0\] \(a\): multiplier: must be 0 to 1000"),
            ("{name: a, multiplier: .nan}", "multiplier: must be a decimal string"),
            ("{name: a, multiplier: 1e2}", "multiplier: must be a decimal string"),
            ("{name: a, multiplier: 1.0000000001}", "multiplier: must be a decimal string"),
            ("{name: a, multiplier: 1001}", "multiplier: must be 0 to 1000"),
            ("{name: a, multiplier: }", "multiplier: must be a decimal string"),
            ("{name: a, fee: -0.1}", "fee: must be 0 to 1000.00"),
            ("{name: a, floor: inf}", "floor: must be a decimal string"),
            ("{name: a, floor: 1001}", "floor: must be 0 to 1000.00"),
            ("{name: a, free: true, fee: 1}", "a free rule must not have a multiplier, fee or floor"),
            ("{name: a, multiplier: 0}", "must set `free: true`"),
            ("{name: a, model: 'a*b'}", "only allowed at the end of a model"),
            ("{name: a, model: ''}", "model: String should have at least 1 character"),
            ("{name: a, customer_type: user_id}", "customer_type requires customer_id"),
            ("{name: a, customer_type: nobody, customer_id: b}", "customer_type: Input should be"),
            ("{name: a, mutliplier: 2}", "mutliplier: Extra inputs are not permitted"),
            ("{name: a, valid_from: 2026-01-01T00:00:00}", "valid_from: Input should have timezone info"),
            (
                "{name: a, valid_from: 2026-01-02T00:00:00Z, valid_until: 2026-01-01T00:00:00Z}",
                "must be after",
            ),
            ("2", r"price_rules\[0\]: Input should be"),
        ],
    )
    def test_are_one_line_with_rule_and_field(self, tmp_path: Path, rule: str, message: str) -> None:
        settings = written(tmp_path, f"price_rules: [{rule}]")
        with pytest.raises(NotConfigured, match=message) as refused:
            configured_rules(settings)
        assert "\n" not in refused.value.message
        assert str(settings.billing_prices_file) in refused.value.message

    @pytest.mark.parametrize(
        ("text", "message"),
        [
            ("price_rules: 3", "must be a list"),
            ("price_rules: [", "no YAML"),
            ("other: 1", "has no list `price_rules`"),
            ("price_rules: [{name: a}, {name: a, model: b}]", "two rules are named a"),
            ("price_rules: [{name: a}, {name: b}]", "a and b apply to the same calls at the same time"),
            (
                "price_rules: [{name: a, valid_until: 2026-03-01T00:00:00Z}, "
                "{name: b, valid_from: 2026-02-01T00:00:00Z}]",
                "a and b apply to the same calls at the same time",
            ),
        ],
    )
    def test_that_leave_a_price_open_are_refused(self, tmp_path: Path, text: str, message: str) -> None:
        with pytest.raises(NotConfigured, match=message):
            configured_rules(written(tmp_path, text))

    def test_that_are_not_there_are_refused(self, tmp_path: Path) -> None:
        with pytest.raises(NotConfigured, match="cannot be read"):
            configured_rules(Settings(billing_prices_file=tmp_path / "none.yaml"))
