"""What the doctor tells of the prices of models that LiteLLM keeps in its database."""

from __future__ import annotations

import base64

import pytest
from litellm.proxy.common_utils.encrypt_decrypt_utils import _encrypt_aes_gcm, encrypt_value

from gateway.configuration.reading import Section
from gateway.doctor.configuration_checks import price_map
from gateway.doctor.stored_models import Stored, examine_model

SALT = "sk-salt"
PRICES = {"input_cost_per_token": 0.000001, "output_cost_per_token": 0.000004}
MAP = price_map()


def _nacl(text: str, salt: str = SALT) -> str:
    return base64.urlsafe_b64encode(encrypt_value(text, salt)).decode()


def _aes(text: str, salt: str = SALT) -> str:
    return str(_encrypt_aes_gcm(text, salt))


def _told(params: Section, info: Section) -> list[tuple[str, str]]:
    return [(one.level, one.message) for one in examine_model(Stored("m", params, info), SALT, MAP)]


@pytest.mark.parametrize("sealed", [_nacl, _aes, lambda text: text])
class TestAnyCipher:
    def test_a_model_with_a_price_of_its_own_or_of_the_map_is_fine(self, sealed: object) -> None:
        assert callable(sealed)
        assert _told({"model": sealed("openai/own"), **PRICES}, {"id": "1"}) == []
        assert _told({"model": sealed("openai/gpt-4o-mini")}, {"id": "1"}) == []
        assert _told({"model": sealed("openai/own")}, {"billing": "free"}) == []
        assert _told({"model": sealed("openai/own")}, PRICES) == []

    def test_one_without_is_told_with_the_way_out(self, sealed: object) -> None:
        assert callable(sealed)
        [(level, message)] = _told({"model": sealed("openai/own")}, {"id": "1"})
        assert level == "warning"
        assert "no price above zero" in message
        assert "litellm_params" in message

    def test_prices_that_litellm_takes_for_a_copy_of_its_map_are_told(self, sealed: object) -> None:
        assert callable(sealed)
        ignored, unpriced = _told({"model": sealed("openai/own")}, {"key": "openai/own", **PRICES})
        assert "ignores input_cost_per_token, output_cost_per_token" in ignored[1]
        assert "no price above zero" in unpriced[1]
        assert _told({"model": sealed("openai/own"), **PRICES}, {"key": "openai/own", **PRICES}) == []


@pytest.mark.parametrize("sealed", [_nacl, _aes])
def test_another_salt_is_told(sealed: object) -> None:
    assert callable(sealed)
    [(level, message)] = _told({"model": sealed("openai/own", "sk-other"), **PRICES}, {})
    assert level == "failed"
    assert "LITELLM_SALT_KEY" in message
